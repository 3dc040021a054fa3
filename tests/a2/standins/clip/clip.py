"""The functions of the stand-in for `clip`."""

from __future__ import annotations

from typing import Any, NoReturn

NAMES = ["RN50", "RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336px"]


def available_models() -> list[str]:
    """Names of the published models."""
    return list(NAMES)


def load(name: str = "ViT-B/32", *_: Any, **__: Any) -> NoReturn:
    """Raises RuntimeError: there are no weights here."""
    raise RuntimeError(f"clip.load({name!r}) needs CLIP's weights, and the real package `clip`: neither is here")


def tokenize(texts: str | list[str], context_length: int = 77, truncate: bool = False) -> NoReturn:
    """Raises RuntimeError: there is no vocabulary here."""
    raise RuntimeError("clip.tokenize needs the vocabulary of the real package `clip`, which is not installed here")
