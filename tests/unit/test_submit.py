"""The given packer of a2: what it puts into the zip and on the PDF's pages, and everything it refuses."""

from __future__ import annotations

import base64
import importlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from pypdf import PdfReader

from grader.intake import stage
from grader.intake.team import read_team
from grader.manifest import load_manifest
from grader.paths import find_assignment

A2 = find_assignment("a2")
GIVEN = A2.reference / "dl"
MODULES = (
    "rnn_lstm_captioning.py", "transformers.py", "dl/clip_dino.py", "dl/simclr/contrastive_loss.py",
    "dl/simclr/data_utils.py", "dl/simclr/utils.py",
)  # fmt: skip
NOTEBOOKS = ("rnn_lstm_captioning.ipynb", "Transformers.ipynb", "Self_Supervised_Learning.ipynb", "CLIP_DINO.ipynb")
LOSSES = "rnn_lstm_attention_submission.pt"

Cell = dict[str, Any]


@pytest.fixture(scope="module")
def submit() -> Iterator[ModuleType]:
    """The packer, taken out of its package: that one imports torch."""
    package = ModuleType("given_dl")
    package.__path__ = [str(GIVEN)]
    sys.modules["given_dl"] = package
    yield importlib.import_module("given_dl.submit")
    for name in [name for name in sys.modules if name.partition(".")[0] == "given_dl"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def printer(submit: ModuleType) -> ModuleType:
    """What prints notebooks."""
    return importlib.import_module("given_dl.notebook_pdf")


def picture(width: int = 40, form: str = "PNG") -> str:
    """A picture of one colour as base64."""
    file = io.BytesIO()
    Image.new("RGB", (width, 30), "teal").save(file, form)
    return base64.b64encode(file.getvalue()).decode()


def prose(*lines: str, **more: object) -> Cell:
    return {"cell_type": "markdown", "metadata": {}, "source": "\n".join(lines), **more}


def code(count: int | None, source: str, *outputs: Cell) -> Cell:
    return {
        "cell_type": "code", "metadata": {}, "execution_count": count, "source": source, "outputs": list(outputs),
    }  # fmt: skip


def stream(text: str, name: str = "stdout") -> Cell:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: object) -> Cell:
    return {"output_type": "display_data", "metadata": {}, "data": {key.replace("_", "/"): data[key] for key in data}}


def answers(*words: str) -> list[Cell]:
    """Inline questions and what stands below them."""
    cells = []
    for number, answer in enumerate(words, start=1):
        cells.append(prose(f"### Inline question {number}", "", "Why?"))
        cells.append(prose("**Your answer:**", "", answer, id=f"inline-{number}"))
    return cells


def finished(name: str) -> list[Cell]:
    """The cells of a notebook that was run from top to bottom."""
    plot = shown(**{"image/png": picture(), "text/plain": "<Figure>"})
    cells = [
        prose(f"# About {name}", "", r"Let $a \odot b$."),
        code(1, "import torch  # set-up"),
        code(2, "print('loss')", stream(f"the loss of {name}\n")),
        code(4, "plot()", plot),
        prose("# only a heading"),
        code(None, "# a comment and nothing to run"),
    ]
    if name == "CLIP_DINO.ipynb":
        cells += answers(*(f"Because of reason {number}." for number in range(1, 6)))
    if name in ("CLIP_DINO.ipynb", "Transformers.ipynb"):
        cells.append(code(None, "from dl.submit import make_assignment2_submission\nmake_assignment2_submission('.')"))
    return cells


def save(file: Path, cells: list[Cell]) -> None:
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    file.write_text(json.dumps(content), encoding="utf-8")


def edit(file: Path, place: int, **changes: object) -> None:
    """Change one cell of a saved notebook."""
    content = json.loads(file.read_text(encoding="utf-8"))
    content["cells"][place].update(changes)
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An assignment's folder in which everything is done."""
    root = tmp_path / "a2"
    for name in MODULES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"NAME = {name!r}\n", encoding="utf-8")
    for name in NOTEBOOKS:
        save(root / name, finished(name))
    return root


def text(content: bytes) -> str:
    """What a reader of the PDF can select, with blanks made equal."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).split())


def pictures(content: bytes) -> int:
    return sum(len(page.images) for page in PdfReader(io.BytesIO(content)).pages)


def refused(submit: ModuleType, work: Path) -> list[str]:
    """The problems that are named; nothing may have been written."""
    before = sorted(work.rglob("*"))
    with pytest.raises(submit.SubmissionError) as caught:
        submit.make_assignment2_submission(work)
    assert sorted(work.rglob("*")) == before
    problems: list[str] = caught.value.problems
    assert all(problem in str(caught.value) for problem in problems)
    return problems


# --- what is written ----------------------------------------------------------------------------------


def test_both_files_are_written(submit: ModuleType, work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A zip and a PDF appear in the assignment's folder, and their names and sizes are printed."""
    packed, printed = submit.make_assignment2_submission(str(work))
    assert (packed, printed) == (work / "a2_code_submission.zip", work / "a2_inline_submission.pdf")
    assert printed.read_bytes().startswith(b"%PDF-")
    said = capsys.readouterr().out
    assert f"{packed} (" in said and f"{printed} (" in said and "kB" in said
    assert sorted(path.name for path in work.iterdir() if path.suffix == ".part") == []


def test_the_zip_holds_what_is_graded(submit: ModuleType, work: Path) -> None:
    """Modules and notebooks lie at their places, deflated and unchanged; nothing else of the folder is packed."""
    (work / "data").mkdir()
    (work / "data" / "images.npy").write_bytes(b"0" * 1000)
    (work / "weights.pth").write_bytes(b"0" * 1000)
    with zipfile.ZipFile(submit.make_code_submission(work)) as archive:
        assert set(archive.namelist()) == {*MODULES, *NOTEBOOKS}
        assert {item.compress_type for item in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        assert all(archive.read(name) == (work / name).read_bytes() for name in archive.namelist())


def test_the_grader_takes_the_zip(submit: ModuleType, work: Path, tmp_path: Path) -> None:
    """Intake finds the submitted modules and the team in what was packed, and misses nothing."""
    (work / "students.txt").write_text("Ada_Lovelace 123456789\nAlan_Turing 987654321\n", encoding="utf-8")
    packed = submit.make_code_submission(work)
    submission = stage(packed, load_manifest(A2.manifest), A2.reference, tmp_path / "staged")
    assert submission.missing == () and submission.problems == {}
    with zipfile.ZipFile(packed) as archive:
        assert [member.name for member in read_team(archive.read("students.txt")).members] == [
            "Ada Lovelace",
            "Alan Turing",
        ]


@pytest.mark.parametrize("folder", [".", "submissions"])
def test_losses_are_found_in_both_places(submit: ModuleType, work: Path, folder: str) -> None:
    """The saved losses are packed at the top, whether they lie there or in submissions/."""
    (work / folder).mkdir(exist_ok=True)
    (work / folder / LOSSES).write_bytes(b"losses")
    with zipfile.ZipFile(submit.make_code_submission(work)) as archive:
        assert archive.read(LOSSES) == b"losses"


def test_losses_that_are_missing_or_too_large_are_no_obstacle(
    submit: ModuleType, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The zip is made without them, and a warning says so."""
    submit.make_code_submission(work)
    assert f"Warning: {LOSSES} is not there" in capsys.readouterr().out
    (work / LOSSES).write_bytes(bytes(10_000_000))
    with zipfile.ZipFile(submit.make_code_submission(work)) as archive:
        assert LOSSES not in archive.namelist()
    assert "is left out: it has 10.0 MB" in capsys.readouterr().out


def test_large_files_bring_a_warning(
    submit: ModuleType, work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip above the limit is written all the same, with a warning."""
    assert submit.LARGE == 50_000_000
    monkeypatch.setattr(submit, "LARGE", 1000)
    assert submit.make_code_submission(work).is_file()
    assert "Warning: a2_code_submission.zip is larger than 1.0 kB" in capsys.readouterr().out


def test_an_older_zip_is_replaced_whole_or_not_at_all(
    submit: ModuleType, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing that fails half-way leaves the zip that was there, and no rest of the new one."""
    packed = submit.make_code_submission(work)
    old = packed.read_bytes()
    (work / "transformers.py").write_text("NAME = 'another'\n", encoding="utf-8")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(submit.os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            submit.make_code_submission(work)
    assert packed.read_bytes() == old
    assert list(work.glob("*.part")) == []
    assert submit.make_code_submission(work).read_bytes() != old


# --- what is refused ----------------------------------------------------------------------------------


def test_everything_missing_is_named_at_once(submit: ModuleType, work: Path) -> None:
    """One error lists each file that is absent, is a folder, or is empty."""
    (work / "dl/simclr/utils.py").unlink()
    (work / "Transformers.ipynb").unlink()
    (work / "Transformers.ipynb").mkdir()
    (work / "dl/clip_dino.py").write_text("", encoding="utf-8")
    assert refused(submit, work) == [
        "dl/simclr/utils.py is missing",
        "dl/clip_dino.py is empty; save it again",
        "Transformers.ipynb is missing",
    ]


def test_another_folder_is_not_the_assignment(submit: ModuleType, work: Path) -> None:
    """A folder without any of the files is named as the wrong one."""
    (problem,) = refused(submit, work.parent)
    assert problem.startswith(f"{work.parent} is not the assignment's folder")
    (problem,) = refused(submit, work / "nowhere")
    assert "is not the assignment's folder" in problem


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"cells": {}}', b'{"cells": [1]}', b"\xff\xfe\0", b"[" * 100_000])
def test_a_file_that_is_no_notebook_is_refused(submit: ModuleType, work: Path, content: bytes) -> None:
    """Damaged JSON and JSON of another form are a sentence about the file."""
    (work / "Transformers.ipynb").write_bytes(content)
    assert refused(submit, work) == [
        "Transformers.ipynb is no notebook that can be read; open it in Jupyter and save it again"
    ]


def test_a_notebook_without_outputs_is_refused(submit: ModuleType, work: Path) -> None:
    """Cleared outputs are one problem, not one for each cell."""
    cells = [cell | {"outputs": [], "execution_count": None} for cell in finished(NOTEBOOKS[0])]
    save(work / NOTEBOOKS[0], cells)
    assert refused(submit, work) == [f"{NOTEBOOKS[0]}: it has no outputs; run all of its cells, then save it"]


def test_cells_that_were_not_run_are_refused(submit: ModuleType, work: Path) -> None:
    """Their places are given; comments and the call of the packer itself need no run."""
    edit(work / NOTEBOOKS[1], 1, execution_count=None)
    edit(work / NOTEBOOKS[2], 1, execution_count=None)
    edit(work / NOTEBOOKS[2], 3, execution_count=None)
    assert refused(submit, work) == [
        f"{NOTEBOOKS[1]}: cell 2 not run; run all cells, then save it",
        f"{NOTEBOOKS[2]}: cells 2, 4 not run; run all cells, then save it",
    ]


@pytest.mark.parametrize("count", [1, 2])
def test_cells_run_out_of_order_are_refused(submit: ModuleType, work: Path, count: int) -> None:
    """A count that does not grow from cell to cell names the first such pair."""
    edit(work / NOTEBOOKS[2], 3, execution_count=count)
    (problem,) = refused(submit, work)
    assert problem == (
        f"{NOTEBOOKS[2]}: cell 4 [{count}] was run before the one above it [2]; restart the kernel, run all cells, "
        "then save it"
    )


def test_empty_answers_are_refused(submit: ModuleType, work: Path) -> None:
    """An answer that is only its heading, or is not there, is named by its number."""
    given = answers("Words.", "", "<!-- write here -->", "Words.")
    save(work / "CLIP_DINO.ipynb", finished("Transformers.ipynb") + given)
    assert refused(submit, work) == [
        "CLIP_DINO.ipynb: inline question 2 has no answer",
        "CLIP_DINO.ipynb: inline question 3 has no answer",
        "CLIP_DINO.ipynb: inline question 5 is gone; put it back from the hand-out",
    ]


def test_answers_are_found_without_ids_and_over_several_cells(submit: ModuleType, work: Path) -> None:
    """Editors that drop cell ids, and an answer in the cells after its own, lose nobody a question."""
    cells = []
    for cell in answers("Words.", "", "Words.", "Words.", "Words."):
        cell.pop("id", None)
        cells.append(cell)
    cells.insert(4, prose("The answer to the second one."))
    save(work / "CLIP_DINO.ipynb", finished("Transformers.ipynb") + cells)
    assert submit.make_code_submission(work).is_file()


@pytest.mark.parametrize("package", ["pypandoc", "typst"])
def test_missing_packages_are_named(
    submit: ModuleType, work: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    """Where a package of the PDF is not installed, the error says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(submit.SubmissionError, match=r"pip install pypandoc_binary==\S+ typst==\S+"):
        submit.make_inline_pdf(work)


def test_students_are_told_the_versions_that_were_tested(printer: ModuleType) -> None:
    """The packages that the packer names are those of setup.cfg."""
    required = (A2.root / "setup.cfg").read_text(encoding="utf-8").split()
    assert set(printer.NEEDS.split()) <= set(required)


def test_importing_the_given_package_loads_no_printer() -> None:
    """`import dl` works without the packages that only the PDF needs."""
    script = "import sys; sys.modules.update(pypandoc=None, typst=None); import dl; print(dl.submit.ZIP)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=A2.reference, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "a2_code_submission.zip"


# --- the pages ----------------------------------------------------------------------------------------


def test_all_notebooks_are_printed_in_order(submit: ModuleType, work: Path) -> None:
    """Each begins on a page of its own under its name; outputs, pictures, answers and page numbers are there."""
    content = submit.make_inline_pdf(work).read_bytes()
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    headers = [page.splitlines()[0] for page in pages]
    assert tuple(dict.fromkeys(headers)) == NOTEBOOKS and headers == sorted(headers, key=NOTEBOOKS.index)
    for number, page in enumerate(pages, start=1):
        assert f"{number} / {len(pages)}" in page
    for name in NOTEBOOKS:
        first = pages[headers.index(name)]
        assert first.splitlines()[1] == name and f"the loss of {name}" in first
    assert all(f"Because of reason {number}." in text(content) for number in range(1, 6))
    assert pictures(content) == len(NOTEBOOKS)


def test_every_kind_of_output_is_printed(printer: ModuleType, tmp_path: Path) -> None:
    """Streams, errors without their colours, tables, formulas and pictures of four formats."""
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><text y='9'>inside</text></svg>"
    cells = [
        code(1, "go('1')", stream("first\n"), stream("0 %\r50 %\r100 %\n"), stream("a warning\n", "stderr")),
        code(2, "table", shown(**{"text/html": ["<table><tr><td>left</td>", "<td>right</td></tr></table>"]})),
        code(3, "script", shown(**{"text/html": "<script>alert(1)</script>", "text/plain": "instead of it"})),
        code(4, "sympy", shown(**{"text/latex": r"$\displaystyle x_{12}$", "text/markdown": "**bold**"})),
        code(5, "plots", *(shown(**{f"image/{form}": picture(form=form)}) for form in ("png", "jpeg", "gif"))),
        code(6, "drawing", shown(**{"image/svg+xml": svg})),
        code(7, "1/0", {"output_type": "error", "traceback": ["\x1b[0;31mZeroDivisionError\x1b[0m: no"]}),
    ]
    content = printer.notebooks_to_pdf({"n.ipynb": cells}, tmp_path)
    words = text(content)
    for expected in ("go('1')", "first", "100 %", "a warning", "left right", "instead of it", "bold", "Error: no"):
        assert expected in words
    assert not any(unwanted in words for unwanted in ("alert", "50 %", "[0;31m"))
    assert pictures(content) == 3


def test_pictures_of_texts_are_printed(printer: ModuleType, tmp_path: Path) -> None:
    """Files of the folder, by Markdown or HTML, attachments and pictures inside the address are shown."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a b.png").write_bytes(base64.b64decode(picture(50)))
    (tmp_path / "images/c.png").write_bytes(base64.b64decode(picture(55)))
    cells = [
        prose("![file](images/a%20b.png)(see)", "", '<img src="images/c.png" width="50%">'),
        prose("![attached](attachment:x.png)", attachments={"x.png": {"image/png": picture(60)}}),
        prose(f"![inside](data:image/png;base64,{picture(70)})"),
    ]
    content = printer.notebooks_to_pdf({"n.ipynb": cells}, tmp_path)
    assert pictures(content) == 4
    assert "(see)" in text(content)


@pytest.mark.parametrize(
    "source",
    [
        "gone.png", "https://example.org/a.png", "../outside.png", "attachment:none.png", "a" * 5000 + ".png", "a%00b",
    ],
)  # fmt: skip
def test_pictures_that_are_not_there_become_a_sentence(printer: ModuleType, tmp_path: Path, source: str) -> None:
    """A file that is missing, outside of the folder or on the network is named in words."""
    (tmp_path / "outside.png").write_bytes(base64.b64decode(picture()))
    (tmp_path / "a2").mkdir()
    content = printer.notebooks_to_pdf({"n.ipynb": [prose(f"![p]({source})"), prose("After it.")]}, tmp_path / "a2")
    words = text(content)
    assert "is not in this folder" in words and "After it." in words and pictures(content) == 0


@pytest.mark.parametrize(
    ("mime", "data"),
    [
        ("image/png", "no base64!"), ("image/png", picture()[:80]), ("image/png", None), ("image/jpeg", picture()),
        ("image/svg+xml", "<svg><g"), ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' width='0'/>"),
    ],
)  # fmt: skip
def test_pictures_that_cannot_be_read_become_a_sentence(
    printer: ModuleType, tmp_path: Path, mime: str, data: object
) -> None:
    """Damaged pictures are words in their place; the rest of the notebook is printed."""
    cells = [code(1, "plot()", shown(**{mime: data})), prose("After it.")]
    words = text(printer.notebooks_to_pdf({"n.ipynb": cells}, tmp_path))
    assert "a picture is here that cannot be read" in words and "After it." in words


@pytest.mark.parametrize(
    "source",
    [
        "> " * 300 + "words", r"$\frac{a}$ $\begin{bmatrix} 1$ words", "```{=typst}\n#panic()\n```\n#panic() words",
        "[words](#nowhere) <a href='#x'>y</a>", "@words and @others", "words \ud800 \x00 \x1b[0m",
        "```python\nwords", "|a|b|\n|-|-|\n|words|$x|y$|", "---\nwords: [\n---\n", r'$\text{"} /* // #f(x)$ words */',
        "Ελληνικά 日本語 العربية 👩‍👩‍👧 words",
    ],
)  # fmt: skip
def test_no_text_breaks_the_document(printer: ModuleType, tmp_path: Path, source: str) -> None:
    """Markup that neither pandoc nor Typst understands is printed as it is, never run as Typst."""
    page = code(2, "h", shown(**{"text/html": source}))
    cells = [prose(source), code(1, source, stream(source)), page, prose("Last.")]
    words = text(printer.notebooks_to_pdf({'odd "name\\.ipynb': cells}, tmp_path))
    assert words.count("words") >= 3 and "Last." in words


@pytest.mark.parametrize(
    "cell",
    [
        {}, {"cell_type": 5, "source": "x"}, {"cell_type": "code", "source": None}, code(1, "x", {}),
        {"cell_type": "code", "source": ["x", 3], "outputs": [1, None]}, {"cell_type": "raw", "source": "x"},
        {"cell_type": "code", "source": "x", "outputs": 4}, code(1, "x", {"output_type": "error", "traceback": [None]}),
        code(1, "x", {"output_type": "display_data", "data": []}), prose("![a](attachment:b)", attachments=[]),
    ],
)  # fmt: skip
def test_no_cell_breaks_the_document(printer: ModuleType, tmp_path: Path, cell: Cell) -> None:
    """Cells of odd forms are left out or printed in part; the ones after them are whole."""
    assert "After it." in text(printer.notebooks_to_pdf({"n.ipynb": [cell, prose("After it.")]}, tmp_path))


def test_formulas_become_signs(printer: ModuleType, tmp_path: Path) -> None:
    """Inline, displayed, spaced and bare formulas are set; dollars of code stay."""
    cells = [
        prose(r"$\alpha$ and $ \beta $", "", r"$$\begin{aligned}\gamma\end{aligned}$$", "", "`$ \\delta $` and ``$q``"),
        prose(r"\begin{align}", r"\epsilon &= \zeta \\ \eta", r"\end{align}"),
    ]
    words = text(printer.notebooks_to_pdf({"n.ipynb": cells}, tmp_path))
    for name in (r"\alpha", r"\beta", r"\gamma", r"\epsilon", r"\zeta", "begin", "aligned"):
        assert name not in words
    assert r"$ \delta $" in words and "$q" in words


def test_long_lines_and_wide_things_stay_on_the_page(printer: ModuleType, tmp_path: Path) -> None:
    """Lines wrap, pictures and tables shrink to the width between the margins."""
    wide = "<table><tr>" + "".join(f"<td>{number}.123456</td>" for number in range(25)) + "</tr></table>"
    cells = [
        code(1, "x" * 300, stream("y" * 300 + "\n")),
        code(2, "plot()", shown(**{"image/png": picture(4000)})),
        code(3, "frame", shown(**{"text/html": wide})),
    ]
    content = printer.notebooks_to_pdf({"n.ipynb": cells}, tmp_path)
    (page,) = PdfReader(io.BytesIO(content)).pages
    words, cells_at, drawn = [], [], []

    def at_text(found: str, cm: list[float], tm: list[float], font: object, size: float) -> None:
        words.append(found)
        if ".123456" in found:
            cells_at.append(tm[4] * cm[0] + cm[4])

    def at_operator(operator: bytes, operands: object, cm: list[float], tm: list[float]) -> None:
        if operator == b"Do":
            drawn.append((cm[4], cm[4] + cm[0]))

    page.extract_text(visitor_text=at_text, visitor_operand_before=at_operator)
    left, right = 56.0, float(page.mediabox.width) - 56.0
    ((begin, end),) = drawn
    assert left <= begin < end <= right and end - begin > 400
    assert left <= min(cells_at) < max(cells_at) < right - 10
    for letter in "xy":
        lines = [line.count(letter) for line in "".join(words).splitlines()]
        assert max(lines) < 110 and sum(lines) >= 300


def test_very_long_outputs_are_cut(printer: ModuleType, tmp_path: Path) -> None:
    """The beginning is printed, then how many characters are not."""
    log = "".join(f"line {number}\n" for number in range(100_000))
    content = printer.notebooks_to_pdf({"n.ipynb": [code(1, "log()", stream(log)), prose("After it.")]}, tmp_path)
    words = text(content)
    assert "line 1000 " in words and "line 99999" not in words and "After it." in words
    assert f"{len(log) - 1 - 20_000:,} more characters" in words
    assert len(PdfReader(io.BytesIO(content)).pages) < 60
