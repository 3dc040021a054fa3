"""Small synthetic data for a quick, offline run of the notebooks. Given code.

Each part of the assignment has a stand-in for what it would download:

    captioning   coco_like, PlaceAndColour      pictures of one square, with captions; features in the place of RegNet's
    SimCLR       cifar_like, SmallModel         ten textures instead of CIFAR-10; a network that a CPU can train
    CLIP         ColourCLIP, colour_preprocess, colour_tokenize, colour_photos      a CLIP that knows colours only
    DINO         ShapesVideo, PatchColours      two shapes move through a film; features of patches from their colours

Everything is drawn from generators of its own: calling these functions leaves torch's and numpy's seeds alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor, nn

COLOURS = {
    "red": (205, 45, 40), "green": (45, 170, 60), "blue": (45, 75, 205), "yellow": (225, 205, 50),
    "white": (240, 240, 240), "black": (25, 25, 25),
}  # fmt: skip

# -----------------------------------------------------------------------------
# Captioning


def coco_like(train: int = 320, val: int = 32, seed: int = 0) -> dict[str, Any]:
    """A dict with the keys of coco.pt: one coloured square on a coloured ground, and a sentence that says so.

    `{train,val}_images` (n,3,112,112) uint8; `{train,val}_captions` (n,14) int64, from <START> to <END>, then <NULL>;
    `vocab` with `idx_to_token` (list) and `token_to_idx` (dict).
    """
    rng = np.random.default_rng(seed)
    words = ["<NULL>", "<START>", "<END>", "a", "square", "at", "the", "of", "picture", "top", "bottom", "left", "right"]
    words += COLOURS
    numbers = {word: index for index, word in enumerate(words)}
    names = list(COLOURS)
    data: dict[str, Any] = {"vocab": {"idx_to_token": words, "token_to_idx": numbers}}
    for split, count in (("train", train), ("val", val)):
        images = np.empty((count, 3, 112, 112), np.uint8)
        captions = np.zeros((count, 14), np.int64)
        for i in range(count):
            square, ground = rng.permutation(len(names))[:2]
            row, column = rng.integers(0, 2, 2)                                 # one of the four quarters
            cells = np.empty((4, 4, 3))
            cells[:] = COLOURS[names[ground]]
            cells[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = COLOURS[names[square]]
            pixels = np.kron(cells, np.ones((28, 28, 1))) + rng.normal(0, 8, (112, 112, 1))
            images[i] = pixels.clip(0, 255).astype(np.uint8).transpose(2, 0, 1)
            place = f"{'bottom' if row else 'top'} {'right' if column else 'left'}"
            text = f"<START> a {names[square]} square at the {place} of a {names[ground]} picture <END>"
            row_of_numbers = [numbers[word] for word in text.split()]
            captions[i, : len(row_of_numbers)] = row_of_numbers
        data[f"{split}_images"], data[f"{split}_captions"] = torch.from_numpy(images), torch.from_numpy(captions)
    return data


class PlaceAndColour(nn.Module):
    """In the place of ImageEncoder: features from the mean colour of each of 4x4 cells and from where the cell is.

    Takes ImageEncoder's arguments and has no parameters. images (N,3,H,W), uint8 or float in 0..1 -> (N,400,4,4).
    """

    out_channels = 400

    def __init__(self, pretrained: bool = True, verbose: bool = True) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("colour", torch.randn(400, 3, generator=generator) * 2)
        self.register_buffer("place", 2 * torch.pi * torch.rand(400, 4, 4, generator=generator))

    def forward(self, images: Tensor) -> Tensor:
        scale = 255 if images.dtype == torch.uint8 else 1.0
        cells = F.adaptive_avg_pool2d(images.float() / scale - 0.5, 4)                    # (N,3,4,4)
        return 1.5 * torch.cos(torch.einsum("cd,ndhw->nchw", self.colour, cells) + self.place)


# -----------------------------------------------------------------------------
# SimCLR

TEXTURES = ("rows", "columns", "checks", "dots", "plain")
TEXTURE_CLASSES = tuple(f"{tone} {texture}" for tone in ("warm", "cold") for texture in TEXTURES)


def cifar_like(per_class: int, seed: int) -> tuple[np.ndarray, list[int]]:
    """Ten classes of textures, in two tones: images (n,32,32,3) uint8 and labels, shuffled; n = 10 per_class.

    Period, phase, brightness and shade differ from image to image. `TEXTURE_CLASSES` names the classes.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:32, :32]
    images, labels = [], []
    for label in rng.permutation(np.arange(10).repeat(per_class)):
        tone, texture = divmod(int(label), 5)
        period = rng.uniform(4, 8)
        across, down = (np.sin(2 * np.pi * (axis / period + rng.random())) for axis in (x, y))
        pattern = (down, across, np.sign(across * down), 2.0 * (across + down > 0.9) - 1, 0 * x)[texture]
        hue = (0.0 if tone == 0 else 0.55) + rng.uniform(-0.06, 0.06)
        shade = 0.5 + 0.5 * np.cos(2 * np.pi * (hue + np.array([0, 1, 2]) / 3))                     # (3,)
        level = rng.uniform(0.35, 0.65) + rng.uniform(0.15, 0.3) * pattern                          # (32,32)
        pixels = level[..., None] * (0.45 + 0.55 * shade) + rng.normal(0, 0.05, (32, 32, 3))
        images.append((255 * pixels).clip(0, 255).astype(np.uint8))
        labels.append(int(label))
    return np.stack(images), labels


class SmallModel(nn.Module):
    """Made like dl.simclr.model.Model, small enough for a CPU: encoder f, projection head g.

    forward: x (B,3,32,32) -> features (B,128) and projections (B,feature_dim), their rows of length 1.
    """

    def __init__(self, feature_dim: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, 24), (24, 48), (48, 128)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.f = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1))
        self.g = nn.Sequential(nn.Linear(128, 128, bias=False), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, feature_dim))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.f(x).flatten(1)
        return F.normalize(features, dim=1), F.normalize(self.g(features), dim=1)


# -----------------------------------------------------------------------------
# CLIP


def colour_photos() -> list[np.ndarray]:
    """Ten scenes (H,W,3) uint8 of different sizes, each mainly red, green, blue or yellow, with a shape on it."""
    rng = np.random.default_rng(0)
    photos = []
    for name in ("red", "green", "blue", "yellow", "green", "red", "blue", "blue", "yellow", "green"):
        height, width = (int(size) for size in rng.integers(150, 260, 2))
        picture = Image.new("RGB", (width, height), COLOURS[name])
        left, top = int(rng.integers(20, width - 70)), int(rng.integers(20, height - 70))
        pen = ImageDraw.Draw(picture)
        (pen.ellipse if rng.random() < 0.5 else pen.rectangle)((left, top, left + 50, top + 50), fill=COLOURS["white"])
        noisy = np.asarray(picture) + rng.normal(0, 12, (height, width, 3))
        photos.append(noisy.clip(0, 255).astype(np.uint8))
    return photos


COLOUR_WORDS = ("red", "green", "blue", "yellow")
TINTS = torch.tensor([COLOURS[word] for word in COLOUR_WORDS], dtype=torch.float32) / 255


def colour_preprocess(image: Image.Image) -> Tensor:
    """As CLIP's preprocessing, a PIL image becomes a tensor (3,224,224)."""
    pixels = np.asarray(image.convert("RGB").resize((224, 224)), dtype=np.float32) / 255
    return torch.from_numpy(pixels).movedim(-1, 0).contiguous()


def colour_tokenize(texts: str | Sequence[str], context_length: int = 77, truncate: bool = False) -> Tensor:
    """As clip.tokenize, texts become int32 (n,77); column 0 is the number of the colour in the text, 4 for none."""
    rows = torch.zeros(1 if isinstance(texts, str) else len(texts), context_length, dtype=torch.int32)
    for row, text in zip(rows, [texts] if isinstance(texts, str) else texts, strict=True):
        row[0] = next((i for i, word in enumerate(COLOUR_WORDS) if word in text.lower()), len(COLOUR_WORDS))
    return rows


class ColourCLIP(nn.Module):
    """A CLIP with one idea: an image is its mean colour, a text is the colour it names. No lengths are normalised."""

    def encode_image(self, images: Tensor) -> Tensor:
        """images (M,3,H,W) in 0..1 -> (M,4): how near the mean colour is to each of the four tints."""
        distance = torch.cdist(images.float().mean(dim=(2, 3)), TINTS.to(images.device))
        return 7 * torch.exp(-4 * distance)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """tokens (n,77) of colour_tokenize -> (n,4)."""
        directions = torch.cat([3 * torch.eye(4), torch.full((1, 4), 0.5)])
        return directions.to(tokens.device)[tokens[:, 0].long()]


# -----------------------------------------------------------------------------
# DINO


class ShapesVideo:
    """As DavisDataset, with one film: a disc and a bar cross a textured ground while the light changes."""

    size, frames = 240, 99

    def get_sample(self, index: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """frames (T,240,240,3) and masks (T,240,240,1), uint8: 0 the ground, 1 the disc, 2 the bar."""
        rng = np.random.default_rng(index)
        y, x = np.mgrid[: self.size, : self.size]
        ground = np.array([95, 120, 80]) + 35 * np.sin(x / 17)[..., None] * np.cos(y / 23)[..., None]
        frames = np.empty((self.frames, self.size, self.size, 3), np.uint8)
        masks = np.zeros((self.frames, self.size, self.size, 1), np.uint8)
        for t in range(self.frames):
            share = t / (self.frames - 1)
            disc = (x - 50 - 140 * share) ** 2 + (y - 80 - 20 * np.sin(6 * share)) ** 2 < 40**2
            bar = (abs(x - 185 + 110 * share) < 22) & (abs(y - 160) < 55)
            masks[t, disc, 0], masks[t, bar, 0] = 1, 2
            pixels = np.where(disc[..., None], [190, 110, 60], np.where(bar[..., None], [70, 90, 160], ground))
            grain = rng.normal(0, 14, (self.size // 2, self.size // 2, 1)).repeat(2, 0).repeat(2, 1)
            frames[t] = (pixels * (0.93 + 0.14 * share) + grain).clip(0, 255)
        return frames, masks

    def process_frames(self, frames: np.ndarray, dino_model: nn.Module, device: Any) -> Tensor:
        """frames (T,240,240,3) -> features of their patches (T,900,384); the first token is left out."""
        pixels = torch.from_numpy(frames).to(device).movedim(-1, 1) / 255
        return torch.cat([dino_model.get_intermediate_layers(frame[None], n=1)[0][:, 1:] for frame in pixels])

    def process_masks(self, masks: np.ndarray, device: Any) -> Tensor:
        """masks (T,240,240,1) -> the class in the middle of each patch (T,900), int64."""
        return torch.from_numpy(masks[:, 4::8, 4::8, 0].copy()).long().flatten(1).to(device)


class PatchColours(nn.Module):
    """In the place of DINO's ViT-S/8: 384 features of each patch of 8x8 pixels, here from its colour and contrast."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("mix", torch.randn(6, 384, generator=generator) * 4)
        self.register_buffer("phase", torch.rand(384, generator=generator) * 2 * torch.pi)

    @torch.no_grad()
    def get_intermediate_layers(self, x: Tensor, n: int = 1) -> list[Tensor]:
        """x (B,3,H,W) in 0..1 -> a list of n equal tensors (B, 1 + H/8 W/8, 384); the first token is the mean."""
        mean = F.avg_pool2d(x, 8)
        spread = (F.avg_pool2d(x**2, 8) - mean**2).clamp(min=0).sqrt()
        patches = torch.cat([mean, spread], dim=1).flatten(2).mT                # (B,patches,6)
        features = torch.cos(patches @ self.mix + self.phase)
        return [torch.cat([features.mean(dim=1, keepdim=True), features], dim=1)] * n
