"""Probes of part 1: captioners with a cheap image encoder, filled by rule, trained, and asked for losses.

Every patch is taken back before a probe returns, but for the cheap encoder, which belongs to its model alone.
`rnn_lstm_captioning` is imported inside the functions: this file must load even where the submission has none.
"""

from __future__ import annotations

import os
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

SUBMITTED_LOSSES = "rnn_lstm_attention_submission.pt"

# --- building ---------------------------------------------------------------------------------------


class TinyRegNet(nn.Module):
    """Stands in for RegNet-X 400MF where its features play no part: same node names, 1200 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 400, 1, stride=32, bias=False))
        self.trunk_output = nn.Sequential(OrderedDict((f"block{i}", nn.Identity()) for i in range(1, 5)))

    def forward(self, images: Tensor) -> Tensor:
        return self.trunk_output(self.stem(images))


@contextmanager
def no_download(module: Any, *, tiny: bool) -> Iterator[None]:
    """regnet_x_400mf makes a network with random weights, or a tiny one, whatever weights are asked for."""
    original = torchvision.models.regnet_x_400mf

    def regnet(*_: Any, **__: Any) -> nn.Module:
        return TinyRegNet() if tiny else original(weights=None)

    places = [
        place
        for place in (torchvision.models, torchvision.models.regnet, module)
        if getattr(place, "regnet_x_400mf", None) is original
    ]
    for place in places:
        place.regnet_x_400mf = regnet
    try:
        yield
    finally:
        for place in places:
            place.regnet_x_400mf = original


def build(
    word_to_idx: dict[str, int],
    cell_type: str,
    wordvec_dim: int,
    hidden_dim: int,
    ignore_index: int | None,
    mix: Tensor | None = None,
) -> nn.Module:
    """A CaptioningRNN for 400 channels. With `mix` (400,3) its encoder becomes a fixed map of the 4x4-pooled
    images; without, it keeps a RegNet with random weights."""
    import rnn_lstm_captioning as submission

    with no_download(submission, tiny=mix is not None):
        model = submission.CaptioningRNN(
            word_to_idx=word_to_idx,
            input_dim=400,
            wordvec_dim=wordvec_dim,
            hidden_dim=hidden_dim,
            cell_type=cell_type,
            ignore_index=ignore_index,
        )
    if mix is not None:
        for encoder in encoders(model):
            encoder.forward = types.MethodType(pooled_colours(mix), encoder)
    return model


def encoders(model: nn.Module) -> list[nn.Module]:
    import rnn_lstm_captioning as submission

    found = [part for part in model.modules() if isinstance(part, submission.ImageEncoder)]
    if not found:
        raise LookupError("CaptioningRNN has no ImageEncoder among its submodules")
    return found


def pooled_colours(mix: Tensor) -> Callable[[nn.Module, Tensor], Tensor]:
    """A forward for the encoder: images (N,3,H,W) -> (N,400,4,4)."""

    def forward(_: nn.Module, images: Tensor) -> Tensor:
        cells = nn.functional.adaptive_avg_pool2d(images.float(), 4)
        return torch.einsum("cd,ndhw->nchw", mix, cells).contiguous()

    return forward


def own_parameters(model: nn.Module) -> list[nn.Parameter]:
    """All parameters but those of the image encoder."""
    encoded = {p for encoder in encoders(model) for p in encoder.parameters()}
    return [p for p in model.parameters() if p not in encoded]


# --- filling ----------------------------------------------------------------------------------------


def fill_linspace(model: nn.Module) -> None:
    """Every parameter becomes linspace(-1.4, 1.3) of its own shape."""
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.linspace(-1.4, 1.3, p.numel()).view(p.shape))


def fill_wave(model: nn.Module, amplitude: float) -> None:
    """Parameters outside the encoder become amplitude * sin(.37 k² + size), k = 1..size; evaluation mode."""
    model.eval()
    with torch.no_grad():
        for p in own_parameters(model):
            k = torch.arange(1, p.numel() + 1, dtype=torch.float64)
            p.copy_((amplitude * torch.sin(0.37 * k**2 + p.numel())).view(p.shape))


# --- asking -----------------------------------------------------------------------------------------


def losses(model: nn.Module, images: Tensor, which: Sequence[int], captions: Sequence[Tensor]) -> list[Any]:
    """The model's loss for each pair of an image, by its number, and a caption, one pair at a time."""
    with torch.no_grad():
        return [model(images[i : i + 1], caption[None]) for i, caption in zip(which, captions, strict=True)]


def train(
    model: nn.Module, images: Tensor, captions: Tensor, steps: int, learning_rate: float, enough: float
) -> list[float]:
    """Trains everything but the encoder with AdamW on one batch. Stops before the update that follows the
    first loss below `enough`; returns the loss of every step."""
    optimizer = torch.optim.AdamW(own_parameters(model), lr=learning_rate)
    history: list[float] = []
    for _ in range(steps):
        loss = model(images, captions)
        history.append(float(loss))
        if history[-1] < enough:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history


def submitted_losses() -> dict[str, Any]:
    """{"missing": True}, {"problem": why it cannot be read} or {"content": what the file holds}."""
    if not os.path.exists(SUBMITTED_LOSSES):
        return {"missing": True}
    try:
        return {"content": torch.load(SUBMITTED_LOSSES, weights_only=True, map_location="cpu")}
    except Exception as error:  # a damaged file can raise anything
        return {"problem": f"{type(error).__name__}: {error}"}
