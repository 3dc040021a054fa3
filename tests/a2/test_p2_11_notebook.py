"""Part 2, the notebook: the accuracy that the trained transformer reached."""

from __future__ import annotations

import pytest

from grader.checks.notebooks import evidence, runs, saved_whole
from grader.notebooks import Notebooks

FILE = "Transformers.ipynb"
LABEL = "Final Model accuracy"
RUN_ABOVE = 0.5  # in the fast setting


@pytest.mark.check("p2.notebook_saved", question="transformer_training", points=0)
def test_saved(notebooks: Notebooks) -> None:
    """Transformers.ipynb was saved after one run from top to bottom, without errors"""
    saved_whole(FILE, notebooks[FILE], apart="make_assignment2_submission")


@pytest.mark.check("p2.notebook_runs", question="transformer_training", points=0, slow=True, limit_s=240)
def test_runs(notebooks: Notebooks) -> None:
    """Transformers.ipynb runs from top to bottom in the fast setting"""
    runs(FILE, notebooks.run(FILE))


@pytest.mark.check(
    "p2.val_accuracy", question="transformer_training", points=0.25, needs="p2.transformer_causal", slow=True,
    limit_s=240,
)  # fmt: skip
def test_accuracy(notebooks: Notebooks) -> None:
    """Transformers.ipynb shows a final accuracy of at least .6"""
    evidence(FILE, notebooks[FILE], LABEL, above=0.6, below=1, run=notebooks.run(FILE), run_above=RUN_ABOVE)


@pytest.mark.check(
    "p2.val_accuracy_full", question="transformer_training", points=0.25, needs="p2.val_accuracy", slow=True
)
def test_full_accuracy(notebooks: Notebooks) -> None:
    """Transformers.ipynb shows a final accuracy of at least .8"""
    evidence(FILE, notebooks[FILE], LABEL, above=0.8, below=1)
