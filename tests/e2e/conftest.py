"""The mini assignment, graded in this process, and the real command in another."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import msgspec
import pytest
from classes import Class
from commands import run_lent
from mini_assignment import EXTRAS, HASTY, SOLUTION, write_files, write_mini
from playwright.sync_api import Browser, sync_playwright

from grader.batch import explain, local
from grader.grading import Desk
from grader.paths import ROOT, Assignment
from grader.records import Scorecard
from grader.worker.launch import Launcher, Zygote

Files = dict[str, str | bytes]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def launcher(zygote: Launcher) -> Launcher:
    """One for all desks."""
    return zygote


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    """The mini assignment as it should be."""
    return write_mini(tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="session")
def desk(mini: Assignment, launcher: Launcher) -> Iterator[Desk]:
    """Its desk, which all gradings share as they do in a batch."""
    with Desk(mini, launcher) as found:
        yield found


@pytest.fixture(scope="session")
def hasty_desk(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Iterator[Desk]:
    """A desk with short limits, for submissions that hang."""
    assignment = write_mini(tmp_path_factory.mktemp("hasty"), {"reference/mini/assignment.toml": HASTY})
    with Desk(assignment, launcher) as found:
        yield found


@pytest.fixture
def hand_in(tmp_path: Path) -> Callable[[Files], Path]:
    """Writes a submission: the right files, but for those that are given."""
    return lambda files: write_files(tmp_path / "submission", {"solution.py": SOLUTION, "extras.py": EXTRAS, **files})


@pytest.fixture
def grade(desk: Desk, hand_in: Callable[[Files], Path]) -> Callable[..., Scorecard]:
    """Grades a submission with some files of its own: `grade({"solution.py": ...})`."""
    return lambda files, **options: desk.grade(hand_in(files), **options)


@pytest.fixture
def lent(zygote: Zygote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches in this process borrow the zygote of all tests, whose import of torch takes most of a run."""
    monkeypatch.setattr(zygote, "close", lambda: None)
    for module in (local, explain):
        monkeypatch.setattr(module, "default_launcher", lambda: zygote)


@pytest.fixture
def new_class(lent: None, tmp_path: Path) -> Callable[..., Class]:
    """Makes a class: `new_class({id: files}, {file of the repository: content})`."""
    return lambda *args: Class(tmp_path, *args)


@pytest.fixture(scope="session")
def grade_py(zygote: Zygote) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real command, with the zygote of all tests."""

    def run(*args: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        return run_lent(zygote, [sys.executable, str(ROOT / "grade.py"), *map(str, args)], cwd=cwd)

    return run


@pytest.fixture(scope="session")
def valid_reports() -> Callable[[Path], Scorecard]:
    """Holds results.json and scorecard.json of a folder against their schemas; gives the scorecard."""
    schemas = ROOT / "grader/report/schemas"

    def read(out: Path) -> Scorecard:
        for report, schema in (("results", "results"), ("scorecard", "scorecard")):
            value = json.loads((out / f"{report}.json").read_bytes())
            jsonschema.validate(value, json.loads((schemas / f"{schema}.schema.json").read_bytes()))
        return msgspec.json.decode((out / "scorecard.json").read_bytes(), type=Scorecard)

    return read


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window. These tests are worth nothing without one, so its absence is a failure."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "these tests need Chromium: apt-get install chromium, or make browser"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path)
        yield started
        started.close()
