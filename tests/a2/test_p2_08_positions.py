"""Part 2, positional encodings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, rel
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

LENGTHS = st.integers(1, 40)
WIDTHS = st.integers(1, 17)


def judge_simple(student: Subject, K: int, M: int) -> None:
    p = np.broadcast_to(np.arange(K, dtype=float)[None, :, None], (1, K, M))
    y = student.transformers.position_encoding_simple(K, M)
    close(y, p / K, name="y", dims="1 K M", tol=rel(1e-7), case=f"K={K}, M={M}", dtype="floating", alternatives={
        "Positions are counted from 1, wanted 0 for the first one.": (p + 1) / K,
        "The positions are divided by K - 1, not by K.": p / max(K - 1, 1),
        "The positions are not divided by K.": p,
        "The positions are divided by M, not by K.": p / M,
    })  # fmt: skip


@pytest.mark.check("p2.pos_simple", question="positions", points=0.25)
def test_simple(student: Subject) -> None:
    """position_encoding_simple gives p/K in every column"""
    judge_simple(student, 4, 4)
    judge_simple(student, 5, 3)


@pytest.mark.check("p2.pos_simple.sizes", question="positions", points=0.25, needs="p2.pos_simple", hidden=True)
@few_examples
@given(K=LENGTHS, M=WIDTHS)
def test_simple_sizes(student: Subject, K: int, M: int) -> None:
    """position_encoding_simple for other lengths and widths"""
    judge_simple(student, K, M)


def waves(p: Array, exponent: Array) -> Array:
    """Sines in the even, cosines in the odd columns; p (K,1), exponent (M,) -> (1,K,M)."""
    angle = p / 10000.0**exponent
    return np.where(np.arange(len(exponent)) % 2 == 0, np.sin(angle), np.cos(angle))[None]


def judge_sinusoid(student: Subject, K: int, M: int, expected: Array | None = None) -> None:
    p, column = np.arange(K, dtype=float)[:, None], np.arange(M)
    even = column - column % 2
    exponent = even // M
    angle = p / 10000.0**exponent
    right = waves(p, exponent) if expected is None else expected
    y = student.transformers.position_encoding_sinusoid(K, M)
    close(y, right, name="y", dims="1 K M", tol=rel(1e-5), case=f"K={K}, M={M}", dtype="floating", alternatives={
        "The exponent is 2i/M as in the paper; the task rounds it down, floor(2i/M).": waves(p, even / M),
        "The exponent takes the column for i: it is floor(2i/M) in the columns 2i and 2i+1.": waves(
            p, 2 * column // M
        ),
        "The exponent is 2i/M with the column for i, and not rounded down.": waves(p, 2 * column / M),
        "Positions are counted from 1, wanted 0 for the first one.": waves(p + 1, exponent),
        "Sine and cosine are exchanged: the even columns hold the sines.": np.where(
            column % 2 == 0, np.cos(angle), np.sin(angle)
        )[None],
        "Every column holds a sine.": np.sin(angle)[None],
        "The sines come first and the cosines after them; they should alternate.": np.where(
            column < (M + 1) // 2, np.sin(angle), np.cos(angle)
        )[None],
        "The positions are divided by K.": waves(p / K, exponent),
    })  # fmt: skip


@pytest.mark.check("p2.pos_sinusoid", question="positions", points=0.5)
def test_sinusoid(student: Subject, stored: Stored) -> None:
    """position_encoding_sinusoid alternates sines and cosines, with the exponent rounded down"""
    judge_sinusoid(student, 4, 4, stored.array("U17"))
    judge_sinusoid(student, 5, 3, stored.array("U18"))
    judge_sinusoid(student, 7, 10)


@pytest.mark.check(
    "p2.pos_sinusoid.sizes", question="positions", points=0.5, needs="p2.pos_sinusoid", hidden=True
)
@few_examples
@given(K=LENGTHS, M=WIDTHS)
def test_sinusoid_sizes(student: Subject, K: int, M: int) -> None:
    """position_encoding_sinusoid for other lengths, and for widths that are odd"""
    judge_sinusoid(student, K, M)
