"""Stands in for `tqdm` (progress bars) where it is not installed: loops run, no bar is drawn."""

from tqdm.std import tqdm, trange

__all__ = ["tqdm", "trange"]
