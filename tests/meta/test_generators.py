"""The scripts beside the reference make what is stored beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from grader.paths import find_assignment

REFERENCE = find_assignment("a2").reference
STORED = "rnn_lstm_attention_submission.pt"
BOUNDS = {"rnn_losses": 2.0, "lstm_losses": 1.8, "attn_losses": 0.5}


def run_script(name: str, out: Path) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, REFERENCE / name, out], check=True, timeout=240, env=environment)


def test_the_expressions_are_made_again_byte_for_byte(tmp_path: Path) -> None:
    """make_two_digit_op.py gives the stored file."""
    run_script("make_two_digit_op.py", tmp_path)
    assert (tmp_path / "two_digit_op.json").read_bytes() == (REFERENCE / "two_digit_op.json").read_bytes()


def test_the_key_is_made_again(tmp_path: Path) -> None:
    """make_simclr_key.py gives the stored tensors, which load without code being run."""
    run_script("make_simclr_key.py", tmp_path)
    made, stored = (losses(folder / "simclr_sanity_check.key") for folder in (tmp_path, REFERENCE))
    assert made.keys() == stored.keys() == {"left", "right", "sim", "sim_matrix", "loss"}
    for name in made.keys() - {"loss"}:
        assert made[name].dtype == torch.float32 and torch.allclose(made[name], stored[name], rtol=1e-6, atol=0), name
    assert made["loss"].keys() == stored["loss"].keys() == {"1.0", "5.0"}
    for tau, loss in stored["loss"].items():
        assert torch.allclose(made["loss"][tau], loss, rtol=1e-6, atol=0)


def losses(path: Path) -> dict[str, Any]:
    found = torch.load(path, weights_only=True)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What train_captioners.py gives on this machine."""
    out = tmp_path_factory.mktemp("trained")
    run_script("train_captioners.py", out)
    return losses(out / STORED)


def test_the_captioners_train_well_again(trained: dict[str, Any]) -> None:
    """The last losses of a new training are within the bounds that the hand-out asks for."""
    for name, bound in BOUNDS.items():
        assert trained[name][-1] < bound, name


def test_the_stored_losses_are_of_that_kind(trained: dict[str, Any]) -> None:
    """The stored artefact has the same keys and lengths, plain floats, and meets the bounds itself."""
    stored = losses(REFERENCE / STORED)
    assert list(stored) == list(trained) == list(BOUNDS)
    for name, bound in BOUNDS.items():
        assert len(stored[name]) == len(trained[name])
        assert {type(value) for value in (*stored[name], *trained[name])} == {float}
        assert stored[name][-1] < bound
