"""What saved notebooks show: numbers out of outputs, how they were run, and what was done to given cells."""

from __future__ import annotations

from typing import Any

import pytest

from grader.checks.notebooks import evidence, figure, remarks, saved_whole
from grader.errors import Verdict
from grader.execution import CellRun, Execution, Fault
from grader.intake.notebook import Cell, Notebook, Output
from grader.records import Status

LABEL = "Best top-1 accuracy"


def code(source: str = "x", *texts: str, count: int | None = 1, **fields: Any) -> Cell:
    outputs = tuple(Output(kind="stream", text=text) for text in texts)
    return Cell(kind="code", source=source, execution_count=count, outputs=outputs, **fields)


def book(*cells: Cell) -> Notebook:
    return Notebook(cells=cells)


def refused(call: Any, *args: Any, **options: Any) -> tuple[Status, str]:
    with pytest.raises(Verdict) as caught:
        call("my.ipynb", *args, **options)
    return caught.value.status, caught.value.text


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (f"{LABEL}: 81.4", 81.4),
        (f"{LABEL} : 81.4%\n", 81.4),
        (f"epoch 3\n{LABEL}= 8.14e1 and more", 81.4),
        (f"{LABEL} .5", 0.5),
        (f"{LABEL}: 0.{'7' * 40}", 0.7777777777777778),
        (f"{LABEL}: 81.", 81.0),
        (f"{LABEL}: -1", -1.0),
        (f"{LABEL}: 10\n{LABEL}: 20", 20.0),
    ],
)
def test_figures_are_found(line: str, value: float) -> None:
    """A label and a number, however they are joined; the last one of all counts."""
    assert figure(book(Cell(kind="markdown", source=line), code("a", "nothing"), code("b", line)), LABEL) == (value, 3)


@pytest.mark.parametrize(
    "line",
    ["", LABEL, f"{LABEL}: nan", f"{LABEL}: about 3", "Best top-1: 3", f"{LABEL}: {'9' * 400}", f"{LABEL}: ٣"],
)
def test_what_is_no_figure_is_not_found(line: str) -> None:
    """A label without a number beside it shows nothing."""
    assert figure(book(code("a", line)), LABEL) is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize("filler", [" ", "\t", "1", "-", "1.", "1e", "\n", LABEL, f"{LABEL}: "])
def test_a_megabyte_made_to_be_searched_is_searched_soon(filler: str) -> None:
    """No text takes more than a moment, whatever follows the label."""
    figure(book(code("a", LABEL + filler * (1 << 20 >> (len(filler) > 2) * 4) + "x")), LABEL)


def test_sources_and_errors_show_nothing() -> None:
    """A number counts in an output only: not in the text of a cell or of an exception."""
    error = Output(kind="error", text=f"{LABEL}: 99", name="E", value=f"{LABEL}: 99")
    cell = Cell(kind="code", source=f"# {LABEL}: 99", outputs=(error,))
    assert figure(book(cell, Cell(kind="markdown", source=f"{LABEL}: 99")), LABEL) is None


def test_evidence_is_held_against_its_bounds() -> None:
    """A number beyond its bound fails with what is wanted; without one there is nothing to judge."""
    shown = book(code("a", f"{LABEL}: 69.9"))
    evidence("my.ipynb", shown, LABEL, above=69.9, below=70)
    status, text = refused(evidence, shown, LABEL, above=70)
    assert status is Status.FAILED
    assert text == f"my.ipynb, below cell 1: {LABEL} is 69.9; at least 70 is wanted"
    assert refused(evidence, shown, LABEL, below=60)[1].endswith("is 69.9; at most 60 is wanted")
    status, text = refused(evidence, book(code("a")), LABEL, above=70)
    assert status is Status.NOT_IMPLEMENTED and f'no output of my.ipynb has the line "{LABEL}: …"' in text


def test_a_run_wins_over_saved_outputs() -> None:
    """Where the notebook was run again, its cell must not fail and its number must hold; an unsettled cell says
    nothing."""
    shown = book(code("a", f"{LABEL}: 80"))

    def run(cell: CellRun, *texts: str) -> Execution:
        return Execution(notebook=book(code("a", *texts)), cells={1: cell})

    ran = CellRun(number=1, ended="ran")
    evidence("my.ipynb", shown, LABEL, above=70, run=run(ran, f"{LABEL}: 60"), run_above=50)
    evidence("my.ipynb", shown, LABEL, above=70, run=run(CellRun(number=1, ended="unsettled")), run_above=50)
    evidence("my.ipynb", shown, LABEL, above=70, run=run(CellRun(number=1, ended="left out")), run_above=50)
    status, text = refused(evidence, shown, LABEL, above=70, run=run(ran, f"{LABEL}: 10"), run_above=50)
    assert status is Status.FAILED
    assert text == f"my.ipynb, run again on small data: {LABEL} is 10; at least 50 is wanted"
    fault = Fault(type="ValueError", text="wrong")
    raised = CellRun(number=1, ended="raised", why="ValueError: wrong", error=fault)
    status, text = refused(evidence, shown, LABEL, above=70, run=run(raised), run_above=50)
    assert status is Status.FAILED
    assert text == f"my.ipynb shows {LABEL}: 80, but when it is run again cell 1 raises ValueError: wrong"
    stopped = CellRun(number=1, ended="stopped", why="it did not return within 60 s")
    assert "again cell 1 does not end well: it did not return" in refused(evidence, shown, LABEL, run=run(stopped))[1]


def test_a_notebook_saved_after_one_run_is_whole() -> None:
    """Counts that rise from cell to cell, with empty cells and markdown between them."""
    saved_whole("my.ipynb", book(code(), Cell(kind="markdown", source="x"), code(" ", count=None), code(count=5)))


def test_a_cell_that_runs_after_saving_does_not_count() -> None:
    """The cell that packs the notebook cannot be saved with its own output."""
    saved_whole("my.ipynb", book(code(), code("from x import pack; pack()", count=None)), apart="pack")


@pytest.mark.parametrize(
    ("cells", "status", "words"),
    [
        ([], Status.NOT_IMPLEMENTED, "has no code cells"),
        ([code(count=None), code(count=None)], Status.NOT_IMPLEMENTED, "was saved without outputs"),
        ([code(), code(count=None)], Status.FAILED, "saved half-run: cell 2 was not run"),
        ([code(count=None), code(count=None), code()], Status.FAILED, "half-run: cells 1 and 2 were not run"),
        ([code(count=2), code(count=1)], Status.FAILED, "cell 2 was run before the cells above"),
        ([code(count=1), code(count=1)], Status.FAILED, "cell 2 was run before the cells above"),
        (
            [Cell(kind="code", source="x", execution_count=1, outputs=(Output(kind="error", name="E"),))],
            Status.FAILED,
            "cell 1 was saved with an error",
        ),
    ],
)
def test_how_a_notebook_was_run(cells: list[Cell], status: Status, words: str) -> None:
    """A notebook that was not run, or not from top to bottom, or with errors, says which cells."""
    found, text = refused(saved_whole, book(*cells))
    assert found is status and words in text


def test_many_cells_are_counted() -> None:
    """Of a long list the first five are named."""
    cells = [code(), *(code(count=None) for _ in range(8))]
    assert "cells 2, 3, 4, 5, 6 and 3 more were not run" in refused(saved_whole, book(*cells))[1]


def test_remarks_tell_of_paths_and_given_cells() -> None:
    """Absolute paths, given cells that are not there any more, and texts that were too long cost nothing and are
    told."""
    given = [code(f"given {i}", id=f"given-{i}", tags=("given",)) for i in range(7)]
    ours = book(*given, code("theirs to change", id="free"))
    kept = Notebook(cells=(code("x = open('/content/drive/x')"), code('y = "C:\\\\data"'), *given[:1]), left_out=2)
    assert remarks("my.ipynb", kept, ours) == [
        "my.ipynb: cells 1 and 2 were written with absolute paths, which exist on one machine only",
        "my.ipynb: 6 given cells were changed or deleted (given-1, given-2, given-3, given-4, given-5 …)",
        "my.ipynb: 2 outputs or texts are too long to be read and were left out",
    ]
    moved = book(*reversed(given), code("a / b", id=""))
    assert remarks("my.ipynb", moved, ours) == []
