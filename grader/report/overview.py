"""A class -> one HTML page for course staff: what needs a person, how scores are spread, who shares which mistake, and
a table of all submissions.

The page is one file that loads nothing. Its figures are text; its one script builds the table out of data in the page.
A card is dropped as soon as its figures are taken, so that a class may be large.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nlargest
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from grader.records import Manifest, Question, Row, Scorecard, Status
from grader.report.atomic import PRIVATE, write_atomically
from grader.report.duration import late_text
from grader.report.figures import CheckFigures, ClassFigures, QuestionFigures, mean, median
from grader.report.gradescope import STATUS_WORDS, clean_text, count_text
from grader.report.html import embedded, render_html
from grader.report.mistakes import Copies, Mistakes

MAX_ATTENTION = 20  # listed on top; the table has all of them
MAX_SLOWEST = 5
MAX_GROUPS = 100  # of submissions with the same mistake, and of such with the same files
MAX_TEXT = 200  # characters of a name or a reason

NOT_GRADED = "not graded"
_LETTERS = {status: chr(ord("a") + at) for at, status in enumerate(Status)}


class Entry(NamedTuple):
    """What remains of a row."""

    id: str
    people: str
    known_as: str  # further words that a search should find
    late: tuple[float, str] | None  # minutes, and in words
    state: str  # in a word, what a person should look at; "" where nothing is wrong
    reason: str  # and why
    score: float = 0.0
    max_score: float = 0.0
    seconds: float = 0.0
    outcomes: str = ""  # a letter per check, as `_LETTERS` has it; a number before a letter repeats it

    @property
    def graded(self) -> bool:
        return self.state != NOT_GRADED


def write_overview(rows: Iterable[Row], manifest: Manifest, path: Path) -> None:
    """Write the page to `path`, for staff only (0600). It links to `<id>/report.html` beside it.

    rows: read once, as they come. Raises OSError.
    """
    overview = Overview(manifest)
    for row in rows:
        overview.add(row)
    write_atomically(path, overview.render().encode("utf-8"), PRIVATE)


class Overview:
    """Add every row once; then render."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._figures = ClassFigures([question.id for question in manifest.questions])
        self._mistakes = Mistakes()
        self._copies = Copies()
        self._having: Counter[Status] = Counter()  # submissions with a check that ended so
        self._entries: list[Entry] = []

    def add(self, row: Row) -> None:
        card = row.card
        if card is None:
            self._entries.append(_entry(row))
            return
        at = len(self._entries)
        self._figures.add(card)
        self._mistakes.add(at, card.checks)
        self._copies.add(at, card.digest)
        self._having.update({check.status for check in card.checks})
        self._entries.append(
            _entry(row)._replace(
                score=card.score,
                max_score=card.max_score,
                seconds=round(card.seconds, 2),
                outcomes=_outcomes(card, self._figures.checks),
            )
        )

    def render(self) -> str:
        """The whole page, self-contained."""
        entries, figures = self._entries, self._figures
        attention = sorted((entry for entry in entries if entry.state), key=lambda entry: entry.graded)
        groups = self._mistakes.groups()
        copies = self._copies.groups()
        shown, shown_copies = groups[:MAX_GROUPS], copies[:MAX_GROUPS]
        return render_html(
            "overview.html",
            style="overview.css",
            script="overview.js",
            manifest=self._manifest,
            entries=entries,
            figures=figures,
            graded=[entry for entry in entries if entry.graded],
            attention=attention,
            late=sum(entry.late is not None for entry in entries),
            mean=mean(figures.shares),
            median=median(figures.shares),
            # In points only where they are the same for all: staff may have judged some answers of some people.
            points=max(figures.maxima) if len(figures.maxima) == 1 else None,
            median_s=median(figures.seconds),
            slowest=nlargest(MAX_SLOWEST, (e for e in entries if e.graded), key=lambda entry: entry.seconds),
            max_attention=MAX_ATTENTION,
            parts=self._parts(),
            checks=self._checks(),
            having=self._having,
            groups=shown,
            groups_left=len(groups) - len(shown),
            copies=shown_copies,
            copies_left=len(copies) - len(shown_copies),
            identical=[set(members) for members in copies],
            data=embedded(self._data([*(group.members for group in shown), *shown_copies])),
        )

    def _parts(self) -> list[tuple[str, list[tuple[Question, QuestionFigures]]]]:
        figures = self._figures.questions
        return [
            (part.title, [(each, figures[each.id]) for each in self._manifest.questions if each.part == part.id])
            for part in self._manifest.parts
        ]

    def _checks(self) -> list[tuple[Question, list[CheckFigures]]]:
        """Those of the suite, by question; what staff judge is a question and no more."""
        return [
            (question, checks)
            for question in self._manifest.questions
            if not question.written
            and (checks := [check for check in self._figures.checks.values() if check.question == question.id])
        ]

    def _data(self, groups: Sequence[Sequence[int]]) -> dict[str, Any]:
        """What the script makes the table of."""
        scores = [entry.score for entry in self._entries]
        return {
            "checks": [_line(id_) for id_ in self._figures.checks],
            "statuses": {_LETTERS[status]: [status.value, STATUS_WORDS[status]] for status in Status},
            "passed": _LETTERS[Status.PASSED],
            "awaiting": _LETTERS[Status.AWAITING],
            "scored": _LETTERS[Status.SCORED],
            "notGraded": NOT_GRADED,
            # As many decimals for all scores as one of them needs, so that the points stand in line.
            "decimals": next(n for n in (0, 1, 2) if n == 2 or all(abs(s - round(s, n)) < 0.005 for s in scores)),
            "groups": groups,
            "rows": self._entries,
        }


def _entry(row: Row) -> Entry:
    state, reason = _attention(row)
    people = [_line(person.name or person.email or person.sid or person.team) for person in row.people]
    known_as = dict.fromkeys(word for person in row.people for word in structs.astuple(person)[1:] if word)
    return Entry(
        id=_line(row.handed.id),
        people=", ".join(filter(None, people)),
        known_as=" ".join(map(_line, known_as)),
        late=_late(row.handed.late_min),
        state=state,
        reason=_line(reason),
    )


def _line(text: str) -> str:
    return " ".join(clean_text(text, MAX_TEXT).split())


def _late(late_min: float | None) -> tuple[float, str] | None:
    text = late_text(late_min)
    return (late_min or 0.0, text) if text else None


def _attention(row: Row) -> tuple[str, str]:
    """State and reason of an entry."""
    problem = row.problem or row.handed.problem
    if row.card is None:
        return NOT_GRADED, problem or "Nothing could be graded."
    if row.card.complete:
        return ("problem", problem) if problem else ("", "")
    lost = [check for check in row.card.checks if check.status is Status.UNGRADED]
    if not lost:
        return "incomplete", "The checks of a question are worth less than the question."
    more = f" and {count_text(len(lost) - 1, 'more check')}" if len(lost) > 1 else ""
    return "incomplete", f"{lost[0].id}{more} could not be graded: {lost[0].message}"


def _outcomes(card: Scorecard, checks: Iterable[str]) -> str:
    letters = {check.id: _LETTERS[check.status] for check in card.checks}
    return re.sub(r"(.)\1\1+", lambda run: f"{len(run[0])}{run[1]}", "".join(letters.get(id_, " ") for id_ in checks))
