"""One transform after another in a list that is added up; pairs by calling the parent class."""
import random

import torch
import torchvision.transforms as T
from PIL import Image
from torchvision.datasets import CIFAR10


def compute_train_transform(seed=123456):
    random.seed(seed)
    torch.random.manual_seed(seed)
    color_jitter = T.ColorJitter(brightness=(0.6, 1.4), contrast=0.4, saturation=[0.6, 1.4], hue=0.1)
    steps = [T.RandomResizedCrop((32, 32))]
    steps.append(T.RandomHorizontalFlip())
    steps.append(T.RandomApply(torch.nn.ModuleList([color_jitter]), p=0.8))
    steps.append(T.RandomGrayscale(0.2))
    to_tensor = T.Compose([T.ToTensor(), T.Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010])])
    return T.Compose([*steps, to_tensor])


def compute_test_transform():
    return T.Compose([T.ToTensor(), T.Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010])])


class CIFAR10Pair(CIFAR10):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.views = 2

    def __getitem__(self, index):
        x_j, target = super().__getitem__(index)
        img = Image.fromarray(self.data[index])
        return self.transform(img), x_j, target
