"""Scores into the teacher's own gradebook: the table that Canvas or Moodle made, with nothing changed but the scores.

A table made up here would lack what the platforms look for (ids, dates, assignments' numbers), or make Canvas offer a
new assignment; the downloaded one has it all, as long as every other cell comes back as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from grader.errors import GraderError
from grader.gradebook import canvas, moodle
from grader.gradebook.layout import Gradebook, Seat, differ, number, text_key
from grader.gradebook.people import Matches, Person, match, people_of
from grader.gradebook.raw_table import RawTable, read_table
from grader.intake.archive import shown
from grader.records import HandedIn, Member
from grader.report.gradescope import count_text, points_text


class Graded(NamedTuple):
    """One submission with its score.

    team: the people of students.txt. final: False while something is ungraded or awaits staff; the score is then not
    filled in.
    """

    handed: HandedIn
    team: tuple[Member, ...]
    score: float
    max_score: float
    final: bool


class Filled(NamedTuple):
    """A gradebook with scores, and one line for everybody who is not as one would expect.

    content: the file. heading: of the column with the scores. written: rows that hold a score of ours, also where the
    same number stood there before. missing: people of the gradebook without a submission. unmatched: submissions with
    people who are not in the gradebook. left: rows with a submission that were left alone, each with the reason.
    """

    content: bytes
    heading: str
    written: int
    missing: tuple[str, ...]
    unmatched: tuple[str, ...]
    left: tuple[str, ...]


def fill_gradebook(path: Path, graded: Sequence[Graded], *, column: str = "") -> Filled:
    """Fill scores into a gradebook exported from Canvas or a grading worksheet of Moodle (both CSV).

    Scores have at most two decimals and the file's decimal mark; a score that stands there is replaced. Left alone are
    rows that the platform keeps (excused, not assigned, locked) or that hold a word, scores that are not final or not
    between 0 and the maximum, and people who cannot be told apart or have several submissions with different scores.

    column: the assignment in a gradebook of Canvas, by title or id; "" for the only one with as many points as were
    graded. Raises GraderError, one sentence, for another kind of file, for an assignment with other points, and when
    nobody in the file handed in.
    """
    table = read_table(path, _known)
    book = _recognised(table, shown(path.name), column, _max_score(graded))
    people = [person for index, one in enumerate(graded) for person in people_of(index, one.handed.people, one.team)]
    matches = match(people, book)
    if not matches.submissions and not matches.unclear:
        raise GraderError(
            f"{shown(path.name)} holds none of the people of {count_text(len(graded), 'submission')}; is it the "
            f"{book.kind} table of this course, with ids?"
        )
    values: dict[tuple[int, int], str] = {}
    missing, left = [], []
    written = 0
    for seat in book.seats:
        mine = [graded[submission] for submission in sorted(matches.submissions.get(seat.row, ()))]
        if not mine and seat.row not in matches.unclear:
            missing += [seat.label] if seat.real else []
        elif reason := matches.unclear.get(seat.row) or _why_left(table, book, seat, mine):
            left.append(f"{seat.label} {reason}")
        else:
            written += 1
            # The same number, written otherwise ("7.50"), stays as it is.
            text = _points(mine[0].score)
            before = number(table.value(seat.row, book.column))
            if before is None or before != float(text):
                values[seat.row, book.column] = text.replace(".", book.mark)
    unmatched = _unmatched(graded, people, matches)
    return Filled(table.filled(values), book.heading, written, tuple(missing), unmatched, tuple(left))


def _known(headings: Sequence[str]) -> int:
    return sum(text_key(heading) in canvas.HEADINGS | moodle.HEADINGS for heading in headings)


def _recognised(table: RawTable, name: str, column: str, max_score: float | None) -> Gradebook:
    if canvas.is_canvas(table.headings):
        return canvas.canvas_gradebook(table, column, max_score)
    identifier = moodle.identifier_column(table)
    if identifier is not None:
        return moodle.moodle_worksheet(table, identifier, column, max_score)
    keys = {text_key(heading) for heading in table.headings}
    if "sid" in keys and any(key.endswith("max points") for key in keys):
        raise GraderError(f"{name} is a table of Gradescope, which takes scores from results.json and from no table")
    raise GraderError(
        f"{name} is no gradebook of Canvas (“Student”, “ID”) and no grading worksheet of Moodle in a language known "
        f"here (“Identifier”, “Grade”); its headings are {moodle.shown_headings(table)}; export it again, and from "
        "Moodle with your language set to English"
    )


def _max_score(graded: Sequence[Graded]) -> float | None:
    """The maximum of all final scores; None where none is final. Raises GraderError where they differ."""
    final = [one for one in graded if one.final]
    for one in final:
        if differ(one.max_score, final[0].max_score):
            raise GraderError(
                f"{shown(final[0].handed.id)} was graded out of {points_text(final[0].max_score)} and "
                f"{shown(one.handed.id)} out of {points_text(one.max_score)}; grade both by the same suite first"
            )
    return final[0].max_score if final else None


def _why_left(table: RawTable, book: Gradebook, seat: Seat, mine: Sequence[Graded]) -> str:
    """Why the score of these submissions, all of one person, does not go into this person's row; "" if it does."""
    ids = ", ".join(f"{shown(one.handed.id)} ({points_text(one.score)})" for one in mine)
    if len({(points_text(one.score), one.final) for one in mine}) > 1:
        return f"is in several submissions with different scores: {ids}"
    if not mine[0].final:
        return f"has no final score yet: {ids}"
    score, max_score = mine[0].score, mine[0].max_score  # NaN is in no range
    if not 0 <= score <= max_score:
        return f"has a score out of range, {points_text(score)} of {points_text(max_score)}: {ids}"
    if seat.keep:
        return seat.keep
    if book.column >= len(table.rows[seat.row]):
        return "has a row that ends before the column of scores"
    present = table.value(seat.row, book.column)
    if present not in ("", "-") and number(present) is None:
        return f"has “{shown(present, 40)}” where the score would stand"
    return ""


def _unmatched(graded: Sequence[Graded], people: Sequence[Person], matches: Matches) -> tuple[str, ...]:
    found = Counter(index for indices in matches.submissions.values() for index in indices)
    strangers: dict[int, list[str]] = {}
    for person in matches.strangers:
        strangers.setdefault(person.submission, []).append(person.label)
    somebody = {person.submission for person in people}
    lines = []
    for index, one in enumerate(graded):
        # Who is on the platform and in students.txt under two spellings is found once: nobody is missing then.
        if index in strangers and found[index] < max(len(one.handed.people), len(one.team)):
            lines.append(f"{shown(one.handed.id)}: {', '.join(strangers[index])}")
        elif index not in somebody:
            lines.append(f"{shown(one.handed.id)} names nobody")
    return tuple(lines)


def _points(score: float) -> str:
    return points_text(score + 0.0)  # of -0.0 only 0 remains
