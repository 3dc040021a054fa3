"""Logarithms instead of quotients: logsumexp never overflows, at whatever temperature."""
from __future__ import annotations

import torch
from torch import Tensor


def sim(z_i: Tensor, z_j: Tensor) -> Tensor:
    return torch.sum(z_i * z_j) * torch.rsqrt(torch.sum(z_i * z_i) * torch.sum(z_j * z_j))


def simclr_loss_naive(out_left: Tensor, out_right: Tensor, tau: float) -> Tensor:
    out = torch.cat([out_left, out_right])
    rows = range(len(out))
    total = torch.tensor(0.0, dtype=out.dtype)
    for i in rows:
        scores = {k: sim(out[i].flatten(), out[k].flatten()).reshape(()) / tau for k in rows if k != i}
        partner = (i + len(out_left)) % len(out)
        total += torch.logsumexp(torch.stack(list(scores.values())), 0) - scores[partner]
    return total.div(len(out))


def sim_positive_pairs(out_left: Tensor, out_right: Tensor) -> Tensor:
    return torch.linalg.vecdot(_unit(out_left), _unit(out_right)).reshape(-1, 1)


def _unit(rows: Tensor) -> Tensor:
    return rows * rows.square().sum(dim=1, keepdim=True).rsqrt()


def compute_sim_matrix(out: Tensor) -> Tensor:
    return torch.inner(_unit(out), _unit(out))


def simclr_loss_vectorized(out_left: Tensor, out_right: Tensor, tau: float, device="cuda") -> Tensor:
    N = out_left.shape[0]
    s = compute_sim_matrix(torch.cat([out_left, out_right])) / tau
    hidden = torch.eye(2 * N, dtype=torch.bool, device=device)
    positive = s.roll(N, dims=1).diagonal()
    return (s.masked_fill(hidden, -torch.inf).logsumexp(dim=1) - positive).mean()
