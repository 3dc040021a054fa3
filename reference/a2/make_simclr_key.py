"""Make simclr_sanity_check.key: two small batches, and what the functions of SimCLR give for them.

A dict for torch.load(..., weights_only=True), float32: left and right (2,3), sim (2,1) of their rows, sim_matrix (4,4)
of left over right, loss at the temperatures "1.0" and "5.0". An entry with augmented images is left out: what a seed
draws differs from one version of torchvision to the next.

Usage: python make_simclr_key.py OUT
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

LEFT = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
RIGHT = [[0.0, 8.0, 3.0], [10.0, 4.0, 9.0]]
PARTNERS = [2, 3, 0, 1]  # of the rows of left over right


def make_key() -> dict[str, Any]:
    """Everything is computed in float64 and rounded once. The loss is a cross-entropy: each row has to find its
    partner among the other rows by the cosines."""
    left, right = (torch.tensor(rows, dtype=torch.float64) for rows in (LEFT, RIGHT))
    rows = F.normalize(torch.cat([left, right]), dim=1)
    cosines = rows @ rows.T
    choices = cosines.masked_fill(torch.eye(4, dtype=torch.bool), -torch.inf)
    loss = {str(tau): F.cross_entropy(choices / tau, torch.tensor(PARTNERS)).float() for tau in (1.0, 5.0)}
    sim = cosines.diagonal(offset=2).unsqueeze(1)
    return {
        "left": left.float(), "right": right.float(), "sim": sim.float(), "sim_matrix": cosines.float(), "loss": loss,
    }  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.save(make_key(), Path(sys.argv[1], "simclr_sanity_check.key"))
