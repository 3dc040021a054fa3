"""Loops for everything: right answers, if slow ones."""
import torch


def sim(z_i, z_j):
    top, left, right = 0.0, 0.0, 0.0
    for a, b in zip(z_i, z_j):
        top = top + a * b
        left = left + a ** 2
        right = right + b ** 2
    return top / (left.sqrt() * right.sqrt())


def term(out, i, j, tau):
    below = sum(torch.exp(sim(out[i], row) / tau) for k, row in enumerate(out) if k != i)
    return -torch.log(torch.exp(sim(out[i], out[j]) / tau) / below)


def simclr_loss_naive(out_left, out_right, tau):
    out = torch.cat([out_left, out_right], dim=0)
    N = len(out_left)
    return sum(term(out, k, k + N, tau) + term(out, k + N, k, tau) for k in range(N)) / (2 * N)


def sim_positive_pairs(out_left, out_right):
    pos_pairs = torch.empty(len(out_left), 1, dtype=out_left.dtype)
    for k in range(len(out_left)):
        pos_pairs[k, 0] = sim(out_left[k], out_right[k])
    return pos_pairs


def compute_sim_matrix(out):
    return torch.stack([torch.stack([sim(a, b) for b in out]) for a in out])


def simclr_loss_vectorized(out_left, out_right, tau, device='cuda'):
    return simclr_loss_naive(out_left.to(device), out_right.to(device), tau)
