"""Stands in for `imageio` where it is not installed: single images, through PIL.

Videos and animations need the real package, and say so.
"""

from __future__ import annotations

from imageio.v2 import get_reader, get_writer, imread, imsave, imwrite, mimread, mimsave, mimwrite

__all__ = ["get_reader", "get_writer", "imread", "imsave", "imwrite", "mimread", "mimsave", "mimwrite"]
