"""Question lstm: one step and a whole run of an LSTM. Its captioner is judged in the file of the captioners."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, gradient_close, kind_of, rel
from grader.errors import Verdict
from grader.records import Status

SIZE, SEED = st.integers(1, 6), st.integers(0, 9999)
DIMS = {"Wx": "D 4H", "Wh": "H 4H", "b": "4H"}


def lin(start, stop, *shape):
    return np.linspace(start, stop, int(np.prod(shape))).reshape(shape)


def lstm(subject, weights):
    """An LSTM in float64 with these weights."""
    Wx, Wh, _ = weights.values()
    module = subject.rnn_lstm_captioning.LSTM(len(Wx), len(Wh))
    module.double()
    module.fill(weights)
    return module


def random_weights(rng, D, H):
    return {
        "Wx": rng.standard_normal((D, 4 * H)) / np.sqrt(D),
        "Wh": rng.standard_normal((H, 4 * H)) / np.sqrt(H),
        "b": 0.5 * rng.standard_normal(4 * H),
    }


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# --- one step -------------------------------------------------------------------------------------------


def step(a, c):
    """next_h, next_c from the sums a before the gates."""
    i, f, o, g = np.split(a, 4, axis=1)
    next_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(next_c), next_c


def step_mistakes(x, h, c, weights):
    """One dict for next_h and one for next_c: sentence -> what that mistake gives."""
    Wx, Wh, b = weights.values()
    a = x @ Wx + h @ Wh + b
    i, f, o, g = np.split(a, 4, axis=1)
    H = h.shape[1]
    gates = a.reshape(len(a), H, 4).transpose(0, 2, 1).reshape(a.shape)
    found = {
        "The gates are taken in the order i, f, g, o; here it is i, f, o, g.": step(np.hstack([i, f, g, o]), c),
        "The gates are taken in the order f, i, o, g; here it is i, f, o, g.": step(np.hstack([f, i, o, g]), c),
        "The gates are taken in the order i, o, f, g; here it is i, f, o, g.": step(np.hstack([i, o, f, g]), c),
        "The columns of the gates alternate; each gate owns H neighbouring columns.": step(gates, c),
        "The candidate g goes through the sigmoid, wanted tanh.": (
            sigmoid(o) * np.tanh(sigmoid(f) * c + sigmoid(i) * sigmoid(g)),
            sigmoid(f) * c + sigmoid(i) * sigmoid(g),
        ),
        "The bias b is missing.": step(a - b, c),
        "The share of prev_h is missing.": step(x @ Wx + b, c),
        "prev_c is not used.": step(a, 0 * c),
        "The input gate is missing.": step_of(sigmoid(f) * c + np.tanh(g), o),
        "The forget gate is missing.": step_of(c + sigmoid(i) * np.tanh(g), o),
    }
    _, next_c = step(a, c)
    mistakes_h = {text: value[0] for text, value in found.items()}
    mistakes_h["tanh is missing: next_h = o * tanh(next_c)."] = sigmoid(o) * next_c
    mistakes_h["It uses prev_c, wanted next_c."] = sigmoid(o) * np.tanh(c)
    mistakes_c = {text: value[1] for text, value in found.items()}
    mistakes_c["tanh belongs to next_h alone."] = np.tanh(next_c)
    return mistakes_h, mistakes_c


def step_of(next_c, o):
    return sigmoid(o) * np.tanh(next_c), next_c


def check_step(value, next_h, next_c, x, h, c, weights, case=""):
    if not isinstance(value, list | tuple) or len(value) != 2:
        text = f"step_forward returned {kind_of(value)}, wanted the 2 items next_h, next_c"
        raise Verdict(Status.FAILED, text)
    mistakes_h, mistakes_c = step_mistakes(x, h, c, weights)
    mistakes_h["The two items are in the wrong order: next_h comes first."] = next_c
    close(value[0], next_h, name="next_h", dims="N H", tol=rel(1e-6), case=case, alternatives=mistakes_h)
    close(value[1], next_c, name="next_c", dims="N H", tol=rel(1e-6), case=case, alternatives=mistakes_c)


@pytest.mark.check("p1.lstm_step_forward", question="lstm", points=0.75)
def test_step_forward(student, stored):
    """LSTM.step_forward computes the next hidden state and the next cell state"""
    x, h, c = lin(-0.4, 1.2, 3, 4), lin(-0.3, 0.7, 3, 5), lin(-0.4, 0.9, 3, 5)
    weights = {"Wx": lin(-2.1, 1.3, 4, 20), "Wh": lin(-0.7, 2.2, 5, 20), "b": lin(0.3, 0.7, 20)}
    value = lstm(student, weights).step_forward(x, h, c)
    check_step(value, stored.array("T4"), stored.array("T5"), x, h, c, weights)


@pytest.mark.check(
    "p1.lstm_step_forward.sizes", question="lstm", points=0.75, needs="p1.lstm_step_forward", hidden=True
)
@few_examples
@given(N=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, D=3, H=1, seed=0)
@example(N=4, D=4, H=4, seed=1)
def test_step_forward_sizes(student, reference, N, D, H, seed):
    """LSTM.step_forward is right for other sizes and values"""
    rng = np.random.default_rng(seed)
    weights = random_weights(rng, D, H)
    x, h, c = (rng.standard_normal(shape) for shape in ((N, D), (N, H), (N, H)))
    value = lstm(student, weights).step_forward(x, h, c)
    next_h, next_c = lstm(reference, weights).step_forward(x, h, c)
    check_step(value, next_h, next_c, x, h, c, weights, f"N={N}, D={D}, H={H}")


# --- a whole run ----------------------------------------------------------------------------------------


def states(x, h0, weights, *, c0=None, keep_h=True, keep_c=True):
    Wx, Wh, b = weights.values()
    start = np.zeros_like(h0) if c0 is None else c0
    h, c, out = h0, start, []
    for t in range(x.shape[1]):
        h, c = step(x[:, t] @ Wx + (h if keep_h else h0) @ Wh + b, c if keep_c else start)
        out.append(h)
    return np.stack(out, axis=1)


def run_mistakes(x, h0, weights):
    right = states(x, h0, weights)
    return {
        "The cell state starts at h0, wanted zeros.": states(x, h0, weights, c0=h0),
        "The cell state starts at ones, wanted zeros.": states(x, h0, weights, c0=np.ones_like(h0)),
        "The cell state is not carried from step to step.": states(x, h0, weights, keep_c=False),
        "The hidden state is not carried from step to step.": states(x, h0, weights, keep_h=False),
        "h0 is not used: the run starts from zeros.": states(x, 0 * h0, weights),
        "The states are those before every step (h0 first), wanted those after it.": np.concatenate(
            [h0[:, None], right[:, :-1]], axis=1
        ),
        "The run goes through time backwards.": states(x[:, ::-1], h0, weights)[:, ::-1],
        "Every step holds the last state.": np.repeat(right[:, -1:], x.shape[1], axis=1),
    }


def check_gradients(mine, right, case):
    """mine, right: Vjp of (x, h0) and all weights."""
    names = {"x": "N T D", "h0": "N H"}
    for (name, dims), actual, expected in zip(names.items(), mine.inputs, right.inputs, strict=True):
        gradient_close(actual, expected, name=f"gradient of {name}", dims=dims, tol=rel(1e-6), case=case)
    for name, dims in DIMS.items():
        gradient_close(
            mine.parameters.get(name), right.parameters[name], name=f"{name}.grad", dims=dims, tol=rel(1e-6),
            case=case,
        )  # fmt: skip


@pytest.mark.check("p1.lstm_forward", question="lstm", points=0.75)
def test_forward(student, reference, stored):
    """LSTM.forward returns the hidden state after every time step, the same each time it is called"""
    x, h0 = lin(-0.4, 0.6, 2, 3, 5), lin(-0.4, 0.8, 2, 4)
    weights = {"Wx": lin(-0.2, 0.9, 5, 16), "Wh": lin(-0.3, 0.6, 4, 16), "b": lin(0.2, 0.7, 16)}
    module = lstm(student, weights)
    right, mistakes = stored.array("T6"), run_mistakes(x, h0, weights)
    close(module(x, h0), right, name="hn", dims="N T H", tol=rel(1e-6), alternatives=mistakes)
    close(module(x, h0), right, name="hn", dims="N T H", tol=rel(1e-6), case="the second call of the same module")

    rng = np.random.default_rng(0)
    x, h0, upstream = (rng.standard_normal(shape) for shape in ((2, 3, 3), (2, 3), (2, 3, 3)))
    weights = random_weights(rng, 3, 3)
    mine = lstm(student, weights).vjp([x, h0], upstream, wrt=[0, 1], parameters=True)
    close(mine.output, states(x, h0, weights), name="hn", dims="N T H", tol=rel(1e-6), case="N=2, T=3, D=3, H=3")
    right = lstm(reference, weights).vjp([x, h0], upstream, wrt=[0, 1], parameters=True)
    check_gradients(mine, right, "N=2, T=3, D=3, H=3")


@pytest.mark.check("p1.lstm_forward.sizes", question="lstm", points=0.75, needs="p1.lstm_forward", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, T=1, D=2, H=3, seed=0)
@example(N=3, T=7, D=4, H=2, seed=1)
def test_forward_sizes(student, reference, N, T, D, H, seed):
    """LSTM.forward and its gradients are right for other sizes and values"""
    rng = np.random.default_rng(seed)
    x, h0, upstream = (rng.standard_normal(shape) for shape in ((N, T, D), (N, H), (N, T, H)))
    weights = random_weights(rng, D, H)
    case = f"N={N}, T={T}, D={D}, H={H}"
    mine = lstm(student, weights).vjp([x, h0], upstream, wrt=[0, 1], parameters=True)
    right = lstm(reference, weights).vjp([x, h0], upstream, wrt=[0, 1], parameters=True)
    mistakes = run_mistakes(x, h0, weights)
    close(mine.output, right.output, name="hn", dims="N T H", tol=rel(1e-6), case=case, alternatives=mistakes)
    check_gradients(mine, right, case)
