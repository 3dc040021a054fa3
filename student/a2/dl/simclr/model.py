"""The network of SimCLR for CIFAR-10: an encoder f, and a projection head g on it. Given code."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet50


class Model(nn.Module):
    """ResNet-50 for small images, and a head of two layers.

    The first convolution is 3 x 3 with stride 1, and there is no max-pooling: an image of 32 x 32 would have lost most
    of its places before the first block. Nothing is downloaded.

    feature_dim: length of a projection.
    """

    def __init__(self, feature_dim: int = 128) -> None:
        super().__init__()
        layers = dict(resnet50(weights=None).named_children())
        layers["conv1"] = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)
        self.f = nn.Sequential(*(layer for name, layer in layers.items() if name not in ("maxpool", "fc")))
        self.g = nn.Sequential(
            nn.Linear(2048, 512, bias=False), nn.BatchNorm1d(512), nn.ReLU(inplace=True), nn.Linear(512, feature_dim)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x (B,3,32,32) -> features (B,2048) and projections (B,feature_dim), their rows of length 1."""
        features = self.f(x).flatten(1)
        return F.normalize(features, dim=1), F.normalize(self.g(features), dim=1)
