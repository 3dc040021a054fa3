"""Probes of part 3: transforms taken apart and tried out, and a step of training.

Every patch is taken back before a probe returns. The submission's modules are imported inside the functions: this
file must load even where the submission has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

# --- transforms ---------------------------------------------------------------------------------------

ATTRIBUTES = ("size", "p", "brightness", "contrast", "saturation", "hue", "mean", "std")
DEEPEST = 5


def steps(transform: Any, depth: int = 0) -> list[dict[str, Any]]:
    """The steps of a composition, those of compositions inside it in their place.

    A step: name of its class in torchvision, its settings, and in "inner" the steps that it applies at random.
    """
    held = transform if isinstance(transform, nn.Sequential) else getattr(transform, "transforms", None)
    inner = [step for t in (held or ()) for step in steps(t, depth + 1)] if depth < DEEPEST else []
    name = next((k.__name__ for k in type(transform).__mro__ if k.__module__.startswith("torchvision.transforms")), "")
    if name == "Compose" or isinstance(transform, nn.Sequential):
        return inner
    settings = {key: _plain(getattr(transform, key)) for key in ATTRIBUTES if hasattr(transform, key)}
    return [{"name": name, "settings": settings, "inner": inner}]


def _plain(value: Any) -> Any:
    """A list of floats; None for what is something else."""
    try:
        return torch.as_tensor(value, dtype=torch.float64).flatten().tolist()
    except (TypeError, ValueError, RuntimeError):
        return None


def views(transform: Any, image: Tensor, count: int) -> Tensor:
    """image (H,W,3) uint8 -> what `count` calls of the transform give for it, stacked."""
    picture = Image.fromarray(image.numpy())
    return torch.stack([transform(picture) for _ in range(count)])


def view_of_each_seed(seeds: Sequence[int], image: Tensor) -> list[Any]:
    """The first view that a new transform gives, for each of the seeds in turn."""
    from dl.simclr.data_utils import compute_train_transform

    picture = Image.fromarray(image.numpy())
    return [compute_train_transform(seed)(picture) for seed in seeds]


def item_of_pairs(data: Tensor, targets: list[int], index: int, shift: int) -> dict[str, Any]:
    """Item `index` of a CIFAR10Pair that holds these images (N,32,32,3), uint8; nothing is read from disk.

    Call k of its transform, counted from 1, adds k to the image, a tensor (3,32,32) in 0..1. Its transform of labels
    adds `shift`, without one for 0.
    """
    from dl.simclr.data_utils import CIFAR10Pair

    calls = 0

    def transform(picture: Any) -> Tensor:
        nonlocal calls
        calls += 1
        if not isinstance(picture, Image.Image):
            raise TypeError(f"self.transform was called with a {type(picture).__name__}, wanted the PIL image")
        return torchvision.transforms.functional.pil_to_tensor(picture) / 255 + calls

    def start(self: Any, *_: Any, **settings: Any) -> None:
        self.data, self.targets = data.numpy(), targets
        self.transform, self.target_transform = settings["transform"], settings["target_transform"]

    cifar10 = torchvision.datasets.CIFAR10
    original = cifar10.__init__
    cifar10.__init__ = start
    try:
        pairs = CIFAR10Pair(
            root="data", train=True, transform=transform, target_transform=(lambda t: t + shift) if shift else None
        )
    finally:
        cifar10.__init__ = original
    item = pairs[index]
    return {"item": list(item) if isinstance(item, (tuple, list)) else item, "calls": calls}


# --- training -----------------------------------------------------------------------------------------


class TwoOutputs(nn.Module):
    """A stand-in for the network: features, and projections that depend on the rest of the batch."""

    def __init__(self, weight: Tensor, exchanged: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(weight.shape[1], weight.shape[0])
        self.norm = nn.BatchNorm1d(weight.shape[0])
        self.exchanged = exchanged
        with torch.no_grad():
            self.linear.weight.copy_(weight)
            self.linear.bias.copy_(weight[:, 0])
            self.norm.weight.copy_(1 + 0.5 * weight[:, 1])
            self.norm.bias.copy_(0.5 * weight[:, 2])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.linear(x.flatten(1))
        outputs = features.tanh(), self.norm(features)
        return outputs[::-1] if self.exchanged else outputs


def train(
    weight: Tensor,
    x_i: Tensor,
    x_j: Tensor,
    batch: int,
    options: Mapping[str, float],
    *,
    exchanged: bool = False,
    cleared: bool = True,
) -> dict[str, Any]:
    """One epoch of the submission's `train` on a new TwoOutputs; what it returns, and the parameters after it.

    weight (H,D); x_i, x_j (B * batch,D) are the views. options: temperature, and lr and momentum of SGD.
    exchanged: the network returns its outputs in the other order. cleared: False if zero_grad does nothing.
    """
    from dl.simclr.utils import train as submitted

    model = TwoOutputs(weight, exchanged).eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=options["lr"], momentum=options["momentum"])
    if not cleared:
        optimizer.zero_grad = _do_nothing  # type: ignore[method-assign]
    loader = DataLoader([(a, b, 0) for a, b in zip(x_i, x_j, strict=True)], batch_size=batch)  # type: ignore[arg-type]
    loss = submitted(
        model, loader, optimizer, 1, 1, batch_size=batch, temperature=options["temperature"], device="cpu"
    )
    return {"loss": loss, "parameters": dict(model.named_parameters())}


def _do_nothing(*_: Any, **__: Any) -> None:
    pass
