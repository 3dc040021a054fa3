"""Scorecards -> one CSV table for a spreadsheet, in which nothing that a student wrote becomes a formula."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from grader.records import Scorecard
from grader.report.atomic import PRIVATE, write_atomically
from grader.report.gradescope import clean_text, team_text

MAX_CELL = 200  # characters

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def write_table(cards: Sequence[Scorecard], path: Path, *, synced: bool = True) -> None:
    """Write a row per submission: `submission`, `team`, `score`, `max_score`, `awaiting` (points that staff still
    have to judge, which `max_score` leaves out), `complete`, the points of every question
    (`points:<id>`) and the status of every check (`status:<id>`). What a submission was not asked stays empty.

    The file is for staff only (0600). It is UTF-8 with a byte order mark: without one, Excel takes it for
    the system's old code page; LibreOffice and pandas read it either way.
    `synced` as in `write_atomically`. Raises OSError.
    """
    write_atomically(path, _table(cards).encode("utf-8-sig"), PRIVATE, synced=synced)


def _table(cards: Sequence[Scorecard]) -> str:
    questions = dict.fromkeys(question.id for card in cards for question in card.questions)
    checks = dict.fromkeys(check.id for card in cards for check in card.checks)
    stream = io.StringIO()
    table = csv.writer(stream)
    names = [*(f"points:{id_}" for id_ in questions), *(f"status:{id_}" for id_ in checks)]
    table.writerow(["submission", "team", "score", "max_score", "awaiting", "complete", *map(cell, names)])
    for card in cards:
        # Empty, and no 0, where staff have yet to judge all of it.
        points = {
            question.id: "" if question.awaiting and not question.max_score else _number(question.score)
            for question in card.questions
        }
        statuses = {check.id: check.status.value for check in card.checks}
        table.writerow(
            [
                cell(card.submission),
                cell(team_text(card)),
                _number(card.score),
                _number(card.max_score),
                _number(card.awaiting),
                "yes" if card.complete else "no",
                *(points.get(id_, "") for id_ in questions),
                *(statuses.get(id_, "") for id_ in checks),
            ]
        )
    return stream.getvalue()


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
