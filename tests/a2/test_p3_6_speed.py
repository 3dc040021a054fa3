"""Part 3, time: the contrastive loss without loops."""

from __future__ import annotations

import numpy as np
import pytest

from grader.checks import close, within

LOSS = within(1e-4, 1e-4)
TAU = 0.5


def views(N, D):
    """Left and right: images whose views resemble each other."""

    def draw(rng):
        left = rng.normal(size=(N, D))
        return [side.astype(np.float32) for side in (left, left + rng.normal(size=(N, D)))]

    return draw


def same(actual, expected):
    close(np.reshape(actual, ()), np.reshape(expected, ()), name="loss", dims="", tol=LOSS)


def vectorized(subject, x):
    return subject["dl.simclr.contrastive_loss"].simclr_loss_vectorized(*x, TAU, device="cpu")


@pytest.mark.check(
    "p3.loss_speed", question="contrastive_loss_vectorized", points=0, needs="p3.loss_vectorized", slow=True
)
def test_loss_speed(speed):
    """simclr_loss_vectorized takes no Python loop over the batch"""
    speed.ratio(vectorized, inputs=views(256, 16), agree=same)


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
        lambda subject, x: subject["dl.simclr.contrastive_loss"].simclr_loss_naive(*x, TAU),
        inputs=views(24, 16),
        agree=same,
        than="simclr_loss_naive",
    )
