"""Question attention: attention over the cells of an image, and the LSTM that uses it at every step.

Its captioner is judged in the file of the captioners.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, gradient_close, kind_of, rel
from grader.errors import Verdict
from grader.records import Status

SIZE, SEED = st.integers(1, 6), st.integers(0, 9999)
DIMS = {"Wx": "D 4H", "Wh": "H 4H", "Wattn": "H 4H", "b": "4H"}


def lin(start, stop, *shape):
    return np.linspace(start, stop, int(np.prod(shape))).reshape(shape)


def attention_lstm(subject, weights):
    """An AttentionLSTM in float64 with these weights."""
    Wx, Wh, _, _ = weights.values()
    module = subject.rnn_lstm_captioning.AttentionLSTM(len(Wx), len(Wh))
    module.double()
    module.fill(weights)
    return module


def random_weights(rng, D, H):
    return {
        "Wx": rng.standard_normal((D, 4 * H)) / np.sqrt(D),
        "Wh": rng.standard_normal((H, 4 * H)) / np.sqrt(H),
        "Wattn": rng.standard_normal((H, 4 * H)) / np.sqrt(H),
        "b": 0.5 * rng.standard_normal(4 * H),
    }


def pair(value, names, what):
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise Verdict(Status.FAILED, f"{what} returned {kind_of(value)}, wanted the 2 items {names}")
    return value


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def softmax(scores, axis):
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# --- attention ------------------------------------------------------------------------------------------


def attend(h, A, *, scale=None, axis=(1, 2)):
    """attn (N,H) and weights (N,4,4); scale is 1/sqrt(H) unless given."""
    scores = np.einsum("nh,nhij->nij", h, A) * (1 / np.sqrt(A.shape[1]) if scale is None else scale)
    weights = softmax(scores, axis)
    return np.einsum("nij,nhij->nh", weights, A), weights


def attention_mistakes(h, A):
    """One dict for attn and one for the weights."""
    H = A.shape[1]
    scores = np.einsum("nh,nhij->nij", h, A) / np.sqrt(H)
    found = {
        "The scores are not divided by √H.": attend(h, A, scale=1),
        "The scores are divided by H, wanted √H.": attend(h, A, scale=1 / H),
        "The scores are divided by the root of the 16 cells, wanted √H.": attend(h, A, scale=1 / 4),
        "The softmax is over the rows alone, wanted all 16 cells of an image.": attend(h, A, axis=1),
        "The softmax is over the columns alone, wanted all 16 cells of an image.": attend(h, A, axis=2),
        "The softmax is over the batch, wanted the 16 cells of each image.": attend(h, A, axis=0),
        "The softmax is over all images together, wanted the 16 cells of each.": attend(h, A, axis=(0, 1, 2)),
        "There is no softmax.": (np.einsum("nij,nhij->nh", scores, A), scores),
    }
    attn, weights = attend(h, A)
    mistakes_attn = {text: value[0] for text, value in found.items()}
    mistakes_attn["It is divided by 16; weights that sum to 1 average already."] = attn / 16
    mistakes_attn["The weights are transposed against the cells of A."] = np.einsum("nji,nhij->nh", weights, A)
    mistakes_attn["It is the plain mean of the cells: the weights are not used."] = A.mean((2, 3))
    mistakes_weights = {text: value[1] for text, value in found.items()}
    mistakes_weights["Rows and columns are swapped."] = weights.transpose(0, 2, 1)
    return mistakes_attn, mistakes_weights


def check_attention(value, attn, weights, h, A, case=""):
    mine = pair(value, "attn, attn_weights", "dot_product_attention")
    mistakes_attn, mistakes_weights = attention_mistakes(h, A)
    close(mine[1], weights, name="attn_weights", dims="N R C", tol=rel(1e-6), case=case, alternatives=mistakes_weights)
    close(mine[0], attn, name="attn", dims="N H", tol=rel(1e-6), case=case, alternatives=mistakes_attn)


@pytest.mark.check("p1.dot_product_attention", question="attention", points=0.75)
def test_attention(student, stored):
    """dot_product_attention weighs the 16 cells of each image by their likeness to the hidden state"""
    h, A = lin(-0.4, 0.6, 2, 5), lin(-0.4, 1.8, 2, 5, 4, 4)
    value = student.rnn_lstm_captioning.dot_product_attention(h, A)
    check_attention(value, stored.array("T7"), stored.array("T8"), h, A)


@pytest.mark.check(
    "p1.dot_product_attention.sizes", question="attention", points=0.75, needs="p1.dot_product_attention", hidden=True
)
@few_examples
@given(N=SIZE, H=SIZE, seed=SEED)
@example(N=1, H=1, seed=0)
@example(N=4, H=4, seed=1)
def test_attention_sizes(student, reference, N, H, seed):
    """dot_product_attention is right for other sizes and values"""
    rng = np.random.default_rng(seed)
    h, A = rng.standard_normal((N, H)), rng.standard_normal((N, H, 4, 4))
    value = student.rnn_lstm_captioning.dot_product_attention(h, A)
    attn, weights = reference.rnn_lstm_captioning.dot_product_attention(h, A)
    check_attention(value, attn, weights, h, A, f"N={N}, H={H}")


# --- one step -------------------------------------------------------------------------------------------


def step(a, c):
    """next_h, next_c from the sums a before the gates."""
    i, f, o, g = np.split(a, 4, axis=1)
    next_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(next_c), next_c


def step_mistakes(x, h, c, attn, weights):
    """One dict for next_h and one for next_c."""
    Wx, Wh, Wattn, b = weights.values()
    a = x @ Wx + h @ Wh + attn @ Wattn + b
    i, f, o, g = np.split(a, 4, axis=1)
    found = {
        "The term attn Wattn is missing.": step(a - attn @ Wattn, c),
        "Wattn meets prev_h, wanted attn.": step(x @ Wx + h @ Wh + h @ Wattn + b, c),
        "attn is added to prev_h before Wh; it has weights of its own.": step(x @ Wx + (h + attn) @ Wh + b, c),
        "The bias b is missing.": step(a - b, c),
        "The gates are taken in the order i, f, g, o; here it is i, f, o, g.": step(np.hstack([i, f, g, o]), c),
        "The gates are taken in the order f, i, o, g; here it is i, f, o, g.": step(np.hstack([f, i, o, g]), c),
        "prev_c is not used.": step(a, 0 * c),
    }
    _, next_c = step(a, c)
    mistakes_h = {text: value[0] for text, value in found.items()}
    mistakes_h["tanh is missing: next_h = o * tanh(next_c)."] = sigmoid(o) * next_c
    return mistakes_h, {text: value[1] for text, value in found.items()}


def check_step(value, next_h, next_c, x, h, c, attn, weights, case=""):
    mine = pair(value, "next_h, next_c", "AttentionLSTM.step_forward")
    mistakes_h, mistakes_c = step_mistakes(x, h, c, attn, weights)
    mistakes_h["The two items are in the wrong order: next_h comes first."] = next_c
    close(mine[0], next_h, name="next_h", dims="N H", tol=rel(1e-6), case=case, alternatives=mistakes_h)
    close(mine[1], next_c, name="next_c", dims="N H", tol=rel(1e-6), case=case, alternatives=mistakes_c)


@pytest.mark.check("p1.attn_lstm_step_forward", question="attention", points=0.75)
def test_step_forward(student, stored):
    """AttentionLSTM.step_forward adds attn Wattn before the gates"""
    x, h, c = lin(-0.4, 1.2, 3, 4), lin(-0.3, 0.7, 3, 5), lin(-0.4, 0.9, 3, 5)
    attn = lin(0.6, 1.8, 3, 5)
    weights = {
        "Wx": lin(-2.1, 1.3, 4, 20),
        "Wh": lin(-0.7, 2.2, 5, 20),
        "Wattn": lin(1.3, 4.2, 5, 20),
        "b": lin(0.3, 0.7, 20),
    }
    value = attention_lstm(student, weights).step_forward(x, h, c, attn)
    check_step(value, stored.array("T9"), stored.array("T10"), x, h, c, attn, weights)

    weights["Wattn"] = lin(-0.8, 0.9, 5, 20)  # the published one saturates all gates: their order plays no part
    a = x @ weights["Wx"] + h @ weights["Wh"] + attn @ weights["Wattn"] + weights["b"]
    value = attention_lstm(student, weights).step_forward(x, h, c, attn)
    check_step(value, *step(a, c), x, h, c, attn, weights, "with weights that saturate no gate")


@pytest.mark.check(
    "p1.attn_lstm_step_forward.sizes", question="attention", points=0.75, needs="p1.attn_lstm_step_forward", hidden=True
)
@few_examples
@given(N=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, D=3, H=1, seed=0)
@example(N=4, D=4, H=4, seed=1)
def test_step_forward_sizes(student, reference, N, D, H, seed):
    """AttentionLSTM.step_forward is right for other sizes and values"""
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, D, H)
    x, h, c, attn = (rng.standard_normal(shape) for shape in ((N, D), (N, H), (N, H), (N, H)))
    value = attention_lstm(student, weights).step_forward(x, h, c, attn)
    next_h, next_c = attention_lstm(reference, weights).step_forward(x, h, c, attn)
    check_step(value, next_h, next_c, x, h, c, attn, weights, f"N={N}, D={D}, H={H}")


# --- a whole run ----------------------------------------------------------------------------------------


def states(x, A, weights, *, start=True, again=True, late=False, c0=None, **attention):
    """start: from the mean of A, else from zeros; again: attend at every step, else only at the first;
    late: attend with the state after the step before last."""
    Wx, Wh, Wattn, b = weights.values()
    h = A.mean((2, 3)) if start else np.zeros(A.shape[:2])
    c = h if c0 is None else c0
    older, first, out = h, attend(h, A, **attention)[0], []
    for t in range(x.shape[1]):
        attn = attend(older if late else h, A, **attention)[0] if again else first
        older = h
        h, c = step(x[:, t] @ Wx + h @ Wh + attn @ Wattn + b, c)
        out.append(h)
    return np.stack(out, axis=1)


def run_mistakes(x, A, weights):
    N, H = A.shape[:2]
    return {
        "Attention is computed once, before the first step; it has to look again at every step.": states(
            x, A, weights, again=False
        ),
        "Attention looks from the state of one step too early.": states(x, A, weights, late=True),
        "The cell state starts at zeros, wanted the mean of A over its cells.": states(
            x, A, weights, c0=np.zeros((N, H))
        ),
        "Both states start at zeros, wanted the mean of A over its cells.": states(x, A, weights, start=False),
        "The scores of the attention are not divided by √H.": states(x, A, weights, scale=1),
        "The run goes through time backwards.": states(x[:, ::-1], A, weights)[:, ::-1],
    }


def check_gradients(mine, right, case):
    """mine, right: Vjp of (x, A) and all weights."""
    names = {"x": "N T D", "A": "N H R C"}
    for (name, dims), actual, expected in zip(names.items(), mine.inputs, right.inputs, strict=True):
        gradient_close(actual, expected, name=f"gradient of {name}", dims=dims, tol=rel(1e-6), case=case)
    for name, dims in DIMS.items():
        gradient_close(
            mine.parameters.get(name), right.parameters[name], name=f"{name}.grad", dims=dims, tol=rel(1e-6),
            case=case,
        )  # fmt: skip


@pytest.mark.check("p1.attn_lstm_forward", question="attention", points=0.75)
def test_forward(student, reference, stored):
    """AttentionLSTM.forward attends anew before every time step, and gives the same each time it is called"""
    x, A = lin(-0.4, 0.6, 2, 3, 5), lin(-0.4, 1.8, 2, 4, 4, 4)
    weights = {
        "Wx": lin(-0.2, 0.9, 5, 16),
        "Wh": lin(-0.3, 0.6, 4, 16),
        "Wattn": lin(1.3, 4.2, 4, 16),
        "b": lin(0.2, 0.7, 16),
    }
    module = attention_lstm(student, weights)
    right, mistakes = stored.array("T11"), run_mistakes(x, A, weights)
    close(module(x, A), right, name="hn", dims="N T H", tol=rel(1e-6), alternatives=mistakes)
    close(module(x, A), right, name="hn", dims="N T H", tol=rel(1e-6), case="the second call of the same module")

    rng = np.random.default_rng(0)
    x, A, upstream = (rng.standard_normal(shape) for shape in ((2, 3, 3), (2, 3, 4, 4), (2, 3, 3)))
    weights = random_weights(rng, 3, 3)
    case = "N=2, T=3, D=3, H=3"
    mine = attention_lstm(student, weights).vjp([x, A], upstream, wrt=[0, 1], parameters=True)
    mistakes = run_mistakes(x, A, weights)
    close(mine.output, states(x, A, weights), name="hn", dims="N T H", tol=rel(1e-6), case=case, alternatives=mistakes)
    right = attention_lstm(reference, weights).vjp([x, A], upstream, wrt=[0, 1], parameters=True)
    check_gradients(mine, right, case)


@pytest.mark.check(
    "p1.attn_lstm_forward.sizes", question="attention", points=0.75, needs="p1.attn_lstm_forward", hidden=True
)
@few_examples
@given(N=SIZE, T=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, T=1, D=2, H=3, seed=0)
@example(N=3, T=7, D=4, H=2, seed=1)
def test_forward_sizes(student, reference, N, T, D, H, seed):
    """AttentionLSTM.forward and its gradients are right for other sizes and values"""
    rng = np.random.default_rng(seed)
    x, A, upstream = (rng.standard_normal(shape) for shape in ((N, T, D), (N, H, 4, 4), (N, T, H)))
    weights = random_weights(rng, D, H)
    case = f"N={N}, T={T}, D={D}, H={H}"
    mine = attention_lstm(student, weights).vjp([x, A], upstream, wrt=[0, 1], parameters=True)
    right = attention_lstm(reference, weights).vjp([x, A], upstream, wrt=[0, 1], parameters=True)
    mistakes = run_mistakes(x, A, weights)
    close(mine.output, right.output, name="hn", dims="N T H", tol=rel(1e-6), case=case, alternatives=mistakes)
    check_gradients(mine, right, case)
