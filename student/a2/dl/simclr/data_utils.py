"""Random views of CIFAR-10 images.

Chen et al. 2020, A Simple Framework for Contrastive Learning of Visual Representations, appendix A. On images of 32 x 32
the blur is left out, and colours are distorted half as much.
"""

from __future__ import annotations

import random
from typing import Any

import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import CIFAR10

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)  # of CIFAR-10's training images, by channel


def compute_train_transform(seed: int = 123456) -> transforms.Compose:
    """The random transform from a PIL image (32,32) to a tensor (3,32,32); seeds `random` and torch.

    Six steps: crop to 32, flip, change colours, drop colours, make a tensor, normalise.
    """
    random.seed(seed)
    torch.manual_seed(seed)
    # Brightness, contrast and saturation change by up to 40 %, the hue by a tenth of the circle.
    color_jitter = transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)
    # TODO: flip horizontally (probability .5), apply color_jitter (.8), turn to grey (.2)
    raise NotImplementedError("compute_train_transform")
    return transforms.Compose(
        [transforms.RandomResizedCrop(32), *views, transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    )


def compute_test_transform() -> transforms.Compose:
    """From a PIL image (32,32) to a normalised tensor (3,32,32); nothing random."""
    return transforms.Compose([transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


class CIFAR10Pair(CIFAR10):
    """CIFAR-10 with two views of each image instead of one."""

    def __getitem__(self, index: int) -> tuple[Any, Any, Any]:
        """index -> (x_i, x_j, target): two results of self.transform on one image, and its label."""
        img, target = Image.fromarray(self.data[index]), self.targets[index]
        x_i = x_j = None
        if self.transform is not None:
            # TODO: two views: apply self.transform to img twice
            raise NotImplementedError("CIFAR10Pair.__getitem__")
        if self.target_transform is not None:
            target = self.target_transform(target)
        return x_i, x_j, target
