"""Part 1, the notebook: nothing of it is worth points, but what is wrong with it is told."""

from __future__ import annotations

import pytest

from grader.checks.notebooks import runs, saved_whole
from grader.notebooks import Notebooks

FILE = "rnn_lstm_captioning.ipynb"


@pytest.mark.check("p1.notebook_saved", question="captioning_training", points=0)
def test_saved(notebooks: Notebooks) -> None:
    """rnn_lstm_captioning.ipynb was saved after one run from top to bottom, without errors"""
    saved_whole(FILE, notebooks[FILE])


@pytest.mark.check("p1.notebook_runs", question="captioning_training", points=0, slow=True, limit_s=240)
def test_runs(notebooks: Notebooks) -> None:
    """rnn_lstm_captioning.ipynb runs from top to bottom in the fast setting"""
    runs(FILE, notebooks.run(FILE))
