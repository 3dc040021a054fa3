"""Check gradients by central differences, df/dx_i = (f(x + h e_i) - f(x - h e_i)) / 2h.

Use float64: with h = 1e-7 the differences drown in float32's rounding.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import torch
from torch import Tensor


def grad_check_sparse(
    f: Callable[[Tensor], Tensor], x: Tensor, analytic_grad: Tensor, num_checks: int = 10, h: float = 1e-7
) -> None:
    """Print numeric and analytic gradient, and their relative error, at num_checks random entries of x.

    f maps x to a scalar; analytic_grad has the shape of x. The entries are the same in every run.
    """
    rng = random.Random(0)
    for _ in range(num_checks):
        index = tuple(rng.randrange(size) for size in x.shape)
        old = x[index].item()
        x[index] = old + h
        above = f(x).item()
        x[index] = old - h
        below = f(x).item()
        x[index] = old

        numeric = (above - below) / (2 * h)
        analytic = analytic_grad[index].item()
        error = abs(numeric - analytic) / max(abs(numeric) + abs(analytic), 1e-10)
        print(f"numerical: {numeric:f} analytic: {analytic:f} relative error: {error:e}")


def compute_numeric_gradient(
    f: Callable[[Tensor], Tensor], x: Tensor, dLdf: Tensor | None = None, h: float = 1e-7
) -> Tensor:
    """Gradient of L with respect to x, where L sees x through f only.

    f     maps a tensor like x to a tensor of any shape
    x     contiguous; its entries are moved by h one after the other, in place, and put back
    dLdf  upstream gradient, of the shape of f(x); ones when left out

    Returns a tensor of the shape of x. Raises ValueError when x is not contiguous.
    """
    if not x.is_contiguous():
        raise ValueError("compute_numeric_gradient needs a contiguous x: pass x.contiguous()")
    flat = x.view(-1)
    grad = torch.zeros_like(flat)
    for i in range(flat.numel()):
        old = flat[i].item()
        flat[i] = old + h
        above = f(x).clone()
        flat[i] = old - h
        below = f(x).clone()
        flat[i] = old
        slope = (above - below) / (2 * h)
        grad[i] = slope.sum() if dLdf is None else (slope * dLdf).sum()
    return grad.view_as(x)


def rel_error(x: Tensor, y: Tensor, eps: float = 1e-10) -> float:
    """max |x - y| / max(|x| + |y|, eps): one ratio of two maxima, not an element-wise maximum."""
    return ((x - y).abs().max() / (x.abs() + y.abs()).clamp(min=eps).max()).item()
