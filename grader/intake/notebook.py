"""Read a Jupyter notebook made by somebody we do not trust, without running or showing any of it.

Formats 3 and 4 (nbformat.readthedocs.io, format description) are read from the bytes alone, and of each cell only
what a grader needs is kept. Nothing is decoded before its size is known: msgspec finds the spans of texts and of
pictures, and a span that is too long, or that nobody asks for, is never turned into an object.
"""

from __future__ import annotations

import codecs
from typing import Final, Literal

import msgspec

from grader.intake.archive import MIB, EntryError, shown
from grader.records import Record

MAX_NOTEBOOK: Final = 100 * MIB
MAX_CELLS: Final = 2_000
# Every cell and every output opens a brace, so this bounds what is allocated for them. Braces inside texts (plots
# that carry their own JavaScript) count too, hence so many.
MAX_BRACES: Final = 300_000
MAX_TEXT: Final = MIB  # bytes of one source or output, as JSON
MAX_TEXTS: Final = 16 * MIB  # bytes of all of them together
MAX_TAGS: Final = 4 * 1024  # bytes of one cell's tags, as JSON; longer ones are left out
MAX_ID: Final = 256  # bytes of one cell's id, as JSON; a longer one is left out

# Format 3 keeps a picture in a field of its own, format 4 in a bundle by MIME type.
_MIME: Final = {
    "text": "text/plain",
    "html": "text/html",
    "markdown": "text/markdown",
    "latex": "text/latex",
    "json": "application/json",
    "javascript": "application/javascript",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "svg": "image/svg+xml",
}
_SAVE_AGAIN: Final = "open it in Jupyter and save it again"

CellKind = Literal["code", "markdown", "raw"]
OutputKind = Literal["stream", "display_data", "execute_result", "error"]


class Output(Record, frozen=True):
    """One output of a code cell.

    text: of a stream, or the plain text of a result; "" where there is none or it was left out.
    mime: the well-known types that the output comes in, such as "image/png"; their contents are not kept.
    name, value: of the exception, when `kind` is "error".
    """

    kind: OutputKind
    text: str = ""
    mime: tuple[str, ...] = ()
    name: str = ""
    value: str = ""


class Cell(Record, frozen=True):
    """One cell; headings of format 3 are markdown.

    execution_count: as saved, None when the cell was not run.
    id: "" where there is none: formats before 4.5 have no ids, and some tools drop them.
    """

    kind: CellKind
    source: str
    execution_count: int | None = None
    outputs: tuple[Output, ...] = ()
    tags: tuple[str, ...] = ()
    id: str = ""


class Notebook(Record, frozen=True):
    """What a grader needs of a notebook. All of it is the student's word.

    left_out: how many texts were too long to be kept (outputs, markdown with pictures inside).
    """

    cells: tuple[Cell, ...]
    left_out: int = 0


def read_notebook(data: bytes) -> Notebook:
    """Decode one .ipynb file.

    data: the whole file, UTF-8 with or without a byte order mark.
    Raises EntryError, one sentence that begins with "the notebook", when it is larger than MAX_NOTEBOOK, is no
    notebook of format 3 or 4, or holds too much. Texts of outputs and of markdown cells that are too long are left
    out instead, for they may be an honest training log or a pasted picture.
    """
    if len(data) > MAX_NOTEBOOK:
        raise EntryError(f"the notebook is larger than {MAX_NOTEBOOK // MIB} MiB; clear its outputs and save it again")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise EntryError("the notebook is UTF-16 text; save it as UTF-8")
    if data.count(b"{") > MAX_BRACES:
        raise EntryError("the notebook holds too many cells and outputs; clear its outputs and save it again")
    try:
        return _Reading().notebook(data[3:] if data.startswith(codecs.BOM_UTF8) else data)
    except msgspec.ValidationError as error:
        raise EntryError(f"the notebook is of no known form ({shown(str(error), 160)}); {_SAVE_AGAIN}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EntryError(f"the notebook is damaged ({shown(str(error))}); {_SAVE_AGAIN}") from None
    except RecursionError:
        raise EntryError(f"the notebook is nested too deeply; {_SAVE_AGAIN}") from None


# --- the file's own form ----------------------------------------------------------------------------

# A Raw is a view of the file's bytes: checked to be JSON, not decoded.
_NOTHING: Final = msgspec.Raw(b"")


class _Bundle(msgspec.Struct, rename=_MIME):
    text: msgspec.Raw = _NOTHING
    html: msgspec.Raw = _NOTHING
    markdown: msgspec.Raw = _NOTHING
    latex: msgspec.Raw = _NOTHING
    json: msgspec.Raw = _NOTHING
    javascript: msgspec.Raw = _NOTHING
    png: msgspec.Raw = _NOTHING
    jpeg: msgspec.Raw = _NOTHING
    svg: msgspec.Raw = _NOTHING


class _Output(msgspec.Struct):
    output_type: str = ""
    data: _Bundle = msgspec.field(default_factory=_Bundle)
    text: msgspec.Raw = _NOTHING
    html: msgspec.Raw = _NOTHING  # this and the rest of the pictures: format 3
    latex: msgspec.Raw = _NOTHING
    png: msgspec.Raw = _NOTHING
    jpeg: msgspec.Raw = _NOTHING
    svg: msgspec.Raw = _NOTHING
    ename: msgspec.Raw = _NOTHING
    evalue: msgspec.Raw = _NOTHING


class _Metadata(msgspec.Struct):
    tags: msgspec.Raw = _NOTHING


class _Cell(msgspec.Struct):
    cell_type: str
    id: msgspec.Raw = _NOTHING
    source: msgspec.Raw = _NOTHING
    input: msgspec.Raw = _NOTHING  # a code cell's source in format 3
    execution_count: int | None = None
    prompt_number: int | None = None  # its name in format 3
    outputs: list[_Output] = []
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Worksheet(msgspec.Struct):
    cells: list[_Cell] = []


class _File(msgspec.Struct):
    nbformat: int
    cells: list[_Cell] | None = None  # format 4
    worksheets: list[_Worksheet] | None = None  # format 3


_CELL_KINDS: Final[dict[str, CellKind]] = {
    "code": "code", "markdown": "markdown", "html": "markdown", "heading": "markdown", "raw": "raw",
}  # fmt: skip
_OUTPUT_KINDS: Final[dict[str, OutputKind]] = {
    "stream": "stream", "display_data": "display_data", "execute_result": "execute_result", "error": "error",
    "pyout": "execute_result", "pyerr": "error",
}  # fmt: skip
_FILE: Final = msgspec.json.Decoder(_File)
_TEXT: Final = msgspec.json.Decoder(str | list[str])
_TAGS: Final = msgspec.json.Decoder(tuple[str, ...])


# --- file -> records --------------------------------------------------------------------------------


class _Reading:
    """One notebook on its way; counts the texts, so that all of them together stay bounded."""

    def __init__(self) -> None:
        self._room = MAX_TEXTS
        self._left_out = 0

    def notebook(self, data: bytes) -> Notebook:
        file = _FILE.decode(data)
        if file.nbformat not in (3, 4):
            raise EntryError(f"the notebook is of format {shown(str(file.nbformat), 20)}, not 3 or 4; {_SAVE_AGAIN}")
        cells = file.cells
        if file.nbformat == 3 and file.worksheets is not None:
            cells = [cell for sheet in file.worksheets for cell in sheet.cells]
        if cells is None:
            raise EntryError(f"the notebook has no list of cells; {_SAVE_AGAIN}")
        if len(cells) > MAX_CELLS:
            raise EntryError(f"the notebook has more than {MAX_CELLS} cells; hand in a shorter one")
        read = tuple(self._cell(cell, f"the notebook's cell {place}") for place, cell in enumerate(cells, start=1))
        return Notebook(cells=read, left_out=self._left_out)

    def _cell(self, cell: _Cell, name: str) -> Cell:
        kind = _CELL_KINDS.get(cell.cell_type)
        if kind is None:
            raise EntryError(f"{name} is of the unknown kind {shown(cell.cell_type, 40)}; {_SAVE_AGAIN}")
        left_out = self._left_out
        source = self._text(cell.source) or self._text(cell.input)
        if kind == "code" and self._left_out > left_out:
            raise EntryError(f"{name} holds too much code; move data out of it")
        tags = cell.metadata.tags
        return Cell(
            kind=kind,
            source=source,
            execution_count=cell.prompt_number if cell.execution_count is None else cell.execution_count,
            outputs=tuple(self._output(output, name) for output in cell.outputs),
            tags=_TAGS.decode(tags) if 0 < _length(tags) <= MAX_TAGS else (),
            id=_id(cell.id),
        )

    def _output(self, output: _Output, name: str) -> Output:
        kind = _OUTPUT_KINDS.get(output.output_type)
        if kind is None:
            raise EntryError(f"{name} has an output of the unknown kind {shown(output.output_type, 40)}; {_SAVE_AGAIN}")
        bundles = (output.data, output) if kind in ("display_data", "execute_result") else ()
        return Output(
            kind=kind,
            text=self._text(output.data.text) or self._text(output.text),
            mime=tuple(mime for key, mime in _MIME.items() if any(_length(getattr(b, key, _NOTHING)) for b in bundles)),
            name=self._text(output.ename),
            value=self._text(output.evalue),
        )

    def _text(self, span: msgspec.Raw) -> str:
        """A text of the file, given whole or as a list of pieces; "" and counted when it is too long."""
        length = _length(span)
        if not length:
            return ""
        if length > min(MAX_TEXT, self._room):
            self._left_out += 1
            return ""
        self._room -= length
        text = _TEXT.decode(span)
        return text if isinstance(text, str) else "".join(text)


def _id(span: msgspec.Raw) -> str:
    """A cell's id. Grading depends on none, so one that is no text, or too long, is as good as none."""
    is_text = 0 < _length(span) <= MAX_ID and bytes(span).startswith(b'"')
    return msgspec.json.decode(span, type=str) if is_text else ""


def _length(span: msgspec.Raw) -> int:
    return memoryview(span).nbytes
