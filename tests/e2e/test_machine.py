"""What the machine can do to a grading: honest submissions keep full marks, and what cannot be graded is said to be
our fault. What takes rights to arrange has a stand-in for machines that do not give them."""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from commands import Place, Started, finished, limited
from mini_assignment import CHECKS, EXTRAS, HASTY, SOLUTION, SUITE_P2, check, statuses, swap, write_files, write_mini

from grader.errors import GraderError, IntakeError
from grader.grading import Desk
from grader.plugin import OUR_FAULT, Run
from grader.records import Scorecard
from grader.worker.client import PATIENCE
from grader.worker.launch import Launcher

Grade = Callable[..., Scorecard]
ValidReports = Callable[[Path], Scorecard]
FULL = dict.fromkeys(CHECKS, "passed")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("machine")
    folder.chmod(0o755)
    return Place(folder)


def with_mounts(script: str, command: Sequence[str]) -> list[str]:
    """The command behind mounts that nobody else sees; `script` is for the shell, and "$@" in it the command."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "--propagation", "private", "sh", "-ec", script, "sh", *command]


@pytest.fixture(scope="module")
def may_mount(tmp_path_factory: pytest.TempPathFactory) -> bool:
    script = f'mount -t tmpfs none {tmp_path_factory.mktemp("mount")}; exec "$@"'
    try:
        return subprocess.run(with_mounts(script, ["true"]), capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def limit(kind: int, soft: int) -> Callable[[], None]:
    """For a child before it starts."""
    return lambda: resource.setrlimit(kind, (soft, soft))


# --- disks ------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_is_told_at_the_end(
    place: Place, may_mount: bool, tmp_path: Path, valid_reports: ValidReports
) -> None:
    """The suite goes on, its card is printed, one line says why the reports are not complete, with exit code 3;
    those on disk are the last that could be written."""
    out, kept = tmp_path / "out", tmp_path / "kept"
    fill = f"""
        mkdir {out} {kept}
        mount -t tmpfs -o size=512k none {out}
        "$@" & pid=$!
        until [ -s {out}/journal.jsonl ]; do sleep 0.01; done
        cat /dev/zero > {out}/fill 2> /dev/null || true
        code=0; wait $pid || code=$?
        rm {out}/fill; cp {out}/*.json {kept}; exit $code
    """
    if may_mount:
        code, stdout, stderr = finished(with_mounts(fill, place.run(out)), place, tmp_path / "temporary")
        assert valid_reports(kept).complete is False
    else:
        small = limit(resource.RLIMIT_FSIZE, 6000)  # room for what is staged, not for a report
        code, stdout, stderr = finished(place.run(out), place, tmp_path / "temporary", preexec_fn=small)
        assert not (out / "results.json").exists()
    assert code == 3, stdout + stderr
    assert "Score: 8 / 8\n" in stdout
    assert len(stderr.splitlines()) == 1
    assert stderr.startswith(f"grade: the reports in {out} are not complete: ")


@pytest.mark.parametrize("room", [("p1.scale", "p2.shout"), ("p1.total", "p1.sample_odd"), ("p1.scale", "")])
def test_reports_are_made_up_for_when_there_is_room_again(
    grade: Grade, desk: Desk, tmp_path: Path, valid_reports: ValidReports, room: tuple[str, str]
) -> None:
    """While nothing can be written the last valid reports stay; the end makes up for it, or tells why not."""
    full_from, full_to = room
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    seen: list[Scorecard] = []

    def progress(run: Run) -> None:
        if (tmp_path / "results.json").exists():
            seen.append(valid_reports(tmp_path))
        last = list(run.results)[-1:]
        if last in ([full_from], [full_to]):
            resource.setrlimit(resource.RLIMIT_FSIZE, (100 if last == [full_from] else soft, hard))

    try:
        card = grade({}, out=tmp_path, progress=progress)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert statuses(card) == FULL
    journal = (tmp_path / "journal.jsonl").read_text().splitlines()
    if full_to:
        assert (desk.unwritten, valid_reports(tmp_path)) == ("", card)
        assert sorted(line.split('"')[3] for line in journal) == sorted(CHECKS)
    else:
        assert (desk.unwritten, valid_reports(tmp_path)) == ("File too large", seen[-1])
        assert not seen[-1].complete
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_read_only_folder_for_reports_is_said_at_once(place: Place, may_mount: bool, tmp_path: Path) -> None:
    """One line and exit code 2, before anything is graded."""
    out = tmp_path / "out"
    out.mkdir()
    why = "Read-only file system"
    command = with_mounts(f'mount -t tmpfs -o ro none {out}; exec "$@"', place.run(out))
    if not may_mount:
        out, why = Path("/proc/self/out"), "No such file or directory"
        command = place.run(out)
    code, stdout, stderr = finished(command, place, tmp_path / "temporary")
    assert (code, stdout, stderr) == (2, "", f"grade: {out} cannot be written to: {why}\n")


def test_no_room_for_temporary_files_is_not_the_students(place: Place, may_mount: bool, tmp_path: Path) -> None:
    """A submission that cannot be copied is one line about this machine, exit code 2, and no report of zero points."""
    out, temporary = tmp_path / "out", tmp_path / "temporary"
    if may_mount:
        temporary.mkdir()
        small = with_mounts(f'mount -t tmpfs -o size=8k,mode=1777 none {temporary}; exec "$@"', place.run(out))
        code, stdout, stderr = finished(small, place, temporary)
    else:
        none = limit(resource.RLIMIT_FSIZE, 100)
        code, stdout, stderr = finished(place.run(out), place, temporary, preexec_fn=none)
    assert (code, stdout) == (2, "")
    assert len(stderr.splitlines()) == 1
    assert any(why in stderr for why in ("No space left on device", "File too large"))
    assert not (out / "results.json").exists()


def test_no_room_to_unpack_is_not_the_students(desk: Desk, tmp_path: Path) -> None:
    """An archive whose content does not fit on this machine is not called damaged, and nobody scores zero."""
    noise = random.Random(1).randbytes(9 << 20)
    with tarfile.open(tmp_path / "big.tgz", "w:gz", compresslevel=1) as archive:
        for name, content in (("solution.py", SOLUTION.encode()), ("extras.py", EXTRAS.encode()), ("noise", noise)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with limited(resource.RLIMIT_FSIZE, 1 << 20), pytest.raises(GraderError, match="File too large") as caught:
        desk.grade(tmp_path / "big.tgz", out=tmp_path / "out")
    assert not isinstance(caught.value, IntakeError)
    assert not (tmp_path / "out/results.json").exists()
    assert desk.grade(tmp_path / "big.tgz").score == 8.0


def test_a_refusal_that_cannot_be_written_is_told_all_the_same(desk: Desk, tmp_path: Path) -> None:
    """Both are said in one line: what is wrong with the submission, and that the folder took no report."""
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 but no zip")
    with limited(resource.RLIMIT_FSIZE, 10), pytest.raises(GraderError) as caught:
        desk.grade(tmp_path / "bad.zip", out=tmp_path / "out")
    assert "make the zip again; and " in str(caught.value)
    assert str(caught.value).endswith("cannot be written to: File too large")


def test_shared_memory_is_not_needed(place: Place, may_mount: bool, tmp_path: Path) -> None:
    """Without a /dev/shm that can be written to, grading is as ever."""
    command = place.run(tmp_path / "out")
    if may_mount:
        command = with_mounts('mount -t tmpfs -o ro none /dev/shm; exec "$@"', command)
    started = Started(command, place, tmp_path / "temporary")
    used = set()
    while not started.over:
        for pid in started.family():
            with contextlib.suppress(OSError):
                used |= {pid for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if " /dev/shm" in line}
        time.sleep(0.1)
    code, stdout, stderr = started.finish()
    assert (code, stderr, used) == (0, "", set())
    assert "Score: 8 / 8\n" in stdout


# --- descriptors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("descriptors", [5, 9, 12, 14])  # no worker, no zygote, no check, most checks
def test_too_few_descriptors_are_not_the_students(
    place: Place, tmp_path: Path, valid_reports: ValidReports, descriptors: int
) -> None:
    """With however few, there are full marks, or exit code 2 or 3 without a word against the student."""
    out, few = tmp_path / "out", limit(resource.RLIMIT_NOFILE, descriptors)
    code, _stdout, stderr = finished(place.run(out), place, tmp_path / "temporary", preexec_fn=few)
    assert code in (0, 2, 3), stderr
    if code == 2:
        assert len(stderr.splitlines()) == 1 and stderr.startswith("grade: ")
    else:
        assert stderr == ""
        card = valid_reports(out)
        assert set(statuses(card).values()) <= {"passed", "ungraded"}
        assert (code == 0) == card.complete == (card.score == 8.0)


# --- processes that end --------------------------------------------------------------------------------


def workers_of_this_process() -> list[int]:
    """The children of our zygote."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
    zygotes = {pid for pid, parent in parents.items() if parent == os.getpid()}
    return [pid for pid, parent in parents.items() if parent in zygotes]


DRAWN = """\
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks import equal
from grader.checks.examples import few_examples


@pytest.mark.check("p2.shout", question="words", points=2)
@few_examples
@given(word=st.just("quiet"))
def test_shout(student, word):
    'shout gives capitals'
    equal(student.extras.shout(word), "QUIET", name="word")
"""


@pytest.mark.parametrize("suite", [SUITE_P2, DRAWN], ids=["plain", "hypothesis"])
@pytest.mark.parametrize("times", [1, 10**6], ids=["once", "always"])
def test_workers_that_the_system_kills_are_no_failures(
    tmp_path: Path, launcher: Launcher, suite: str, times: int
) -> None:
    """Killed once in the middle of a check, as for want of memory that others took, it is run again and passes,
    with one result; killed each time, it is UNGRADED, and what else was earned is kept."""
    assignment = write_mini(tmp_path / "repository", {"tests/mini/test_p2_words.py": suite})
    slow = swap(EXTRAS, "return word", f"import time; time.sleep({1.0 if times == 1 else 8.0}); return word")
    source = write_files(tmp_path / "submission", {"solution.py": SOLUTION, "extras.py": slow})
    begun, done = threading.Event(), threading.Event()
    reported: list[int] = []
    before: set[int] = set()  # workers of the first test file

    def progress(run: Run) -> None:
        reported.append(len(run.results))
        if "p1.sample_odd" in run.results:
            before.update(workers_of_this_process())
            begun.set()

    def kill() -> None:
        begun.wait(60)
        left = times
        while left and not done.is_set():
            for pid in set(workers_of_this_process()) - before:
                time.sleep(0.2)  # it starts, and is asked
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    left -= 1
                before.add(pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with Desk(assignment, launcher) as desk:
            card = desk.grade(source, progress=progress)
    finally:
        done.set()
        begun.set()
        killer.join()
    shout = check(card, "p2.shout")
    assert reported == [0, 1, 2, 3, 4, 5, 6]
    if times == 1:
        assert statuses(card) == FULL and card.complete
        assert shout.staff.startswith("run a second time, after this: a worker was killed from outside")
    else:
        assert statuses(card) == {**FULL, "p2.shout": "ungraded"}
        assert (card.score, card.complete, shout.message) == (6.0, False, OUR_FAULT)
        assert "Traceback" in shout.staff and "killed from outside" in shout.staff


# --- clocks -----------------------------------------------------------------------------------------


def test_a_clock_that_jumps_decides_nothing(grade: Grade, monkeypatch: pytest.MonkeyPatch) -> None:
    """Years forwards and backwards between two looks at the clock on the wall change no status."""
    chance, real = random.Random(0), time.time()

    def jumping() -> float:
        return real + chance.choice([-1, 1]) * chance.uniform(1, 20) * 365 * 86400

    monkeypatch.setattr(time, "time", jumping)
    monkeypatch.setattr(time, "time_ns", lambda: int(jumping() * 1e9))
    card = grade({})
    assert statuses(card) == FULL
    assert 0 <= card.seconds < 120 and all(0 <= found.seconds < 60 for found in card.checks)


BUSY = "while True: pass"
BURN = """\
import time
    until = time.process_time() + {seconds}
    while time.process_time() < until: pass
    return 2 * torch"""
HANG = """\
while True: pass
    return word"""


@pytest.fixture
def load() -> Iterator[None]:
    """Five busy processes for each of the processors that we may use, ten at least."""
    number = max(10, 5 * len(os.sched_getaffinity(0)))
    busy = [subprocess.Popen([sys.executable, "-S", "-c", BUSY]) for _ in range(number)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
        for process in busy:
            process.wait()


def test_a_busy_machine_costs_an_honest_student_nothing(load: None, tmp_path: Path, launcher: Launcher) -> None:
    """Beside ten busy processes a call of 40 % of its limit has full marks; one that would never end is stopped,
    not before its limit and not long after PATIENCE times that."""
    limit_s = 2.0
    assignment = write_mini(tmp_path / "repository", {"reference/mini/assignment.toml": HASTY})
    body = BURN.format(seconds=0.4 * limit_s)
    busy = {"solution.py": swap(SOLUTION, "return 2 * torch", body), "extras.py": EXTRAS}
    hanging = {"solution.py": SOLUTION, "extras.py": swap(EXTRAS, "return word", HANG)}
    with Desk(assignment, launcher) as desk:
        card = desk.grade(write_files(tmp_path / "honest", busy))
        assert statuses(card) == FULL, [(found.message, found.staff) for found in card.checks]
        assert min(check(card, f"p1.sample_{kind}").cpu_s for kind in ("even", "odd")) > 0.4 * limit_s
        stopped = check(desk.grade(write_files(tmp_path / "hanging", hanging), parts=["p2"]), "p2.shout")
    assert stopped.status == "timed_out"
    assert limit_s <= stopped.seconds < PATIENCE * limit_s + 20
