"""SIGKILL at random moments: whatever it hits, reports on disk are absent or valid, and no score is lost.

One kill of each kind by default; `--kills 25` makes it a hundred in all. A failure names its seed and moment.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
from commands import Place, Started, finished, naming
from mini_assignment import CHECKS

from grader.paths import ROOT

pytestmark = pytest.mark.timeout(3000)  # for any number of kills

REPORTS = ("results", "scorecard")
TOGETHER = 2  # runs at a time: most of each is one process that imports torch


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("kills")
    folder.chmod(0o755)
    return Place(folder)


@dataclass
class Course:
    """How long an undisturbed `grade.py run` takes beside others: in all, and from its first worker to its last;
    in seconds."""

    whole_s: float
    workers_s: float


@pytest.fixture(scope="module")
def course(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Course:
    folder = tmp_path_factory.mktemp("course")

    def one(number: int) -> Course:
        out = folder / f"out{number}"
        started = Started(place.run(out), place, folder / f"temporary{number}")
        seen = []
        while not started.over:
            if started.workers():
                seen.append(time.monotonic())
            time.sleep(0.05)
        assert started.finish()[0] == 0
        full_marks(out)
        return Course(time.monotonic() - started.began, seen[-1] - seen[0])

    with ThreadPoolExecutor(TOGETHER) as pool:
        return max(pool.map(one, range(TOGETHER)), key=lambda course: course.whole_s)


def full_marks(out: Path) -> None:
    """The reports of an undisturbed run: every check once, every point."""
    assert valid_reports(out) == list(REPORTS)
    card = json.loads((out / "scorecard.json").read_text())
    assert [(check["id"], check["status"]) for check in card["checks"]] == [(id_, "passed") for id_ in CHECKS]
    assert (card["score"], card["max_score"], card["complete"]) == (8.0, 8.0, True)
    tests = json.loads((out / "results.json").read_text())["tests"]
    assert sum(test.get("score", 0) for test in tests) == 8.0
    journal = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert sorted(entry["id"] for entry in journal) == sorted(CHECKS)
    assert [path.name for path in out.iterdir() if path.name.startswith(".")] == []


def valid_reports(out: Path) -> list[str]:
    """Those that are there, held against their schemas."""
    there = [name for name in REPORTS if (out / f"{name}.json").exists()]
    for name in there:
        schema = json.loads((ROOT / f"grader/report/schemas/{name}.schema.json").read_text())
        jsonschema.validate(json.loads((out / f"{name}.json").read_bytes()), schema)
    return there


Kill = Callable[[random.Random, Path], str]


def each_seed(kills: int, folder: Path, kind: str, kill: Kill) -> None:
    """One disturbed run for each seed; `kill` returns when it struck."""

    def one(seed: int) -> None:
        own = folder / str(seed)
        own.mkdir()
        chance = random.Random(f"{kind} {seed}")
        with naming(f"{kind}, seed {seed}"):
            kill(chance, own)
            assert list((own / "temporary").iterdir()) == [], "temporary folders were left"

    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(one, range(kills)))


def wait(started: Started, until: float) -> None:
    while not started.over and time.monotonic() < until:
        time.sleep(0.001)


def strike(started: Started, find: Callable[[], list[int]], chance: random.Random) -> bool:
    """Kills one of the processes that `find` finds, now or as soon as there is one; False when none comes."""
    while not started.over:
        if found := find():
            with suppress(ProcessLookupError):
                os.kill(chance.choice(sorted(found)), signal.SIGKILL)
                return True
    return False


def test_a_killed_worker_costs_nothing(place: Place, course: Course, tmp_path: Path, kills: int) -> None:
    """The run goes on by itself to the undisturbed scores and exit code 0."""

    def kill(chance: random.Random, own: Path) -> None:
        started = Started(place.run(own / "out"), place, own / "temporary")
        try:
            while not started.over and not started.workers():
                time.sleep(0.02)
            after = chance.uniform(0, course.workers_s)
            with naming(f"{after:.3f} s after the first worker"):
                wait(started, time.monotonic() + after)
                strike(started, started.workers, chance)
                code, _stdout, stderr = started.finish()
                assert (code, stderr) == (0, "")
                full_marks(own / "out")
        finally:
            started.kill()
            assert started.leftovers() == []

    each_seed(kills, tmp_path, "worker", kill)


def test_a_killed_zygote_costs_nothing(place: Place, course: Course, tmp_path: Path, kills: int) -> None:
    """With all its workers gone, another is started: the undisturbed scores and exit code 0."""

    def kill(chance: random.Random, own: Path) -> None:
        started = Started(place.run(own / "out"), place, own / "temporary")
        try:
            after = chance.uniform(0, course.whole_s)
            with naming(f"{after:.3f} s after the start"):
                wait(started, started.began + after)
                strike(started, started.zygotes, chance)
                code, _stdout, stderr = started.finish()
                assert (code, stderr) == (0, "")
                full_marks(own / "out")
        finally:
            started.kill()
            assert started.leftovers() == []

    each_seed(kills, tmp_path, "zygote", kill)


def changes(out: Path) -> object:
    """What tells that something was written: the names in the folder, and which file each is."""
    try:
        return sorted((entry.name, entry.inode()) for entry in os.scandir(out))
    except OSError:
        return None


def test_a_killed_command_can_be_started_again(place: Place, course: Course, tmp_path: Path, kills: int) -> None:
    """Killed anywhere, half of the times while it writes, it leaves valid reports or none and no process; the
    next run has the undisturbed scores, every check once, and removes what the killed one could not."""

    def kill(chance: random.Random, own: Path) -> None:
        out = own / "out"
        started = Started(place.run(out), place, own / "temporary")
        try:
            after, writes = chance.uniform(0, course.whole_s), chance.choice([0, chance.randint(1, 20)])
            with naming(f"at write {writes}" if writes else f"{after:.3f} s after the start"):
                if not writes:
                    wait(started, started.began + after)
                for _ in range(writes):
                    before = changes(out)
                    while not started.over and changes(out) == before:
                        time.sleep(0.0005)
                started.kill()
                assert valid_reports(out) in ([], ["scorecard"], list(REPORTS))
                assert started.leftovers() == [], "processes were left"
                assert finished(place.run(out), place, own / "temporary")[0] == 0
                full_marks(out)
        finally:
            started.kill()

    each_seed(kills, tmp_path, "command", kill)


def table(stdout: str) -> str:
    """What a student reads, from the title to the isolation."""
    return stdout[stdout.index("Mini assignment") : stdout.index("Isolation: ")]


def test_a_killed_pytest_can_be_started_again(place: Place, course: Course, tmp_path: Path, kills: int) -> None:
    """Plain pytest, which then is the grader itself, leaves no process and a folder as it was; started again it
    prints the undisturbed table."""
    files = contents(place.submission)
    tables = set()

    def kill(chance: random.Random, own: Path) -> None:
        after = chance.uniform(0, course.whole_s)
        with naming(f"{after:.3f} s after the start"):
            started = Started(place.pytest(), place, own / "temporary")
            wait(started, started.began + after)
            started.kill()
            assert started.leftovers() == [], "processes were left"
            assert contents(place.submission) == files
            code, stdout, _stderr = finished(place.pytest(), place, own / "temporary")
            assert code == 0 and "Score: 6 / 6\n" in stdout
            tables.add(table(stdout))

    each_seed(kills, tmp_path, "pytest", kill)
    assert len(tables) == 1


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
