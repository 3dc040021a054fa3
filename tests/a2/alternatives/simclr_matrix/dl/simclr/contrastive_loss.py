"""Broadcasting and one big matrix: everything, even the loss with loops, is read off the matrix of cosines."""
import numpy as np
import torch


def sim(z_i, z_j):
    return torch.dot(z_i, z_j) / torch.linalg.norm(z_i) / torch.linalg.norm(z_j)


def simclr_loss_naive(out_left, out_right, tau):
    N = out_left.shape[0]
    out = torch.cat([out_left, out_right], dim=0)
    total_loss = 0
    for k in range(N):
        z_k, z_k_N = out[k], out[k + N]
        denom_l, denom_r = 0, 0
        for m in range(2 * N):
            if m != k:
                denom_l = denom_l + torch.exp(sim(z_k, out[m]) / tau)
            if m != k + N:
                denom_r = denom_r + torch.exp(sim(z_k_N, out[m]) / tau)
        num = torch.exp(sim(z_k, z_k_N) / tau)
        total_loss = total_loss - torch.log(num / denom_l) - torch.log(num / denom_r)
    return total_loss / (2 * N)


def sim_positive_pairs(out_left, out_right):
    return compute_sim_matrix(torch.cat([out_left, out_right]))[: len(out_left), len(out_left):].diag()[:, None]


def compute_sim_matrix(out):
    norms = torch.linalg.norm(out, dim=1, keepdim=True)
    return torch.mm(out, out.t()) / (norms * norms.t())


def simclr_loss_vectorized(out_left, out_right, tau, device="cuda"):
    N = out_left.shape[0]
    out = torch.cat([out_left, out_right], dim=0)
    sim_matrix = compute_sim_matrix(out)
    exponential = (sim_matrix / tau).exp().to(device)
    mask = (torch.ones_like(exponential, device=device) - torch.eye(2 * N, device=device)).to(device).bool()
    exponential = exponential.masked_select(mask).view(2 * N, -1)
    denom = exponential.sum(dim=1, keepdim=True)
    numerator = (sim_positive_pairs(out_left, out_right) / tau).exp().repeat(2, 1)
    return -(numerator / denom).log().mean()


def rel_error(x, y):
    return np.max(np.abs(x - y) / (np.maximum(1e-8, np.abs(x) + np.abs(y))))
