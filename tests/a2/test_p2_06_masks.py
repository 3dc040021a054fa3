"""Part 2, masks: the one that hides the future, and attention under a mask."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import EXACT, close, few_examples, rel
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

SEEDS = st.integers(0, 2**32 - 1)


# --- get_subsequent_mask ----------------------------------------------------------------------------------


def judge_subsequent(student: Subject, seq: Array) -> None:
    N, K = seq.shape[:2]
    ones = np.ones((N, K, K), dtype=bool)
    mask = student.transformers.get_subsequent_mask(seq)
    close(mask, np.triu(ones, 1), name="mask", dims="N K K", tol=EXACT, dtype="bool",
          case=f"a sequence tensor of shape {seq.shape}", alternatives={
              "The diagonal is hidden too, but a position may look at itself.": np.triu(ones),
              "The past is hidden, not the future.": np.tril(ones, -1),
              "True and False are exchanged: True hides a position.": np.tril(ones),
          })  # fmt: skip


@pytest.mark.check("p2.subsequent_mask", question="masks", points=0.5)
def test_subsequent_mask(student: Subject, stored: Stored) -> None:
    """get_subsequent_mask hides what comes later"""
    judge_subsequent(student, np.linspace(-0.4, 0.6, 12, dtype=np.float32).reshape(4, 3))
    judge_subsequent(student, np.zeros((2, 5, 3), dtype=np.float32))
    mask = student.transformers.get_subsequent_mask(np.zeros((4, 3), dtype=np.float32))
    close(mask, stored.array("U13"), name="mask", dims="N K K", tol=EXACT, dtype="bool")


@pytest.mark.check(
    "p2.subsequent_mask.sizes", question="masks", points=0.5, needs="p2.subsequent_mask", hidden=True
)
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 7), more=st.lists(st.integers(1, 3), max_size=2))
def test_subsequent_mask_sizes(student: Subject, seed: int, N: int, K: int, more: list[int]) -> None:
    """get_subsequent_mask for token numbers and for sequences of other sizes"""
    judge_subsequent(student, np.random.default_rng(seed).integers(0, 16, (N, K, *more)))


# --- attention under a mask -------------------------------------------------------------------------------


def right_and_wrong(query: Array, key: Array, value: Array, mask: Array) -> tuple[Array, dict[str, Array]]:
    """y (N,K,M), and what the usual mistakes give."""
    scores = query.astype(np.float64) @ key.astype(np.float64).swapaxes(1, 2) / math.sqrt(query.shape[-1])

    def attend(masked: Array) -> Array:
        e = np.exp(masked - masked.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True) @ value

    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return attend(np.where(mask, -1e9, scores)), {
        "The mask has no effect.": attend(scores),
        "The mask is inverted: True means hidden.": attend(np.where(mask, scores, -1e9)),
        "The mask of the first sequence is used for the whole batch.": attend(np.where(mask[:1], -1e9, scores)),
        "Masked scores become 0, which the softmax turns into a positive weight: use -1e9.": attend(
            np.where(mask, 0, scores)
        ),
        "The mask is applied after the softmax, so that the weights do not sum to one.": (
            np.where(mask, 0, weights) @ value
        ),
        "-1e9 is put into the weights after the softmax; it belongs into the scores.": (
            np.where(mask, -1e9, weights) @ value
        ),
        "The mask is added as a number: a score that is hidden grows by one.": attend(scores + mask),
    }


def judge_attention(student: Subject, args: list[Array], mask: Array, case: str, expected: Array | None = None) -> None:
    result = student.transformers.scaled_dot_product_no_loop_batch(*args, mask)
    y = result[0] if type(result) is list and result else result
    right, wrong = right_and_wrong(*args, mask)
    close(y, right if expected is None else expected, name="y", dims="N K M", tol=rel(1e-5), case=case,
          alternatives=wrong)  # fmt: skip


def sampled_mask(rng: np.random.Generator, *shape: int) -> Array:
    """Different for every sequence; each row sees one key at least."""
    mask = rng.random(shape) < 0.5
    np.put_along_axis(mask, rng.integers(0, shape[-1], (*shape[:-1], 1)), False, axis=-1)
    return mask


@pytest.mark.check("p2.masked_sdp", question="masks", points=0.5)
def test_masked_attention(student: Subject, stored: Stored) -> None:
    """scaled_dot_product_no_loop_batch gives no weight to what the mask hides"""
    ends = ((-0.4, 0.6), (-0.1, 0.2), (0.4, 0.8))
    args = [np.linspace(a, b, 36, dtype=np.float32).reshape(4, 3, 3) for a, b in ends]
    future = np.triu(np.ones((4, 3, 3), dtype=bool), 1)
    judge_attention(student, args, future, "the mask of get_subsequent_mask", stored.array("U14"))
    mask = sampled_mask(np.random.default_rng(0), 4, 3, 3)
    judge_attention(student, args, mask, "a mask that differs from sequence to sequence")


@pytest.mark.check("p2.masked_sdp.sizes", question="masks", points=0.5, needs="p2.masked_sdp", hidden=True)
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 5), T=st.integers(1, 6), M=st.integers(1, 6))
def test_masked_attention_sizes(student: Subject, seed: int, N: int, K: int, T: int, M: int) -> None:
    """attention under other masks, with keys of another length than the queries"""
    rng = np.random.default_rng(seed)
    args = [rng.normal(0, 2, (N, n, M)).astype(np.float32) for n in (K, T, T)]
    judge_attention(student, args, sampled_mask(rng, N, K, T), f"N={N}, K={K}, T={T}, M={M}")
