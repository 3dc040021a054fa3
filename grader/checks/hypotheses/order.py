"""The right numbers in another order: axes, slices, blocks."""

from __future__ import annotations

import itertools

import numpy as np

from grader.checks.hypotheses.evidence import CLEARLY, ENOUGH, Diagnosis, Evidence, same

MAX_AXES = 5  # orders of axes are tried one by one: 5! = 120
MAX_BLOCKS = 64  # blocks are matched pairwise


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
                return same(
                    f"The numbers are right once {e.axis(moved[0])} and {e.axis(moved[1])} are swapped:"
                    " a transpose is missing or one too many."
                )
            return same(f"The numbers are right once the axes are put in the order {order}, as in permute.")
    return None


def only_the_shape(e: Evidence) -> Diagnosis | None:
    if e.actual.size == e.expected.size and e.explained_by(e.actual.reshape(e.expected.shape)):
        return same("The numbers are right and in the right order; only the shape is not.")
    return None


def reshape_for_transpose(e: Evidence) -> Diagnosis | None:
    if e.actual.size != e.expected.size:
        return None
    for order in _axis_orders(e.expected.ndim):
        back = [order.index(i) for i in range(len(order))]
        moved = e.actual.reshape([e.expected.shape[i] for i in order])
        if e.explained_by(moved.transpose(back)):
            return same(
                "These are the right numbers in another order: a reshape or view where a transpose"
                " (permute) is needed."
            )
    return None


def reversed_axis(e: Evidence) -> Diagnosis | None:
    for i in range(e.expected.ndim):
        if e.explained_by(np.flip(e.actual, i)):
            return same(f"The order along {e.axis(i)} is reversed.")
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
                return same(f"Along {e.axis(i)} everything comes one step too {how}.")
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
            return same(f"The {count} {what} along {e.axis(axis)} are right, but in another order{order}.")
    return None


def another_order(e: Evidence) -> Diagnosis | None:
    right = np.sort(e.expected, axis=None)
    if e.actual.size != e.expected.size or right.size < 2 * ENOUGH:
        return None
    different = 1 + np.count_nonzero(np.diff(right) > CLEARLY * e.noise)
    wrong = right.size if e.actual.shape != e.expected.shape else np.count_nonzero(e.wrong)
    if wrong >= ENOUGH and 2 * different > right.size and e.better(np.sort(e.actual, axis=None), right):
        return same(
            "These are the right numbers in another order: perhaps a reshape or view where a transpose"
            " (permute) is needed."
        )
    return None
