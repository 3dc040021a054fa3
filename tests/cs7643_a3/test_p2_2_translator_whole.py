"""Part 2, TransformerTranslator: the whole of it.

The published values were made with all sentences as long as max_length and with dim_v = dim_k; the hidden companions
are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import close, floats, within
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
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
    """The model behind a published value: as it comes from its constructor, or filled by rule."""
    model = subject["models.Transformer"].TransformerTranslator(*facts["args"], "cpu", **facts["kw"])
    if "fill_scale" in facts:
        subject.probes.filling.shapefill(model, scale=facts["fill_scale"])
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


def judge(student: Subject, facts: Mapping[str, Any]) -> None:
    """forward's scores against published ones."""
    right = np.array(facts["values"]).reshape(facts["shape"])
    found = published(student, facts).using(changes=True)(np.array(facts["tokens"]))
    close(found, right, name="forward(inputs)", dims="N T V", tol=within(0, facts["atol"]))


# --- published values ---------------------------------------------------------------------------------------


@pytest.mark.check("TT-5", question="translator", points=2)
def test_forward(student: Subject, stored: Stored) -> None:
    """TransformerTranslator.forward runs the four deliverables in a row, as in the hand-out"""
    judge(student, stored["TT-5"])


@pytest.mark.check("TT-6", question="translator", points=2)
def test_forward_small(student: Subject, stored: Stored) -> None:
    """TransformerTranslator.forward with small sizes and weights by rule"""
    judge(student, stored["TT-6"])


@pytest.mark.check("TT-7", question="translator", points=1)
def test_forward_short(student: Subject, stored: Stored) -> None:
    """TransformerTranslator.forward with sentences shorter than max_length"""
    judge(student, stored["TT-7"])


# --- other sizes, other batches -----------------------------------------------------------------------------


@pytest.mark.check("TT-1.reseed", question="translator", points=0.5, needs="TT-1", hidden=True)
def test_embed_reseed(student: Subject, reference: Subject) -> None:
    """the weights of a new TransformerTranslator do not depend on what the caller has seeded"""
    ids = np.array([[0, 3, 7, 2, 11], [5, 4, 8, 10, 1]])
    sizes, options = (12, 7), {"hidden_dim": 6, "dim_feedforward": 9, "dim_k": 5, "dim_v": 5, "dim_q": 5}
    found, right = (
        subject["models.Transformer"].TransformerTranslator.using(seed=7)(*sizes, "cpu", **options).embed(ids)
        for subject in (student, reference)
    )
    case = "the caller had set another seed, but the constructor sets the seed 0 before it makes its layers"
    close(found, right, name="embed(inputs) of a new model", dims="N T H", tol=OWN, case=case)


@pytest.mark.check("TT-6.sizes", question="translator", points=1, hidden=True)
def test_forward_sizes(student: Subject, reference: Subject) -> None:
    """forward with other sizes, with short sentences, a single one and single words"""
    for seed, (sizes, shape) in enumerate(CASES):
        ids = np.random.default_rng(seed).integers(0, sizes["input_size"], shape)
        model, right = (sized(subject, sizes, seed) for subject in (student, reference))
        close(model.using(changes=True)(ids), right(ids), name="forward(inputs)", dims="N T V", tol=OWN,
              dtype="float32", case=told(sizes, *shape))  # fmt: skip


@pytest.mark.check("TT-6.state", question="translator", points=0.25, needs="TT-6.sizes", hidden=True)
def test_forward_state(student: Subject, reference: Subject) -> None:
    """forward keeps nothing from one call to the next"""
    sizes, shape = CASES[1]
    rng = np.random.default_rng(60)
    batches = [rng.integers(0, sizes["input_size"], shape) for _ in range(3)]
    model, right = (sized(subject, sizes, 60) for subject in (student, reference))
    for ids in (*batches, batches[0]):
        close(model.using(changes=True)(ids), right(ids), name="forward(inputs)", dims="N T V", tol=OWN,
              case="one model, called with several batches of the same shape")  # fmt: skip


@pytest.mark.check("TT-6.gradients", question="translator", points=0.25, needs="TT-6.sizes", hidden=True)
def test_forward_gradients(student: Subject, reference: Subject) -> None:
    """every layer of TransformerTranslator learns: the gradients of forward are right"""
    sizes, shape = CASES[0]
    ids = np.random.default_rng(70).integers(0, sizes["input_size"], shape)
    upstream = np.sin(np.arange(1, ids.size * sizes["output_size"] + 1), dtype=np.float32).reshape(*shape, -1)
    found, right = (
        subject.probes.transformers.gradients(sized(subject, sizes, 70), "forward", [ids], upstream)
        for subject in (student, reference)
    )
    if type(found) is not dict or type(found.get("gradients")) is not dict:
        raise forged()
    idle = [name for name, gradient in right["gradients"].items() if found["gradients"].get(name) is None]
    if idle:
        text = f"{len(idle)} of {len(right['gradients'])} weights and biases get no gradient: something is cut off."
        raise Verdict(Status.FAILED, text)
    for name, gradient in right["gradients"].items():
        text = f"the gradient of parameter {name.split()[1]} of shape {name.split()[0]}"
        close(found["gradients"][name], gradient, name=text, tol=within(1e-3, 1e-3))


# --- diagnostics ------------------------------------------------------------------------------------------


@pytest.mark.check("TT.composition", question="translator", points=0)
def test_composition(student: Subject) -> None:
    """forward is final_layer after feedforward_layer after multi_head_attention after embed"""
    sizes, (N, T) = CASES[0]
    model = sized(student, sizes, 80)
    ids = np.random.default_rng(80).integers(0, sizes["input_size"], (N, T))
    embed, attend, feed, score = (
        part.using(changes=True)
        for part in (model.embed, model.multi_head_attention, model.feedforward_layer, model.final_layer)
    )
    step_by_step = floats(
        score(feed(attend(embed(ids)))), name="the four methods in a row", shape=(N, T, sizes["output_size"])
    )
    close(model.using(changes=True)(ids), step_by_step, name="forward(inputs)", dims="N T V", tol=OWN,
          case="against the four methods")  # fmt: skip


@pytest.mark.check("TT.unchanged", question="translator", points=0)
def test_unchanged(student: Subject) -> None:
    """no method of TransformerTranslator changes its argument"""
    sizes, (N, T) = CASES[0]
    model = sized(student, sizes, 90)
    rng = np.random.default_rng(90)
    ids = rng.integers(0, sizes["input_size"], (N, T))
    x = rng.normal(0, 1, (N, T, sizes["hidden_dim"])).astype(np.float32)
    for method, argument in ((model.embed, ids), (model, ids), (model.multi_head_attention, x),
                             (model.feedforward_layer, x), (model.final_layer, x)):  # fmt: skip
        method(argument)


@pytest.mark.check("TT.rows", question="translator", points=0)
def test_rows(student: Subject) -> None:
    """a sentence gets the same scores alone as beside others, and the same again"""
    sizes, (N, T) = CASES[0]
    model = sized(student, sizes, 95)
    ids = np.random.default_rng(95).integers(0, sizes["input_size"], (N, T))
    together = floats(model(ids), name="forward(inputs)", shape=(N, T, sizes["output_size"]), dims="N T V")
    close(model.using(seed=1)(ids), together, name="forward(inputs) for the second time", dims="N T V", tol=OWN)
    for n in range(N):
        close(model(ids[n : n + 1]), together[n : n + 1], name="forward(inputs)", dims="N T V", tol=OWN,
              case=f"sentence {n} alone, against the same one beside others")  # fmt: skip
