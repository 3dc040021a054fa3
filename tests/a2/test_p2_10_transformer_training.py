"""Part 2, training: a small transformer learns four sums by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import in_range, tensor
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

HEADS, M, H, DROPOUT, LAYERS = 4, 32, 32, 0.0, 1
STEPS, RATE, ENOUGH = 200, 1e-3, 0.5  # ENOUGH: summed loss of 16 to 24 tokens at which training may end
ACCURACY = 0.9

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
    targets = batch[2][:, 1:].ravel()
    model = student.transformers.Transformer.using(seed=seed)(HEADS, M, H, DROPOUT, LAYERS, LAYERS, 16)
    train = student.probes.transformer.using(limit_s=50, seed=seed).overfit
    found = train(model, batch, STEPS, RATE, ENOUGH)
    if type(found) is not dict or found.keys() != {"losses", "scores"} or type(found["losses"]) is not list:
        raise forged()
    scores = tensor(found["scores"], name="the trained model's scores")
    if scores.shape != (targets.size, 16):
        text = f"the trained model's scores have shape {scores.shape}, wanted {(targets.size, 16)}."
        raise Verdict(Status.FAILED, text)
    return float((scores.argmax(1) == targets).mean()), len(found["losses"])


def judge_training(student: Subject, stored: Stored, sums: tuple[tuple[str, str], ...]) -> None:
    accuracy, steps = trained(student, stored, sums)
    in_range(accuracy, ACCURACY, 1.0, name=f"the accuracy on four sums after {steps} steps of training")


@pytest.mark.check("p2.overfit4", question="transformer_training", points=0.5, slow=True)
def test_overfit(student: Subject, stored: Stored) -> None:
    """a small transformer learns four sums by heart"""
    judge_training(student, stored, TWO_DIGITS)


@pytest.mark.check(
    "p2.overfit4.sizes", question="transformer_training", points=0.5, slow=True, needs="p2.overfit4", hidden=True
)
def test_overfit_sizes(student: Subject, stored: Stored) -> None:
    """a small transformer learns four sums of longer numbers by heart"""
    judge_training(student, stored, THREE_DIGITS)
