"""Part 2, time: attention without loops, which grows as the square of the sequence's length and no faster."""

from __future__ import annotations

import numpy as np
import pytest

from grader.checks import close, within

TOL = within(1e-4, 1e-5)
LENGTHS = 256, 512, 1024, 2048


def same(actual, expected):
    close(actual, expected, name="y", dims="N K M", tol=TOL)


def triple(rng, N, K, M):
    return [rng.normal(size=(N, K, M)).astype(np.float32) for _ in range(3)]


def no_loop(subject, x):
    return subject.transformers.scaled_dot_product_no_loop_batch.using(only=0)(*x)


@pytest.mark.check("p2.attention_speed", question="scaled_dot_product", points=0, needs="p2.sdp_no_loop", slow=True)
def test_attention_speed(speed):
    """scaled_dot_product_no_loop_batch takes no Python loop over the batch or the sequence"""
    speed.ratio(no_loop, inputs=lambda rng: triple(rng, 64, 96, 8), agree=same)


@pytest.mark.check(
    "p2.attention_margin",
    question="scaled_dot_product",
    points=0,
    needs=("p2.sdp_no_loop", "p2.sdp_two_loop_batch"),
    slow=True,
)
def test_attention_margin(speed):
    """scaled_dot_product_no_loop_batch is much faster than the form with two loops"""
    speed.margin(
        no_loop,
        lambda subject, x: subject.transformers.scaled_dot_product_two_loop_batch(*x),
        inputs=lambda rng: triple(rng, 8, 48, 16),
        agree=same,
        than="scaled_dot_product_two_loop_batch",
    )


@pytest.mark.check("p2.attention_growth", question="scaled_dot_product", points=0, needs="p2.sdp_no_loop", slow=True)
def test_attention_growth(speed):
    """Twice the sequence takes scaled_dot_product_no_loop_batch about four times as long"""
    speed.growth(no_loop, sizes=LENGTHS, inputs=lambda rng, K: triple(rng, 1, K, 32), agree=same)
