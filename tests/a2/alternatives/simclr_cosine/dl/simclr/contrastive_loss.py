"""F.cosine_similarity does the work; scalars keep an axis of length one."""
import torch
import torch.nn.functional as F
from torch import exp, log


def sim(z_i, z_j):
    return F.cosine_similarity(z_i.reshape(1, -1), z_j.reshape(1, -1))


def simclr_loss_naive(out_left, out_right, tau):
    n = out_left.size(0)
    z = torch.cat((out_left, out_right))
    loss = torch.zeros(1)
    for k in range(n):
        den_1 = sum(exp(sim(z[k], z[m]) / tau) for m in range(2 * n)) - exp(torch.tensor(1.0 / tau))
        den_2 = sum(exp(sim(z[k + n], z[m]) / tau) for m in range(2 * n)) - exp(torch.tensor(1.0 / tau))
        s = sim(z[k], z[k + n]) / tau
        loss += (log(den_1) - s) + (log(den_2) - s)
    return loss / 2 / n


def sim_positive_pairs(out_left, out_right):
    return F.cosine_similarity(out_left, out_right).unsqueeze(-1)


def compute_sim_matrix(out):
    return F.cosine_similarity(out[:, None], out[None], dim=-1)


def simclr_loss_vectorized(out_left, out_right, tau, device="cuda"):
    n = out_left.size(0)
    scores = compute_sim_matrix(torch.cat((out_left, out_right))) / tau
    scores = scores.masked_fill(torch.eye(2 * n, device=device).bool(), float("-inf"))
    same = sim_positive_pairs(out_left, out_right) / tau
    return (log(exp(scores).sum(1, keepdim=True)) - torch.vstack([same, same])).sum() / (2 * n)
