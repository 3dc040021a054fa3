"""Question lstm: an LSTM made of sixteen parameters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, floats, gradient_close, items, within
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status

SIZE, SEED = st.integers(1, 6), st.integers(0, 9999)
STATES = ("h", "c")
OWN = within(0, 1e-4)  # of values with six decimals


def lstm(subject, D, H):
    return subject["models.naive.LSTM"].LSTM(D, H)


def filled(subject, D, H, scale=0.3):
    module = lstm(subject, D, H)
    subject.probes.filling.shapefill(module, scale=scale)
    return module


def parameters_of(reference_module):
    """Four arrays for each gate, in the order i, f, g, o."""
    arrays = list(reference_module.parameters().values())
    return [[a.astype(np.float64) for a in arrays[k : k + 4]] for k in range(0, 16, 4)]


def wave(shape, a, b, scale):
    j = np.arange(1, np.prod(shape) + 1)
    return (scale * np.sin(a * j + b)).reshape(shape).astype(np.float32)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# --- values ---------------------------------------------------------------------------------------------

RIGHT = {
    "i": sigmoid, "f": sigmoid, "g": np.tanh, "o": sigmoid, "show": np.tanh,
    "keep_h": True, "keep_c": True, "start": 0.0,
}  # fmt: skip


def run(x, gates, **mistakes):
    """h, c after the last step; `mistakes` replace entries of RIGHT."""
    how = RIGHT | mistakes
    h = c = np.full((len(x), gates[0][1].size), how["start"])
    for t in range(x.shape[1]):
        last_h, last_c = (h if how["keep_h"] else 0 * h), (c if how["keep_c"] else 0 * c)
        sums = [x[:, t] @ W + b + last_h @ U + d for W, b, U, d in gates]
        i, f, g, o = (how[name](a) for name, a in zip("ifgo", sums, strict=True))
        c = f * last_c + i * g
        h = o * how["show"](c)
    return h, c


def mistakes_of(x, gates):
    """One dict for h and one for c: sentence -> what that mistake gives."""
    h, c = run(x, gates)
    found = {
        f"The gates are taken, or registered, in the order {', '.join(order)}; wanted i, f, g, o.": run(
            x, [gates["ifgo".index(name)] for name in order]
        )
        for order in itertools.permutations("ifgo")
        if order != tuple("ifgo")
    }
    found |= {
        f"Gate {name} uses the parameters of gate {other}.": run(
            x, [gates["ifgo".index(other)] if gate == name else gates["ifgo".index(gate)] for gate in "ifgo"]
        )
        for name, other in itertools.permutations("ifgo", 2)
    }
    zero = [[W, 0 * b, U, d] for W, b, U, d in gates]
    no_hidden_bias = [[W, b, U, 0 * d] for W, b, U, d in gates]
    by_kind = np.array([b for gate in gates for b in (gate[1], gate[3])])
    found |= {
        "The input's biases are missing.": run(x, zero),
        "The hidden state's biases are missing.": run(x, no_hidden_bias),
        "All biases are missing.": run(x, [[W, 0 * b, U, 0 * d] for W, b, U, d in gates]),
        "The input's biases are used for the hidden state, too.": run(x, [[W, b, U, b] for W, b, U, _ in gates]),
        "All input biases are registered before the hidden ones: a gate's parameters stand together.": run(
            x, [[W, by_kind[k], U, by_kind[4 + k]] for k, (W, _, U, _) in enumerate(gates)]
        ),
        "The hidden weights are transposed: h W, not h Wᵀ.": run(x, [[W, b, U.T, d] for W, b, U, d in gates]),
        "The candidate g goes through the sigmoid, wanted tanh.": run(x, gates, g=sigmoid),
        "tanh is missing in h = o * tanh(c).": run(x, gates, show=lambda c: c),
        "The cell state goes through the sigmoid where it shows, wanted tanh.": run(x, gates, show=sigmoid),
        "The input gate is missing.": run(x, gates, i=np.ones_like),
        "The forget gate is missing.": run(x, gates, f=np.ones_like),
        "The output gate is missing.": run(x, gates, o=np.ones_like),
        "The hidden state is not carried from step to step.": run(x, gates, keep_h=False),
        "The cell state is not carried from step to step.": run(x, gates, keep_c=False),
        "The first states are ones, wanted zeros.": run(x, gates, start=1.0),
        "The sequence is read backwards.": run(x[:, ::-1], gates),
        "The last time step is left out.": run(x[:, :-1], gates),
        "The first time step is left out.": run(x[:, 1:], gates),
        "Only the first time step is read.": run(x[:, :1], gates),
        "The two states are in the wrong order: h comes first, then c.": (c, h),
    }
    return [{text: values[k] for text, values in found.items()} for k in range(2)]


def judge(value, expected, x, gates, tol=OWN, case="", dtype=None):
    for mine, right, name, mistakes in zip(
        items(value, STATES, of="forward", case=case), expected, STATES, mistakes_of(x, gates), strict=True
    ):
        close(mine, right, name=name, dims="N H", tol=tol, case=case, dtype=dtype, alternatives=mistakes)


@pytest.mark.check("LSTM-1", question="lstm", points=4)
def test_published(student, reference, stored):
    """LSTM gives the notebook's hidden and cell state"""
    fact = stored["LSTM-1"]
    x = np.array(fact["x"], dtype=np.float32)
    modules = [lstm(subject, fact["in"], fact["hid"]) for subject in (student, reference)]
    for subject, module in zip((student, reference), modules, strict=True):
        subject.probes.filling.deterministic_init(module)
    value = modules[0].using(changes=True)(x)
    expected = [np.array(e["values"]).reshape(e["shape"]) for e in fact["expect"]]
    judge(value, expected, x, parameters_of(modules[1]), within(0, fact["atol"]))


@pytest.mark.check("LSTM-2", question="lstm", points=3)
def test_filled(student, reference, stored):
    """LSTM is right where every gate has weights and biases of its own"""
    fact = stored["LSTM-2"]
    x = wave(**fact["x"])
    value = filled(student, fact["in"], fact["hid"]).using(changes=True)(x)
    gates = parameters_of(filled(reference, fact["in"], fact["hid"]))
    expected = [np.array(e["values"]).reshape(e["shape"]) for e in fact["expect"]]
    judge(value, expected, x, gates, within(0, fact["atol"]))


@pytest.mark.check("LSTM-3", question="lstm", points=1)
def test_parameters(student, stored):
    """LSTM has sixteen parameters, four for each of the gates i, f, g, o in this order"""
    fact = stored["LSTM-3"]
    D, H = fact["in"], fact["hid"]
    found = [value.shape for value in lstm(student, D, H).parameters().values()]
    if [n for shape in found for n in shape] == [int(n) for n in fact["expect"][0]["values"]]:
        return
    if len(found) != 16:
        raise Verdict(Status.FAILED, f"LSTM({D}, {H}) has {len(found)} parameters, wanted 16: four for each gate.")
    wanted = [(D, H), (H,), (H, H), (H,)] * 4
    k = next(k for k, shape in enumerate(wanted) if found[k] != shape)
    kind = ("input weight", "input bias", "hidden weight", "hidden bias")[k % 4]
    text = f"Parameter {k + 1} of LSTM({D}, {H}) has shape {found[k]}, wanted {wanted[k]}"
    raise Verdict(Status.FAILED, f"{text}: the {kind} of gate {'ifgo'[k // 4]}.")


@pytest.mark.check("LSTM-2.sizes", question="lstm", points=2, needs="LSTM-2", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, D=SIZE, H=SIZE, seed=SEED, scale=st.sampled_from([0.3, 0.8, 1.3]))
@example(N=1, T=1, D=3, H=2, seed=0, scale=0.8)
@example(N=1, T=4, D=2, H=3, seed=1, scale=0.8)
@example(N=5, T=9, D=2, H=3, seed=2, scale=0.5)
@example(N=2, T=3, D=4, H=1, seed=3, scale=0.5)
def test_sizes(student, reference, N, T, D, H, seed, scale):
    """LSTM is right for other sizes and values, at every call, in float32"""
    rng = np.random.default_rng(seed)
    module, gates = filled(student, D, H, scale), parameters_of(filled(reference, D, H, scale))
    for which in ("first", "second"):
        x = rng.standard_normal((N, T, D)).astype(np.float32)
        case = f"N={N}, T={T}, D={D}, H={H}, the {which} call of one module"
        judge(module.using(changes=True)(x), run(x, gates), x, gates, case=case, dtype="float32")


# --- gradients ------------------------------------------------------------------------------------------


def gradients_of(subject, module, x, upstreams):
    """Name of a parameter or input -> gradient, or None."""
    found = subject.probes.seq2seq.gradients(module, [x], upstreams)
    if type(found) is not dict:
        raise forged()
    return found


@pytest.mark.check("LSTM-2.gradients", question="lstm", points=2, needs="LSTM-2", hidden=True)
@few_examples
@given(N=SIZE, T=st.integers(2, 6), D=SIZE, H=SIZE, seed=SEED)
@example(N=2, T=5, D=3, H=4, seed=0)
def test_gradients(student, reference, N, T, D, H, seed):
    """gradients flow through all time steps to the inputs and to all parameters"""
    rng = np.random.default_rng(seed)
    x, *upstreams = (rng.standard_normal(shape).astype(np.float32) for shape in ((N, T, D), (N, H), (N, H)))
    case = f"N={N}, T={T}, D={D}, H={H}"
    mine, right = (gradients_of(s, filled(s, D, H, 0.8), x, upstreams) for s in (student, reference))
    for name, expected in right.items():
        gradient_close(mine.get(name), expected, name=f"gradient of {name}", tol=OWN, case=case)


# --- behaviour ------------------------------------------------------------------------------------------


@pytest.mark.check("LSTM.gradients", question="lstm", points=0)
def test_all_parameters_learn(student):
    """a gradient reaches every parameter of the LSTM"""
    x, upstreams = wave((2, 4, 3), 0.9, 0.2, 1.0), [wave((2, 5), 0.7, k, 1.0) for k in range(2)]
    found = gradients_of(student, filled(student, 3, 5), x, upstreams)
    found.pop("input 1", None)
    idle = [str(name)[:40] for name, g in found.items() if not (isinstance(g, np.ndarray) and g.any())]
    if idle:
        more = f" and {len(idle) - 4} more" if len(idle) > 4 else ""
        text = f"No gradient reaches {', '.join(idle[:4])}{more}: is it unused, or cut off by detach?"
        raise Verdict(Status.FAILED, text)


@pytest.mark.check("LSTM.rows", question="lstm", points=0)
def test_rows(student):
    """LSTM treats every sequence of a batch by itself"""
    x, module = wave((3, 4, 2), 0.9, 0.2, 1.5), filled(student, 2, 5).using(changes=True)
    whole = items(module(x), STATES, of="forward")
    for n in range(3):
        alone = items(module(x[n : n + 1]), STATES, of="forward")
        for name, part, rows in zip(STATES, alone, whole, strict=True):
            right = floats(rows, name=name, shape=(3, 5), dims="N H")[n : n + 1]
            close(part, right, name=name, dims="N H", tol=OWN, case=f"sequence {n} of 3 alone")


@pytest.mark.check("LSTM.unchanged", question="lstm", points=0)
def test_unchanged(student):
    """LSTM leaves its input as it is"""
    filled(student, 2, 5)(wave((3, 4, 2), 0.9, 0.2, 1.5))


@pytest.mark.check("LSTM.init_hidden", question="lstm", points=0)
def test_init_hidden(student):
    """a new LSTM has Xavier-uniform weights and biases that are zero, as the given init_hidden makes them"""
    for name, value in lstm(student, 6, 9).parameters().items():
        shown = name[:40]
        value = floats(value, name=shown, shape=value.shape)
        if value.ndim < 2:
            if value.any():
                raise Verdict(Status.FAILED, f"The bias {shown} is not zero at first: init_hidden stays as given.")
            continue
        bound = np.sqrt(6 / max(1, sum(value.shape[:2])))
        largest = np.abs(value).max(initial=0.0)
        if not bound / 2 <= largest <= bound * (1 + 1e-6) or np.ptp(value) < bound:
            text = f"The weight {shown} is not drawn Xavier-uniform (within ±{bound:.3f}): init_hidden stays as given."
            raise Verdict(Status.FAILED, text)
