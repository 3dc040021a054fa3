"""A submitted notebook run again, cell by cell, in a worker beside the student's modules.

    run = execute(student, notebook, {"FAST": True}, cell_s=60, total_s=180)
    run.cells[7].ended      "ran", "raised", "stopped", "unsettled" or "left out"
    run.notebook            the notebook with what its cells gave out this time

A cell that raises leaves the others to be run, as in Jupyter. One that hangs, crashes or takes too much memory takes
its worker with it: the cells before it are run again in a new one, and those after it follow. What a cell says is
the submission's word, like its saved outputs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import numpy as np
from msgspec import structs

from grader.errors import Verdict
from grader.intake.notebook import Cell, Notebook, Output
from grader.outcomes import forged
from grader.records import Record, Status
from grader.subject import Subject

REPLAYS: Final = 2
NO_TIME: Final = "the notebook's time was used up"
PICTURES: Final = 8 << 20  # bytes of one cell's; an honest worker keeps to them
# What a cell may miss here though it worked where it was written: nothing is said about its code.
MISSING_HERE: Final = {
    "ModuleNotFoundError": "a package that is not installed here",
    "FileNotFoundError": "a file that is not here",
    "PermissionError": "files or programs that are out of reach while grading",
    "BlockingIOError": "processes of its own",
    "URLError": "the network",
    "HTTPError": "the network",
    "gaierror": "the network",
    "ConnectionError": "the network",
    "ConnectionRefusedError": "the network",
    "ConnectTimeout": "the network",
    "TimeoutError": "the network",
    "StdinNotImplementedError": "keyboard input",
    "EOFError": "keyboard input",
}

# What torch.save and torch.load raise, in place of an OSError.
FILES: Final = re.compile(r"open file failed|Parent directory .{0,300} does not exist|cannot be opened")
MAX_SOURCE: Final = 900_000  # bytes of a cell; a request holds a mebibyte
TEXTS: Final = 16 << 20  # characters of all outputs together
MOST_OUTPUTS: Final = 101  # of one cell; an honest worker keeps to it

Ended = Literal["ran", "raised", "stopped", "unsettled", "left out"]


class Shown(Record, frozen=True):
    """One output as the worker gave it. `data` holds texts, and pictures as uint8 arrays, by MIME type."""

    kind: Literal["stream", "display_data", "execute_result"]
    name: str = ""
    text: str = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class Fault(Record, frozen=True):
    """What a cell raised."""

    type: str
    text: str
    frames: tuple[str, ...] = ()
    memory: bool = False
    gpu: bool = False
    signature: bool = False
    missing: bool = False
    unsendable: bool = False


class Reply(Record, frozen=True):
    outputs: tuple[Shown, ...]
    error: Fault | None
    left: bool


class CellRun(Record, frozen=True):
    """How one code cell ended. number: its place among all cells, from 1."""

    number: int
    ended: Ended
    why: str = ""
    seconds: float = 0.0
    shown: tuple[Shown, ...] = ()
    error: Fault | None = None


class Execution(Record, frozen=True):
    notebook: Notebook
    cells: dict[int, CellRun]

    def faults(self) -> list[CellRun]:
        """The cells that failed for a reason of their own."""
        return [cell for cell in self.cells.values() if cell.ended in ("raised", "stopped")]

    def table(self) -> str:
        """A line for every cell, for staff."""
        lines = []
        for cell in self.cells.values():
            first = next(iter(self.notebook.cells[cell.number - 1].source.strip().splitlines()), "")[:50]
            lines.append(f"cell {cell.number:3} {cell.ended:9} {cell.seconds:6.1f} s  {first}  {cell.why}".rstrip())
        return "\n".join(lines)


def execute(
    subject: Subject,
    notebook: Notebook,
    given: Mapping[str, Any],
    *,
    cell_s: float,
    total_s: float,
    leave_out: Collection[str] = (),
    pictures: bool = False,
) -> Execution:
    """Runs all code cells in fresh workers of `subject`.

    given: names that every cell finds with these values, whatever a cell assigns to them (`FAST`).
    cell_s, total_s: limits of one cell and of all together. leave_out: tags of cells that are not run.
    pictures: keep them; else only that there were some is known.
    Raises WorkerError for what befalls the machine.
    """
    until = time.monotonic() + min(total_s, subject.left_s())
    keep = Keep(pictures)
    done: dict[int, CellRun] = {}
    for _ in range(1 + REPLAYS):
        subject.fresh()
        subject.ready()  # here, so that no cell's clock runs while the worker starts
        try:
            whole = _run_through(subject, notebook, given, cell_s, until, leave_out, done, keep)
            if any(cell.error is not None and cell.error.gpu for cell in done.values()) and subject.provide_cuda():
                done.clear()
            elif whole:
                break
        finally:
            subject.fresh()
    out_of_time = time.monotonic() >= until
    for number, _cell in code_cells(notebook):
        if number not in done and out_of_time:
            done[number] = CellRun(number=number, ended="unsettled", why=NO_TIME)
        elif number not in done:
            done[number] = CellRun(number=number, ended="stopped", why="it was not reached: cells above end the kernel")
    cells = dict(sorted(done.items()))
    return Execution(notebook=with_outputs(notebook, cells), cells=cells)


def _run_through(
    subject: Subject,
    notebook: Notebook,
    given: Mapping[str, Any],
    cell_s: float,
    until: float,
    leave_out: Collection[str],
    done: dict[int, CellRun],
    keep: Keep,
) -> bool:
    """One pass; cells that ended an earlier worker are passed over. Whether the worker was there at the end."""
    gap = ""  # what later cells may miss
    for number, cell in code_cells(notebook):
        before = done.get(number)
        if before is not None and before.ended == "stopped":
            gap = gap or f"cell {number}, which was stopped"
            continue
        if {*cell.tags} & {*leave_out}:
            done[number] = CellRun(number=number, ended="left out", why="by its tag")
            gap = gap or f"cell {number}, which was left out"
            continue
        left_s = until - time.monotonic()
        if left_s <= 0:
            return True
        if len(cell.source.encode()) > MAX_SOURCE:
            done[number] = CellRun(number=number, ended="raised", why="holds too much code; move data out of it")
            continue
        found = _run_cell(subject, number, cell, given, min(cell_s, left_s), gap, keep)
        if found.ended == "stopped" and time.monotonic() >= until:
            done.setdefault(number, CellRun(number=number, ended="unsettled", why=NO_TIME))
            return True
        done[number] = found
        if found.ended == "stopped":
            return False
        if found.ended == "unsettled":
            gap = gap or f"cell {number}, which could not be run here"
    return True


def _run_cell(
    subject: Subject, number: int, cell: Cell, given: Mapping[str, Any], limit_s: float, gap: str, keep: Keep
) -> CellRun:
    start = time.monotonic()
    try:
        value = subject.run_cell(number, cell.source, given, limit_s)
    except Verdict as verdict:
        died = verdict.status is not Status.RAISED and verdict.status is not Status.FAILED
        why = verdict.text.removeprefix(f"cell {number}").strip(": ")
        ended: Ended = "stopped" if died else "raised"
        written = verdict.staff.rpartition(f"[cell {number}]\n")[2]
        shown = (Shown(kind="stream", name="stdout", text=written),) if died and written else ()
        return CellRun(number=number, ended=ended, why=why, seconds=time.monotonic() - start, shown=shown)
    reply = keep.checked(value)
    seconds = time.monotonic() - start
    if reply.left:
        ended, why = "stopped", "it asks the kernel to end"
    elif reply.error is None:
        ended, why = "ran", ""
    else:
        ended, why = _judged(reply.error, gap)
    return CellRun(
        number=number, ended=ended, why=why, seconds=seconds, shown=reply.outputs, error=reply.error
    )


class Keep:
    """What is kept of the outputs of all cells together, so that a notebook cannot fill the memory."""

    def __init__(self, pictures: bool) -> None:
        self._pictures = pictures
        self._room = TEXTS

    def checked(self, value: Any) -> Reply:
        """The worker's reply to a cell. Raises a Verdict when it has another form, or more than a worker keeps."""
        try:
            reply = msgspec.convert(value, Reply)
        except (msgspec.ValidationError, TypeError, ValueError):
            raise forged() from None
        if len(reply.outputs) > MOST_OUTPUTS:
            raise forged()
        room = PICTURES
        for shown in reply.outputs:
            self._room -= len(shown.text)
            for mime, content in shown.data.items():
                if isinstance(content, np.ndarray) and content.dtype == np.uint8 and content.ndim == 1:
                    room -= content.nbytes
                    # A copy, since a view would keep the whole reply.
                    shown.data[mime] = content.copy() if self._pictures else ""
                elif type(content) is str:
                    self._room -= len(content)
                else:
                    raise forged()
        if room < 0:
            raise forged()
        return reply if self._room > 0 else structs.replace(reply, outputs=())


def _judged(error: Fault, gap: str) -> tuple[Ended, str]:
    if error.gpu:
        return "unsettled", f"it needs a GPU ({error.type}: {error.text})"[:300]
    if error.type == "RuntimeError" and FILES.search(error.text[:2000]):
        return "unsettled", f"it needs files that are out of reach while grading ({error.text})"[:300]
    if error.type in MISSING_HERE:
        return "unsettled", f"it needs {MISSING_HERE[error.type]} ({error.type}: {error.text})"[:300]
    if error.type == "NameError" and gap:
        return "unsettled", f"it rests on {gap} ({error.text})"[:300]
    said = f"{error.type}: {error.text}" if error.text else error.type
    return "raised", "\n  ".join([said[:600], *(frame[:200] for frame in error.frames[-4:])])


def code_cells(notebook: Notebook) -> list[tuple[int, Cell]]:
    """Code cells that hold something, with their places among all cells, from 1."""
    return [(n, cell) for n, cell in enumerate(notebook.cells, 1) if cell.kind == "code" and cell.source.strip()]


def with_outputs(notebook: Notebook, cells: Mapping[int, CellRun]) -> Notebook:
    """The notebook as if it had been saved after this run."""
    counts = {number: place for place, number in enumerate((n for n, c in cells.items() if c.ended == "ran"), 1)}

    def renewed(number: int, cell: Cell) -> Cell:
        shown = cells[number].shown if number in cells else ()
        outputs = tuple(as_output(one) for one in shown)
        return structs.replace(cell, execution_count=counts.get(number), outputs=outputs)

    return structs.replace(notebook, cells=tuple(renewed(n, cell) for n, cell in enumerate(notebook.cells, 1)))


def as_output(shown: Shown) -> Output:
    text = shown.data.get("text/plain", "") if shown.kind != "stream" else shown.text
    return Output(kind=shown.kind, text=text if isinstance(text, str) else "", mime=tuple(shown.data))


def last_words(shown: Sequence[Shown], lines: int = 5) -> str:
    """The end of what a cell wrote, for the message about it."""
    text = "".join(one.text for one in shown if one.kind == "stream")
    return "\n".join(line[:200] for line in text.splitlines()[-lines:])
