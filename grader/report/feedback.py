"""Scorecard -> one HTML page for the student: what may be seen of it, and nothing else.

As in `gradescope.py`, hidden checks add to no figure but their own number. They and all that is for staff are taken out
before the page is made, so that no template can show them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import structs

from grader.records import CheckScore, Scorecard, Status
from grader.report.duration import minutes_text
from grader.report.gradescope import INCOMPLETE, by_staff, clean_text, hidden_text, is_hidden, visible_points
from grader.report.html import render_html
from grader.report.page import sections


class Sum(NamedTuple):
    """Points of some visible checks. cap: of a part, no more than that, because a rule was broken."""

    title: str
    score: float
    max_score: float
    awaiting: float
    cap: float | None = None


def render_feedback(card: Scorecard) -> str:
    """The whole page, self-contained and without a script."""
    shown = [structs.replace(check, staff="", cause="", returned="") for check in card.checks if not is_hidden(check)]
    hidden = len(card.checks) - len(shown)
    graded = [check for check in shown if check.status is not Status.UNGRADED]
    judged = [check for check in graded if not by_staff(check)]
    return render_html(
        "feedback.html",
        style="report.css",
        title=card.title,
        submission=card.submission,
        team=card.team,
        total=_sum("", shown)._replace(score=visible_points(card, card.parts, shown)),
        parts=_points(card, shown),
        judged=len(judged),
        earned=sum(check.status is Status.PASSED for check in judged),
        late=_late(card.handed.late_min) if card.handed else "",
        hidden=hidden_text(hidden) if hidden else "",
        incomplete="" if card.complete else INCOMPLETE,
        ungraded=[check for check in shown if check.status is Status.UNGRADED],
        findings=[clean_text(finding, 1_000) for finding in card.findings],
        **sections(graded),
    )


def _points(card: Scorecard, shown: Sequence[CheckScore]) -> list[tuple[Sum, list[Sum]]]:
    """Points of each part and its questions; of those without a visible check there is nothing to say."""
    points = []
    for part in card.parts:
        of_question = [
            (question, [check for check in shown if check.question == question.id])
            for question in card.questions
            if question.part == part.id
        ]
        if any(checks for _question, checks in of_question):
            whole = _sum(part.title, [check for _question, checks in of_question for check in checks])
            whole = whole._replace(score=visible_points(card, [part], shown), cap=part.cap)
            points.append((whole, [_sum(question.title, checks) for question, checks in of_question if checks]))
    return points


def _sum(title: str, checks: Sequence[CheckScore]) -> Sum:
    return Sum(
        title,
        math.fsum(check.score for check in checks),
        math.fsum(check.max_score for check in checks),
        math.fsum(check.awaiting for check in checks),
    )


def _late(late_min: float | None) -> str:
    if late_min is None:
        return "Handed in after the deadline."
    return f"Handed in {minutes_text(late_min)} after the deadline." if late_min > 0 else ""
