"""Scorecard -> one HTML page for course staff: everything, hidden checks and texts for staff included.

The page is one file without scripts. Its policy lets a browser load and run nothing, every text is cleaned and
escaped, and no text of a student's becomes part of a tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grader.records import NOT_FAILED, CheckScore, Scorecard, Status
from grader.report.duration import late_text
from grader.report.gradescope import by_staff, outcome_counts
from grader.report.html import render_html


def render_page(card: Scorecard) -> str:
    """The whole page, self-contained; for staff only."""
    return render_html(
        "page.html",
        style="report.css",
        card=card,
        parts=[(part, [q for q in card.questions if q.part == part.id]) for part in card.parts],
        **sections(card.checks),
        counts=outcome_counts(card.checks),
        held=", ".join(layer for layer, is_on in card.isolation.items() if is_on),
        missing=", ".join(layer for layer, is_on in card.isolation.items() if not is_on),
        late=late_text(card.handed.late_min) if card.handed else "",
        versions=", ".join(f"{name} {version}" for name, version in card.versions.items()),
    )


def sections(checks: Iterable[CheckScore]) -> dict[str, Any]:
    """The checks as pages list them: `passed`, `written`, `timed` (whatever came of them), and in groups with the same
    texts `failed` and `skipped`."""
    checks = list(checks)
    return {
        "failed": _alike(check for check in checks if check.status not in NOT_FAILED),
        "skipped": _alike(check for check in checks if check.status is Status.SKIPPED),
        "passed": [check for check in checks if check.status is Status.PASSED],
        "written": [check for check in checks if by_staff(check)],
        "timed": [check for check in checks if check.timing],
    }


def _alike(checks: Iterable[CheckScore]) -> list[list[CheckScore]]:
    """The checks, those with the same status and texts together: a single cause often fails many."""
    groups: dict[tuple[Status, str, str], list[CheckScore]] = {}
    for check in checks:
        groups.setdefault((check.status, check.message, check.staff), []).append(check)
    return list(groups.values())
