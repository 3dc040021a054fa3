"""Stands in for OpenCV where it is not installed: resizing, colour orders, blending and simple drawing.

It works on uint8 and float32 arrays, (H,W) or (H,W,C). Everything else of OpenCV is missing, and says so; so do
reading and writing of videos. Resizing is torch's, which may differ from OpenCV's by a unit of grey.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import torch
from PIL import Image, ImageDraw

INTER_NEAREST, INTER_LINEAR, INTER_CUBIC, INTER_AREA = 0, 1, 2, 3
COLOR_BGR2RGB = COLOR_RGB2BGR = 4
COLOR_BGR2GRAY, COLOR_RGB2GRAY, COLOR_GRAY2BGR = 6, 7, 8
COLOR_GRAY2RGB = COLOR_GRAY2BGR
IMREAD_COLOR = 1
FONT_HERSHEY_SIMPLEX = 0
LINE_AA = 16

_MODES = {INTER_NEAREST: "nearest", INTER_LINEAR: "bilinear", INTER_CUBIC: "bicubic", INTER_AREA: "area"}


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(f"cv2.{name} needs the real OpenCV (package opencv-python), which is not installed here")


def resize(
    src: np.ndarray, dsize: tuple[int, int], dst: Any = None, fx: float = 0, fy: float = 0, interpolation: int = 1
) -> np.ndarray:
    """src (H,W) or (H,W,C) at another size; dsize is (width, height). `dst` is ignored."""
    if not dsize:
        dsize = round(src.shape[1] * fx), round(src.shape[0] * fy)
    pixels = torch.from_numpy(np.array(src, np.float32)).reshape(*src.shape[:2], -1).movedim(-1, 0)[None]
    mode = _MODES[interpolation]
    options = {"align_corners": False} if mode in ("bilinear", "bicubic") else {}
    small = torch.nn.functional.interpolate(pixels, size=(dsize[1], dsize[0]), mode=mode, **options)
    found = small[0].movedim(0, -1).numpy().reshape(dsize[1], dsize[0], *src.shape[2:])
    if np.issubdtype(src.dtype, np.integer):
        limits = np.iinfo(src.dtype)
        found = np.clip(np.rint(found), limits.min, limits.max)
    return found.astype(src.dtype)


def cvtColor(src: np.ndarray, code: int) -> np.ndarray:
    """Another order of the channels, grey from colours (weights .299 .587 .114), or colours from grey."""
    if code == COLOR_BGR2RGB:
        return np.ascontiguousarray(src[..., ::-1])
    if code == COLOR_GRAY2BGR:
        return np.repeat(src[..., None], 3, axis=-1)
    if code in (COLOR_BGR2GRAY, COLOR_RGB2GRAY):
        weights = np.array([0.114, 0.587, 0.299] if code == COLOR_BGR2GRAY else [0.299, 0.587, 0.114])
        grey = src @ weights
        return (np.rint(grey) if np.issubdtype(src.dtype, np.integer) else grey).astype(src.dtype)
    raise RuntimeError(f"cv2.cvtColor with code {code} needs the real OpenCV, which is not installed here")


def addWeighted(src1: np.ndarray, alpha: float, src2: np.ndarray, beta: float, gamma: float) -> np.ndarray:
    """alpha src1 + beta src2 + gamma, rounded and cut off at what the first array's dtype holds."""
    found = alpha * src1.astype(np.float64) + beta * src2 + gamma
    if np.issubdtype(src1.dtype, np.integer):
        limits = np.iinfo(src1.dtype)
        found = np.clip(np.rint(found), limits.min, limits.max)
    return found.astype(src1.dtype)


def imread(filename: str, flags: int = IMREAD_COLOR) -> np.ndarray | None:
    """A picture as (H,W,3) uint8 in the order blue, green, red; None where there is no such file."""
    try:
        with Image.open(filename) as image:
            return np.ascontiguousarray(np.asarray(image.convert("RGB"))[..., ::-1])
    except OSError:
        return None


def _draw(img: np.ndarray, draw: Any) -> np.ndarray:
    picture = Image.fromarray(img)
    draw(ImageDraw.Draw(picture))
    img[:] = np.asarray(picture)
    return img


def rectangle(img: np.ndarray, pt1: Any, pt2: Any, color: Any, thickness: int = 1, *_: Any, **__: Any) -> np.ndarray:
    """Draws on img (H,W,3) uint8 in place; a negative thickness fills the rectangle."""
    ends = [*map(int, pt1), *map(int, pt2)]
    style = {"fill": tuple(color)} if thickness < 0 else {"outline": tuple(color), "width": thickness}
    return _draw(img, lambda pen: pen.rectangle(ends, **style))


def putText(
    img: np.ndarray, text: str, org: Any, fontFace: int, fontScale: float, color: Any, *_: Any, **__: Any
) -> np.ndarray:
    """Writes on img (H,W,3) uint8 in place, in one small fixed font."""
    return _draw(img, lambda pen: pen.text((int(org[0]), int(org[1]) - 10), str(text), fill=tuple(color)))
