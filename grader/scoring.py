"""CheckResults + Manifest -> Scorecard: pure arithmetic, no clock, no file, no process."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from grader.errors import GraderError
from grader.manifest import same_points
from grader.placement import CARRIED, WAITING, Worth, worth
from grader.records import (
    CheckResult,
    CheckScore,
    CheckSpec,
    Manifest,
    Mark,
    PartScore,
    Question,
    QuestionScore,
    Scorecard,
    Status,
    Submission,
    Visibility,
)
from grader.sanctions import sanctions

NOT_REACHED = "This check was not reached."
AWAITED = "Course staff read this answer; its points are not part of the score yet."


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

    The points of a check that needs a GPU where there was none are carried or wait, as the manifest says.
    Only PASSED earns a check's points, and where a broken rule takes them it is REFUSED instead. A question that staff
    judge has a check of its own, of the same id, which awaits them: `score` and `max_score` are about what has been
    judged.
    Points are rounded to 6 decimals. A question counts as UNGRADED, and the card as incomplete, also when the
    checks at hand are worth less than the question: nobody has looked at the rest. Raises GraderError for an
    unknown or repeated id, for a check of a question that staff judge, and when the checks of a question are worth
    more than the question.
    """
    outcome = _by_id(specs, results)
    broken = sanctions(manifest, outcome)
    known = {question.id: question for question in manifest.questions}
    for spec in specs:
        if spec.question not in known:
            raise GraderError(f"check {spec.id!r} names the unknown question {spec.question!r}")
        if known[spec.question].written:
            raise GraderError(f"check {spec.id!r} names the question {spec.question!r}, which staff judge")
    here = worth(manifest, specs, {id_ for id_, result in outcome.items() if not result.device})
    checks = (
        *(_check_score(spec, outcome.get(spec.id), broken.taken.get(spec.question, ""), here) for spec in specs),
        *(_awaiting(question) for question in manifest.questions if question.written),
    )
    questions = tuple(
        _question_score(question, [spec for spec in specs if spec.question == question.id], checks, here)
        for question in manifest.questions
    )
    parts = tuple(
        PartScore(id=part.id, title=part.title, score=0.0, max_score=0.0, cap=broken.caps.get(part.id))
        for part in manifest.parts
    )
    statuses = {check.status for check in checks} | {question.status for question in questions}
    card = Scorecard(
        assignment=manifest.id,
        title=manifest.title,
        submission=submission.name,
        digest=digest(submission),
        score=0.0,
        max_score=0.0,
        complete=Status.UNGRADED not in statuses,
        parts=parts,
        questions=questions,
        checks=checks,
        findings=(*submission.findings, *_remarks(specs, outcome), *broken.findings),
        team=submission.team,
        isolation=dict(isolation),
        versions=dict(versions),
        seconds=round(seconds, 6),
        cpu_s=_total(check.cpu_s for check in checks),
    )
    return _added_up(card)


def with_marks(card: Scorecard, marks: Iterable[Mark]) -> Scorecard:
    """The card with the points that staff gave, in place of any that they gave before.

    A mark for a question that the card does not have is passed over: it was graded without that part.
    Raises GraderError for a question that staff do not judge, and for a score that is not between 0 and its points.
    """
    given = {mark.question: mark for mark in marks}
    checks = tuple(_marked(check, given[check.question]) if check.question in given else check for check in card.checks)
    marked = {check.question: check for check in checks if check.question in given}
    questions = tuple(
        structs.replace(
            question,
            score=marked[question.id].score,
            max_score=marked[question.id].max_score,
            awaiting=0.0,
            status=Status.SCORED,
        )
        if question.id in marked
        else question
        for question in card.questions
    )
    return _added_up(structs.replace(card, checks=checks, questions=questions))


def staff_points(check: CheckScore) -> float | None:
    """What an answer is worth that staff judge, whether they have or not; None of any other check."""
    return check.max_score + check.awaiting if check.status in (Status.AWAITING, Status.SCORED) else None


def _marked(check: CheckScore, mark: Mark) -> CheckScore:
    points = staff_points(check)
    if points is None:
        raise GraderError(f"question {mark.question!r} is not one that staff judge")
    if not 0 <= mark.score <= points:  # not of a NaN, either
        raise GraderError(f"question {mark.question!r} was given {mark.score:g} points; it has {points:g}")
    score = _total([mark.score])
    return structs.replace(
        check, status=Status.SCORED, score=score, max_score=points, awaiting=0.0, message=mark.remark
    )


def _added_up(card: Scorecard) -> Scorecard:
    """The card with the figures of its parts and its own made anew from its questions'."""

    def totals(entries: Sequence[QuestionScore] | Sequence[PartScore]) -> dict[str, float]:
        return {
            name: _total(getattr(entry, name) for entry in entries)
            for name in ("score", "max_score", "awaiting")
        }

    parts = tuple(
        _capped(structs.replace(part, **totals([question for question in card.questions if question.part == part.id])))
        for part in card.parts
    )
    return structs.replace(card, parts=parts, **totals(parts))


def _capped(part: PartScore) -> PartScore:
    return part if part.cap is None else structs.replace(part, score=min(part.score, part.cap))


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


def _remarks(specs: Sequence[CheckSpec], outcome: Mapping[str, CheckResult]) -> list[str]:
    """What the checks found besides, in the order of the suite; each thing once."""
    found = [remark for spec in specs if spec.id in outcome for remark in outcome[spec.id].remarks]
    return list(dict.fromkeys(found))


def _check_score(spec: CheckSpec, result: CheckResult | None, taken: str, here: Worth) -> CheckScore:
    """taken: why its points do not count; it costs those that have none no more than the others."""
    if result is None:
        result = CheckResult(id=spec.id, status=Status.UNGRADED, message=NOT_REACHED)
    if taken and spec.points and result.status is Status.PASSED:
        result = structs.replace(result, status=Status.REFUSED, message=f"It passes, but {taken}.")
    if not result.device and spec.points:
        becomes = WAITING if spec.id in here.waiting else CARRIED
        result = structs.replace(result, message=f"{result.message}; {becomes}")
    points = _total([here.points[spec.id]])
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
        cause=result.cause,
        returned=result.returned,
        timing=result.timing,
        seconds=round(result.seconds, 6),
        cpu_s=round(result.cpu_s, 6),
        awaiting=_total([here.waiting.get(spec.id, 0.0)]),
        device=result.device,
    )


def _awaiting(question: Question) -> CheckScore:
    return CheckScore(
        id=question.id,
        title=question.title,
        question=question.id,
        status=Status.AWAITING,
        score=0.0,
        max_score=0.0,
        visibility=Visibility.VISIBLE,
        message=AWAITED,
        awaiting=_total([question.points]),
    )


def _question_score(
    question: Question, specs: Sequence[CheckSpec], checks: Sequence[CheckScore], here: Worth
) -> QuestionScore:
    if question.written:
        return QuestionScore(
            id=question.id,
            part=question.part,
            title=question.title,
            score=0.0,
            max_score=0.0,
            status=Status.AWAITING,
            awaiting=_total([question.points]),
        )
    statuses = {check.id: check.status for check in checks}
    declared = math.fsum(spec.points for spec in specs)
    covered = bool(specs) and same_points(declared, question.points)
    if not covered and declared > question.points:
        raise GraderError(
            f"the checks of question {question.id!r} are worth {declared:g} points, "
            f"more than its {question.points:g}"
        )
    # From the declared points, so that three thirds make one and not 0.999999; same_points may still let
    # the sum be a little over the question's own figure.
    judged = [spec for spec in specs if spec.id not in here.absent]
    all_passed = covered and all(statuses[spec.id] is Status.PASSED for spec in judged)
    waiting = math.fsum(here.waiting.get(spec.id, 0.0) for spec in specs)
    max_score = 0.0 if same_points(waiting, question.points) else _total([question.points, -waiting])
    earned = _total(here.points[spec.id] for spec in judged if statuses[spec.id] is Status.PASSED)
    return QuestionScore(
        id=question.id,
        part=question.part,
        title=question.title,
        score=max_score if all_passed else min(earned, max_score),
        max_score=max_score,
        status=_worst([statuses[spec.id] for spec in judged or specs]) if covered else Status.UNGRADED,
        awaiting=_total([waiting]),
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
