"""Part 2, FullTransformerTranslator: translations word by word.

The published sources are as long as max_length, and FT-4's greedy words hardly vary. The hidden companions have weights
with which they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import close, equal, floats, within
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

OWN = within(0, 1e-4)  # what the course allows for numbers that are not rounded to four places
NAMES = ("input_size", "output_size", "hidden_dim", "num_heads", "dim_feedforward", "num_layers_enc",
         "num_layers_dec", "max_length")  # fmt: skip
# With the weights that these seeds draw, the words differ from row to row and from step to step, and the best one is
# always clearly so: by 0.04 at least.
CASES: list[tuple[int, dict[str, int], tuple[int, int]]] = [
    (seed, dict(zip(NAMES, sizes, strict=True)), (N, T))
    for seed, N, T, *sizes in (
        (32, 3, 6, 11, 17, 9, 3, 14, 1, 2, 8),
        (24, 3, 6, 11, 17, 9, 3, 14, 3, 1, 8),
        (20, 1, 7, 11, 17, 9, 3, 14, 3, 1, 8),  # the end of the sentence is found early, and words after it
        (5, 2, 1, 11, 17, 9, 3, 14, 1, 2, 8),
        (5, 1, 1, 11, 17, 9, 3, 14, 1, 2, 8),
    )
]
GUARD = (5, dict(zip(NAMES, (11, 17, 9, 3, 14, 1, 2, 8), strict=True)), (3, 6))


def sized(subject: Subject, sizes: Mapping[str, int], seed: int) -> Remote:
    """A model with weights that are drawn alike for the student's and the reference's, in evaluation mode."""
    model = subject["models.Transformer"].FullTransformerTranslator(device="cpu", **sizes)
    subject.probes.transformers.drawn(model, seed, 0.3, 0.1)
    model.eval()
    return model


def sampled(seed: int, shape: tuple[int, int]) -> Array:
    """Sources without special words, so that no row begins with the start token."""
    return np.random.default_rng(seed).integers(3, 11, shape)


# --- mistakes ---------------------------------------------------------------------------------------------


def greedy(model: Remote, src: Array, ahead: int = 1, start: int | None = None, feedback: bool = True) -> Array:
    """What generate_translation gives with one thing wrong, from the forward passes of the reference's model.

    ahead: the word of step t goes into column t + ahead. start: what column 0 holds instead of src's.
    """
    T = src.shape[1]
    tgt = np.ones_like(src)  # padding
    tgt[:, 0] = src[:, 0] if start is None else start
    steps = []
    for t in range(T):
        steps.append(model(src, tgt)[:, t])
        if feedback and t + ahead < T:
            tgt[:, t + ahead] = steps[-1].argmax(1)
    return np.stack(steps, 1)


def mistakes(model: Remote, src: Array) -> dict[str, Array]:
    right = greedy(model, src)
    return {
        "The word of step t goes into column t of the target, but belongs into column t+1 (or forward does not shift"
        " the target).": greedy(model, src, 0),
        "The word of step t goes into column t+2 of the target, but belongs into column t+1.": greedy(model, src, 2),
        "The words that are found are not fed back.": greedy(model, src, feedback=False),
        "Column 0 of the target holds the start token, but wanted is src's column 0.": greedy(model, src, start=2),
        "The last scores are missing: the loop ends one step early.": np.concatenate(
            [right[:, :-1], np.zeros_like(right[:, :1])], 1
        ),
    }


# --- published values -------------------------------------------------------------------------------------


@pytest.mark.check("FT-2", question="full", points=2)
def test_generate_published(student: Subject, reference: Subject, stored: Stored) -> None:
    """FullTransformerTranslator.generate_translation with dropout, as in the hand-out"""
    try:
        judge_published(student, reference, stored["FT-2"])
    except Verdict as verdict:
        # Handing `forward` only those columns of the target that are written is right, too, but draws other dropout
        # masks. So the points are also for the right translation without dropout: of FT-4 and, because that one writes
        # one word almost everywhere and begins with the start token, of a model whose words vary.
        if verdict.status is not Status.FAILED:
            raise
        try:
            judge_by_rule(student, reference, stored["FT-4"])
            compare(student, reference, *GUARD)
            judge_dropout(student)
        except Verdict:
            raise verdict from None
        student.remark("FT-2: the numbers of the hand-out are not met, but translations without dropout are right")


def judge_published(student: Subject, reference: Subject, facts: Mapping[str, Any]) -> None:
    src = np.array(facts["tokens"])
    name, dims, tol = "generate_translation(src)", "N T V", within(0, facts["atol"])

    def called(subject: Subject, training: bool = True) -> Any:
        build = subject["models.Transformer"].FullTransformerTranslator.get()
        call = subject.probes.transformers.built_and_called
        return call(build, facts["args"], facts["kw"], "generate_translation", [src], training)

    mine = floats(called(student), name=name, shape=tuple(facts["shape"]), dims=dims, case="train mode")
    if tol.fits(mine.reshape(-1)[:: facts["step"]], np.array(facts["values"])):
        return
    right = called(reference).astype(np.float64)  # for what is between the published values; it takes seconds
    right.reshape(-1)[:: facts["step"]] = facts["values"]
    text = "Nothing is dropped out: a model in train mode is to stay there."
    close(mine, right, name=name, dims=dims, tol=tol, case="train mode",
          alternatives={text: called(reference, training=False)})  # fmt: skip


def judge_dropout(student: Subject) -> None:
    """A model in train mode has not left it while it translates."""
    seed, sizes, shape = GUARD
    model = sized(student, sizes, seed)
    model.train()
    once, again = (
        floats(model.generate_translation.using(seed=s, changes=True)(sampled(seed, shape)),
               name="generate_translation(src)", shape=(*shape, sizes["output_size"]), dims="N T V")
        for s in (1, 2)
    )  # fmt: skip
    if np.abs(once - again).max() < 1e-4:
        raise Verdict(Status.FAILED, "nothing is dropped out in train mode")


@pytest.mark.check("FT-4", question="full", points=4)
def test_generate_by_rule(student: Subject, reference: Subject, stored: Stored) -> None:
    """FullTransformerTranslator.generate_translation without dropout, weights by rule"""
    judge_by_rule(student, reference, stored["FT-4"])


def judge_by_rule(student: Subject, reference: Subject, facts: Mapping[str, Any]) -> None:
    models = []
    for subject in (student, reference):
        models.append(subject["models.Transformer"].FullTransformerTranslator(*facts["args"], "cpu", **facts["kw"]))
        subject.probes.filling.shapefill(models[-1], scale=facts["fill_scale"])
        models[-1].eval()
    src = np.array(facts["tokens"])
    close(models[0].generate_translation.using(changes=True)(src), np.array(facts["values"]).reshape(facts["shape"]),
          name="generate_translation(src)", dims="N T V", tol=within(0, facts["atol"]), case="evaluation mode",
          alternatives=mistakes(models[1], src))  # fmt: skip


# --- other sizes, other batches ---------------------------------------------------------------------------


def compare(
    student: Subject, reference: Subject, seed: int, sizes: Mapping[str, int], shape: tuple[int, int],
    dtype: str | None = None,
) -> None:  # fmt: skip
    """generate_translation of a model with drawn weights against the reference's."""
    model, right = (sized(subject, sizes, seed) for subject in (student, reference))
    src = sampled(seed, shape)
    N, T = shape
    case = f"N={N}, T={T}, " + ", ".join(f"{name}={size}" for name, size in sizes.items())
    close(model.generate_translation.using(changes=True)(src), right.generate_translation(src),
          name="generate_translation(src)", dims="N T V", tol=OWN, case=case, dtype=dtype,
          alternatives=mistakes(right, src))  # fmt: skip


@pytest.mark.check("FT-4.sizes", question="full", points=1.25, hidden=True)
def test_generate_sizes(student: Subject, reference: Subject) -> None:
    """generate_translation with words that vary, short sentences, a single one and single words"""
    for case in CASES:
        compare(student, reference, *case, dtype="float32")


@pytest.mark.check("FT-4.state", question="full", points=0.25, needs="FT-4.sizes", hidden=True)
def test_generate_state(student: Subject, reference: Subject) -> None:
    """generate_translation keeps nothing from one call to the next"""
    seed, sizes, shape = CASES[0]
    model, right = (sized(subject, sizes, seed) for subject in (student, reference))
    sources = [sampled(s, shape) for s in (seed, 44, seed)]
    for src in sources:
        close(model.generate_translation.using(changes=True)(src), right.generate_translation(src),
              name="generate_translation(src)", dims="N T V", tol=OWN,
              case="one model, called with several sources of the same shape")  # fmt: skip


@pytest.mark.check("FT-4.mode", question="full", points=0.25, needs="FT-4.sizes", hidden=True)
def test_generate_mode(student: Subject) -> None:
    """generate_translation leaves a model in train mode there"""
    seed, sizes, shape = CASES[0]
    model = sized(student, sizes, seed)
    model.train()
    model.generate_translation.using(changes=True)(sampled(seed, shape))
    equal(model.training.get(), True, name="model.training after generate_translation")


@pytest.mark.check("FT-4.gradients", question="full", points=0.25, needs="FT-4.sizes", hidden=True)
def test_generate_gradients(student: Subject, reference: Subject) -> None:
    """a translation can be learned from: the gradients of generate_translation are right"""
    seed, sizes, shape = CASES[0]
    src = sampled(seed, shape)
    upstream = np.sin(np.arange(1, src.size * sizes["output_size"] + 1), dtype=np.float32).reshape(*shape, -1)
    found, right = (
        subject.probes.transformers.gradients(sized(subject, sizes, seed), "generate_translation", [src], upstream)
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


@pytest.mark.check("FT.generate_unchanged", question="full", points=0)
def test_generate_unchanged(student: Subject) -> None:
    """generate_translation does not change src"""
    seed, sizes, shape = GUARD
    sized(student, sizes, seed).generate_translation(sampled(seed, shape))


@pytest.mark.check("FT.generate_rows", question="full", points=0)
def test_generate_rows(student: Subject) -> None:
    """a translation is the same alone as beside others, and the same again"""
    seed, sizes, (N, T) = GUARD
    generate = sized(student, sizes, seed).generate_translation.using(changes=True)
    src = sampled(seed, (N, T))
    together = floats(generate(src), name="generate_translation(src)", shape=(N, T, sizes["output_size"]), dims="N T V")
    again = generate.using(seed=1)(src)
    close(again, together, name="generate_translation(src) for the second time", dims="N T V", tol=OWN)
    for n in range(N):
        close(generate(src[n : n + 1]), together[n : n + 1], name="generate_translation(src)", dims="N T V", tol=OWN,
              case=f"sentence {n} alone, against the same one beside others")  # fmt: skip
