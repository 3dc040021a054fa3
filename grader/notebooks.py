"""The notebooks of a submission, as a suite sees them: what was saved, and what comes of running them again."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from grader.checks.notebooks import remarks
from grader.errors import Verdict
from grader.execution import Execution, execute
from grader.intake.notebook import Cell, Notebook, read_notebook
from grader.records import HowToRun, NotebookLimits, Status
from grader.subject import Subject


class Notebooks:
    """By file name; each is read once, and run once.

    ours: the reference's folder, whose notebooks have the given cells.
    how: "run" them again, "quick" without the cells tagged `slow`, or "off" for what was saved alone.
    """

    def __init__(self, student: Subject, ours: Path, limits: NotebookLimits, how: HowToRun = "run") -> None:
        self._student = student
        self._ours = ours
        self._how = how
        self._limits = limits
        if how == "quick":
            self._limits = structs.replace(limits, leave_out=(*limits.leave_out, "slow"))
        self._read: dict[str, Notebook] = {}
        self._runs: dict[str, Execution | Verdict] = {}

    def __getitem__(self, file: str) -> Notebook:
        """As it was handed in. Raises a Verdict when it was not, or cannot be read."""
        if file not in self._read:
            submission = self._student.submission
            if file in submission.problems:
                raise Verdict(Status.RAISED, f"{file} cannot be used: {submission.problems[file]}")
            if file not in submission.hashes:
                raise Verdict(Status.NOT_IMPLEMENTED, f"{file} was not found in the submission")
            notebook = read_notebook((Path(submission.root) / file).read_bytes())
            for text in remarks(file, notebook, read_notebook((self._ours / file).read_bytes())):
                self._student.remark(text)
            self._read[file] = notebook
        return self._read[file]

    def run(self, file: str) -> Execution | None:
        """Its code cells run again beside the student's modules, as the manifest says; see `execute`. None where
        notebooks are not run."""
        if self._how == "off":
            return None
        if file not in self._runs:
            ours = read_notebook((self._ours / file).read_bytes())
            try:
                self._runs[file] = run_again(self._student, tagged_like(self[file], ours), self._limits)
            except Verdict as verdict:  # each check gets the same, and the notebook is run once
                self._runs[file] = verdict
        found = self._runs[file]
        if isinstance(found, Verdict):
            raise found.with_traceback(None)
        return found


def tagged_like(notebook: Notebook, ours: Notebook) -> Notebook:
    """The notebook with our tags: a tag of the student's own could keep a cell from being run. A cell is known by its
    text, and for `slow`, which staff ask for, by its id as well."""
    by_text = {cell.source.strip(): cell.tags for cell in ours.cells}
    slow = {cell.id for cell in ours.cells if cell.id and "slow" in cell.tags}

    def tags(cell: Cell) -> tuple[str, ...]:
        found = by_text.get(cell.source.strip(), ())
        return (*found, "slow") if cell.id in slow else found

    return structs.replace(notebook, cells=tuple(structs.replace(cell, tags=tags(cell)) for cell in notebook.cells))


def run_again(subject: Subject, notebook: Notebook, limits: NotebookLimits, *, pictures: bool = False) -> Execution:
    return execute(
        subject,
        notebook,
        limits.given,
        cell_s=limits.cell_s,
        total_s=limits.total_s,
        leave_out=limits.leave_out,
        pictures=pictures,
    )
