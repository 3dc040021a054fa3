"""Probes of part 4: a small fake of CLIP, and the student's functions called with it.

The fake knows a few words and the mean colour of an image. It has the interface of the real model: callable on
images and tokens, with `visual`, `dtype` and `logit_scale`. `clip.tokenize` is replaced while a probe runs,
whichever `clip` there is, and taken back afterwards. `dl.clip_dino` is imported inside the functions: this file
must load even where the submission has none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision import transforms

CONTEXT = 77
SCALE = 7.0  # of image features, which are not of unit length
CONSTANT = 0.3  # their last entry, beside the colours in 0..1


class FakeVisual(nn.Module):
    """Images (M,3,H,W) in 0..1 -> (M,4): the mean colour and a constant. Counts what it encodes."""

    input_resolution = 8
    output_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.encoded = 0

    def forward(self, images: Tensor) -> Tensor:
        if images.ndim != 4:
            raise ValueError(f"expected images (M,3,H,W), got {images.ndim} axes")
        self.encoded += len(images)
        colours = images.mean(dim=(2, 3))
        return SCALE * torch.cat([colours, torch.full_like(colours[:, :1], CONSTANT)], dim=1)


class FakeCLIP(nn.Module):
    """words: the vector (4,) of each known word; `other` is that of all texts without one."""

    context_length = CONTEXT

    def __init__(self, words: dict[str, Sequence[float]], other: Sequence[float]) -> None:
        super().__init__()
        self.words = list(words)
        self.visual = FakeVisual()
        self.logit_scale = nn.Parameter(torch.tensor(100.0).log(), requires_grad=False)
        self.register_buffer("table", torch.tensor([*words.values(), other], dtype=torch.float32))
        self.eval()

    @property
    def dtype(self) -> torch.dtype:
        return self.table.dtype

    def tokenize(self, texts: Any, context_length: int = CONTEXT, truncate: bool = False) -> Tensor:
        """The number of the known word in each text, (n,77) int32; the word may stand inside the text."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        tokens = torch.zeros(len(texts), context_length, dtype=torch.int32)
        for row, text in zip(tokens, texts, strict=True):
            known = [number for number, word in enumerate(self.words) if word in text.lower()]
            row[0] = known[0] if known else len(self.words)
        return tokens

    def encode_image(self, image: Tensor) -> Tensor:
        return self.visual(image.type(self.dtype))

    def encode_text(self, text: Tensor) -> Tensor:
        if text.ndim != 2:
            raise ValueError(f"expected tokens (N,{CONTEXT}), got {text.ndim} axes")
        return self.table[text[:, 0].long()]

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled cosines, by image and by text."""
        images, texts = (nn.functional.normalize(x, dim=1) for x in (self.encode_image(image), self.encode_text(text)))
        logits = self.logit_scale.exp() * images @ texts.T
        return logits, logits.T


def preprocess() -> Any:
    """What CLIP has for PIL images, for smaller ones and without the normalisation: (3,8,8) in 0..1."""
    return transforms.Compose([
        transforms.Resize(8, interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.CenterCrop(8),
        lambda image: image.convert("RGB"),
        transforms.ToTensor(),
    ])  # fmt: skip


def namespaces() -> Iterator[dict[str, Any]]:
    """Of CLIP and of the submission's modules: those below its folder. (To look at all modules would take a forked
    process as long as all else here.)"""
    import dl.clip_dino

    root = Path(dl.clip_dino.__file__).parents[1]
    files = [file.relative_to(root).with_suffix("").parts for file in root.rglob("*.py")]
    for name in {"clip", "clip.clip", *(".".join(parts).removesuffix(".__init__") for parts in files)}:
        if name in sys.modules:
            yield vars(sys.modules[name])


@contextmanager
def tokenizing(model: FakeCLIP) -> Iterator[None]:
    """`clip.tokenize` is the model's, under every name that the submission has for it."""
    import clip

    original = clip.tokenize
    places = [(space, name) for space in namespaces() for name, value in list(space.items()) if value is original]
    for space, name in places:
        space[name] = model.tokenize
    try:
        yield
    finally:
        for space, name in places:
            space[name] = original


def plain(value: Any) -> Any:
    """An array of texts, which cannot be sent, as a list."""
    return value.tolist() if isinstance(value, np.ndarray) and value.dtype.kind in "UO" else value


def classify(
    words: dict[str, Sequence[float]], other: Sequence[float], images: Sequence[Tensor], texts: list[str]
) -> Any:
    """What clip_zero_shot_classifier says of the images."""
    from dl.clip_dino import clip_zero_shot_classifier

    model = FakeCLIP(words, other)
    with tokenizing(model):
        return plain(clip_zero_shot_classifier(model, preprocess(), [i.numpy() for i in images], texts, "cpu"))


def retrieve(
    words: dict[str, Sequence[float]],
    other: Sequence[float],
    images: Sequence[Tensor],
    queries: Sequence[tuple[str, int | None]],
) -> dict[str, Any]:
    """Answers to queries, each with its k or None for the default; how many images were encoded for all of them,
    beside those that the constructor encoded."""
    from dl.clip_dino import CLIPImageRetriever

    model = FakeCLIP(words, other)
    with tokenizing(model):
        retriever = CLIPImageRetriever(model, preprocess(), [i.numpy() for i in images], "cpu")
        before = model.visual.encoded
        answers = [retriever.retrieve(text) if k is None else retriever.retrieve(text, k) for text, k in queries]
    return {"answers": [plain(answer) for answer in answers], "encoded": model.visual.encoded - before}
