"""Part 2, the encoder block: with given dropout masks, without dropout, and where dropout stands."""

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
SIZES = {"seed": SEEDS, "N": st.integers(1, 3), "K": st.integers(1, 5), "size": st.integers(2, 3),
         "H": st.integers(1, 9)}  # fmt: skip


# --- given dropout masks ----------------------------------------------------------------------------------


def masks_of(bits: str) -> Array:
    """"01… 11… | …": a dropout call between bars, a sequence of the batch between spaces; (calls,2,4,4)."""
    calls = [[[int(bit) for bit in item] for item in call.split()] for call in bits.split("|")]
    return np.array(calls).reshape(-1, 2, 4, 4)


def judge_masked(block: Remote, student: Subject, x: Array, masks: Array, keep: float) -> Any:
    """The output under the given masks, once the number of dropouts is right."""
    found = student.probes.transformer.with_masks(block, [x], masks.astype(np.float64), keep)
    if type(found) is not dict or found.keys() != {"output", "calls"}:
        raise forged()
    in_range(found["calls"], 2, 2, name="the number of dropouts in one forward pass (one after each norm)")
    return found["output"]


def published_masked(student: Subject, stored: Stored, heads: int, masks: str, expected: str) -> None:
    block = student.transformers.EncoderBlock(heads, 4, 8, 0.2)
    student.probes.transformer.fill_linspace(block)
    x = np.linspace(-0.4, 0.6, 32, dtype=np.float32).reshape(2, 4, 4)
    y = judge_masked(block, student, x, masks_of(stored[masks]), 0.8)
    close(y, stored.array(expected), name="y", dims="N K M", tol=rel(2e-5))


def sampled_masked(
    student: Subject, reference: Subject, seed: int, heads: int, N: int, K: int, size: int, H: int
) -> None:
    rng = np.random.default_rng(seed)
    M = heads * size
    x = rng.normal(0, 1, (N, K, M))
    masks = rng.random((2, N, K, M)) < 0.7
    outputs = []
    for subject in (student, reference):
        block = subject.transformers.EncoderBlock(heads, M, H, 0.3)
        subject.probes.transformer.fill_wave(block)
        block.train()
        outputs.append(judge_masked(block, subject, x, masks, 0.7))
    case = f"{heads} heads, N={N}, K={K}, M={M}, feed-forward size {H}"
    close(outputs[0], outputs[1], name="y", dims="N K M", tol=rel(1e-6), case=case)


@pytest.mark.check("p2.encoder1_masks", question="encoder", points=0.25)
def test_encoder1_masks(student: Subject, stored: Stored) -> None:
    """EncoderBlock with two heads, with the dropout masks behind the notebook's values"""
    published_masked(student, stored, 2, "encoder1_masks", "U11")


@pytest.mark.check(
    "p2.encoder1_masks.sizes", question="encoder", points=0.25, needs="p2.encoder1_masks", hidden=True
)
@few_examples
@given(heads=st.integers(2, 3), **SIZES)
def test_encoder1_masks_sizes(
    student: Subject, reference: Subject, seed: int, heads: int, N: int, K: int, size: int, H: int
) -> None:
    """EncoderBlock with several heads, other sizes and other dropout masks"""
    sampled_masked(student, reference, seed, heads, N, K, size, H)


@pytest.mark.check("p2.encoder2_masks", question="encoder", points=0.25)
def test_encoder2_masks(student: Subject, stored: Stored) -> None:
    """EncoderBlock with one head, with the dropout masks behind the notebook's values"""
    published_masked(student, stored, 1, "encoder2_masks", "U12")


@pytest.mark.check(
    "p2.encoder2_masks.sizes", question="encoder", points=0.25, needs="p2.encoder2_masks", hidden=True
)
@few_examples
@given(**SIZES)
def test_encoder2_masks_sizes(
    student: Subject, reference: Subject, seed: int, N: int, K: int, size: int, H: int
) -> None:
    """EncoderBlock with one head, other sizes and other dropout masks"""
    sampled_masked(student, reference, seed, 1, N, K, size, H)


# --- evaluation mode --------------------------------------------------------------------------------------


def wave_block(subject: Subject, *sizes: Any) -> Remote:
    block: Remote = subject.transformers.EncoderBlock(*sizes)
    subject.probes.transformer.fill_wave(block)
    return block


@pytest.mark.check("p2.encoder_wave", question="encoder", points=0.5)
def test_encoder_wave(student: Subject, stored: Stored) -> None:
    """EncoderBlock in evaluation mode; a gradient reaches every parameter"""
    x = np.cos(np.arange(1, 33)).reshape(2, 4, 4)
    upstream = np.sin(np.arange(1, 33)).reshape(2, 4, 4)
    found = wave_block(student, 2, 4, 8, 0.2).vjp([x], upstream, parameters=True)
    close(found.output, stored.array("W5"), name="y", dims="N K M", tol=rel(1e-6))
    idle = [name for name, gradient in found.parameters.items() if gradient is None]
    if idle:
        named = ", ".join(idle[:4])[:200] + (f" and {len(idle) - 4} more" if len(idle) > 4 else "")
        text = f"no gradient reaches {named}: is another part used in its place, or is it cut off?"
        raise Verdict(Status.FAILED, text)


@pytest.mark.check("p2.encoder_wave.sizes", question="encoder", points=0.5, needs="p2.encoder_wave", hidden=True)
@few_examples
@given(heads=st.integers(1, 4), **SIZES)
def test_encoder_wave_sizes(
    student: Subject, reference: Subject, seed: int, heads: int, N: int, K: int, size: int, H: int
) -> None:
    """EncoderBlock in evaluation mode on other sizes"""
    M = heads * size
    x = np.random.default_rng(seed).normal(0, 1, (N, K, M))
    y, expected = (wave_block(subject, heads, M, H, 0.2)(x) for subject in (student, reference))
    case = f"{heads} heads, N={N}, K={K}, M={M}, feed-forward size {H}"
    close(y, expected, name="y", dims="N K M", tol=rel(1e-6), case=case)


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
    block = student.transformers.EncoderBlock(heads, M, 16, rate)
    x = np.random.default_rng(0).normal(0, 1, (N, 64, M)).astype(np.float32)
    found = student.probes.transformer.dropout_inputs(block, [x])
    if type(found) is not dict or found.keys() != {"output", "inputs"} or type(found["inputs"]) is not list:
        raise forged()
    in_range(len(found["inputs"]), 2, 2, case=case,
             name="the number of dropouts in one forward pass (one after each norm)")  # fmt: skip
    for number, seen in enumerate(found["inputs"], 1):
        if not is_normalised(tensor(seen, name=f"what dropout number {number} is given", case=case), x.shape):
            text = f"what dropout number {number} is given is not layer-normalised: norm first, then dropout"
            raise Verdict(Status.FAILED, f"{text} ({case}).")
    y = floats(found["output"], name="y", shape=x.shape, dims="N K M", case=case)
    in_range(float((y == 0).mean()), rate - 0.01, rate + 0.01, name="the share of zeros in the output", case=case)


@pytest.mark.check("p2.encoder_dropout_place", question="encoder", points=0.25, needs="p2.encoder_wave")
def test_encoder_dropout_place(student: Subject) -> None:
    """EncoderBlock drops out after each norm, with the rate it was given"""
    judge_dropout_place(student, 4, 64, 64, 0.2)


@pytest.mark.check(
    "p2.encoder_dropout_place.sizes", question="encoder", points=0.25,
    needs=("p2.encoder_dropout_place", "p2.encoder_wave.sizes"), hidden=True,
)  # fmt: skip
def test_encoder_dropout_place_sizes(student: Subject) -> None:
    """dropout in EncoderBlock with other sizes and rates"""
    judge_dropout_place(student, 1, 40, 32, 0.15)
    judge_dropout_place(student, 3, 40, 48, 0.6)
