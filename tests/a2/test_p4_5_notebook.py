"""Part 4, the notebook: how well the patches of a video are told apart."""

from __future__ import annotations

import pytest

from grader.checks.notebooks import evidence, runs, saved_whole
from grader.notebooks import Notebooks

FILE = "CLIP_DINO.ipynb"
# (name in the id, label of the line, bound, points); the bound of the fast setting is lower
FRAMES = [
    ("first", "Mean IoU on the first test frame", 0.45, 1),
    ("last", "Mean IoU on the last test frame", 0.50, 1),
    ("all", "Mean IoU on all test frames", 0.55, 2),
]
RUN_SHARE = 0.7  # of the bound, in the fast setting


@pytest.mark.check("p4.notebook_saved", question="segmentation", points=0)
def test_saved(notebooks: Notebooks) -> None:
    """CLIP_DINO.ipynb was saved after one run from top to bottom, without errors"""
    saved_whole(FILE, notebooks[FILE], apart="make_assignment2_submission")


@pytest.mark.check("p4.notebook_runs", question="segmentation", points=0, slow=True, limit_s=240)
def test_runs(notebooks: Notebooks) -> None:
    """CLIP_DINO.ipynb runs from top to bottom in the fast setting"""
    runs(FILE, notebooks.run(FILE))


@pytest.mark.parametrize(
    ("frame", "label", "above"),
    [
        pytest.param(name, label, above, marks=pytest.mark.check(
            "p4.iou_{frame}", question="segmentation", points=points, needs="p4.dino_seg_blobs", slow=True, limit_s=240,
        ))
        for name, label, above, points in FRAMES
    ],
)  # fmt: skip
def test_iou(notebooks: Notebooks, frame: str, label: str, above: float) -> None:
    """CLIP_DINO.ipynb shows a high enough mean IoU ({frame})"""
    evidence(FILE, notebooks[FILE], label, above=above, below=1, run=notebooks.run(FILE), run_above=RUN_SHARE * above)
