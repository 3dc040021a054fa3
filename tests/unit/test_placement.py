"""Checks that need a GPU: what the manifest may say of them, and what becomes of their points where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from grader.checks import EXACT, close, rel
from grader.checks.tolerance import LENIENT
from grader.errors import ManifestError, Verdict
from grader.manifest import check_suite, load_manifest
from grader.placement import CARRIED, NEEDS_GPU, WAITING, on_gpu, only_on_gpu, worth
from grader.records import (
    CheckResult,
    CheckSpec,
    Manifest,
    Part,
    Placement,
    Question,
    Scorecard,
    Status,
    Submission,
    Visibility,
)
from grader.scoring import score

GPU, WAITS = Placement(device="cuda"), Placement(device="cuda", without="wait")


@dataclass
class Case:
    manifest: Manifest
    specs: list[CheckSpec]

    def card(self, **statuses: Status | None) -> Scorecard:
        """Scores these outcomes; None: it was not judged for want of a GPU."""
        results = [
            CheckResult(id=id_, status=status)
            if status
            else CheckResult(id=id_, status=Status.SKIPPED, message=NEEDS_GPU, device="")
            for id_, status in statuses.items()
        ]
        nobody = Submission(name="someone", root="", hashes={})
        return score(self.manifest, self.specs, results, submission=nobody, isolation={}, versions={}, seconds=1.0)


def case(devices: dict[str, Placement], **points: float) -> Case:
    """One question with checks of these points."""
    total = sum(points.values())
    manifest = Manifest(
        id="m",
        title="M",
        submitted=("a.py",),
        given=(),
        parts=(Part(id="p", title="P", points=total),),
        questions=(Question(id="q", part="p", title="Q", points=total),),
        devices=devices,
    )
    specs = [
        CheckSpec(id=id_, title=id_, question="q", points=own, visibility=Visibility.VISIBLE)
        for id_, own in points.items()
    ]
    return Case(manifest, specs)


PASSED, FAILED = Status.PASSED, Status.FAILED


def test_the_rest_of_the_question_carries_the_points() -> None:
    """Without a GPU the other checks are worth more, in proportion, and the question as much as ever."""
    card = case({"c": GPU}, a=1, b=2, c=3).card(a=PASSED, b=FAILED, c=None)
    assert [(check.score, check.max_score) for check in card.checks] == [(2, 2), (0, 4), (0, 0)]
    assert (card.score, card.max_score, card.awaiting, card.complete) == (2, 6, 0, True)
    assert card.questions[0].status is FAILED
    assert card.checks[2].message == f"{NEEDS_GPU}; {CARRIED}"


def test_all_others_right_is_all_right() -> None:
    """Thirds that are carried add up to exactly the question's points, and the question has passed."""
    card = case({"d": GPU}, a=1, b=1, c=1, d=1).card(a=PASSED, b=PASSED, c=PASSED, d=None)
    assert (card.score, card.max_score, card.questions[0].status) == (4, 4, PASSED)


def test_points_wait_where_the_manifest_says_so() -> None:
    """They are in no maximum, of the check, the question, the part and the card, until they are judged."""
    card = case({"b": WAITS}, a=1, b=3).card(a=PASSED, b=None)
    for entry in (card, card.parts[0], card.questions[0]):
        assert (entry.score, entry.max_score, entry.awaiting) == (1, 1, 3)
    assert (card.checks[1].max_score, card.checks[1].awaiting) == (0, 3)
    assert card.complete
    assert card.checks[1].message == f"{NEEDS_GPU}; {WAITING}"


@pytest.mark.parametrize("others", [{}, {"a": 0.0}])
def test_points_wait_where_nothing_could_carry_them(others: dict[str, float]) -> None:
    """A question whose other checks have no points, or that has none, waits though it says carry."""
    card = case({"c": GPU}, **others, c=2).card(**dict.fromkeys(others, FAILED), c=None)
    assert (card.score, card.max_score, card.awaiting) == (0, 0, 2)
    assert WAITING in card.checks[-1].message


def test_a_check_that_was_judged_counts_as_ever() -> None:
    """With a GPU the place of a check changes nothing; one that is skipped because of another loses its points."""
    assert case({"b": GPU}, a=1, b=3).card(a=PASSED, b=FAILED).score == 1
    card = case({"b": WAITS}, a=1, b=3).card(a=FAILED, b=Status.SKIPPED)
    assert (card.score, card.max_score, card.awaiting) == (0, 4, 0)


def test_without_points_nothing_is_said_of_them() -> None:
    """A check for the eye alone says that it was not run, and nothing more."""
    assert case({"b": GPU}, a=1, b=0).card(a=PASSED, b=None).checks[1].message == NEEDS_GPU


AMOUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 12).map(lambda n: n / 4), min_size=1)


@given(AMOUNTS, st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_no_point_is_lost_or_made(points: dict[str, float], absent: set[str], waiting: set[str]) -> None:
    """What checks are worth and what waits add up to the question's points, whichever are absent."""
    absent &= points.keys()
    found = case({id_: WAITS if id_ in waiting else GPU for id_ in absent}, **points)
    here = worth(found.manifest, found.specs, absent)
    assert sum(here.points.values()) + sum(here.waiting.values()) == pytest.approx(sum(points.values()))
    assert all(here.points[id_] == 0 for id_ in absent) and here.waiting.keys() <= absent
    card = found.card(**{id_: None if id_ in absent else PASSED for id_ in points})
    assert card.score == card.max_score
    assert card.max_score + card.awaiting == pytest.approx(sum(points.values()))


def test_places_are_asked_by_check() -> None:
    """What the manifest does not name is for the CPU."""
    manifest = case({"b": Placement(device="any"), "c": GPU}, a=1, b=1, c=1).manifest
    assert [on_gpu(manifest, id_) for id_ in "abc"] == [False, True, True]
    assert [only_on_gpu(manifest, id_) for id_ in "abc"] == [False, False, True]


# --- the manifest -----------------------------------------------------------------------------------

TOML = """\
id = "m"
title = "M"
submitted = ["a.py"]
given = []
parts = [{ id = "p", title = "P", points = 2.0 }]
questions = [{ id = "q", part = "p", title = "Q", points = 2.0 }]

[devices."p.a"]
device = "any"
[devices."p.b"]
device = "cuda"
without = "wait"
"""


def test_places_are_decoded(tmp_path: Path) -> None:
    """A table for each check says where it is judged, and what becomes of its points."""
    path = tmp_path / "assignment.toml"
    path.write_text(TOML)
    assert load_manifest(path).devices == {"p.a": Placement(device="any"), "p.b": WAITS}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('device = "any"', 'device = "tpu"', "tpu"),
        ('device = "any"', 'where = "any"', "where"),
        ('device = "any"', 'device = "any"\nwithout = "wait"', "'wait' is for checks that need a GPU"),
        ('device = "cuda"\n', "", "'wait' is for checks that need a GPU"),
    ],
)
def test_broken_places_are_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    """Another device, another key, and points that wait though the check runs anywhere."""
    path = tmp_path / "assignment.toml"
    path.write_text(TOML.replace(old, new))
    with pytest.raises(ManifestError, match=says) as caught:
        load_manifest(path)
    assert "devices" in str(caught.value)


def test_a_place_needs_its_check() -> None:
    """A place for a check that is not there is refused, unless the suite is cut down to some parts."""
    found = case({"zzz": GPU}, a=1)
    with pytest.raises(ManifestError, match=r"'zzz' is not in the suite .*devices"):
        check_suite(found.manifest, found.specs)
    check_suite(found.manifest, found.specs, partly=True)


@pytest.mark.parametrize("device", ["cpu", "any"])
def test_what_builds_on_a_gpus_check_needs_one_too(device: str) -> None:
    """Otherwise nobody could tell, where there is none, how the first one ended."""
    found = case({"a": GPU}, a=1, b=1)
    found.specs[1] = structs.replace(found.specs[1], needs=("a",))
    manifest = structs.replace(found.manifest, devices={"a": GPU, "b": Placement(device=device)})
    with pytest.raises(ManifestError, match="'b' needs 'a', which needs a GPU"):
        check_suite(manifest, found.specs)
    check_suite(structs.replace(manifest, devices={"a": GPU, "b": WAITS}), found.specs)


# --- tolerance --------------------------------------------------------------------------------------


def fits(actual: np.ndarray, expected: np.ndarray) -> bool:
    try:
        close(actual, expected, name="y", tol=rel(1e-9))
    except Verdict:
        return False
    return True


@pytest.mark.parametrize(
    ("actual", "expected", "error", "there", "here"),
    [
        ("float32", "float32", 5e-5, True, False),
        ("float32", "float64", 5e-5, True, False),
        ("float32", "float32", 5e-4, False, False),
        ("float16", "float16", 5e-3, True, False),
        ("float16", "float16", 5e-2, False, False),
        ("float16", "float32", 5e-3, False, False),
        ("float64", "float64", 5e-5, False, False),
        ("float64", "float16", 5e-3, False, False),
    ],
)
def test_values_from_a_gpu_may_be_off_by_their_precision(
    actual: str, expected: str, error: float, there: bool, here: bool
) -> None:
    """Single precision has 1e-4 of the value, half precision 1e-2 where it was asked for, double what the suite says;
    and only on a GPU."""
    right = np.ones(8)
    pair = (right + error).astype(actual), right.astype(expected)
    assert fits(*pair) is here
    token = LENIENT.set(True)
    try:
        assert fits(*pair) is there
    finally:
        LENIENT.reset(token)


def test_whole_numbers_stay_exact_on_a_gpu() -> None:
    """There is no rounding in integers."""
    token = LENIENT.set(True)
    try:
        with pytest.raises(Verdict):
            close(np.array([1000001]), np.array([1000000]), name="n", tol=EXACT)
    finally:
        LENIENT.reset(token)
