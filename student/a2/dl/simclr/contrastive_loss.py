"""The contrastive loss of SimCLR, with loops and without.

Chen, Kornblith, Norouzi, Hinton 2020, A Simple Framework for Contrastive Learning of Visual Representations, eq. 1.

Equations
    sim(a, b) = a . b / (|a| |b|)                                                  the cosine of their angle
    l(i, j)   = -log( exp(sim(z_i, z_j) / tau) / sum over k != i of exp(sim(z_i, z_k) / tau) )
    L         = 1 / (2N) * sum over k = 1..N of [ l(k, k+N) + l(k+N, k) ]

Row k of out_left and row k of out_right are the two views of image k: a positive pair. Stacked, left over right,
they are the rows z_1 ... z_2N of the equations, so the partner of row k is row k + N.

Dimensions
    N images in a batch   D length of a projection
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def sim(z_i: Tensor, z_j: Tensor) -> Tensor:
    """Cosine similarity of two projections.

    z_i, z_j (D,), of any length but zero -> scalar tensor in [-1, 1].
    """
    # TODO: divide the dot product by the product of the two norms
    raise NotImplementedError("sim")


def simclr_loss_naive(out_left: Tensor, out_right: Tensor, tau: float) -> Tensor:
    """The loss L, one pair after the other.

    out_left, out_right (N,D), not normalised; tau the temperature -> scalar tensor.
    """
    N = out_left.shape[0]
    out = torch.cat([out_left, out_right])                                          # (2N,D)
    # TODO: add l(k, k+N) and l(k+N, k) for every k, calling sim, and divide by 2N
    raise NotImplementedError("simclr_loss_naive")


def sim_positive_pairs(out_left: Tensor, out_right: Tensor) -> Tensor:
    """Cosine similarity of each row of out_left with the same row of out_right, without loops.

    out_left, out_right (N,D) -> (N,1).
    """
    # TODO: the row-wise dot products of rows scaled to length 1; keep the second axis
    raise NotImplementedError("sim_positive_pairs")


def compute_sim_matrix(out: Tensor) -> Tensor:
    """Cosine similarity of every row with every row, without loops.

    out (2N,D), not normalised -> (2N,2N); entry (i, j) is sim(out[i], out[j]).
    """
    # TODO: scale the rows to length 1; one matrix product
    raise NotImplementedError("compute_sim_matrix")


def simclr_loss_vectorized(
    out_left: Tensor, out_right: Tensor, tau: float, device: str | torch.device = "cuda"
) -> Tensor:
    """The loss L, without loops.

    out_left, out_right (N,D) on `device`, not normalised; tau the temperature -> scalar tensor.
    """
    N = out_left.shape[0]
    out = torch.cat([out_left, out_right])                                          # (2N,D)
    others = ~torch.eye(2 * N, dtype=torch.bool, device=device)                     # (2N,2N), False for k = i
    # TODO: sum exp(sim / tau) over `others`, take the pairs from sim_positive_pairs; no loops
    raise NotImplementedError("simclr_loss_vectorized")


def rel_error(x: np.ndarray, y: np.ndarray, eps: float = 1e-8) -> float:
    """The largest relative error of two arrays of one shape: max over entries of |x - y| / max(eps, |x| + |y|)."""
    return float(np.max(np.abs(x - y) / np.maximum(eps, np.abs(x) + np.abs(y))))
