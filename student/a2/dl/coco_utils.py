"""COCO captions: load them, draw minibatches, turn numbers back into words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def load_coco_data(
    base_dir: str, max_train: int | None = None, pca_features: bool = True
) -> dict[str, Any]:
    """Read captions, image features (VGG16 fc7), vocabulary and image addresses from a folder; needs h5py.

    max_train     keep only so many training captions, drawn at random by numpy
    pca_features  the features reduced by PCA rather than all 4096

    Returns a dict. For each split in (train, val): `{split}_captions` (n,T) int, `{split}_image_idxs` (n,)
    int, `{split}_features` (m,D) float, `{split}_urls` (m,) str. Besides: idx_to_word, word_to_idx.
    """
    import h5py

    base = Path(base_dir)
    data: dict[str, Any] = {}
    with h5py.File(base / "coco2014_captions.h5") as file:
        data.update({name: np.asarray(values) for name, values in file.items()})
    for split in ("train", "val"):
        suffix = "_pca" if pca_features else ""
        with h5py.File(base / f"{split}2014_vgg16_fc7{suffix}.h5") as file:
            data[f"{split}_features"] = np.asarray(file["features"])
        data[f"{split}_urls"] = np.asarray((base / f"{split}2014_urls.txt").read_text().split())
    data.update(json.loads((base / "coco2014_vocab.json").read_text()))
    if max_train is not None:
        rows = np.random.randint(len(data["train_captions"]), size=max_train)
        data["train_captions"] = data["train_captions"][rows]
        data["train_image_idxs"] = data["train_image_idxs"][rows]
    return data


def decode_captions(captions: Any, idx_to_word: Sequence[str] | Mapping[int, str]) -> str | list[str]:
    """Numbers to text: words up to and including the first <END>, without <NULL>.

    captions is a tensor or array, (T,) or (N,T). Returns one string, or a list of N.
    """
    rows = captions.tolist()
    decoded = []
    for row in rows if captions.ndim == 2 else [rows]:
        words = [idx_to_word[index] for index in row]
        if "<END>" in words:
            words = words[: words.index("<END>") + 1]
        decoded.append(" ".join(word for word in words if word != "<NULL>"))
    return decoded if captions.ndim == 2 else decoded[0]


def sample_coco_minibatch(
    data: dict[str, Any], batch_size: int = 100, split: str = "train"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random captions (n,T) of a split, the features (n,D) and addresses (n,) of their images."""
    rows = np.random.randint(len(data[f"{split}_captions"]), size=batch_size)
    images = data[f"{split}_image_idxs"][rows]
    return data[f"{split}_captions"][rows], data[f"{split}_features"][images], data[f"{split}_urls"][images]
