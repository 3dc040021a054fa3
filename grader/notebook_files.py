"""Our own notebooks as files: stripped for students, and filled with what their cells give out."""

from __future__ import annotations

import base64
from typing import Any, Final

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from grader.errors import ManifestError
from grader.execution import CellRun, Execution, Shown
from grader.solutions import strip_lines

ANSWER: Final = "**Your answer:**"
ANSWER_TAG: Final = "answer"


def stripped(text: str, name: str) -> str:
    """A reference notebook as students get it: no outputs, no solution regions, no answers.

    Raises ManifestError for regions that do not pair up, and for an answer that does not begin as it should.
    """
    notebook = _read(text, name)
    for cell in notebook.cells:
        where = f"{name}, cell {cell.get('id', '')}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.source = _stripped_code(cell.source, where, cell.get("id", name))
        elif ANSWER_TAG in cell.metadata.get("tags", []):
            if not cell.source.startswith(ANSWER):
                raise ManifestError(f"{where}: an answer begins with {ANSWER}")
            cell.source = f"{ANSWER}\n"
    return _written(notebook)


def _stripped_code(source: str, where: str, task: str) -> str:
    return strip_lines(source, where, lambda _line: task).rstrip("\n")


def filled(text: str, name: str, run: Execution) -> str:
    """The notebook as if Jupyter had run it; cells that were left out keep what they showed."""
    notebook = _read(text, name)
    count = 0
    for number, cell in enumerate(notebook.cells, 1):
        done = run.cells.get(number)
        if cell.cell_type != "code" or done is None or done.ended == "left out":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [_output(shown, count) for shown in done.shown] + _error(done)
    return _written(notebook)


def _read(text: str, name: str) -> NotebookNode:
    try:
        return nbformat.reads(text, as_version=4)
    except Exception as error:  # nbformat lets json's and its own through
        raise ManifestError(f"{name} is no notebook: {error}") from None


def _written(notebook: NotebookNode) -> str:
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


def _output(shown: Shown, count: int) -> NotebookNode:
    if shown.kind == "stream":
        return new_output("stream", name=shown.name, text=shown.text)
    data: dict[str, Any] = {
        mime: content if isinstance(content, str) else base64.b64encode(content.tobytes()).decode()
        for mime, content in shown.data.items()
    }
    extra = {"execution_count": count} if shown.kind == "execute_result" else {}
    return new_output(shown.kind, data=data, **extra)


def _error(cell: CellRun) -> list[NotebookNode]:
    if cell.error is None:
        return []
    return [new_output("error", ename=cell.error.type, evalue=cell.error.text, traceback=list(cell.error.frames))]
