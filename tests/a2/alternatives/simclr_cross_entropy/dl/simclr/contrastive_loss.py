"""The loss is a classification: which of the other rows is the partner? F.cross_entropy knows the rest."""
import torch
import torch.nn.functional as F


def sim(z_i, z_j):
    return F.normalize(z_i, dim=0).dot(F.normalize(z_j, dim=0))


def simclr_loss_naive(out_left, out_right, tau):
    N = len(out_left)
    out = torch.cat([out_left, out_right])
    losses = []
    for i in range(2 * N):
        partner = i + N if i < N else i - N
        order = [partner] + [k for k in range(2 * N) if k not in (i, partner)]
        logits = torch.stack([sim(out[i], out[k]) for k in order]) / tau
        losses.append(F.cross_entropy(logits, torch.tensor(0)))
    return sum(losses) / len(losses)


def sim_positive_pairs(out_left, out_right):
    return (F.normalize(out_left) * F.normalize(out_right)).sum(-1, True)


def compute_sim_matrix(out):
    return F.normalize(out).matmul(F.normalize(out).transpose(0, 1))


def simclr_loss_vectorized(out_left, out_right, tau, device="cuda"):
    N = len(out_left)
    logits = compute_sim_matrix(torch.cat([out_left, out_right])) / tau
    logits = logits - torch.diag(torch.full((2 * N,), float("inf"), device=device))
    target = torch.cat([torch.arange(N, 2 * N), torch.arange(N)]).to(device)
    return F.cross_entropy(logits, target)
