"""Pack what you hand in: the code as a zip, the notebooks as one PDF.

    from dl.submit import make_assignment2_submission
    make_assignment2_submission(".")   # the folder that holds transformers.py

Run all notebooks from top to bottom and save them first; nothing is written while something is missing.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from pathlib import Path

NOTEBOOKS = ("rnn_lstm_captioning.ipynb", "Transformers.ipynb", "Self_Supervised_Learning.ipynb", "CLIP_DINO.ipynb")
CODE = (
    "rnn_lstm_captioning.py",
    "transformers.py",
    "dl/simclr/contrastive_loss.py",
    "dl/simclr/data_utils.py",
    "dl/simclr/utils.py",
    "dl/clip_dino.py",
)
LOSSES = "rnn_lstm_attention_submission.pt"
TEAM = "students.txt"
ZIP = "a2_code_submission.zip"
PDF = "a2_inline_submission.pdf"

QUESTIONS = {"CLIP_DINO.ipynb": 5}  # how many inline questions a notebook asks

MB = 1_000_000
MAX_LOSSES = 10 * MB
LARGE = 50 * MB  # more than many upload pages take

_PACKING = re.compile(r"dl\.submit|make_(?:assignment2|code)_submission|make_inline_pdf")


class SubmissionError(ValueError):
    """Something is missing. `problems` says what, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("this cannot be handed in yet:\n" + "\n".join(f"  - {problem}" for problem in problems))


def make_assignment2_submission(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write both files into the assignment's folder `path` and return where they are (zip, PDF).

    Raises SubmissionError with everything that is missing or was not run.
    """
    return make_code_submission(path), make_inline_pdf(path)


def make_code_submission(path: str | os.PathLike[str]) -> Path:
    """Write a2_code_submission.zip into `path`: your modules, the notebooks, the saved losses, students.txt.

    Raises SubmissionError with everything that is missing or was not run.
    """
    root = _folder(path)
    _check(root, (*CODE, *NOTEBOOKS))
    packed = {name: root / name for name in (*CODE, *NOTEBOOKS)}
    if (root / TEAM).is_file():
        packed[TEAM] = root / TEAM
    losses = next((file for file in (root / LOSSES, root / "submissions" / LOSSES) if file.is_file()), None)
    if losses is None:
        print(f"Warning: {LOSSES} is not there, so the losses of your captioners are not in the zip.")
    elif losses.stat().st_size >= MAX_LOSSES:
        print(f"Warning: {LOSSES} is left out: it has {_size(losses.stat().st_size)} and may have 10 MB; save the losses alone.")
    else:
        packed[LOSSES] = losses
    buffer = io.BytesIO()
    # A file's date may lie before 1980 (unpacked without dates), where those of zips begin.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, file in packed.items():
            archive.write(file, name)
    print(f"{ZIP}: {len(packed)} files")
    for name, file in packed.items():
        print(f"  {name}  {_size(file.stat().st_size)}")
    return _write(root / ZIP, buffer.getvalue())


def make_inline_pdf(path: str | os.PathLike[str]) -> Path:
    """Write a2_inline_submission.pdf into `path`: the four notebooks as they were saved, with outputs and pictures.

    Raises SubmissionError with everything that is missing or was not run, or with the packages to install.
    """
    root = _folder(path)
    notebooks = _check(root, NOTEBOOKS)
    from . import notebook_pdf

    try:
        content = notebook_pdf.notebooks_to_pdf(notebooks, root)
    except (ImportError, OSError) as error:
        raise SubmissionError([f"printing needs two packages ({error}); run: pip install {notebook_pdf.NEEDS}"]) from error
    return _write(root / PDF, content)


def _folder(path: str | os.PathLike[str]) -> Path:
    root = Path(path).resolve()
    if not any((root / name).is_file() for name in (*CODE, *NOTEBOOKS)):
        raise SubmissionError([f"{root} is not the assignment's folder: none of its files is there; give the folder with {CODE[1]}"])
    return root


def _write(target: Path, content: bytes) -> Path:
    """Replace a file in one step, so that there is always a whole one."""
    part = target.with_name(target.name + ".part")
    try:
        part.write_bytes(content)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    print(f"Wrote {target} ({_size(len(content))})")
    if len(content) > LARGE:
        print(f"Warning: {target.name} is larger than {_size(LARGE)}; print and plot less in the notebooks.")
    return target


def _size(count: int) -> str:
    if count < 1000:
        return f"{count} bytes"
    return f"{count / MB:.1f} MB" if count >= MB / 10 else f"{count / 1000:.1f} kB"


# --- is everything there? ---------------------------------------------------------------------------


def _check(root: Path, names: tuple[str, ...]) -> dict[str, list[dict]]:
    """The cells of the notebooks among `names`; SubmissionError with what is wrong with all of them."""
    problems = []
    notebooks = {}
    for name in names:
        file = root / name
        if not file.is_file():
            problems.append(f"{name} is missing")
        elif file.stat().st_size == 0:
            problems.append(f"{name} is empty; save it again")
        elif name in NOTEBOOKS:
            cells = _cells(file)
            notebooks[name] = cells or []
            if cells is None:
                problems.append(f"{name} is no notebook that can be read; open it in Jupyter and save it again")
            else:
                problems += [f"{name}: {problem}" for problem in _unfinished(cells, QUESTIONS.get(name, 0))]
    if problems:
        raise SubmissionError(problems)
    return notebooks


def _cells(file: Path) -> list[dict] | None:
    """The cells of a notebook of format 4, None for anything else."""
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return None
    return cells


def _unfinished(cells: list[dict], questions: int) -> list[str]:
    """What the saved notebook lacks, one sentence for each kind."""
    code = [(place, cell) for place, cell in enumerate(cells, start=1) if _to_be_run(cell)]
    if code and not any(cell.get("outputs") for _, cell in code):
        return ["it has no outputs; run all of its cells, then save it"]
    problems = []
    idle = [str(place) for place, cell in code if not isinstance(cell.get("execution_count"), int)]
    if idle:
        problems.append(f"{'cell' if len(idle) == 1 else 'cells'} {', '.join(idle)} not run; run all cells, then save it")
    run = [(place, cell["execution_count"]) for place, cell in code if isinstance(cell.get("execution_count"), int)]
    for (_, earlier), (place, count) in zip(run, run[1:], strict=False):
        if count <= earlier:
            problems.append(f"cell {place} [{count}] was run before the one above it [{earlier}]; restart the kernel, run all cells, then save it")
            break
    for number in range(1, questions + 1):
        answer = _answer(cells, number)
        if answer is None:
            problems.append(f"inline question {number} is gone; put it back from the hand-out")
        elif not answer:
            problems.append(f"inline question {number} has no answer")
    return problems


def _to_be_run(cell: dict) -> bool:
    """Whether a cell holds code. Where this module is called does not count: that cell is running just now."""
    source = _source(cell)
    lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return cell.get("cell_type") == "code" and bool(lines) and not _PACKING.search(source)


def _answer(cells: list[dict], number: int) -> str | None:
    """What is written below an inline question, None where the question cannot be found."""
    heading = re.compile(rf"^[#*\s]*inline question\s*{number}\b", re.IGNORECASE | re.MULTILINE)
    starts = [place for place, cell in enumerate(cells) if cell.get("id") == f"inline-{number}"]
    starts += [place + 1 for place, cell in enumerate(cells) if _is_text(cell) and heading.search(_source(cell))]
    if not starts:
        return None
    words = []
    for cell in cells[starts[0] :]:
        # An answer may go over several cells, up to code or the next heading.
        if not _is_text(cell) or re.match(r"\s*#{1,6}\s", _source(cell)):
            break
        words.append(_source(cell))
    text = re.sub(r"<!--.*?-->", "", "\n".join(words), flags=re.DOTALL)
    return re.sub(r"\**your answer:?\**:?", "", text, flags=re.IGNORECASE).strip()


def _is_text(cell: dict) -> bool:
    return cell.get("cell_type") == "markdown"


def _source(cell: dict) -> str:
    source = cell.get("source")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""
