"""The likely cause of a wrong tensor: the first of the hypotheses that explains the numbers, if one does.

`hidden_text` of what comes of it holds indices, sizes and names, never a number from which a right value follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from grader.checks.hypotheses import order, shape, structure, values
from grader.checks.hypotheses.evidence import Array, Diagnosis, Evidence
from grader.checks.tolerance import Tolerance

Hypothesis = Callable[[Evidence], Diagnosis | None]

EQUAL_SHAPES: tuple[Hypothesis, ...] = (
    values.known_mistake, values.all_zero, values.all_equal, values.inverted, values.named_factor, values.sign,
    values.usual_factor, values.low_precision, values.any_factor, values.offset, order.axes_in_another_order,
    order.reversed_axis, order.reshape_for_transpose, structure.same_along_axis, order.blocks_in_another_order,
    order.shifted, order.another_order, structure.softmax_axis, structure.right_part, structure.few_entries,
)  # fmt: skip
OTHER_SHAPES: tuple[Hypothesis, ...] = (
    values.known_mistake, order.axes_in_another_order, order.only_the_shape, order.reshape_for_transpose,
    shape.one_slice, shape.one_too_many_or_few, shape.reduced_or_not, order.another_order,
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
