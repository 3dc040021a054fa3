"""Checks of speed in real workers: loops are found, whatever they do about clocks, threads, caches and the reference.

The tricks stand here and not in tests/hostile, where each of hundreds would have to wait for a check of speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from commands import Place, finished
from mini_assignment import EXTRAS, MANIFEST, SOLUTION, check, swap, write_files, write_mini

from grader.audit import audit
from grader.batch.suite import load_suite
from grader.errors import ManifestError
from grader.grading import Desk
from grader.records import CheckScore, Scorecard
from grader.worker.launch import Launcher

SPEEDS = """
[[speeds]]
check = "p1.rows_speed"
kind = "ratio"
allowed = 4.0
measured = "right ones 1, with a loop 20"
hint = "One call takes all rows"

[[speeds]]
check = "p1.rows_margin"
kind = "margin"
allowed = 4.0
measured = "right ones 20, with two loops 1"
"""
IDS = ("p1.rows_speed", "p1.rows_margin")

ROWS = '''

def rows(x):
    """The sum of the tangents of each row."""
    # BEGIN SOLUTION  all rows at once
    return x.tanh().sum(dim=1)
    # END SOLUTION


def rows_slowly(x):
    """The same in a loop."""
    # BEGIN SOLUTION  a loop
    return torch.stack([row.tanh().sum() for row in x])
    # END SOLUTION
'''

SUITE = '''\
import numpy as np
import pytest

from grader.checks import close, within


def agree(actual, expected):
    close(actual, expected, name="y", dims="N", tol=within(1e-3, 1e-3))


def draw(rng):
    return rng.normal(size=(2000, 4)).astype(np.float32)


@pytest.mark.check("p1.rows_speed", question="scaling", points=0, slow=True)
def test_speed(speed):
    """rows takes no loop"""
    speed.ratio(lambda subject, x: [(subject.solution.rows, [x])], inputs=draw, agree=agree)


@pytest.mark.check("p1.rows_margin", question="scaling", points=0, slow=True)
def test_margin(speed):
    """rows is faster than rows_slowly"""
    speed.margin(
        lambda subject, x: [(subject.solution.rows, [x])],
        lambda subject, x: [(subject.solution.rows_slowly, [x])],
        inputs=draw, agree=agree, than="rows_slowly",
    )
'''

FILES: dict[str, str | bytes] = {
    "reference/mini/assignment.toml": MANIFEST + SPEEDS,
    "reference/mini/solution.py": SOLUTION + ROWS,
    "tests/mini/test_p1_speed.py": SUITE,
}

# What a submission adds to the right one.
LOOP = """
def rows(x):
    return torch.stack([row.tanh().sum() for row in x])
"""

TRICKS = {
    "patches every clock": """
import time
for name in ("time", "perf_counter", "monotonic", "process_time", "thread_time", "sleep"):
    setattr(time, name, lambda *_: 0.0)
    setattr(time, name + "_ns", lambda *_: 0)
"""
    + LOOP,
    "sleeps in one call and computes in the other": """
import itertools, time
turns = itertools.count()

def rows(x):
    if next(turns) % 2:
        time.sleep(0.1)
        return x.tanh().sum(dim=1)
    return torch.stack([row.tanh().sum() for row in x])
""",
    "only sleeps": """
import time

def rows(x):
    time.sleep(0.05)
    return x.tanh().sum(dim=1)
""",
    "remembers what it has computed": """
known = {}

def rows(x):
    key = x.numpy().tobytes()
    if key not in known:
        known[key] = torch.stack([row.tanh().sum() for row in x])
    return known[key]
""",
    "answers with what it computed last": """
last = [torch.zeros(2000)]

def rows(x):
    found = last[0]
    last[0] = torch.stack([row.tanh().sum() for row in x])
    return found
""",
    "has a thread fill its answer in later": """
import threading

def rows(x):
    found = torch.zeros(len(x))
    def fill():
        for n, row in enumerate(x):
            found[n] = row.tanh().sum()
    threading.Thread(target=fill).start()
    return found
""",
    "computes when its answer is fetched": """
class Late(torch.Tensor):
    def detach(self):
        return torch.stack([row.tanh().sum() for row in self.x])

def rows(x):
    found = torch.zeros(len(x)).as_subclass(Late)
    found.x = x
    return found
""",
    "computes when its arguments arrive": """
import sys
box = sys.modules["grader.worker.box"]
original = box.to_torch
known = {}

def eager(value, moved=None):
    found = original(value, moved)
    if isinstance(found, torch.Tensor) and found.shape == (2000, 4):
        known[id(found)] = torch.stack([row.tanh().sum() for row in found])
    return found

box.to_torch = eager

def rows(x):
    return known.pop(id(x))
""",
    "computes in four threads": """
import threading

def rows(x):
    found = torch.zeros(len(x))
    def fill(start):
        for n in range(start, len(x), 4):
            found[n] = x[n].tanh().sum()
    threads = [threading.Thread(target=fill, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
""",
    "keeps the processors busy while the reference computes": """
import threading
idle = threading.Event()

def burn():
    block = torch.ones(600, 600)
    while True:
        idle.wait()
        block @ block  # without the lock of Python

for _ in range(4):
    threading.Thread(target=burn, daemon=True).start()

def rows(x):
    idle.clear()
    found = torch.stack([row.tanh().sum() for row in x])
    idle.set()
    return found
""",
    "makes threads wait for each other's processor": """
import os, threading
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

def spin():
    while True:
        pass

for _ in range(3):
    threading.Thread(target=spin, daemon=True).start()
"""
    + LOOP,
}

PADDED = """
import time

def rows_slowly(x):
    time.sleep(1)
    return torch.stack([row.tanh().sum() for row in x])
"""


@pytest.fixture(scope="module")
def speedy(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Iterator[Desk]:
    """The desk of an assignment with checks of speed, which are worth nothing."""
    with Desk(write_mini(tmp_path_factory.mktemp("speedy"), FILES), launcher) as found:
        yield found


@pytest.fixture
def judged(speedy: Desk, tmp_path: Path) -> Callable[[str, str], CheckScore]:
    """Grades the right solution with something added to it; one check of the outcome."""

    def run(added: str, id_: str) -> CheckScore:
        files: dict[str, str | bytes] = {"solution.py": SOLUTION + ROWS + added, "extras.py": EXTRAS}
        return check(speedy.grade(write_files(tmp_path / "submission", files), parts=["p1"], slow=[id_]), id_)

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("place")
    folder.chmod(0o755)
    return Place(folder, FILES)


@pytest.mark.parametrize(("added", "status"), [("", "passed"), (LOOP, "failed")], ids=["no loop", "a loop"])
def test_the_command_tells_loops_from_none(place: Place, tmp_path: Path, added: str, status: str) -> None:
    """`grade.py run` judges both checks, costs nobody a point, and writes down what was measured."""
    write_files(place.submission, {"solution.py": SOLUTION + ROWS + added, "extras.py": EXTRAS})
    finished(place.run(tmp_path / "out"), place, tmp_path / "temporary")
    card = msgspec.json.decode((tmp_path / "out/scorecard.json").read_bytes(), type=Scorecard)
    assert card.score == card.max_score == 8
    for id_ in IDS:
        found = check(card, id_)
        assert found.status == status and found.timing, found
        assert found.timing.low <= found.timing.figure <= found.timing.high and found.timing.allowed == 4
        assert found.timing.kind == ("margin" if id_ == "p1.rows_margin" else "ratio")
    lines = [msgspec.json.decode(line) for line in (tmp_path / "out/journal.jsonl").read_bytes().splitlines()]
    assert {line["id"] for line in lines if line["timing"]} == {*IDS}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_with_time_gain_nothing(judged: Callable[[str, str], CheckScore], trick: str) -> None:
    """A loop that tampers with clocks, hides in threads, remembers, or hinders the reference fails all the same."""
    found = judged(TRICKS[trick], "p1.rows_speed")
    assert found.status == "failed", found


def test_a_padded_slow_form_wins_nothing(judged: Callable[[str, str], CheckScore]) -> None:
    """Two loops, of which one sleeps: the other is not faster than the reference's loop."""
    found = judged(LOOP + PADDED, "p1.rows_margin")
    assert found.status == "failed" and "as fast as rows_slowly" in found.message, found


def test_a_slow_form_that_sleeps_harms_nobody(judged: Callable[[str, str], CheckScore]) -> None:
    """A right fast form passes beside a slow one that is slower than it need be."""
    found = judged(PADDED.replace("sleep(1)", "sleep(0.2)"), "p1.rows_margin")
    assert found.status == "passed", found


def worth(points: float) -> str:
    """The manifest with points for rows_speed."""
    manifest = swap(MANIFEST + SPEEDS, 'with a loop 20"\n', f'with a loop 20"\npoints = {points}\n')
    manifest = swap(manifest, "points = 6.0", f"points = {6 + points}")
    return manifest.replace("points = 4.0", f"points = {4 + points}", 1)


def test_points_come_from_the_manifest(tmp_path: Path, launcher: Launcher) -> None:
    """A limit with points makes the check worth them, and a loop costs them."""
    files: dict[str, str | bytes] = {"solution.py": SOLUTION + ROWS + LOOP, "extras.py": EXTRAS}
    assignment = write_mini(tmp_path / "points", {**FILES, "reference/mini/assignment.toml": worth(1.5)})
    with Desk(assignment, launcher) as desk:
        card = desk.grade(write_files(tmp_path / "submission", files), slow=IDS[:1])
    speed = check(card, "p1.rows_speed")
    assert (speed.score, speed.max_score, speed.status) == (0, 1.5, "failed")
    assert (card.score, card.max_score) == (8, 9.5)
    assert speed.message.endswith("One call takes all rows")


def test_a_slow_alternative_says_so(tmp_path: Path) -> None:
    """The audit wants a right and slow solution to name the checks that find it slow, those and no others."""
    slow = 'slow = ["p1.rows_speed", "p1.rows_margin"]'
    places = "tests/mini/alternatives"
    added: dict[str, str | bytes] = {
        f"{places}/loops/solution.py": SOLUTION + ROWS + LOOP,
        f"{places}/loops/audit.toml": slow,
        f"{places}/silent/solution.py": SOLUTION + ROWS + LOOP,
        f"{places}/boasts/solution.py": SOLUTION + ROWS,
        f"{places}/boasts/audit.toml": slow,
    }
    found = audit(write_mini(tmp_path, {**FILES, **added}), only=["loops", "silent", "boasts"]).findings
    said = {(finding.variant, finding.text.partition(" (")[0]) for finding in found}
    assert said == {(name, f"{id_} {text}") for id_ in IDS for name, text in (
        ("silent", "did not pass"), ("boasts", "was to find it slow"),
    )}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('slow = ["p1.scale"]', "p1.scale is no check of speed"),
        ('fast = ["p1.rows_speed"]', "unknown field `fast`"),
        ("slow = ", "loops/audit.toml"),
    ],
)
def test_an_alternative_says_it_well(tmp_path: Path, text: str, says: str) -> None:
    """An audit.toml that cannot be meant is one clear line, before anything is graded."""
    added: dict[str, str | bytes] = {"tests/mini/alternatives/loops/audit.toml": text}
    with pytest.raises(ManifestError, match=says):
        audit(write_mini(tmp_path, {**FILES, **added}))


def test_first_points_have_a_class_graded_again(tmp_path: Path) -> None:
    """What could not be measured is skipped where it is worth nothing, and staff's to run again where it is worth
    something; how much it is worth changes no result."""
    digests = []
    for points in (0.0, 1.0, 2.5):
        files: dict[str, str | bytes] = {**FILES, "reference/mini/assignment.toml": worth(points)}
        digests.append(load_suite(write_mini(tmp_path / str(points), files), "run").digests["p1.rows_speed"])
    assert digests[0] != digests[1] == digests[2]
