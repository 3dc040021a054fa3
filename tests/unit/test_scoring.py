"""Scoring is arithmetic on statuses: only PASSED earns, nothing can earn more than the manifest grants."""

from __future__ import annotations

import hashlib
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import GraderError
from grader.records import (
    CheckResult,
    CheckSpec,
    Manifest,
    Mark,
    Part,
    Question,
    Scorecard,
    Status,
    Submission,
    Visibility,
    Written,
)
from grader.scoring import digest, score, with_marks

SUBMISSION = Submission(
    name="sample",
    root="staged",
    hashes={"b.py": "02", "a.py": "01"},
    findings=("a.py lay in a folder of its own.",),
)


def build(*worth: tuple[float, ...]) -> tuple[Manifest, list[CheckSpec]]:
    """A manifest with one question per tuple, in two parts, and a suite with one check per number."""
    questions = tuple(
        Question(id=f"q{index}", part=f"p{index % 2}", title=f"Question {index}", points=sum(points))
        for index, points in enumerate(worth)
    )
    parts = tuple(
        Part(
            id=part,
            title=part,
            points=sum(question.points for question in questions if question.part == part),
        )
        for part in ("p0", "p1")
    )
    specs = [
        CheckSpec(
            id=f"q{index}.{position}",
            title=f"Check {position}",
            question=f"q{index}",
            points=points,
            visibility=Visibility.VISIBLE,
        )
        for index, checks in enumerate(worth)
        for position, points in enumerate(checks)
    ]
    manifest = Manifest(
        id="a9", title="Assignment 9", submitted=("a.py", "b.py"), given=(), parts=parts, questions=questions
    )
    return manifest, specs


def grade(manifest: Manifest, specs: list[CheckSpec], results: list[CheckResult]) -> Scorecard:
    return score(
        manifest,
        specs,
        results,
        submission=SUBMISSION,
        isolation={"landlock": True},
        versions={"python": "3.11"},
        seconds=1.5,
    )


def outcomes(specs: list[CheckSpec], *statuses: Status) -> list[CheckResult]:
    return [
        CheckResult(id=spec.id, status=status, cpu_s=0.25)
        for spec, status in zip(specs, statuses, strict=True)
    ]


@st.composite
def graded(draw: st.DrawFn) -> tuple[Manifest, list[CheckSpec], list[CheckResult]]:
    amount = st.one_of(
        st.integers(0, 20).map(lambda n: n / 4), st.floats(0, 10, allow_subnormal=False), st.just(1 / 3)
    )
    worth = draw(st.lists(st.lists(amount, min_size=1, max_size=4).map(tuple), min_size=1, max_size=4))
    manifest, specs = build(*worth)
    statuses = draw(
        st.lists(
            st.one_of(st.just(Status.PASSED), st.sampled_from(Status)),
            min_size=len(specs),
            max_size=len(specs),
        )
    )
    return manifest, specs, outcomes(specs, *statuses)


@given(graded())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_no_score_exceeds_its_maximum(case: tuple[Manifest, list[CheckSpec], list[CheckResult]]) -> None:
    """Checks, questions, parts and the whole stay between zero and their maximum; full marks are exact."""
    card = grade(*case)
    pairs = [(card.score, card.max_score)]
    pairs += [(part.score, part.max_score) for part in card.parts]
    pairs += [(question.score, question.max_score) for question in card.questions]
    pairs += [(check.score, check.max_score) for check in card.checks]
    assert all(0 <= earned <= possible for earned, possible in pairs)
    manifest, specs, _ = case
    full = grade(manifest, specs, outcomes(specs, *[Status.PASSED] * len(specs)))
    assert full.complete
    assert full.score == full.max_score == card.max_score


@given(graded(), st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_losing_a_check_never_raises_a_score(
    case: tuple[Manifest, list[CheckSpec], list[CheckResult]], data: st.DataObject
) -> None:
    """Turning any result into another status than PASSED lowers the score or leaves it."""
    manifest, specs, results = case
    before = grade(manifest, specs, results)
    index = data.draw(st.integers(0, len(results) - 1))
    status = data.draw(st.sampled_from([status for status in Status if status is not Status.PASSED]))
    results = [*results]
    results[index] = msgspec.structs.replace(results[index], status=status)
    after = grade(manifest, specs, results)
    assert after.score <= before.score
    for old, new in zip(before.questions, after.questions, strict=True):
        assert new.score <= old.score


@given(graded(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_order_of_results_is_irrelevant(
    case: tuple[Manifest, list[CheckSpec], list[CheckResult]], rng: random.Random
) -> None:
    """Shuffled results, and results filed in a mapping, give the same card."""
    manifest, specs, results = case
    expected = grade(manifest, specs, results)
    shuffled = rng.sample(results, len(results))
    assert grade(manifest, specs, shuffled) == expected
    mapped = score(
        manifest,
        specs,
        {result.id: result for result in shuffled},
        submission=SUBMISSION,
        isolation={"landlock": True},
        versions={"python": "3.11"},
        seconds=1.5,
    )
    assert mapped == expected


@pytest.mark.parametrize("status", Status)
def test_only_a_passed_check_earns_points(status: Status) -> None:
    """Of all statuses PASSED alone earns the points of its check, and UNGRADED alone leaves the card open."""
    manifest, specs = build((2, 3))
    card = grade(manifest, specs, outcomes(specs, status, Status.PASSED))
    assert card.score == (5 if status is Status.PASSED else 3)
    assert [check.score for check in card.checks] == [2 if status is Status.PASSED else 0, 3]
    assert card.max_score == 5
    assert card.complete is (status is not Status.UNGRADED)


def test_points_add_up_by_question_and_part() -> None:
    """Each question gets its own checks' points, each part its own questions', the card everything."""
    manifest, specs = build((2, 3), (4,), (1, 1))
    passed, failed = Status.PASSED, Status.FAILED
    card = grade(manifest, specs, outcomes(specs, failed, passed, passed, passed, failed))
    assert [(question.score, question.max_score) for question in card.questions] == [(3, 5), (4, 4), (1, 2)]
    assert [(part.id, part.score, part.max_score) for part in card.parts] == [("p0", 4, 7), ("p1", 4, 4)]
    assert (card.score, card.max_score) == (8, 11)
    assert [check.id for check in card.checks] == [spec.id for spec in specs]
    assert (card.assignment, card.submission, card.findings) == ("a9", "sample", SUBMISSION.findings)
    assert (card.isolation, card.versions, card.seconds) == ({"landlock": True}, {"python": "3.11"}, 1.5)
    assert card.cpu_s == 1.25


def test_float_dust_is_rounded_away() -> None:
    """Ten tenths make exactly one and three thirds too."""
    manifest, specs = build((0.1,) * 10, (1 / 3,) * 3)
    card = grade(manifest, specs, outcomes(specs, *[Status.PASSED] * 13))
    assert [question.score for question in card.questions] == [1.0, 1.0]
    card = grade(manifest, specs, outcomes(specs, *[Status.PASSED] * 3, *[Status.FAILED] * 10))
    assert card.score == 0.3


def test_thirds_rounded_up_do_not_earn_more_than_the_question() -> None:
    """Hand-rounded points whose sum lies a hair over the question's are capped at the question's."""
    manifest, specs = build((0.3333337,) * 3 + (0.0,))
    [question] = manifest.questions
    manifest = msgspec.structs.replace(manifest, questions=(msgspec.structs.replace(question, points=1.0),))
    card = grade(manifest, specs, outcomes(specs, *[Status.PASSED] * 3, Status.FAILED))
    assert (card.score, card.max_score, card.complete) == (1.0, 1.0, True)


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([Status.PASSED, Status.PASSED, Status.PASSED], Status.PASSED),
        ([Status.PASSED, Status.TIMED_OUT, Status.FAILED], Status.TIMED_OUT),
        ([Status.SKIPPED, Status.RAISED, Status.PASSED], Status.RAISED),
        ([Status.SKIPPED, Status.PASSED, Status.PASSED], Status.SKIPPED),
        ([Status.FAILED, Status.CRASHED, Status.UNGRADED], Status.UNGRADED),
    ],
)
def test_the_gravest_status_names_the_question(statuses: list[Status], expected: Status) -> None:
    """UNGRADED outranks all, then the first failure in suite order; SKIPPED shows only without a failure."""
    manifest, specs = build((1, 1, 1))
    assert grade(manifest, specs, outcomes(specs, *statuses)).questions[0].status is expected


def test_a_check_without_a_result_is_ungraded() -> None:
    """A run that ended early gives a card that says so, with no points for what was not reached."""
    manifest, specs = build((2, 3))
    card = grade(manifest, specs, outcomes(specs[:1], Status.PASSED))
    assert card.checks[1].status is Status.UNGRADED
    assert "not reached" in card.checks[1].message
    assert (card.score, card.complete, card.questions[0].status) == (2, False, Status.UNGRADED)


def test_a_question_that_is_not_covered_keeps_the_card_open() -> None:
    """Points for which the suite at hand has no check count as ungraded, not as lost."""
    manifest, specs = build((2, 3), (4,))
    card = grade(manifest, specs[:1], outcomes(specs[:1], Status.PASSED))
    assert [question.status for question in card.questions] == [Status.UNGRADED, Status.UNGRADED]
    assert (card.score, card.max_score, card.complete) == (2, 9, False)


def test_contradictory_input_is_an_error_of_ours() -> None:
    """Repeated, unknown or misfiled ids and a suite worth more than the manifest raise GraderError."""
    manifest, specs = build((2, 3))
    results = outcomes(specs, Status.PASSED, Status.FAILED)
    with pytest.raises(GraderError, match=r"two results for check 'q0\.1'"):
        grade(manifest, specs, [*results, results[1]])
    with pytest.raises(GraderError, match="unknown check 'stranger'"):
        grade(manifest, specs, [*results, CheckResult(id="stranger", status=Status.PASSED)])
    with pytest.raises(GraderError, match=r"'q0\.0' is declared twice"):
        grade(manifest, [*specs, specs[0]], results)
    with pytest.raises(GraderError, match="unknown question 'q7'"):
        grade(manifest, [*specs, msgspec.structs.replace(specs[0], id="new", question="q7")], results)
    with pytest.raises(GraderError, match="worth 7 points, more than its 5"):
        grade(manifest, [*specs, msgspec.structs.replace(specs[0], id="new")], results)
    with pytest.raises(GraderError, match=r"filed under 'q0\.1' belongs to check 'q0\.0'"):
        score(
            manifest,
            specs,
            {"q0.1": results[0]},
            submission=SUBMISSION,
            isolation={},
            versions={},
            seconds=0.0,
        )


def test_the_digest_depends_on_names_and_content_alone() -> None:
    """Equal files give an equal sha256 in any order and under any name of student; any change shows."""
    same = msgspec.structs.replace(SUBMISSION, name="other", hashes={"a.py": "01", "b.py": "02"})
    assert digest(same) == digest(SUBMISSION)
    assert digest(SUBMISSION) == hashlib.sha256(b'[["a.py", "01"], ["b.py", "02"]]').hexdigest()
    variants = [
        {"a.py": "01"},
        {"a.py": "02", "b.py": "01"},
        {"a.py": "01", "c.py": "02"},
        {"\ud800.py": "01"},
    ]
    digests = {digest(msgspec.structs.replace(SUBMISSION, hashes=hashes)) for hashes in variants}
    assert len(digests | {digest(SUBMISSION)}) == len(variants) + 1


def with_written() -> tuple[Manifest, list[CheckSpec]]:
    """A suite for the first of two questions of one part; the second, of 2 points, is one that staff judge."""
    manifest, specs = build((2, 3), (), (2,))
    place = Written(notebook="b.py", cell="x", heading="X", rubric=("It is right.",))
    asked = msgspec.structs.replace(manifest.questions[2], written=place)
    return msgspec.structs.replace(manifest, questions=(manifest.questions[0], asked)), specs[:2]


def mark(points: float, remark: str = "") -> Mark:
    return Mark(question="q2", score=points, remark=remark, fingerprint="x")


def test_a_written_answer_awaits_staff() -> None:
    """Its points are in no score and no maximum, the card is complete, and no check of the suite may stand for it."""
    manifest, specs = with_written()
    card = grade(manifest, specs, outcomes(specs, Status.PASSED, Status.FAILED))
    assert (card.score, card.max_score, card.awaiting, card.complete) == (2, 5, 2, True)
    assert [(part.max_score, part.awaiting) for part in card.parts] == [(5, 2), (0, 0)]
    check, question = card.checks[-1], card.questions[-1]
    assert (check.id, check.status, check.score, check.max_score, check.awaiting) == ("q2", "awaiting_staff", 0, 0, 2)
    assert (question.status, question.score, question.max_score, question.awaiting) == ("awaiting_staff", 0, 0, 2)
    with pytest.raises(GraderError, match="which staff judge"):
        grade(manifest, [*specs, msgspec.structs.replace(specs[0], id="n", question="q2")], [])


@pytest.mark.parametrize("points", [0, 0.5, 2])
def test_what_staff_give_counts(points: float) -> None:
    """From none to all of the points: they enter score and maximum, whatever was given before, with the remark."""
    manifest, specs = with_written()
    before = grade(manifest, specs, outcomes(specs, Status.PASSED, Status.FAILED))
    card = with_marks(before, [mark(points, "Well.")])
    assert (card.score, card.max_score, card.awaiting, card.complete) == (2 + points, 7, 0, True)
    assert [(part.score, part.max_score, part.awaiting) for part in card.parts] == [(2 + points, 7, 0), (0, 0, 0)]
    assert (card.checks[-1].status, card.checks[-1].message, card.questions[-1].status) == ("scored", "Well.", "scored")
    assert with_marks(card, [mark(points, "Well.")]) == card
    assert with_marks(with_marks(before, [mark(1, "Hm.")]), [mark(points, "Well.")]) == card
    assert card.checks[:-1] == before.checks[:-1]


def test_staff_cannot_give_what_there_is_not() -> None:
    """Too many points, less than none, no number, and marks for what a suite judges are refused; others passed over."""
    manifest, specs = with_written()
    card = grade(manifest, specs, [])
    for points in (2.5, -0.5, float("nan")):
        with pytest.raises(GraderError, match="points; it has 2"):
            with_marks(card, [mark(points)])
    with pytest.raises(GraderError, match="not one that staff judge"):
        with_marks(card, [msgspec.structs.replace(mark(1), question="q0")])
    assert with_marks(card, [msgspec.structs.replace(mark(1), question="q9")]) == card
