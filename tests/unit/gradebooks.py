"""Gradebooks and graded submissions for tests, with made-up people."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

from grader.gradebook import Filled, Graded, fill_gradebook
from grader.records import HandedIn, Identity, Member

CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Quiz (70),A2: Networks (77),A2: Networks Current Score
,,,,,,Manual Posting,
    Points Possible,,,,,10.00,40.00,(read only)
"Curie, Marie",501,0123,marie@uni.test,S1,7.50,,
"Noether, Emmy",502,0456,emmy@uni.test,S1,8.00,12.00,
"Zhang, Wei",503,0789,wei@uni.test,S1,,,
"Student, Test",599,,5f1e9c,S1,,,
"""

MOODLE = """\
Identifier,"Full name","ID number","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 9001","Marie Curie",0123,marie@uni.test,"Submitted for grading - ",,40.00,Yes,"Monday, 3 June","-",""
"Participant 9002","Emmy Noether",0456,emmy@uni.test,"No submission - ",12.00,40.00,Yes,-,"Monday, 3 June","well
done"
"Participant 9003","Wei Zhang",0789,wei@uni.test,"Submitted for grading - ",,40.00,No,-,-,
"""

MARIE = Identity(name="Marie Curie", email="marie@uni.test", sid="0123")
EMMY = Identity(name="Emmy Noether", email="emmy@uni.test", sid="0456")
WEI = Identity(name="Wei Zhang", email="wei@uni.test", sid="0789")
A2 = "A2: Networks (77)"


def canvas_with(*rows: str, points: str = "40.00") -> str:
    return "\n".join(
        ["Student,ID,SIS User ID,SIS Login ID,Section,A2 (77)", f"    Points Possible,,,,,{points}", *rows, ""]
    )


def moodle_with(*rows: str) -> str:
    head = "Identifier,Full name,ID number,Email address,Grade,Maximum Grade,Grade can be changed"
    return "\n".join([head, *rows, ""])


def graded(
    id_: str,
    score: float,
    *people: Identity,
    team: tuple[Member, ...] = (),
    max_score: float = 40.0,
    final: bool = True,
) -> Graded:
    return Graded(HandedIn(id=id_, people=people), team, score, max_score, final)


def fill(content: str | bytes, *submissions: Graded, column: str = "", name: str = "gradebook.csv") -> Filled:
    """Fill a file with this content, which stays as it was."""
    data = content.encode() if isinstance(content, str) else content
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        filled = fill_gradebook(path, submissions, column=column)
        assert path.read_bytes() == data
    return filled


def cells(content: str, delimiter: str = ",") -> list[list[str]]:
    """The values of a table, as the csv module reads them."""
    return list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter))


def scores(filled: Filled, column: str, delimiter: str = ",") -> list[str]:
    """One column of what was filled, without the headings."""
    table = cells(filled.content.decode("utf-8-sig"), delimiter)
    position = table[0].index(column)
    return [row[position] for row in table[1:]]
