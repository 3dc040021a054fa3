"""Part 2, the decoder block: with given dropout masks, without dropout, and where dropout stands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, floats, in_range, rel, tensor
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

SEEDS = st.integers(0, 2**32 - 1)
SIZES = {"seed": SEEDS, "heads": st.integers(1, 3), "N": st.integers(1, 3), "K": st.integers(1, 5),
         "T": st.integers(1, 5), "size": st.integers(2, 3), "H": st.integers(1, 9)}  # fmt: skip


def case_of(heads: int, N: int, K: int, T: int, M: int, H: int) -> str:
    return f"{heads} heads, N={N}, K={K}, T={T}, M={M}, feed-forward size {H}"


# --- given dropout masks ----------------------------------------------------------------------------------


def masks_of(bits: str) -> Array:
    """"01… 11… | …": a dropout call between bars, a sequence of the batch between spaces; (calls,2,4,4)."""
    calls = [[[int(bit) for bit in item] for item in call.split()] for call in bits.split("|")]
    return np.array(calls).reshape(-1, 2, 4, 4)


def judge_masked(block: Remote, student: Subject, args: list[Array], masks: Array, keep: float) -> Any:
    """The output under the given masks, once the number of dropouts is right."""
    found = student.probes.transformer.with_masks(block, args, masks.astype(np.float64), keep)
    if type(found) is not dict or found.keys() != {"output", "calls"}:
        raise forged()
    in_range(found["calls"], 3, 3, name="the number of dropouts in one forward pass (one after each norm)")
    return found["output"]


def published_masked(student: Subject, stored: Stored, H: int, T: int, masks: str, expected: str) -> None:
    block = student.transformers.DecoderBlock(2, 4, H, 0.2)
    student.probes.transformer.fill_linspace(block)
    args = [np.linspace(-0.4, 0.6, 8 * n, dtype=np.float32).reshape(2, n, 4) for n in (4, T)]
    y = judge_masked(block, student, args, masks_of(stored[masks]), 0.8)
    close(y, stored.array(expected), name="y", dims="N K M", tol=rel(2e-5))


def sampled_masked(
    student: Subject, reference: Subject,
    seed: int, heads: int, N: int, K: int, T: int, size: int, H: int, *, hide: bool,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    M = heads * size
    args = [rng.normal(0, 1, (N, n, M)) for n in (K, T)]
    if hide:
        args.append(np.triu(np.ones((N, K, K), dtype=bool), 1))
    masks = rng.random((3, N, K, M)) < 0.7
    outputs = []
    for subject in (student, reference):
        block = subject.transformers.DecoderBlock(heads, M, H, 0.3)
        subject.probes.transformer.fill_wave(block)
        block.train()
        outputs.append(judge_masked(block, subject, args, masks, 0.7))
    case = case_of(heads, N, K, T, M, H)
    close(outputs[0], outputs[1], name="y", dims="N K M", tol=rel(1e-6), case=case)


@pytest.mark.check("p2.decoder1_masks", question="decoder", points=0.25)
def test_decoder1_masks(student: Subject, stored: Stored) -> None:
    """DecoderBlock over a short encoder output, with the dropout masks behind the notebook's values"""
    published_masked(student, stored, 8, 2, "decoder1_masks", "U15")


@pytest.mark.check(
    "p2.decoder1_masks.sizes", question="decoder", points=0.25, needs="p2.decoder1_masks", hidden=True
)
@few_examples
@given(**SIZES)
def test_decoder1_masks_sizes(
    student: Subject, reference: Subject, seed: int, heads: int, N: int, K: int, T: int, size: int, H: int
) -> None:
    """DecoderBlock without a mask, with other sizes and other dropout masks"""
    sampled_masked(student, reference, seed, heads, N, K, T, size, H, hide=False)


@pytest.mark.check("p2.decoder2_masks", question="decoder", points=0.25)
def test_decoder2_masks(student: Subject, stored: Stored) -> None:
    """DecoderBlock over an encoder output as long as its input, with the notebook's dropout masks"""
    published_masked(student, stored, 4, 4, "decoder2_masks", "U16")


@pytest.mark.check(
    "p2.decoder2_masks.sizes", question="decoder", points=0.25, needs="p2.decoder2_masks", hidden=True
)
@few_examples
@given(**SIZES)
def test_decoder2_masks_sizes(
    student: Subject, reference: Subject, seed: int, heads: int, N: int, K: int, T: int, size: int, H: int
) -> None:
    """DecoderBlock with the future hidden, with other sizes and other dropout masks"""
    sampled_masked(student, reference, seed, heads, N, K, T, size, H, hide=True)


# --- evaluation mode --------------------------------------------------------------------------------------

FUTURE = np.triu(np.ones((2, 4, 4), dtype=bool), 1)


def cosines(*shape: int, times: float = 1.0) -> Array:
    return np.cos(times * np.arange(1, np.prod(shape) + 1)).reshape(shape)


def wave_block(subject: Subject, *sizes: Any) -> Remote:
    block: Remote = subject.transformers.DecoderBlock(*sizes)
    subject.probes.transformer.fill_wave(block)
    return block


@pytest.mark.check("p2.decoder_wave_nomask", question="decoder", points=0.25)
def test_decoder_wave_nomask(student: Subject, stored: Stored) -> None:
    """DecoderBlock without a mask in evaluation mode; a gradient reaches every parameter"""
    args = [cosines(2, 4, 4), cosines(2, 3, 4, times=2)]
    block = wave_block(student, 2, 4, 8, 0.2)
    upstream = np.sin(np.arange(1, 33)).reshape(2, 4, 4)
    found = block.vjp(args, upstream, parameters=True)
    right = stored.array("W6")
    close(found.output, right, name="y", dims="N K M", tol=rel(1e-6), alternatives={
        "Without a mask argument the future is hidden nevertheless; None means no mask.": stored.array("W7"),
    })  # fmt: skip
    idle = [name for name, gradient in found.parameters.items() if gradient is None]
    if idle:
        named = ", ".join(idle[:4])[:200] + (f" and {len(idle) - 4} more" if len(idle) > 4 else "")
        text = f"no gradient reaches {named}: is another part used in its place, or is it cut off?"
        raise Verdict(Status.FAILED, text)
    block(args[0], cosines(2, 4, 4, times=2), FUTURE)
    close(block(*args), right, name="y", dims="N K M", tol=rel(1e-6), case="without a mask, after a call with one")


@pytest.mark.check(
    "p2.decoder_wave_nomask.sizes", question="decoder", points=0.25, needs="p2.decoder_wave_nomask", hidden=True
)
@few_examples
@given(**SIZES)
def test_decoder_wave_nomask_sizes(
    student: Subject, reference: Subject, seed: int, heads: int, N: int, K: int, T: int, size: int, H: int
) -> None:
    """DecoderBlock without a mask in evaluation mode on other sizes"""
    M = heads * size
    rng = np.random.default_rng(seed)
    args = [rng.normal(0, 1, (N, n, M)) for n in (K, T)]
    y, expected = (wave_block(subject, heads, M, H, 0.2)(*args) for subject in (student, reference))
    close(y, expected, name="y", dims="N K M", tol=rel(1e-6), case=case_of(heads, N, K, T, M, H))


@pytest.mark.check("p2.decoder_wave_masked", question="decoder", points=0.25)
def test_decoder_wave_masked(student: Subject, stored: Stored) -> None:
    """DecoderBlock's mask hides the future in self-attention, and nothing of the encoder's output"""
    block = wave_block(student, 2, 4, 8, 0.2)
    dec, enc = cosines(2, 4, 4), cosines(2, 4, 4, times=2)
    other = enc.copy()
    other[:, -1] += 1
    y, after = (
        floats(block(dec, memory, FUTURE), name="y", shape=dec.shape, dims="N K M") for memory in (enc, other)
    )
    if np.abs(y - after)[:, 0].max() < 1e-6:
        raise Verdict(
            Status.FAILED,
            "The first position does not see the last one of the encoder's output: the mask is for "
            "self-attention only, not for cross-attention.",
        )
    y = block(dec, cosines(2, 3, 4, times=2), FUTURE)
    close(y, stored.array("W7"), name="y", dims="N K M", tol=rel(1e-6), alternatives={
        "The mask has no effect.": stored.array("W6"),
    })  # fmt: skip


@pytest.mark.check(
    "p2.decoder_wave_masked.sizes", question="decoder", points=0.25, needs="p2.decoder_wave_masked", hidden=True
)
@few_examples
@given(**SIZES)
def test_decoder_wave_masked_sizes(
    student: Subject, reference: Subject, seed: int, heads: int, N: int, K: int, T: int, size: int, H: int
) -> None:
    """DecoderBlock in evaluation mode on other sizes, with masks that differ from sequence to sequence"""
    M = heads * size
    rng = np.random.default_rng(seed)
    args = [rng.normal(0, 1, (N, n, M)) for n in (K, T)]
    mask = rng.random((N, K, K)) < 0.5
    mask[:, range(K), range(K)] = False
    mine = wave_block(student, heads, M, H, 0.2)(*args, mask)
    right = wave_block(reference, heads, M, H, 0.2)
    close(mine, right(*args, mask), name="y", dims="N K M", tol=rel(1e-6), case=case_of(heads, N, K, T, M, H),
          alternatives={
              "The mask has no effect.": right(*args),
              "The mask of the first sequence is used for the whole batch.": right(*args, mask[:1].repeat(N, 0)),
          })  # fmt: skip


# --- where dropout stands ---------------------------------------------------------------------------------


def is_normalised(seen: Array, shape: tuple[int, ...]) -> bool:
    """Rows of mean 0 and variance 1; NaN and infinities are none."""
    if seen.shape != shape or seen.dtype.kind != "f" or not np.isfinite(seen).all():
        return False
    mean, variance = seen.mean(-1, dtype=np.float64), seen.var(-1, dtype=np.float64)
    return bool(np.abs(mean).max() <= 1e-3 and np.abs(variance - 1).max() <= 0.1)


def judge_dropout_place(student: Subject, heads: int, N: int, M: int, rate: float) -> None:
    """Every dropout is handed layer-normalised rows, and the output has the rate's share of zeros."""
    case = f"a dropout rate of {rate:.0%}"
    block = student.transformers.DecoderBlock(heads, M, 16, rate)
    rng = np.random.default_rng(0)
    args = [rng.normal(0, 1, (N, n, M)).astype(np.float32) for n in (64, 64)]
    found = student.probes.transformer.dropout_inputs(block, args)
    if type(found) is not dict or found.keys() != {"output", "inputs"} or type(found["inputs"]) is not list:
        raise forged()
    in_range(len(found["inputs"]), 3, 3, case=case,
             name="the number of dropouts in one forward pass (one after each norm)")  # fmt: skip
    for number, seen in enumerate(found["inputs"], 1):
        if not is_normalised(tensor(seen, name=f"what dropout number {number} is given", case=case), args[0].shape):
            text = f"what dropout number {number} is given is not layer-normalised: norm first, then dropout"
            raise Verdict(Status.FAILED, f"{text} ({case}).")
    y = floats(found["output"], name="y", shape=args[0].shape, dims="N K M", case=case)
    in_range(float((y == 0).mean()), rate - 0.01, rate + 0.01, name="the share of zeros in the output", case=case)


@pytest.mark.check("p2.decoder_dropout_place", question="decoder", points=0.25, needs="p2.decoder_wave_nomask")
def test_decoder_dropout_place(student: Subject) -> None:
    """DecoderBlock drops out after each norm, with the rate it was given"""
    judge_dropout_place(student, 4, 64, 64, 0.2)


@pytest.mark.check(
    "p2.decoder_dropout_place.sizes", question="decoder", points=0.25,
    needs=("p2.decoder_dropout_place", "p2.decoder_wave_nomask.sizes"), hidden=True,
)  # fmt: skip
def test_decoder_dropout_place_sizes(student: Subject) -> None:
    """dropout in DecoderBlock with other sizes and rates"""
    judge_dropout_place(student, 1, 40, 32, 0.15)
    judge_dropout_place(student, 3, 40, 48, 0.6)
