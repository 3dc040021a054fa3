"""Questions captioning, lstm and attention: the captioner with each of its three cells.

The published losses saturate: leaving out the pooling or the normalisation of the image changes no digit. So
they count only where the loss of a small captioner with a fixed image encoder is right too, and captions
only where that captioner says the right words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, kind_of, rel, shape_text, tensor
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.remote import Remote

Array = NDArray[Any]

SEED = st.integers(0, 9999)
QUESTION = {"rnn": "captioning", "lstm": "lstm", "attn": "attention"}
LOSS_POINTS = {"rnn": 1.5, "lstm": 1.0, "attn": 1.0}
SAMPLE_POINTS = {"rnn": 1.0, "lstm": 1.0, "attn": 1.0}
NOTHING = {"rnn": 0.0, "lstm": 0.0, "attn": 0.0}
AMPLITUDE = {"rnn": 1.0, "lstm": 0.8, "attn": 0.2}

START, END = 1, 2
WORDS = {"<NULL>": 0, "<START>": START, "<END>": END, "a": 3, "b": 4, "c": 5, "d": 6}
MAX_LENGTH = 6
CAPTIONS = np.array([[1, 3, 5, 2, 0], [1, 4, 2, 0, 0], [1, 6, 3, 4, 2]])


def per_cell(check: str, points: dict[str, float], share: float = 1.0, **options: Any) -> pytest.MarkDecorator:
    """Parametrises a test by the cell, each with the check and the question that belong to it."""
    return pytest.mark.parametrize(
        "cell",
        [
            pytest.param(
                cell, marks=pytest.mark.check(check, question=QUESTION[cell], points=share * points[cell], **options)
            )
            for cell in QUESTION
        ],
    )


def wave(count: int) -> Array:
    """sin(.37 k²), k = 1..count."""
    return np.sin(0.37 * np.arange(1, count + 1, dtype=np.float64) ** 2)


MIX = wave(1200).reshape(400, 3).astype(np.float32)


def enlarge(cells: Array) -> Array:
    """Images (N,3,112,112) whose 4x4-pooled version is `cells` (N,3,4,4)."""
    return cells.astype(np.float32).repeat(28, axis=2).repeat(28, axis=3)


def fixed_images() -> Array:
    return enlarge(wave(144).reshape(3, 3, 4, 4) + 2 * np.eye(3)[:, :, None, None])


def fail(text: str, hidden_text: str | None = None) -> NoReturn:
    raise Verdict(Status.FAILED, text, hidden_text=hidden_text)


def built(subject: Any, words: dict[str, int], cell: str, D: int, H: int, *more: Any) -> Remote:
    """A captioner: an object, where the student's class may be a function that gives something else."""
    model = subject.probes.captioning.build(words, cell, D, H, *more)
    if not isinstance(model, Remote):
        given = "CaptioningRNN(...) gives no object"
        fail(f"{given}, but {kind_of(model)}", given)
    return model


def fixed_model(subject: Any, cell: str, *, ignore_index: int | None = 0, mix: Array = MIX) -> Any:
    return filled(subject, cell, WORDS, 8, 16, ignore_index, mix)


def filled(
    subject: Any, cell: str, words: dict[str, int], D: int, H: int, ignore_index: int | None, mix: Array = MIX
) -> Any:
    model = built(subject, words, cell, D, H, ignore_index, mix)
    subject.probes.captioning.fill_wave(model, AMPLITUDE[cell])
    return model


# --- loss -----------------------------------------------------------------------------------------------


def check_loss(value: object, right: Any, captions: Array, case: str, tol: Any, others: Callable[[], Any]) -> None:
    """`others` gives mistakes that cost some calls of the reference; asked only after a failure."""
    N, T = len(captions), captions.shape[1] - 1
    factors = {"N": float(N), "T": float(T), "N·T": float(N * T)}
    try:
        close(value, right, name="loss", tol=tol, case=case, factors=factors)
    except Verdict as verdict:
        if verdict.status is not Status.FAILED:
            raise
        close(value, right, name="loss", tol=tol, case=case, factors=factors, alternatives=others())


@per_cell("p1.caption_loss_fixed.{cell}", NOTHING)
def test_loss_fixed(student, reference, stored, cell):
    """CaptioningRNN.forward of a small captioner with cell "{cell}" and a fixed image encoder"""
    images, right = fixed_images(), stored["caption_loss_fixed"][cell]
    value = fixed_model(student, cell)(images, CAPTIONS)

    def others() -> dict[str, Any]:
        found = {
            "ignore_index is not handed to the loss, so that <NULL> counts.": fixed_model(
                reference, cell, ignore_index=None
            )(images, CAPTIONS),
            "All images are taken as the first one.": fixed_model(reference, cell)(images[[0, 0, 0]], CAPTIONS),
        }
        if cell != "attn":
            found["The features are summed over the 16 cells, wanted their mean."] = fixed_model(
                reference, cell, mix=16 * MIX
            )(images, CAPTIONS)
        return found

    check_loss(value, right, CAPTIONS, "a small captioner with a fixed image encoder", rel(1e-5), others)


@per_cell("p1.caption_loss_{cell}", LOSS_POINTS, 0.5, needs="p1.caption_loss_fixed.{cell}", slow=True)
def test_loss(student, reference, stored, cell):
    """CaptioningRNN.forward with cell "{cell}" returns the published loss"""
    words = {"<NULL>": 0, "cat": 2, "dog": 3}
    if cell == "rnn":
        images = np.random.default_rng(0).standard_normal((10, 3, 112, 112)).astype(np.float32)
    else:
        images = np.linspace(-3, 3, 10 * 3 * 112 * 112).reshape(10, 3, 112, 112).astype(np.float32)
    captions = (np.arange(130) % 3).reshape(10, 13)

    def loss(subject: Any, ignore_index: int | None) -> Any:
        model = built(subject, words, cell, 30, 40, ignore_index)
        subject.probes.captioning.fill_linspace(model)
        return model(images, captions)

    value, right = loss(student, 0), stored["caption_loss"][cell]
    check_loss(value, right, captions, "", rel(1e-5), lambda: {"ignore_index is not used.": loss(reference, None)})


@per_cell("p1.caption_loss_{cell}.sizes", LOSS_POINTS, 0.5, needs="p1.caption_loss_{cell}", hidden=True, slow=True)
@few_examples
@given(
    N=st.integers(1, 5), T=st.integers(1, 7), V=st.integers(4, 9), D=st.integers(3, 9), H=st.integers(3, 9),
    ignore_index=st.sampled_from([0, None, 2]), seed=SEED,
)  # fmt: skip
@example(N=1, T=1, V=5, D=4, H=6, ignore_index=None, seed=0)
@example(N=4, T=6, V=8, D=9, H=5, ignore_index=0, seed=1)
def test_loss_sizes(student, reference, cell, N, T, V, D, H, ignore_index, seed):
    """CaptioningRNN.forward with cell "{cell}" is right for other sizes and values"""
    rng = np.random.default_rng(seed)
    words = {"<NULL>": 0, **{f"word{i}": i for i in range(1, V)}}
    images, captions = enlarge(rng.standard_normal((N, 3, 4, 4))), rng.integers(0, V, (N, T + 1))
    value = filled(student, cell, words, D, H, ignore_index)(images, captions)
    right = filled(reference, cell, words, D, H, ignore_index)(images, captions)
    case = f"N={N}, T={T}, V={V}, wordvec_dim={D}, hidden_dim={H}, ignore_index={ignore_index}"

    def others() -> dict[str, Any]:
        loss = filled(reference, cell, words, D, H, None)(images, captions)
        return {"ignore_index is not handed to the loss.": loss} if ignore_index is not None else {}

    check_loss(value, right, captions, case, rel(1e-5), others)


# --- sample ---------------------------------------------------------------------------------------------


def checked_sample(value: Any, cell: str, N: int, length: int, V: int) -> tuple[Array, Array | None]:
    """captions (N,length) and, for attn, weights (N,length,4,4), of the right shape and kind."""
    captions, weights = value, None
    if cell == "attn":
        if not isinstance(value, list | tuple) or len(value) != 2:
            fail(f"sample returned {kind_of(value)}, wanted the 2 items captions, attention weights")
        captions, weights = value
    if not isinstance(captions, np.ndarray):
        fail(f"captions is {kind_of(captions)}, wanted one tensor")
    if captions.shape != (N, length):
        fail(f"captions has shape {shape_text(captions.shape)}, wanted (N, max_length) = ({N}, {length})")
    if captions.dtype.kind not in "iu":
        fail(f"captions has dtype {captions.dtype}, wanted int64")
    if captions.min() < 0 or captions.max() >= V:
        outside = "captions holds numbers outside the vocabulary"
        fail(f"{outside}: {captions.min()} … {captions.max()}, V={V}", f"{outside}, V={V}")
    captions = captions.astype(np.int64)  # unsigned ones would become floats beside other integers
    if cell != "attn":
        return captions, None
    if not isinstance(weights, np.ndarray) or weights.shape != (N, length, 4, 4):
        wanted = f"(N, max_length, 4, 4) = ({N}, {length}, 4, 4)"
        fail(f"the attention weights are {kind_of(weights)}, wanted shape {wanted}")
    if weights.dtype.kind != "f":
        fail(f"the attention weights have dtype {weights.dtype}, wanted floats")
    for n, words in enumerate(captions):
        for t in range(judged(words)):
            total = weights[n, t].sum(dtype=np.float64)
            if not abs(total - 1) <= 1e-4 or weights[n, t].min() < 0:
                fail(f"the attention weights of image {n}, step {t} are no average: they do not sum to one")
    return captions, weights


def judged(words: Sequence[int]) -> int:
    """How many words of a caption count: those up to the first <END>."""
    ends = np.flatnonzero(np.equal(words, END))
    return int(ends[0]) + 1 if len(ends) else len(words)


def start_is_kept(captions: Array) -> bool:
    return bool((captions[:, 0] == START).all())


KEPT = "column 0 holds <START> for every image; it should hold the first word that was sampled, <START> is only fed in"


def check_greedy(captions: Array, losses: Callable[[list[int], list[Array]], Array], V: int, judge: str) -> None:
    """No other word may have a lower loss, at any step up to <END>.

    losses: (numbers of the images, captions) -> the loss of each pair.
    """
    which, tried, places = [], [], []
    for n, words in enumerate(captions):
        for t in range(judged(words)):
            for word in range(V):
                which.append(n)
                tried.append(np.array([START, *words[:t], word]))
            places.append((n, t))
    table = losses(which, tried).reshape(len(places), V)
    for (n, t), row in zip(places, table, strict=True):
        mine = row[captions[n, t]]
        if mine > row.min() + 1e-4 + 1e-5 * abs(row.min()):
            hint = f" ({KEPT}?)" if start_is_kept(captions) else ""
            fail(f"the word of image {n} at step {t} is not the likeliest one according to {judge}{hint}")


def losses_of(subject: Any, model: Any, images: Array) -> Callable[[list[int], list[Array]], Array]:
    def losses(which: list[int], captions: list[Array]) -> Array:
        values = subject.probes.captioning.losses(model, images, which, captions)
        if type(values) is not list or len(values) != len(which):
            raise forged()
        found = [tensor(value, name="the loss that CaptioningRNN.forward returns") for value in values]
        if not all(v.shape == () and v.dtype.kind == "f" and np.isfinite(v) for v in found):
            fail("the words cannot be judged: CaptioningRNN.forward does not return a finite scalar")
        return np.stack(found).astype(np.float64)

    return losses


@per_cell("p1.sample_fixed.{cell}", NOTHING)
def test_sample_fixed(student, stored, cell):
    """CaptioningRNN.sample of a small captioner with cell "{cell}" says the right words"""
    value = fixed_model(student, cell).sample(fixed_images(), max_length=MAX_LENGTH)
    captions, weights = checked_sample(value, cell, 3, MAX_LENGTH, len(WORDS))
    right = stored["sample_fixed"][cell]
    wrong = [(n, t) for n, words in enumerate(right) for t in range(judged(words)) if captions[n, t] != words[t]]
    if wrong:
        n, t = wrong[0]
        shifted = start_is_kept(captions) and [list(row[1:]) for row in captions] == [row[:-1] for row in right]
        same = (captions == captions[0]).all() and len({tuple(row) for row in right}) > 1
        hint = f": {KEPT}" if shifted else ": all images get the words of one" if same else ""
        fail(f"the word of image {n} at step {t} is wrong{hint}")
    if weights is not None:
        maps = stored["sample_fixed_maps"]
        cells = np.arange(16).reshape(4, 4)
        for (n, t), expected in zip(maps["places"], maps["cells"], strict=True):
            name = f"sum over the cells of weight times number of the cell, image {n}, step {t}"
            close((weights[n, t] * cells).sum(), expected, name=name, tol=rel(1e-4))


@per_cell("p1.sample_{cell}", SAMPLE_POINTS, 0.5, needs="p1.sample_fixed.{cell}")
def test_sample(student, cell):
    """CaptioningRNN.sample with cell "{cell}" says the word that its own loss finds likeliest, at every step"""
    model = built(student, WORDS, cell, 8, 16, -100, MIX)
    images = fixed_images()
    captions, _ = checked_sample(model.sample(images, max_length=MAX_LENGTH), cell, 3, MAX_LENGTH, len(WORDS))
    check_greedy(captions, losses_of(student, model, images), len(WORDS), "the model's own loss")


@per_cell("p1.sample_{cell}.sizes", SAMPLE_POINTS, 0.5, needs="p1.sample_{cell}", hidden=True, slow=True)
@few_examples
@given(
    N=st.integers(1, 4), length=st.integers(1, 7), V=st.integers(4, 9), D=st.integers(3, 9), H=st.integers(4, 12),
    seed=SEED,
)  # fmt: skip
@example(N=1, length=1, V=5, D=4, H=6, seed=0)
@example(N=3, length=8, V=7, D=5, H=9, seed=1)
def test_sample_sizes(student, reference, cell, N, length, V, D, H, seed):
    """CaptioningRNN.sample with cell "{cell}" is right for other sizes and values"""
    words = {"<NULL>": 0, "<START>": START, "<END>": END, **{f"word{i}": i for i in range(3, V)}}
    rng = np.random.default_rng(seed)
    images = enlarge(rng.standard_normal((N, 3, 4, 4)) + 2 * rng.standard_normal((N, 3, 1, 1)))
    value = filled(student, cell, words, D, H, -100).sample(images, max_length=length)
    captions, weights = checked_sample(value, cell, N, length, V)
    model = filled(reference, cell, words, D, H, -100)
    check_greedy(captions, losses_of(reference, model, images), V, f"the right loss (N={N}, max_length={length})")
    if weights is None:
        return
    right, maps = model.sample(images, max_length=length)
    for n in range(N):
        steps = judged(captions[n])
        if (captions[n, :steps] == right[n, :steps]).all():  # else two words were equally likely
            name = f"attention weights of image {n}"
            close(weights[n, :steps], maps[n, :steps], name=name, dims="T R C", tol=rel(1e-4))
