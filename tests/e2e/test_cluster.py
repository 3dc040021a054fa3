"""A class graded on a Dask cluster: a real scheduler and real processes, on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest
from commands import SLOW
from distributed import Client, LocalCluster
from mini_assignment import EXTRAS, SOLUTION, swap, write_files

from grader.batch import cluster, node
from grader.batch.batch import Tally
from grader.batch.door import Options, grade_class
from grader.batch.jobs import Proof, Settings
from grader.batch.ledger import Ledger
from grader.batch.suite import digest_of
from grader.errors import GraderError, WorkerError
from grader.paths import ROOT, Assignment, find_assignment
from grader.records import Scorecard
from grader.report.files import encode

DEADLINE_S = 120.0
REPORTS = ("scorecard.json", "results.json", "report.html", "scores.csv")

# What a process of the cluster does before anything else, to be a node of another kind. No examiner may start there.
PRELOAD = """
import ctypes, sys
from grader.batch.local import Starter
from grader.worker.launch import Zygote

def dask_setup(worker):
    Starter.start = lambda *_: open({mark!r}, "w").close()
    {name}()

def old_torch():
    ready = Zygote.wait_ready
    def wait_ready(self):
        ready(self)
        self.versions["torch"] = "2.13.0+cpu"
    Zygote.wait_ready = wait_ready

def no_filters():
    sys.path.insert(0, {hostile!r})
    from environments import without_seccomp
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # who is not root may have filters only without new rights
    without_seccomp()
"""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two processes with two threads each; none has the mini assignment."""
    place = tmp_path_factory.mktemp("dask")
    with LocalCluster(
        n_workers=2, threads_per_worker=2, dashboard_address=None, memory_limit=0, local_directory=str(place)
    ) as found:  # fmt: skip
        yield found


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class: right, wrong, unfinished and damaged submissions, in folders and a zip."""
    place = tmp_path_factory.mktemp("class")
    wrong = swap(SOLUTION, "return FACTOR * x", "return FACTOR + x")
    for name, files in {
        "honest": {"solution.py": SOLUTION, "extras.py": EXTRAS},
        "wrong": {"code/solution.py": wrong, "code/extras.py": EXTRAS},
        "Zoë's (1)": {"solution.py": SOLUTION},
        "crash": {"solution.py": "import os\nos.abort()\n", "extras.py": EXTRAS},
        "nothing": {"readme.txt": "sorry"},
        "unreadable": {"solution.py": "def f(:", "extras.py": b"\xff\xfe"},
    }.items():
        write_files(place / name, files)
    (place / "wrong" / "extras.py").symlink_to("/etc/passwd")
    (place / "damaged.zip").write_bytes(b"PK\3\4 no more than that")
    return place


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A class of honest submissions that take their time."""
    for number in range(8):
        write_files(tmp_path / "class" / f"s{number}", SLOW)
    return tmp_path / "class"


def on(address: str) -> Options:
    return Options(cluster=address)


def cards(out: Path) -> dict[str, Scorecard]:
    return {
        path.parent.name: msgspec.json.decode(path.read_bytes(), type=Scorecard)
        for path in out.glob("*/scorecard.json")
    }


def without_times(data: bytes) -> bytes:
    data = re.sub(rb'("(?:seconds|cpu_s|execution_time)": )[\d.e-]+', rb"\1_", data)
    return re.sub(rb"\d+\.\d+ s\b", b"_ s", data)


def reports(out: Path) -> dict[str, bytes]:
    found = {
        path.relative_to(out).as_posix(): without_times(path.read_bytes())
        for path in out.rglob("*")
        if path.name in REPORTS
    }
    page = re.sub(rb'(?s)<table class="slowest">.*?</table>', b"", found["report.html"])
    found["report.html"] = re.sub(rb'[\d.]+,("[0-9a-l]*"\])', rb"_,\1", page)  # seconds of a row
    return found


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def process(kind: str, *arguments: object, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A scheduler or a worker, as staff start them."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output, subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.dask_{kind}", *map(str, arguments), "--no-dashboard"],
        env=environment, stdout=output, stderr=output, cwd=log.parent,
    ) as started:  # fmt: skip
        try:
            yield started
        finally:
            started.terminate()
            started.wait(timeout=DEADLINE_S)


@contextmanager
def odd_worker(address: str, name: str, folder: Path) -> Iterator[Path]:
    """One node more; the path of a file that it writes when it examines, which it must not."""
    mark = folder / f"{name}.mark"
    preload = PRELOAD.format(mark=str(mark), name=name, hostile=str(ROOT / "tests/hostile"))
    write_files(folder, {f"{name}.py": preload})
    with worker(address, name, folder, "--preload", folder / f"{name}.py"):
        yield mark


def worker(address: str, name: str, folder: Path, *more: object) -> AbstractContextManager[object]:
    options = ["--no-nanny", "--nthreads", 1, "--name", name, "--local-directory", folder, *more]
    return process("worker", address, *options, log=folder / f"{name}.log")


def test_reports_are_those_of_a_local_run(
    nodes: LocalCluster, mini: Assignment, lessons: Path, tmp_path: Path
) -> None:
    """Every report of the same class is the same byte by byte, but for times, without the assignment on any node."""
    here = grade_class(mini, lessons, tmp_path / "here", Options(jobs=2))
    there = grade_class(mini, lessons, tmp_path / "there", on(nodes.scheduler_address))
    assert len(cards(tmp_path / "here")) == 5
    assert reports(tmp_path / "there") == reports(tmp_path / "here")
    assert [line.replace("/there", "/here") for line in there.lines()] == here.lines()


class Killing:
    """Kills a process of the cluster that has jobs, once the first submission is graded. `left`: submissions then."""

    def __init__(self, nodes: LocalCluster) -> None:
        nodes.wait_for_workers(2, timeout=DEADLINE_S)  # an earlier test may have ended one
        self._address = nodes.scheduler_address
        self.left = 0

    def __call__(self, tally: Tally) -> None:
        if tally.done and not self.left:
            self.left = tally.left
            with Client(self._address, set_as_default=False) as client:
                numbers = client.run(os.getpid)
                busy = [node for node, keys in client.processing().items() if "judge-" in str(keys)]
            os.kill(numbers[busy[0]], signal.SIGKILL)


def test_a_lost_node_loses_nothing(nodes: LocalCluster, mini: Assignment, slow: Path, tmp_path: Path) -> None:
    """What a killed process had at hand is judged by another one, once."""
    killing = Killing(nodes)
    summary = grade_class(mini, slow, tmp_path / "out", on(nodes.scheduler_address), progress=killing)
    assert killing.left > 0 and summary.ungraded == summary.refused == 0
    assert [(card.score, card.complete) for card in cards(tmp_path / "out").values()] == [(8.0, True)] * 8


def test_a_job_that_loses_its_nodes_is_left_for_later(
    nodes: LocalCluster, mini: Assignment, slow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many tries it is ungraded, with a word why; the same command grades it."""
    monkeypatch.setattr(cluster, "TRIES", 1)
    first = grade_class(mini, slow, tmp_path / "out", on(nodes.scheduler_address), progress=Killing(nodes))
    assert 0 < first.ungraded <= 2  # it has two threads
    assert len(cards(tmp_path / "out")) == len([*(tmp_path / "out").glob("*/results.json")]) == 8 - first.ungraded
    assert (tmp_path / "out/scores.csv").read_text().count("the machine that examined it was lost") == first.ungraded
    assert grade_class(mini, slow, tmp_path / "out", on(nodes.scheduler_address)).ungraded == 0
    assert len(cards(tmp_path / "out")) == 8


def test_a_node_of_another_kind_gets_no_work(
    nodes: LocalCluster, mini: Assignment, slow: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One with another torch and one whose walls are too low are named with the difference; the others grade."""
    address = nodes.scheduler_address
    with (
        odd_worker(address, "old_torch", tmp_path) as one,
        odd_worker(address, "no_filters", tmp_path) as other,
        Client(address, set_as_default=False) as client,
    ):

        def odd() -> list[str]:
            there = client.sync(client.scheduler.identity, n_workers=-1)["workers"]
            return [node for node, info in there.items() if info["name"] in ("old_torch", "no_filters")]

        def hold(tally: Tally) -> None:
            if tally.done == 1:  # until they have shown what they are
                wait_for(lambda: not any(client.processing(odd()).values()))

        wait_for(lambda: len(odd()) == 2)
        summary = grade_class(mini, slow, tmp_path / "out", on(address), progress=hold)
    assert summary.ungraded == summary.refused == 0 and len(cards(tmp_path / "out")) == 8
    walls, torch = sorted(record.message for record in caplog.records if record.name == cluster.__name__)
    assert re.fullmatch(r"node no_filters \(tcp://.*\) was refused: the isolation 'standard' is .* seccomp \(.*", walls)
    assert re.fullmatch(r"node old_torch \(tcp://.*\) was refused: it has torch 2.13.0\+cpu, this machine 2\..*", torch)
    assert not one.exists() and not other.exists()


def test_a_run_without_a_fitting_node_ends(
    nodes: LocalCluster, mini: Assignment, slow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When no node is left, one sentence names the reasons."""
    nodes.wait_for_workers(2, timeout=DEADLINE_S)  # an earlier test may have ended one
    mine = {**cluster.versions_here(), "numpy": "1.26.4", "python": "3.10.1"}
    monkeypatch.setattr(cluster, "versions_here", lambda: mine)
    with pytest.raises(GraderError, match="no machine of the cluster can grade: ") as caught:
        grade_class(mini, slow, tmp_path / "out", on(nodes.scheduler_address))
    assert str(caught.value).count("was refused: it has numpy 2.") == 2
    assert f"it has python {sys.version.split()[0]}, this machine 3.10.1" in str(caught.value)
    assert cards(tmp_path / "out") == {}


def test_nodes_join_and_the_scheduler_leaves(mini: Assignment, slow: Path, tmp_path: Path) -> None:
    """A run waits for its first node; it ends with one sentence when the scheduler does, and keeps what was judged."""
    with process(
        "scheduler", "--host", "127.0.0.1", "--port", 0, "--scheduler-file", tmp_path / "where.json",
        log=tmp_path / "scheduler.log",
    ) as scheduler:  # fmt: skip
        wait_for((tmp_path / "where.json").exists)
        address = json.loads((tmp_path / "where.json").read_text())["address"]
        with ExitStack() as later:

            def disturb(tally: Tally) -> None:
                if not (tmp_path / "later.log").exists():
                    later.enter_context(worker(address, "later", tmp_path))
                if tally.done == 2:
                    scheduler.kill()

            with pytest.raises(GraderError, match=f"the scheduler at {address} is gone"):
                grade_class(mini, slow, tmp_path / "out", on(address), progress=disturb)
    with Ledger(tmp_path / "out", "mini") as ledger:
        assert sum(ledger.known(id_).ended is not None for id_ in ledger.ids()) == 2
    assert len(cards(tmp_path / "out")) == 2


def test_a_node_uses_its_own_copy_of_an_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of the right digest are not asked for; others are, and must be those that the digest names."""
    monkeypatch.setattr(node.Bench, "proof", lambda bench: Proof())  # without waiting for torch
    a2 = find_assignment("a2")
    settings = encode(Settings(assignment="a2", root="", replies="", required="answers"))
    try:
        assert not msgspec.json.decode(node.prove(settings, digest_of(a2), b"", 1), type=Proof).absent
        assert msgspec.json.decode(node.prove(settings, "0" * 64, b"", 1), type=Proof).absent
        with pytest.raises(WorkerError, match="have not arrived as they were sent"):
            node.prove(settings, "0" * 64, msgspec.msgpack.encode({"tests/a2/x.py": b""}), 1)
        with pytest.raises(LookupError):
            node.judge(settings, "0" * 64, b"", b"")
    finally:
        node.close_all()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("local:none", "a number of processes belongs after local:"),
        ("nowhere", "no scheduler answers at nowhere"),
        ("tcp://127.0.0.1:9", "no scheduler answers at tcp://127.0.0.1:9"),
    ],
)
def test_a_wrong_address_is_said(
    address: str, sentence: str, mini: Assignment, lessons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody schedules, one sentence says so."""
    monkeypatch.setattr(cluster, "ANSWER_S", 1.0)
    with pytest.raises(GraderError, match=sentence):
        grade_class(mini, lessons, tmp_path / "out", on(address))


def test_dask_is_needed_for_a_cluster_alone(
    mini: Assignment, lessons: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it is not installed, a sentence says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "grader.batch.cluster")
    with pytest.raises(GraderError, match=r"pip install 'torchgrade\[cluster\]'"):
        grade_class(mini, lessons, tmp_path / "out", on("local:1"))
