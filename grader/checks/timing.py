"""Time as a verdict: whether code is fast for the right reason, on a busy laptop as on a quiet server.

No check here compares seconds with a constant. `ratio` holds a call against the reference's, `growth` asks how its
time rises with a size, `margin` holds two functions of one student against each other. What is allowed stands in
the manifest (`[[speeds]]`).

    @pytest.mark.check("p3.speed", question="simclr", points=0, needs="p3.loss")
    def test_speed(speed):
        \"\"\"The loss takes no Python loop over the batch\"\"\"
        speed.ratio(lambda subject, pair: [(subject.losses.loss, [*pair, 0.5])], inputs=pair_of, agree=alike)

All calls take turns with the reference's in a worker of the same rights, with fresh inputs each time, and every value
is compared: who is fast and wrong, sleeps, remembers or answers from a thread gains nothing. What calls cost:
`grader.meter`. They are repeated until the middle of the measured figures is known well enough for a verdict: between
the order statistics that hold the median with 98 % (Conover, Practical Nonparametric Statistics, 3.2). Where that
never happens, and the reference's own times waver as well, the check says that it could not be measured, and guesses
nothing. Where only the submission's waver, that is its own doing, and the median counts.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, NoReturn, Protocol

import numpy as np

from grader.errors import ManifestError, Verdict
from grader.meter import Calls, Cost
from grader.records import SpeedLimit, Status, Timing
from grader.subject import Subject

FEWEST, MOST = 7, 41  # repetitions
SURE: Final = 0.98  # that the median lies between the bounds
CLOSE: Final = 0.15  # bounds so near each other, relative to the median, leave no doubt about what lies between them
HOPELESS: Final = {1: 64.0, 3: 8.0}  # runs, and how many times beyond what is allowed each must be, from the first on
RACES: Final = 3  # at each size
BUDGET_S: Final = 30.0  # of one check
ALIKE_S: Final = 0.001  # more than two workers differ in that do nothing but take arguments and give values
UNMEASURED: Final = "could not be measured here: the machine is too busy"

Make = Callable[[Subject], Any]
Plan = Callable[[Any, Any], Calls]  # of what `make` made of the subject, and x
Agree = Callable[[Any, Any], None]  # actual and expected value of a call; raises a Verdict


class Meter(Protocol):
    """Tells what calls cost."""

    def cost(self, subject: Subject, calls: Calls) -> tuple[list[Any], Cost]:
        """The calls' values, and seconds."""
        ...

    def now_s(self) -> float:
        """Seconds since some moment."""
        ...


class Bounds(NamedTuple):
    """The median of some figures, and between which two of them it lies for all figures there could be."""

    low: float
    middle: float
    high: float

    @property
    def close(self) -> bool:
        return self.high - self.low <= CLOSE * self.middle


class Repetition(NamedTuple):
    """One repetition: its figure, and the reference's seconds."""

    figure: float
    rival_s: float


class Found(NamedTuple):
    """What all repetitions together say. sure: enough for a verdict."""

    bounds: Bounds
    runs: int
    sure: bool = True


Points = tuple[tuple[float, float, float], ...]  # size, seconds of the submission, seconds of the reference


def median_of(figures: Sequence[float]) -> Bounds:
    """Raises ValueError for fewer than FEWEST, of which nothing can be said."""
    n = len(figures)
    if n < FEWEST:
        raise ValueError(f"{n} figures; at least {FEWEST} are needed")
    left_out, chance = 0, 2 * 0.5**n  # that the median lies outside all of them
    while True:
        chance += 2 * math.comb(n, left_out + 1) * 0.5**n
        if chance > 1 - SURE:
            break
        left_out += 1
    ordered = sorted(figures)
    return Bounds(ordered[left_out], float(np.median(ordered)), ordered[-1 - left_out])


class Timer:
    """Judges the speed of one submission in one check.

    limit: what the manifest allows. rival: the reference, in a worker of the same rights.
    said: is told what was measured, whatever comes of it. idle: the status of a check that cannot be measured.
    seed: of inputs, and of who is first in each turn.
    """

    def __init__(
        self,
        limit: SpeedLimit,
        student: Subject,
        rival: Subject,
        meter: Meter,
        said: Callable[[Timing], None],
        idle: Status,
        seed: int,
    ) -> None:
        self._limit = limit
        self._subjects = student, rival
        self._made: tuple[Any, Any] = student, rival
        self._meter = meter
        self._said = said
        self._idle = idle
        self._rng = np.random.default_rng(seed)

    def ratio(
        self, calls: Plan, *, inputs: Callable[[np.random.Generator], Any], agree: Agree, make: Make = lambda it: it
    ) -> None:
        """A call may take `limit.allowed` times as long as the reference's, at most.

        calls(made, x): of what `make` made of a subject before, or of the subject itself; made one after the other.
        inputs(rng): a fresh x.
        Raises a Verdict: what `agree` raises for a wrong value, FAILED for a slow call, or the status for what could
        not be measured; ManifestError where the manifest limits something else.
        """
        self._begin("ratio", make)
        allowed = self._limit.allowed

        def once() -> Repetition:
            own, theirs = self._race(calls, inputs(self._rng), agree)
            return Repetition(own / theirs, theirs)

        found = self._repeat(once, allowed, lambda runs: min(runs).figure / allowed)
        slow = found.bounds.middle > allowed
        self._judge(found, slow, "it takes {} times as long as the reference; {} times is allowed")

    def growth(
        self,
        calls: Plan,
        *,
        sizes: Sequence[int],
        inputs: Callable[[np.random.Generator, int], Any],
        agree: Agree,
        make: Make = lambda it: it,
    ) -> None:
        """The time of a call may rise as size ** `limit.allowed`, at most, over four sizes or more, each a fixed
        multiple of the one before; and be at each of them `limit.within` times the reference's, at most.

        The exponent is fitted to the differences from one size to the next: what a call takes whatever the size, honest
        or made up, plays no part in those. Sizes must be such that the reference's times differ clearly: where its own
        exponent is above the limit as well, nothing could be measured.
        Raises like `ratio`.
        """
        self._begin("growth", make)
        allowed, within = self._limit.allowed, self._limit.within
        steps = {round(b / a, 3) for a, b in itertools.pairwise(sizes)}
        if len(sizes) < 4 or len(steps) != 1 or min(steps) <= 1:
            raise ManifestError(f"growth takes four sizes or more, each the same multiple of the one before: {sizes}")
        rounds: list[list[tuple[float, float]]] = []

        def at(size: int) -> tuple[float, float]:
            """The middle of several: what disturbs one call may otherwise look like growth."""
            races = [self._race(calls, inputs(self._rng, size), agree) for _ in range(RACES)]
            own, theirs = np.median(races, axis=0).tolist()
            return own, theirs

        def once() -> Repetition:
            rounds.append([at(size) for size in sizes])
            return Repetition(exponent(sizes, [own for own, _theirs in rounds[-1]]), rounds[-1][-1][1])

        def times(of: Callable[[list[float]], Any]) -> float:
            """As long as the reference, at the size where that is most."""
            return float(max(of([own / theirs for own, theirs in pairs]) for pairs in zip(*rounds, strict=True)))

        # Whatever is beyond `within` in all of some runs is hopeless.
        found = self._repeat(once, allowed, lambda _runs: HOPELESS[3] * times(min) / within)
        medians = np.median(np.array(rounds), axis=0).tolist()
        points = tuple((float(size), own, theirs) for size, (own, theirs) in zip(sizes, medians, strict=True))
        if times(np.median) > within:
            self._tell(found, points)
            self._fail(f"it takes {times(np.median):.0f} times as long as the reference at the same size, so nothing "
                       "follows from how its time grows")
        theirs = np.median([exponent(sizes, [theirs for _own, theirs in pairs]) for pairs in rounds])
        slow = found.bounds.middle > allowed
        found = found._replace(sure=found.sure and not (slow and theirs > allowed))
        self._judge(found, slow, "its time grows as the size to the power of {}; {} is allowed", points)

    def margin(
        self,
        fast: Plan,
        slow: Plan,
        *,
        inputs: Callable[[np.random.Generator], Any],
        agree: Agree,
        than: str,
        make: Make = lambda it: it,
    ) -> None:
        """A fast call must be `limit.allowed` times faster than a slow one of the same student, at least. The slow
        ones count for no longer than the reference's take, so that making them slower wins nothing.

        than: what a slow one is called. There may be fewer of them.
        Raises like `ratio`.
        """
        self._begin("margin", make)
        allowed = 1 / self._limit.allowed

        def once() -> Repetition:  # of which less is better, as in the others
            own, _theirs = self._race(fast, inputs(self._rng), agree)
            naive, theirs = self._race(slow, inputs(self._rng), agree)
            return Repetition(own / min(naive, theirs), theirs)

        found = self._repeat(once, allowed, lambda runs: min(runs).figure / allowed)
        low, middle, high = found.bounds
        found = found._replace(bounds=Bounds(1 / high, 1 / middle, 1 / low))
        self._judge(found, middle > allowed, f"it is {{}} times as fast as {than}; at least {{}} times is wanted")

    # --- measuring ------------------------------------------------------------------------------------

    def _begin(self, kind: str, make: Make) -> None:
        if self._limit.kind != kind:
            raise ManifestError(f"{self._limit.check} measures a {kind}, and the manifest limits a {self._limit.kind}")
        student, rival = self._subjects
        self._made = make(student), make(rival)

    def _race(self, calls: Plan, x: Any, agree: Agree) -> tuple[float, float]:
        """The calls on both sides, in an order that changes; the seconds that one takes of the student's and of the
        reference's."""
        sides = [0, 1] if self._rng.random() < 0.5 else [1, 0]
        plans = [calls(made, x) for made in self._made]
        found = {side: self._meter.cost(self._subjects[side], plans[side]) for side in sides}
        (actual, own), (expected, theirs) = found[0], found[1]
        for ours, right in zip(actual, expected, strict=True):
            agree(ours, right)
        more_s = own.more_s - theirs.more_s
        own_s = own.calls_s + (more_s if more_s > ALIKE_S else 0.0)
        return own_s / len(actual), theirs.calls_s / len(expected)

    def _repeat(
        self, once: Callable[[], Repetition], allowed: float, beyond: Callable[[list[Repetition]], float]
    ) -> Found:
        """Runs, as many as a verdict takes, or as there is time for. beyond: how many times what is allowed each took,
        at least."""
        began = self._meter.now_s()
        first = once()  # the first time of everything
        runs: list[Repetition] = []
        while len(runs) < MOST:
            runs.append(once())
            figures = [run.figure for run in runs]
            if beyond([first, *runs]) > HOPELESS.get(len(runs), math.inf):
                return Found(Bounds(min(figures), float(np.median(figures)), max(figures)), len(runs))
            if len(runs) < FEWEST:
                continue
            bounds = median_of(figures)
            if bounds.high <= allowed or bounds.low > allowed:
                return Found(bounds, len(runs))
            if self._meter.now_s() - began > BUDGET_S:
                break
        steady = median_of([run.rival_s for run in runs]).close  # so that it is the submission that wavers
        return Found(bounds, len(runs), sure=bounds.close or steady)

    # --- verdicts -------------------------------------------------------------------------------------

    def _judge(self, found: Found, slow: bool, what: str, points: Points = ()) -> None:
        """what: has places for the figure, and for what is allowed."""
        self._tell(found, points)
        low, middle, high = found.bounds
        spread = f"{_figure(low)} to {_figure(high)} in {found.runs} runs" if found.runs > 1 else "in one run"
        if not found.sure:
            raise Verdict(self._idle, f"{UNMEASURED} ({spread})")
        if slow:
            self._fail(f"{what.format(_figure(middle), f'{self._limit.allowed:g}')} ({spread})")

    def _tell(self, found: Found, points: Points) -> None:
        self._said(
            Timing(
                kind=self._limit.kind,
                figure=found.bounds.middle,
                low=found.bounds.low,
                high=found.bounds.high,
                allowed=self._limit.allowed,
                runs=found.runs,
                points=points,
            )
        )

    def _fail(self, text: str) -> NoReturn:
        hint = f". {self._limit.hint}" if self._limit.hint else ""
        raise Verdict(Status.FAILED, f"{text}{hint}", cause=self._limit.hint)


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Of seconds = constant + factor * size ** exponent, for sizes that are a fixed multiple apart: the slope of the
    differences' logarithms over those of the sizes (least squares; the larger sizes, of whose time less is noise, have
    more weight). A difference that is not positive counts for next to nothing."""
    rises = np.maximum(np.diff(seconds), 1e-9)
    return float(np.polyfit(np.log(sizes[1:]), np.log(rises), 1, w=np.arange(1, len(sizes)))[0])


def _figure(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
