"""Question rnn: a vanilla RNN forward, and backward by hand.

The gradients of one step and of a whole run are compared with differences over the submission's own forward
pass, and that pass with ours: one that answers from memory has differences that suit any gradient.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, floats, gradient_close, kind_of, numeric_gradients, rel
from grader.errors import Verdict
from grader.records import Status

SIZE, SEED = st.integers(1, 6), st.integers(0, 9999)
STEP_GRADIENTS = {"dx": "N D", "dprev_h": "N H", "dWx": "D H", "dWh": "H H", "db": "H"}
RUN_GRADIENTS = {"dx": "N T D", "dh0": "N H", "dWx": "D H", "dWh": "H H", "db": "H"}


def lin(start, stop, *shape):
    return np.linspace(start, stop, int(np.prod(shape))).reshape(shape)


def step_inputs(rng, N, D, H):
    """x, prev_h, Wx, Wh, b."""
    return [rng.standard_normal(shape) for shape in ((N, D), (N, H), (D, H), (H, H), (H,))]


def run_inputs(rng, N, T, D, H):
    """x, h0, Wx, Wh, b."""
    return [rng.standard_normal(shape) for shape in ((N, T, D), (N, H), (D, H), (H, H), (H,))]


def items(value, names, what):
    """The items of a returned tuple, or a verdict that says what is missing."""
    if not isinstance(value, list | tuple) or len(value) != len(names):
        wanted = f"the {len(names)} items {', '.join(names)}"
        raise Verdict(Status.FAILED, f"{what} returned {kind_of(value)}, wanted {wanted}")
    return value


def forward(function, args, names, what):
    """(output, cache), where the cache stays in the worker."""
    return items(function.using(keep=(1,))(*args), names, what)


# --- forward --------------------------------------------------------------------------------------------


def step_mistakes(x, h, Wx, Wh, b):
    a = x @ Wx + h @ Wh + b
    return {
        "tanh is missing.": a,
        "The bias b is missing.": np.tanh(x @ Wx + h @ Wh),
        "The share of prev_h is missing.": np.tanh(x @ Wx + b),
        "The share of x is missing.": np.tanh(h @ Wh + b),
        "Wh is transposed: the product wanted is prev_h Wh.": np.tanh(x @ Wx + h @ Wh.T + b),
        "The activation is the sigmoid, wanted tanh.": 1 / (1 + np.exp(-a)),
        "The activation is ReLU, wanted tanh.": np.maximum(a, 0),
    }


@pytest.mark.check("p1.rnn_step_forward", question="rnn", points=0.5)
def test_step_forward(student, stored):
    """rnn_step_forward computes tanh(x Wx + prev_h Wh + b)"""
    args = lin(-0.4, 0.7, 3, 10), lin(-0.2, 0.5, 3, 4), lin(-0.1, 0.9, 10, 4), lin(-0.3, 0.7, 4, 4), lin(-0.2, 0.4, 4)
    names = "next_h", "cache"
    next_h, _ = forward(student.rnn_lstm_captioning.rnn_step_forward, args, names, "rnn_step_forward")
    close(next_h, stored.array("T1"), name="next_h", dims="N H", tol=rel(1e-7), alternatives=step_mistakes(*args))


@pytest.mark.check("p1.rnn_step_forward.sizes", question="rnn", points=0.5, needs="p1.rnn_step_forward", hidden=True)
@few_examples
@given(N=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, D=3, H=1, seed=0)
@example(N=2, D=4, H=4, seed=1)
def test_step_forward_sizes(student, reference, N, D, H, seed):
    """rnn_step_forward is right for other sizes and values"""
    args = step_inputs(np.random.default_rng(seed), N, D, H)
    next_h = student.rnn_lstm_captioning.rnn_step_forward.using(only=0)(*args)
    right = reference.rnn_lstm_captioning.rnn_step_forward.using(only=0)(*args)
    case = f"N={N}, D={D}, H={H}"
    close(next_h, right, name="next_h", dims="N H", tol=rel(1e-7), case=case, alternatives=step_mistakes(*args))


def states(x, h0, Wx, Wh, b):
    h, out = h0, []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ Wx + h @ Wh + b)
        out.append(h)
    return np.stack(out, axis=1)


def run_mistakes(x, h0, Wx, Wh, b):
    right = states(x, h0, Wx, Wh, b)
    return {
        "Every step starts from h0; it should start from the state of the step before.": np.tanh(
            x @ Wx + (h0 @ Wh)[:, None] + b
        ),
        "h0 is not used: the run starts from zeros.": states(x, np.zeros_like(h0), Wx, Wh, b),
        "h holds the state before every step (h0 first), wanted the one after it.": np.concatenate(
            [h0[:, None], right[:, :-1]], axis=1
        ),
        "The run goes through time backwards.": states(x[:, ::-1], h0, Wx, Wh, b)[:, ::-1],
        "Every step holds the last state.": np.repeat(right[:, -1:], x.shape[1], axis=1),
        "Every step reads x of step 0.": states(np.repeat(x[:, :1], x.shape[1], axis=1), h0, Wx, Wh, b),
    }


@pytest.mark.check("p1.rnn_forward", question="rnn", points=0.5)
def test_forward(student, stored):
    """rnn_forward returns the hidden state after every time step"""
    rnn_forward = student.rnn_lstm_captioning.rnn_forward
    args = lin(-0.1, 0.3, 2, 3, 4), lin(-0.3, 0.1, 2, 5), lin(-0.2, 0.4, 4, 5), lin(-0.4, 0.1, 5, 5), lin(-0.7, 0.1, 5)
    h, _ = forward(rnn_forward, args, ("h", "cache"), "rnn_forward")
    close(h, stored.array("T2"), name="h", dims="N T H", tol=rel(1e-6), alternatives=run_mistakes(*args))
    one = [args[0][:1, :1], args[1][:1], *args[2:]]
    h = rnn_forward.using(only=0)(*one)
    close(h, stored.array("T2")[:1, :1], name="h", dims="N T H", tol=rel(1e-6), case="one sequence of one step")


@pytest.mark.check("p1.rnn_forward.sizes", question="rnn", points=0.5, needs="p1.rnn_forward", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, T=1, D=3, H=2, seed=0)
@example(N=3, T=7, D=2, H=5, seed=1)
def test_forward_sizes(student, reference, N, T, D, H, seed):
    """rnn_forward is right for other sizes and values"""
    args = run_inputs(np.random.default_rng(seed), N, T, D, H)
    h = student.rnn_lstm_captioning.rnn_forward.using(only=0)(*args)
    right = reference.rnn_lstm_captioning.rnn_forward.using(only=0)(*args)
    case = f"N={N}, T={T}, D={D}, H={H}"
    close(h, right, name="h", dims="N T H", tol=rel(1e-6), case=case, alternatives=run_mistakes(*args))


# --- backward -------------------------------------------------------------------------------------------


def step_gradients(dnext_h, x, h, Wx, Wh, b):
    """dx, dprev_h, dWx, dWh, db of one step."""
    da = dnext_h * (1 - np.tanh(x @ Wx + h @ Wh + b) ** 2)
    return da @ Wx.T, da @ Wh.T, x.T @ da, h.T @ da, da.sum(0)


def step_gradient_mistakes(dnext_h, x, h, Wx, Wh, b):
    """name of the gradient -> what students make of it."""
    next_h = np.tanh(x @ Wx + h @ Wh + b)
    variants = {
        "The derivative of tanh is missing.": dnext_h,
        "The derivative of tanh is 1 - tanh², here it is 1 - tanh.": dnext_h * (1 - next_h),
        "The derivative of tanh is taken at next_h; next_h is the tanh already.": dnext_h * (1 - np.tanh(next_h) ** 2),
        "The derivative of tanh is 1 - tanh², here it is tanh².": dnext_h * next_h**2,
    }
    mistakes = {name: {} for name in STEP_GRADIENTS}
    for text, da in variants.items():
        for name, value in zip(STEP_GRADIENTS, (da @ Wx.T, da @ Wh.T, x.T @ da, h.T @ da, da.sum(0)), strict=True):
            mistakes[name][text] = value
    da = dnext_h * (1 - next_h**2)
    if Wx.shape[0] == Wx.shape[1]:
        mistakes["dx"]["Wx should be transposed."] = da @ Wx
    mistakes["dprev_h"]["Wh should be transposed."] = da @ Wh
    mistakes["dWh"]["It uses next_h; wanted prev_h, the state that met Wh."] = next_h.T @ da
    mistakes["dWh"]["It is transposed."] = da.T @ h
    mistakes["db"]["It is the mean over the batch, wanted the sum."] = da.mean(0)
    return mistakes


def run_gradients(dh, x, h0, Wx, Wh, b, *, carry=True):
    """dx, dh0, dWx, dWh, db of a run; the last three as one gradient for each time step, (T, …)."""
    h = states(x, h0, Wx, Wh, b)
    dprev_h, dx, shares = np.zeros_like(h0), [], []
    for t in reversed(range(x.shape[1])):
        before = h[:, t - 1] if t else h0
        dx_t, dprev_h, *share = step_gradients(dh[:, t] + carry * dprev_h, x[:, t], before, Wx, Wh, b)
        dx.append(dx_t)
        shares.append(share)
    return np.stack(dx[::-1], axis=1), dprev_h, *(np.stack(steps[::-1]) for steps in zip(*shares, strict=True))


def run_gradient_mistakes(dh, *args):
    last = np.zeros_like(dh)
    last[:, -1] = dh[:, -1]
    variants = {
        "Only the last step's upstream gradient is used; every step has one.": run_gradients(last, *args),
        "The gradient that comes back from the next step is not added to the step's own.": run_gradients(
            dh, *args, carry=False
        ),
    }
    mistakes = {name: {} for name in RUN_GRADIENTS}
    for text, (dx, dh0, *shares) in variants.items():
        for name, value in zip(RUN_GRADIENTS, (dx, dh0, *(share.sum(0) for share in shares)), strict=True):
            mistakes[name][text] = value
    dx, dh0, *shares = run_gradients(dh, *args)
    mistakes["dx"]["The time steps are in reversed order."] = dx[:, ::-1]
    for name, share in zip(("dWx", "dWh", "db"), shares, strict=True):
        mistakes[name]["It is the first step's share alone, wanted the sum over all steps."] = share[0]
        mistakes[name]["It is the last step's share alone, wanted the sum over all steps."] = share[-1]
        mistakes[name]["It is the mean over the time steps, wanted the sum."] = share.mean(0)
    mistakes["db"]["It is the mean over the batch, wanted the sum."] = shares[2].sum(0) / len(dh0)
    return mistakes


def compare(actual, right, dims, mistakes, what, tol, case=""):
    actual = items(actual, list(dims), what)
    for (name, letters), mine, gradient in zip(dims.items(), actual, right, strict=True):
        gradient_close(mine, gradient, name=name, dims=letters, tol=tol, case=case, alternatives=mistakes[name])


def true_gradients(reference, what, upstream, args):
    """The five gradients by our own `what`_forward and `what`_backward."""
    forward_of, backward = (getattr(reference.rnn_lstm_captioning, f"{what}_{way}") for way in ("forward", "backward"))
    _, cache = forward_of.using(keep=(1,))(*args)
    return backward(upstream, cache)


def verify_forward(found, right, dims, how, tol, case=""):
    """The gradients of the submission's forward pass, found without its backward pass, are the right ones."""
    for (name, letters), mine, gradient in zip(dims.items(), found, right, strict=True):
        gradient_close(mine, gradient, name=name, dims=letters, tol=tol, case=f"{how}, {case}" if case else how)


@pytest.mark.check("p1.rnn_step_backward", question="rnn", points=1, needs="p1.rnn_step_forward")
def test_step_backward(student, reference):
    """rnn_step_backward returns the five gradients of one step, as differences of rnn_step_forward give them"""
    step = student.rnn_lstm_captioning.rnn_step_forward
    rng = np.random.default_rng(0)
    args, upstream = step_inputs(rng, 4, 5, 6), rng.standard_normal((4, 6))
    _, cache = forward(step, args, ("next_h", "cache"), "rnn_step_forward")
    actual = student.rnn_lstm_captioning.rnn_step_backward(upstream, cache)
    found = numeric_gradients(lambda k, stack: step.using(only=0).sweep(args, k, stack), args, range(5), upstream)
    right = true_gradients(reference, "rnn_step", upstream, args)
    verify_forward(found, right, STEP_GRADIENTS, "as differences of rnn_step_forward give it", rel(1e-6))
    mistakes = step_gradient_mistakes(upstream, *args)
    compare(actual, found, STEP_GRADIENTS, mistakes, "rnn_step_backward", rel(1e-6))


@pytest.mark.check(
    "p1.rnn_step_backward.sizes",
    question="rnn",
    points=1,
    needs=("p1.rnn_step_forward", "p1.rnn_step_backward"),
    hidden=True,
)
@few_examples
@given(N=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, D=1, H=3, seed=0)
@example(N=3, D=3, H=3, seed=1)
def test_step_backward_sizes(student, reference, N, D, H, seed):
    """rnn_step_backward is right for other sizes and values"""
    rng = np.random.default_rng(seed)
    args, upstream = step_inputs(rng, N, D, H), rng.standard_normal((N, H))
    _, cache = forward(student.rnn_lstm_captioning.rnn_step_forward, args, ("next_h", "cache"), "rnn_step_forward")
    actual = student.rnn_lstm_captioning.rnn_step_backward(upstream, cache)
    right = true_gradients(reference, "rnn_step", upstream, args)
    mistakes = step_gradient_mistakes(upstream, *args)
    case = f"N={N}, D={D}, H={H}"
    compare(actual, right, STEP_GRADIENTS, mistakes, "rnn_step_backward", rel(1e-6), case)


@pytest.mark.check("p1.rnn_backward", question="rnn", points=0.5, needs="p1.rnn_forward")
def test_backward(student, reference):
    """rnn_backward returns the five gradients of a whole run, as differences of rnn_forward give them"""
    rnn_forward = student.rnn_lstm_captioning.rnn_forward
    rng = np.random.default_rng(0)
    args, upstream = run_inputs(rng, 2, 10, 3, 5), rng.standard_normal((2, 10, 5))
    _, cache = forward(rnn_forward, args, ("h", "cache"), "rnn_forward")
    actual = student.rnn_lstm_captioning.rnn_backward(upstream, cache)
    found = numeric_gradients(
        lambda k, stack: rnn_forward.using(only=0).sweep(args, k, stack), args, range(5), upstream
    )
    right = true_gradients(reference, "rnn", upstream, args)
    verify_forward(found, right, RUN_GRADIENTS, "as differences of rnn_forward give it", rel(1e-6))
    compare(actual, found, RUN_GRADIENTS, run_gradient_mistakes(upstream, *args), "rnn_backward", rel(1e-6))


@pytest.mark.check(
    "p1.rnn_backward.sizes", question="rnn", points=0.5, needs=("p1.rnn_forward", "p1.rnn_backward"), hidden=True
)
@few_examples
@given(N=SIZE, T=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, T=1, D=2, H=3, seed=0)
@example(N=2, T=6, D=3, H=3, seed=1)
def test_backward_sizes(student, reference, N, T, D, H, seed):
    """rnn_backward is right for other sizes and values"""
    rng = np.random.default_rng(seed)
    args, upstream = run_inputs(rng, N, T, D, H), rng.standard_normal((N, T, H))
    _, cache = forward(student.rnn_lstm_captioning.rnn_forward, args, ("h", "cache"), "rnn_forward")
    actual = student.rnn_lstm_captioning.rnn_backward(upstream, cache)
    right = true_gradients(reference, "rnn", upstream, args)
    mistakes = run_gradient_mistakes(upstream, *args)
    compare(actual, right, RUN_GRADIENTS, mistakes, "rnn_backward", rel(1e-6), f"N={N}, T={T}, D={D}, H={H}")


def against_autograd(student, reference, seed, N, T, D, H, case):
    rng = np.random.default_rng(seed)
    args, upstream = run_inputs(rng, N, T, D, H), rng.standard_normal((N, T, H))
    rnn_forward = student.rnn_lstm_captioning.rnn_forward
    _, cache = forward(rnn_forward, args, ("h", "cache"), "rnn_forward")
    manual = student.rnn_lstm_captioning.rnn_backward(upstream, cache)
    auto = rnn_forward.using(only=0).vjp(args, upstream, wrt=range(5)).inputs
    if missing := [name for name, gradient in zip(RUN_GRADIENTS, auto, strict=True) if gradient is None]:
        inputs = ", ".join(name.removeprefix("d") for name in missing)
        raise Verdict(Status.FAILED, f"Autograd finds no way from h back to {inputs}: is rnn_forward detached?")
    right = true_gradients(reference, "rnn", upstream, args)
    verify_forward(auto, right, RUN_GRADIENTS, "as autograd through rnn_forward gives it", rel(1e-6), case)
    compare(manual, auto, RUN_GRADIENTS, run_gradient_mistakes(upstream, *args), "rnn_backward", rel(1e-10), case)


@pytest.mark.check("p1.rnn_backward_autograd", question="rnn", points=0.5, needs="p1.rnn_forward")
def test_backward_autograd(student, reference):
    """rnn_backward agrees with autograd through rnn_forward"""
    against_autograd(student, reference, 1, 2, 10, 3, 5, "")


@pytest.mark.check(
    "p1.rnn_backward_autograd.sizes",
    question="rnn",
    points=0.5,
    needs=("p1.rnn_forward", "p1.rnn_backward_autograd"),
    hidden=True,
)
@few_examples
@given(N=SIZE, T=SIZE, D=SIZE, H=SIZE, seed=SEED)
@example(N=1, T=1, D=2, H=3, seed=0)
def test_backward_autograd_sizes(student, reference, N, T, D, H, seed):
    """rnn_backward agrees with autograd for other sizes and values"""
    against_autograd(student, reference, seed, N, T, D, H, f"N={N}, T={T}, D={D}, H={H}")


# --- module ---------------------------------------------------------------------------------------------


@pytest.mark.check("p1.rnn_module", question="rnn", points=0, needs="p1.rnn_forward")
def test_module(student):
    """The given module RNN calls rnn_forward and rnn_step_forward with its own parameters"""
    rng = np.random.default_rng(0)
    x, h0 = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 5))
    module = student.rnn_lstm_captioning.RNN(3, 5)
    module.double()
    parameters = module.parameters()
    if missing := [name for name in ("Wx", "Wh", "b") if name not in parameters]:
        raise Verdict(Status.FAILED, f"RNN has no parameter {', '.join(missing)}")
    shapes = {"Wx": (3, 5), "Wh": (5, 5), "b": (5,)}
    weights = [floats(parameters[name], name=name, shape=shape) for name, shape in shapes.items()]
    h = student.rnn_lstm_captioning.rnn_forward.using(only=0)(x, h0, *weights)
    h = floats(h, name="h of rnn_forward", shape=(2, 4, 5), dims="N T H")
    close(module(x, h0), h, name="RNN.forward(x, h0)", dims="N T H", tol=rel(1e-12))
    next_h = module.step_forward(x[:, 0], h0)
    close(next_h, h[:, 0], name="RNN.step_forward(x, prev_h)", dims="N H", tol=rel(1e-12))
