"""Stands in for `tensorflow_datasets` where it is not installed: there is no data set in it.

`as_numpy` gives back what is made of numpy arrays already. Loading says that it cannot.
"""

from __future__ import annotations

from typing import Any, NoReturn


def load(name: str, *_: Any, **__: Any) -> NoReturn:
    """Raises RuntimeError: there is no data here, and no network to fetch it."""
    raise RuntimeError(f"tensorflow_datasets.load({name!r}) needs the real package and its data: neither is here")


def builder(name: str, *_: Any, **__: Any) -> NoReturn:
    """Raises RuntimeError, as `load` does."""
    raise RuntimeError(f"tensorflow_datasets.builder({name!r}) needs the real package and its data: neither is here")


def as_numpy(dataset: Any) -> Any:
    """The data set itself: nothing here has tensors of TensorFlow's."""
    return dataset
