"""The rules of cs7643_a3's sheet on its sample submissions: which is broken, and where."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.grading import Desk
from grader.paths import find_assignment
from grader.records import Scorecard, Status
from grader.samples import build, load_samples
from grader.worker.launch import Launcher

TRANSLATION = find_assignment("cs7643_a3")
SAMPLES = {sample.name: sample for sample in load_samples(TRANSLATION)}
NO_NOTEBOOK = {"POL-files": "Machine_Translation.ipynb: was not found; hand it in under this name"}


@pytest.fixture(scope="module")
def translation(launcher: Launcher) -> Iterator[Desk]:
    with Desk(TRANSLATION, launcher) as desk:
        yield desk


def graded(desk: Desk, name: str, place: Path) -> Scorecard:
    return desk.grade(build(SAMPLES[name], TRANSLATION, place), parts=["p0"])


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("complete", {}),
        ("in_folder", {}),
        ("nothing_done", {}),
        (
            "extra_import",
            {"POL-imports": "models/seq2seq/Encoder.py, line 16: `import math` was not among its imports; take it out"},
        ),
        (
            "prints_in_forward",
            {"POL-no-output": "Decoder.py, line 92: this prints", "POL-print-calls": "Decoder.py, line 92: `print`"},
        ),
        (
            "renamed_method",
            {"POL-definitions": "the function `Decoder.compute_attention` is gone; give it back its name"},
        ),
        (
            "edition_2021",
            {
                "POL-edition": "this looks like work for the edition of 2021-22 (it has models/naive/RNN.py",
                "POL-definitions": "`LSTM.forward(self, x, init_states)` was handed out as `LSTM.forward(self, x)`",
            },
        ),
    ],
)
def test_each_sample_breaks_what_it_is_made_to_break(
    translation: Desk, tmp_path: Path, name: str, broken: dict[str, str]
) -> None:
    """No other rule is broken, but for the notebook that some are handed in without."""
    card = graded(translation, name, tmp_path)
    found = {check.id: check.message for check in card.checks if check.status is not Status.PASSED}
    if "POL-files" in found:
        assert NO_NOTEBOOK["POL-files"] in found.pop("POL-files")
    assert found.keys() == broken.keys()
    for id_, words in broken.items():
        assert words in found[id_], found[id_]


@pytest.mark.parametrize("style", sorted(path.name for path in TRANSLATION.alternatives.iterdir() if path.is_dir()))
def test_no_style_breaks_a_rule(translation: Desk, tmp_path: Path, style: str) -> None:
    """Right solutions that look otherwise are accused of nothing, not even of something to look at."""
    shutil.copytree(TRANSLATION.reference / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TRANSLATION.alternatives / style, tmp_path, dirs_exist_ok=True)
    shutil.copy(TRANSLATION.reference / "Machine_Translation.ipynb", tmp_path)
    card = translation.grade(tmp_path, parts=["p0"])
    assert {check.id: check.message for check in card.checks if check.status is not Status.PASSED} == {}
    assert card.findings == ()
