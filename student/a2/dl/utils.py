"""Seeds and pictures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def reset_seed(number: int) -> None:
    """Seed Python's `random` and torch. numpy's generator is left alone."""
    random.seed(number)
    torch.manual_seed(number)


def tensor_to_image(tensor: Tensor) -> np.ndarray:
    """tensor (3,H,W), float in 0..1 -> array (H,W,3), uint8."""
    return (tensor.detach().cpu() * 255).round().clamp(0, 255).byte().movedim(0, -1).numpy()


def visualize_dataset(
    X_data: Tensor, y_data: Tensor, samples_per_class: int, class_list: Sequence[str]
) -> np.ndarray:
    """Show random images of every class, one class a row, with matplotlib.

    X_data (N,3,H,W) float in 0..1, y_data (N,) class numbers. Returns the picture as an (h,w,3) array, uint8.
    Every class needs at least one image.
    """
    import matplotlib.pyplot as plt

    rows = []
    for label in range(len(class_list)):
        members = (y_data == label).nonzero().flatten().tolist()
        chosen = [random.choice(members) for _ in range(samples_per_class)]
        rows.append(torch.cat([X_data[i] for i in chosen], dim=2))              # (3,H,samples*W)
    picture = tensor_to_image(torch.cat(rows, dim=1))
    height = X_data.shape[2]
    plt.imshow(picture)
    plt.yticks([(row + 0.5) * height for row in range(len(class_list))], list(class_list))
    plt.xticks([])
    plt.show()
    return picture


def detection_visualizer(
    img: Tensor | np.ndarray,
    idx_to_class: Any,
    bbox: Tensor | None = None,
    pred: Tensor | None = None,
) -> None:
    """Show an image with boxes, using matplotlib.

    img   (3,H,W) tensor or (H,W,3) array
    bbox  (n,5) true boxes in green: x1, y1, x2, y2, class
    pred  (n,6) predicted boxes in blue: x1, y1, x2, y2, class, confidence
    """
    import matplotlib.pyplot as plt

    axes = plt.gca()
    axes.imshow(img.detach().cpu().movedim(0, -1).numpy() if isinstance(img, Tensor) else img)
    axes.axis("off")
    for boxes, colour in ((bbox, "lime"), (pred, "deepskyblue")):
        for x1, y1, x2, y2, label, *confidence in [] if boxes is None else boxes.tolist():
            axes.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=colour))
            text = " ".join([str(idx_to_class[int(label)]), *(f"{c:.2f}" for c in confidence)])
            axes.text(x1, y1, text, color=colour)
    plt.show()


def attention_visualizer(img: Tensor, attn: Tensor, token: str) -> np.ndarray:
    """Lay attention weights over an image, under a strip with the word.

    img (3,H,W), uint8 or float; attn (4,4) on the CPU; token the word that was said with these weights.
    Returns (H+25,W,3), uint8: bright where attention was, the brightest pixel white.
    """
    from PIL import Image, ImageDraw

    pixels = img.detach().cpu().float()                                         # (3,H,W)
    weights = torch.nn.functional.interpolate(
        attn.detach().float()[None, None], size=pixels.shape[1:], mode="bilinear"
    )[0]                                                                        # (1,H,W)
    masked = pixels * weights
    masked = masked - masked.min()
    masked = masked / masked.max().clamp(min=1e-10)

    strip = Image.new("RGB", (pixels.shape[2], 25), "white")
    ImageDraw.Draw(strip).text((4, 6), token, fill="black")
    return np.concatenate([np.asarray(strip), tensor_to_image(masked)])
