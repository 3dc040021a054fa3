"""Question embedding: words to vectors, and the loss over all time steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, gradient_close, in_range, rel

SIZE, SEED = st.integers(1, 6), st.integers(0, 9999)


# --- words to vectors -----------------------------------------------------------------------------------


def scatter(words, upstream, V):
    """Gradient of W_embed: every place of a word adds its share to the word's row."""
    gradient = np.zeros((V, upstream.shape[2]))
    np.add.at(gradient, words, upstream)
    return gradient


def check_embedding(module, W, words, upstream, case=""):
    output, _, gradients = module.vjp([words], upstream, parameters=True)
    mistakes = {"The words are read along the wrong axis.": W[words.T]} if words.T.shape == words.shape else {}
    close(output, W[words], name="out", dims="N T D", tol=rel(1e-6), case=case, alternatives=mistakes)
    last = np.zeros_like(W)
    last[words] = upstream
    null = scatter(words, upstream, len(W))
    null[0] = 0
    gradient_close(
        gradients.get("W_embed"), scatter(words, upstream, len(W)), name="W_embed.grad", dims="V D", tol=rel(1e-6),
        case=case,
        alternatives={
            "A word that occurs more than once gets the gradient of one place only; they add up.": last,
            "Row 0 gets no gradient; it is a word like any other.": null,
        },
    )  # fmt: skip


@pytest.mark.check("p1.word_embedding", question="embedding", points=0.5)
def test_word_embedding(student, stored):
    """WordEmbedding looks up the row of every word, and the gradients of a repeated word add up"""
    W = np.linspace(0, 1, 15).reshape(5, 3)
    words = np.array([[0, 3, 1, 2], [2, 1, 0, 3]])
    module = student.rnn_lstm_captioning.WordEmbedding(5, 3)
    module.double()
    module.fill({"W_embed": W})
    close(module(words), stored.array("T3"), name="out", dims="N T D", tol=rel(1e-6))
    check_embedding(module, W, words, np.random.default_rng(0).standard_normal((2, 4, 3)))


@pytest.mark.check("p1.word_embedding.sizes", question="embedding", points=0.5, needs="p1.word_embedding", hidden=True)
@few_examples
@given(V=st.integers(1, 9), D=SIZE, N=SIZE, T=SIZE, seed=SEED)
@example(V=1, D=1, N=1, T=1, seed=0)
@example(V=4, D=3, N=4, T=4, seed=1)
def test_word_embedding_sizes(student, V, D, N, T, seed):
    """WordEmbedding is right for other sizes and values"""
    rng = np.random.default_rng(seed)
    W, words = rng.standard_normal((V, D)), rng.integers(0, V, (N, T))
    module = student.rnn_lstm_captioning.WordEmbedding(V, D)
    module.double()
    module.fill({"W_embed": W})
    check_embedding(module, W, words, rng.standard_normal((N, T, D)), f"V={V}, D={D}, N={N}, T={T}")


# --- loss -----------------------------------------------------------------------------------------------


def log_softmax(x, axis=-1):
    x = x - x.max(axis=axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=axis, keepdims=True))


def loss_terms(x, y, ignore, axis=-1):
    """-log softmax(x)[n, t, y[n, t]], zero where ignored; and which steps count."""
    kept = np.ones(y.shape, dtype=bool) if ignore is None else y != ignore
    terms = -np.take_along_axis(log_softmax(x, axis), y[..., None], axis=2)[..., 0]
    return terms * kept, kept


def check_loss(value, x, y, ignore, case):
    N, T, _ = x.shape
    terms, kept = loss_terms(x, y, ignore)
    total = terms.sum()
    every, _ = loss_terms(x, y, None)
    over_time, _ = loss_terms(x, y, ignore, axis=1)
    flipped, _ = loss_terms(x, y.T.reshape(N, T), ignore)
    mistakes = {
        "The sum is divided by N·T, wanted N.": total / (N * T),
        "The sum is divided by the number of words that count, wanted N.": total / max(1, kept.sum()),
        "The sum is not divided by N.": total,
        "Steps whose target is ignore_index count too.": every.sum() / N,
        "The softmax is over the time steps, wanted the words.": over_time.sum() / N,
        "y is transposed before it is flattened.": flipped.sum() / N,
        "The sign is wrong.": -total / N,
    }
    close(value, total / N, name="loss", tol=rel(1e-10), case=case, alternatives=mistakes)


@pytest.mark.check("p1.temporal_softmax_ranges", question="embedding", points=0.5)
def test_ranges(student, stored):
    """temporal_softmax_loss of nearly equal scores is near ln V for every step that counts"""
    loss = student.rnn_lstm_captioning.temporal_softmax_loss
    rng = np.random.default_rng(0)
    for N, T, V, share, low, high in stored["temporal_softmax_ranges"]:
        x = 0.001 * rng.standard_normal((N, T, V))
        y = rng.integers(0, V, (N, T))
        y[rng.random((N, T)) > share] = 0
        value = loss(x, y, ignore_index=0)
        case = f"N={N}, T={T}, V={V}, {share:.0%} of the words kept, ignore_index=0"
        in_range(value, low, high, name="loss", case=case)


@pytest.mark.check("p1.temporal_softmax_exact", question="embedding", points=0.5)
def test_exact(student):
    """temporal_softmax_loss is the sum over all steps that count, divided by the number N of sequences"""
    loss = student.rnn_lstm_captioning.temporal_softmax_loss
    x = 3 * np.sin(np.arange(1, 31)).reshape(2, 3, 5)
    y = np.array([[1, 0, 4], [3, 2, 0]])
    empty = np.array([[1, 0, 4], [0, 0, 0]])
    check_loss(loss(x, y, ignore_index=0), x, y, 0, "ignore_index=0")
    check_loss(loss(x, y, ignore_index=-100), x, y, -100, "ignore_index=-100")
    check_loss(loss(x, y, ignore_index=None), x, y, None, "ignore_index=None")
    check_loss(loss(x, y), x, y, None, "without ignore_index")
    check_loss(loss(x, empty, ignore_index=0), x, empty, 0, "ignore_index=0, a sequence of <NULL> alone")


@pytest.mark.check(
    "p1.temporal_softmax_exact.sizes", question="embedding", points=0.5, needs="p1.temporal_softmax_exact", hidden=True
)
@few_examples
@given(N=SIZE, T=SIZE, V=st.integers(2, 8), ignore=st.sampled_from([0, 1, -100, None]), seed=SEED)
@example(N=1, T=1, V=4, ignore=None, seed=0)
@example(N=4, T=3, V=6, ignore=1, seed=1)
def test_exact_sizes(student, N, T, V, ignore, seed):
    """temporal_softmax_loss and its gradient are right for other sizes and values"""
    rng = np.random.default_rng(seed)
    x, y = 3 * rng.standard_normal((N, T, V)), rng.integers(0, V, (N, T))
    case = f"N={N}, T={T}, V={V}, ignore_index={ignore}"
    value, (dx,), _ = student.rnn_lstm_captioning.temporal_softmax_loss.vjp(
        [x, y], np.array(1.0), wrt=[0], ignore_index=ignore
    )
    check_loss(value, x, y, ignore, case)
    _, kept = loss_terms(x, y, ignore)
    right = (np.exp(log_softmax(x)) - np.eye(V)[y]) * kept[..., None] / N
    if kept.any():  # a loss of nothing may be a plain zero
        gradient_close(dx, right, name="gradient of x", dims="N T V", tol=rel(1e-8), case=case)
