"""Images from the web, and the normalisation that ImageNet networks expect."""

from __future__ import annotations

import io
import urllib.request

import numpy as np
import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def image_from_url(url: str) -> np.ndarray:
    """Fetch an image: (H,W,3), uint8. Raises OSError when the network or the file fails."""
    from PIL import Image

    with urllib.request.urlopen(url, timeout=20) as answer:
        return np.asarray(Image.open(io.BytesIO(answer.read())).convert("RGB"))


def preprocess_image(image: np.ndarray) -> Tensor:
    """image (H,W,3) uint8 -> (1,3,H,W) float32, normalised with ImageNet's mean and deviation."""
    pixels = torch.tensor(image).movedim(-1, 0).float() / 255                   # (3,H,W)
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    return ((pixels - mean) / std).unsqueeze(0)


def deprocess_image(image: Tensor) -> np.ndarray:
    """Undo preprocess_image: (1,3,H,W) -> (H,W,3) uint8."""
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (IMAGENET_MEAN, IMAGENET_STD))
    pixels = image.detach().cpu().squeeze(0) * std + mean
    return (pixels * 255).round().clamp(0, 255).byte().movedim(0, -1).numpy()
