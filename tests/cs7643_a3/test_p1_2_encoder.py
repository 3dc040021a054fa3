"""Question encoder: embedding, dropout, recurrent layer, and the decoder's first hidden state."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, floats, gradient_close, items, within
from grader.errors import Verdict
from grader.outcomes import forged

SIZE, SEED = st.integers(1, 5), st.integers(0, 9999)
OWN = within(0, 1e-4)  # of values with six decimals
NAMES = {"RNN": {"output": "N T H", "hidden": "L N K"}, "LSTM": {"output": "N T H", "hidden": "L N K", "cell": "L N H"}}


def encoder_class(subject):
    return subject["models.seq2seq.Encoder"].Encoder


def filled(subject, *args, scale=0.3, **kwargs):
    """An encoder in evaluation mode."""
    module = encoder_class(subject)(*args, **kwargs)
    subject.probes.filling.shapefill(module, scale=scale)
    module.eval()
    return module


def encode(module, tokens):
    return module.using(changes=True)(tokens)


def expected_of(fact):
    return [np.array(e["values"]).reshape(e["shape"]) for e in fact["expect"]]


def tokens_of(rng, V, N, T):
    return rng.integers(0, V, (N, T))


# --- likely mistakes ------------------------------------------------------------------------------------


def relu(a):
    return np.maximum(a, 0)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def mistakes_of(reference_module, output, last):
    """For each returned item: sentence -> what that mistake gives.

    output (N,T,H) and last, the recurrent layer's states after the last step, (1,N,H) each, are right.
    """
    p = {name: value.astype(np.float64) for name, value in reference_module.parameters().items()}

    def inner(a):
        return a @ p["inner.weight"].T + p["inner.bias"]

    def outer(a):
        return a @ p["outer.weight"].T + p["outer.bias"]

    h = last[0]
    hidden = {
        "ReLU between the two linear layers is missing.": np.tanh(outer(inner(h))),
        "tanh stands between the two linear layers, wanted ReLU.": np.tanh(outer(np.tanh(inner(h)))),
        "The sigmoid stands between the two linear layers, wanted ReLU.": np.tanh(outer(sigmoid(inner(h)))),
        "tanh after the second linear layer is missing.": outer(relu(inner(h))),
        "ReLU follows the second linear layer, wanted tanh.": relu(outer(relu(inner(h)))),
        "ReLU and tanh are exchanged: ReLU comes first.": relu(outer(np.tanh(inner(h)))),
        "The first linear layer is left out.": np.tanh(outer(h)),
        "The first linear layer is left out, but for its ReLU.": np.tanh(outer(relu(h))),
        "The recurrent layer's last state is returned as it is: two linear layers belong after it.": h,
        "The state after the first step is used, wanted that after the last one.": np.tanh(
            outer(relu(inner(output[None, :, 0])))
        ),
    }
    if p["inner.weight"].shape == p["outer.weight"].shape:
        swapped = np.tanh(relu(outer(h)) @ p["inner.weight"].T + p["inner.bias"])
        hidden["The two linear layers are applied, or registered, in the wrong order."] = swapped
    found = [{"The output goes through the linear layers, too; it is the recurrent layer's own.": np.tanh(
        outer(relu(inner(output))))}, hidden]  # fmt: skip
    if len(last) == 2:
        c = last[1]
        hidden["It is made of the cell state, wanted the hidden state."] = np.tanh(outer(relu(inner(c))))
        found.append({
            "The cell state goes through the linear layers, too; it is returned as it is.": np.tanh(
                outer(relu(inner(c)))),
            "The cell state goes through tanh; it is returned as it is.": np.tanh(c),
            "This is the hidden state of the recurrent layer, wanted its cell state.": h,
        })  # fmt: skip
    return found


def judge(value, expected, kind, mistakes=None, tol=OWN, case="", dtype=None):
    names = NAMES[kind]
    found = items(value, tuple(names), of="forward", case=case)
    mistakes = mistakes or [{}] * len(names)
    for mine, right, (name, dims), others in zip(found, expected, names.items(), mistakes, strict=True):
        close(mine, right, name=name, dims=dims, tol=tol, case=case, dtype=dtype, alternatives=others)


def last_states(output, expected):
    """The recurrent layer's last states as the right outputs show them."""
    return [output[None, :, -1], *expected[2:]]


def judge_filled(student, reference, tokens, args, case, expected=None, kind="RNN", dtype=None, scale=0.3, tol=OWN):
    mine = filled(student, *args, scale=scale, model_type=kind)
    right = filled(reference, *args, scale=scale, model_type=kind)
    values = items(encode(right, tokens), tuple(NAMES[kind]), of="forward")
    mistakes = mistakes_of(right, values[0], last_states(values[0], values))
    judge(encode(mine, tokens), expected or values, kind, mistakes, tol, case, dtype)
    return mine


# --- the notebook's weights -----------------------------------------------------------------------------


def seeded(subject, fact, *, training):
    build = encoder_class(subject).get()
    return subject.probes.seq2seq.seeded(build, fact["args"], [np.array(fact["tokens"])], training)


@pytest.mark.check("ENC-1", question="encoder", points=4)
def test_published(student, stored):
    """Encoder gives the notebook's output and hidden state, with dropout"""
    fact, still = stored["ENC-1"], expected_of(stored["ENC-2"])
    missing = "No dropout is applied in train mode: it belongs on the embedded tokens."
    mistakes = [{missing: still[0]}, {missing: still[1]}]
    judge(seeded(student, fact, training=True), expected_of(fact), "RNN", mistakes, within(0, fact["atol"]))


def created_in_another_order(student, reference, fact, value):
    """{sentence: each item as it is} where the same sizes are right with weights that know no order of creation."""
    tokens = np.array(fact["tokens"])
    mine, right = (encode(filled(subject, *fact["args"]), tokens) for subject in (student, reference))
    try:
        judge(mine, items(right, tuple(NAMES["RNN"]), of="forward"), "RNN")
        leaves = items(value, tuple(NAMES["RNN"]), of="forward")
    except Verdict:
        return None
    text = "With other weights all is right: the layers are created in another order, or initialised anew."
    return [{text: leaf} if isinstance(leaf, np.ndarray) else {} for leaf in leaves]


@pytest.mark.check("ENC-2", question="encoder", points=2)
def test_evaluation(student, reference, stored):
    """Encoder in evaluation mode, with the notebook's weights"""
    fact = stored["ENC-2"]
    value = seeded(student, fact, training=False)
    mistakes = created_in_another_order(student, reference, fact, value)
    judge(value, expected_of(fact), "RNN", mistakes, within(0, fact["atol"]))


# --- other weights, other sizes -------------------------------------------------------------------------


@pytest.mark.check("ENC-3", question="encoder", points=2)
def test_lstm(student, reference, stored):
    """Encoder with an LSTM returns the cell state as it is"""
    fact = stored["ENC-3"]
    tokens, tol = np.array(fact["tokens"]), within(0, fact["atol"])
    judge_filled(student, reference, tokens, fact["args"], "", expected_of(fact), fact["kw"]["model_type"], tol=tol)


@pytest.mark.check("ENC-1.dropout", question="encoder", points=1.5, needs="ENC-1", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, seed=SEED, dropout=st.sampled_from([0.5, 0.7]), kind=st.sampled_from(["RNN", "LSTM"]))
@example(N=3, T=4, seed=0, dropout=0.5, kind="RNN")
@example(N=4, T=3, seed=1, dropout=0.5, kind="LSTM")
@example(N=2, T=3, seed=2, dropout=0.0, kind="RNN")
def test_dropout(student, reference, N, T, seed, dropout, kind):
    """Encoder drops out with the probability it was given, on the embedded tokens alone"""
    tokens = tokens_of(np.random.default_rng(seed), 12, N, T)
    values, still = [], None
    for subject in (student, reference):
        module = filled(subject, 12, 7, 4, 3, dropout=dropout, model_type=kind, scale=0.8)
        if subject is reference:
            still = items(encode(module, tokens), tuple(NAMES[kind]), of="forward")
        module.train()
        values.append(module.using(changes=True, seed=seed)(tokens))
    case = f"N={N}, T={T}, {kind}, dropout={dropout}, train mode"
    mistakes = [{"Nothing is dropped out in train mode.": value} for value in still]
    judge(values[0], items(values[1], tuple(NAMES[kind]), of="forward"), kind, mistakes, case=case)


@pytest.mark.check("ENC-2.sizes", question="encoder", points=1.5, needs="ENC-2", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, H=SIZE, K=SIZE, seed=SEED)
@example(N=1, T=4, H=3, K=5, seed=0)
@example(N=3, T=1, H=5, K=2, seed=1)
@example(N=1, T=1, H=4, K=3, seed=2)
def test_sizes(student, reference, N, T, H, K, seed):
    """Encoder with an RNN is right for other sizes, at every call, in float32"""
    judge_sizes(student, reference, N, T, H, K, seed, "RNN")


@pytest.mark.check("ENC-3.sizes", question="encoder", points=1, needs="ENC-3", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, H=SIZE, K=SIZE, seed=SEED)
@example(N=1, T=4, H=3, K=3, seed=0)
@example(N=3, T=1, H=5, K=2, seed=1)
@example(N=1, T=1, H=4, K=4, seed=2)
def test_lstm_sizes(student, reference, N, T, H, K, seed):
    """Encoder with an LSTM is right for other sizes, at every call, in float32"""
    judge_sizes(student, reference, N, T, H, K, seed, "LSTM")


def judge_sizes(student, reference, N, T, H, K, seed, kind):
    rng = np.random.default_rng(seed)
    V, M = int(rng.choice([6, 7, 9, 10, 11, 13])), 6  # no shape that other layers have, too
    case = f"N={N}, T={T}, V={V}, M={M}, H={H}, K={K}, {kind}"
    args = [V, M, H, K]
    again = judge_filled(student, reference, tokens_of(rng, V, N, T), args, case, kind=kind, dtype="float32", scale=0.9)
    tokens = tokens_of(rng, V, N, T)
    right = encode(filled(reference, *args, scale=0.9, model_type=kind), tokens)
    expected = items(right, tuple(NAMES[kind]), of="forward")
    judge(encode(again, tokens), expected, kind, case=f"{case}, the second call of one module", dtype="float32")


@pytest.mark.check("ENC-2.gradients", question="encoder", points=1, needs=("ENC-2", "ENC-3"), hidden=True)
@few_examples
@given(N=SIZE, T=st.integers(2, 5), seed=SEED, kind=st.sampled_from(["RNN", "LSTM"]))
@example(N=3, T=4, seed=0, kind="RNN")
@example(N=3, T=4, seed=1, kind="LSTM")
def test_gradients(student, reference, N, T, seed, kind):
    """gradients flow from everything that Encoder returns to all of its parameters"""
    rng = np.random.default_rng(seed)
    V, M, H, K = 11, 6, 5, 4
    tokens = tokens_of(rng, V, N, T)
    shapes = [(N, T, H), (1, N, K), (1, N, H)][: len(NAMES[kind])]
    upstreams = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    case = f"N={N}, T={T}, V={V}, M={M}, H={H}, K={K}, {kind}"
    mine, right = (
        subject.probes.seq2seq.gradients(
            filled(subject, V, M, H, K, scale=0.8, model_type=kind), [tokens], upstreams
        )
        for subject in (student, reference)
    )
    if type(mine) is not dict:
        raise forged()
    for name, expected in right.items():
        gradient_close(mine.get(name), expected, name=f"gradient of {name}", tol=OWN, case=case)


# --- behaviour ------------------------------------------------------------------------------------------


def published_lstm(student, stored):
    fact = stored["ENC-3"]
    return filled(student, *fact["args"], model_type="LSTM"), np.array(fact["tokens"])


@pytest.mark.check("ENC.evaluation", question="encoder", points=0)
def test_evaluation_is_deterministic(student, stored):
    """Encoder draws no random numbers in evaluation mode"""
    module, tokens = published_lstm(student, stored)
    first, second = (module.using(changes=True, seed=seed)(tokens) for seed in (1, 2))
    names = NAMES["LSTM"]
    once, again = (items(value, tuple(names), of="forward") for value in (first, second))
    shapes = [tuple(e["shape"]) for e in stored["ENC-3"]["expect"]]
    for mine, right, shape, (name, dims) in zip(again, once, shapes, names.items(), strict=True):
        right = floats(right, name=name, shape=shape, dims=dims)
        close(mine, right, name=name, dims=dims, tol=OWN, case="the second of two equal calls")


@pytest.mark.check("ENC.rows", question="encoder", points=0)
def test_rows(student, stored):
    """Encoder treats every sequence of a batch by itself"""
    module, tokens = published_lstm(student, stored)
    names = NAMES["LSTM"]
    whole = items(encode(module, tokens), tuple(names), of="forward")
    shapes = [tuple(e["shape"]) for e in stored["ENC-3"]["expect"]]
    for n in range(len(tokens)):
        alone = items(encode(module, tokens[n : n + 1]), tuple(names), of="forward")
        for mine, rows, shape, (name, dims) in zip(alone, whole, shapes, names.items(), strict=True):
            batch = dims.split().index("N")
            right = floats(rows, name=name, shape=shape, dims=dims).take([n], axis=batch)
            close(mine, right, name=name, dims=dims, tol=OWN, case=f"sequence {n} of {len(tokens)} alone")


@pytest.mark.check("ENC.unchanged", question="encoder", points=0)
def test_unchanged(student, stored):
    """Encoder leaves its input as it is"""
    module, tokens = published_lstm(student, stored)
    module(tokens)
