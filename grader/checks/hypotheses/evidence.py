"""What hypotheses look at, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from grader.checks.tolerance import Tolerance

Array = NDArray[np.float64]

ENOUGH = 3  # entries that a hypothesis must explain
CLEARLY = 10.0  # how much better the mended tensor must be, and how far above the noise a value counts


@dataclass(frozen=True)
class Diagnosis:
    """One or two full sentences for the student; `hidden_text` without any number that tells a value."""

    text: str
    hidden_text: str


def same(text: str) -> Diagnosis:
    return Diagnosis(text, text)


@dataclass(frozen=True)
class Evidence:
    """What the hypotheses look at: finite float64 tensors, of equal shape or not.

    dims: one letter for each axis of `expected`, or () when the axes have no names.
    """

    actual: Array
    expected: Array
    tol: Tolerance
    dims: tuple[str, ...] = ()
    alternatives: Mapping[str, Array] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Entries out of tolerance; only for equal shapes."""
        return self.tol.wrong(self.actual, self.expected)

    @cached_property
    def noise(self) -> float:
        """The largest error that the tolerance forgives."""
        return float(np.max(self.tol.allowed(self.expected, self.expected), initial=0.0))

    def axis(self, i: int) -> str:
        return f"{self.dims[i].lower()} (axis {i})" if self.dims else f"axis {i}"

    def index(self, i: int, at: int) -> str:
        return f"{self.dims[i].lower()} = {at}" if self.dims else f"index {at} of axis {i}"

    def varied(self, values: Array) -> bool:
        """At least three different values, or two that both occur three times (masks)."""
        if values.size < ENOUGH:
            return False
        ordered, step = np.sort(values, axis=None), CLEARLY * self.noise
        second = int(np.searchsorted(ordered, ordered[0] + step, side="right"))
        if second == ordered.size:
            return False
        third = int(np.searchsorted(ordered, ordered[second] + step, side="right"))
        return third < ordered.size or ENOUGH <= second <= ordered.size - ENOUGH

    def fits(self, mended: Array, wanted: Array) -> bool:
        return mended.shape == wanted.shape and self.tol.fits(mended, wanted)

    def better(self, mended: Array, wanted: Array) -> bool:
        """`mended` is right, and the error is a small part of what it was (shapes permitting)."""
        if not self.fits(mended, wanted):
            return False
        if self.actual.shape != self.expected.shape:
            return True
        before = np.max(np.abs(self.actual - self.expected))
        return bool(np.max(np.abs(mended - wanted), initial=0.0) <= before / CLEARLY)

    def explained_by(self, mended: Array) -> bool:
        """The mended tensor is right, for more than one or two entries and not for lack of variety."""
        if self.actual.shape == self.expected.shape and np.count_nonzero(self.wrong) < ENOUGH:
            return False
        return self.better(mended, self.expected) and self.varied(self.expected)
