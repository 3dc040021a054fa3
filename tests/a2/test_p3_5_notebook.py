"""Part 3, the notebook: what the pretrained features are worth."""

from __future__ import annotations

import pytest

from grader.checks.notebooks import evidence, runs, saved_whole
from grader.notebooks import Notebooks

FILE = "Self_Supervised_Learning.ipynb"
LABEL = "Best top-1 accuracy with self-supervised pretraining"


@pytest.mark.check("p3.notebook_saved", question="finetune", points=0)
def test_saved(notebooks: Notebooks) -> None:
    """Self_Supervised_Learning.ipynb was saved after one run from top to bottom, without errors"""
    saved_whole(FILE, notebooks[FILE])


@pytest.mark.check("p3.notebook_runs", question="finetune", points=0, slow=True, limit_s=240)
def test_runs(notebooks: Notebooks) -> None:
    """Self_Supervised_Learning.ipynb runs from top to bottom in the fast setting"""
    runs(FILE, notebooks.run(FILE))


@pytest.mark.check("p3.finetune", question="finetune", points=1, needs="p3.train_step", slow=True, limit_s=240)
def test_finetune(notebooks: Notebooks) -> None:
    """Self_Supervised_Learning.ipynb shows a top-1 accuracy of at least 70 % after fine-tuning"""
    evidence(FILE, notebooks[FILE], LABEL, above=70, below=100, run=notebooks.run(FILE), run_above=50)
