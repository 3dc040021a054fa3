"""How far a value may be from the right one."""

from __future__ import annotations

import math
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

TINY = 1e-10  # smallest scale of the ratio, so that zeros compare with zeros


@dataclass(frozen=True)
class Tolerance:
    """Entry-wise bound on |actual - expected|: ratio * scale + rtol * |expected| + atol.

    `scale` is one number for the whole tensor, max(|actual| + |expected|), but at least 1e-10.
    Made by `rel`, `within` or `EXACT`.
    """

    ratio: float = 0.0
    rtol: float = 0.0
    atol: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) and x >= 0 for x in (self.ratio, self.rtol, self.atol)):
            raise ValueError(f"a tolerance is finite and not negative: {self}")

    def scale(self, actual: Array, expected: Array) -> float:
        with np.errstate(over="ignore"):
            return max(float(np.max(np.abs(actual) + np.abs(expected), initial=0.0)), TINY)

    def allowed(self, actual: Array, expected: Array) -> Array:
        """The largest error that is forgiven, for each entry."""
        bound = self.atol + self.rtol * np.abs(expected)
        return np.asarray(bound + self.ratio * self.scale(actual, expected) if self.ratio else bound)

    def fits(self, actual: Array, expected: Array) -> bool:
        """Every entry is within tolerance; NaN and infinities never are."""
        error = np.abs(actual - expected)
        return bool(np.all((error <= self.allowed(actual, expected)) & np.isfinite(error)))

    def wrong(self, actual: Array, expected: Array) -> NDArray[np.bool_]:
        """The entries to blame once `fits` said no: a huge wrong entry must not excuse the smaller ones."""
        allowed = np.minimum(self.allowed(actual, expected), self.allowed(expected, expected))
        error = np.abs(actual - expected)
        return np.asarray(~((error <= allowed) & np.isfinite(error)))

    def describe(self) -> str:
        if self == EXACT:
            return "it must be exact"
        parts = [f"{bound:g}" for bound in (self.ratio, self.atol) if bound]
        parts += [f"{self.rtol:g} of the value"] if self.rtol else []
        return f"allowed {' + '.join(parts)}"


def rel(bound: float) -> Tolerance:
    """max|x - y| / max(max(|x| + |y|), 1e-10) <= bound: one ratio of two maxima for the whole tensor."""
    return Tolerance(ratio=bound)


def within(rtol: float, atol: float) -> Tolerance:
    """|x - y| <= atol + rtol * |y| for every entry, y being the expected one."""
    return Tolerance(rtol=rtol, atol=atol)


EXACT = Tolerance()

# While values come from a GPU: its sums have another order than those of the CPU from which right values come.
LENIENT: Final = ContextVar("LENIENT", default=False)
SINGLE: Final = within(1e-4, 1e-5)
HALF: Final = within(1e-2, 1e-2)


def lenient(tol: Tolerance, actual: np.dtype[Any], expected: np.dtype[Any]) -> Tolerance:
    """The tolerance, or what single and half precision take where it is less, if values come from a GPU. For half
    precision the expected value must have it, too: otherwise nobody asked for it."""
    if not LENIENT.get() or actual.kind != "f" or actual.itemsize > 4:
        return tol
    least = HALF if actual.itemsize == expected.itemsize == 2 and expected.kind == "f" else SINGLE
    return Tolerance(tol.ratio, max(tol.rtol, least.rtol), max(tol.atol, least.atol))
