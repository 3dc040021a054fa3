"""The second version of torchvision's transforms, and a generator of views."""
from __future__ import annotations

import random

import torch
import torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2

NORM = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2023, 0.1994, 0.2010)}


def compute_train_transform(seed: int = 123456):
    random.seed(seed)
    torch.manual_seed(seed)
    jitter = v2.ColorJitter(0.4, 0.4, 0.4, 0.1)
    colours = v2.Compose([v2.RandomApply([jitter], p=0.8), v2.RandomGrayscale(p=0.2)])
    ends = transforms.ToTensor(), transforms.Normalize(**NORM)
    return v2.Compose([v2.RandomResizedCrop(size=[32, 32]), v2.RandomHorizontalFlip(), colours, *ends])


def compute_test_transform():
    return v2.Compose([transforms.ToTensor(), transforms.Normalize(**NORM)])


class CIFAR10Pair(torchvision.datasets.CIFAR10):
    def __getitem__(self, index: int):
        img = Image.fromarray(self.data[index])
        x_i, x_j = (self.transform(img) for _ in range(2))
        target = self.targets[index]
        return x_i, x_j, target if self.target_transform is None else self.target_transform(target)
