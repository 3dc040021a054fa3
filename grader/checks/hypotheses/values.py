"""The right numbers but for a factor, a sign, a constant, or their precision; or none at all."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from grader.checks.hypotheses.evidence import CLEARLY, ENOUGH, Diagnosis, Evidence, same


def known_mistake(e: Evidence) -> Diagnosis | None:
    for sentence, mistaken in e.alternatives.items():
        if e.better(e.actual, mistaken) and not e.fits(mistaken, e.expected):
            return same(sentence)
    return None


def all_zero(e: Evidence) -> Diagnosis | None:
    if not e.actual.any() and e.expected.any():
        return same("Every entry is zero: was the result ever written, or was it overwritten or masked out?")
    return None


def all_equal(e: Evidence) -> Diagnosis | None:
    if e.actual.size >= ENOUGH and np.ptp(e.actual) == 0 and e.varied(e.expected):
        return same("Every entry has the same value; the right ones differ from each other.")
    return None


def inverted(e: Evidence) -> Diagnosis | None:
    if np.isin(e.actual, (0.0, 1.0)).all() and e.explained_by(1.0 - e.actual):
        return same("True and False (1 and 0) are exchanged: the mask is inverted.")
    return None


def sign(e: Evidence) -> Diagnosis | None:
    if e.explained_by(-e.actual):
        return same("The sign is flipped: every value is the negative of the right one.")
    return None


def named_factor(e: Evidence) -> Diagnosis | None:
    if np.max(np.abs(e.expected), initial=0.0) <= CLEARLY * e.noise:
        return None
    for name, value in e.factors.items():
        if value and math.isfinite(value):
            if e.better(e.actual / value, e.expected):
                return same(f"The result is the right one times {name}: is a division by {name} missing?")
            if e.better(e.actual * value, e.expected):
                return same(f"The result is the right one divided by {name}: is that division one too many?")
    return None


def _usual_factors(e: Evidence) -> Iterator[tuple[str, float]]:
    """(phrase, actual / expected): sizes of axes first, as they say most, then 2."""
    sizes = [(e.dims[i] if e.dims else f"the size of axis {i}", n) for i, n in enumerate(e.expected.shape)]
    if len(sizes) > 1:
        sizes.append(("the number of entries", e.expected.size))
    for name, n in sizes:
        yield f"divided by {name} (a mean where a sum is wanted?)", 1 / n
        yield f"times {name} (a sum where a mean is wanted?)", float(n)
    yield "times two", 2.0
    yield "divided by two", 0.5
    for name, n in sizes:
        yield f"divided by the square root of {name}", n**-0.5
        yield f"times the square root of {name}", n**0.5


def usual_factor(e: Evidence) -> Diagnosis | None:
    fitting = [phrase for phrase, factor in _usual_factors(e) if e.explained_by(e.actual / factor)]
    return same(f"The values are the right ones {', or '.join(fitting[:2])}.") if fitting else None


def any_factor(e: Evidence) -> Diagnosis | None:
    strong = np.abs(e.expected) > CLEARLY * e.noise
    square = float(np.vdot(e.expected, e.expected))
    if np.count_nonzero(strong) < ENOUGH or square == 0:
        return None
    factor = float(np.vdot(e.expected, e.actual)) / square
    if factor == 0 or not math.isfinite(factor) or not e.explained_by(e.actual / factor):
        return None
    return Diagnosis(
        f"The values are the right ones times the constant {factor:.4g}.",
        "The values are the right ones times one constant factor.",
    )


def offset(e: Evidence) -> Diagnosis | None:
    shift = float(np.mean(e.actual - e.expected)) if e.actual.size else 0.0
    if not e.explained_by(e.actual - shift):
        return None
    return Diagnosis(
        f"Every value is off by the same constant, {shift:+.4g}: an addend is missing or one too many.",
        "Every value is off by the same constant: an addend is missing or one too many.",
    )


def low_precision(e: Evidence) -> Diagnosis | None:
    """Every value fits into fewer bits, and the errors have the size of rounding and both signs."""
    if np.count_nonzero(e.wrong) < ENOUGH or not e.varied(e.expected):
        return None
    error = e.actual - e.expected
    worst = np.max(np.abs(error)) / np.max(np.abs(e.expected))
    if not 0.1 < np.count_nonzero(error > 0) / np.count_nonzero(error) < 0.9:
        return None
    single = e.actual.astype(np.float32)
    for name, bits, rounded in (
        ("single precision (float32)", 23, single),
        ("half precision (float16)", 10, e.actual.astype(np.float16)),
        ("half precision (bfloat16)", 7, (single.view(np.uint32) & 0xFFFF0000).view(np.float32)),
    ):
        if worst <= 2.0 ** (4 - bits) and np.array_equal(rounded, e.actual):
            return same(f"The values are nearly right: it looks as if they were computed in {name}.")
    return None
