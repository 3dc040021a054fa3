"""Part 2, training: a small transformer learns four sums by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import floats, in_range
from grader.outcomes import forged
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

HEADS, M, H, DROPOUT, LAYERS = 4, 32, 32, 0.0, 1
STEPS, RATE, ENOUGH = 200, 1e-3, 0.5  # ENOUGH: summed loss of 16 to 24 tokens at which training may end
ACCURACY = 0.9
TOKENS = 16

# Without the question no more than .75 of an answer's tokens can be guessed.
TWO_DIGITS = (
    ("BOS POSITIVE 17 add POSITIVE 26 EOS", "BOS POSITIVE 43 EOS"),
    ("BOS NEGATIVE 48 add POSITIVE 02 EOS", "BOS NEGATIVE 46 EOS"),
    ("BOS POSITIVE 61 subtract NEGATIVE 17 EOS", "BOS POSITIVE 78 EOS"),
    ("BOS POSITIVE 05 subtract POSITIVE 96 EOS", "BOS NEGATIVE 91 EOS"),
)
THREE_DIGITS = (
    ("BOS POSITIVE 217 subtract POSITIVE 926 EOS", "BOS NEGATIVE 709 EOS"),
    ("BOS POSITIVE 480 subtract POSITIVE 002 EOS", "BOS POSITIVE 478 EOS"),
    ("BOS NEGATIVE 161 add NEGATIVE 170 EOS", "BOS NEGATIVE 331 EOS"),
    ("BOS NEGATIVE 105 subtract NEGATIVE 196 EOS", "BOS POSITIVE 091 EOS"),
)


def batch_of(sums: tuple[tuple[str, str], ...], numbers: dict[str, int]) -> list[Array]:
    """Tokens and positions of questions and answers. The positions count 0, 1/K, 2/K, … in every column."""
    batch = []
    for texts in zip(*sums, strict=True):
        words = [text.split() for text in texts]
        rows = [[numbers[t] for w in line for t in ([w] if w in numbers else w)] for line in words]
        tokens = np.array(rows)
        K = tokens.shape[1]
        places = np.broadcast_to((np.arange(K) / K)[None, :, None], (*tokens.shape, M))
        batch += [tokens, places.astype(np.float32)]
    return batch


def trained(student: Subject, stored: Stored, sums: tuple[tuple[str, str], ...], seed: int = 0) -> tuple[float, int]:
    """Accuracy of a model trained on these sums, counted here from the scores it gives to them; steps taken."""
    batch = batch_of(sums, stored["token_dict"])
    model = student.transformers.Transformer.using(seed=seed)(HEADS, M, H, DROPOUT, LAYERS, LAYERS, TOKENS)
    train = student.probes.transformer.using(limit_s=50, seed=seed).overfit
    found = train(model, batch, STEPS, RATE, ENOUGH)
    if type(found) is not list:
        raise forged()
    return accuracy(model, batch), len(found)


def accuracy(model: Remote, batch: list[Array]) -> float:
    """The share of the answers' tokens that are predicted from the question and the tokens before them alone.

    Each place is asked for with an answer whose tokens are wrong from there on, the last one included: who reads
    the answer has nothing to read.
    """
    ques, ques_pos, answer, ans_pos = batch
    N, O = answer.shape  # noqa: E741
    right = []
    for place in range(1, O):
        cut = answer.copy()
        cut[:, place:] = (cut[:, place:] + 1) % TOKENS
        found = model(ques, ques_pos, cut, ans_pos)
        scores = floats(found, name="the trained model's scores", shape=(N * (O - 1), TOKENS), dims="R V")
        right.append(scores.reshape(N, O - 1, TOKENS)[:, place - 1].argmax(1) == answer[:, place])
    return float(np.mean(right))


def judge_training(student: Subject, stored: Stored, sums: tuple[tuple[str, str], ...]) -> None:
    accuracy, steps = trained(student, stored, sums)
    in_range(accuracy, ACCURACY, 1.0, name=f"the accuracy on four sums after {steps} steps of training")


@pytest.mark.check("p2.overfit4", question="transformer_training", points=0.5, slow=True, needs="p2.transformer_causal")
def test_overfit(student: Subject, stored: Stored) -> None:
    """a small transformer learns four sums by heart"""
    judge_training(student, stored, TWO_DIGITS)


@pytest.mark.check(
    "p2.overfit4.sizes", question="transformer_training", points=0.5, slow=True,
    needs=("p2.overfit4", "p2.transformer_causal.sizes"), hidden=True,
)  # fmt: skip
def test_overfit_sizes(student: Subject, stored: Stored) -> None:
    """a small transformer learns four sums of longer numbers by heart"""
    judge_training(student, stored, THREE_DIGITS)
