"""Training with SimCLR, and two ways to judge what was learnt."""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from .contrastive_loss import simclr_loss_vectorized

Device = str | torch.device


def train(
    model: nn.Module,
    data_loader: Iterable[tuple[Tensor, Tensor, Tensor]],
    train_optimizer: Optimizer,
    epoch: int,
    epochs: int,
    batch_size: int = 32,
    temperature: float = 0.5,
    device: Device = "cuda",
) -> float:
    """One epoch of contrastive learning; returns the mean loss.

    model: x -> (features, projections). The loss compares projections.
    data_loader: batches (x_i, x_j, target), x_i and x_j being the two views of batch_size images each.
    epoch, epochs: the number of this epoch, counted from 1, and of all epochs; they are only printed.
    """
    model.train()
    total_loss, total_num = 0.0, 0
    for x_i, x_j, _target in data_loader:
        x_i, x_j = x_i.to(device), x_j.to(device)
        # TODO: project the two views, one forward pass each; loss = the vectorised loss at this temperature
        raise NotImplementedError("train")
        train_optimizer.zero_grad()
        loss.backward()
        train_optimizer.step()
        total_num += batch_size
        total_loss += loss.item() * batch_size
    print(f"Train epoch {epoch}/{epochs}: loss {total_loss / total_num:.4f}")
    return total_loss / total_num


def train_val(
    model: nn.Module,
    data_loader: DataLoader,
    train_optimizer: Optimizer | None,
    epoch: int,
    epochs: int,
    device: Device = "cuda",
) -> tuple[float, float, float]:
    """One epoch of classification: training with an optimizer, evaluation with None.

    model: x -> scores (B,C); data_loader: batches (x, target). Returns the mean loss, and the percentage of images
    whose class is the one with the highest score, or among the five highest (among all, if there are fewer).
    """
    training = train_optimizer is not None
    model.train(training)
    total_loss, top_1, top_5, count = 0.0, 0, 0, 0
    with torch.set_grad_enabled(training):
        for x, target in data_loader:
            x, target = x.to(device), target.to(device)
            scores = model(x)
            loss = F.cross_entropy(scores, target)
            if train_optimizer is not None:
                train_optimizer.zero_grad()
                loss.backward()
                train_optimizer.step()
            count += len(x)
            total_loss += loss.item() * len(x)
            best = scores.topk(min(5, scores.shape[1]), dim=1).indices == target.unsqueeze(1)
            top_1 += int(best[:, 0].sum())
            top_5 += int(best.sum())
    loss_mean, acc_1, acc_5 = total_loss / count, 100 * top_1 / count, 100 * top_5 / count
    name = "Train" if training else "Test"
    print(f"{name} epoch {epoch}/{epochs}: loss {loss_mean:.4f}, top-1 {acc_1:.2f} %, top-5 {acc_5:.2f} %")
    return loss_mean, acc_1, acc_5


def test(
    model: nn.Module,
    memory_data_loader: DataLoader,
    test_data_loader: DataLoader,
    epoch: int,
    epochs: int,
    c: int,
    temperature: float = 0.5,
    k: int = 200,
    device: Device = "cuda",
) -> tuple[float, float]:
    """Classify by the k nearest neighbours among the features of a memory; returns top-1 and top-5 in percent.

    Both loaders yield (x_i, x_j, target) and only x_i is looked at. c: number of classes. A neighbour at cosine s votes
    for its class with weight exp(s / temperature) (Wu et al. 2018, Unsupervised Feature Learning via Non-Parametric
    Instance Discrimination, eq. 6).
    """
    model.eval()
    top_1, top_5, count = 0, 0, 0
    with torch.no_grad():
        memory = [(model(x.to(device))[0], target.to(device)) for x, _, target in memory_data_loader]
        bank = torch.cat([features for features, _ in memory])                      # (P,D)
        labels = torch.cat([target for _, target in memory])                        # (P,)
        for x, _, target in test_data_loader:
            near = (model(x.to(device))[0] @ bank.T).topk(min(k, len(bank)), dim=1)  # (B,k)
            votes = bank.new_zeros(len(x), c)
            votes.scatter_add_(1, labels[near.indices], torch.exp(near.values / temperature))
            ranked = votes.argsort(dim=1, descending=True) == target.to(device).unsqueeze(1)
            count += len(x)
            top_1 += int(ranked[:, 0].sum())
            top_5 += int(ranked[:, :5].sum())
    acc_1, acc_5 = 100 * top_1 / count, 100 * top_5 / count
    print(f"Test epoch {epoch}/{epochs}: top-1 {acc_1:.2f} %, top-5 {acc_5:.2f} %")
    return acc_1, acc_5
