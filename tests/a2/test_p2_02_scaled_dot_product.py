"""Part 2, scaled dot-product attention: with two loops, with two loops for a batch, and without loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, kind_of, rel
from grader.errors import Verdict
from grader.records import Status
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

TOL = rel(1e-5)
SEEDS = st.integers(0, 2**32 - 1)


def published(*shape: int) -> list[Array]:
    """Query, key and value of the published checks."""
    ends = ((-0.4, 0.6), (-0.8, 0.5), (-0.3, 0.8))
    return [np.linspace(a, b, math.prod(shape), dtype=np.float32).reshape(shape) for a, b in ends]


def normal(seed: int, *shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1.5, shape).astype(np.float32) for shape in shapes]


# --- the right answer, and wrong ones -------------------------------------------------------------------


def softmax(scores: Array, axis: int = -1) -> Array:
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def scores_of(query: Array, key: Array) -> Array:
    return query.astype(np.float64) @ key.astype(np.float64).swapaxes(-1, -2)


def mistaken_weights(query: Array, key: Array) -> dict[str, Array]:
    raw = scores_of(query, key)
    K, M = query.shape[-2:]
    return {
        "The scores are not divided by √M, the size of the keys.": softmax(raw),
        "The scores are divided by M, not by its square root.": softmax(raw / M),
        "The scores are divided by √K, the number of queries, not by √M.": softmax(raw / math.sqrt(K)),
        "The scores are multiplied by √M, not divided by it.": softmax(raw * math.sqrt(M)),
        "The softmax runs over the queries, not over the keys.": softmax(raw / math.sqrt(M), -2),
        "There is no softmax: these are the scores.": raw / math.sqrt(M),
    }


def judge_weights(actual: object, query: Array, key: Array, case: str) -> None:
    expected = softmax(scores_of(query, key) / math.sqrt(query.shape[-1]))
    close(actual, expected, name="weights", dims="N K T", tol=TOL, case=case,
          alternatives=mistaken_weights(query, key))  # fmt: skip


def judge_y(actual: object, expected: Array, args: list[Array], case: str) -> None:
    query, key, value = args
    mistaken = {text: weights @ value for text, weights in mistaken_weights(query, key).items()}
    weights = softmax(scores_of(query, key) / math.sqrt(query.shape[-1]))
    if key.shape == value.shape:
        mistaken["The weights average the keys, not the values."] = weights @ key
        mistaken["The query is compared with the values, not with the keys."] = (
            softmax(scores_of(query, value) / math.sqrt(query.shape[-1])) @ value
        )
    close(actual, expected, name="y", dims="N K M" if expected.ndim == 3 else "K M", tol=TOL, case=case,
          alternatives=mistaken)  # fmt: skip


def right_y(query: Array, key: Array, value: Array) -> Array:
    return softmax(scores_of(query, key) / math.sqrt(query.shape[-1])) @ value


def output_of(result: Any) -> Any:
    """The first of two results; a function that returns y alone is judged on it."""
    return result[0] if type(result) is list and result else result


# --- two loops ------------------------------------------------------------------------------------------


@pytest.mark.check("p2.sdp_two_loop_single", question="scaled_dot_product", points=0.5)
def test_two_loop_single(student: Subject, stored: Stored) -> None:
    """scaled_dot_product_two_loop_single attends within one sequence"""
    args = published(5, 4)
    y = student.transformers.scaled_dot_product_two_loop_single(*args)
    judge_y(y, stored.array("U1"), args, "K=5, M=4")


@pytest.mark.check(
    "p2.sdp_two_loop_single.sizes", question="scaled_dot_product", points=0.5,
    needs="p2.sdp_two_loop_single", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, K=st.integers(1, 6), M=st.integers(1, 9))
def test_two_loop_single_sizes(student: Subject, seed: int, K: int, M: int) -> None:
    """scaled_dot_product_two_loop_single on other sizes and values"""
    args = normal(seed, *[(K, M)] * 3)
    y = student.transformers.scaled_dot_product_two_loop_single(*args)
    judge_y(y, right_y(*args), args, f"K={K}, M={M}")


@pytest.mark.check("p2.sdp_two_loop_batch", question="scaled_dot_product", points=0.5)
def test_two_loop_batch(student: Subject, stored: Stored) -> None:
    """scaled_dot_product_two_loop_batch attends within each sequence of a batch"""
    args = published(2, 5, 4)
    y = student.transformers.scaled_dot_product_two_loop_batch(*args)
    judge_y(y, stored.array("U2"), args, "N=2, K=5, M=4")


@pytest.mark.check(
    "p2.sdp_two_loop_batch.sizes", question="scaled_dot_product", points=0.5,
    needs="p2.sdp_two_loop_batch", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 6), M=st.integers(1, 9))
def test_two_loop_batch_sizes(student: Subject, seed: int, N: int, K: int, M: int) -> None:
    """scaled_dot_product_two_loop_batch on other sizes and values"""
    args = normal(seed, *[(N, K, M)] * 3)
    y = student.transformers.scaled_dot_product_two_loop_batch(*args)
    judge_y(y, right_y(*args), args, f"N={N}, K={K}, M={M}")


# --- no loop --------------------------------------------------------------------------------------------


@pytest.mark.check("p2.sdp_no_loop", question="scaled_dot_product", points=0.5)
def test_no_loop(student: Subject, stored: Stored) -> None:
    """scaled_dot_product_no_loop_batch returns the attended values"""
    args = published(2, 5, 4)
    y = output_of(student.transformers.scaled_dot_product_no_loop_batch(*args))
    judge_y(y, stored.array("U2"), args, "N=2, K=5, M=4")


@pytest.mark.check(
    "p2.sdp_no_loop.sizes", question="scaled_dot_product", points=0.5, needs="p2.sdp_no_loop", hidden=True
)
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 6), T=st.integers(1, 6), M=st.integers(1, 9))
def test_no_loop_sizes(student: Subject, seed: int, N: int, K: int, T: int, M: int) -> None:
    """scaled_dot_product_no_loop_batch on other sizes, with keys of another length than the queries"""
    args = normal(seed, (N, K, M), (N, T, M), (N, T, M))
    y = output_of(student.transformers.scaled_dot_product_no_loop_batch(*args))
    judge_y(y, right_y(*args), args, f"N={N}, K={K}, T={T}, M={M}")


def weights_of(student: Subject, args: list[Array]) -> Any:
    result = student.transformers.scaled_dot_product_no_loop_batch(*args)
    if type(result) is not list or len(result) != 2:
        text = f"scaled_dot_product_no_loop_batch returns {kind_of(result)}, wanted the pair (y, weights)."
        raise Verdict(Status.FAILED, text)
    return result[1]


@pytest.mark.check("p2.sdp_no_loop_weights", question="scaled_dot_product", points=0.25)
def test_no_loop_weights(student: Subject) -> None:
    """scaled_dot_product_no_loop_batch also returns the attention weights"""
    args = published(2, 5, 4)
    judge_weights(weights_of(student, args), args[0], args[1], "N=2, K=T=5, M=4")


@pytest.mark.check(
    "p2.sdp_no_loop_weights.sizes", question="scaled_dot_product", points=0.25,
    needs="p2.sdp_no_loop_weights", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 6), T=st.integers(1, 6), M=st.integers(1, 9))
def test_no_loop_weights_sizes(student: Subject, seed: int, N: int, K: int, T: int, M: int) -> None:
    """the attention weights on other sizes, with keys of another length than the queries"""
    args = normal(seed, (N, K, M), (N, T, M), (N, T, M))
    judge_weights(weights_of(student, args), args[0], args[1], f"N={N}, K={K}, T={T}, M={M}")
