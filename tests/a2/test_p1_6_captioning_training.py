"""Question captioning_training: the captioners learn a tiny data set, and the submitted losses are low.

A loss that the training loop reports is a claim. What counts is what the trained model answers about
captions of our choice: the right ones are likely, the same captions on other images are not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import in_range, kind_of
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.remote import Remote

Array = NDArray[Any]

CELLS = ("rnn", "lstm", "attn")
POINTS = {"rnn": 0.3, "lstm": 0.3, "attn": 0.4}
IMAGES, LENGTH, V = 16, 10, 20
STEPS, LEARNING_RATE = 300, 2e-3
ENOUGH = 0.4  # training stops at the first loss below it; nothing is gained by going on
LONGEST = 100_000  # iterations of a submitted training
LEARNT = 0.5
UNLIKELY = 5.0
FILE = "rnn_lstm_attention_submission.pt"


def stand_in(seed: int) -> tuple[Array, Array]:
    """images (16,3,112,112) float32 of distinct colours, captions (16,10): START, 7 words, END, NULL."""
    rng = np.random.default_rng(seed)
    colours = np.array([[i % 3, i // 3 % 3, i // 9] for i in range(IMAGES)])[:, :, None, None]
    cells = (colours + 0.3 * rng.random((IMAGES, 3, 4, 4))).astype(np.float32)
    captions = rng.integers(3, V, (IMAGES, LENGTH))
    captions[:, 0], captions[:, 8], captions[:, 9] = 1, 2, 0
    return cells.repeat(28, axis=2).repeat(28, axis=3), captions


def trained(subject: Any, cell: str, seed: int = 0) -> tuple[Any, list[float], Array, Array]:
    """A captioner after training on the stand-in: model, loss of every step, images, captions."""
    images, captions = stand_in(seed)
    words = {"<NULL>": 0, "<START>": 1, "<END>": 2, **{f"word{i}": i for i in range(3, V)}}
    mix = np.random.default_rng(seed + 1).standard_normal((400, 3)).astype(np.float32)
    probes = subject.probes.captioning
    model = probes.build.using(seed=seed)(words, cell, 64, 128, 0, mix)
    if not isinstance(model, Remote):
        raise Verdict(Status.FAILED, f"CaptioningRNN(...) gives no object, but {kind_of(model)}")
    history = probes.train.using(limit_s=110)(model, images, captions, STEPS, LEARNING_RATE, ENOUGH)
    if type(history) is not list:
        raise forged()
    return model, history, images, captions


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(
            cell,
            marks=pytest.mark.check(
                "p1.overfit_standin.{cell}",
                question="captioning_training",
                points=POINTS[cell],
                needs="p1.caption_loss_fixed.{cell}",
                slow=True,
                limit_s=120,
            ),
        )
        for cell in CELLS
    ],
)
def test_overfit(student, cell):
    """A captioner with cell "{cell}" learns the captions of 16 images by heart"""
    model, history, images, captions = trained(student, cell)
    case = f"after {len(history)} steps of training"
    in_range(model(images, captions), 0, LEARNT, name="loss of the captions it was trained on", case=case)
    swapped = np.roll(captions, 1, axis=0)
    in_range(model(images, swapped), UNLIKELY, np.inf, name="loss of the captions of other images", case=case)


def submitted(student: Any, key: str) -> list[Any]:
    """One list of the submitted file, or a verdict that says what is wrong with the file."""
    found = student.probes.captioning.submitted_losses()
    if type(found) is not dict or not found:
        raise forged()
    if "missing" in found:
        raise Verdict(Status.NOT_IMPLEMENTED, f"{FILE} was not found in the submission")
    if "problem" in found:
        text = (
            f"{FILE} cannot be loaded with torch.load(..., weights_only=True). Save lists of plain floats, as in"
            f" {key}=[float(x) for x in history], with torch.save."
        )
        raise Verdict(Status.FAILED, text, staff=str(found["problem"]))
    content = found.get("content")
    if not isinstance(content, dict):
        raise Verdict(Status.FAILED, f"{FILE} holds {kind_of(content)}, wanted a dict of three lists of losses")
    if key not in content:
        held = ", ".join(map(str, content)) or "nothing"
        raise Verdict(Status.FAILED, f"{FILE} has no key {key}; it holds: {held[:200]}")
    values = content[key]
    values = list(values) if isinstance(values, np.ndarray) and values.ndim == 1 and values.size <= LONGEST else values
    if not isinstance(values, list) or not values:
        raise Verdict(Status.FAILED, f"{key} is {kind_of(values)}, wanted a list with one float per iteration")
    if len(values) > LONGEST:
        raise Verdict(Status.FAILED, f"{key} has {len(values)} losses; no training has more than {LONGEST} iterations")
    return values


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(
            cell, marks=pytest.mark.check("p1.submission_losses.{cell}", question="captioning_training", points=0.5)
        )
        for cell in CELLS
    ],
)
def test_submission_losses(student, stored, cell):
    """The submitted training of the captioner with cell "{cell}" ended at a low loss"""
    key = f"{cell}_losses"
    values = submitted(student, key)
    for i, value in enumerate(values):
        in_range(value, -np.inf, np.inf, name=f"{key}[{i}]")
    limit = stored["submission_loss_limits"][cell]
    in_range(values[-1], 0, np.nextafter(limit, 0), name=f"the last value of {key}")
