"""Scorecards -> CSV tables for a spreadsheet, in which nothing that a student wrote becomes a formula."""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from grader.records import Identity, Manifest, Row, Scorecard
from grader.report.atomic import PRIVATE, atomic_stream
from grader.report.gradescope import clean_text, team_text

if TYPE_CHECKING:
    from _csv import Writer

MAX_CELL = 200  # characters

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_SUBMISSION = ("submission", "team")
_PERSON = ("submission", *Identity.__struct_fields__, "handed_in_at", "late_min")
_SCORES = ("score", "max_score", "awaiting", "complete")


def write_table(cards: Sequence[Scorecard], path: Path, *, synced: bool = True) -> None:
    """Write a row per submission: `submission`, `team`, `score`, `max_score`, `awaiting` (points that staff still
    have to judge, which `max_score` leaves out), `complete`, the points of every question
    (`points:<id>`) and the status of every check (`status:<id>`). What a submission was not asked stays empty.

    The file is for staff only (0600). It is UTF-8 with a byte order mark: without one, Excel takes it for
    the system's old code page; LibreOffice and pandas read it either way.
    `synced` as in `write_atomically`. Raises OSError.
    """
    questions = list(dict.fromkeys(question.id for card in cards for question in card.questions))
    checks = list(dict.fromkeys(check.id for card in cards for check in card.checks))
    with _opened(path, [*_SUBMISSION, *_SCORES, *_names(questions, checks)], synced) as table:
        for card in cards:
            names = cell(card.submission), cell(team_text(card))
            table.writerow([*names, *_scores(card), *_outcomes(card, questions, checks)])


def write_class_table(
    rows: Iterable[Row], manifest: Manifest, checks: Sequence[str], path: Path, *, synced: bool = True
) -> None:
    """Write a row for each person of a class: a team's score stands beside each of its members, and a submission of
    nobody known has one row without a name.

    checks: ids of all checks that are to have a column; a question that staff judge is a check, too. With the
        manifest's questions they make the columns, whatever the rows hold: the tables of two gradings fit together.
    Columns: `submission`; the person as in `Identity` (numbers of people keep their leading zeros); `handed_in_at`;
    `late_min`, minutes, or `late` when nobody knows by how much; those of `write_table`, and before the questions
    `problem`: why nothing was graded.
    `rows` are read once and written as they come; otherwise as `write_table`.
    """
    questions = [question.id for question in manifest.questions]
    with _opened(path, [*_PERSON, *_SCORES, "problem", *_names(questions, checks)], synced) as table:
        for row in rows:
            handed, card = row.handed, row.card
            # An empty cell and no 0 where nothing was graded: nobody has judged it.
            scores = _scores(card) if card else ["", "", "", "no"]
            outcomes = _outcomes(card, questions, checks) if card else [""] * (len(questions) + len(checks))
            late = "late" if handed.late_min is None else _number(handed.late_min)
            for person in row.people or (Identity(),):
                names = map(cell, (handed.id, *structs.astuple(person), handed.handed_in_at))
                table.writerow([*names, late, *scores, cell(row.problem or handed.problem), *outcomes])


@contextmanager
def _opened(path: Path, names: Sequence[str], synced: bool) -> Iterator[Writer]:
    with atomic_stream(path, PRIVATE, synced=synced) as stream:
        table = csv.writer(codecs.getwriter("utf-8-sig")(stream))
        table.writerow(map(cell, names))
        yield table


def _names(questions: Sequence[str], checks: Sequence[str]) -> list[str]:
    return [*(f"points:{id_}" for id_ in questions), *(f"status:{id_}" for id_ in checks)]


def _scores(card: Scorecard) -> list[str]:
    return [*map(_number, (card.score, card.max_score, card.awaiting)), "yes" if card.complete else "no"]


def _outcomes(card: Scorecard, questions: Sequence[str], checks: Sequence[str]) -> list[str]:
    # Empty, and no 0, where staff have yet to judge all of it.
    points = {
        question.id: "" if question.awaiting and not question.max_score else _number(question.score)
        for question in card.questions
    }
    statuses = {check.id: check.status.value for check in card.checks}
    return [*(points.get(id_, "") for id_ in questions), *(statuses.get(id_, "") for id_ in checks)]


def _number(points: float) -> str:
    return f"{points:.10g}"


def cell(text: str) -> str:
    """One line of text that a spreadsheet leaves alone: where it would start a formula, an apostrophe goes first."""
    text = "".join(filter(str.isprintable, " ".join(clean_text(text, MAX_CELL).split())))
    # A spreadsheet whose language has decimal commas splits the line at semicolons, and a cell starts anew.
    text = text.replace(";", ",").strip()
    # The normal form also knows full-width and small variants, some of which start a formula in Asian editions.
    starts_formula = unicodedata.normalize("NFKC", text[:1]).startswith(("=", "+", "-", "@"))
    return f"'{text}" if starts_formula and not _NUMBER.fullmatch(text) else text
