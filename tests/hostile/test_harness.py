"""The harness sees what it is there to see: each kind of leftover, and each kind of wrong outcome."""

from __future__ import annotations

import copy
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from judge import faults
from machine import Listeners, differences, snapshot
from tricks import Trick

from grader.worker.sandbox import LAYERS

MARK = f"harness-{os.getpid()}"


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def abstract_socket() -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as found:
        found.bind(f"\0{MARK}-left")
        found.listen()
        yield


@contextmanager
def public_file() -> Iterator[None]:
    path = Path("/tmp") / f"{MARK}-left"
    path.write_text("left")
    try:
        yield
    finally:
        path.unlink()


Leave = Callable[[ExitStack, Path, int], object]
LEFTOVERS: dict[str, tuple[Leave, str]] = {
    "process": (lambda stack, folder, pid: stack.enter_context(sleeper()), "processes"),
    "file": (lambda stack, folder, pid: (folder / "new").write_text("x"), "files"),
    "content": (lambda stack, folder, pid: (folder / "there").write_text("other"), "files"),
    "mode": (lambda stack, folder, pid: (folder / "there").chmod(0o777), "files"),
    "mode of a folder": (lambda stack, folder, pid: folder.chmod(0o777), "files"),
    "removed": (lambda stack, folder, pid: (folder / "there").unlink(), "files"),
    "public file": (lambda stack, folder, pid: stack.enter_context(public_file()), "marked"),
    "abstract socket": (lambda stack, folder, pid: stack.enter_context(abstract_socket()), "marked"),
    "niceness": (lambda stack, folder, pid: os.setpriority(os.PRIO_PROCESS, pid, 7), "grader"),
    "ended": (lambda stack, folder, pid: (os.kill(pid, 9), os.waitpid(pid, 0)), "grader"),
}


@pytest.mark.parametrize(("leave", "where"), LEFTOVERS.values(), ids=LEFTOVERS)
def test_what_is_left_is_seen(tmp_path: Path, leave: Leave, where: str) -> None:
    """A process, a file, a mode, a socket, a changed neighbour: each is one difference, and nothing else is."""
    (tmp_path / "there").write_text("x")
    with sleeper() as lasting, ExitStack() as stack:
        before = snapshot([tmp_path], MARK, {lasting.pid: "sleep"})
        assert differences(before, snapshot([tmp_path], MARK, {lasting.pid: "sleep"})) == []
        leave(stack, tmp_path, lasting.pid)
        after = snapshot([tmp_path], MARK, {lasting.pid: "sleep"})
        assert {line.partition(":")[0] for line in differences(before, after)} == {where}
    lasting.returncode = 0


def test_listeners_hear(tmp_path: Path) -> None:
    """A datagram and a connection are both heard."""
    with closing(Listeners(tmp_path, f"{MARK}-ears")) as listeners:
        assert listeners.heard() == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"psst", listeners.addresses["udp"])  # type: ignore[arg-type]
        with socket.create_connection(listeners.addresses["tcp"]):  # type: ignore[arg-type]
            assert listeners.heard() == 2


TRICK = Trick("reading/any", "tries", "p1.secret", "failed", ("landlock", "uid"), "passed")
STATUSES = {"p1.secret": "failed", "p1.secret.sizes": "failed", "p1.honest": "passed", "p2.honest": "passed"}
GOOD: dict[str, Any] = {
    "exit": 0, "told": "", "faults": [], "residue": [], "heard": 0, "results": {},
    "next": {"exit": 0, "told": "", "scorecard": {"score": 7.0}},
    "scorecard": {
        "score": 2.0,
        "isolation": dict.fromkeys(LAYERS, True),
        "checks": [{"id": id_, "status": status, "seconds": 0.1} for id_, status in STATUSES.items()],
    },
}  # fmt: skip


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """GOOD with one entry replaced."""
    found = copy.deepcopy(GOOD)
    at: Any = found
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return found


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (GOOD, None),
        (changed("scorecard", "score", to=4.0), "got 4 points and deserves 2"),
        (changed("scorecard", "checks", 0, "status", to="crashed"), "p1.secret is crashed, not failed"),
        (changed("scorecard", "checks", 1, "status", to="ungraded"), "p1.secret.sizes is ungraded"),
        (changed("scorecard", "checks", 2, "status", to="crashed"), "p1.honest is crashed, not passed"),
        (changed("scorecard", "checks", 3, "status", to="failed"), "p2.honest is failed, not passed"),
        (changed("scorecard", "checks", 0, "seconds", to=33.0), "took 33.0 s"),
        (changed("scorecard", "isolation", to=dict.fromkeys(LAYERS, False)), "none of its walls holds"),
        (changed("scorecard", to=None), "not graded"),
        (changed("exit", to=3), "not graded (exit code 3)"),
        (changed("residue", to=["files: new"]), "left behind or changed: files: new"),
        (changed("faults", to=["no score"]), "a report is not valid: no score"),
        (changed("heard", to=1), "reached a socket"),
        (changed("next", "exit", to=3), "the next submission"),
        (changed("next", "scorecard", "score", to=6.0), "the next submission"),
    ],
)
def test_what_is_wrong_is_told(observed: dict[str, Any], words: str | None) -> None:
    """Points, statuses, times, reports, leftovers, neighbours: each has its sentence."""
    found = faults(TRICK, observed)
    assert found == [] if words is None else len(found) == 1 and words in found[0]
