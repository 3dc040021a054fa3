"""Part 3, the contrastive loss: with loops and without. The two forms are two questions with one answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import Tolerance, close, few_examples, gradient_close, rel, tensor, within
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

TOL = rel(1e-6)
NEAR = within(1e-5, 1e-6)  # cosines of float32 numbers, which may be close to zero
LOSS = within(1e-5, 1e-5)  # losses of float32 numbers
SEEDS = st.integers(0, 2**32 - 1)
ROWS, LENGTHS = st.integers(1, 6), st.integers(1, 9)
# For losses. Whoever takes exp(1/tau), a row's similarity with itself, off the denominator afterwards is right, but
# loses digits where all other rows point elsewhere: at low temperatures, in few dimensions, for a single pair.
TAUS = st.sampled_from([0.25, 0.3, 0.5, 0.7, 2.0])
BATCHES, WIDE = st.integers(2, 6), st.integers(3, 9)


def published(stored: Stored) -> list[Array]:
    return [stored.array(f"simclr_{side}").astype(np.float32) for side in ("left", "right")]


def waves(dtype: Any = np.float32) -> list[Array]:
    """The second pair: rows at wide angles, of which some cosines are negative."""
    i = np.arange(1.0, 7.0).reshape(2, 3)
    return [np.cos(i).astype(dtype), (np.cos(i) + 0.6 * np.sin(2 * i)).astype(dtype)]


def normal(seed: int, *shape: int, dtype: Any = np.float32) -> list[Array]:
    """Left and right: rows of lengths from .5 to 5, each with a partner that resembles it a little."""
    rng = np.random.default_rng(seed)
    left = rng.normal(size=shape)
    both = [left, left + 1.5 * rng.normal(size=shape)]
    return [(x * rng.uniform(0.5, 5.0, (*shape[:-1], 1))).astype(dtype) for x in both]


def functions(subject: Subject) -> Remote:
    return subject["dl.simclr.contrastive_loss"]


def one_number(value: object, name: str) -> object:
    """A scalar; a tensor with one entry is taken for one."""
    array = tensor(value, name=name)
    return array.reshape(()) if array.size == 1 else array


# --- the right answers, and wrong ones ------------------------------------------------------------------


def unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def stacked(pair: list[Array]) -> Array:
    return np.concatenate(pair).astype(np.float64)


def cosines(pair: list[Array]) -> Array:
    rows = unit(stacked(pair))
    return rows @ rows.T


def pairs_of(pair: list[Array]) -> Array:
    """(N,1)"""
    left, right = (unit(x.astype(np.float64)) for x in pair)
    return (left * right).sum(-1, keepdims=True)


def partners(scores: Array) -> Array:
    """scores[k, k+N] and scores[k+N, k], (2N,)."""
    return scores[np.arange(len(scores)), np.roll(np.arange(len(scores)), len(scores) // 2)]


def log_sum(scores: Array, counted: Array) -> Array:
    """log of the sum of exp over the entries of each row that are counted."""
    kept = np.where(counted, scores, -np.inf)
    top = kept.max(1)
    return top + np.log(np.exp(kept - top[:, None]).sum(1))


def terms(scores: Array) -> Array:
    """l(i, partner of i) for every row of scores, which are divided by the temperature already."""
    return log_sum(scores, ~np.eye(len(scores), dtype=bool)) - partners(scores)


def right_loss(pair: list[Array], tau: float) -> float:
    return float(terms(cosines(pair) / tau).mean())


def mistaken_losses(pair: list[Array], tau: float) -> dict[str, Any]:
    """What known mistakes give; of those that only make sense for several pairs, nothing for a single one."""
    scores, dots = cosines(pair) / tau, stacked(pair) @ stacked(pair).T / tau
    everything = np.ones_like(scores, dtype=bool)
    N = len(scores) // 2
    other = ~np.eye(2 * N, dtype=bool)
    across = np.roll(other, N, axis=1)  # all but the partner
    half = terms(scores)[:N]
    wrong = {
        "The denominator counts the row itself, too; the sum runs over k != i.": (
            log_sum(scores, everything) - partners(scores)
        ).mean(),
        "The similarities are not divided by tau.": terms(scores * tau).mean(),
        "The similarities are multiplied by tau, not divided by it.": terms(scores * tau**2).mean(),
        "The rows are not scaled to length 1: these are dot products, not cosines.": terms(dots).mean(),
        "The loss is divided by N, not by 2N.": 2 * terms(scores).mean(),
        "The loss is the sum over all rows; it is not divided by 2N.": terms(scores).sum(),
        "Only l(k, k+N) is counted, wanted l(k+N, k), too.": half.mean(),
        "Only l(k, k+N) is counted, wanted l(k+N, k), too, though the sum is divided by 2N.": half.sum() / (2 * N),
        "The sign is wrong: the loss is minus the logarithm.": -terms(scores).mean(),
        "There is no logarithm.": -np.exp(-terms(scores)).mean(),
    }
    if N > 1:
        rows = np.arange(2 * N)
        same_side = (rows[:, None] < N) == (rows < N)
        wrong |= {
            "The denominator leaves the positive pair out; it belongs to the sum over k != i.": (
                log_sum(scores, other & across) - partners(scores)
            ).mean(),
            "The denominator counts the other view's rows only; the rows of the own view belong to it, too.": (
                log_sum(scores, ~same_side) - partners(scores)
            ).mean(),
            "The partner of row i is taken to be row i + 1; out_left lies over out_right, so it is row i + N.": (
                log_sum(scores, other) - scores[rows, rows ^ 1]
            ).mean(),
        }
    return wrong


def judge_loss(
    actual: object, expected: Any, pair: list[Array], tau: float, tol: Tolerance, note: str = ""
) -> None:
    N, D = pair[0].shape
    close(one_number(actual, "the loss"), expected, name="the loss", tol=tol, case=f"N={N}, D={D}{note}",
          alternatives=mistaken_losses(pair, tau))  # fmt: skip


def vectorized(student: Subject, pair: list[Array], tau: float) -> Any:
    return functions(student).simclr_loss_vectorized(*pair, tau, device="cpu")


# --- with loops -----------------------------------------------------------------------------------------


def judge_sim(student: Subject, z_i: Array, z_j: Array, expected: Any, tol: Tolerance) -> None:
    a, b = z_i.astype(np.float64), z_j.astype(np.float64)
    dot, a_length, b_length = a @ b, np.linalg.norm(a), np.linalg.norm(b)
    value = one_number(functions(student).sim(z_i, z_j), "sim")
    close(value, expected, name="sim", tol=tol, case=f"D={len(a)}", alternatives={
        "The dot product is not divided by the two norms.": dot,
        "The dot product is divided by the norm of z_i only.": dot / a_length,
        "The dot product is divided by the norm of z_j only.": dot / b_length,
        "The dot product is divided by the squares of the norms: is a root missing?": dot / (a_length * b_length) ** 2,
        "The dot product is divided by the sum of the norms, not by their product.": dot / (a_length + b_length),
        "This is the cosine distance, 1 minus the similarity.": 1 - dot / (a_length * b_length),
        "This is the absolute value of the cosine.": abs(dot) / (a_length * b_length),
    })  # fmt: skip


@pytest.mark.check("p3.sim", question="contrastive_loss", points=1.5)
def test_sim(student: Subject, stored: Stored) -> None:
    """sim is the cosine of two projections"""
    for z_i, z_j, expected in zip(*published(stored), stored.array("simclr_sim")[:, 0], strict=True):
        judge_sim(student, z_i, z_j, expected, TOL)


@pytest.mark.check("p3.sim.sizes", question="contrastive_loss", points=1.5, needs="p3.sim", hidden=True)
@few_examples
@given(seed=SEEDS, D=st.integers(1, 40))
@example(seed=0, D=1)
def test_sim_sizes(student: Subject, seed: int, D: int) -> None:
    """sim of projections of other lengths, at wide angles too"""
    for z_i, z_j in (*zip(*waves(), strict=True), normal(seed, D)):
        judge_sim(student, z_i, z_j, pairs_of([z_i, z_j])[0], NEAR)


@pytest.mark.check("p3.loss_naive", question="contrastive_loss", points=2)
def test_loss_naive(student: Subject, stored: Stored) -> None:
    """simclr_loss_naive is the mean over both directions of all positive pairs"""
    pair = published(stored)
    for tau in (5.0, 1.0):
        loss = functions(student).simclr_loss_naive(*pair, tau)
        judge_loss(loss, stored["simclr_loss"][str(tau)], pair, tau, TOL, f", tau={tau:g}")


@pytest.mark.check(
    "p3.loss_naive.sizes", question="contrastive_loss", points=2, needs="p3.loss_naive", hidden=True
)
@few_examples
@given(seed=SEEDS, N=BATCHES, D=WIDE, tau=TAUS)
@example(seed=0, N=1, D=3, tau=1.5)
def test_loss_naive_sizes(student: Subject, stored: Stored, seed: int, N: int, D: int, tau: float) -> None:
    """simclr_loss_naive of other batches, at other temperatures"""
    naive = functions(student).simclr_loss_naive
    for known in (1.0, 5.0):
        judge_loss(naive(*waves(), known), stored["simclr_waves_loss"][str(known)], waves(), known, TOL)
    pair = normal(seed, N, D)
    judge_loss(naive(*pair, tau), right_loss(pair, tau), pair, tau, LOSS)


# --- without loops --------------------------------------------------------------------------------------


def judge_pairs(student: Subject, pair: list[Array], expected: Array, tol: Tolerance) -> None:
    left, right = (x.astype(np.float64) for x in pair)
    dots = (left * right).sum(1, keepdims=True)
    lengths = [np.linalg.norm(x, axis=1, keepdims=True) for x in (left, right)]
    columns = [np.linalg.norm(x, axis=0, keepdims=True) for x in (left, right)]
    N, D = left.shape
    with np.errstate(all="ignore"):
        over_columns = (left / columns[0] * (right / columns[1])).sum(1, keepdims=True)
    value = functions(student).sim_positive_pairs(*pair)
    close(value, expected, name="pos_pairs", dims="N 1", tol=tol, case=f"N={N}, D={D}", alternatives={
        "The rows are not scaled to length 1: these are dot products.": dots,
        "Only the rows of out_left are scaled to length 1.": dots / lengths[0],
        "Only the rows of out_right are scaled to length 1.": dots / lengths[1],
        "The norms are taken along the batch; each row needs its own.": over_columns,
        "All rows are divided by the norm of the whole batch; each row needs its own.": (
            dots / np.linalg.norm(left) / np.linalg.norm(right)
        ),
        "The squares of the norms divide: is a root missing?": dots / (lengths[0] * lengths[1]) ** 2,
        "The rows of out_right are paired in another order than those of out_left.": (
            pairs_of([left, right[::-1]])
        ),
    })  # fmt: skip


@pytest.mark.check("p3.sim_positive_pairs", question="contrastive_loss_vectorized", points=1.5)
def test_sim_positive_pairs(student: Subject, stored: Stored) -> None:
    """sim_positive_pairs gives the cosine of each positive pair"""
    judge_pairs(student, published(stored), stored.array("simclr_sim"), TOL)


@pytest.mark.check(
    "p3.sim_positive_pairs.sizes", question="contrastive_loss_vectorized", points=1.5,
    needs="p3.sim_positive_pairs", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=ROWS, D=LENGTHS)
@example(seed=0, N=1, D=4)
@example(seed=1, N=4, D=1)
def test_sim_positive_pairs_sizes(student: Subject, seed: int, N: int, D: int) -> None:
    """sim_positive_pairs of other batches"""
    judge_pairs(student, normal(seed, N, D), pairs_of(normal(seed, N, D)), NEAR)


def judge_matrix(student: Subject, pair: list[Array], expected: Array) -> None:
    rows = stacked(pair)
    dots, lengths = rows @ rows.T, np.linalg.norm(rows, axis=1)
    columns = rows / np.linalg.norm(rows, axis=0)
    value = functions(student).compute_sim_matrix(np.concatenate(pair))
    case = f"{rows.shape[0]} rows, D={rows.shape[1]}"
    close(value, expected, name="sim_matrix", dims="I J", tol=NEAR, case=case, alternatives={
        "The rows are not scaled to length 1: these are dot products.": dots,
        "Only one of the two factors is scaled to length 1: entry (i, j) is divided by the norm of row i.": (
            dots / lengths[:, None]
        ),
        "Only one of the two factors is scaled to length 1: entry (i, j) is divided by the norm of row j.": (
            dots / lengths
        ),
        "The norms are taken along the batch; each row needs its own.": columns @ columns.T,
        "All rows are divided by the norm of the whole matrix; each row needs its own.": dots / (rows**2).sum(),
        "The squares of the norms divide: is a root missing?": dots / np.outer(lengths, lengths) ** 2,
        "The diagonal is set to 0; the similarity of a row with itself is 1.": expected * (1 - np.eye(len(rows))),
        "These are the exponentials of the similarities.": np.exp(expected),
    })  # fmt: skip


@pytest.mark.check("p3.sim_matrix", question="contrastive_loss_vectorized", points=1.5)
def test_sim_matrix(student: Subject, stored: Stored) -> None:
    """compute_sim_matrix gives the cosine of every two rows"""
    judge_matrix(student, published(stored), stored.array("simclr_sim_matrix"))


@pytest.mark.check(
    "p3.sim_matrix.sizes", question="contrastive_loss_vectorized", points=1.5, needs="p3.sim_matrix", hidden=True
)
@few_examples
@given(seed=SEEDS, N=ROWS, D=LENGTHS)
@example(seed=0, N=1, D=4)
@example(seed=1, N=4, D=1)
def test_sim_matrix_sizes(student: Subject, seed: int, N: int, D: int) -> None:
    """compute_sim_matrix of other batches"""
    judge_matrix(student, normal(seed, N, D), cosines(normal(seed, N, D)))


def slopes(pair: list[Array], tau: float) -> list[Array]:
    """Gradients of the right loss for left and right, by central differences of its closed form."""
    step, found = 1e-6, []
    for x in pair:
        gradient = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            kept = x[index]
            x[index] = kept + step
            upper = right_loss(pair, tau)
            x[index] = kept - step
            gradient[index] = (upper - right_loss(pair, tau)) / (2 * step)
            x[index] = kept
        found.append(gradient)
    return found


def judge_gradients(student: Subject, pair: list[Array], tau: float) -> None:
    """pair: float64."""
    N, D = pair[0].shape
    loss = vectorized(student, pair, tau)
    judge_loss(loss, right_loss(pair, tau), pair, tau, LOSS)
    upstream = np.ones(np.shape(loss))
    found = functions(student).simclr_loss_vectorized.vjp([*pair, tau], upstream, wrt=(0, 1), device="cpu")
    for side, actual, expected in zip(("out_left", "out_right"), found.inputs, slopes(pair, tau), strict=True):
        gradient_close(actual, expected, name=f"the gradient of {side}", dims="N D", tol=within(1e-5, 1e-6),
                       case=f"N={N}, D={D}")  # fmt: skip


@pytest.mark.check("p3.loss_vectorized", question="contrastive_loss_vectorized", points=1.5)
def test_loss_vectorized(student: Subject, stored: Stored) -> None:
    """simclr_loss_vectorized gives the loss of simclr_loss_naive, and its gradients"""
    pair = published(stored)
    for tau in (5.0, 1.0):
        loss = vectorized(student, pair, tau)
        judge_loss(loss, stored["simclr_loss"][str(tau)], pair, tau, TOL, f", tau={tau:g}")
    judge_gradients(student, normal(0, 5, 4, dtype=np.float64), 0.5)


@pytest.mark.check(
    "p3.loss_vectorized.sizes", question="contrastive_loss_vectorized", points=1.5,
    needs="p3.loss_vectorized", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=BATCHES, D=WIDE, tau=TAUS)
@example(seed=0, N=1, D=3, tau=1.5)
def test_loss_vectorized_sizes(student: Subject, stored: Stored, seed: int, N: int, D: int, tau: float) -> None:
    """simclr_loss_vectorized of other batches, at other temperatures, with its gradients"""
    for known in (1.0, 5.0):
        loss = vectorized(student, waves(), known)
        judge_loss(loss, stored["simclr_waves_loss"][str(known)], waves(), known, TOL)
    pair = normal(seed, N, D)
    judge_loss(vectorized(student, pair, tau), right_loss(pair, tau), pair, tau, LOSS)
    judge_gradients(student, normal(seed, N, D, dtype=np.float64), max(tau, 0.5))


# --- both -----------------------------------------------------------------------------------------------


def judge_both(student: Subject, pair: list[Array], tau: float) -> None:
    """The expected loss is a cross-entropy: of 2N - 1 other rows, each has to find its partner."""
    expected = right_loss(pair, tau)
    judge_loss(functions(student).simclr_loss_naive(*pair, tau), expected, pair, tau, LOSS)
    judge_loss(vectorized(student, pair, tau), expected, pair, tau, LOSS)


@pytest.mark.check("p3.loss_random_n7", question="contrastive_loss_vectorized", points=0.5)
def test_both_forms_agree(student: Subject) -> None:
    """both forms of the loss agree with a cross-entropy, for a random batch of seven"""
    rng = np.random.default_rng(5)
    judge_both(student, [rng.normal(size=(7, 11)).astype(np.float32) for _ in range(2)], 0.3)


@pytest.mark.check(
    "p3.loss_random_n7.sizes", question="contrastive_loss_vectorized", points=0.5,
    needs="p3.loss_random_n7", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(2, 12), D=st.integers(4, 24), tau=st.floats(0.25, 2.0))
def test_both_forms_agree_sizes(student: Subject, seed: int, N: int, D: int, tau: float) -> None:
    """both forms of the loss agree for other random batches"""
    rng = np.random.default_rng(seed)
    judge_both(student, [rng.normal(size=(N, D)).astype(np.float32) for _ in range(2)], tau)
