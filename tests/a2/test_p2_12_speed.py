"""Part 2, time: attention without loops, which grows as the square of the sequence's length and no faster."""

from __future__ import annotations

import numpy as np
import pytest

from grader.checks import close, within

TOL = within(1e-4, 1e-5)
LENGTHS = {128: 64, 256: 24, 512: 6, 1024: 2}  # and how many of them together take some milliseconds


def same(actual, expected):
    close(actual, expected, name="y", dims="N K M", tol=TOL)


def triple(rng, N, K, T, M):
    """Query, key, value."""
    return [rng.normal(size=(N, length, M)).astype(np.float32) for length in (K, T, T)]


def no_loop(subject, triples):
    return [(subject.transformers.scaled_dot_product_no_loop_batch.using(only=0), x) for x in triples]


def two_loops(subject, triples):
    """Of the first only, which takes as long as many without loops."""
    return [(subject.transformers.scaled_dot_product_two_loop_batch, triples[0])]


@pytest.mark.check("p2.attention_speed", question="scaled_dot_product", points=0, needs="p2.sdp_no_loop", slow=True)
def test_attention_speed(speed):
    """scaled_dot_product_no_loop_batch takes no Python loop over the batch or the sequence"""
    # Many short sequences, and a few long ones.
    speed.ratio(no_loop, inputs=lambda rng: [triple(rng, *of, 4) for of in 6 * [(512, 4, 4), (4, 512, 4)]], agree=same)


@pytest.mark.check(
    "p2.attention_margin",
    question="scaled_dot_product",
    points=0,
    needs=("p2.sdp_no_loop", "p2.sdp_two_loop_batch"),
    slow=True,
)
def test_attention_margin(speed):
    """scaled_dot_product_no_loop_batch is much faster than the form with two loops"""
    # As many sequences as queries: the two loops may be over queries and keys, or over sequences and queries.
    speed.margin(
        no_loop,
        two_loops,
        inputs=lambda rng: [triple(rng, 32, 32, 32, 8) for _ in range(24)],
        agree=same,
        than="scaled_dot_product_two_loop_batch",
    )


@pytest.mark.check("p2.attention_growth", question="scaled_dot_product", points=0, needs="p2.sdp_no_loop", slow=True)
def test_attention_growth(speed):
    """Twice the sequence takes scaled_dot_product_no_loop_batch about four times as long"""
    speed.growth(
        no_loop,
        sizes=tuple(LENGTHS),
        inputs=lambda rng, K: [triple(rng, 1, K, K, 2) for _ in range(LENGTHS[K])],
        agree=same,
    )
