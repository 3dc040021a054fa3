"""The real commands on a repository of their own that holds the mini assignment, to be disturbed from outside."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mini_assignment import EXTRAS, SOLUTION, swap, write_files, write_mini

from grader.paths import ROOT
from grader.worker.launch import Zygote

PYTEST_INI = "[pytest]\nassignment = mini\naddopts = --import-mode=importlib -p no:cacheprovider\n"
# Calls that take a while, so that there is something to disturb between two reports.
SLOW = {
    "solution.py": swap(SOLUTION, "return FACTOR", "__import__('time').sleep(0.1); return FACTOR"),
    "extras.py": swap(EXTRAS, "return word", "__import__('time').sleep(0.1); return word"),
}


class Place:
    """A folder with the program, the mini assignment, and an honest submission."""

    def __init__(self, folder: Path, changed: Mapping[str, str | bytes] | None = None) -> None:
        self.root = folder / "repository"
        # What is compiled comes along, but not what another process writes at this moment.
        shutil.copytree(ROOT / "grader", self.root / "grader", ignore=shutil.ignore_patterns("*.pyc.*"))
        shutil.copy(ROOT / "grade.py", self.root)
        write_mini(self.root, {"tests/mini/pytest.ini": PYTEST_INI, **(changed or {})})
        self.submission = write_files(folder / "honest", SLOW)

    def run(self, out: Path) -> list[str]:
        """`grade.py run` of the submission."""
        return [sys.executable, f"{self.root}/grade.py", "run", "mini", str(self.submission), "--out", str(out)]

    def pytest(self) -> list[str]:
        """Plain pytest, as a student has it."""
        return [sys.executable, "-m", "pytest", f"--subject={self.submission}"]


@contextmanager
def lending(zygote: Zygote | None, command: Sequence[str]) -> Iterator[tuple[Sequence[str], Sequence[int]]]:
    """The command, with a twin of the zygote in the place of one of its own, and the descriptors that it is to find."""
    if zygote is None:
        yield command, ()
        return
    python, *program = command
    twin = zygote.fork_twin()
    try:
        yield [python, str(Path(__file__).with_name("lent.py")), *map(str, twin), *program], twin.descriptors
    finally:
        twin.close()


def run_lent(zygote: Zygote, command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
    """A whole command, with a twin of the zygote."""
    with lending(zygote, command) as (full, descriptors):
        return subprocess.run(
            full, pass_fds=descriptors, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
            **options,  # type: ignore[call-overload]
        )  # fmt: skip


class Started:
    """A command that runs, with temporary files in `temporary`, by which its processes are known.

    lent: the zygote that it shares, if it is to have none of its own, whose import of torch takes most of a run.
    """

    def __init__(
        self, command: Sequence[str], place: Place, temporary: Path, lent: Zygote | None = None, **options: object
    ) -> None:
        temporary.mkdir(exist_ok=True)
        self._mark = f"{temporary}/".encode()
        environment = {**os.environ, "TMPDIR": f"{temporary}/", "PYTHONPATH": str(place.root), "COLUMNS": "80"}
        self.began = time.monotonic()
        with lending(lent, command) as (full, descriptors):
            self._process = subprocess.Popen(
                full, cwd=place.root / "tests/mini", env=environment, stdin=subprocess.DEVNULL, pass_fds=descriptors,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,  # type: ignore[call-overload]
            )  # fmt: skip
        self.pid: int = self._process.pid

    @property
    def over(self) -> bool:
        return self._process.poll() is not None

    def family(self) -> dict[int, int]:
        """Process -> parent, of all that belong to the command, also when it has ended itself."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self._mark in (entry / "environ").read_bytes():
                    status = (entry / "stat").read_text().rpartition(") ")[2].split()
                    if status[0] not in "ZX":
                        found[int(entry.name)] = int(status[1])
            except OSError:
                continue  # it has just ended, or is somebody else's
        return found

    def zygotes(self) -> list[int]:
        return [pid for pid, parent in self.family().items() if parent == self.pid and _imports_torch(pid)]

    def workers(self) -> list[int]:
        family = self.family()
        zygotes = {pid for pid, parent in family.items() if parent == self.pid}
        return [pid for pid, parent in family.items() if parent in zygotes]

    def finish(self) -> tuple[int, str, str]:
        """Waits for the end: exit code, stdout, stderr."""
        stdout, stderr = self._process.communicate(timeout=240)
        return self._process.returncode, stdout, stderr

    def kill(self) -> None:
        with self._process:
            self._process.kill()

    def leftovers(self, patience_s: float = 30.0) -> list[int]:
        """The processes that are still there after a while; they are ended then."""
        deadline = time.monotonic() + patience_s
        while (left := list(self.family())) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return left


def _imports_torch(pid: int) -> bool:
    try:
        return b"grader.worker.zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def finished(
    command: Sequence[str], place: Place, temporary: Path, lent: Zygote | None = None, **options: object
) -> tuple[int, str, str]:
    """A whole command: exit code, stdout, stderr. Nothing of it may stay."""
    started = Started(command, place, temporary, lent, **options)
    try:
        return started.finish()
    finally:
        started.kill()
        assert started.leftovers() == []


@contextmanager
def limited(kind: int, soft: int) -> Iterator[None]:
    """This process, and what it starts, under a limit."""
    before, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (before, hard))


@contextmanager
def naming(what: str) -> Iterator[None]:
    """Says of which of several cases an error is."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise
