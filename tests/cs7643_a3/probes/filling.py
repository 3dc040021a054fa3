"""Weights by rule: independent of random streams, or drawn as the notebook of the course draws them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn


def set_seed_nb() -> None:
    """The notebook's seeds: 0 for torch, 1 for numpy."""
    torch.manual_seed(0)
    np.random.seed(1)


def deterministic_init(net: nn.Module) -> None:
    """Every parameter of two dimensions or more is drawn Xavier-uniform from the same seed; all others are zero."""
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() >= 2:
                set_seed_nb()
                nn.init.xavier_uniform_(parameter)
            else:
                parameter.zero_()


def shapefill(*roots: nn.Module, scale: float = 0.3) -> None:
    """The k-th parameter of a shape, k = 1, 2, …, becomes scale * sin(0.7 (j + 1) + 1.3 k + 0.37 sum(shape)) at flat
    index j. One count runs over all modules of all roots; layer norms stay as they are."""
    seen: dict[tuple[int, ...], int] = {}
    with torch.no_grad():
        for parameter in own_parameters(*roots):
            shape = tuple(parameter.shape)
            k = seen[shape] = seen.get(shape, 0) + 1
            j = torch.arange(1, parameter.numel() + 1, dtype=torch.float64)
            parameter.copy_((scale * torch.sin(0.7 * j + 1.3 * k + 0.37 * sum(shape))).view(shape))


def own_parameters(*roots: nn.Module) -> Iterator[Tensor]:
    """Parameters in the order in which the modules that own them are registered, without those of layer norms."""
    for root in roots:
        for module in root.modules():
            if not isinstance(module, nn.LayerNorm):
                yield from module.parameters(recurse=False)
