"""The scores that staff gave, from their tables into the reports: all of them, or none when anything is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from grader.errors import GraderError
from grader.intake.archive import shown
from grader.records import Mark, Marks, Scorecard, Status
from grader.report.files import MARKS, write_record, write_reports
from grader.report.gradescope import points_text
from grader.scoring import staff_points, with_marks
from grader.written.folders import Graded, find_graded
from grader.written.marks import load_record
from grader.written.sheets import Row, read_sheet

MOST_COMPLAINTS = 50


class Merged(NamedTuple):
    scores: int  # in the tables
    submissions: int  # whose reports were written
    awaiting: int  # answers without a score, of all submissions


def merge(assignment: str, out: Path, tables: Sequence[Path]) -> Merged:
    """Put the scores of these tables into the reports in `out`.

    Merging the same again changes nothing; a later score for the same answer takes the earlier one's place. Answers
    that the tables leave out keep what they have. Raises GraderError, with a line for every complaint, before anything
    is written; and when something cannot be written, after which merging again completes it.
    """
    graded = {entry.tag: entry for entry in find_graded(out, assignment)}
    cards = {tag: _card(entry) for tag, entry in graded.items()}
    rows: list[Row] = []
    complaints: list[str] = []
    for table in tables:
        found, wrong = read_sheet(table)
        rows += found
        complaints += wrong
    complaints += [f"{row.place}: {text}" for row in rows if (text := _complaint(row, graded, cards))]
    complaints += _contradictions(rows)
    if complaints:
        more = [f"and {len(complaints) - MOST_COMPLAINTS} more"] if len(complaints) > MOST_COMPLAINTS else []
        raise GraderError("\n  ".join(["nothing was merged:", *complaints[:MOST_COMPLAINTS], *more]))
    new: dict[str, list[Row]] = {}
    for row in rows:
        new.setdefault(row.tag, []).append(row)
    for tag in new:
        cards[tag] = _marked(graded[tag], cards[tag], new[tag])
    awaiting = sum(check.status is Status.AWAITING for card in cards.values() for check in card.checks)
    return Merged(scores=len({(row.tag, row.question) for row in rows}), submissions=len(new), awaiting=awaiting)


def _card(entry: Graded) -> Scorecard:
    card = load_record(entry.folder / "scorecard.json", Scorecard)
    if card is None:
        raise GraderError(f"{entry.folder} has no scorecard.json; grade this submission again")
    return card


def _complaint(row: Row, graded: Mapping[str, Graded], cards: Mapping[str, Scorecard]) -> str:
    """What is wrong with a row by itself, or nothing."""
    if row.tag not in graded:
        return f"there is no submission with the tag '{shown(row.tag, 40)}'"
    answers = {answer.question: answer for answer in graded[row.tag].written.answers}
    points = {check.question: staff_points(check) for check in cards[row.tag].checks}.get(row.question)
    if row.question not in answers or points is None:
        return f"{row.tag} has no answer to a question '{shown(row.question, 40)}'"
    if row.score > points:
        return f"{points_text(row.score)} is more than the {points_text(points)} points of {row.question}"
    if row.answer and row.answer != answers[row.question].fingerprint:
        return f"{row.tag} has another answer to {row.question} now; score it on a new page"
    return ""


def _contradictions(rows: Iterable[Row]) -> list[str]:
    first: dict[tuple[str, str], Row] = {}
    complaints = []
    for row in rows:
        other = first.setdefault((row.tag, row.question), row)
        if (row.score, row.remark) != (other.score, other.remark):
            what = "score" if row.score != other.score else "remark"
            complaints.append(f"{row.place}: another {what} for {row.tag}, {row.question} than at {other.place}")
    return complaints


def _marked(entry: Graded, card: Scorecard, rows: Iterable[Row]) -> Scorecard:
    """The card with these scores, written to its folder together with them."""
    prints = {answer.question: answer.fingerprint for answer in entry.written.answers}
    new = [Mark(question=row.question, score=row.score, remark=row.remark, fingerprint=prints[row.question])
           for row in rows]  # fmt: skip
    marks = {mark.question: mark for mark in (*entry.marks, *new)}
    stored = Marks(assignment=card.assignment, marks=tuple(mark for _question, mark in sorted(marks.items())))
    card = with_marks(card, new)
    try:
        # First what the reports can be made from again.
        write_record(stored, entry.folder / MARKS)
        write_reports(card, entry.folder)
    except OSError as error:
        raise GraderError(f"{entry.folder} cannot be written to: {error.strerror}; merge again") from None
    return card
