"""Probe of both parts: the course's recipe of training, on tensors that the suite sends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BATCH, CLIP, PAD = 64, 0.5, 1


def train(
    model: nn.Module, source: Tensor, target: Tensor, steps: int, learning_rate: float, reads_target: bool
) -> list[float]:
    """Adam on the cross entropy of the words that are no padding, gradients clipped; the loss of every step.

    source, target: (count,T). reads_target: the model is called with both. Leaves it in evaluation mode.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    criterion = nn.CrossEntropyLoss(ignore_index=PAD)
    order = torch.Generator().manual_seed(0)  # of our own: a model that draws numbers does not change the batches
    losses: list[float] = []
    model.train()
    while len(losses) < steps:
        for rows in torch.randperm(len(source), generator=order).split(BATCH)[: steps - len(losses)]:
            scores = model(source[rows], target[rows]) if reads_target else model(source[rows])
            loss = criterion(scores.flatten(0, 1), target[rows].flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    return losses
