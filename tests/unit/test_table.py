"""scores.csv: one row per submission, and not a cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import unicodedata
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from test_reports import MIXED, STAFF, card, check, hostile_text, with_text

from grader.records import Member, Scorecard, Status
from grader.report.table import write_table


def written(*cards: Scorecard) -> str:
    with tempfile.TemporaryDirectory() as folder:
        write_table(cards, Path(folder) / "scores.csv", synced=False)
        return (Path(folder) / "scores.csv").read_bytes().decode("utf-8-sig")


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=delimiter == ","))


def is_formula(cell: str, number: str = r"[+-]?\d+(\.\d+)?") -> bool:
    """Whether some spreadsheet would compute this cell, rather than show it; a plain `number` does no harm."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", cell) if unicodedata.category(c)[0] not in "CZ")
    return seen.startswith(("=", "+", "-", "@")) and not re.fullmatch(number, seen)


def test_one_row_per_submission() -> None:
    """Score, completeness, points of questions and statuses of checks; empty where a card has no such check."""
    other = card(check("one.new", "q1", 2.5, Status.UNGRADED), submission="other")
    team = (Member(name="Ada Lovelace", number="0123"), Member(name="Alan Turing", number="4567"))
    assert rows(written(MIXED, msgspec.structs.replace(other, team=team))) == [
        ["submission", "team", "score", "max_score", "awaiting", "complete", "points:q1", "points:q2",
         "status:two.plain", "status:one.good", "status:one.bad", "status:one.late", "status:two.hidden",
         "status:one.new"],
        ["sample", "", "6.5", "17.5", "0", "yes", "2", "4.5",
         "passed", "passed", "timed_out", "skipped", "failed", ""],
        ["other", "Ada Lovelace (0123), Alan Turing (4567)", "0", "2.5", "0", "no", "0", "0",
         "", "", "", "", "", "ungraded"],
    ]  # fmt: skip
    assert rows(written()) == [["submission", "team", "score", "max_score", "awaiting", "complete"]]


def test_excel_is_told_the_encoding(tmp_path: Path) -> None:
    """The file opens with a byte order mark, has DOS line ends, and is its owner's alone."""
    write_table([msgspec.structs.replace(MIXED, submission="Zoë 李")], tmp_path / "scores.csv")
    data = (tmp_path / "scores.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbfsubmission,")
    assert data.endswith(b"\r\n") and "\r\nZoë 李,".encode() in data
    assert (tmp_path / "scores.csv").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("  \t\r\n=1", "'=1"),
        ("\u200b\ufeff=1", "'=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\ufe621", "'\ufe621"),
        ("+1+1", "'+1+1"),
        ("-1", "-1"),
        ("+49.5", "+49.5"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("a;=1", "a,=1"),
        ('a","=1', 'a","=1'),
        ("two\nlines\x1b[31m\x00", "two lines"),
        ("0123", "0123"),
        ("", ""),
    ],
)
def test_no_name_becomes_a_formula(name: str, cell: str) -> None:
    """What would start a formula gets an apostrophe; numbers and other text stay, on one line."""
    assert rows(written(msgspec.structs.replace(MIXED, submission=name)))[1][0] == cell


@given(hostile_text)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_any_text_keeps_the_table(text: str) -> None:
    """Whatever stands in every text of a card, the table has its columns and no formula, wherever it is opened."""
    content = written(with_text(MIXED, text), MIXED)
    table = rows(content)
    assert len(table) == 3
    assert {len(row) for row in table} == {len(table[0])}
    assert not [cell for row in table for cell in row if is_formula(cell)]
    for delimiter in ";\t":  # then a line is one cell, and a number in front of it is followed by our own figures
        cells = [cell for row in rows(content, delimiter) for cell in row]
        assert not [cell for cell in cells if is_formula(cell, number=r"[+-]?\d+(\.\d+)?(,[\d.]*){4},(yes|no).*")]
    assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(c) for c in content.replace("\r\n", "")}


def test_points_that_await_staff_are_no_zero() -> None:
    """A question that nobody has scored has an empty cell; its points stand in a column of their own."""
    header, row = rows(written(STAFF))
    cells = dict(zip(header, row, strict=True))
    assert (cells["score"], cells["max_score"], cells["awaiting"]) == ("2.5", "4", "3")
    assert (cells["points:q1"], cells["status:one.written"]) == ("2.5", "scored")
    assert (cells["points:q2"], cells["status:two.written"]) == ("", "awaiting_staff")
