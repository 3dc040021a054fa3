"""Training: sequence to sequence models learn something of a toy language. For the student alone: no points.

What counts is what the trained model answers about sentences that it has not seen. Who knows the language's words and
the lengths of its sentences, and nothing of the sentence at hand, has a loss of 2.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import floats, in_range
from grader.subject import Subject

Array = NDArray[Any]

V, EMB, H, T, PAD = 24, 32, 48, 10, 1
TRAINING, VALIDATION, RATE = 512, 128, 2e-3
# (steps, highest loss of the validation); untrained models have log 24 = 3.18
ASKED = {"RNN": (100, 2.8), "LSTM": (200, 2.3)}


def trained(student: Subject, reference: Subject, kind: str, seed: int = 0) -> float:
    """Trains RNN without, or LSTM with attention; returns the loss on the sentences for validation."""
    steps, _ = ASKED[kind]
    with_attention = kind == "LSTM"
    encoder = student["models.seq2seq.Encoder"].Encoder.using(seed=seed)(V, EMB, H, H, 0.0, kind)
    decoder = student["models.seq2seq.Decoder"].Decoder.using(seed=seed + 1)(EMB, H, H, V, 0.0, kind, with_attention)
    model = student["models.seq2seq.Seq2Seq"].Seq2Seq(encoder, decoder, "cpu")
    sentences = reference.toy_language.sentences
    student.probes.training.train.using(limit_s=80, seed=seed)(
        model, *sentences(TRAINING, 2 * seed), steps, RATE, False
    )
    source, target = sentences(VALIDATION, 2 * seed + 1)
    answers = floats(model(source), name="what the trained model returns", shape=(VALIDATION, T, V), dims="N T V")
    return loss(answers, target)


def loss(scores: Array, target: Array) -> float:
    """The mean cross entropy of the words that are no padding. scores (N,T,V), target (N,T)."""
    top = scores.max(axis=2, keepdims=True)
    log_p = scores - top - np.log(np.exp(scores - top).sum(axis=2, keepdims=True))
    chosen = np.take_along_axis(log_p, target[..., None], axis=2)[..., 0]
    return float(-chosen[target != PAD].mean())


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            kind,
            marks=pytest.mark.check(
                "S2S.training.{kind}", question="training", points=0, needs=needed, slow=True, limit_s=90
            ),
        )
        for kind, needed in (("RNN", "S2S-1"), ("LSTM", "S2S-3"))
    ],
)
def test_seq2seq_learns(student, reference, kind):
    """Seq2Seq ({kind}) learns from 512 sentences of a toy language"""
    steps, most = ASKED[kind]
    found = trained(student, reference, kind)
    in_range(found, 0, most, name="the loss on sentences that it has not seen", case=f"after {steps} steps of training")
