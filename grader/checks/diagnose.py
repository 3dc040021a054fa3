"""Why a tensor may be wrong: simple hypotheses, reported only when one explains the numbers.

Each hypothesis is one small function from `Evidence` to a `Diagnosis` or None; `diagnose` returns the
first that fits. A hypothesis mends the actual tensor in its own way (swaps two axes, divides by a factor,
…) and fits when the mended tensor is within the check's tolerance and far better than before. It must
rest on three entries at least, and on values that differ from each other: a constant tensor is its own
transpose, its own reverse and a multiple of any other. Only mistakes and factors that the caller names
may rest on less, since a scalar loss has nothing more to show.

`hidden_text` holds indices, sizes and names, never a number from which a right value follows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from grader.checks.tolerance import Tolerance

Array = NDArray[np.float64]

ENOUGH = 3  # entries that a hypothesis must explain
CLEARLY = 10.0  # how much better the mended tensor must be, and how far above the noise a value counts
MAX_AXES = 5  # orders of axes are tried one by one: 5! = 120
MAX_BLOCKS = 64  # blocks are matched pairwise
SUM_TOLERANCE = 1e-4  # softmax rows in float32 sum to one within about 1e-6


@dataclass(frozen=True)
class Diagnosis:
    """One or two full sentences for the student; `hidden_text` without any number that tells a value."""

    text: str
    hidden_text: str


def _same(text: str) -> Diagnosis:
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


# --- values -----------------------------------------------------------------------------------------


def known_mistake(e: Evidence) -> Diagnosis | None:
    for sentence, mistaken in e.alternatives.items():
        if e.better(e.actual, mistaken) and not e.fits(mistaken, e.expected):
            return _same(sentence)
    return None


def all_zero(e: Evidence) -> Diagnosis | None:
    if not e.actual.any() and e.expected.any():
        return _same("Every entry is zero: was the result ever written, or was it overwritten or masked out?")
    return None


def all_equal(e: Evidence) -> Diagnosis | None:
    if e.actual.size >= ENOUGH and np.ptp(e.actual) == 0 and e.varied(e.expected):
        return _same("Every entry has the same value; the right ones differ from each other.")
    return None


def inverted(e: Evidence) -> Diagnosis | None:
    if np.isin(e.actual, (0.0, 1.0)).all() and e.explained_by(1.0 - e.actual):
        return _same("True and False (1 and 0) are exchanged: the mask is inverted.")
    return None


def sign(e: Evidence) -> Diagnosis | None:
    if e.explained_by(-e.actual):
        return _same("The sign is flipped: every value is the negative of the right one.")
    return None


def named_factor(e: Evidence) -> Diagnosis | None:
    if np.max(np.abs(e.expected), initial=0.0) <= CLEARLY * e.noise:
        return None
    for name, value in e.factors.items():
        if value and math.isfinite(value):
            if e.better(e.actual / value, e.expected):
                return _same(f"The result is the right one times {name}: is a division by {name} missing?")
            if e.better(e.actual * value, e.expected):
                return _same(f"The result is the right one divided by {name}: is that division one too many?")
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
    return _same(f"The values are the right ones {', or '.join(fitting[:2])}.") if fitting else None


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
            return _same(f"The values are nearly right: it looks as if they were computed in {name}.")
    return None


# --- order ------------------------------------------------------------------------------------------


def _axis_orders(ndim: int) -> list[tuple[int, ...]]:
    """Every order of the axes but the plain one; those that swap two axes come first."""
    if not 2 <= ndim <= MAX_AXES:
        return []
    orders = list(itertools.permutations(range(ndim)))[1:]
    return sorted(orders, key=lambda order: sum(i != j for i, j in enumerate(order)))


def axes_in_another_order(e: Evidence) -> Diagnosis | None:
    for order in _axis_orders(e.actual.ndim):
        if e.explained_by(e.actual.transpose(order)):
            moved = [i for i, j in enumerate(order) if i != j]
            if len(moved) == 2:
                return _same(
                    f"The numbers are right once {e.axis(moved[0])} and {e.axis(moved[1])} are swapped:"
                    " a transpose is missing or one too many."
                )
            return _same(f"The numbers are right once the axes are put in the order {order}, as in permute.")
    return None


def only_the_shape(e: Evidence) -> Diagnosis | None:
    if e.actual.size == e.expected.size and e.explained_by(e.actual.reshape(e.expected.shape)):
        return _same("The numbers are right and in the right order; only the shape is not.")
    return None


def reshape_for_transpose(e: Evidence) -> Diagnosis | None:
    if e.actual.size != e.expected.size:
        return None
    for order in _axis_orders(e.expected.ndim):
        back = [order.index(i) for i in range(len(order))]
        moved = e.actual.reshape([e.expected.shape[i] for i in order])
        if e.explained_by(moved.transpose(back)):
            return _same(
                "These are the right numbers in another order: a reshape or view where a transpose"
                " (permute) is needed."
            )
    return None


def reversed_axis(e: Evidence) -> Diagnosis | None:
    for i in range(e.expected.ndim):
        if e.explained_by(np.flip(e.actual, i)):
            return _same(f"The order along {e.axis(i)} is reversed.")
    return None


def shifted(e: Evidence) -> Diagnosis | None:
    for i, n in enumerate(e.expected.shape):
        if n < ENOUGH:
            continue
        actual, expected = (np.moveaxis(a, i, 0) for a in (e.actual, e.expected))
        wrong = np.moveaxis(e.wrong, i, 0)
        for mine, right, bad, how in (
            (
                actual[1:],
                expected[:-1],
                wrong[1:],
                f"late: {e.index(i, 0)} holds something else (a start value?)",
            ),
            (actual[:-1], expected[1:], wrong[:-1], "early: the first one is missing"),
        ):
            if np.count_nonzero(bad) >= ENOUGH and e.varied(right) and e.better(mine, right):
                return _same(f"Along {e.axis(i)} everything comes one step too {how}.")
    return None


def _match_blocks(e: Evidence, axis: int, count: int) -> list[int] | None:
    """For each block of `actual` along `axis` the place where `expected` has it, or None."""
    mine, right = (np.split(a, count, axis) for a in (e.actual, e.expected))
    places: list[int] = []
    for block in mine:
        place = next((j for j in range(count) if j not in places and e.fits(block, right[j])), None)
        if place is None:
            return None
        places.append(place)
    return places


def blocks_in_another_order(e: Evidence) -> Diagnosis | None:
    """The four gates of an LSTM, query/key/value, or single slices along an axis."""
    if not e.expected.ndim or np.count_nonzero(e.wrong) < ENOUGH or not e.varied(e.expected):
        return None
    last = e.expected.ndim - 1
    size = e.expected.shape[last]
    tries = [(last, k) for k in (2, 3, 4) if size % k == 0 and size > k]
    tries += [(i, n) for i, n in enumerate(e.expected.shape) if ENOUGH <= n <= MAX_BLOCKS]
    for axis, count in tries:
        places = _match_blocks(e, axis, count)
        if places is None:
            continue
        mended = np.concatenate(
            [np.split(e.actual, count, axis)[places.index(j)] for j in range(count)], axis
        )
        if e.explained_by(mended):
            what = "slices" if count == e.expected.shape[axis] else "equal blocks"
            order = f": yours are the right ones in the order {places}" if count <= 8 else ""
            return _same(f"The {count} {what} along {e.axis(axis)} are right, but in another order{order}.")
    return None


def another_order(e: Evidence) -> Diagnosis | None:
    right = np.sort(e.expected, axis=None)
    if e.actual.size != e.expected.size or right.size < 2 * ENOUGH:
        return None
    different = 1 + np.count_nonzero(np.diff(right) > CLEARLY * e.noise)
    wrong = right.size if e.actual.shape != e.expected.shape else np.count_nonzero(e.wrong)
    if wrong >= ENOUGH and 2 * different > right.size and e.better(np.sort(e.actual, axis=None), right):
        return _same(
            "These are the right numbers in another order: perhaps a reshape or view where a transpose"
            " (permute) is needed."
        )
    return None


# --- structure --------------------------------------------------------------------------------------


def _normalised_over(values: Array) -> list[tuple[int, ...]]:
    """The sets of one, two or all axes over which non-negative `values` sum to one."""
    if values.size < ENOUGH or values.min() < 0:
        return []
    axes = [i for i, n in enumerate(values.shape) if n > 1]
    sets = [*itertools.combinations(axes, 1), *itertools.combinations(axes, 2), tuple(axes)]
    return [s for s in dict.fromkeys(sets) if np.abs(values.sum(axis=s) - 1).max() < SUM_TOLERANCE]


def softmax_axis(e: Evidence) -> Diagnosis | None:
    wanted, found = _normalised_over(e.expected), _normalised_over(e.actual)
    if not wanted or set(wanted) & set(found):
        return None

    def over(axes: tuple[int, ...]) -> str:
        return " and ".join(map(e.axis, axes))

    if found:
        return _same(
            f"Your values sum to one over {over(found[0])}, but should over {over(wanted[0])}:"
            " softmax over another axis."
        )
    return _same(f"Your values do not sum to one over {over(wanted[0])}, as softmax weights do.")


def same_along_axis(e: Evidence) -> Diagnosis | None:
    for i, n in enumerate(e.expected.shape):
        first = np.take(e.actual, [0], axis=i)
        if n < 2 or not e.fits(np.broadcast_to(first, e.actual.shape), e.actual):
            continue
        if np.count_nonzero(e.wrong) >= ENOUGH and e.varied(e.expected) and np.ptp(e.actual) > 0:
            right = not np.take(e.wrong, 0, axis=i).any()
            verdict = "which is right" if right else "which is wrong too"
            return _same(f"Along {e.axis(i)} every entry repeats the first one, {verdict}.")
    return None


def right_part(e: Evidence) -> Diagnosis | None:
    """Along one axis the first slices are right, or only the last is; time first, then the other axes."""
    axes = sorted(range(e.expected.ndim), key=lambda i: not (e.dims and e.dims[i] == "T"))
    for i in axes:
        wrong = np.moveaxis(e.wrong, i, 0).reshape(e.expected.shape[i], -1)
        right = np.asarray(~wrong.any(axis=1))
        good = int(np.count_nonzero(right))
        if not 0 < good < right.size or 2 * np.count_nonzero(wrong[~right]) < wrong[~right].size:
            continue
        if not e.varied(np.compress(right, e.expected, axis=i)):
            continue
        if right[:good].all():
            if good == 1:
                return _same(f"Only {e.index(i, 0)} is right; what comes after it is wrong.")
            return _same(f"All is right up to {e.index(i, good - 1)}, and wrong after it.")
        if good == 1 and right[-1]:
            return _same(f"Only the last one, {e.index(i, right.size - 1)}, is right.")
    return None


def few_entries(e: Evidence) -> Diagnosis | None:
    places = np.argwhere(e.wrong)
    if not 0 < len(places) <= min(4, e.wrong.size // 10):
        return None
    if len(places) == 1:
        return _same("All the other entries are right: look at what is special about this one.")
    listed = ", ".join(str(list(map(int, place))) for place in places)
    return _same(f"All the other entries are right; look at what is special about {listed}.")


# --- another shape ----------------------------------------------------------------------------------


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
                return _same(f"This is only the {which} slice of the right tensor along {e.axis(i)}.")
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
                return _same(f"The {which} entry along {e.axis(i)} {what}; the others are right.")
    return None


def reduced_or_not(e: Evidence) -> Diagnosis | None:
    """A sum or mean over an axis that is missing, or one that should not be."""
    for i in range(e.actual.ndim):
        for how, total in (("summed", e.actual.sum(axis=i)), ("averaged", e.actual.mean(axis=i))):
            if e.varied(e.expected) and e.fits(total, e.expected):
                return _same(f"The numbers are right once they are {how} over axis {i} of yours.")
    for i in range(e.expected.ndim):
        for how, total in (("sum", e.expected.sum(axis=i)), ("mean", e.expected.mean(axis=i))):
            if e.varied(total) and e.fits(e.actual, total):
                return _same(f"This is the {how} of the right tensor over {e.axis(i)}.")
    return None


Hypothesis = Callable[[Evidence], Diagnosis | None]

EQUAL_SHAPES: tuple[Hypothesis, ...] = (
    known_mistake, all_zero, all_equal, inverted, named_factor, sign, usual_factor, low_precision,
    any_factor, offset, axes_in_another_order, reversed_axis, reshape_for_transpose, same_along_axis,
    blocks_in_another_order, shifted, another_order, softmax_axis, right_part, few_entries,
)  # fmt: skip
OTHER_SHAPES: tuple[Hypothesis, ...] = (
    known_mistake, axes_in_another_order, only_the_shape, reshape_for_transpose, one_slice,
    one_too_many_or_few, reduced_or_not, another_order,
)  # fmt: skip


def diagnose(
    actual: Array,
    expected: Array,
    *,
    tol: Tolerance,
    dims: tuple[str, ...] = (),
    alternatives: Mapping[str, Array] | None = None,
    factors: Mapping[str, float] | None = None,
) -> Diagnosis | None:
    """The first hypothesis that explains how `actual` differs from `expected`, or None.

    actual, expected: finite float64 tensors that are known to differ, of equal shape or not.
    dims: a letter for each axis of `expected`.
    alternatives: sentence -> the tensor that this mistake gives. factors: name -> value.
    """
    evidence = Evidence(actual, expected, tol, dims, alternatives or {}, factors or {})
    if not actual.size or not expected.size:
        return None
    hypotheses = EQUAL_SHAPES if actual.shape == expected.shape else OTHER_SHAPES
    with np.errstate(all="ignore"):  # far-off values may overflow; what is not finite fits nothing
        return next((found for h in hypotheses if (found := h(evidence)) is not None), None)
