"""Question seq2seq: the encoder once, then a greedy loop over the decoder. Both are the student's own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grader.checks import close, few_examples, floats, gradient_close, within
from grader.errors import Verdict
from grader.outcomes import forged
from grader.remote import Remote
from grader.subject import Subject

SIZE, SEED, KIND = st.integers(1, 5), st.integers(0, 9999), st.sampled_from(["RNN", "LSTM"])
OWN = within(1e-4, 1e-4)  # of values with six decimals
SOS, EOS = 2, 3


class Model(NamedTuple):
    subject: Subject
    encoder: Remote
    decoder: Remote
    whole: Remote

    def __call__(self, source, seed=0):
        return self.whole.using(changes=True, seed=seed)(source)


def class_of(subject, name):
    return getattr(subject[f"models.seq2seq.{name}"], name)


def filled(subject, encoder_args, decoder_args, *, kind="RNN", attention=False, scale=0.3, dropouts=(0.2, 0.2)):
    """A model in evaluation mode."""
    encoder = class_of(subject, "Encoder")(*encoder_args, dropout=dropouts[0], model_type=kind)
    decoder = class_of(subject, "Decoder")(
        *decoder_args, dropout=dropouts[1], model_type=kind, attention=attention
    )
    subject.probes.filling.shapefill(encoder, decoder, scale=scale)
    whole = subject.probes.seq2seq.assemble(class_of(subject, "Seq2Seq").get(), encoder, decoder)
    if not isinstance(whole, Remote):
        raise forged()
    whole.eval()
    return Model(subject, encoder, decoder, whole)


def both_filled(student, reference, *args, **kwargs):
    return [filled(subject, *args, **kwargs) for subject in (student, reference)]


def expected_of(fact):
    return np.array(fact["expect"][0]["values"]).reshape(fact["expect"][0]["shape"])


# --- likely mistakes ------------------------------------------------------------------------------------


def loop(model, source, attention, *, first=None, feed=None, carry=True, start=1.0, stop=False):
    """The greedy loop over the reference's encoder and decoder, with mistakes: log-probabilities (N,T,V).

    first: tokens of the first step. feed: (output, t) -> tokens of the step after t. carry: the state goes on.
    start: factor of the encoder's last state. stop: zeros once all rows have given the end token.
    """
    call = model.subject.probes.seq2seq.call
    states, hidden = call(model.encoder, [source])
    hidden = [start * h for h in hidden] if isinstance(hidden, list) else start * hidden
    token, outputs = source[:, :1] if first is None else first, []
    for t in range(source.shape[1]):
        output, after = call(model.decoder, [token, hidden, *([states] if attention else [])])
        hidden = after if carry else hidden
        over = stop and any((out.argmax(axis=1) == EOS).all() for out in outputs)
        outputs.append(0 * output if over else output)
        token = output.argmax(axis=1)[:, None] if feed is None else feed(output, t)
    return np.stack(outputs, axis=1)


def position_0_empty(right):
    return np.concatenate([0 * right[:, :1], right[:, :-1]], axis=1)


def mistakes_of(model, source, attention, right):
    """Sentence -> what that mistake gives, in evaluation mode."""
    N, known = len(source), source % right.shape[2]  # tokens of the source that the decoder does not know would raise

    def other(**mistakes):
        return loop(model, source, attention, **mistakes)

    ahead = np.concatenate([known[:, 1:], known[:, -1:]], axis=1)
    likeliest_of_first = {"feed": lambda output, t: np.full((N, 1), output[0].argmax())}
    return {
        "Position 0 is left empty; it holds the decoder's first output.": position_0_empty(right),
        "The tokens of the source are fed in; each step is fed with the likeliest token of the one before.": other(
            feed=lambda output, t: ahead[:, t : t + 1]
        ),
        "Every step is fed with the first token; wanted the likeliest token of the step before.": other(
            feed=lambda output, t: source[:, :1]
        ),
        "All rows are fed with the likeliest token of the first row.": other(**likeliest_of_first),
        "Every step is fed with the least likely token.": other(feed=lambda output, t: output.argmin(axis=1)[:, None]),
        "The first token is the start token, wanted the first column of the source.": other(first=np.full((N, 1), SOS)),
        "The first token is the last column of the source, wanted the first one.": other(first=known[:, -1:]),
        "The decoder's state is not carried on: every step starts from the encoder's.": other(carry=False),
        "The decoder starts from zeros, wanted the encoder's last state.": other(start=0.0),
        "The loop ends when all rows have given the end token; it takes as many steps as the source has tokens.": other(
            stop=True
        ),
        "These are probabilities, wanted the decoder's log-probabilities.": np.exp(right),
    }


def judge(value, expected, mistakes=dict, tol=OWN, case="", dtype=None):
    """`mistakes` is called when something is wrong."""
    kwargs = {"name": "the output", "dims": "N T V", "tol": tol, "case": case, "dtype": dtype}
    try:
        close(value, expected, **kwargs)
    except Verdict:
        close(value, expected, **kwargs, alternatives=mistakes())


def judge_filled(pair, source, attention, case="", expected=None, tol=OWN, dtype=None):
    mine, right = pair
    output = right(source)
    judge(mine(source), output if expected is None else expected,
          lambda: mistakes_of(right, source, attention, output), tol, case, dtype)  # fmt: skip


def clear_source(rng, model, N, T, encoder_vocabulary, decoder_vocabulary, *, seed=0):
    """A source for which rounding decides no arg max of the reference's."""
    for _ in range(20):
        source = rng.integers(0, encoder_vocabulary, (N, T))
        source[:, 0] %= decoder_vocabulary
        first, second = np.sort(model(source, seed), axis=2)[..., :-3:-1].transpose(2, 0, 1)
        if (first - second).min() > 1e-3:
            break
    return source


# --- the notebook's weights -----------------------------------------------------------------------------


def seeded(subject, fact, *, attention, training=True):
    builds = [class_of(subject, name).get() for name in ("Encoder", "Decoder", "Seq2Seq")]
    args = fact["enc_args"], fact["dec_args"], np.array(fact["tokens"])
    return subject.probes.seq2seq.seeded_seq2seq(builds, *args, attention, training)


DROPOUT = "In evaluation mode all is right: is the encoder run once, the decoder once for every step, in train mode?"


def judge_seeded(student, reference, fact, *, attention):
    value, expected = seeded(student, fact, attention=attention), expected_of(fact)

    def mistakes():
        mine, right = (
            seeded(subject, fact, attention=attention, training=False) for subject in (student, reference)
        )
        found = {
            "Position 0 is left empty; it holds the decoder's first output.": position_0_empty(expected),
            "Nothing is dropped out in train mode.": right,
        }
        return found | ({DROPOUT: value} if isinstance(value, np.ndarray) and fits(mine, right) else {})

    judge(value, expected, mistakes, within(0, fact["atol"]))


def fits(value, expected):
    try:
        judge(value, expected)
    except Verdict:
        return False
    return True


@pytest.mark.check("S2S-1", question="seq2seq", points=4)
def test_published(student, reference, stored):
    """Seq2Seq gives the notebook's log-probabilities, with dropout"""
    judge_seeded(student, reference, stored["S2S-1"], attention=False)


@pytest.mark.check("S2S-2", question="seq2seq", points=3)
def test_published_attention(student, reference, stored):
    """Seq2Seq with attention gives the notebook's log-probabilities, with dropout"""
    judge_seeded(student, reference, stored["S2S-2"], attention=True)


# --- other weights, other sizes -------------------------------------------------------------------------


@pytest.mark.check("S2S-3", question="seq2seq", points=2)
def test_lstm(student, reference, stored):
    """Seq2Seq with LSTMs and attention, over five steps"""
    fact = stored["S2S-3"]
    pair = both_filled(
        student, reference, fact["enc_args"], fact["dec_args"], kind="LSTM", attention=True, scale=fact["fill_scale"]
    )
    judge_filled(pair, np.array(fact["tokens"]), True, expected=expected_of(fact), tol=within(0, fact["atol"]))


@pytest.mark.check("S2S-1.dropout", question="seq2seq", points=1, needs="S2S-1", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, seed=SEED, kind=KIND, attention=st.booleans())
@example(N=2, T=3, seed=0, kind="RNN", attention=True)
@example(N=3, T=4, seed=1, kind="LSTM", attention=False)
def test_dropout(student, reference, N, T, seed, kind, attention):
    """Seq2Seq draws dropout masks once for the source and once for every step, with both parts' probabilities"""
    pair = both_filled(
        student, reference, [9, 6, 4, 4], [6, 4, 4, 9], kind=kind, attention=attention, scale=0.9, dropouts=(0.5, 0.3)
    )
    case = f"N={N}, T={T}, {kind}, {'with' if attention else 'without'} attention, train mode"
    still = {}
    source = clear_source(np.random.default_rng(seed), pair[1], N, T, 9, 9)
    still["Nothing is dropped out in train mode."] = pair[1](source)
    for model in pair:
        model.whole.train()
    source = clear_source(np.random.default_rng(seed), pair[1], N, T, 9, 9, seed=seed)
    judge(pair[0](source, seed), pair[1](source, seed), lambda: still, case=case)


# Models and sources whose tokens vary by row and step, and are decided by more than .005 in log-probability. In those
# marked *, all rows give the end token at once, and go on.
LIVELY = [
    ("RNN", False, 0.8, 3), ("RNN", False, 0.8, 23),  # *
    ("RNN", True, 1.0, 20), ("RNN", True, 0.8, 6),  # *
    ("LSTM", False, 1.6, 47), ("LSTM", False, 2.2, 43),  # *
    ("LSTM", True, 2.0, 20), ("LSTM", True, 2.0, 32),  # *
]  # fmt: skip


@pytest.mark.check("S2S-3.feedback", question="seq2seq", points=2, needs="S2S-3", hidden=True)
def test_feedback(student, reference):
    """Seq2Seq feeds every row its own likeliest token, to the end, where tokens vary by row and step"""
    for kind, attention, scale, seed in LIVELY:
        source = np.random.default_rng(seed).integers(0, 10, (2, 7))
        pair = both_filled(
            student, reference, [10, 5, 8, 8], [5, 8, 8, 10], kind=kind, attention=attention, scale=scale
        )
        case = f"N=2, T=7, {kind}, {'with' if attention else 'without'} attention"
        judge_filled(pair, source, attention, case)


@pytest.mark.check("S2S-3.sizes", question="seq2seq", points=1.5, needs="S2S-3", hidden=True)
@few_examples
@given(N=SIZE, T=SIZE, H=SIZE, K=SIZE, seed=SEED, kind=KIND, attention=st.booleans())
@example(N=1, T=4, H=4, K=4, seed=0, kind="LSTM", attention=True)
@example(N=3, T=1, H=5, K=5, seed=1, kind="RNN", attention=True)
@example(N=1, T=1, H=3, K=3, seed=2, kind="LSTM", attention=False)
@example(N=2, T=8, H=3, K=5, seed=3, kind="RNN", attention=False)
def test_sizes(student, reference, N, T, H, K, seed, kind, attention):
    """Seq2Seq is right for other sizes, also of source and target vocabulary, at every call, in float32"""
    rng = np.random.default_rng(seed)
    K = H if attention or kind == "LSTM" else K
    V, W = (int(n) for n in rng.choice([6, 9, 10, 11, 13], 2))  # no shape that other layers have, too
    pair = both_filled(
        student, reference, [V, 6, H, K], [7, H, K, W], kind=kind, attention=attention, scale=0.9
    )
    for which in ("first", "second"):
        source = clear_source(rng, pair[1], N, T, V, W)
        case = (
            f"N={N}, T={T}, vocabularies {V} and {W}, encoder size {H}, decoder size {K}, {kind},"
            f" {'with' if attention else 'without'} attention, the {which} call of one model"
        )
        judge_filled(pair, source, attention, case, dtype="float32")


@pytest.mark.check("S2S-3.gradients", question="seq2seq", points=0.5, needs="S2S-3", hidden=True)
@few_examples
@given(N=SIZE, T=st.integers(2, 5), seed=SEED, kind=KIND, attention=st.booleans())
@example(N=2, T=4, seed=0, kind="RNN", attention=False)
@example(N=2, T=4, seed=1, kind="LSTM", attention=True)
def test_gradients(student, reference, N, T, seed, kind, attention):
    """gradients flow from every step's output to all parameters of encoder and decoder"""
    rng = np.random.default_rng(seed)
    pair = both_filled(student, reference, [9, 6, 5, 5], [7, 5, 5, 9], kind=kind, attention=attention, scale=0.8)
    source = clear_source(rng, pair[1], N, T, 9, 9)
    upstreams = [rng.standard_normal((N, T, 9)).astype(np.float32)]
    mine, right = (
        model.subject.probes.seq2seq.gradients(model.whole, [source], upstreams, [model.encoder, model.decoder])
        for model in pair
    )
    if type(mine) is not dict:
        raise forged()
    case = f"N={N}, T={T}, {kind}, {'with' if attention else 'without'} attention"
    for name, expected in right.items():
        gradient_close(mine.get(name), expected, name=f"gradient of {name}", tol=OWN, case=case)


# --- behaviour ------------------------------------------------------------------------------------------


def published_lstm(student, stored):
    """S2S-3's model, source, and the output's shape."""
    fact = stored["S2S-3"]
    kwargs = {"kind": "LSTM", "attention": True, "scale": fact["fill_scale"]}
    return filled(student, fact["enc_args"], fact["dec_args"], **kwargs), np.array(fact["tokens"]), (3, 5, 9)


@pytest.mark.check("S2S.evaluation", question="seq2seq", points=0)
def test_evaluation_is_deterministic(student, stored):
    """Seq2Seq draws no random numbers in evaluation mode"""
    model, source, shape = published_lstm(student, stored)
    right = floats(model(source, 1), name="the output", shape=shape, dims="N T V")
    judge(model(source, 2), right, case="the second of two equal calls")


@pytest.mark.check("S2S.rows", question="seq2seq", points=0)
def test_rows(student, stored):
    """Seq2Seq treats every sequence of a batch by itself"""
    model, source, shape = published_lstm(student, stored)
    whole = floats(model(source), name="the output", shape=shape, dims="N T V")
    for n in range(len(source)):
        judge(model(source[n : n + 1]), whole[n : n + 1], case=f"sequence {n} of {len(source)} alone")


@pytest.mark.check("S2S.sums", question="seq2seq", points=0)
def test_sums(student, stored):
    """Seq2Seq gives log-probabilities: their exponentials sum to one at every position"""
    model, source, shape = published_lstm(student, stored)
    with np.errstate(all="ignore"):
        sums = np.exp(floats(model(source), name="the output", shape=shape, dims="N T V")).sum(axis=2)
    close(sums, np.ones(shape[:2]), name="the sum of the probabilities", dims="N T", tol=within(0, 1e-4))


@pytest.mark.check("S2S.unchanged", question="seq2seq", points=0)
def test_unchanged(student, stored):
    """Seq2Seq leaves its source as it is"""
    model, source, _ = published_lstm(student, stored)
    model.whole(source)
