"""Part 2, FullTransformerTranslator: its forward pass, with the target given.

The published values were made with sentences as long as max_length, without a row that begins with the start token
twice, and with the usual id of padding; the hidden companions are not. Models in evaluation mode are called with
gradients enabled: without, torch takes a faster path through the encoder, with other numbers on padded sources. No
check puts padding into a source, since masking it there is optional.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import close, floats, within
from grader.errors import Verdict
from grader.records import Status
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

OWN = within(0, 1e-4)  # what the course allows for numbers that are not rounded to four places
NAMES = ("input_size", "output_size", "hidden_dim", "num_heads", "dim_feedforward", "num_layers_enc",
         "num_layers_dec", "max_length")  # fmt: skip
CASES: list[tuple[dict[str, int], tuple[int, int]]] = [
    (dict(zip(NAMES, sizes, strict=True)), (N, T))
    for *sizes, N, T in (
        (13, 9, 12, 3, 14, 2, 1, 10, 3, 10),
        (11, 8, 6, 2, 15, 1, 3, 9, 2, 5),
        (14, 10, 9, 3, 7, 3, 2, 12, 1, 7),
        (12, 7, 8, 4, 10, 1, 2, 6, 3, 1),
        (10, 9, 6, 3, 8, 1, 1, 5, 1, 1),
    )
]
START, PAD = 2, 1


# --- models and batches -----------------------------------------------------------------------------------


def sized(subject: Subject, sizes: Mapping[str, int], seed: int, **options: float) -> Remote:
    """A model with weights that are drawn alike for the student's and the reference's, in evaluation mode."""
    model = subject["models.Transformer"].FullTransformerTranslator(device="cpu", **sizes, **options)
    subject.probes.transformers.drawn(model, seed, 0.5, 0.2)
    model.eval()
    return model


def sampled(
    sizes: Mapping[str, int], shape: tuple[int, int], seed: int, pad: int | None = None
) -> tuple[Array, Array]:
    """Sources without padding, and targets; all of these but the first end in padding, if `pad` is given."""
    rng = np.random.default_rng(seed)
    src, tgt = (rng.integers(3, sizes[name], shape) for name in ("input_size", "output_size"))
    if pad is not None:
        src[src == pad] = 3
        for n in range(1, shape[0]):
            tgt[n, max(1, shape[1] - 1 - n) :] = pad
    return src, tgt


def told(sizes: Mapping[str, int], N: int, T: int) -> str:
    """The case in a student's words."""
    return f"N={N}, T={T}, " + ", ".join(f"{name}={size}" for name, size in sizes.items())


# --- mistakes ---------------------------------------------------------------------------------------------


class Mistaken:
    """forward in evaluation mode with one thing wrong, in numpy, from the reference's weights.

    One thing: what is fed to the decoder (`fed`, shifted or not), whether the future is hidden, which keys are
    padding (`hidden`), and on which sides positions are added.
    """

    def __init__(self, weights: Mapping[str, Array], sizes: Mapping[str, int]) -> None:
        self.w = {name: value.astype(np.float64) for name, value in weights.items()}
        self.sizes = sizes

    def scores(
        self, src: Array, fed: Array, hidden: Array, causal: bool = True, positions: Sequence[str] = ("src", "tgt")
    ) -> Array:
        x, y = (self.embedded(side, ids, side in positions) for side, ids in (("src", src), ("tgt", fed)))
        T = fed.shape[1]
        unseen = np.broadcast_to(hidden[:, None, None], (len(fed), 1, T, T))
        unseen = unseen | ~np.tri(T, dtype=bool) if causal else unseen
        for i in range(self.sizes["num_layers_enc"]):
            layer = f"transformer.encoder.layers.{i}"
            x = self.norm(x + self.attention(f"{layer}.self_attn", x, x, None))
            x = self.norm(x + self.feedforward(layer, x))
        x = self.norm(x)
        for i in range(self.sizes["num_layers_dec"]):
            layer = f"transformer.decoder.layers.{i}"
            y = self.norm(y + self.attention(f"{layer}.self_attn", y, y, unseen))
            y = self.norm(y + self.attention(f"{layer}.multihead_attn", y, x, None))
            y = self.norm(y + self.feedforward(layer, y))
        return self.linear("scores", self.norm(y))

    def embedded(self, side: str, ids: Array, positions: bool) -> Array:
        tokens = self.w[f"{side}embeddingL.weight"][ids]
        return tokens + self.w[f"{side}posembeddingL.weight"][: ids.shape[1]] if positions else tokens

    def attention(self, name: str, x: Array, memory: Array, unseen: Array | None) -> Array:
        N, T, H = x.shape
        weights, biases = (np.split(self.w[f"{name}.in_proj_{kind}"], 3) for kind in ("weight", "bias"))
        q, k, v = (
            (source @ weight.T + bias).reshape(N, -1, self.sizes["num_heads"], H // self.sizes["num_heads"])
            for source, weight, bias in zip((x, memory, memory), weights, biases, strict=True)
        )
        scores = np.einsum("nqhd,nkhd->nhqk", q, k) / np.sqrt(q.shape[-1])
        scores = scores if unseen is None else np.where(unseen, -np.inf, scores)
        e = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = np.einsum("nhqk,nkhd->nqhd", e / e.sum(-1, keepdims=True), v)
        return self.linear(f"{name}.out_proj", mixed.reshape(N, T, H))

    def feedforward(self, layer: str, x: Array) -> Array:
        return self.linear(f"{layer}.linear2", np.maximum(self.linear(f"{layer}.linear1", x), 0))

    def linear(self, name: str, x: Array) -> Array:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def norm(self, x: Array) -> Array:
        """A layer norm as it is created: no check changes one in nn.Transformer."""
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


def shifted(tgt: Array) -> Array:
    fed = np.roll(tgt, 1, 1)
    fed[:, 0] = START
    return fed


def mistakes(model: Remote, sizes: Mapping[str, int], src: Array, tgt: Array, pad: int = PAD) -> dict[str, Array]:
    """What forward gives when one thing about it is wrong; model: the reference's."""
    scores = Mistaken(model.parameters(), sizes).scores
    fed = shifted(tgt)
    hidden, none = fed == pad, np.zeros(fed.shape, dtype=bool)
    found = {
        "The future of the target is not hidden: the causal mask is missing.": scores(src, fed, hidden, causal=False),
        "Padding in the target is not masked.": scores(src, fed, none),
        "The padding mask is made before the start token is put in front, not after it.": scores(src, fed, tgt == pad),
        "Both masks of the target are missing.": scores(src, fed, none, causal=False),
        "The target is not shifted: the start token is not put in front.": scores(src, tgt, tgt == pad),
        "The start token is put in front of the target twice.": scores(src, shifted(fed), shifted(fed) == pad),
        "No positions are added.": scores(src, fed, hidden, positions=()),
        "No positions are added to the target.": scores(src, fed, hidden, positions=("src",)),
        "No positions are added to the source.": scores(src, fed, hidden, positions=("tgt",)),
    }
    if pad != PAD:
        text = f"The id {PAD} is masked as padding, not the one that the constructor was given."
        found[text] = scores(src, fed, fed == PAD)
    return found


# --- published values -------------------------------------------------------------------------------------


@pytest.mark.check("FT-1", question="full", points=4)
def test_forward_published(student: Subject, reference: Subject, stored: Stored) -> None:
    """FullTransformerTranslator.forward with dropout, as in the hand-out"""
    facts = stored["FT-1"]
    src, tgt = np.array(facts["tokens"]), np.array(facts["target"])

    def called(subject: Subject, training: bool = True, tgt: Array = tgt, **options: float) -> Any:
        build = subject["models.Transformer"].FullTransformerTranslator.get()
        call = subject.probes.transformers.built_and_called
        return call(build, facts["args"], {**facts["kw"], **options}, "forward", [src, tgt], training)

    right = called(reference).astype(np.float64)
    right.reshape(-1)[:: facts["step"]] = facts["values"]
    wrong = {
        "nn.Transformer drops out at its own default rate: give it the constructor's.": called(reference, dropout=0.1),
        "Nothing is dropped out: give nn.Transformer the constructor's rate.": called(reference, training=False),
        "The start token is put in front of the target twice.": called(reference, tgt=shifted(tgt)),
    }
    close(called(student), right, name="forward(src, tgt)", dims="N T V", tol=within(0, facts["atol"]),
          case="train mode", alternatives=wrong)  # fmt: skip


@pytest.mark.check("FT-3", question="full", points=3)
def test_forward_padded(student: Subject, reference: Subject, stored: Stored) -> None:
    """FullTransformerTranslator.forward with padding in the target, weights by rule"""
    facts = stored["FT-3"]
    src, tgt = np.array(facts["tokens"]), np.array(facts["target"])
    models = []
    for subject in (student, reference):
        models.append(subject["models.Transformer"].FullTransformerTranslator(*facts["args"], "cpu", **facts["kw"]))
        subject.probes.filling.shapefill(models[-1], scale=facts["fill_scale"])
        models[-1].eval()
    found = models[0].using(changes=True)(src, tgt)
    close(found, np.array(facts["values"]).reshape(facts["shape"]), name="forward(src, tgt)", dims="N T V",
          tol=within(0, facts["atol"]), case="evaluation mode",
          alternatives=mistakes(models[1], facts["kw"], src, tgt))  # fmt: skip


# --- other sizes, other batches ---------------------------------------------------------------------------


def compare(
    student: Subject, reference: Subject, sizes: Mapping[str, int], src: Array, tgt: Array, case: str,
    pad: int = PAD, dtype: str | None = None, **options: float,
) -> None:  # fmt: skip
    """forward of a model with drawn weights against the reference's."""
    model, right = (sized(subject, sizes, 30, **options) for subject in (student, reference))
    close(model.using(changes=True)(src, tgt), right.using(changes=True)(src, tgt), name="forward(src, tgt)",
          dims="N T V", tol=OWN, case=case, dtype=dtype,
          alternatives=mistakes(right, sizes, src, tgt, pad))  # fmt: skip


@pytest.mark.check("FT-3.sizes", question="full", points=2, hidden=True)
def test_forward_sizes(student: Subject, reference: Subject) -> None:
    """forward with other heads, layers and sizes, with short sentences, a single one and single words"""
    for seed, (sizes, shape) in enumerate(CASES):
        compare(student, reference, sizes, *sampled(sizes, shape, seed, PAD), told(sizes, *shape), dtype="float32")


@pytest.mark.check("FT-3.ignore_index", question="full", points=0.5, hidden=True)
def test_forward_ignore_index(student: Subject, reference: Subject) -> None:
    """what forward masks as padding is the id that the constructor was given"""
    sizes, shape = CASES[0]
    src, tgt = sampled(sizes, shape, 31, pad=5)
    tgt[0, 2] = PAD  # an ordinary word here
    compare(student, reference, sizes, src, tgt, "ignore_index=5", pad=5, ignore_index=5)


@pytest.mark.check("FT-3.start", question="full", points=0.5, hidden=True)
def test_forward_start(student: Subject, reference: Subject) -> None:
    """the target is shifted unless every one of its rows begins with the start token twice"""
    sizes, (_, T) = CASES[0]
    src, tgt = sampled(sizes, (3, T), 32)
    tgt[:, 0] = START
    compare(student, reference, sizes, src, tgt, "all rows of tgt begin with the start token once")
    tgt[:2, 1] = START
    compare(student, reference, sizes, src, tgt, "two of three rows of tgt begin with the start token twice")
    tgt[:, 1] = START
    text = "The target was shifted before: every row begins with the start token twice. It is shifted again."
    model, right = (sized(subject, sizes, 33) for subject in (student, reference))
    again = Mistaken(right.parameters(), sizes).scores(src, shifted(tgt), shifted(tgt) == PAD)
    close(model.using(changes=True)(src, tgt), right.using(changes=True)(src, tgt), name="forward(src, tgt)",
          dims="N T V", tol=OWN, case="all rows of tgt begin with the start token twice",
          alternatives={text: again})  # fmt: skip


@pytest.mark.check("FT-3.state", question="full", points=0.5, needs="FT-3.sizes", hidden=True)
def test_forward_state(student: Subject, reference: Subject) -> None:
    """forward keeps nothing from one call to the next"""
    sizes, shape = CASES[1]
    model, right = (sized(subject, sizes, 34) for subject in (student, reference))
    batches = [sampled(sizes, shape, seed, PAD) for seed in (35, 36, 37)]
    batches.append((batches[0][0], batches[1][1]))  # another target for a source that came before
    for src, tgt in batches:
        close(model.using(changes=True)(src, tgt), right(src, tgt), name="forward(src, tgt)", dims="N T V", tol=OWN,
              case="one model, called with several batches of the same shape")  # fmt: skip


@pytest.mark.check("FT-1.dropout", question="full", points=1, hidden=True)
def test_forward_dropout(student: Subject, reference: Subject) -> None:
    """forward in train mode drops out at the constructor's rate, inside nn.Transformer alone"""
    sizes, shape = CASES[0]
    src, tgt = sampled(sizes, shape, 38)

    def scores(subject: Subject, training: bool = True, dropout: float = 0.5) -> Any:
        model = sized(subject, sizes, 38, dropout=dropout)
        model.train(training)
        return model.using(changes=True)(src, tgt)

    wrong = {
        "The rate is always that of the hand-out.": scores(reference, dropout=0.2),
        "The rate is always the default of nn.Transformer.": scores(reference, dropout=0.1),
        "Nothing is dropped out.": scores(reference, training=False),
    }
    close(scores(student), scores(reference), name="forward(src, tgt)", dims="N T V", tol=OWN,
          case="train mode, half of everything dropped out", alternatives=wrong)  # fmt: skip


@pytest.mark.check("FT-1.reseed", question="full", points=0.5, needs="FT-1", hidden=True)
def test_forward_reseed(student: Subject, reference: Subject) -> None:
    """the weights of a new FullTransformerTranslator do not depend on what the caller has seeded"""
    sizes, shape = CASES[1]
    found = []
    for subject in (student, reference):
        build = subject["models.Transformer"].FullTransformerTranslator.using(seed=7)
        model = build(device="cpu", **sizes)
        model.eval()
        found.append(model.using(changes=True)(*sampled(sizes, shape, 39)))
    case = "the caller had set another seed, but the constructor sets the seed 0 before it makes its layers"
    close(found[0], found[1], name="forward(src, tgt) of a new model", dims="N T V", tol=OWN, case=case)


# --- diagnostics ------------------------------------------------------------------------------------------


@pytest.mark.check("FT.causal", question="full", points=0)
def test_causal(student: Subject) -> None:
    """a word of the target changes the scores behind it, and none at its place or before"""
    sizes, (_, T) = CASES[0]
    model = sized(student, sizes, 40)
    src, tgt = sampled(sizes, (1, T), 40)

    def scores(target: Array) -> Array:
        found = model.using(changes=True)(src, target)
        return floats(found, name="forward(src, tgt)", shape=(1, T, sizes["output_size"]), dims="N T V")

    before = scores(tgt)
    for j in range(T):
        other = tgt.copy()
        other[:, j] = 3 if tgt[0, j] != 3 else 4
        difference = np.abs(scores(other) - before).max(axis=(0, 2))
        if difference[: j + 1].max() > 1e-5:
            early = int(np.argmax(difference > 1e-5))
            text = f"another word in column {j} of tgt changes the scores of position {early}: the future is seen."
            raise Verdict(Status.FAILED, text)
        if difference[j + 1 :].max(initial=1) < 1e-5:
            text = f"another word in column {j} of tgt changes no score behind it: it should."
            raise Verdict(Status.FAILED, text)


@pytest.mark.check("FT.unchanged", question="full", points=0)
def test_unchanged(student: Subject) -> None:
    """forward changes neither src nor tgt"""
    sizes, shape = CASES[0]
    sized(student, sizes, 41)(*sampled(sizes, shape, 41))


@pytest.mark.check("FT.rows", question="full", points=0)
def test_rows(student: Subject) -> None:
    """a sentence gets the same scores alone as beside others, and the same again"""
    sizes, (N, T) = CASES[0]
    model = sized(student, sizes, 42).using(changes=True)
    src, tgt = sampled(sizes, (N, T), 42)
    together = floats(model(src, tgt), name="forward(src, tgt)", shape=(N, T, sizes["output_size"]), dims="N T V")
    close(model.using(seed=1)(src, tgt), together, name="forward(src, tgt) for the second time", dims="N T V", tol=OWN)
    for n in range(N):
        close(model(src[n : n + 1], tgt[n : n + 1]), together[n : n + 1], name="forward(src, tgt)", dims="N T V",
              tol=OWN, case=f"sentence {n} alone, against the same one beside others")  # fmt: skip
