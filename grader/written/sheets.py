"""Tables of scores, as the pages save them and as spreadsheets save those again."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from pathlib import Path
from typing import Final, NamedTuple

from grader.errors import GraderError
from grader.intake.archive import shown

COLUMNS: Final = ("tag", "question", "score", "remark", "answer")
_NEEDED: Final = {"tag", "question", "score"}
_NUMBER: Final = re.compile(r"\+?[0-9]*[.,]?[0-9]*")


class Row(NamedTuple):
    """One row with a score. `answer` is the fingerprint of what was scored, "" where the table has no such column."""

    place: str  # file and line, for complaints
    tag: str
    question: str
    score: float
    remark: str
    answer: str


def read_sheet(path: Path) -> tuple[list[Row], list[str]]:
    """The rows of one CSV file that have a score, and a sentence for every row whose score is no number.

    Commas, semicolons or tabs between the columns and decimal commas are accepted, as a spreadsheet may have saved it
    in another country. Columns are known by their names; others are passed over. Raises GraderError for a file that is
    no such table.
    """
    name = shown(path.name)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise GraderError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GraderError(f"{name} is not UTF-8 text; save it as “CSV UTF-8”") from None
    heading = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=heading.count)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", strict=True)
    rows, complaints = [], []
    try:
        if missing := _NEEDED - {*(table.fieldnames or ())}:
            raise GraderError(f"{name} has no column {', '.join(sorted(missing))}; the first line must name them")
        for record in table:
            fields = {column: (record.get(column) or "").strip() for column in COLUMNS}
            place = f"{name}, line {table.line_num}"
            if not fields["score"]:
                continue
            score = _score(fields["score"])
            if score is None:
                complaints.append(f"{place}: the score '{shown(fields['score'], 40)}' is not a number from 0 up")
                continue
            remark = _without_apostrophe(fields["remark"].replace("\r\n", "\n"))
            rows.append(Row(place, fields["tag"], fields["question"], score, remark, fields["answer"]))
    except csv.Error as error:
        raise GraderError(f"{name} is damaged at line {table.line_num}: {error}") from None
    return rows, complaints


def _score(text: str) -> float | None:
    if not _NUMBER.fullmatch(text) or not any(character.isdigit() for character in text):
        return None
    score = float(text.replace(",", "."))
    return score if math.isfinite(score) else None


def _without_apostrophe(text: str) -> str:
    """A remark as it was typed: the page puts an apostrophe before what a spreadsheet would take for a formula."""
    starts_formula = unicodedata.normalize("NFKC", text[1:2]).startswith(("=", "+", "-", "@"))
    return text[1:] if text.startswith("'") and starts_formula else text
