"""Part 3, time: the contrastive loss without loops."""

from __future__ import annotations

import numpy as np
import pytest

from grader.checks import close, within

LOSS = within(1e-4, 1e-4)
TAU = 0.5


def views(rng, N, D):
    """Left and right: images whose views resemble each other."""
    left = rng.normal(size=(N, D))
    return [side.astype(np.float32) for side in (left, left + rng.normal(size=(N, D)))]


def same(actual, expected):
    close(np.reshape(actual, ()), np.reshape(expected, ()), name="loss", dims="", tol=LOSS)


def vectorized(subject, pairs):
    return [(subject["dl.simclr.contrastive_loss"].simclr_loss_vectorized, [*x, TAU, "cpu"]) for x in pairs]


def naive(subject, pairs):
    """Of the first only, which takes as long as many without loops."""
    return [(subject["dl.simclr.contrastive_loss"].simclr_loss_naive, [*pairs[0], TAU])]


@pytest.mark.check(
    "p3.loss_speed", question="contrastive_loss_vectorized", points=0, needs="p3.loss_vectorized", slow=True
)
def test_loss_speed(speed):
    """simclr_loss_vectorized takes no Python loop over the batch"""
    speed.ratio(vectorized, inputs=lambda rng: [views(rng, 32, 2) for _ in range(32)], agree=same)


@pytest.mark.check(
    "p3.loss_margin",
    question="contrastive_loss_vectorized",
    points=0,
    needs=("p3.loss_vectorized", "p3.loss_naive"),
    slow=True,
)
def test_loss_margin(speed):
    """simclr_loss_vectorized is much faster than simclr_loss_naive"""
    speed.margin(
        vectorized,
        naive,
        inputs=lambda rng: [views(rng, 16, 16) for _ in range(40)],
        agree=same,
        than="simclr_loss_naive",
    )
