"""Scorecard -> one HTML page for course staff: everything, hidden checks and texts for staff included.

The page is one file without scripts. Its policy lets a browser load and run nothing, every text is cleaned and
escaped, and no text of a student's becomes part of a tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from grader.records import NOT_FAILED, CheckScore, Scorecard, Status
from grader.report.gradescope import (
    STATUS_WORDS,
    awaiting_text,
    by_staff,
    clean_text,
    count_text,
    is_hidden,
    points_text,
)


def render_page(card: Scorecard) -> str:
    """The whole page, self-contained; for staff only."""
    passed = [check for check in card.checks if check.status is Status.PASSED]
    skipped = [check for check in card.checks if check.status is Status.SKIPPED]
    failed = [check for check in card.checks if check.status not in NOT_FAILED]
    return template("page.html").render(
        card=card,
        parts=[(part, [q for q in card.questions if q.part == part.id]) for part in card.parts],
        failed=_alike(failed),
        skipped=_alike(skipped),
        passed=passed,
        written=[check for check in card.checks if by_staff(check)],
        counts=[
            (STATUS_WORDS[status], count)
            for status in Status
            if (count := sum(check.status is status for check in card.checks))
        ],
        held=", ".join(layer for layer, is_on in card.isolation.items() if is_on),
        missing=", ".join(layer for layer, is_on in card.isolation.items() if not is_on),
        versions=", ".join(f"{name} {version}" for name, version in card.versions.items()),
    )


def _alike(checks: Iterable[CheckScore]) -> list[list[CheckScore]]:
    """The checks, those with the same status and texts together: a single cause often fails many."""
    groups: dict[tuple[Status, str, str], list[CheckScore]] = {}
    for check in checks:
        groups.setdefault((check.status, check.message, check.staff), []).append(check)
    return list(groups.values())


def template(name: str) -> Template:
    """One of the templates, in which every text is cleaned and escaped."""
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    # Autoescape does not depend on a file name's ending, and a forgotten variable is an error, not a blank.
    environment = Environment(
        loader=PackageLoader("grader.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"points": points_text, "count": count_text, "awaiting": awaiting_text}
    environment.tests["hidden"] = is_hidden
    environment.globals["words"] = STATUS_WORDS
    return environment


def _clean(value: Any) -> Any:
    # Not of Markup, a subclass of str, which is text that has been escaped.
    return clean_text(value) if type(value) is str else value
