"""Levels of isolation, judged by reports of layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.worker.levels import LEVELS, highest, shortfall
from grader.worker.sandbox import LAYERS

NONE = dict.fromkeys(LAYERS, "not here")
ALL = dict.fromkeys(LAYERS, "")


def held(*layers: str) -> dict[str, str]:
    return {**NONE, **dict.fromkeys(layers, "")}


@pytest.fixture
def shut(tmp_path: Path) -> Path:
    """Answers that only their owner can read."""
    tmp_path.chmod(0o700)
    return tmp_path


WALLS = ("rlimits", "no_new_privs", "pdeathsig", "seccomp")


@pytest.mark.parametrize(
    ("layers", "level"),
    [
        (ALL, "full"),
        ({**ALL, "namespaces": "only root"}, "standard"),
        (held("landlock", *WALLS), "standard"),
        (held("uid", *WALLS), "standard"),
        *((held("landlock", *(wall for wall in WALLS if wall != missing)), "answers") for missing in WALLS),
        (held("landlock"), "answers"),
        (held(*WALLS), "none"),
        (NONE, "none"),
        ({}, "none"),
    ],
)
def test_the_highest_level_is_what_the_layers_give(layers: dict[str, str], level: str, shut: Path) -> None:
    """Each level takes the walls that it names; whoever falls short of one falls short of those above it."""
    assert highest(layers, [shut]) == level
    reached = LEVELS.index(level)
    assert [not shortfall(name, layers, [shut]) for name in LEVELS] == [i <= reached for i in range(len(LEVELS))]


def test_a_shortfall_names_layer_and_reason(shut: Path) -> None:
    """Whoever is refused reads which wall is missing, why, and how to go on."""
    layers = {**ALL, "seccomp": "no table of system calls for mips"}
    assert "seccomp (no table of system calls for mips)" in shortfall("standard", layers, [shut])
    assert "--require-isolation" in shortfall("standard", layers, [shut])


def test_another_user_does_not_help_where_everybody_may_read(stage_files: object, shut: Path) -> None:
    """Without Landlock, answers that others can read keep the level at `none`, and are named."""
    folder = stage_files({"open/answer.txt": "42"})  # type: ignore[operator]
    layers = {**ALL, "landlock": "switched off"}
    assert highest(layers, [shut]) == "standard"
    assert highest(layers, [shut, folder / "open"]) == "none"
    assert "every user can read open" in shortfall("answers", layers, [shut, folder / "open"])
    assert shortfall("answers", ALL, [folder / "open"]) == ""
