"""Scorecard -> the object that Gradescope reads from `results.json`.

Source of the format: gradescope/autograder_samples, docs/specs.md; `schemas/results.schema.json` states it.
Titles, messages and findings may hold text that a student controls, so all of them are cleaned and cut here.
Staff text and CPU times stay in `scorecard.json`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from grader.records import CheckResult, CheckScore, PartScore, Scorecard, Status, Visibility
from grader.report.timing import speed_text
from grader.scoring import staff_points

MAX_NAME = 200  # characters
MAX_OUTPUT = 10_000  # characters of one message; Gradescope itself cuts at about 100,000
MAX_FINDINGS = 10_000  # characters of all findings together

STATUS_WORDS = {
    Status.PASSED: "passed",
    Status.FAILED: "wrong values",
    Status.NOT_IMPLEMENTED: "not implemented",
    Status.RAISED: "raised an exception",
    Status.TIMED_OUT: "ran out of time",
    Status.OUT_OF_MEMORY: "ran out of memory",
    Status.CRASHED: "crashed",
    Status.REFUSED: "refused",
    Status.SKIPPED: "skipped",
    Status.UNGRADED: "could not be graded",
    Status.AWAITING: "awaiting staff",
    Status.SCORED: "scored by staff",
}

INCOMPLETE = (
    "Not everything could be graded. This is a fault of the grading system and not of your submission: course staff "
    "must run it again, and this score is not final."
)

# The text of a sequence holds no other one's start: else a row of starts would be searched through once for each.
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"  # OSC, DCS … and end
    r"|\x1b[ -/]*[0-~]"  # the short ones
)
# Direction overrides and isolates would let a message pass itself off as another one.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINE_END = re.compile(r"\r\n|[\r\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def gradescope_results(card: Scorecard) -> dict[str, Any]:
    """The content of `results.json`: plain dicts, lists, strings and numbers, valid by the schema.

    Tests come in the manifest's order of questions, numbered "<question>.<check>" from 1.
    """
    tests = [
        _test(check, f"{question_index}.{check_index}")
        for question_index, question in enumerate(card.questions, start=1)
        for check_index, check in enumerate(
            (check for check in card.checks if check.question == question.id), start=1
        )
    ]
    results: dict[str, Any] = {
        "output": _summary(card),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "execution_time": round(card.seconds, 3),
        "tests": tests,
        "extra_data": {
            "assignment": card.assignment,
            "complete": card.complete,
            "digest": card.digest,
            "versions": card.versions,
        },
    }
    # A top-level score overrides the tests' sum, so one home for the points is better: the tests. But
    # Gradescope lets it be left out only if every test has a score, which an entry without points has not.
    if not tests or any("score" not in test for test in tests):
        results["score"] = card.score
    return results


def team_text(card: Scorecard) -> str:
    """Who handed in, in one line."""
    return ", ".join(member.shown for member in card.team)


def clean_text(text: str, limit: int = MAX_OUTPUT) -> str:
    """Text that is safe to show: `\\n` line ends, no escape sequences, no control characters but newline
    and tab, no lone surrogates, at most `limit` characters (the middle of a longer text is left out)."""
    if not text.isprintable():  # else it has nothing of all that, as most texts
        text = _ESCAPE_SEQUENCE.sub("", text)
        text = _LINE_END.sub("\n", text)
        text = replace_surrogates(_CONTROL.sub("", text))
    if len(text) <= limit:
        return text
    mark = f" [… middle left out: {len(text)} characters in all …] "
    room = max(limit - len(mark), 0)
    tail = room // 3
    return (text[: room - tail] + mark + text[len(text) - tail :])[:limit]


def replace_surrogates(text: str) -> str:
    """`text` with U+FFFD for every lone surrogate, which UTF-8 cannot carry."""
    return _SURROGATE.sub("\ufffd", text)


def outcome_text(check: CheckScore | CheckResult) -> str:
    """What became of a check, in words. One that failed after its times were taken gave right values."""
    return "too slow" if check.timing and check.status is Status.FAILED else STATUS_WORDS[check.status]


def outcome_counts(checks: Iterable[CheckScore]) -> list[tuple[str, int]]:
    """How many checks ended how, in the order of Status."""
    order = list(Status)
    return list(Counter(map(outcome_text, sorted(checks, key=lambda check: order.index(check.status)))).items())


def is_hidden(check: CheckScore) -> bool:
    """Whether students may not (yet) see the outcome of this check."""
    return check.visibility is not Visibility.VISIBLE


def hidden_text(hidden: int) -> str:
    """What a student is told of that many hidden checks."""
    are_hidden = "check is hidden: its" if hidden == 1 else "checks are hidden: their"
    return f"{hidden} more {are_hidden} result and points are not shown and are not part of the figures above."


def points_text(points: float) -> str:
    """Points for people, with at most two decimals: 37.5, 40, 0.33."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def awaiting_text(awaiting: float) -> str:
    """What follows points in a sum, if anything: `, 5 awaiting staff`."""
    return f", {points_text(awaiting)} awaiting staff" if awaiting else ""


def visible_points(card: Scorecard, parts: Iterable[PartScore], shown: Sequence[CheckScore]) -> float:
    """What the checks that are shown earn in these parts, as far as broken rules let it count."""
    part_of = {question.id: question.part for question in card.questions}
    return math.fsum(
        min(
            math.fsum(check.score for check in shown if part_of[check.question] == part.id),
            math.inf if part.cap is None else part.cap,
        )
        for part in parts
    )


def cap_text(cap: float | None) -> str:
    """What is told of a part, if anything: `at most 3, because a rule was broken`."""
    return "" if cap is None else f"at most {points_text(cap)}, because a rule was broken"


def by_staff(check: CheckScore) -> bool:
    """Whether staff judge this, and not the suite."""
    return staff_points(check) is not None


def count_text(count: int, noun: str) -> str:
    """`1 check`, `3 checks`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _test(check: CheckScore, number: str) -> dict[str, Any]:
    test: dict[str, Any] = {
        "number": number,
        "name": clean_text(check.title or check.id, MAX_NAME),
        "visibility": check.visibility.value,
        "output": _output(check),
        "extra_data": {"check": check.id, "status": check.status.value},
    }
    if not by_staff(check):  # theirs may be worth part of the points, or await them
        test["status"] = "passed" if check.status is Status.PASSED else "failed"
    if check.max_score > 0:  # without points it is for information, and Gradescope shows the status alone
        test |= {"score": check.score, "max_score": check.max_score}
    return test


def _output(check: CheckScore) -> str:
    output = clean_text(check.message) or f"{outcome_text(check).capitalize()}."
    if check.timing and check.status is Status.PASSED:  # one that was too slow has its figures in the message
        output += f"\n\nSpeed: {speed_text(check.timing)}."
    return output


def _summary(card: Scorecard) -> str:
    """The text over all tests. It is always visible, so hidden checks add to no figure in it but their
    own number."""
    shown = [check for check in card.checks if not is_hidden(check)]
    hidden = len(card.checks) - len(shown)
    judged = [check for check in shown if not by_staff(check)]
    passed = sum(check.status is Status.PASSED for check in judged)
    earned = points_text(visible_points(card, card.parts, shown))
    possible = points_text(math.fsum(check.max_score for check in shown))
    subject = "visible check" if hidden else "check"
    paragraphs = [
        f"Score: {earned} / {possible} points{awaiting_text(card.awaiting)}, "
        f"{passed} of {count_text(len(judged), subject)} passed."
    ]
    capped = [part for part in card.parts if part.cap is not None]
    paragraphs += [f"{clean_text(part.title, MAX_NAME)}: {cap_text(part.cap)}." for part in capped]
    if hidden:
        paragraphs.append(hidden_text(hidden))
    if not card.complete:
        paragraphs.append(INCOMPLETE)
    if card.findings:
        lines = "\n".join(f"- {clean_text(finding, 1_000)}" for finding in card.findings)
        paragraphs.append("About the files you handed in:\n" + clean_text(lines, MAX_FINDINGS))
    return "\n\n".join(paragraphs)
