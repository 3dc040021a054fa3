"""Recipes of stored tensors: each public function makes one generated/<name>.npz from the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from grader.subject import Subject


def seeded_upstreams(reference: Subject) -> dict[str, np.ndarray[Any, Any]]:
    """The upstream gradients behind the published U4, U6, U8 and U10: the first randn, float32, that follows
    seed 0 and the constructor.

    They are stored because a correct constructor may draw more or fewer numbers than the usual one.
    """
    draw = reference.probes.transformer.using(seed=0).next_randn
    return {
        "self_attention": draw("SelfAttention", [4, 4, 4], [2, 4, 4]),
        "multihead": draw("MultiHeadAttention", [2, 4, 8], [2, 4, 4]),
        "layernorm": draw("LayerNormalization", [4], [2, 4]),
        "feedforward": draw("FeedForwardBlock", [4, 8], [2, 4]),
    }
