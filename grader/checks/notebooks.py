"""What a submitted notebook shows: evidence out of its saved outputs, held against a run of it where there is one.

All of it is the student's word, so it counts only beside checks of the code that it rests on (`needs=`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from grader.errors import Verdict
from grader.execution import Execution, code_cells, last_words
from grader.intake.notebook import Cell, Notebook
from grader.records import Status

ABSOLUTE: Final = re.compile(r"""["'](?:/(?:home|Users|root|content|mnt|data|tmp)/|[A-Za-z]:[\\/])""")
# Bounded repetitions: the text may be a megabyte of blanks or digits, made to be searched for hours.
NUMBER: Final = (
    r"[ \t\u00a0]{0,20}[:=]?[ \t\u00a0]{0,20}"
    r"([-+]?(?:[0-9]{1,20}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][-+]?[0-9]{1,3})?)(?!\.?[0-9]|[eE][-+]?[0-9])"
)
NOT_RUN: Final = "left out: notebooks were not run"
SHOWN: Final = 5  # cells named in one remark


class Figure(NamedTuple):
    """A number in an output, and the cell that it stands below."""

    value: float
    cell: int


def figure(notebook: Notebook, label: str) -> Figure | None:
    """The last number that the outputs show as `label: number`; None when there is none."""
    pattern = re.compile(rf"{re.escape(label)}{NUMBER}")
    found = None
    for number, cell in code_cells(notebook):
        for match in pattern.finditer(shown_text(cell)):
            found = Figure(float(match[1]), number)
    return found


def shown_text(cell: Cell) -> str:
    return "\n".join(output.text for output in cell.outputs if output.kind != "error")


def evidence(
    file: str,
    notebook: Notebook,
    label: str,
    *,
    above: float | None = None,
    below: float | None = None,
    run: Execution | None = None,
    run_above: float | None = None,
    run_below: float | None = None,
) -> None:
    """Passes when the saved outputs show `label: number` with a number between the bounds and, where the notebook
    has been run again, the cell that shows it does not fail, nor prints a number beyond its own bounds (those of
    the fast setting).

    Raises Verdict: NOT_IMPLEMENTED without such a line, FAILED for another number or a cell that fails.
    """
    found = figure(notebook, label)
    if found is None:
        text = f'no output of {file} has the line "{label}: …"; run the cell that prints it, and save the notebook'
        raise Verdict(Status.NOT_IMPLEMENTED, text)
    _bounded(f"{file}, below cell {found.cell}: {label}", found.value, above, below)
    if run is None:
        return
    again = run.cells.get(found.cell)
    if again is not None and again.ended in ("raised", "stopped"):
        what = "raises" if again.ended == "raised" else "does not end well:"
        shows = f"{file} shows {label}: {found.value:g}"
        text = f"{shows}, but when it is run again cell {found.cell} {what} {again.why}"
        raise Verdict(Status.FAILED, text, staff=last_words(again.shown))
    repeated = figure(run.notebook, label)
    if repeated is not None:
        _bounded(f"{file}, run again on small data: {label}", repeated.value, run_above, run_below)


def _bounded(what: str, value: float, above: float | None, below: float | None) -> None:
    if above is not None and not value >= above:
        raise Verdict(Status.FAILED, f"{what} is {value:g}; at least {above:g} is wanted")
    if below is not None and not value <= below:
        raise Verdict(Status.FAILED, f"{what} is {value:g}; at most {below:g} is wanted")


def runs(file: str, run: Execution | None) -> None:
    """Raises a Verdict that names the first cell that fails, with its last lines: NOT_IMPLEMENTED where something is
    still to be done, else FAILED; SKIPPED where notebooks are not run."""
    if run is None:
        raise Verdict(Status.SKIPPED, NOT_RUN)
    faults = run.faults()
    if not faults:
        return
    first = faults[0]
    more = f" (and {len(faults) - 1} more cells fail)" if len(faults) > 1 else ""
    source = next(iter(run.notebook.cells[first.number - 1].source.strip().splitlines()), "")[:60]
    said = f"it wrote at last:\n{words}" if (words := last_words(first.shown)) else ""
    text = f"{file}, cell {first.number} ({source}): {first.why}{more}"
    undone = first.error is not None and first.error.type == "NotImplementedError"
    status = Status.NOT_IMPLEMENTED if undone else Status.FAILED
    raise Verdict(status, "\n".join(part for part in (text, said) if part), staff=run.table())


def saved_whole(file: str, notebook: Notebook, *, apart: str = "") -> None:
    """Raises a Verdict unless the notebook was saved after one run from top to bottom without an error.

    apart: a word in cells that do not count, such as the name of the packer, which runs after the notebook is saved.
    """
    cells = [(number, cell) for number, cell in code_cells(notebook) if not apart or apart not in cell.source]
    if not cells:
        raise Verdict(Status.NOT_IMPLEMENTED, f"{file} has no code cells")
    not_run = [number for number, cell in cells if cell.execution_count is None]
    if len(not_run) == len(cells):
        raise Verdict(Status.NOT_IMPLEMENTED, f"{file} was saved without outputs; run all cells, and save it")
    if not_run:
        raise Verdict(Status.FAILED, f"{file} was saved half-run: {named(not_run)} not run; run all cells, and save it")
    failed = [number for number, cell in cells if any(output.kind == "error" for output in cell.outputs)]
    if failed:
        raise Verdict(Status.FAILED, f"{file}: {named(failed)} saved with an error")
    counts = [cell.execution_count or 0 for _number, cell in cells]
    late = [cells[i][0] for i in range(1, len(cells)) if counts[i] <= counts[i - 1]]
    if late:
        text = f"{file}: {named(late)} run before the cells above; restart the kernel, run all cells, and save it"
        raise Verdict(Status.FAILED, text)


def remarks(file: str, notebook: Notebook, ours: Notebook) -> list[str]:
    """Sentences about what is worth a look and costs nothing."""
    found = []
    absolute = [number for number, cell in code_cells(notebook) if ABSOLUTE.search(cell.source)]
    if absolute:
        found.append(f"{file}: {named(absolute)} written with absolute paths, which exist on one machine only")
    given = {cell.id: cell.source.strip() for cell in ours.cells if "given" in cell.tags}
    sources = {cell.source.strip() for cell in notebook.cells}
    missing = [id_ for id_, source in given.items() if source not in sources]
    if missing:
        listed = ", ".join(missing[:SHOWN]) + (" …" if len(missing) > SHOWN else "")
        found.append(f"{file}: {len(missing)} given cells were changed or deleted ({listed})")
    if notebook.left_out:
        found.append(f"{file}: {notebook.left_out} outputs or texts are too long to be read and were left out")
    return found


def named(numbers: Sequence[int]) -> str:
    """Cells in a sentence: "cells 3, 4 and 9 were"."""
    if len(numbers) == 1:
        return f"cell {numbers[0]} was"
    listed = [str(number) for number in numbers[:SHOWN]]
    last = f"{len(numbers) - SHOWN} more" if len(numbers) > SHOWN else listed.pop()
    return f"cells {', '.join(listed)} and {last} were"
