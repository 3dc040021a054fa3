"""Part 3, training: one epoch of the submission's train, held against the same epoch of the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import close, rel, tensor
from grader.errors import Verdict
from grader.outcomes import forged
from grader.subject import Subject

Array = NDArray[Any]

H, D = 6, 12  # projections, inputs
TOL = rel(1e-4)


def epoch(
    subject: Subject, seed: int, batches: int, batch: int, options: dict[str, float], short: int = 0, **changes: bool
) -> Any:
    """What `train` returns, and the parameters after it, for `batches` batches of `batch` images, less the last
    `short` batches."""
    subject["dl.simclr.utils"].train.get()
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 0.3, (H, D)).astype(np.float32)
    x_i = rng.normal(size=(batches * batch, D))
    x_j = x_i + 0.5 * rng.normal(size=x_i.shape)
    views = [x[: (batches - short) * batch].astype(np.float32) for x in (x_i, x_j)]
    return subject.probes.simclr.train(weight, *views, batch, options, **changes)


def judge_epoch(
    student: Subject, reference: Subject, seed: int, batches: int, batch: int, options: dict[str, float]
) -> None:
    found = epoch(student, seed, batches, batch, options)
    expected = epoch(reference, seed, batches, batch, options)
    if type(found) is not dict or found.keys() != {"loss", "parameters"} or type(found["parameters"]) is not dict:
        raise forged()
    if found["parameters"].keys() != expected["parameters"].keys():
        raise forged()
    try:
        judge_results(found, expected, {})
    except Verdict:
        judge_results(found, expected, mistaken(reference, seed, batches, batch, options))
        raise


def judge_results(found: Any, expected: Any, mistakes: dict[str, Any]) -> None:
    loss = tensor(found["loss"], name="the mean loss")
    close(loss.reshape(()) if loss.size == 1 else loss, expected["loss"], name="the mean loss", tol=TOL,
          alternatives={text: result["loss"] for text, result in mistakes.items()})  # fmt: skip
    for name, values in expected["parameters"].items():
        others = {text: result["parameters"][name] for text, result in mistakes.items()}
        close(found["parameters"][name], values, name=f"{name} after the epoch", tol=TOL, alternatives=others)


def mistaken(
    reference: Subject, seed: int, batches: int, batch: int, options: dict[str, float]
) -> dict[str, dict[str, Any]]:
    """What an epoch with a known mistake would have given."""
    right = epoch(reference, seed, batches, batch, options)
    total = right["loss"] * batches
    earlier = 0.0
    if batches > 1:
        earlier = epoch(reference, seed, batches, batch, options, short=1)["loss"] * (batches - 1)
    return {
        "The temperature is .5, whatever is passed.": epoch(
            reference, seed, batches, batch, {**options, "temperature": 0.5}
        ),
        "The loss compares the network's first output; the projections are the second.": epoch(
            reference, seed, batches, batch, options, exchanged=True
        ),
        "The gradients of earlier batches are still there: zero_grad is missing.": epoch(
            reference, seed, batches, batch, options, cleared=False
        ),
        "The parameters are never changed: the step is missing.": epoch(
            reference, seed, batches, batch, {**options, "lr": 0.0}
        ),
        "This is the sum over the batches, not their mean.": {**right, "loss": total},
        "This is the loss of the last batch, not the mean over all of them.": {**right, "loss": total - earlier},
    }


@pytest.mark.check("p3.train_step", question="simclr_training", points=1, needs="p3.loss_vectorized")
def test_train(student: Subject, reference: Subject) -> None:
    """train takes a step for each batch, and returns the mean loss"""
    judge_epoch(student, reference, 0, 3, 4, {"temperature": 0.3, "lr": 0.1, "momentum": 0.0})


@pytest.mark.check(
    "p3.train_step.sizes", question="simclr_training", points=1, needs="p3.train_step", hidden=True
)
def test_train_others(student: Subject, reference: Subject) -> None:
    """train with other batches, another temperature and momentum"""
    judge_epoch(student, reference, 1, 4, 3, {"temperature": 0.8, "lr": 0.05, "momentum": 0.9})
    judge_epoch(student, reference, 2, 1, 7, {"temperature": 0.2, "lr": 0.2, "momentum": 0.0})
