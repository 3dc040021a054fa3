"""The rules of the sheet that are not about values. What breaking one costs stands in the manifest."""

from __future__ import annotations

import numpy as np
import pytest

from grader.checks.policy import Rulebook
from grader.subject import Subject

TOKENS = np.array([[2, 5, 7, 3], [2, 4, 6, 3]])


def lstm(student: Subject) -> None:
    student["models.naive.LSTM"].LSTM(3, 5)(np.ones((2, 4, 3), np.float32))


def recurrent(kind: str, attention: bool):
    def translate(student: Subject) -> None:
        """Encoder, decoder, attention, and both together."""
        encoder = student["models.seq2seq.Encoder"].Encoder(9, 5, 6, 6, 0.2, kind)
        decoder = student["models.seq2seq.Decoder"].Decoder(5, 6, 6, 9, 0.2, kind, attention)
        if attention:
            decoder.compute_attention(np.ones((1, 2, 6), np.float32), np.ones((2, 4, 6), np.float32))
        student["models.seq2seq.Seq2Seq"].Seq2Seq(encoder, decoder, "cpu")(TOKENS)

    return translate


def translator(student: Subject) -> None:
    student["models.Transformer"].TransformerTranslator(9, 7, "cpu", 8, 2, 16, 5, 5, 5, 6)(TOKENS)


def full(student: Subject) -> None:
    model = student["models.Transformer"].FullTransformerTranslator(9, 8, "cpu", 8, 2, 16, 1, 1, 0.1, 4)
    model(TOKENS, TOKENS)
    model.generate_translation(TOKENS)


@pytest.mark.check("POL-edition", question="rules", points=0)
def test_edition(policy: Rulebook) -> None:
    """The work is for this edition of the assignment"""
    policy.judge()


@pytest.mark.check("POL-files", question="rules", points=0)
def test_files(policy: Rulebook) -> None:
    """The five modules and the notebook are there, under their names"""
    policy.judge()


@pytest.mark.check("POL-import-runs", question="rules", points=0)
def test_import_runs(policy: Rulebook) -> None:
    """Each module can be imported"""
    policy.judge()


@pytest.mark.check("POL-imports", question="rules", points=0)
def test_imports(policy: Rulebook) -> None:
    """Each module imports what it was handed out with, and nothing else"""
    policy.judge()


@pytest.mark.check("POL-definitions", question="rules", points=0)
def test_definitions(policy: Rulebook) -> None:
    """Classes, methods and their parameters have the names they were handed out with"""
    policy.judge()


@pytest.mark.check("POL-given", question="rules", points=0)
def test_given(policy: Rulebook) -> None:
    """Given files are as they were handed out"""
    policy.judge()


@pytest.mark.check("POL-no-output", question="rules", points=0)
def test_no_output(policy: Rulebook) -> None:
    """Nothing is printed while modules are imported, built and called"""
    kinds = [recurrent(kind, attention) for kind in ("RNN", "LSTM") for attention in (False, True)]
    policy.judge(lstm, *kinds, translator, full)


@pytest.mark.check("POL-print-calls", question="rules", points=0)
def test_print_calls(policy: Rulebook) -> None:
    """No module calls print"""
    policy.judge()


@pytest.mark.check("POL-ready-made", question="rules", points=0)
def test_ready_made(policy: Rulebook) -> None:
    """The LSTM is written out, from parameters"""
    policy.judge()
