"""Time as a verdict: whether code is fast for the right reason, on a busy laptop as on a quiet server.

No check here compares seconds with a constant. `ratio` holds a call against the reference's, `growth` asks how its
time rises with a size, `margin` holds two functions of one student against each other. What is allowed stands in
the manifest (`[[speeds]]`).

    @pytest.mark.check("p3.speed", question="simclr", points=0, needs="p3.loss")
    def test_speed(speed):
        \"\"\"The loss takes no Python loop over the batch\"\"\"
        speed.ratio(lambda subject, pair: subject.losses.loss(*pair, 0.5), inputs=pair_of, agree=alike)

All calls take turns with the reference's in a worker of the same rights, with fresh inputs each time, and every value
is compared: who is fast and wrong, sleeps, remembers or answers from a thread gains nothing. A call costs the wall's
time between question and answer, less what grader and worker stood in the kernel's run queue, or the processor time
that the worker used, whichever is more. Calls are repeated until the middle of the measured figures is known well
enough for a verdict: between the order statistics that hold the median with 98 % (Conover, Practical Nonparametric
Statistics, 3.2). Where that never happens the check says that it could not be measured, and guesses nothing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, NoReturn, Protocol

import numpy as np

from grader.errors import ManifestError, Verdict
from grader.records import SpeedLimit, Status, Timing
from grader.subject import Subject

FEWEST, MOST = 7, 41  # repetitions
SURE: Final = 0.98  # that the median lies between the bounds
CLOSE: Final = 0.15  # bounds so near each other, relative to the median, leave no doubt about a figure that is near
HOPELESS: Final = 8.0  # times what is allowed, three times in a row
BUDGET_S: Final = 30.0  # of one check
UNMEASURED: Final = "could not be measured here: the machine is too busy"

Make = Callable[[Subject], Any]
Call = Callable[[Any, Any], Any]  # what `make` made of the subject, x
Agree = Callable[[Any, Any], None]  # actual, expected; raises a Verdict


class Meter(Protocol):
    """Tells what a call cost."""

    def cost(self, subject: Subject, call: Callable[[], Any]) -> tuple[Any, float]:
        """The call's value, and seconds."""
        ...

    def spent_s(self) -> float:
        """Seconds since the meter was made."""
        ...


class Bounds(NamedTuple):
    """The median of some figures, and between which two of them it lies for all figures there could be."""

    low: float
    middle: float
    high: float


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
    """

    def __init__(
        self,
        limit: SpeedLimit,
        student: Subject,
        rival: Subject,
        meter: Meter,
        said: Callable[[Timing], None],
        idle: Status,
        seed: int = 0,
    ) -> None:
        self._limit = limit
        self._subjects = student, rival
        self._made: tuple[Any, Any] = student, rival
        self._meter = meter
        self._said = said
        self._idle = idle
        self._rng = np.random.default_rng(seed)

    def ratio(
        self, call: Call, *, inputs: Callable[[np.random.Generator], Any], agree: Agree, make: Make = lambda it: it
    ) -> None:
        """The call may take `limit.allowed` times as long as the reference's, at most.

        call(made, x): one call of the worker, of what `make` made of a subject before, or of the subject itself.
        inputs(rng): a fresh x.
        Raises a Verdict: what `agree` raises for a wrong value, FAILED for a slow call, or the status for what could
        not be measured.
        """
        self._begin("ratio", make)

        def once() -> float:
            x = inputs(self._rng)
            own, theirs = self._race(call, x, agree)
            return own / theirs

        figures = self._repeat(once)
        found = median_of(figures)
        self._judge("ratio", found, len(figures), "it takes {} times as long as the reference; {} times is allowed")

    def growth(
        self,
        call: Call,
        *,
        sizes: Sequence[int],
        inputs: Callable[[np.random.Generator, int], Any],
        agree: Agree,
        make: Make = lambda it: it,
    ) -> None:
        """The time of the call may rise as size ** `limit.allowed`, at most, over four sizes or more, each a fixed
        multiple of the one before; and be at each of them `limit.within` times the reference's, at most.

        The exponent is fitted (least squares, logarithms) to the differences from one size to the next: what a call
        takes whatever the size, honest or made up, plays no part in those.
        """
        self._begin("growth", make)
        steps = {round(b / a, 3) for a, b in itertools.pairwise(sizes)}
        if len(sizes) < 4 or len(steps) != 1:
            raise ManifestError(f"growth takes four sizes or more, each the same multiple of the one before: {sizes}")
        rounds: list[list[tuple[float, float]]] = []

        def once() -> float:
            rounds.append([self._race(call, inputs(self._rng, size), agree) for size in sizes])
            return exponent(sizes, [own for own, _theirs in rounds[-1]])

        figures = self._repeat(once)
        medians = np.median(np.array(rounds), axis=0)
        points = tuple((float(s), float(o), float(t)) for s, (o, t) in zip(sizes, medians, strict=True))
        worst = max(own / theirs for _size, own, theirs in points)
        found = median_of(figures)
        if worst > self._limit.within:
            self._tell("growth", found, len(figures), points)
            self._slow(f"it takes {worst:.0f} times as long as the reference at the same size, so nothing follows from "
                       "how its time grows")
        what = "its time grows as the size to the power of {}; {} is allowed"
        self._judge("growth", found, len(figures), what, points)

    def margin(
        self,
        fast: Call,
        slow: Call,
        *,
        inputs: Callable[[np.random.Generator], Any],
        agree: Agree,
        than: str,
        make: Make = lambda it: it,
    ) -> None:
        """The fast call must be `limit.allowed` times faster than the slow one of the same student, at least. The slow
        one counts for no longer than the reference's takes, so that making it slower wins nothing.

        than: what the slow one is called.
        """
        self._begin("margin", make)

        def once() -> float:
            own, _theirs = self._race(fast, inputs(self._rng), agree)
            naive, reference = self._race(slow, inputs(self._rng), agree)
            return own / min(naive, reference)  # the smaller the better, like the other figures

        figures = self._repeat(once, at_most=1 / self._limit.allowed)
        bounds = median_of(figures)
        found = Bounds(1 / bounds.high, 1 / bounds.middle, 1 / bounds.low)
        what = f"it is {{}} times as fast as {than}; at least {{}} times is wanted"
        self._judge("margin", found, len(figures), what)

    # --- measuring ------------------------------------------------------------------------------------

    def _race(self, call: Call, x: Any, agree: Agree) -> tuple[float, float]:
        """The call on both sides, in an order that changes; the seconds of the student's and of the reference's."""
        sides = [0, 1] if self._rng.random() < 0.5 else [1, 0]
        found = {side: self._meter.cost(self._subjects[side], partial(call, self._made[side], x)) for side in sides}
        (actual, own), (expected, theirs) = found[0], found[1]
        agree(actual, expected)
        return own, max(theirs, 1e-9)

    def _repeat(self, once: Callable[[], float], at_most: float | None = None) -> list[float]:
        """Figures, as many as a verdict takes. Raises a Verdict when there never are enough."""
        allowed = self._limit.allowed if at_most is None else at_most
        once()  # the first time of everything
        figures: list[float] = []
        while len(figures) < MOST:
            if len(figures) == 3 and min(figures) > HOPELESS * allowed:
                return figures * FEWEST  # no bound could change that
            if len(figures) >= FEWEST:
                found = median_of(figures)
                if found.high <= allowed or found.low > allowed:
                    return figures
                if self._meter.spent_s() > BUDGET_S:
                    break
            figures.append(once())
        found = median_of(figures)
        if found.high - found.low <= CLOSE * found.middle:
            return figures
        raise Verdict(self._idle, f"{UNMEASURED} ({found.low:.3g} to {found.high:.3g} in {len(figures)} runs)")

    # --- verdicts -------------------------------------------------------------------------------------

    def _judge(
        self,
        kind: str,
        found: Bounds,
        runs: int,
        what: str,
        points: tuple[tuple[float, float, float], ...] = (),
    ) -> None:
        self._tell(kind, found, runs, points)
        slow = found.middle < self._limit.allowed if kind == "margin" else found.middle > self._limit.allowed
        if slow:
            spread = f"{found.low:.3g} to {found.high:.3g} in {runs} runs"
            self._slow(f"{what.format(f'{found.middle:.3g}', f'{self._limit.allowed:g}')} ({spread})")

    def _tell(self, kind: str, found: Bounds, runs: int, points: tuple[tuple[float, float, float], ...]) -> None:
        self._said(
            Timing(
                kind=kind,
                figure=found.middle,
                low=found.low,
                high=found.high,
                allowed=self._limit.allowed,
                runs=runs,
                points=points,
            )
        )

    def _slow(self, text: str) -> NoReturn:
        hint = f". {self._limit.hint}" if self._limit.hint else ""
        raise Verdict(Status.FAILED, f"{text}{hint}", cause=self._limit.hint)

    def _begin(self, kind: str, make: Make) -> None:
        if self._limit.kind != kind:
            raise ManifestError(f"{self._limit.check} measures a {kind}, and the manifest limits a {self._limit.kind}")
        student, rival = self._subjects
        self._made = make(student), make(rival)


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Of seconds = constant + factor * size ** exponent, for sizes that are a fixed multiple apart: the slope of the
    differences' logarithms over those of the sizes. A difference that is not positive counts for next to nothing."""
    rises = np.maximum(np.diff(seconds), 1e-9)
    return float(np.polyfit(np.log(sizes[1:]), np.log(rises), 1)[0])
