"""Training: both transformers learn a toy language. For the student alone: no points.

What counts is what the trained model answers about sentences that it has not seen. The full transformer is asked for
translations of its own making: it never reads those that it is judged by.
"""

from __future__ import annotations

from typing import Any

import pytest
from numpy.typing import NDArray

from grader.checks import floats, in_range
from grader.remote import Remote
from grader.subject import Subject

Array = NDArray[Any]

V, H, FEED_FORWARD, HEAD, T, PAD = 24, 32, 64, 16, 10, 1
TRAINING, VALIDATION, STEPS, RATE = 512, 128, 200, 2e-3
ACCURACY_ENCODER, ACCURACY_FULL = 0.9, 0.85


def trained(
    student: Subject, reference: Subject, model: Remote, reads_target: bool, seed: int = 0
) -> tuple[Array, Array]:
    """Trains the model; sentences it has not seen, and their translations."""
    sentences = reference.toy_language.sentences
    student.probes.training.train.using(limit_s=80, seed=seed)(
        model, *sentences(TRAINING, 2 * seed), STEPS, RATE, reads_target
    )
    return sentences(VALIDATION, 2 * seed + 1)


def accuracy(scores: object, target: Array) -> float:
    """The share of the words, those that are no padding, that have the highest score."""
    found = floats(scores, name="the trained model's scores", shape=(*target.shape, V), dims="N T V")
    return float((found.argmax(axis=2) == target)[target != PAD].mean())


def of_the_encoder(student: Subject, reference: Subject, seed: int = 0) -> float:
    model = student["models.Transformer"].TransformerTranslator(
        V, V, "cpu", hidden_dim=H, dim_feedforward=FEED_FORWARD, dim_k=HEAD, dim_v=HEAD, dim_q=HEAD, max_length=T
    )
    source, target = trained(student, reference, model, False, seed)
    return accuracy(model(source), target)


def of_the_full(student: Subject, reference: Subject, seed: int = 0) -> float:
    model = student["models.Transformer"].FullTransformerTranslator(
        V, V, "cpu", hidden_dim=H, dim_feedforward=FEED_FORWARD, num_layers_enc=1, num_layers_dec=1, dropout=0.0,
        max_length=T,
    )  # fmt: skip
    source, target = trained(student, reference, model, True, seed)
    return accuracy(model.generate_translation(source), target)


NAME = "the share of right words in sentences that it has not seen"
CASE = f"after {STEPS} steps of training"


@pytest.mark.check("TT.training", question="training", points=0, needs="TT-5", slow=True, limit_s=90)
def test_the_encoder_learns(student, reference):
    """TransformerTranslator learns to translate a toy language from 512 sentences"""
    in_range(of_the_encoder(student, reference), ACCURACY_ENCODER, 1.0, name=NAME, case=CASE)


@pytest.mark.check("FT.training", question="training", points=0, needs="FT-1", slow=True, limit_s=90)
def test_the_full_transformer_learns(student, reference):
    """FullTransformerTranslator learns to translate a toy language from 512 sentences"""
    in_range(of_the_full(student, reference), ACCURACY_FULL, 1.0, name=NAME, case=CASE)
