"""The functions of the stand-in for `imageio`."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from PIL import Image


def imread(uri: Any, *_: Any, **__: Any) -> np.ndarray:
    """An image file as an array (H,W) or (H,W,C), uint8 for ordinary pictures."""
    with Image.open(uri) as image:
        return np.asarray(image)


def imwrite(uri: Any, im: Any, *_: Any, **__: Any) -> None:
    """Writes an array (H,W), (H,W,3) or (H,W,4) of uint8; the name says in which format."""
    Image.fromarray(np.asarray(im)).save(uri)


imsave = imwrite


def _videos(name: str) -> Any:
    def missing(*_: Any, **__: Any) -> NoReturn:
        """Raises RuntimeError: videos need the real package."""
        raise RuntimeError(f"imageio.{name} needs the real package `imageio`, which is not installed here")

    return missing


get_reader, get_writer, mimread, mimwrite = map(_videos, ("get_reader", "get_writer", "mimread", "mimwrite"))
mimsave = mimwrite
