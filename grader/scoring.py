"""CheckResults + Manifest -> Scorecard: pure arithmetic, no clock, no file, no process."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence

from grader.errors import GraderError
from grader.manifest import same_points
from grader.records import (
    CheckResult,
    CheckScore,
    CheckSpec,
    Manifest,
    PartScore,
    Question,
    QuestionScore,
    Scorecard,
    Status,
    Submission,
)

NOT_REACHED = "This check was not reached."


def score(
    manifest: Manifest,
    specs: Sequence[CheckSpec],
    results: Mapping[str, CheckResult] | Sequence[CheckResult],
    *,
    submission: Submission,
    isolation: Mapping[str, bool],
    versions: Mapping[str, str],
    seconds: float,
) -> Scorecard:
    """The Scorecard of one graded submission.

    specs: the suite, in the order in which the checks are listed.
    results: in any order; a check without a result is UNGRADED.
    seconds: wall-clock time of the whole run, by the parent's clock.

    Only PASSED earns a check's points. Points are rounded to 6 decimals. A question counts as UNGRADED,
    and the card as incomplete, also when the checks at hand are worth less than the question: nobody has
    looked at the rest. Raises GraderError for an unknown or repeated id, and when the checks of a question
    are worth more than the question.
    """
    outcome = _by_id(specs, results)
    checks = tuple(_check_score(spec, outcome.get(spec.id)) for spec in specs)
    known = {question.id for question in manifest.questions}
    for spec in specs:
        if spec.question not in known:
            raise GraderError(f"check {spec.id!r} names the unknown question {spec.question!r}")
    questions = tuple(
        _question_score(question, [spec for spec in specs if spec.question == question.id], checks)
        for question in manifest.questions
    )
    parts = tuple(
        PartScore(
            id=part.id,
            title=part.title,
            score=_total(question.score for question in questions if question.part == part.id),
            max_score=_total(question.max_score for question in questions if question.part == part.id),
        )
        for part in manifest.parts
    )
    statuses = {check.status for check in checks} | {question.status for question in questions}
    return Scorecard(
        assignment=manifest.id,
        title=manifest.title,
        submission=submission.name,
        digest=digest(submission),
        score=_total(question.score for question in questions),
        max_score=_total(question.max_score for question in questions),
        complete=Status.UNGRADED not in statuses,
        parts=parts,
        questions=questions,
        checks=checks,
        findings=submission.findings,
        isolation=dict(isolation),
        versions=dict(versions),
        seconds=round(seconds, 6),
        cpu_s=_total(check.cpu_s for check in checks),
    )


def digest(submission: Submission) -> str:
    """sha256 (hex) over the sorted (file, hash) pairs: equal for equal content, wherever it was staged."""
    pairs = json.dumps(sorted(submission.hashes.items()))  # escapes all that is not ASCII, surrogates too
    return hashlib.sha256(pairs.encode("ascii")).hexdigest()


def _by_id(
    specs: Sequence[CheckSpec], results: Mapping[str, CheckResult] | Sequence[CheckResult]
) -> dict[str, CheckResult]:
    known: set[str] = set()
    for spec in specs:
        if spec.id in known:
            raise GraderError(f"check {spec.id!r} is declared twice")
        known.add(spec.id)
    if isinstance(results, Mapping):
        for key, result in results.items():
            if key != result.id:
                raise GraderError(f"the result filed under {key!r} belongs to check {result.id!r}")
        results = list(results.values())
    outcome: dict[str, CheckResult] = {}
    for result in results:
        if result.id not in known:
            raise GraderError(f"a result for the unknown check {result.id!r}")
        if result.id in outcome:
            raise GraderError(f"two results for check {result.id!r}")
        outcome[result.id] = result
    return outcome


def _check_score(spec: CheckSpec, result: CheckResult | None) -> CheckScore:
    if result is None:
        result = CheckResult(id=spec.id, status=Status.UNGRADED, message=NOT_REACHED)
    points = _total([spec.points])
    return CheckScore(
        id=spec.id,
        title=spec.title,
        question=spec.question,
        status=result.status,
        score=points if result.status is Status.PASSED else 0.0,
        max_score=points,
        visibility=spec.visibility,
        message=result.message,
        staff=result.staff,
        seconds=round(result.seconds, 6),
        cpu_s=round(result.cpu_s, 6),
    )


def _question_score(
    question: Question, specs: Sequence[CheckSpec], checks: Sequence[CheckScore]
) -> QuestionScore:
    statuses = {check.id: check.status for check in checks}
    worth = math.fsum(spec.points for spec in specs)
    covered = bool(specs) and same_points(worth, question.points)
    if not covered and worth > question.points:
        raise GraderError(
            f"the checks of question {question.id!r} are worth {worth:g} points, "
            f"more than its {question.points:g}"
        )
    # From the declared points, so that three thirds make one and not 0.999999; same_points may still let
    # the sum be a little over the question's own figure.
    all_passed = covered and all(statuses[spec.id] is Status.PASSED for spec in specs)
    max_score = _total([question.points])
    earned = _total(spec.points for spec in specs if statuses[spec.id] is Status.PASSED)
    return QuestionScore(
        id=question.id,
        part=question.part,
        title=question.title,
        score=max_score if all_passed else min(earned, max_score),
        max_score=max_score,
        status=_worst([statuses[spec.id] for spec in specs]) if covered else Status.UNGRADED,
    )


def _worst(statuses: Sequence[Status]) -> Status:
    """UNGRADED before all, then the first failure; SKIPPED says nothing of its own while a failure does."""
    if Status.UNGRADED in statuses:
        return Status.UNGRADED
    failures = [status for status in statuses if status not in (Status.PASSED, Status.SKIPPED)]
    if failures:
        return failures[0]
    return Status.SKIPPED if Status.SKIPPED in statuses else Status.PASSED


def _total(amounts: Iterable[float]) -> float:
    return round(math.fsum(amounts), 6)
