"""Question decoder: cosine attention, and one step with and without it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, floats, gradient_close, items, within
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status

SIZE, SEED, KIND = st.integers(1, 5), st.integers(0, 9999), st.sampled_from(["RNN", "LSTM"])
OWN = within(0, 1e-4)  # of values with six decimals
NAMES = {"RNN": {"output": "N V", "hidden": "L N K"}, "LSTM": {"output": "N V", "hidden": "L N K", "cell": "L N K"}}


def decoder_class(subject):
    return subject["models.seq2seq.Decoder"].Decoder


def filled(subject, *args, scale=0.3, **kwargs):
    """A decoder in evaluation mode."""
    module = decoder_class(subject)(*args, **kwargs)
    subject.probes.filling.shapefill(module, scale=scale)
    module.eval()
    return module


def step(subject, module, inputs, seed=0):
    return subject.probes.seq2seq.call.using(seed=seed)(module, inputs)


def wave(shape, a, b, scale):
    j = np.arange(1, np.prod(shape) + 1)
    return (scale * np.sin(a * j + b)).reshape(shape).astype(np.float32)


def expected_of(fact):
    return [np.array(e["values"]).reshape(e["shape"]) for e in fact["expect"]]


def normal(rng, *shape, times=1.0):
    return (times * rng.standard_normal(shape)).astype(np.float32)


def softmax(a, axis=-1):
    e = np.exp(a - a.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# --- attention ------------------------------------------------------------------------------------------


def cosines(hidden, outputs):
    """(N,1,T) from (1,N,H) and (N,T,H)."""
    q, k = hidden[0].astype(np.float64), outputs.astype(np.float64)
    lengths = np.linalg.norm(q, axis=1)[:, None] * np.linalg.norm(k, axis=2)
    return (np.einsum("nh,nth->nt", q, k) / lengths)[:, None]


def attention_mistakes(hidden, outputs):
    scores = cosines(hidden, outputs)
    q, k = hidden[0].astype(np.float64), outputs.astype(np.float64)
    dots = np.einsum("nh,nth->nt", q, k)[:, None]
    of_q, of_k = np.linalg.norm(q, axis=1)[:, None, None], np.linalg.norm(k, axis=2)[:, None]
    shares = dots / dots.sum(axis=2, keepdims=True)
    by_time = np.linalg.norm(k, axis=1)  # (N,H)
    return {
        "The scores are dot products; they are not divided by the two lengths.": softmax(dots),
        "The scores are not divided by the length of the encoder outputs.": softmax(dots / of_q),
        "The scores are not divided by the length of the hidden state.": softmax(dots / of_k),
        "The scores are dot products divided by √H, wanted cosines.": softmax(dots / np.sqrt(q.shape[1])),
        "The cosines are divided by √H: no scaling is wanted.": softmax(scores / np.sqrt(q.shape[1])),
        "The softmax is missing: these are the cosines.": scores,
        "The softmax is missing: these are dot products.": dots,
        "The scores are divided by their sum, wanted a softmax.": shares,
        "The softmax runs over the batch, wanted over the time steps.": softmax(scores, axis=0),
        "This is the logarithm of the probabilities.": np.log(softmax(scores)),
        "The length of the whole tensor of encoder outputs is taken, wanted that of every one.": softmax(
            dots / of_q / np.linalg.norm(k)
        ),
        "The lengths are those of all tensors as a whole, wanted those of every hidden state and output.": softmax(
            dots / np.linalg.norm(q) / np.linalg.norm(k)
        ),
        "The lengths are taken over the batch and the time steps, wanted over the features.": softmax(
            np.einsum("nh,nth->nt", q / np.linalg.norm(q, axis=0), k / by_time[:, None])[:, None]
        ),
        "The softmax is taken twice.": softmax(softmax(scores)),
        "The sign of the scores is flipped.": softmax(-scores),
    }


def judge_attention(value, hidden, outputs, expected, tol=OWN, case="", dtype=None):
    with np.errstate(all="ignore"):  # mistakes may overflow
        mistakes = attention_mistakes(hidden, outputs)
    close(value, expected, name="the attention probabilities", dims="N Q T", tol=tol, case=case, dtype=dtype,
          alternatives=mistakes)  # fmt: skip


def attention_of(subject, *args, **kwargs):
    return decoder_class(subject)(*args, **kwargs).compute_attention


@pytest.mark.check("ATT-1", question="decoder", points=4)
def test_attention(student, stored):
    """compute_attention gives the notebook's probabilities"""
    fact = stored["ATT-1"]
    hidden, outputs = (np.array(fact[key], dtype=np.float32) for key in ("h", "enc"))
    value = attention_of(student, 2, 2, 2, 10).using(changes=True)(hidden, outputs)
    judge_attention(value, hidden, outputs, expected_of(fact)[0], within(0, fact["atol"]))


@pytest.mark.check("ATT-1.sizes", question="decoder", points=1.5, needs="ATT-1", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, H=SIZE, seed=SEED, times=st.sampled_from([0.1, 1.0, 5.0]))
@example(N=3, T=4, H=5, seed=0, times=5.0)
@example(N=1, T=4, H=3, seed=1, times=0.1)
@example(N=3, T=1, H=4, seed=2, times=1.0)
@example(N=2, T=5, H=4, seed=3, times=20.0)
def test_attention_sizes(student, N, T, H, seed, times):
    """compute_attention is right for other sizes, and for long and short vectors, in float32"""
    rng = np.random.default_rng(seed)
    hidden, outputs = normal(rng, 1, N, H, times=times), normal(rng, N, T, H, times=3 / times)
    value = attention_of(student, 3, H, H, 7, attention=True).using(changes=True)(hidden, outputs)
    case = f"N={N}, T={T}, H={H}"
    judge_attention(value, hidden, outputs, softmax(cosines(hidden, outputs)), case=case, dtype="float32")


# --- one step, in numbers -------------------------------------------------------------------------------

RIGHT = {
    "query": 0, "context_first": True, "attend": lambda q, k: softmax(cosines(q, k)),
    "join": True, "as_hidden": False, "state": True, "last": lambda scores: np.log(softmax(scores)),
}  # fmt: skip


def run(p, inputs, attention, **mistakes):
    """What a step returns; `mistakes` replace entries of RIGHT. p: the reference's parameters by name."""
    how = RIGHT | mistakes
    tokens, state = inputs[0], inputs[1]
    states = [s.astype(np.float64) for s in (state if isinstance(state, list) else [state])]
    x = p["embedding.weight"][tokens]  # (N,1,M)
    if attention:
        outputs = inputs[2].astype(np.float64)
        context = how["attend"](states[how["query"]], outputs) @ outputs  # (N,1,H)
        if how["as_hidden"]:
            states[0] = context.transpose(1, 0, 2)
        elif how["join"]:
            parts = [context, x] if how["context_first"] else [x, context]
            x = np.concatenate(parts, axis=2) @ p["downsize.weight"].T + p["downsize.bias"]
    states = states if how["state"] else [0 * s for s in states]
    sums = x[:, 0] @ p["recurrent.weight_ih_l0"].T + p["recurrent.bias_ih_l0"]
    sums = sums + states[0][0] @ p["recurrent.weight_hh_l0"].T + p["recurrent.bias_hh_l0"]
    if len(states) == 2:
        i, f, g, o = np.split(sums, 4, axis=1)
        c = sigmoid(f) * states[1][0] + sigmoid(i) * np.tanh(g)
        after = [sigmoid(o) * np.tanh(c), c]
    else:
        after = [np.tanh(sums)]
    scores = after[0] @ p["scores.weight"].T + p["scores.bias"]
    return [how["last"](scores), *(s[None] for s in after)]


def mistakes_of(reference_module, inputs, attention):
    """For each returned item: sentence -> what that mistake gives."""
    p = {name: value.astype(np.float64) for name, value in reference_module.parameters().items()}

    def other(**mistakes):
        return run(p, inputs, attention, **mistakes)

    right = other()
    found = {
        "The log-softmax is missing: these are the scores.": other(last=lambda a: a),
        "These are probabilities, wanted their logarithms.": other(last=softmax),
        "The log-softmax runs over the batch, wanted over the classes.": other(last=lambda a: np.log(softmax(a, 0))),
        "The incoming state is not used.": other(state=False),
    }
    if len(right) == 3:
        found["The hidden state and the cell state are exchanged."] = [right[0], right[2], right[1]]
    if attention:
        found |= {
            "The two parts are joined as [embedded, context]; wanted [context, embedded].": other(context_first=False),
            "The context is not used: attention has no effect on the step.": other(join=False),
            "The context takes the place of the hidden state; it is joined with the embedded token instead.": other(
                as_hidden=True
            ),
            "All encoder outputs have the same weight.": other(
                attend=lambda q, k: np.full((k.shape[0], 1, k.shape[1]), 1 / k.shape[1])
            ),
            "The encoder outputs are summed without weights.": other(
                attend=lambda q, k: np.ones((k.shape[0], 1, k.shape[1]))
            ),
            "The cosines are used as they are; a softmax belongs over them.": other(attend=cosines),
            "Attention uses dot products, wanted cosines.": other(
                attend=lambda q, k: softmax(np.einsum("lnh,nth->nlt", q, k))
            ),
        }
        if len(right) == 3:
            text = "Attention looks from the cell state; wanted from the hidden state alone."
            found[text] = other(query=1)
    return [{text: values[k] for text, values in found.items()} for k in range(len(right))]


def judge(value, expected, kind, mistakes=None, tol=OWN, case="", dtype=None):
    names = NAMES[kind]
    found = items(value, tuple(names), of="forward", case=case)
    mistakes = mistakes or [{}] * len(names)
    for mine, right, (name, dims), others in zip(found, expected, names.items(), mistakes, strict=True):
        close(mine, right, name=name, dims=dims, tol=tol, case=case, dtype=dtype, alternatives=others)


def both_filled(student, reference, args, scale=0.3, **kwargs):
    return [filled(subject, *args, scale=scale, **kwargs) for subject in (student, reference)]


def judge_step(student, reference, pair, inputs, kind, attention, case="", expected=None, tol=OWN, dtype=None):
    mine, right = pair
    if expected is None:
        expected = items(step(reference, right, inputs), tuple(NAMES[kind]), of="forward")
    value = step(student, mine, inputs)
    judge(value, expected, kind, mistakes_of(right, inputs, attention), tol, case, dtype)


def inputs_of(rng, N, V, K, kind, T=0, H=0, times=1.0):
    """Tokens, state and, for T > 0, encoder outputs, as forward takes them."""
    states = [normal(rng, 1, N, K, times=times) for _ in range(2 if kind == "LSTM" else 1)]
    inputs = [rng.integers(0, V, (N, 1)), states if kind == "LSTM" else states[0]]
    return [*inputs, normal(rng, N, T, H, times=times)] if T else inputs


# --- the notebook's weights -----------------------------------------------------------------------------


def seeded(subject, fact, *, training):
    inputs = [np.array(fact["tokens"]), np.array(fact["h"], dtype=np.float32)]
    return subject.probes.seq2seq.seeded(decoder_class(subject).get(), fact["args"], inputs, training)


@pytest.mark.check("DEC-1", question="decoder", points=4)
def test_published(student, reference, stored):
    """Decoder gives the notebook's log-probabilities and hidden state, with dropout"""
    fact = stored["DEC-1"]
    still = items(seeded(reference, fact, training=False), tuple(NAMES["RNN"]), of="forward")
    text = "No dropout is applied in train mode: it belongs on the embedded token."
    mistakes = [{text: value} for value in still]
    judge(seeded(student, fact, training=True), expected_of(fact), "RNN", mistakes, within(0, fact["atol"]))


# --- other weights, other sizes -------------------------------------------------------------------------


@pytest.mark.check("DEC-2", question="decoder", points=2)
def test_plain(student, reference, stored):
    """Decoder without attention"""
    fact = stored["DEC-2"]
    inputs = [np.array(fact["tokens"]), wave(**fact["h"])]
    pair = both_filled(student, reference, fact["args"])
    tol = within(0, fact["atol"])
    judge_step(student, reference, pair, inputs, "RNN", False, expected=expected_of(fact), tol=tol)


@pytest.mark.check("DEC-3", question="decoder", points=2)
def test_attending(student, reference, stored):
    """Decoder with an LSTM and attention"""
    fact = stored["DEC-3"]
    inputs = [np.array(fact["tokens"]), [wave(**fact["h"]), wave(**fact["cell"])], wave(**fact["enc"])]
    pair = both_filled(student, reference, fact["args"], **fact["kw"])
    tol = within(0, fact["atol"])
    judge_step(student, reference, pair, inputs, "LSTM", True, expected=expected_of(fact), tol=tol)


@pytest.mark.check("DEC-1.dropout", question="decoder", points=1, needs="DEC-1", hidden=True)
@few_examples
@given(N=SIZE, seed=SEED, dropout=st.sampled_from([0.5, 0.7]), kind=KIND)
@example(N=4, seed=0, dropout=0.5, kind="RNN")
@example(N=3, seed=1, dropout=0.5, kind="LSTM")
@example(N=2, seed=2, dropout=0.0, kind="RNN")
def test_dropout(student, reference, N, seed, dropout, kind):
    """Decoder drops out with the probability it was given, on the embedded token alone"""
    inputs = inputs_of(np.random.default_rng(seed), N, 9, 4, kind)
    values, still = [], []
    for subject in (student, reference):
        module = filled(subject, 7, 4, 4, 9, dropout=dropout, model_type=kind, scale=0.8)
        if subject is reference:
            still = items(step(subject, module, inputs), tuple(NAMES[kind]), of="forward")
        module.train()
        values.append(step(subject, module, inputs, seed=seed))
    mistakes = [{"Nothing is dropped out in train mode.": value} for value in still]
    case = f"N={N}, {kind}, dropout={dropout}, train mode"
    judge(values[0], items(values[1], tuple(NAMES[kind]), of="forward"), kind, mistakes, case=case)


@pytest.mark.check("DEC-2.sizes", question="decoder", points=1.5, needs="DEC-2", hidden=True)
@few_examples
@given(N=SIZE, M=SIZE, H=SIZE, K=SIZE, seed=SEED, kind=KIND)
@example(N=3, M=5, H=2, K=4, seed=0, kind="RNN")
@example(N=1, M=4, H=5, K=3, seed=1, kind="LSTM")
@example(N=1, M=3, H=2, K=5, seed=2, kind="RNN")
def test_plain_sizes(student, reference, N, M, H, K, seed, kind):
    """Decoder without attention is right for other sizes, at every call, in float32"""
    rng = np.random.default_rng(seed)
    pair = both_filled(student, reference, [M, H, K, 7], scale=0.8, model_type=kind)
    for which in ("first", "second"):
        inputs = inputs_of(rng, N, 7, K, kind)
        case = f"N={N}, V=7, M={M}, encoder size {H}, decoder size {K}, {kind}, the {which} call of one module"
        judge_step(student, reference, pair, inputs, kind, False, case, dtype="float32")


@pytest.mark.check("DEC-3.sizes", question="decoder", points=1.5, needs="DEC-3", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, M=SIZE, K=SIZE, seed=SEED, kind=KIND)
@example(N=3, T=4, M=2, K=5, seed=0, kind="RNN")
@example(N=1, T=4, M=4, K=3, seed=1, kind="LSTM")
@example(N=3, T=1, M=3, K=4, seed=2, kind="LSTM")
@example(N=1, T=1, M=3, K=4, seed=3, kind="RNN")
@example(N=4, T=3, M=5, K=4, seed=4, kind="LSTM")
def test_attending_sizes(student, reference, N, T, M, K, seed, kind):
    """Decoder with attention is right for other sizes and longer vectors, at every call, in float32"""
    rng = np.random.default_rng(seed)
    pair = both_filled(student, reference, [M, K, K, 7], scale=0.8, model_type=kind, attention=True)
    for which in ("first", "second"):
        inputs = inputs_of(rng, N, 7, K, kind, T, K, times=2.0)
        case = f"N={N}, T={T}, V=7, M={M}, H=K={K}, {kind}, the {which} call of one module"
        judge_step(student, reference, pair, inputs, kind, True, case, dtype="float32")


# --- gradients ------------------------------------------------------------------------------------------


@pytest.mark.check("DEC-3.gradients", question="decoder", points=0.5, needs="DEC-3", hidden=True)
@few_examples
@given(N=SIZE, T=st.integers(2, 5), seed=SEED, kind=KIND, attention=st.booleans())
@example(N=3, T=4, seed=0, kind="RNN", attention=True)
@example(N=3, T=4, seed=1, kind="LSTM", attention=True)
@example(N=3, T=4, seed=2, kind="RNN", attention=False)
def test_gradients(student, reference, N, T, seed, kind, attention):
    """gradients flow through a step to the states, to the encoder's outputs and to all parameters"""
    rng = np.random.default_rng(seed)
    V, M, K = 7, 5, 4
    inputs = inputs_of(rng, N, V, K, kind, T if attention else 0, K)
    upstreams = [normal(rng, N, V), *(normal(rng, 1, N, K) for _ in range(len(NAMES[kind]) - 1))]
    mine, right = (
        subject.probes.seq2seq.gradients(
            filled(subject, M, K, K, V, scale=0.8, model_type=kind, attention=attention), inputs, upstreams
        )
        for subject in (student, reference)
    )
    if type(mine) is not dict:
        raise forged()
    names = ("the hidden state", "the cell state", "the encoder outputs")
    names = names if kind == "LSTM" else (names[0], names[2])
    case = f"N={N}, T={T}, V={V}, M={M}, H=K={K}, {kind}, {'with' if attention else 'without'} attention"
    for name, expected in right.items():
        shown = names[int(name[-1]) - 1] if name.startswith("input") else name
        gradient_close(mine.get(name), expected, name=f"gradient of {shown}", tol=OWN, case=case)


# --- behaviour ------------------------------------------------------------------------------------------


def attending(student, stored):
    """DEC-3's decoder, inputs and right outputs' shapes."""
    fact = stored["DEC-3"]
    inputs = [np.array(fact["tokens"]), [wave(**fact["h"]), wave(**fact["cell"])], wave(**fact["enc"])]
    shapes = [tuple(e["shape"]) for e in fact["expect"]]
    return filled(student, *fact["args"], **fact["kw"]), inputs, shapes


@pytest.mark.check("ATT.sums", question="decoder", points=0)
def test_attention_sums(student):
    """compute_attention gives probabilities that sum to one over the time steps"""
    hidden, outputs = wave((1, 3, 4), 0.8, 0.1, 0.9), wave((3, 5, 4), 0.63, 0.4, 0.9)
    value = attention_of(student, 3, 4, 4, 7).using(changes=True)(hidden, outputs)
    value = floats(value, name="the attention probabilities", shape=(3, 1, 5), dims="N Q T")
    close(value.sum(axis=2), np.ones((3, 1)), name="the sum of the probabilities", dims="N Q", tol=within(0, 1e-5))


@pytest.mark.check("ATT.scale", question="decoder", points=0)
def test_attention_ignores_lengths(student):
    """compute_attention does not change when hidden state and encoder outputs are scaled"""
    hidden, outputs = wave((1, 3, 4), 0.8, 0.1, 0.9), wave((3, 5, 4), 0.63, 0.4, 0.9)
    attention = attention_of(student, 3, 4, 4, 7).using(changes=True)
    name = "the attention probabilities"
    right = floats(attention(hidden, outputs), name=name, shape=(3, 1, 5), dims="N Q T")
    three, half = np.float32(3), np.float32(0.5)
    for case, value in (
        ("hidden state times 3", attention(three * hidden, outputs)),
        ("encoder outputs times 0.5", attention(hidden, half * outputs)),
    ):
        close(value, right, name=name, dims="N Q T", tol=OWN, case=case)


@pytest.mark.check("DEC.evaluation", question="decoder", points=0)
def test_evaluation_is_deterministic(student, stored):
    """Decoder draws no random numbers in evaluation mode"""
    module, inputs, shapes = attending(student, stored)
    names = NAMES["LSTM"]
    once, again = (items(step(student, module, inputs, seed), tuple(names), of="forward") for seed in (1, 2))
    for mine, right, shape, (name, dims) in zip(again, once, shapes, names.items(), strict=True):
        right = floats(right, name=name, shape=shape, dims=dims)
        close(mine, right, name=name, dims=dims, tol=OWN, case="the second of two equal calls")


@pytest.mark.check("DEC.rows", question="decoder", points=0)
def test_rows(student, stored):
    """Decoder treats every row of a batch by itself"""
    module, (tokens, states, outputs), shapes = attending(student, stored)
    names = NAMES["LSTM"]
    whole = items(step(student, module, [tokens, states, outputs]), tuple(names), of="forward")
    for n in range(len(tokens)):
        one = slice(n, n + 1)
        alone = step(student, module, [tokens[one], [s[:, one] for s in states], outputs[one]])
        for mine, rows, shape, (name, dims) in zip(
            items(alone, tuple(names), of="forward"), whole, shapes, names.items(), strict=True
        ):
            right = floats(rows, name=name, shape=shape, dims=dims).take([n], axis=dims.split().index("N"))
            close(mine, right, name=name, dims=dims, tol=OWN, case=f"row {n} of {len(tokens)} alone")


@pytest.mark.check("DEC.unchanged", question="decoder", points=0)
def test_unchanged(student, stored):
    """Decoder leaves token, states and encoder outputs as they are"""
    module, inputs, _ = attending(student, stored)
    changed = student.probes.seq2seq.changed(module, inputs)
    names = ("input", "the hidden state", "the cell state", "encoder_outputs")
    if type(changed) is not list or any(type(k) is not int or not 0 <= k < len(names) for k in changed):
        raise forged()
    if changed:
        raise Verdict(Status.FAILED, f"forward changes {' and '.join(names[k] for k in changed)} in place.")
