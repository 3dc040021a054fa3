"""Another shape: a slice, an entry too many or too few, a sum that is missing or should not be."""

from __future__ import annotations

import numpy as np

from grader.checks.hypotheses.evidence import Diagnosis, Evidence, same


def one_slice(e: Evidence) -> Diagnosis | None:
    for i, n in enumerate(e.expected.shape):
        for at, which in ((n - 1, "last"), (0, "first")):
            part = np.take(e.expected, [at], axis=i)
            if (
                n > 1
                and part.size == e.actual.size
                and e.varied(part)
                and e.fits(e.actual.reshape(part.shape), part)
            ):
                return same(f"This is only the {which} slice of the right tensor along {e.axis(i)}.")
    return None


def one_too_many_or_few(e: Evidence) -> Diagnosis | None:
    if e.actual.ndim != e.expected.ndim:
        return None
    for i, n in enumerate(e.expected.shape):
        extra = e.actual.shape[i] - n
        if abs(extra) != 1:
            continue
        longer, shorter = (e.actual, e.expected) if extra > 0 else (e.expected, e.actual)
        k = shorter.shape[i]
        for start, which in ((1, "first"), (0, "last")):
            part = np.take(longer, range(start, start + k), axis=i)
            if e.varied(shorter) and e.fits(part, shorter):
                what = "is one too many" if extra > 0 else "is missing"
                return same(f"The {which} entry along {e.axis(i)} {what}; the others are right.")
    return None


def reduced_or_not(e: Evidence) -> Diagnosis | None:
    """A sum or mean over an axis that is missing, or one that should not be."""
    for i in range(e.actual.ndim):
        for how, total in (("summed", e.actual.sum(axis=i)), ("averaged", e.actual.mean(axis=i))):
            if e.varied(e.expected) and e.fits(total, e.expected):
                return same(f"The numbers are right once they are {how} over axis {i} of yours.")
    for i in range(e.expected.ndim):
        for how, total in (("sum", e.expected.sum(axis=i)), ("mean", e.expected.mean(axis=i))):
            if e.varied(total) and e.fits(e.actual, total):
                return same(f"This is the {how} of the right tensor over {e.axis(i)}.")
    return None
