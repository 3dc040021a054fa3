"""Part 4, the cosine similarity of texts and images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, rel
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

SEEDS = st.integers(0, 2**32 - 1)
SIZES = st.integers(1, 8)


def cosines(text: Array, image: Array) -> Array:
    return unit(text) @ unit(image).T


def unit(rows: Array, axis: int = 1) -> Array:
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=axis, keepdims=True)


def judge(student: Subject, text: Array, image: Array, case: str, expected: Array | None = None) -> None:
    text, image = text.astype(np.float32), image.astype(np.float32)
    right = cosines(text, image) if expected is None else expected
    found = student["dl.clip_dino"].get_similarity_no_loop(text, image)
    t, v = text.astype(np.float64), image.astype(np.float64)
    scores = np.exp(right)
    mistaken = {
        "Neither side is divided by its length: these are dot products.": t @ v.T,
        "The text features are not divided by their lengths.": t @ unit(v).T,
        "The image features are not divided by their lengths.": unit(t) @ v.T,
        "The features are normalised along the wrong axis: each row has to be of length 1.": unit(t, 0) @ unit(v, 0).T,
        "The features are divided by the length of all rows together, not each row by its own.": t
        @ v.T
        / (np.linalg.norm(t) * np.linalg.norm(v)),
        "The features are divided by the squares of their lengths.": right
        / (np.linalg.norm(t, axis=1)[:, None] * np.linalg.norm(v, axis=1)),
        "The features are divided by sums of absolute values, not by their lengths.": (
            (t / np.abs(t).sum(1, keepdims=True)) @ (v / np.abs(v).sum(1, keepdims=True)).T
        ),
        "The rows are images and the columns texts; they should be the other way round.": right.T,
        "A softmax over the images follows, which is not asked for.": scores / scores.sum(1, keepdims=True),
        "A softmax over the texts follows, which is not asked for.": scores / scores.sum(0, keepdims=True),
        "These are distances, 1 - cosine, not similarities.": 1 - right,
        "The mean is subtracted first: these are correlations, not cosines.": cosines_or_zero(
            t - t.mean(1, keepdims=True), v - v.mean(1, keepdims=True)
        ),
        "The similarity is multiplied by CLIP's factor 100, which is not asked for.": 100 * right,
    }
    close(found, right, name="similarity", dims="N M", tol=rel(1e-5), case=case, dtype="floating",
          alternatives=mistaken)  # fmt: skip


def cosines_or_zero(text: Array, image: Array) -> Array:
    lengths = np.linalg.norm(text, axis=1)[:, None] * np.linalg.norm(image, axis=1)
    return text @ image.T / np.maximum(lengths, 1e-30)


@pytest.mark.check("p4.similarity_seed231", question="similarity", points=1.5)
def test_similarity(student: Subject, stored: Stored) -> None:
    """get_similarity_no_loop returns the cosine of every text with every image"""
    text, image = stored.array("clip_text_features"), stored.array("clip_image_features")
    judge(student, text, image, "N=6, M=5, D=10", stored.array("clip_similarity"))


@pytest.mark.check(
    "p4.similarity_seed231.sizes", question="similarity", points=1.5, needs="p4.similarity_seed231", hidden=True
)
@few_examples
@example(seed=1, N=1, M=1, D=5)
@example(seed=2, N=4, M=4, D=4)
@given(seed=SEEDS, N=SIZES, M=SIZES, D=st.integers(2, 12))
def test_similarity_sizes(student: Subject, seed: int, N: int, M: int, D: int) -> None:
    """get_similarity_no_loop for other numbers of texts, images and features"""
    rng = np.random.default_rng(seed)
    judge(student, rng.standard_normal((N, D)), rng.standard_normal((M, D)), f"N={N}, M={M}, D={D}")


@pytest.mark.check("p4.similarity_fixed", question="similarity", points=0.5)
def test_similarity_fixed(student: Subject) -> None:
    """get_similarity_no_loop for more images than texts"""
    text, image = np.sin(np.arange(1.0, 19)).reshape(3, 6), np.cos(np.arange(1.0, 25)).reshape(4, 6)
    judge(student, text, image, "N=3, M=4, D=6")


@pytest.mark.check(
    "p4.similarity_fixed.sizes", question="similarity", points=0.5, needs="p4.similarity_fixed", hidden=True
)
@few_examples
@given(seed=SEEDS, N=SIZES, M=SIZES, D=st.integers(2, 12))
def test_similarity_lengths(student: Subject, seed: int, N: int, M: int, D: int) -> None:
    """get_similarity_no_loop for features whose lengths lie far apart"""
    rng = np.random.default_rng(seed)
    text, image = (rng.standard_normal((n, D)) * 10 ** rng.uniform(-2, 2, (n, 1)) for n in (N, M))
    judge(student, text, image, f"N={N}, M={M}, D={D}, lengths from 1/100 to 100")
