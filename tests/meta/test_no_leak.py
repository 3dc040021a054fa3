"""Nothing that a worker can reach holds an expected value.

A small assignment with random markers among its answers is graded for real, in a process of its own. Its
submission looks for anything shaped like a marker: in its memory, objects, environment, descriptors and
every file it can open, the answers' own paths included. It carries a marker of its own, and a second
check gives it one: both must be found, or the search would prove nothing.
"""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

DIGITS = "7160"  # how every marker begins; its 20 other digits are random
BYTES = bytes([0x5A, 0x17, 0xC3, 0x91, 0x40])  # how every marked float64 ends: a number near 1100

SUBMISSION = r'''
import ctypes
import gc
import os
import re
import sys
import time
from collections import deque

OWN_TEXT = "<OWN_TEXT>"
OWN_NUMBER = <OWN_NUMBER>
DIGITS = "<REVERSED>"[::-1].encode()
TEXT = re.compile(DIGITS + b"[0-9]{20}")
TAIL = bytes([int(h, 16) for h in "<BYTES>".split()])
STEP, PAGE = 1 << 16, 1 << 12


class Finds:
    def __init__(self):
        self.text, self.number = set(), set()

    def look(self, data):
        if DIGITS in data:
            self.text.update(found.hex() for found in TEXT.findall(data))
        at = data.find(TAIL)
        while at >= 0:
            self.number.add(data[max(at - 3, 0) : at + len(TAIL)].hex())
            at = data.find(TAIL, at + 1)

    def plain(self):
        return {"text": sorted(self.text), "number": sorted(self.number)}


class Memory:
    """Copies of one's own pages. A pipe takes bytes from any address and refuses what is not mapped."""

    def __init__(self):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
        self.libc.write.restype = ctypes.c_ssize_t
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)

    def copy(self, address, size):
        count = self.libc.write(self.writer, address, size)
        return os.read(self.reader, count) if count > 0 else b""

    def chunk(self, number):
        start = number * STEP
        return self.copy(start, STEP) or b"".join(self.copy(start + at, PAGE) for at in range(0, STEP, PAGE))


def search_memory(finds, until):
    """Bytes searched: everything mapped where the map can be read, else what lies around known objects."""
    memory, size = Memory(), 0
    waiting, seen = deque(), set()
    try:
        for line in open("/proc/self/maps"):
            start, end = (int(x, 16) // STEP for x in line.split()[0].split("-"))
            if "r" in line.split()[1]:
                waiting += range(start, end + 1)
        grow = False
    except OSError:
        grow = True
        waiting += [id(OWN_TEXT) // STEP, id(OWN_NUMBER) // STEP]
        waiting += {ctypes.addressof(ctypes.create_string_buffer(n)) // STEP for n in (8, 500, 5000, 200_000)}
        waiting += {id(item) // STEP for item in gc.get_objects()}
        waiting += {id(item) // STEP for module in list(sys.modules.values()) for item in vars(module).values()}
    while waiting and time.monotonic() < until:
        number = waiting.popleft()
        if number in seen or number <= 0:
            continue
        seen.add(number)
        data = memory.chunk(number)
        if data:
            size += len(data)
            finds.look(data)
            if grow:
                waiting += (number + 1, number - 1)
    return size


def search_objects(finds):
    count = 0
    gc.unfreeze()
    for item in gc.get_objects():
        for part in gc.get_referents(item):
            if type(part) in (str, bytes, int, float):
                count += 1
                finds.look(str(part).encode(errors="replace") if type(part) is not bytes else part)
    return count


def search_files(finds, until, paths):
    opened = set()
    def read(path):
        try:
            if os.path.getsize(path) < 1 << 20:
                with open(path, "rb") as file:
                    finds.look(file.read())
                opened.add(path)
        except (OSError, ValueError):
            pass
    for path in paths:
        read(path)
    for top in (os.getcwd(), os.path.dirname(os.getcwd()), "/tmp", "/etc", "/home", "/root", "/dev/shm", "/"):
        for folder, inner, files in os.walk(top):
            if time.monotonic() > until:
                return opened
            if folder == "/":
                inner[:] = [name for name in inner if name not in ("proc", "sys", "usr", "dev")]
            inner[:] = [name for name in inner if name != "site-packages" and not name.startswith("python3")]
            for name in files:
                read(os.path.join(folder, name))
    for name in ("cmdline", "environ", "maps", "mem", "fd", "../self/root/etc/hostname"):
        read("/proc/self/" + name)
        read(f"/proc/{os.getppid()}/" + name)
    return opened


def descriptors():
    found = []
    for number in range(1024):
        try:
            os.fstat(number)
            found.append(number)
        except OSError:
            pass
    return found


def search(paths, given=None, numbers=None):
    open_before = descriptors()
    memory, objects, files, rest = Finds(), Finds(), Finds(), Finds()
    began = time.monotonic()
    opened = search_files(files, began + 5, paths)
    rest.look("\0".join([*os.environ, *os.environ.values(), *sys.argv, *sys.orig_argv, *sys.path]).encode())
    count = search_objects(objects)
    size = search_memory(memory, time.monotonic() + 4)
    return {
        "memory": memory.plain(), "objects": objects.plain(), "files": files.plain(), "rest": rest.plain(),
        "descriptors": open_before, "bytes": size, "count": count,
        "opened": sorted(os.path.basename(path) for path in opened),
        "answers": sorted(path for path in paths if path in opened),
        "given": given is not None, "sum": float(numbers.sum()) if numbers is not None else 0.0,
    }
'''

SUITE = '''
import json
from pathlib import Path

import pytest

from grader.errors import Verdict
from grader.records import Status

MARKER, NUMBER = "<MARKER>", <NUMBER>
HERE = Path(__file__)
REPOSITORY = HERE.parents[2]


@pytest.mark.check("p1.<CHECK>", question="q", points=1)
def test_search(student, stored):
    """The submission searches whatever it can reach"""
    assert stored["marker"] == MARKER and stored["number"] == NUMBER
    paths = [str(path) for path in REPOSITORY.rglob("*") if path.is_file() and "evidence" not in path.name]
    arguments = <ARGUMENTS>
    found = student.sub.search.using(limit_s=40)(paths, *arguments)
    found["paths"] = len(paths)
    (REPOSITORY / "evidence_<CHECK>.json").write_text(json.dumps(found))
    if found["count"] <= 0:
        raise Verdict(Status.FAILED, "nothing was searched")
'''

MANIFEST = """
id = "mini"
title = "Mini"
submitted = ["sub.py"]
given = []
parts = [{ id = "p1", title = "One", points = 2 }]
questions = [{ id = "q", part = "p1", title = "Q", points = 2, files = ["sub.py"] }]
[limits]
memory_mib = 512
"""

GRADE = """
import json, sys
from pathlib import Path
from grader.grading import Desk
from grader.paths import Assignment
from grader.worker.launch import default_launcher

root = Path(sys.argv[1])
launcher = default_launcher()
try:
    with Desk(Assignment("mini", root=root), launcher) as desk:
        card = desk.grade(root / "handed_in", out=root / "out")
finally:
    launcher.close()
checks = {check.id: [check.status, check.message, check.staff] for check in card.checks}
print(json.dumps({"score": card.score, "checks": checks, "isolation": card.isolation, "torch": "torch" in sys.modules}))
"""


class Marks:
    """A text and a float64 that nobody else has."""

    def __init__(self, rng: random.Random) -> None:
        self.text = DIGITS + "".join(rng.choices("0123456789", k=20))
        self.bytes = rng.randbytes(3) + BYTES
        (self.number,) = struct.unpack("<d", self.bytes)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One grading: its scorecard, what the two searches found, and the markers."""
    root = tmp_path_factory.mktemp("mini")
    rng = random.SystemRandom()
    own, answer = Marks(rng), Marks(rng)  # type: ignore[arg-type]
    submission = (
        SUBMISSION.replace("<OWN_TEXT>", own.text)
        .replace("<OWN_NUMBER>", repr(own.number))
        .replace("<REVERSED>", DIGITS[::-1])
        .replace("<BYTES>", " ".join(f"{byte:x}" for byte in BYTES))
    )
    suite = SUITE.replace("<MARKER>", answer.text).replace("<NUMBER>", repr(answer.number))
    secret = f"{answer.text} {answer.number!r}"
    files = {
        "reference/mini/assignment.toml": MANIFEST,
        "reference/mini/sub.py": f"# {secret}\ndef search(*_): return {answer.number!r}, '{answer.text}'\n",
        "tests/mini/test_p1_a.py": suite.replace("<CHECK>", "blind").replace("<ARGUMENTS>", "()"),
        "tests/mini/test_p1_b.py": suite.replace("<CHECK>", "told").replace(
            "<ARGUMENTS>", "(MARKER, __import__('numpy').full(8, NUMBER))"
        ),
        "fixtures/mini/published/p1.json": json.dumps({"marker": answer.text, "number": answer.number}),
        "handed_in/sub.py": submission,
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text).lstrip("\n"))
    done = subprocess.run(
        [sys.executable, "-c", GRADE, str(root)], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    card = json.loads(done.stdout.splitlines()[-1])
    assert card["score"] == 2, card
    found = {name: json.loads((root / f"evidence_{name}.json").read_text()) for name in ("blind", "told")}
    return {"card": card, "own": own, "answer": answer, "root": root, **found}


def texts(found: dict[str, Any], place: str) -> set[str]:
    return {bytes.fromhex(item).decode() for item in found[place]["text"]}


def numbers(found: dict[str, Any], place: str) -> set[bytes]:
    return {bytes.fromhex(item) for item in found[place]["number"]}


PLACES = ["memory", "objects", "files", "rest"]


@pytest.mark.parametrize("place", PLACES)
def test_no_answer_is_found(graded: dict[str, Any], place: str) -> None:
    """The markers of the answers, as text or as float64, are nowhere in reach."""
    assert graded["answer"].text not in texts(graded["blind"], place)
    assert graded["answer"].bytes not in numbers(graded["blind"], place)


def test_the_search_finds_what_is_there(graded: dict[str, Any]) -> None:
    """The submission's own markers are found in memory, among its objects and in its file."""
    own = graded["own"]
    assert own.text in texts(graded["blind"], "memory") and own.bytes in numbers(graded["blind"], "memory")
    assert own.text in texts(graded["blind"], "objects")
    assert own.text in texts(graded["blind"], "files")
    assert "sub.py" in graded["blind"]["opened"]
    assert graded["blind"]["bytes"] > 50 << 20 and graded["blind"]["count"] > 10_000


def test_the_search_would_find_an_answer(graded: dict[str, Any]) -> None:
    """Handed the markers of the answers as arguments, the same search finds both in memory."""
    answer = graded["answer"]
    assert answer.text in texts(graded["told"], "memory") and answer.bytes in numbers(graded["told"], "memory")


def test_no_answer_can_be_opened(graded: dict[str, Any]) -> None:
    """Told where manifest, solution, tests, published values and the submission's original lie, the
    submission can open none of them."""
    assert graded["blind"]["paths"] >= 6
    assert graded["blind"]["answers"] == []
    assert not {"test_p1_a.py", "p1.json", "assignment.toml"} & set(graded["blind"]["opened"])


def test_descriptors_are_input_output_and_the_connection(graded: dict[str, Any]) -> None:
    """A worker holds nothing open but its input, its log twice and its connection."""
    assert graded["blind"]["descriptors"] == [0, 1, 2, 3]


def test_the_parent_never_imports_torch(graded: dict[str, Any]) -> None:
    """A whole grading passes without torch in the process that knows the answers."""
    assert graded["card"]["torch"] is False


def test_reports_are_written_beside(graded: dict[str, Any]) -> None:
    """The same grading left its reports, and says which layers held."""
    assert {path.name for path in Path(graded["root"], "out").iterdir()} >= {"results.json", "scorecard.json"}
    assert graded["card"]["isolation"]["rlimits"] is True
