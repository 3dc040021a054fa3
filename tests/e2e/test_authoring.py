"""The worked example of docs/authoring.md is what it says: its files are written out, its commands are run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.paths import ROOT

FILE = re.compile(r"^```\w+ (\S+/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with the example as its only assignment."""
    root = tmp_path_factory.mktemp("authoring") / "repository"
    shutil.copytree(ROOT / "grader", root / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "grade.py", root)
    for name, text in FILE.findall((ROOT / "docs/authoring.md").read_text(encoding="utf-8")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    assert said(root, "stubs", "hello").endswith("2 files written\n")
    return root


def said(root: Path, *words: str) -> str:
    """What the command prints; it must end well."""
    command = [sys.executable, str(root / "grade.py"), *words]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_reference_has_all_points_and_the_stub_none(repository: Path, tmp_path: Path) -> None:
    """Both are graded with the commands that the text shows."""
    for folder, score in (("reference", "5 / 5"), ("student", "0 / 5")):
        shown = said(repository, "run", "hello", f"{folder}/hello", "--out", str(tmp_path / folder))
        assert f"Score: {score}\n" in shown


def test_the_suite_is_sound(repository: Path) -> None:
    """The audit has nothing to say about the example."""
    shown = said(repository, "audit", "hello")
    assert "   3 mutant\n" in shown  # the kinds come in the order in which they were done
    assert shown.endswith("\nreference: 5 / 5\nstubs: 0 / 5\nThe suite is sound.\n")


def test_a_mistake_is_told_with_its_cause(repository: Path, tmp_path: Path) -> None:
    """The sentence that the suite has for a softmax over the wrong axis reaches the student."""
    (tmp_path / "work").mkdir()
    source = (repository / "reference/hello/layers.py").read_text().replace("dim=1", "dim=0")
    (tmp_path / "work/layers.py").write_text(source)
    shown = said(repository, "run", "hello", str(tmp_path / "work"), "--out", str(tmp_path / "out"))
    assert "over the rows (axis 0), wanted over the classes" in " ".join(shown.split())
