"""A filled gradebook is the old file, byte for byte, but for the scores: random tables in every dialect."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from gradebooks import CANVAS, MOODLE, cells, fill, graded
from hypothesis import given
from hypothesis import strategies as st

from grader.errors import GraderError
from grader.records import Identity

ENCODINGS = {
    "utf-8": b"",
    "utf-8 with a mark": b"\xef\xbb\xbf",
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
    "cp1252": b"",
}
OLD_SCORES = ["", "", "-", "3", "12.00", "0", " 7 ", "EX", "n/a", "40"]
KEPT = {"EX", "n/a"}


class Table(NamedTuple):
    """A file in pieces. raw: cells as they stand in the file. ends: of the rows. old: the scores, as values."""

    raw: list[list[str]]
    ends: list[str]
    old: list[str]
    column: int
    delimiter: str
    encoding: str
    blank_lines: int

    def encoded(self, new: dict[int, str]) -> bytes:
        """The file with other raw texts in the scores of some rows."""
        text = ""
        for row, (raw, end) in enumerate(zip(self.raw, self.ends, strict=True)):
            raw = [new.get(row, cell) if column == self.column else cell for column, cell in enumerate(raw)]
            text += self.delimiter.join(raw) + end
        text += "\r\n" * self.blank_lines if self.ends[-1] else ""
        return ENCODINGS[self.encoding] + text.encode(self.encoding.partition(" ")[0])


# What other columns may hold: quotes, separators, line ends, blanks, control characters, letters of many scripts.
LATIN = ',;\t"\r\n ="1a\'é€Ÿ\xa0\x0b\x1c\x7f'
CHARACTERS = {encoding: LATIN if encoding == "cp1252" else LATIN + "李😀\u2028\ufeff\x85" for encoding in ENCODINGS}


@st.composite
def tables(draw: st.DrawFn, canvas: bool) -> Table:
    delimiter = draw(st.sampled_from(",;\t"))
    encoding = draw(st.sampled_from([*ENCODINGS]))
    text = st.text(st.sampled_from(CHARACTERS[encoding]), max_size=8)

    def raw(value: str) -> str:
        must = value.startswith('"') or any(character in value for character in f"{delimiter}\r\n")
        doubled = value.replace('"', '""')
        return f'"{doubled}"' if must or draw(st.booleans()) else value

    olds = draw(st.lists(st.sampled_from(OLD_SCORES), min_size=1, max_size=6))
    before = draw(st.integers(0, 2))  # columns of somebody else's
    after = draw(st.integers(0, 2))
    extra = [[draw(text) for _ in range(before + after)] for _ in range(len(olds) + 2)]
    own = [f"Column {draw(text)}" for _ in range(before + after)]
    if canvas:
        people = [[f"P{index}, Q", str(500 + index), "S1"] for index in range(len(olds))]
        head, points = ["Student", "ID", "Section"], ["    Points Possible", "", ""]
        rows = [
            [*head, *own[:before], "A2 (77)", *own[before:]],
            [*points, *extra[-1][:before], "40", *extra[-1][before:]],
        ]
        rows += [[*who, *e[:before], old, *e[before:]] for who, e, old in zip(people, extra, olds, strict=False)]
    else:
        head = ["Identifier", "Maximum Grade", "Grade can be changed"]
        people = [[f"Participant {500 + index}", "40", "Yes"] for index in range(len(olds))]
        rows = [[*head, *own[:before], "Grade", *own[before:]]]
        rows += [[*who, *e[:before], old, *e[before:]] for who, e, old in zip(people, extra, olds, strict=False)]
    ends = [draw(st.sampled_from(["\n", "\r\n", "\r"])) for _ in rows]
    if draw(st.booleans()):
        ends[-1] = ""
    return Table(
        raw=[[raw(value) for value in row] for row in rows],
        ends=ends,
        old=[*[""] * (len(rows) - len(olds)), *olds],
        column=3 + before,
        delimiter=delimiter,
        encoding=encoding,
        blank_lines=draw(st.integers(0, 2)),
    )


@pytest.mark.parametrize("canvas", [True, False], ids=["canvas", "moodle"])
@given(data=st.data())
def test_only_scores_change(canvas: bool, data: st.DataObject) -> None:
    """The cells of those who handed in hold their scores, every other byte is the old one, and filling again changes
    nothing."""
    table = data.draw(tables(canvas))
    first = len(table.raw) - sum(row >= (2 if canvas else 1) for row in range(len(table.raw)))
    people = [*range(first, len(table.raw))]
    handed_in = data.draw(st.lists(st.sampled_from(people), min_size=1, unique=True))
    points = {row: data.draw(st.sampled_from([0.0, 1.25, 7.5, 12.0, 39.999, 40.0])) for row in handed_in}
    submissions = []
    for row, score in points.items():
        number = str(500 + row - first)
        submissions.append(graded(f"s{row}", score, Identity(canvas=number, participant=number)))

    old = table.encoded({})
    filled = fill(old, *submissions)

    # Every number of these tables has dots; only semicolons alone would tell of commas.
    mark = "," if table.delimiter == ";" and not any("." in cell for cell in table.old) else "."
    new = {}
    for row, score in points.items():
        before = table.old[row].strip()
        shown = f"{score:.2f}".rstrip("0").rstrip(".") if score else "0"
        same = before.replace(".", "").isdigit() and float(before) == float(shown)
        if before not in KEPT and not same:
            shown = shown.replace(".", mark)
            quoted = table.raw[row][table.column].startswith('"')
            new[row] = f'"{shown}"' if quoted else shown
    assert filled.content == table.encoded(new)
    assert filled.written == sum(table.old[row] not in KEPT for row in points)
    assert len(filled.left) == len(points) - filled.written
    assert len(filled.missing) == len(people) - len(points)

    codec = table.encoding.partition(" ")[0]
    was, now = (cells(content.decode(codec), table.delimiter) for content in (old, filled.content))
    differing = {
        (row, column)
        for row, pair in enumerate(zip(was, now, strict=True))
        for column, (one, other) in enumerate(zip(*pair, strict=True))
        if one != other
    }
    assert differing == {(row, table.column) for row in new}
    assert fill(filled.content, *submissions).content == filled.content


@pytest.mark.parametrize("book", [CANVAS, MOODLE], ids=["canvas", "moodle"])
@pytest.mark.parametrize("encoding", [*ENCODINGS])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_as_spreadsheets_save_it(book: str, encoding: str, end: str) -> None:
    """Encodings, byte order marks and line ends of every system come back, with the score in its place."""
    codec = encoding.partition(" ")[0]
    old = book.replace("Marie", "Zoé").replace("\n", end)
    new = old.replace("7.50,,", "7.50,38.5,").replace('grading - ",,40.00,Yes', 'grading - ",38.5,40.00,Yes')
    filled = fill(ENCODINGS[encoding] + old.encode(codec), graded("one", 38.5, Identity(name="Zoé Curie")))
    assert filled.content == ENCODINGS[encoding] + new.encode(codec)
    assert filled.written == 1


def test_bytes_that_mean_nothing_are_carried_through() -> None:
    """A file in Windows-1252 with bytes that this encoding lacks comes back with them."""
    old = CANVAS.encode().replace(b"Zhang", b"Zh\x81\xe9\x9d")
    filled = fill(old, graded("one", 5, Identity(canvas="501")))
    assert filled.content == old.replace(b"7.50,,", b"7.50,5,")
    assert all(line.isprintable() for line in filled.missing)


@given(st.binary(max_size=200), st.sampled_from([b"", *ENCODINGS.values()]))
def test_damaged_files_end_in_a_sentence(data: bytes, mark: bytes) -> None:
    """Whatever the bytes after a heading, the file is filled or refused with a line for people."""
    head = "Student,ID,Section,A2 (77)\nA B,1,S,\n".encode("utf-16-le" if mark == b"\xff\xfe" else "utf-8")
    try:
        filled = fill(mark + head + data, graded("one", 5, Identity(canvas="1")))
    except GraderError as error:
        assert str(error).isprintable()
    else:
        assert filled.content.startswith(mark) and filled.content.endswith(data)
