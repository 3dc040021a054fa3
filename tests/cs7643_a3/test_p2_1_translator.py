"""Part 2, TransformerTranslator: its four deliverables one by one.

The published values were made with all sentences as long as max_length and with dim_v = dim_k; the hidden companions
are not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import close, within
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

OWN = within(0, 1e-4)  # what the course allows for numbers that are not rounded to four places
NAMES = ("input_size", "output_size", "hidden_dim", "dim_feedforward", "dim_k", "dim_v", "dim_q", "max_length")
# Of the layers that the student makes, no two have weights of one shape: their order does not matter.
CASES: list[tuple[dict[str, int], tuple[int, int]]] = [
    (dict(zip(NAMES, sizes, strict=True)), (N, T))
    for *sizes, N, T in (
        (13, 6, 10, 17, 7, 3, 7, 9, 3, 9),
        (11, 5, 8, 14, 4, 12, 4, 15, 2, 6),
        (9, 4, 6, 7, 3, 5, 3, 8, 1, 5),
        (12, 3, 6, 10, 5, 4, 5, 7, 4, 1),
        (10, 7, 4, 6, 3, 8, 3, 5, 1, 1),
    )
]


# --- models -----------------------------------------------------------------------------------------------


def published(subject: Subject, facts: Mapping[str, Any]) -> Remote:
    """The model behind a published value, as it comes from its constructor."""
    model = subject["models.Transformer"].TransformerTranslator(*facts["args"], "cpu", **facts["kw"])
    model.eval()
    return model


def sized(subject: Subject, sizes: Mapping[str, int], seed: int) -> Remote:
    """A model with weights that are drawn alike for the student's and the reference's."""
    model = subject["models.Transformer"].TransformerTranslator(device="cpu", **sizes)
    subject.probes.transformers.drawn(model, seed, 0.7, 0.4)
    model.eval()
    return model


def told(sizes: Mapping[str, int], N: int, T: int) -> str:
    """The case in a student's words."""
    return f"N={N}, T={T}, " + ", ".join(f"{name}={size}" for name, size in sizes.items())


def completed(facts: Mapping[str, Any], whole: Array) -> Array:
    """The reference's tensor with the published values in their places: every step-th one is published."""
    right = whole.astype(np.float64)
    right.reshape(-1)[:: facts["step"]] = facts["values"]
    return right


# --- mistakes ---------------------------------------------------------------------------------------------


def normed(x: Array) -> Array:
    """A layer norm as it is created."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def softmax(x: Array, axis: int) -> Array:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def embed_mistakes(weights: Mapping[str, Array], ids: Array) -> dict[str, Array]:
    tokens, places = weights["token_embedding.weight"][ids], weights["position_embedding.weight"]
    T = ids.shape[1]
    return {
        "The positions are not added.": tokens,
        "These are the vectors of the positions alone.": np.broadcast_to(places[:T], tokens.shape),
        "The positions count from the end.": tokens + places[T - 1 :: -1][:T],
        "The positions count from 1, not from 0.": tokens + np.roll(places, -1, 0)[:T],
        "All positions have the vector of position 0.": tokens + places[0],
        "The position vectors are those of the token ids.": tokens + places[np.minimum(ids, len(places) - 1)],
    }


def attention_mistakes(weights: Mapping[str, Array], x: Array, sizes: Mapping[str, int]) -> dict[str, Array]:
    """What multi_head_attention gives when one thing about it is wrong."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def linear(layer: str, y: Array) -> Array:
        return y @ w[f"{layer}.weight"].T + w[f"{layer}.bias"]

    def mixed(
        scale: float = sizes["dim_k"] ** 0.5, heads: tuple[int, int] = (1, 2), axis: int = 2, causal: bool = False
    ) -> Array:
        found = []
        for h in heads:
            scores = linear(f"q{h}", x) @ linear(f"k{h}", x).swapaxes(1, 2) / scale
            if causal:
                scores = np.where(np.tri(x.shape[1], dtype=bool), scores, -np.inf)
            found.append(softmax(scores, axis) @ linear(f"v{h}", x))
        return linear("attention_head_projection", np.concatenate(found, 2))

    mistakes = {
        "The scores are not divided by √dim_k.": normed(x + mixed(1.0)),
        "The scores are divided by dim_k, not by its square root.": normed(x + mixed(sizes["dim_k"])),
        "The scores are divided by √hidden_dim, not by √dim_k.": normed(x + mixed(sizes["hidden_dim"] ** 0.5)),
        "The softmax runs over the queries, not over the keys.": normed(x + mixed(axis=1)),
        "The two heads are concatenated in the wrong order.": normed(x + mixed(heads=(2, 1))),
        "Both heads use the layers of the first one.": normed(x + mixed(heads=(1, 1))),
        "Both heads use the layers of the second one.": normed(x + mixed(heads=(2, 2))),
        "The input is not added: the residual connection is missing.": normed(mixed()),
        "The layer norm is missing.": x + mixed(),
        "The norm stands before the residual connection, not after it.": x + normed(mixed()),
        "Later positions are hidden, but here every position sees every other one.": normed(x + mixed(causal=True)),
    }
    if sizes["dim_v"] != sizes["dim_k"]:
        wrong = normed(x + mixed(sizes["dim_v"] ** 0.5))
        mistakes["The scores are divided by √dim_v, not by √dim_k."] = wrong
    return mistakes


def feedforward_mistakes(weights: Mapping[str, Array], x: Array) -> dict[str, Array]:
    """What feedforward_layer gives when one thing about it is wrong."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    wide = x @ w["widen.weight"].T + w["widen.bias"]
    plain, y = (h @ w["narrow.weight"].T + w["narrow.bias"] for h in (wide, np.maximum(wide, 0)))
    return {
        "The ReLU between the two linear layers is missing.": normed(x + plain),
        "The input is not added: the residual connection is missing.": normed(y),
        "The layer norm is missing.": x + y,
        "The norm stands before the residual connection, not after it.": x + normed(y),
        "The ReLU belongs between the linear layers, not behind them.": normed(x + np.maximum(plain, 0)),
    }


# --- published values -------------------------------------------------------------------------------------


@pytest.mark.check("TT-1", question="translator", points=3)
def test_embed(student: Subject, reference: Subject, stored: Stored) -> None:
    """TransformerTranslator.embed adds token and position vectors, as in the hand-out"""
    facts = stored["TT-1"]
    ids = np.array(facts["tokens"])
    right = published(reference, facts)
    found = published(student, facts).embed.using(changes=True)(ids)
    close(found, completed(facts, right.embed(ids)), name="embed(inputs)", dims="N T H",
          tol=within(0, facts["atol"]), alternatives=embed_mistakes(right.parameters(), ids))  # fmt: skip


@pytest.mark.check("TT-2", question="translator", points=5, needs="TT-1")
def test_attention(student: Subject, reference: Subject, stored: Stored) -> None:
    """TransformerTranslator.multi_head_attention, as in the hand-out"""
    facts = stored["TT-2"]
    ids = np.array(facts["tokens"])
    model, right = published(student, facts), published(reference, facts)
    found = model.multi_head_attention.using(changes=True)(model.embed.using(changes=True)(ids))
    x = right.embed(ids)
    close(found, completed(facts, right.multi_head_attention(x)), name="multi_head_attention(embed(inputs))",
          dims="N T H", tol=within(0, facts["atol"]),
          alternatives=attention_mistakes(right.parameters(), x, facts["kw"]))  # fmt: skip


@pytest.mark.check("TT-3", question="translator", points=3, needs="TT-2")
def test_feedforward(student: Subject, reference: Subject, stored: Stored) -> None:
    """TransformerTranslator.feedforward_layer, as in the hand-out"""
    facts = stored["TT-3"]
    ids = np.array(facts["tokens"])
    model, right = published(student, facts), published(reference, facts)
    embed, attend, feed = (
        part.using(changes=True) for part in (model.embed, model.multi_head_attention, model.feedforward_layer)
    )
    found = feed(attend(embed(ids)))
    x = right.multi_head_attention(right.embed(ids))
    close(found, completed(facts, right.feedforward_layer(x)), name="feedforward_layer(multi_head_attention(…))",
          dims="N T H", tol=within(0, facts["atol"]),
          alternatives=feedforward_mistakes(right.parameters(), x))  # fmt: skip


@pytest.mark.check("TT-4", question="translator", points=1, needs="TT-3")
def test_final_layer(student: Subject, reference: Subject, stored: Stored) -> None:
    """TransformerTranslator.final_layer gives a score for every class, as in the hand-out"""
    facts = stored["TT-4"]
    ids = np.array(facts["tokens"])
    model = published(student, facts)
    x: Any = ids
    for part in (model.embed, model.multi_head_attention, model.feedforward_layer, model.final_layer):
        x = part.using(changes=True)(x)
    right = np.array(facts["values"]).reshape(facts["shape"])
    wrong = {"There is a softmax over the classes, but plain scores are wanted.": softmax(right, 2),
             "There is a log-softmax over the classes, but plain scores are wanted.": np.log(softmax(right, 2)),
             "There is a ReLU behind the last layer, but plain scores are wanted.": np.maximum(right, 0)}  # fmt: skip
    close(x, right, name="final_layer(feedforward_layer(…))", dims="N T V", tol=within(0, facts["atol"]),
          alternatives=wrong)  # fmt: skip


# --- other sizes ------------------------------------------------------------------------------------------


def each_case(
    student: Subject, reference: Subject, method: str, dims: str, of_ids: bool,
    mistakes: Callable[[Remote, Array, Mapping[str, int]], dict[str, Array]] = lambda model, x, sizes: {},
) -> None:  # fmt: skip
    """One method against the reference's, in float32, for all CASES; on token ids, or on numbers of its own."""
    for seed, (sizes, shape) in enumerate(CASES):
        rng = np.random.default_rng(seed)
        ids = rng.integers(0, sizes["input_size"], shape)
        x = ids if of_ids else rng.normal(0, 1, (*shape, sizes["hidden_dim"])).astype(np.float32)
        model, right = (sized(subject, sizes, seed) for subject in (student, reference))
        found = getattr(model, method).using(changes=True)(x)
        wrong = mistakes(right, x, sizes)
        close(found, getattr(right, method)(x), name=f"{method}(inputs)", dims=dims, tol=OWN, dtype="float32",
              case=told(sizes, *shape), alternatives=wrong)  # fmt: skip


@pytest.mark.check("TT-1.sizes", question="translator", points=1, hidden=True)
def test_embed_sizes(student: Subject, reference: Subject) -> None:
    """embed with other sizes, with short sentences, a single one and single words"""
    each_case(student, reference, "embed", "N T H", True, lambda m, x, _: embed_mistakes(m.parameters(), x))


@pytest.mark.check("TT-2.sizes", question="translator", points=1, hidden=True)
def test_attention_sizes(student: Subject, reference: Subject) -> None:
    """multi_head_attention with other sizes, where values and keys need not be equally wide"""
    each_case(student, reference, "multi_head_attention", "N T H", False,
              lambda m, x, sizes: attention_mistakes(m.parameters(), x, sizes))  # fmt: skip


@pytest.mark.check("TT-3.sizes", question="translator", points=0.5, hidden=True)
def test_feedforward_sizes(student: Subject, reference: Subject) -> None:
    """feedforward_layer with other sizes"""
    each_case(student, reference, "feedforward_layer", "N T H", False,
              lambda m, x, _: feedforward_mistakes(m.parameters(), x))  # fmt: skip


@pytest.mark.check("TT-3.own_norm", question="translator", points=1, needs="TT-3.sizes", hidden=True)
def test_feedforward_own_norm(student: Subject, reference: Subject) -> None:
    """feedforward_layer has a layer norm of its own: what norm_mh has learned does not change it"""
    sizes = CASES[0][0]
    x = np.random.default_rng(50).normal(0, 1, (2, 4, 10)).astype(np.float32)
    learned = {"norm_mh.weight": np.linspace(0.4, 2.2, 10, dtype=np.float32),
               "norm_mh.bias": np.linspace(-1, 0.7, 10, dtype=np.float32)}  # fmt: skip
    found = []
    for subject in (student, reference):
        model = sized(subject, sizes, 50)
        model.fill(learned)
        found.append(model.feedforward_layer.using(changes=True)(x))
    reused = found[1] * learned["norm_mh.weight"] + learned["norm_mh.bias"]
    text = "The layer norm of the attention is used once more: the feed-forward layer needs one of its own."
    close(found[0], found[1], name="feedforward_layer(inputs)", dims="N T H", tol=OWN,
          case="once norm_mh has other weights", alternatives={text: reused})  # fmt: skip


@pytest.mark.check("TT-4.sizes", question="translator", points=0.5, hidden=True)
def test_final_layer_sizes(student: Subject, reference: Subject) -> None:
    """final_layer with other sizes"""
    each_case(student, reference, "final_layer", "N T V", False)
