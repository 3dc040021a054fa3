"""The figures of a class, collected card by card: scores, questions and checks.

Scores and questions are those of complete submissions: of the others nobody knows yet what they will be. Checks are
those of all graded submissions.
"""

from __future__ import annotations

import statistics
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from grader.records import CheckScore, QuestionScore, Scorecard, Status
from grader.report.gradescope import outcome_text

BINS = 10  # of the distribution of scores


@dataclass
class QuestionFigures:
    """Shares of one question's points, and of all the others', of the submissions in which it was judged."""

    shares: array[float] = field(default_factory=lambda: array("d"))
    rests: array[float] = field(default_factory=lambda: array("d"))
    awaiting: int = 0  # submissions in which staff have yet to judge it

    def add(self, question: QuestionScore, card: Scorecard) -> None:
        self.awaiting += bool(question.awaiting)
        if question.max_score:
            rest = card.max_score - question.max_score
            self.shares.append(question.score / question.max_score)
            self.rests.append((card.score - question.score) / rest if rest > 0 else 0.0)

    @property
    def difficulty(self) -> float | None:
        """The mean share; None where nobody has been judged."""
        return mean(self.shares)

    @property
    def full_rate(self) -> float | None:
        """How many earned all of its points."""
        return mean([share == 1.0 for share in self.shares])

    @property
    def discrimination(self) -> float | None:
        """Pearson's correlation of the two shares; None where all are alike in one of them."""
        if min(map(_spread, (self.shares, self.rests))) < 1e-9:
            return None
        return statistics.correlation(self.shares, self.rests)


@dataclass
class CheckFigures:
    """How often a check ended how."""

    id: str
    title: str
    question: str
    visibility: str
    counts: Counter[Status] = field(default_factory=Counter)
    words: dict[Status, dict[str, None]] = field(default_factory=dict)  # how reports call its outcomes

    @property
    def pass_rate(self) -> float | None:
        """Of those that could be graded; None where none could."""
        judged = self.counts.total() - self.counts[Status.UNGRADED]
        return self.counts[Status.PASSED] / judged if judged else None


class ClassFigures:
    """Add every card once; then read."""

    def __init__(self, questions: Sequence[str]) -> None:
        self.questions = {id_: QuestionFigures() for id_ in questions}
        self.checks: dict[str, CheckFigures] = {}  # in the order in which they were first seen
        self.shares = array("d")  # of complete submissions
        self.maxima: set[float] = set()  # likewise
        self.seconds = array("d")
        self.full = 0

    def add(self, card: Scorecard) -> None:
        self.seconds.append(card.seconds)
        for check in card.checks:
            figures = self._check(check)
            figures.counts[check.status] += 1
            figures.words.setdefault(check.status, {})[outcome_text(check)] = None
        if not card.complete:
            return
        for question in card.questions:
            if question.id in self.questions:
                self.questions[question.id].add(question, card)
        self.maxima.add(card.max_score)
        if card.max_score:
            self.shares.append(card.score / card.max_score)
            self.full += card.score == card.max_score

    def _check(self, check: CheckScore) -> CheckFigures:
        if check.id not in self.checks:
            self.checks[check.id] = CheckFigures(check.id, check.title, check.question, check.visibility)
        return self.checks[check.id]

    @property
    def statuses(self) -> Counter[Status]:
        """Outcomes of all checks together."""
        return sum((check.counts for check in self.checks.values()), Counter())

    @property
    def histogram(self) -> list[int]:
        """Submissions by share of the points, in equal steps from none to all; who has all is in the last."""
        counts = Counter(min(int(share * BINS + 1e-9), BINS - 1) for share in self.shares)
        return [counts[at] for at in range(BINS)]


def mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _spread(values: Sequence[float]) -> float:
    return max(values) - min(values) if values else 0.0
