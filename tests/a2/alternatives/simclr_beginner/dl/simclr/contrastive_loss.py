"""One small step after the other, with many names and some prints."""
import numpy as np
import torch


def sim(z_i, z_j):
    # dot product on top
    dot_product = torch.sum(z_i * z_j)
    norm_i = torch.sqrt(torch.sum(torch.pow(z_i, 2)))
    norm_j = torch.sqrt(torch.sum(torch.pow(z_j, 2)))
    norm_dot_product = dot_product / (norm_i * norm_j)
    return norm_dot_product


def simclr_loss_naive(out_left, out_right, tau):
    N = out_left.shape[0]
    out = torch.cat([out_left, out_right], dim=0)
    total_loss = 0.0
    for k in range(N):
        z_k = out[k]
        z_k_N = out[k + N]

        # left
        bottom_left = 0.0
        i = 0
        while i < 2 * N:
            if i == k:
                i = i + 1
                continue
            bottom_left = bottom_left + np.exp(sim(z_k, out[i]).item() / tau)
            i = i + 1
        l_left = -np.log(np.exp(sim(z_k, z_k_N).item() / tau) / bottom_left)

        # right
        bottom_right = 0.0
        i = 0
        while i < 2 * N:
            if i == k + N:
                i = i + 1
                continue
            bottom_right = bottom_right + np.exp(sim(z_k_N, out[i]).item() / tau)
            i = i + 1
        l_right = -np.log(np.exp(sim(z_k_N, z_k).item() / tau) / bottom_right)

        total_loss = total_loss + l_left + l_right
    total_loss = total_loss / (2 * N)
    print("naive loss:", total_loss)
    return torch.tensor(total_loss)


def sim_positive_pairs(out_left, out_right):
    pos_pairs = None
    left_norm = torch.norm(out_left, p=2, dim=1)
    right_norm = torch.norm(out_right, p=2, dim=1)
    pos_pairs = torch.diag(torch.matmul(out_left, out_right.T)) / (left_norm * right_norm)
    pos_pairs = pos_pairs.view(-1, 1)
    return pos_pairs


def compute_sim_matrix(out):
    sim_matrix = None
    out_norm = torch.norm(out, p=2, dim=1).view(-1, 1)
    out_normalized = out / out_norm.expand(out.shape[0], out.shape[1])
    sim_matrix = torch.mm(out_normalized, torch.transpose(out_normalized, 0, 1))
    return sim_matrix


def simclr_loss_vectorized(out_left, out_right, tau, device='cuda'):
    N = out_left.shape[0]
    out = torch.cat([out_left, out_right], dim=0)
    sim_matrix = compute_sim_matrix(out)
    exponential = torch.exp(sim_matrix / tau)
    mask = (torch.ones_like(exponential, device=device) - torch.eye(2 * N, device=device)).to(device).bool()
    exponential = exponential.masked_select(mask).view(2 * N, -1)
    denom = torch.sum(exponential, dim=1)
    pos = sim_positive_pairs(out_left, out_right)
    numerator = torch.exp(torch.cat([pos, pos], dim=0).view(-1) / tau)
    loss = torch.sum(-torch.log(numerator / denom)) / (2 * N)
    print("vectorized loss:", loss.item())
    return loss
