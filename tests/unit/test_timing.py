"""Speed: how sure a median is, and what a Timer makes of what calls cost (made up here)."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from typing import Any, cast

import pytest

from grader.checks.timing import FEWEST, MOST, RACES, SURE, UNMEASURED, Timer, exponent, median_of
from grader.errors import ManifestError, Verdict
from grader.meter import Calls, Cost
from grader.records import SpeedLimit, Status, Timing
from grader.subject import Subject

MS = 1e-3


# --- bounds of a median -------------------------------------------------------------------------------


def outside(n: int, left_out: int) -> float:
    """The chance that the median of all lies outside n figures without the `left_out` lowest and highest, counted: each
    figure is above or below it with equal chances."""
    return sum(
        math.comb(n, above) for above in range(n + 1) if min(above, n - above) <= left_out
    ) / 2**n  # fmt: skip


@pytest.mark.parametrize("n", range(FEWEST, MOST + 1))
def test_bounds_hold_the_median_as_often_as_promised(n: int) -> None:
    """As many figures are left out on each side as the binomial distribution allows, and not one more."""
    figures = [float(i) for i in range(n)]
    random.Random(n).shuffle(figures)
    found = median_of(figures)
    left_out = int(found.low)
    assert found == (left_out, (n - 1) / 2, n - 1 - left_out)
    assert outside(n, left_out) <= 1 - SURE < outside(n, left_out + 1)


def test_fewer_figures_say_nothing() -> None:
    """With six figures nobody can be so sure of a median: seven is the fewest there can be."""
    assert outside(FEWEST - 1, 0) > 1 - SURE
    with pytest.raises(ValueError, match="6 figures"):
        median_of([1.0] * (FEWEST - 1))


# --- exponents ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.5, 1, 2, 3])
@pytest.mark.parametrize("constant", [0.0, 7.0])
def test_a_constant_plays_no_part_in_an_exponent(power: float, constant: float) -> None:
    """What a call takes at every size, transport or padding, leaves the exponent as it is."""
    sizes = [10, 30, 90, 270]
    assert exponent(sizes, [constant + 0.01 * size**power for size in sizes]) == pytest.approx(power)


# --- verdicts -----------------------------------------------------------------------------------------


class Fake:
    """Stands in for a Subject: its calls take no time, but say what they would."""

    def __init__(
        self,
        cost: Callable[[Any], float],
        answer: Callable[[float], float] = lambda x: 2 * x,
        more: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._cost = cost
        self._answer = answer
        self.more = more
        self.spent_s = 0.0
        self.calls = 0

    def double(self, x: float) -> float:
        self.spent_s += self._cost(x)
        self.calls += 1
        return self._answer(x)


class Sums:
    """A meter of what Fakes say."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def cost(self, subject: Any, calls: Calls) -> tuple[list[Any], Cost]:
        before = subject.spent_s
        values = [function(*args) for function, args in calls]
        self._now_s += subject.spent_s - before
        return values, Cost(subject.spent_s - before, subject.more())

    def now_s(self) -> float:
        return self._now_s


def same(actual: float, expected: float) -> None:
    if actual != expected:
        raise Verdict(Status.FAILED, "another value")


def limit(kind: Any, allowed: float, **others: Any) -> SpeedLimit:
    return SpeedLimit(check="p1.speed", kind=kind, allowed=allowed, measured="in a test", **others)


class Judged:
    """A Timer at work on Fakes: how it ended (None when it passed), and what it told."""

    def __init__(
        self,
        speed: SpeedLimit,
        student: Fake,
        rival: Fake,
        use: Callable[[Timer], None],
        idle: Status = Status.SKIPPED,
    ) -> None:
        self.told: list[Timing] = []
        subjects = [cast(Subject, fake) for fake in (student, rival)]
        self.verdict: Verdict | None = None
        try:
            use(Timer(speed, *subjects, Sums(), self.told.append, idle, seed=1))
        except Verdict as verdict:
            self.verdict = verdict

    @property
    def status(self) -> str:
        return self.verdict.status.value if self.verdict else "passed"


def ratio(timer: Timer) -> None:
    timer.ratio(lambda it, x: [(it.double, [x])], inputs=lambda rng: rng.normal(), agree=same)


def growth(timer: Timer, sizes: tuple[int, ...] = (10, 20, 40, 80)) -> None:
    timer.growth(lambda it, x: [(it.double, [x])], sizes=sizes, inputs=lambda rng, size: size, agree=same)


def margin(timer: Timer) -> None:
    """Positive numbers are for the fast form, negative ones for the slow form."""
    timer.margin(
        lambda it, x: 3 * [(it.double, [x])], lambda it, x: [(it.double, [-x])],
        inputs=lambda rng: rng.uniform(1, 2), agree=same,
        than="the slow form",
    )  # fmt: skip


def steady(ms: float) -> Fake:
    return Fake(lambda x: ms * MS)


def wavering(low_ms: float, high_ms: float) -> Fake:
    """One and the other, by turns."""
    turns = itertools.cycle([low_ms, high_ms])
    return Fake(lambda x: next(turns) * MS)


def test_as_fast_as_the_reference_passes() -> None:
    """Seven runs do where all agree; what was measured is told."""
    found = Judged(limit("ratio", 4), steady(3), steady(1), ratio)
    assert found.status == "passed"
    assert found.told == [Timing("ratio", pytest.approx(3), pytest.approx(3), pytest.approx(3), 4, FEWEST)]


def test_slower_than_allowed_fails() -> None:
    """The message says how slow, what is allowed, and the manifest's hint, which is also the cause for staff."""
    found = Judged(limit("ratio", 4, hint="Take the whole batch at once"), steady(6), steady(1), ratio)
    assert found.status == "failed" and found.verdict
    assert "it takes 6 times as long as the reference; 4 times is allowed" in found.verdict.text
    assert found.verdict.text.endswith(". Take the whole batch at once")
    assert found.verdict.cause == "Take the whole batch at once"
    assert [told.figure for told in found.told] == [pytest.approx(6)]


@pytest.mark.parametrize(("times", "runs"), [(31, FEWEST), (33, 3), (255, 3), (257, 1)])
def test_hopeless_code_is_not_waited_for(times: float, runs: int) -> None:
    """Three runs after the first time of everything are enough where each is far beyond what is allowed, and one is
    where it is further still."""
    student = steady(times)
    found = Judged(limit("ratio", 4), student, steady(1), ratio)
    assert found.status == "failed"
    assert student.calls == 1 + runs and found.told[0].runs == runs
    assert found.verdict and ("(in one run)" in str(found.verdict)) == (runs == 1)


def test_one_quick_run_gives_hope() -> None:
    """The first time of everything counts for how hopeless it is: what is slow only then is waited for."""
    turns = itertools.chain([1], itertools.repeat(1000))
    found = Judged(limit("ratio", 4), Fake(lambda x: next(turns) * MS), steady(1), ratio)
    assert found.status == "failed" and found.told[0].runs == FEWEST


@pytest.mark.parametrize("idle", [Status.SKIPPED, Status.UNGRADED])
def test_a_busy_machine_gets_no_verdict(idle: Status) -> None:
    """Where both waver round the limit nothing is guessed: SKIPPED for a check worth nothing, UNGRADED else."""
    rival = Fake(lambda x: random.Random(x).choice([1, 2]) * MS)
    found = Judged(limit("ratio", 4), wavering(1, 16), rival, ratio, idle)
    assert found.status == idle.value and found.verdict
    assert UNMEASURED in found.verdict.text
    assert found.told[0].runs == MOST


@pytest.mark.parametrize(("turns", "status"), [((16, 1), "passed"), ((1, 16), "failed")])
def test_whoever_wavers_alone_is_judged_by_the_middle(turns: tuple[float, float], status: str) -> None:
    """A submission that is slow at times, beside a reference that never is, gains no "could not be measured"."""
    # The first run is not counted, so that the second of the two is the middle one of 41.
    found = Judged(limit("ratio", 4), wavering(*turns), steady(1), ratio)
    assert found.told[0].low < 4 < found.told[0].high and found.told[0].runs == MOST
    assert (found.status, found.told[0].figure) == (status, pytest.approx(turns[1]))


def test_work_before_and_after_is_charged() -> None:
    """What a worker uses beside its calls counts, so far as the reference's uses less."""
    beside = lambda ms: Fake(lambda x: 1 * MS, more=lambda: ms * MS)  # noqa: E731
    assert Judged(limit("ratio", 4), beside(20), beside(20), ratio).told[0].figure == pytest.approx(1)
    assert Judged(limit("ratio", 4), beside(20.9), beside(20), ratio).told[0].figure == pytest.approx(1)
    assert Judged(limit("ratio", 4), beside(0), beside(20), ratio).told[0].figure == pytest.approx(1)
    found = Judged(limit("ratio", 4), beside(29), beside(20), ratio)
    assert found.status == "failed" and found.told[0].figure == pytest.approx(10)


def test_near_the_limit_a_close_figure_counts() -> None:
    """Figures on both sides of the limit, and all within a few percent, are a verdict by the middle one."""
    found = Judged(limit("ratio", 4), wavering(4.02, 3.95), wavering(1, 1.0001), ratio)
    assert found.told[0].runs == MOST
    assert found.status == ("failed" if found.told[0].figure > 4 else "passed")


def test_slow_runs_end_when_the_time_is_up() -> None:
    """A check takes no more runs than its time allows, and says that it could not be measured."""
    student, rival = wavering(3000, 16000), wavering(1000, 3000)
    found = Judged(limit("ratio", 4), student, rival, ratio)
    assert found.status == "skipped"
    assert FEWEST <= found.told[0].runs < 12


def test_a_wrong_value_ends_it_at_once() -> None:
    """Fast and wrong is wrong: nothing more is asked, and nothing is told of time."""
    student = Fake(lambda x: 0.1 * MS, lambda x: 0.0)
    found = Judged(limit("ratio", 4), student, steady(1), ratio)
    assert found.status == "failed" and found.verdict and found.verdict.text == "another value"
    assert student.calls == 1 and not found.told


def test_values_are_compared_in_every_run() -> None:
    """Whoever answers right at first and guesses later is found out."""
    count = itertools.count()
    student = Fake(lambda x: 0.1 * MS, lambda x: 2 * x if next(count) < 5 else 0.0)
    assert Judged(limit("ratio", 4), student, steady(1), ratio).status == "failed"
    assert student.calls == 6


def test_quadratic_passes_and_cubic_fails() -> None:
    """Growth looks at the exponent; the points that it was fitted to are told."""
    rival = Fake(lambda n: 1e-6 * n**2)
    square = Judged(limit("growth", 2.5), Fake(lambda n: 1e-6 * n**2), rival, growth)
    cubic = Judged(limit("growth", 2.5), Fake(lambda n: 1e-7 * n**3), rival, growth)
    assert (square.status, cubic.status) == ("passed", "failed")
    assert square.told[0].figure == pytest.approx(2) and cubic.told[0].figure == pytest.approx(3)
    assert [point[0] for point in cubic.told[0].points] == [10, 20, 40, 80]
    assert cubic.told[0].points[-1][1:] == (pytest.approx(1e-7 * 80**3), pytest.approx(1e-6 * 80**2))
    assert cubic.verdict and "the size to the power of 3; 2.5 is allowed" in cubic.verdict.text


def test_a_constant_hides_no_growth() -> None:
    """Cubic code that adds the same time to every call is still seen to be cubic."""
    padded = Fake(lambda n: 2 * MS + 1e-7 * n**3)
    found = Judged(limit("growth", 2.5, within=1000), padded, Fake(lambda n: 1e-6 * n**2), growth)
    assert found.status == "failed" and found.told[0].figure == pytest.approx(3)


def test_slowness_hides_no_growth() -> None:
    """Cubic code that takes as long at the small sizes as at the largest is too slow there for anything to follow."""
    flat = Fake(lambda n: 1e-7 * 80**3)
    found = Judged(limit("growth", 2.5, within=30), flat, Fake(lambda n: 1e-6 * n**2), growth)
    assert found.status == "failed" and found.verdict
    assert "512 times as long as the reference at the same size" in found.verdict.text
    assert found.told[0].runs == 1


def test_one_quick_round_hides_no_slowness() -> None:
    """The middle of all rounds is held against `within`, not the best of them."""
    count = itertools.count()
    flat = Fake(lambda n: (1e-6 if next(count) // (4 * RACES) == 2 else 1e-4) * n**2)
    found = Judged(limit("growth", 2.5, within=30), flat, Fake(lambda n: 1e-6 * n**2), growth)
    assert found.status == "failed" and found.verdict and "100 times as long" in found.verdict.text
    assert found.told[0].runs == FEWEST


def test_a_reference_that_grows_as_fast_is_no_measure() -> None:
    """Where the reference breaks its own limit the machine or the sizes are at fault."""
    cubic = Judged(limit("growth", 2.5), Fake(lambda n: 1e-7 * n**3), Fake(lambda n: 1e-7 * n**3), growth)
    assert cubic.status == "skipped" and cubic.verdict and UNMEASURED in cubic.verdict.text
    flat = Judged(limit("growth", 2.5), Fake(lambda n: 1e-6 * n), Fake(lambda n: 1e-7 * n**3), growth)
    assert flat.status == "passed"


@pytest.mark.parametrize("sizes", [(10, 20, 40), (10, 20, 40, 90), (80, 40, 20, 10), (10, 10, 10, 10)])
def test_sizes_are_four_and_a_multiple_apart(sizes: tuple[int, ...]) -> None:
    """Differences say something of the exponent only where each size is the same multiple of the one before."""
    with pytest.raises(ManifestError, match="four sizes or more"):
        Judged(limit("growth", 2.5), steady(1), steady(1), lambda timer: growth(timer, sizes))


def two_forms(fast_ms: float, slow_ms: float) -> Fake:
    return Fake(lambda x: (fast_ms if x > 0 else slow_ms) * MS)


def test_a_fast_form_passes() -> None:
    """The margin is between two forms of one submission, and told as times as fast."""
    found = Judged(limit("margin", 5), two_forms(2, 30), two_forms(1, 40), margin)
    assert found.status == "passed" and found.told[0].figure == pytest.approx(15)


def test_two_slow_forms_fail() -> None:
    """Forms that take as long as each other are no margin."""
    found = Judged(limit("margin", 5), two_forms(30, 30), two_forms(1, 40), margin)
    assert found.status == "failed" and found.verdict
    assert "1 times as fast as the slow form; at least 5 times is wanted" in found.verdict.text
    assert (found.told[0].low, found.told[0].high) == (pytest.approx(1), pytest.approx(1))


def test_a_padded_slow_form_wins_nothing() -> None:
    """The slow form counts for no longer than the reference's takes."""
    found = Judged(limit("margin", 5), two_forms(30, 3000), two_forms(1, 40), margin)
    assert found.status == "failed" and found.told[0].figure == pytest.approx(40 / 30)


@pytest.mark.parametrize("kind", ["ratio", "growth", "margin"])
def test_the_manifest_limits_what_is_measured(kind: str) -> None:
    """A limit of another kind is a fault of the suite's, before anything is called."""
    uses = {"ratio": ratio, "growth": growth, "margin": margin}
    other = next(name for name in uses if name != kind)
    student = steady(1)
    with pytest.raises(ManifestError, match=f"measures a {kind}, and the manifest limits a {other}"):
        Judged(limit(other, 4), student, steady(1), uses[kind])
    assert not student.calls


def test_what_is_made_is_made_once_for_each_side() -> None:
    """`make` runs before anything is measured, and calls get what it made."""
    made = []

    def make(subject: Any) -> Any:
        made.append(subject)
        return subject

    student, rival = steady(1), steady(1)
    use = lambda timer: timer.ratio(lambda it, x: [(it.double, [x])], inputs=lambda rng: 1.0, agree=same, make=make)  # noqa: E731
    assert Judged(limit("ratio", 4), student, rival, use).status == "passed"
    assert made == [student, rival]


def test_both_sides_are_first_at_times() -> None:
    """Who is asked first changes, so that whoever finds caches warm is not always the same."""
    order: list[str] = []
    student = Fake(lambda x: order.append("student") or MS)  # type: ignore[func-returns-value]
    rival = Fake(lambda x: order.append("rival") or MS)  # type: ignore[func-returns-value]
    Judged(limit("ratio", 4), student, rival, ratio)
    assert set(order[::2]) == {"student", "rival"}
