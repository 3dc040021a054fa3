"""Part 2, the whole transformer: how its parts are put together, what it may see, what it is called.

The model is compared with its own parts, so these checks build on those of the parts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, floats, kind_of, rel, tensor
from grader.errors import Verdict
from grader.records import Status
from grader.remote import Remote
from grader.subject import Subject

Array = NDArray[Any]

BLOCKS = ("p2.encoder_wave", "p2.decoder_wave_masked")
BLOCKS_SIZES = tuple(f"{block}.sizes" for block in BLOCKS)
SIZES = {
    "seed": st.integers(0, 2**32 - 1), "N": st.integers(1, 3), "K": st.integers(2, 11), "O": st.integers(4, 8),
    "heads": st.integers(1, 3), "V": st.integers(5, 30),
}  # fmt: skip


def sampled_batch(seed: int, N: int, K: int, O: int, M: int, V: int) -> list[Array]:  # noqa: E741
    """Question, its positions, answer, its positions."""
    rng = np.random.default_rng(seed)
    tokens = [rng.integers(0, V, (N, length)) for length in (K, O)]
    places = [rng.normal(0, 0.5, (N, length, M)).astype(np.float32) for length in (K, O)]
    return [tokens[0], places[0], tokens[1], places[1]]


# --- composition ------------------------------------------------------------------------------------------


def mistaken_scores(student: Subject, model: Remote, batch: list[Array], mask: Array) -> dict[str, Any]:
    """What the model's own parts give when they are put together wrongly."""
    compose = student.probes.transformer.compose
    ques, ques_pos, ans, ans_pos = batch
    none = [np.zeros_like(ques_pos), np.zeros_like(ans_pos)]
    return {
        "The future of the answer is not hidden: the mask is missing.": compose(model, *batch, None),
        "The mask is inverted.": compose(model, *batch, ~mask),
        "The positions are added nowhere.": compose(model, ques, none[0], ans, none[1], mask),
        "The positions of the question are not added.": compose(model, ques, none[0], ans, ans_pos, mask),
        "The positions of the answer are not added.": compose(model, ques, ques_pos, ans, none[1], mask),
    }


def judge_composition(student: Subject, model: Remote, batch: list[Array], V: int, case: str) -> None:
    """In evaluation mode the scores are those of the model's parts, rows by batch and then by time."""
    model.eval()
    ans = batch[2]
    N, T = len(ans), ans.shape[1] - 1
    upstream = np.sin(np.arange(1, N * T * V + 1)).reshape(N * T, V).astype(np.float32)
    found = model.vjp(batch, upstream, parameters=True)
    scores = tensor(found.output, name="the scores", case=case)
    if scores.shape != (N * T, V):
        extra = {
            (N, T, V): "Batch and time are to become one axis at the end.",
            (N * (T + 1), V): "The decoder is fed all tokens of the answer; the last one is to be left out.",
            (N, T + 1, V): "Leave out the last token of the answer, and make batch and time one axis.",
        }.get(scores.shape, "")
        text = f"the scores have shape {scores.shape}, wanted (N·(O-1), V) = {(N * T, V)} ({case}). {extra}"
        raise Verdict(Status.FAILED, text.strip())
    mask = np.triu(np.ones((N, T, T), dtype=bool), 1)
    composed = student.probes.transformer.compose(model, *batch, mask)
    what = "what the model's decoder gives"
    parts = tensor(composed, name=what, case=case)
    if parts.size == N * T * V:  # one axis for batch and time may be made in the decoder, too
        parts = parts.reshape(N * T, V)
    parts = floats(parts, name=what, shape=(N * T, V), dims="R V", case=case)
    found_wrong = mistaken_scores(student, model, batch, mask)
    wrong = {
        text: value.reshape(N * T, V)
        for text, value in found_wrong.items()
        if isinstance(value, np.ndarray) and value.size == N * T * V
    }
    turned = parts.reshape(N, T, V).swapaxes(0, 1).reshape(N * T, V)
    wrong["Rows come by time and then by batch; wanted by batch and then by time."] = turned
    close(scores, parts, name="the scores", dims="R V", tol=rel(1e-5), alternatives=wrong,
          case=f"compared with the model's own emb_layer, encoder and decoder, {case}")  # fmt: skip
    idle = [name for name, gradient in found.parameters.items() if gradient is None]
    if idle:
        listed = ", ".join(idle[:4])[:200] + (f" and {len(idle) - 4} more" if len(idle) > 4 else "")
        why = "something is cut off or left out."
        raise Verdict(
            Status.FAILED,
            f"no gradient reaches {listed}: {why}",
            hidden_text=f"no gradient reaches {len(idle)} of {len(found.parameters)} parameters: {why}",
        )


@pytest.mark.check("p2.transformer_shape", question="transformer", points=0.5, needs=BLOCKS)
def test_composition(student: Subject) -> None:
    """Transformer puts embedding, positions, encoder and decoder together and returns one row per token"""
    model = student.transformers.Transformer(4, 32, 64, 0.2, 4, 4, 16)
    judge_composition(student, model, sampled_batch(0, 16, 9, 5, 32, 16), 16, "N=16, K=9, O=5, V=16")


@pytest.mark.check(
    "p2.transformer_shape.sizes", question="transformer", points=0.5, needs=("p2.transformer_shape", *BLOCKS_SIZES),
    hidden=True,
)  # fmt: skip
@few_examples
@given(**SIZES)
def test_composition_sizes(
    student: Subject, seed: int, N: int, K: int, O: int, heads: int, V: int  # noqa: E741
) -> None:
    """Transformer with other sizes, lengths and vocabularies"""
    M = 6 * heads
    model = student.transformers.Transformer(heads, M, 10, 0.1, 1, 2, V)
    judge_composition(student, model, sampled_batch(seed, N, K, O, M, V), V, f"N={N}, K={K}, O={O}, V={V}")


# --- causality --------------------------------------------------------------------------------------------


def judge_causal(model: Remote, batch: list[Array], V: int, at: int, case: str) -> None:
    """Another token at place `at` of the answers leaves the scores before it alone and changes those after.

    The last token of an answer is only ever a target, so it changes nothing.
    """
    ques, ques_pos, ans, ans_pos = batch
    N, T = len(ans), ans.shape[1] - 1
    model.eval()

    def scores(answer: Array) -> Array:
        found = model(ques, ques_pos, answer, ans_pos)
        return floats(found, name="the scores", shape=(N * T, V), dims="R V", case=case).reshape(N, T, V)

    def changed(place: int) -> Array:
        other = ans.copy()
        other[:, place] = (other[:, place] + 1) % V
        return np.abs(scores(other) - before).max(axis=(0, 2))

    before = scores(ans)
    difference = changed(at)
    where = f"another token number {at} of the answer"
    if difference[:at].max(initial=0) > 1e-5:
        early = int(np.argmax(difference > 1e-5))
        text = f"{where} changes the scores of position {early}: the decoder sees the future ({case})."
        raise Verdict(Status.FAILED, text)
    if difference[at:].min() < 1e-5:
        still = at + int(np.argmin(difference[at:]))
        text = f"{where} leaves the scores of position {still} as they are: they should depend on it ({case})."
        raise Verdict(Status.FAILED, text)
    if changed(T).max() > 1e-5:
        text = f"the last token of the answer, which is only ever a target, changes the scores ({case})."
        raise Verdict(Status.FAILED, text)


@pytest.mark.check("p2.transformer_causal", question="transformer", points=0.25, needs=BLOCKS)
def test_causal(student: Subject) -> None:
    """a token of the answer influences the scores from its place on, and none before"""
    model = student.transformers.Transformer(4, 32, 64, 0.2, 2, 2, 16)
    judge_causal(model, sampled_batch(1, 3, 9, 5, 32, 16), 16, 2, "N=3, K=9, O=5, V=16")


@pytest.mark.check(
    "p2.transformer_causal.sizes", question="transformer", points=0.25, needs=("p2.transformer_causal", *BLOCKS_SIZES),
    hidden=True,
)  # fmt: skip
@few_examples
@given(at=st.integers(0, 2), **SIZES)
def test_causal_sizes(
    student: Subject, seed: int, N: int, K: int, O: int, heads: int, V: int, at: int  # noqa: E741
) -> None:
    """the same with other sizes and other places"""
    M = 6 * heads
    model = student.transformers.Transformer.using(seed=seed)(heads, M, 10, 0.1, 1, 2, V)
    judge_causal(model, sampled_batch(seed, N, K, O, M, V), V, at, f"N={N}, K={K}, O={O}, V={V}")


# --- names ------------------------------------------------------------------------------------------------


def judge_weights(weights: object, shape: tuple[int, int, int], name: str) -> None:
    """Attention weights of the last forward pass: not negative, and rows that sum to one."""
    if not isinstance(weights, np.ndarray) or weights.shape != shape or weights.dtype.kind != "f":
        text = f"{name} is {kind_of(weights)}, wanted a tensor of floats of shape (N, K, T) = {shape}."
        raise Verdict(Status.FAILED, text)
    rows = weights.astype(np.float64).sum(-1)
    close(rows, np.ones(shape[:2]), name=f"the sum over the keys of {name}", dims="N K", tol=rel(1e-4))
    if (weights < 0).any():
        raise Verdict(Status.FAILED, f"{name} has negative entries.")


def embeddings(model: Remote, batch: list[Array]) -> Array:
    """The embedded questions (N,K,M), without their positions."""
    found = model.emb_layer(batch[0])
    return floats(found, name="emb_layer(questions)", shape=batch[1].shape, dims="N K M")


def judge_names(model: Remote, batch: list[Array], heads: int, encoders: int, decoders: int) -> None:
    """The paths that the notebook reads after a forward pass."""
    ques, ans = batch[0], batch[2]
    N, K, T = len(ques), ques.shape[1], ans.shape[1] - 1
    model.eval()
    model(*batch)
    embeddings(model, batch)
    paths = [(f"encoder.layers.{i}.MultiHeadBlock", (N, K, K)) for i in range(encoders)]
    for i in range(decoders):
        paths.append((f"decoder.layers.{i}.attention_self", (N, T, T)))
        paths.append((f"decoder.layers.{i}.attention_cross", (N, T, K)))
    for path, shape in paths:
        for h in range(heads):
            full = f"{path}.heads.{h}.weights_softmax"
            remote = model
            for step in full.split("."):
                remote = remote[int(step)] if step.isdigit() else getattr(remote, step)
            judge_weights(remote.get(), shape, full)


@pytest.mark.check("p2.attribute_names", question="transformer", points=0.25, needs=BLOCKS)
def test_attribute_names(student: Subject) -> None:
    """emb_layer, encoder, decoder, and every head's attention weights have the names that the notebook reads"""
    model = student.transformers.Transformer(2, 8, 16, 0.2, 2, 2, 16)
    judge_names(model, sampled_batch(2, 3, 9, 5, 8, 16), 2, 2, 2)


@pytest.mark.check(
    "p2.attribute_names.sizes", question="transformer", points=0.25, needs=("p2.attribute_names", *BLOCKS_SIZES),
    hidden=True,
)  # fmt: skip
def test_attribute_names_sizes(student: Subject) -> None:
    """the attention weights are those of the last forward pass, and the right ones"""
    model = student.transformers.Transformer(1, 6, 7, 0.2, 1, 3, 20)
    judge_names(model, sampled_batch(3, 4, 6, 7, 6, 20), 1, 1, 3)
    batch = sampled_batch(4, 1, 11, 3, 6, 20)
    judge_names(model, batch, 1, 1, 3)

    head = model.encoder.layers[0].MultiHeadBlock.heads[0]
    seen = head.weights_softmax.get()
    x = (embeddings(model, batch) + batch[1]).astype(np.float32)
    query, key = (
        floats(part(x), name=f"{name}(x) of the encoder's first head", shape=(1, 11, 6), dims="N K M")
        for name, part in (("q", head.q), ("k", head.k))
    )
    scores = query @ key.swapaxes(1, 2) / np.sqrt(6)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    close(seen, e / e.sum(-1, keepdims=True), name="weights_softmax of the encoder's first head", dims="N K T",
          tol=rel(1e-5))  # fmt: skip
