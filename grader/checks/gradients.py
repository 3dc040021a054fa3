"""Gradients: central differences over the student's own forward pass, and their comparison.

The parent perturbs one argument at a time and sends all perturbed versions in one stack, so that a check
costs one call of the worker for each argument. A gradient that agrees with the student's own wrong
forward pass is right here; pair it with a check of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grader.checks.tensors import close
from grader.checks.tolerance import Tolerance
from grader.checks.words import kind_of, shape_text
from grader.errors import Verdict
from grader.records import Status

Array = NDArray[np.float64]


def numeric_gradients(
    evaluate: Callable[[int, Array], Array],
    args: Sequence[Array],
    wrt: Sequence[int],
    upstream: Array,
    *,
    step: float = 1e-6,
) -> list[Array]:
    """Gradients of sum(upstream * output) with respect to the arguments `wrt`, float64, one for each.

    evaluate: (k, stack of shape (P, *args[k].shape)) -> outputs (P, *upstream.shape) in float64, where
        output p belongs to stack[p] in place of argument k, all others at their base value. It is called
        once for each k with P = 2 * args[k].size, the raised entries first.
    upstream: the gradient that arrives at the output, shape of the output.
    step: added to and taken from each entry; 1e-6 leaves errors of about 1e-9 for values near 1.
    Raises Verdict(FAILED) if the outputs are no float64 tensor of that shape or not finite.
    """
    upstream = np.asarray(upstream, dtype=np.float64)
    gradients: list[Array] = []
    for k in wrt:
        base = np.asarray(args[k], dtype=np.float64)
        if not base.size:
            gradients.append(np.zeros_like(base))
            continue
        raised = base.ravel() + step * np.eye(base.size)
        lowered = base.ravel() - step * np.eye(base.size)
        stack = np.concatenate([raised, lowered]).reshape(-1, *base.shape)
        outputs = _checked(evaluate(k, stack), (len(stack), *upstream.shape), k)
        upper, lower = outputs.reshape(2, base.size, -1)
        width = (raised - lowered).diagonal()  # 2 * step, as it came out after rounding
        with np.errstate(all="ignore"):  # an overflow shows as a gradient that is not finite
            gradients.append(((upper - lower) @ upstream.ravel() / width).reshape(base.shape))
    return gradients


def _checked(outputs: object, shape: tuple[int, ...], k: int) -> Array:
    """The outputs of the forward pass, or a verdict that names what is wrong with them."""
    problem = ""
    if not isinstance(outputs, np.ndarray):
        problem = f"gave {kind_of(outputs)}, wanted one tensor"
    elif outputs.shape != shape:
        mine = shape_text(outputs.shape[1:]) if outputs.shape[:1] == shape[:1] else shape_text(outputs.shape)
        wanted = shape_text(shape[1:]) if outputs.shape[:1] == shape[:1] else shape_text(shape)
        problem = f"gave shape {mine}, wanted {wanted}"
    elif outputs.dtype != np.float64:
        problem = f"gave {outputs.dtype} for float64 inputs: is something converted or created in that dtype?"
    elif not np.isfinite(outputs).all():
        problem = f"gave {np.count_nonzero(~np.isfinite(outputs))} NaN or infinite values"
    if problem:
        text = f"The numeric gradient cannot be taken: with argument {k} slightly changed, the forward pass {problem}"
        raise Verdict(Status.FAILED, text if text.endswith("?") else f"{text}.")
    assert isinstance(outputs, np.ndarray)
    return outputs


def gradient_close(
    actual: object,
    expected: ArrayLike,
    *,
    name: str,
    dims: str = "",
    tol: Tolerance,
    case: str = "",
    alternatives: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, float] | None = None,
) -> None:
    """`close` for a gradient: a missing one is a detached graph, and it must hold floats.

    Mistakes that leave no trace in the shape, such as the last time step's share alone, are for the caller
    to name in `alternatives`. Raises Verdict(FAILED).
    """
    if actual is None:
        text = (
            f"{name}: no gradient arrived{f' ({case})' if case else ''}. Is the graph detached"
            " (detach, .data, .item, no_grad, a new tensor), or is the input never used?"
        )
        raise Verdict(Status.FAILED, text)
    close(
        actual, expected, name=name, dims=dims, tol=tol, case=case, dtype="floating",
        alternatives=alternatives, factors=factors,
    )  # fmt: skip
