"""Right in part: softmax over another axis, repeated slices, the first steps only, all entries but a few."""

from __future__ import annotations

import itertools

import numpy as np

from grader.checks.hypotheses.evidence import ENOUGH, Array, Diagnosis, Evidence, same

SUM_TOLERANCE = 1e-4  # softmax rows in float32 sum to one within about 1e-6


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
        return same(
            f"Your values sum to one over {over(found[0])}, but should over {over(wanted[0])}:"
            " softmax over another axis."
        )
    return same(f"Your values do not sum to one over {over(wanted[0])}, as softmax weights do.")


def same_along_axis(e: Evidence) -> Diagnosis | None:
    for i, n in enumerate(e.expected.shape):
        first = np.take(e.actual, [0], axis=i)
        if n < 2 or not e.fits(np.broadcast_to(first, e.actual.shape), e.actual):
            continue
        if np.count_nonzero(e.wrong) >= ENOUGH and e.varied(e.expected) and np.ptp(e.actual) > 0:
            right = not np.take(e.wrong, 0, axis=i).any()
            verdict = "which is right" if right else "which is wrong too"
            return same(f"Along {e.axis(i)} every entry repeats the first one, {verdict}.")
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
                return same(f"Only {e.index(i, 0)} is right; what comes after it is wrong.")
            return same(f"All is right up to {e.index(i, good - 1)}, and wrong after it.")
        if good == 1 and right[-1]:
            return same(f"Only the last one, {e.index(i, right.size - 1)}, is right.")
    return None


def few_entries(e: Evidence) -> Diagnosis | None:
    places = np.argwhere(e.wrong)
    if not 0 < len(places) <= min(4, e.wrong.size // 10):
        return None
    if len(places) == 1:
        return same("All the other entries are right: look at what is special about this one.")
    listed = ", ".join(str(list(map(int, place))) for place in places)
    return same(f"All the other entries are right; look at what is special about {listed}.")
