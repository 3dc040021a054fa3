"""Stands in for OpenAI's `clip` where it is not installed: the names are there, the network is not.

It cannot load a model (the weights are a download of hundreds of MB) and cannot tokenise (the vocabulary of byte
pairs comes with the real package). Both say so. `from clip import clip` works, as it does with the real one.
"""

from __future__ import annotations

from clip.clip import available_models, load, tokenize

__all__ = ["available_models", "load", "tokenize"]
