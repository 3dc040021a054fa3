"""What a manifest may allow checks of speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grader.errors import ManifestError
from grader.manifest import check_suite, load_manifest
from grader.records import CheckSpec, SpeedLimit, Visibility

MANIFEST = '''\
id = "a9"
title = "Assignment 9"
submitted = ["rnn.py"]
given = []
parts = [{ id = "p1", title = "Part 1", points = 3 }]
questions = [{ id = "step", part = "p1", title = "One step", points = 3, files = ["rnn.py"] }]

[[speeds]]
check = "p1.speed"
kind = "ratio"
allowed = 4.0
measured = "reference 1, loop 16"
'''


def load(folder: Path, text: str) -> Any:
    path = folder / "assignment.toml"
    path.write_text(text, encoding="utf-8")
    return load_manifest(path)


def specs(speed_points: float) -> list[CheckSpec]:
    points = {"p1.value": 3 - speed_points, "p1.speed": speed_points}
    return [CheckSpec(id_, id_, "step", worth, Visibility.VISIBLE) for id_, worth in points.items()]


@pytest.mark.parametrize("points", [0, 1])
def test_a_sound_limit_is_decoded(tmp_path: Path, points: float) -> None:
    """A limit is worth nothing unless it says so; its question's points hold its own."""
    manifest = load(tmp_path, MANIFEST + (f"points = {points}\n" if points else ""))
    assert manifest.speeds[0] == SpeedLimit("p1.speed", "ratio", 4.0, "reference 1, loop 16", points=points)
    check_suite(manifest, specs(points))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("allowed = 4.0", "allowed = 0", r"must be positive, got 0.0 - at `\$.speeds\[0\].allowed`"),
        ("allowed = 4.0", "allowed = inf", "must be positive, got inf"),
        ("allowed = 4.0", "allowed = 4\nwithin = -1", r"got -1.0 - at `\$.speeds\[0\].within`"),
        ("allowed = 4.0", "allowed = 4\npoints = -1", r"from 0 up, got -1.0 - at `\$.speeds\[0\].points`"),
        ('kind = "ratio"', 'kind = "seconds"', r"'seconds'.*\$.speeds\[0\].kind"),
        ('"reference 1, loop 16"', '" "', r"what was measured .* at `\$.speeds\[0\].measured`"),
        ('check = "p1.speed"', 'check = ""', "must not be empty"),
        ("[[speeds]]", "[[speeds]]\nunit = 1", "unknown field `unit`"),
    ],
)
def test_wrong_limits_are_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    """A limit that cannot be meant is one line that says where it stands."""
    assert MANIFEST.count(old) == 1
    with pytest.raises(ManifestError, match=says):
        load(tmp_path, MANIFEST.replace(old, new))


def test_a_limit_for_no_check_is_refused(tmp_path: Path) -> None:
    """A limit whose check the suite does not have would never be applied."""
    manifest = load(tmp_path, MANIFEST.replace("p1.speed", "p1.sped"))
    with pytest.raises(ManifestError, match=r"'p1.sped' is not in the suite .*speeds\[0\].check"):
        check_suite(manifest, specs(0))
    check_suite(manifest, specs(0), partly=True)  # it may be in another part
