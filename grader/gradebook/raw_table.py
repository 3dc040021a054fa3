"""A CSV file in which single cells are replaced while every other byte stays.

The csv module forgets which cells had quotes and how lines ended; here each cell keeps its place in the text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from grader.errors import GraderError
from grader.intake.archive import shown

_DELIMITERS: Final = ",;\t"
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Quoted text and what follows its last quote, or plain text; then what ends the cell. As the csv module reads it.
_CELLS: Final = {
    delimiter: re.compile(
        rf'(?:"([^"]*+(?:""[^"]*+)*+)"([^{delimiter}\r\n]*+)|([^"{delimiter}\r\n][^{delimiter}\r\n]*+)?+)'
        rf"({delimiter}|\r\n|\r|\n|\Z)"
    )
    for delimiter in _DELIMITERS
}


class Cell(NamedTuple):
    """value: without quotes. start, end: where it stands in the text, quotes included."""

    value: str
    start: int
    end: int


class RawTable:
    """The cells of a file, row by row; blank lines are rows of one empty cell, and rows may differ in length."""

    def __init__(self, data: bytes, name: str, known: Callable[[Sequence[str]], int]) -> None:
        """Read the bytes of a CSV file: UTF-8, UTF-16 with a byte order mark, or Windows-1252.

        name: the file's, for complaints. known: how many of some headings mean something, which decides between
        commas, semicolons and tabs. Raises GraderError for what is no such file.
        """
        self._mark, self._encoding, self._errors, self._text = _decoded(data, name)
        self.delimiter = max(_DELIMITERS, key=lambda delimiter: _fitness(self._text, delimiter, known))
        self.rows = list(_rows(self._text, self.delimiter, name))

    @property
    def headings(self) -> list[str]:
        return [cell.value for cell in self.rows[0]]

    def value(self, row: int, column: int | None) -> str:
        """A cell's text without the blanks around it; "" where the row is too short or there is no such column."""
        cells = self.rows[row]
        return cells[column].value.strip() if column is not None and column < len(cells) else ""

    def filled(self, values: Mapping[tuple[int, int], str]) -> bytes:
        """The file with other texts, free of quotes and line ends, in the cells (row, column). Cells that had quotes
        keep them."""
        parts, position = [], 0
        for (row, column), value in sorted(values.items()):
            cell = self.rows[row][column]
            quoted = self._text.startswith('"', cell.start) or self.delimiter in value
            parts += [self._text[position : cell.start], f'"{value}"' if quoted else value]
            position = cell.end
        parts.append(self._text[position:])
        return self._mark + "".join(parts).encode(self._encoding, self._errors)


def read_table(path: Path, known: Callable[[Sequence[str]], int]) -> RawTable:
    """The table in a file, as RawTable reads it. Raises GraderError."""
    name = shown(path.name)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GraderError(f"{name} cannot be read: {error.strerror}") from None
    return RawTable(data, name, known)


def _decoded(data: bytes, name: str) -> tuple[bytes, str, str, str]:
    """The byte order mark, the encoding, what it does with errors, and the text; encoding gives the same bytes."""
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise GraderError(f"{name} is a workbook of a spreadsheet; save it as “CSV UTF-8”")
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return mark, encoding, "strict", data[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                raise GraderError(f"{name} is damaged text; save it as “CSV UTF-8”") from None
    if b"\0" in data:
        raise GraderError(f"{name} is no plain text; save it as “CSV UTF-8”")
    try:
        return b"", "utf-8", "strict", data.decode("utf-8")
    except UnicodeDecodeError:
        # Five bytes mean nothing in Windows-1252; they are carried through.
        return b"", "cp1252", "surrogateescape", data.decode("cp1252", "surrogateescape")


def _fitness(text: str, delimiter: str, known: Callable[[Sequence[str]], int]) -> tuple[int, int]:
    try:
        headings = [cell.value for cell in next(_rows(text, delimiter, ""))]
    except GraderError:
        return -1, 0
    return known(headings), len(headings)


def _rows(text: str, delimiter: str, name: str) -> Iterator[list[Cell]]:
    row: list[Cell] = []
    position = 0
    while True:
        found = _CELLS[delimiter].match(text, position)
        if not found:
            line = len(re.findall(r"\r\n|\r|\n", text[:position])) + 1
            raise GraderError(f"{name} is damaged: a quotation mark in line {line} is never closed")
        quoted, rest, plain, end = found.groups()
        value = (plain or "") if quoted is None else quoted.replace('""', '"') + rest
        row.append(Cell(value, position, found.start(4)))
        position = found.end()
        if end != delimiter:
            yield row
            row = []
            if position == len(text):
                return
