"""einsum for products, torch.where for masks; helpers shared by both forms of the loss."""
from __future__ import annotations

import torch

EPS = 1e-12


def sim(z_i, z_j):
    return torch.einsum("d,d->", z_i, z_j) / torch.linalg.vector_norm(z_i) / torch.linalg.vector_norm(z_j)


def _l(i, j, out, tau):
    similarities = torch.stack([sim(out[i], z) for z in out]) / tau
    keep = torch.arange(len(out)) != i
    return -(similarities[j] - similarities[keep].logsumexp(0))


def simclr_loss_naive(out_left, out_right, tau):
    N, out = out_left.shape[0], torch.vstack((out_left, out_right))
    return torch.stack([_l(k, k + N, out, tau) + _l(k + N, k, out, tau) for k in range(N)]).mean() / 2


def sim_positive_pairs(out_left, out_right):
    dots = torch.einsum("nd,nd->n", out_left, out_right)
    return (dots / (out_left.norm(dim=1) * out_right.norm(dim=1)).clamp_min(EPS)).view(-1, 1)


def compute_sim_matrix(out):
    lengths = out.norm(dim=1).clamp_min(EPS)
    return torch.einsum("id,jd->ij", out, out) / torch.outer(lengths, lengths)


def simclr_loss_vectorized(out_left, out_right, tau, device="cuda"):
    rows = torch.arange(2 * len(out_left), device=device)
    e = torch.exp(compute_sim_matrix(torch.vstack((out_left, out_right))).div(tau))
    denominator = torch.where(rows[:, None] == rows, torch.zeros_like(e), e).sum(1)
    left, right = denominator.chunk(2)
    positive = sim_positive_pairs(out_left, out_right)[:, 0] / tau
    return ((left.log() - positive).mean() + (right.log() - positive).mean()) / 2
