"""Pack what you hand in: the folder models/ and the notebook, as one zip.

    python collect_submission.py            # in the folder that holds models/
    python collect_submission.py FOLDER

Run all cells of the notebook and save it first; nothing is written while something is missing. Given code.
"""

from __future__ import annotations

import ast
import io
import json
import os
import sys
import zipfile
from pathlib import Path

MODULES = (
    "models/naive/LSTM.py",
    "models/seq2seq/Encoder.py",
    "models/seq2seq/Decoder.py",
    "models/seq2seq/Seq2Seq.py",
    "models/Transformer.py",
)
NOTEBOOK = "Machine_Translation.ipynb"
ZIP = "assignment3_nlp_submission.zip"
PLACEHOLDER = "**Your answer:**"


class SubmissionError(ValueError):
    """Something is missing. `problems` says what, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("this cannot be handed in yet:\n" + "\n".join(f"  - {problem}" for problem in problems))


def collect(folder: str | os.PathLike[str]) -> Path:
    """Write the zip into the assignment's folder and return where it is. Raises SubmissionError with everything that is missing."""
    root = Path(folder).resolve()
    names = [*MODULES, NOTEBOOK]
    if not any((root / name).is_file() for name in names):
        raise SubmissionError([f"{root} is not the assignment's folder: none of its files is there; give the folder that holds models/"])
    problems = [problem for name in names for problem in _problems(root, name)]
    if problems:
        raise SubmissionError(problems)
    for sentence in _remarks(root / NOTEBOOK):
        print(f"Warning: {NOTEBOOK} {sentence}.")
    names += sorted({file.relative_to(root).as_posix() for file in (root / "models").rglob("*.py") if file.is_file()} - {*MODULES})
    buffer = io.BytesIO()
    # A file's date may lie before 1980 (unpacked without dates), where those of zips begin.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name in names:
            archive.write(root / name, name)
    part = root / f"{ZIP}.part"                                                 # replaced in one step: there is always a whole zip
    part.write_bytes(buffer.getvalue())
    os.replace(part, root / ZIP)
    print(f"Wrote {root / ZIP}:", *names, sep="\n  ")
    return root / ZIP


def _problems(root: Path, name: str) -> list[str]:
    """Why a file cannot be handed in."""
    file = root / name
    if not file.is_file():
        return [f"{name} is missing"]
    if not file.stat().st_size:
        return [f"{name} is empty; save it again"]
    if name == NOTEBOOK:
        return [] if _cells(file) is not None else [f"{name} is no notebook that can be read; open it in Jupyter and save it again"]
    try:
        ast.parse(file.read_bytes())
    except SyntaxError as error:
        return [f"{name}, line {error.lineno}: {error.msg}; Python cannot read the file"]
    except (ValueError, RecursionError):
        return [f"{name} is no Python file"]
    return []


def _remarks(file: Path) -> list[str]:
    """What a saved notebook seems to lack, though it can be handed in."""
    cells = _cells(file) or []
    code = [cell for cell in cells if cell.get("cell_type") == "code"]
    answers = [cell for cell in cells if _source(cell).strip() == PLACEHOLDER]
    remarks = []
    if code and not any(cell.get("outputs") for cell in code):
        remarks.append("has no outputs: run all of its cells, save it, and pack again")
    if answers:
        remarks.append(f"still has {len(answers)} empty {'answer' if len(answers) == 1 else 'answers'}")
    return remarks


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


def _source(cell: dict) -> str:
    source = cell.get("source")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    try:
        collect(sys.argv[1] if len(sys.argv) == 2 else ".")
    except SubmissionError as error:
        sys.exit(str(error))
