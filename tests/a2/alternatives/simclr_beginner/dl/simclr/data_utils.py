"""The hand-out's list of steps, filled in."""
import random

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import CIFAR10
from tqdm import tqdm


def compute_train_transform(seed=123456):
    random.seed(seed)
    torch.random.manual_seed(seed)
    color_jitter = transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)
    train_transform = transforms.Compose([
        transforms.RandomResizedCrop(32),
        # Step 2
        transforms.RandomHorizontalFlip(p=0.5),
        # Step 3
        transforms.RandomApply([color_jitter], p=0.8),
        # Step 4
        transforms.RandomGrayscale(p=0.2),
        transforms.ToTensor(),
        transforms.Normalize([0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010])])
    print(train_transform)
    return train_transform


class CIFAR10Pair(CIFAR10):
    def __getitem__(self, index):
        img, target = self.data[index], self.targets[index]
        img = Image.fromarray(img)
        views = []
        for i in range(2):
            if self.transform is not None:
                views.append(self.transform(img))
            else:
                views.append(np.array(img))
        if self.target_transform is not None:
            target = self.target_transform(target)
        return [views[1], views[0], target]
