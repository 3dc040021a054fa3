"""scores.csv: one row per submission, or per person of a class, and not a cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from class_rows import class_manifest, class_rows, class_specs
from hypothesis import given, settings
from test_reports import MIXED, STAFF, card, check, hostile_text, with_text

from grader.records import HandedIn, Identity, Member, Row, Scorecard, Status
from grader.report.table import write_class_table, write_table


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


# --- of a class --------------------------------------------------------------------------------------


def class_written(class_: Iterable[Row], checks: Sequence[str] = ()) -> str:
    with tempfile.TemporaryDirectory() as folder:
        write_class_table(class_, class_manifest(), checks, Path(folder) / "scores.csv", synced=False)
        return (Path(folder) / "scores.csv").read_bytes().decode("utf-8-sig")


def people(*class_: Row, checks: Sequence[str] = ()) -> list[dict[str, str]]:
    header, *lines = rows(class_written(class_, checks))
    return [dict(zip(header, line, strict=True)) for line in lines]


ADA = Identity(name="Ada Lovelace", email="ada@uni.example", sid="00123", participant="77", canvas="5021", team="T1")


def test_a_class_has_a_row_for_each_person() -> None:
    """Each member of a team has the submission's score; numbers keep leading zeros, lateness its three kinds."""
    graded = HandedIn(id="s1", people=(ADA, Identity(name="Zoë")), handed_in_at="2026-10-14 21:05 UTC", late_min=2.5)
    found = people(
        Row(handed=graded, card=MIXED),
        Row(handed=HandedIn(id="s2", late_min=None, problem="No file."), card=None),
        checks=["one.bad"],
    )
    ada = {
        "submission": "s1", "name": "Ada Lovelace", "email": "ada@uni.example", "sid": "00123", "participant": "77",
        "canvas": "5021", "team": "T1", "handed_in_at": "2026-10-14 21:05 UTC", "late_min": "2.5", "score": "6.5",
        "max_score": "17.5", "awaiting": "0", "complete": "yes", "problem": "", "status:one.bad": "timed_out",
    }  # fmt: skip
    zoe = ada | {"name": "Zoë", "email": "", "sid": "", "participant": "", "canvas": "", "team": ""}
    nobody = dict.fromkeys(ada, "") | {"submission": "s2", "late_min": "late", "complete": "no", "problem": "No file."}
    assert [{key: row[key] for key in ada} for row in found] == [ada, zoe, nobody]
    assert list(found[0])[:15] == [*list(ada)[:14], "points:rnn"]


def test_students_txt_names_who_the_platform_does_not() -> None:
    """Its people stand in where the platform knows a group alone, whose name stays; never beside the platform's."""
    team = (Member(name="Alan Turing", number="0456"), Member(name="Grace Hopper", number="0789"))
    card_ = msgspec.structs.replace(MIXED, team=team)
    group = HandedIn(id="s1", people=(Identity(team="Group 7"),))
    assert [(row["name"], row["sid"], row["team"]) for row in people(Row(handed=group, card=card_))] == [
        ("Alan Turing", "0456", "Group 7"), ("Grace Hopper", "0789", "Group 7"),
    ]  # fmt: skip
    for handed, card__, names in (
        (HandedIn(id="s1", people=(ADA,)), card_, ["Ada Lovelace"]),
        (HandedIn(id="s1"), card_, ["Alan Turing", "Grace Hopper"]),
        (group, MIXED, [""]),
        (HandedIn(id="s1"), MIXED, [""]),
    ):
        assert [row["name"] for row in people(Row(handed=handed, card=card__))] == names


def test_the_columns_of_a_class_are_the_callers() -> None:
    """Every question of the manifest and every check that is asked for has its column, in this order, always."""
    checks = [spec.id for spec in class_specs()]
    few, many = (rows(class_written(class_rows(count), checks)) for count in (0, 60))
    assert few == [many[0]]
    assert many[0][14:] == [
        *(f"points:{question.id}" for question in class_manifest().questions), *(f"status:{id_}" for id_ in checks),
    ]  # fmt: skip
    by_person = {(row.handed.id, person.email): row for row in class_rows(60) for person in row.people}
    assert len(many) - 1 == len(by_person) > 60
    for line in many[1:]:
        row = dict(zip(many[0], line, strict=True))
        graded = by_person[row["submission"], row["email"]].card
        if graded is None:
            assert set(line[14:]) == {""} and row["problem"]
            continue
        assert float(row["score"]) == graded.score
        assert {row[f"status:{id_}"] for id_ in checks} == {each.status for each in graded.checks if each.id in checks}
        for question in graded.questions:
            assert row[f"points:{question.id}"] == ("" if question.awaiting else f"{question.score:.10g}")


def test_an_unfinished_table_is_no_table(tmp_path: Path) -> None:
    """A table whose rows end with an error takes no one's place, and nothing is left of it."""
    path = tmp_path / "scores.csv"
    path.write_text("old")
    def stream() -> Iterator[Row]:
        yield from class_rows(3)
        raise RuntimeError("the disk of the reports is gone")

    with pytest.raises(RuntimeError, match="is gone"):
        write_class_table(stream(), class_manifest(), [], path)
    assert path.read_text() == "old" and [file.name for file in tmp_path.iterdir()] == ["scores.csv"]


@given(hostile_text)
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_any_text_keeps_the_table_of_a_class(text: str) -> None:
    """Whatever stands in every text of a row, the table has its columns and no formula."""
    handed = with_text(HandedIn(id="s", people=(ADA, ADA), handed_in_at="t", problem="p"), text)
    graded = Row(handed=handed, card=with_text(MIXED, text), problem=text)
    table = rows(class_written([graded, Row(handed=handed, card=None)], ["one", text]))
    assert len(table) == 5
    assert {len(line) for line in table} == {len(table[0])}
    assert not [cell for line in table for cell in line if is_formula(cell)]
