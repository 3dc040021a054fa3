"""Seeds, fixed weights, the loops of training and evaluation, a plot. Given code; it is not handed in.

Dimensions
    N batch   T length of a sentence   V vocabulary of the target language
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

CLIP = 0.5                                                                      # largest norm of a gradient


def set_seed_nb() -> None:
    """The seeds before every check of a value: torch 0, numpy 1."""
    torch.manual_seed(0)
    np.random.seed(1)


def deterministic_init(net: nn.Module) -> None:
    """Give a module weights that depend on their shapes alone.

    Every parameter with two dimensions or more is Xavier-uniform, drawn right after `set_seed_nb`, so that equal shapes
    get equal weights; every other parameter, as a bias, is zero.
    """
    for parameter in net.parameters():
        if parameter.dim() >= 2:
            set_seed_nb()
            nn.init.xavier_uniform_(parameter.data)
        else:
            nn.init.zeros_(parameter.data)


# -----------------------------------------------------------------------------
# Training


def train(
    model: nn.Module,
    loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    criterion: Callable[[Tensor, Tensor], Tensor],
    device: str | torch.device = "cpu",
) -> float:
    """One epoch of training; returns the mean loss of its batches.

    loader: gives (source, target), each (T,N). criterion: of scores (N*T,V) and targets (N*T,), as
    nn.CrossEntropyLoss(ignore_index=1). The norm of the gradient is clipped at CLIP.
    """
    model.train()
    losses = []
    for source, target in loader:
        optimizer.zero_grad()
        loss = _loss(model, source, target, criterion, device)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    loader: DataLoader,
    criterion: Callable[[Tensor, Tensor], Tensor],
    device: str | torch.device = "cpu",
) -> float:
    """The mean loss of the batches, without dropout and without learning anything. Arguments as of `train`."""
    model.eval()
    losses = [_loss(model, source, target, criterion, device).item() for source, target in loader]
    return sum(losses) / len(losses)


def _loss(model, source, target, criterion, device) -> Tensor:
    source, target = source.t().to(device), target.t().to(device)                  # (N,T)
    # This one reads the target, too: shifted, and masked so that no position sees what it has to say.
    reads_target = type(model).__name__ == "FullTransformerTranslator"
    scores = model(source, target) if reads_target else model(source)              # (N,T,V)
    return criterion(scores.reshape(-1, scores.shape[-1]), target.reshape(-1))


def perplexity(loss: float) -> float:
    """Among how many equally likely words the model hesitates, on average."""
    return math.exp(min(loss, 100.0))


# -----------------------------------------------------------------------------
# What came of it


def plot_curves(curves: dict[str, tuple[Sequence[float], Sequence[float]]]) -> None:
    """One panel per model, side by side: losses of training and validation over the epochs.

    curves: title -> (losses of training, losses of validation), one of each per epoch.
    """
    figure, axes = plt.subplots(1, len(curves), figsize=(5 * len(curves), 3.4), squeeze=False, sharey=True)
    for axis, (title, (training, validation)) in zip(axes[0], curves.items(), strict=True):
        axis.plot(range(1, len(training) + 1), training, label="training")
        axis.plot(range(1, len(validation) + 1), validation, label="validation")
        axis.set_title(title)
        axis.set_xlabel("epoch")
        axis.legend()
    axes[0][0].set_ylabel("cross entropy per word")
    figure.tight_layout()
    plt.show()
