"""Real workers and everything that a student's code can do to them: each ending is told apart, and the next
request, to a fresh worker, is answered as if nothing had happened."""

from __future__ import annotations

import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from grader.errors import WorkerError
from grader.records import Died, Raised, Reply, Returned, Status
from grader.worker.client import CPU_S, LOG_BYTES, PATIENCE, Ending, Stopwatch, Worker, explain
from grader.worker.launch import PACKAGE_ROOT, Launcher, Spawner, Zygote
from grader.worker.sandbox import LAYERS
from grader.worker.scratch import Scratch
from grader.worker.wire import HandleRef, Unsendable

LIMIT_S = 0.5
MEMORY_MIB = 256

VILLAIN = """
import ctypes, mmap, os, random, signal, struct, sys, threading, time
import torch

def honest(x): return x * 2
def raises(): raise ValueError("no such luck")
def base_exception(): raise BaseException("odd")
def interrupt(): raise KeyboardInterrupt
def sys_exit(): sys.exit(0)
def exit_0(): os._exit(0)
def exit_3(): os._exit(3)
def abort(): os.abort()
def segfault(): ctypes.string_at(0)
def kill_self(): os.kill(os.getpid(), signal.SIGKILL)

def loop():
    while True: pass

def stubborn_loop():
    while True:
        try:
            while True: pass
        except BaseException: pass

def sleep(): time.sleep(60)

def deaf():
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    time.sleep(60)

def big_tensor(): return torch.ones(1 << 30)
def big_objects():
    hoard = []
    while True: hoard.append(bytearray(1 << 22))
def big_mapping():
    hoard = []
    while True: hoard.append(mmap.mmap(-1, 1 << 24))

HOARD = []
def hoard_tensor():
    HOARD.append(torch.ones(160 << 18))
    return 160
def hoard_mapping():
    HOARD.append(mmap.mmap(-1, 160 << 20))
    for page in range(0, 160 << 20, mmap.PAGESIZE): HOARD[0][page] = 1
    return 160

def close_all(): os.closerange(0, 256)
def close_all_and_wait():
    os.closerange(0, 256)
    time.sleep(60)

def garbage():
    for fd in range(256):
        try: os.write(fd, random.randbytes(200))
        except OSError: pass

def request_number():
    frame = sys._getframe()
    while "request_id" not in frame.f_locals: frame = frame.f_back
    return frame.f_locals["request_id"]

def forged_frame(number, value=b"\\x92\\x2a\\xc0"):        # msgpack of [42, None]
    return struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, len(value), number, 0) + value

def forge():
    os.write(3, forged_frame(request_number()))
    time.sleep(60)

def answer_twice():
    os.write(3, forged_frame(request_number()) * 2)
    time.sleep(60)

def wrong_number():
    os.write(3, forged_frame(request_number() ^ 1))
    time.sleep(60)

def huge_claim():
    os.write(3, struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, 1, request_number(), 1 << 40))
    time.sleep(60)

def deep_reply():
    os.write(3, forged_frame(request_number(), b"\\x92" + b"\\x91" * 500 + b"\\xc0\\xc0"))
    time.sleep(60)

def half_a_frame():
    os.write(3, forged_frame(request_number())[:-1])
    time.sleep(60)

def hang_up_mid_frame():
    os.write(3, forged_frame(request_number())[:-1])
    os._exit(0)

def array_for_changes():
    header = struct.pack("<BBQq", 8, 1, 0, 2)
    os.write(3, struct.pack("<4sBBHIQQ", b"TGW1", 2, 0, 0, 5 + len(header), request_number(), 16)
             + b"\\x92\\x2a\\xc7" + bytes([len(header), 1]) + header + bytes(16))
    time.sleep(60)

def say(number):
    print(number)
    return number

def chatter():
    for _ in range(50): sys.stdout.write("x" * (1 << 20))
    print("the end")
    return 1

def deep():
    return deep()

def sparse(): return torch.eye(3).to_sparse()
def meta(): return torch.empty(3, device="meta")
def expanded(): return torch.zeros(1).expand(1 << 40)
def nested():
    value = []
    for _ in range(100): value = [value]
    return value
def endless():
    value = []
    value.append(value)
    return value

class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.full((2,), 7.0)

class Agreeable(torch.Tensor):
    def __eq__(self, other): return True
    def allclose(self, *_): return True

def liar(): return torch.zeros(2).as_subclass(Liar)
def agreeable(): return torch.zeros(2).as_subclass(Agreeable)

class Hostile:
    def __repr__(self): print("CALLED"); return "x"
    __str__ = __len__ = __reduce__ = __reduce_ex__ = __bool__ = __iter__ = __hash__ = __repr__
    def __eq__(self, other): print("CALLED"); return True
    def __array__(self, *_, **__): print("CALLED"); return 1

def hostile(): return [Hostile(), 1]

class Chameleon:
    @property
    def __class__(self): return torch.Tensor
    def __getattr__(self, name): return lambda *_: self

def chameleon(): return Chameleon()

class Worst(Exception):
    def __str__(self): os._exit(5)

def worst_error(): raise Worst
def liar_error():
    class Odd(Exception):
        def __str__(self): raise RuntimeError("no text")
    raise Odd

def sabotage():
    import torch.nn.functional as F
    import numpy as np
    np.array_equal = lambda *_, **__: True
    torch.Tensor.numpy = lambda self: None
    sys.modules["grader.worker.wire"].ProtocolError = None
    return 1

def leave_thread():
    threading.Thread(target=loop, daemon=True).start()
    return 1

def parent(): return os.getppid()
def own(): return os.getpid()
"""

REFUSED = "own channel"
ENDINGS = [
    ("raises", Raised, "no such luck"),
    ("base_exception", Raised, "odd"),
    ("interrupt", Raised, ""),
    ("sys_exit", Raised, "0"),
    ("exit_0", Status.CRASHED, "exit code 0"),
    ("exit_3", Status.CRASHED, "exit code 3"),
    ("abort", Status.CRASHED, "SIGABRT"),
    ("segfault", Status.CRASHED, "SIGSEGV"),
    ("kill_self", Raised, "not permitted"),
    ("loop", Status.TIMED_OUT, "within 0.5 s"),
    ("stubborn_loop", Status.TIMED_OUT, "within 0.5 s"),
    ("sleep", Status.TIMED_OUT, "within 0.5 s"),
    ("deaf", Status.TIMED_OUT, "within 0.5 s"),
    ("close_all", Status.CRASHED, "the code"),
    ("close_all_and_wait", Status.CRASHED, "closed the worker's connection"),
    ("garbage", Status.REFUSED, REFUSED),
    ("answer_twice", Status.REFUSED, REFUSED),
    ("wrong_number", Status.REFUSED, REFUSED),
    ("huge_claim", Status.REFUSED, REFUSED),
    ("deep_reply", Status.REFUSED, REFUSED),
    ("array_for_changes", Status.REFUSED, REFUSED),
    ("half_a_frame", Status.TIMED_OUT, "within 0.5 s"),
    ("hang_up_mid_frame", Status.CRASHED, "exit code 0"),
    ("worst_error", Status.CRASHED, "exit code 5"),
    ("deep", Raised, "recursion"),
    ("sparse", Raised, "torch.sparse_coo tensor"),
    ("meta", Raised, "meta"),
    ("expanded", Raised, "larger than one reply"),
    ("nested", Raised, "nested"),
    ("endless", Raised, "nested"),
]


@pytest.fixture(scope="module")
def root(stage_files: Any) -> str:
    return str(stage_files({"villain.py": VILLAIN}))


@pytest.fixture
def worker(zygote: Zygote, root: str) -> Iterator[Worker]:
    started = zygote.start(root, MEMORY_MIB)
    yield started
    started.close()


def pid_of(worker: Any) -> int:
    reply = call(worker, "own")
    assert isinstance(reply, Returned)
    return int(reply.value)


def call(worker: Any, name: str, *args: Any, limit_s: float = LIMIT_S, **options: Any) -> Reply:
    imported = worker.ask(["import", "villain"], 10)
    assert imported == Returned(value=None)
    reply: Reply = worker.ask(["call", ["villain", name], list(args), {}, options], limit_s)
    return reply


def works(launcher: Launcher, root: str) -> bool:
    """A fresh worker answers an honest request."""
    worker = launcher.start(root, MEMORY_MIB)
    try:
        return call(worker, "honest", 21, limit_s=5) == Returned(value=42)
    finally:
        worker.close()


# --- a worker's life ----------------------------------------------------------------------------------


def test_a_worker_imports_a_staged_module_and_answers(worker: Worker) -> None:
    """Values go in, values come out, again and again, and the worker stays."""
    assert call(worker, "honest", 4) == Returned(value=8)
    reply = call(worker, "honest", np.arange(3.0))
    assert isinstance(reply, Returned) and np.array_equal(reply.value, [0, 2, 4])
    assert worker.alive and worker.cpu_now_s() > 0


def test_every_layer_is_reported(worker: Worker) -> None:
    """The hello names each layer of isolation, held or with a reason."""
    assert list(worker.layers) == list(LAYERS)
    assert all(type(reason) is str for reason in worker.layers.values())
    assert worker.layers["no_new_privs"] == "" and worker.layers["rlimits"] == ""


def test_a_closed_worker_is_gone(zygote: Zygote, root: str) -> None:
    """Closing ends the process; asking afterwards is a fault of ours."""
    worker = zygote.start(root, MEMORY_MIB)
    reply = call(worker, "own")
    assert isinstance(reply, Returned)
    worker.close()
    worker.close()
    assert not worker.alive and not Path(f"/proc/{reply.value}").exists()
    with pytest.raises(WorkerError):
        worker.ask(["get", ["villain", "honest"]], 1)


def test_sending_what_cannot_be_sent_costs_no_worker(worker: Worker) -> None:
    """A request outside the protocol is Unsendable, and the worker stays as it is."""
    with pytest.raises(Unsendable):
        worker.ask(["call", ["villain", "honest"], [object()], {}, {}], 1)
    assert call(worker, "honest", 1) == Returned(value=2)


def test_a_worker_that_cannot_start_is_our_fault(zygote: Zygote) -> None:
    """A folder that does not exist is a WorkerError that says so, and the zygote goes on."""
    with pytest.raises(WorkerError, match="did not start"):
        zygote.start("/nonexistent/folder", MEMORY_MIB)


# --- endings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "ending", "text"), ENDINGS, ids=[name for name, _, _ in ENDINGS])
def test_each_ending_is_told_apart(
    zygote: Zygote, root: str, worker: Worker, name: str, ending: Any, text: str
) -> None:
    """What the code did is said by kind and in words, in time; a fresh worker then works."""
    began = time.monotonic()
    reply = call(worker, name)
    assert time.monotonic() - began < LIMIT_S * PATIENCE + 2
    if ending is Raised:
        assert isinstance(reply, Raised) and text in reply.text
        assert worker.alive and call(worker, "honest", 1) == Returned(value=2)
    else:
        assert isinstance(reply, Died)
        assert reply.status is ending and text in reply.text
        assert not worker.alive
    assert works(zygote, root)


@pytest.mark.parametrize("name", ["big_tensor", "big_objects", "big_mapping"])
def test_memory_is_bounded(zygote: Zygote, root: str, worker: Worker, name: str) -> None:
    """Tensors, Python objects and shared mappings meet the limit, which is reported as such."""
    reply = call(worker, name, limit_s=5)
    assert isinstance(reply, Raised) and reply.memory
    assert works(zygote, root)


def test_only_lines_of_the_students_files_are_shown(worker: Worker) -> None:
    """A traceback names the student's file and line by the staged folder, and none of ours."""
    reply = call(worker, "raises")
    assert isinstance(reply, Raised) and reply.type == "ValueError"
    assert [frame.partition(",")[0] for frame in reply.frames] == ["villain.py"]
    assert "in raises: def raises()" in reply.frames[0]


def test_an_error_whose_text_raises_is_told_without_it(worker: Worker) -> None:
    """An exception that cannot say what it is still has a type and a place."""
    reply = call(worker, "liar_error")
    assert isinstance(reply, Raised) and (reply.type, reply.text) == ("Odd", "")
    assert "in liar_error" in reply.frames[0]


def test_a_forged_reply_is_only_a_value(zygote: Zygote, root: str, worker: Worker) -> None:
    """With the right number a forgery passes for what was returned: one more value to be judged. The call
    that forged it is still running, so the next one is not answered."""
    assert call(worker, "forge") == Returned(value=42)
    reply = worker.ask(["call", ["villain", "honest"], [1], {}, {}], LIMIT_S)
    assert isinstance(reply, Died) and reply.status is Status.TIMED_OUT
    assert works(zygote, root)


def test_the_log_holds_all_that_came_before_the_reply(zygote: Zygote, root: str, worker: Worker) -> None:
    """What a call has printed is in the log when it is back, however soon one looks."""
    for number in range(1, 301):
        assert call(worker, "say", number) == Returned(value=number)
        assert worker.log().count("\n") == number
    assert works(zygote, root)


def test_the_log_is_bounded(zygote: Zygote, root: str, worker: Worker) -> None:
    """Of 50 MB of output the beginning and the end are kept, and the gap is counted."""
    assert call(worker, "chatter", limit_s=10) == Returned(value=1)
    log = worker.log()
    assert len(log) < LOG_BYTES + 100
    assert log.startswith("xxx") and log.endswith("the end\n")
    assert f"{(50 << 20) + len('the end') + 1 - LOG_BYTES} bytes left out" in log
    assert works(zygote, root)


@pytest.mark.parametrize("name", ["liar", "agreeable"])
def test_tensor_subclasses_die_at_the_border(zygote: Zygote, root: str, worker: Worker, name: str) -> None:
    """Whatever a Tensor subclass answers to torch, a plain array arrives, or a refusal."""
    reply = call(worker, name)
    if isinstance(reply, Returned):
        assert type(reply.value) is np.ndarray and reply.value.dtype == np.float32
    else:
        assert isinstance(reply, Raised)
    assert name != "agreeable" or isinstance(reply, Returned)
    assert works(zygote, root)


def test_hostile_objects_stay_behind_handles(zygote: Zygote, root: str, worker: Worker) -> None:
    """An object with hostile special methods becomes a handle, and none of them is called."""
    reply = call(worker, "hostile")
    assert isinstance(reply, Returned) and reply.value == [HandleRef(0, "Hostile"), 1]
    assert "CALLED" not in worker.log()
    assert works(zygote, root)


def test_a_chameleon_is_no_tensor(zygote: Zygote, root: str, worker: Worker) -> None:
    """An object that only claims to be a Tensor is refused, and never becomes an array."""
    reply = call(worker, "chameleon")
    assert isinstance(reply, Raised) and reply.type == "Unsendable"
    assert works(zygote, root)


@pytest.mark.parametrize("name", ["sabotage", "leave_thread"])
def test_damage_inside_a_worker_stays_there(zygote: Zygote, root: str, worker: Worker, name: str) -> None:
    """Patched libraries and threads left running are gone with their worker."""
    assert call(worker, name) == Returned(value=1)
    worker.close()
    assert works(zygote, root)


def test_processor_time_is_counted(worker: Worker) -> None:
    """A busy loop is charged its processor seconds, also after its end."""
    reply = call(worker, "loop")
    assert isinstance(reply, Died) and 0.1 < worker.cpu_now_s() < 5
    assert not worker.alive


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (Ending(0), Status.CRASHED),
        (Ending(70), Status.CRASHED),
        (Ending(-signal.SIGSEGV), Status.CRASHED),
        (Ending(-signal.SIGXCPU), Status.TIMED_OUT),
        (Ending(-signal.SIGKILL, cpu_s=CPU_S + 2), Status.TIMED_OUT),
        (Ending(-signal.SIGKILL, peak_mib=MEMORY_MIB * 0.9), Status.OUT_OF_MEMORY),
        (Ending(-signal.SIGKILL, killed=True), Status.CRASHED),
        (Ending(-99), Status.CRASHED),
    ],
)
def test_exit_codes_in_words(ending: Ending, status: Status) -> None:
    """Every way in which a process can end has a status and a sentence."""
    found, text = explain(ending, MEMORY_MIB)
    assert found is status and text


def test_a_small_worker_that_is_killed_is_not_to_blame(worker: Worker) -> None:
    """SIGKILL from outside, while the worker holds little of its budget, is a fault of ours; it is gone."""
    threading.Timer(0.3, os.kill, (pid_of(worker), signal.SIGKILL)).start()
    with pytest.raises(WorkerError, match=r"killed from outside, when it had grown by \d\d? MiB"):
        call(worker, "sleep", limit_s=10)
    assert not worker.alive


@pytest.mark.parametrize("name", ["hoard_tensor", "hoard_mapping"])
def test_a_large_worker_that_is_killed_ran_out_of_memory(worker: Worker, name: str) -> None:
    """The same signal, once the code has taken most of its budget, is the system's answer to that."""
    imported = call(worker, name, limit_s=5)
    assert imported == Returned(value=MEMORY_MIB * 5 // 8)
    os.kill(pid_of(worker), signal.SIGKILL)
    reply = worker.ask(["call", ["villain", "sleep"], [], {}, {}], 5)
    assert isinstance(reply, Died) and reply.status is Status.OUT_OF_MEMORY and "want of memory" in reply.text


# --- clocks -------------------------------------------------------------------------------------------


class Fake:
    """A clock and a run queue that are moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.queued = 5.0

    def watch(self, limit_s: float) -> Stopwatch:
        return Stopwatch(1, limit_s, clock=lambda: self.now, queue_s=lambda pid: self.queued)

    def run(self, watch: Stopwatch, load: float) -> float:
        """Seconds until time is up, when the worker waits `load` seconds for each that passes."""
        start = self.now
        with pytest.raises(TimeoutError):
            for _ in range(1000):
                try:
                    step = watch.left_s()
                except Exception as error:
                    raise TimeoutError from error
                assert 0 < step <= watch.limit_s
                self.now += step
                self.queued += step * load
        return self.now - start


@pytest.mark.parametrize("limit_s", [0.1, 0.5, 2.0, 10.0])
def test_a_worker_that_never_waited_gets_its_limit(limit_s: float) -> None:
    """Without waiting for a processor the limit is the limit, to the tick."""
    fake = Fake()
    assert fake.run(fake.watch(limit_s), 0) == pytest.approx(limit_s, abs=0.02)


def test_waiting_for_a_processor_is_not_charged() -> None:
    """A worker that waits half of the time gets about twice its limit."""
    fake = Fake()
    assert 3.5 < fake.run(fake.watch(2.0), 0.5) < 4.1


def test_waiting_is_forgiven_up_to_a_bound() -> None:
    """A worker that makes its own threads compete is stopped after five times the limit."""
    fake = Fake()
    taken = fake.run(fake.watch(2.0), 1.0)
    assert PATIENCE * 2.0 <= taken < PATIENCE * 2.0 + 2.1


def test_a_sleeping_worker_is_charged_in_full(worker: Worker) -> None:
    """On a machine with a free processor a sleeper's limit is not stretched."""
    call(worker, "honest", 1)
    began = time.monotonic()
    reply = worker.ask(["call", ["villain", "sleep"], [], {}, {}], 0.6)
    assert isinstance(reply, Died) and reply.status is Status.TIMED_OUT
    assert 0.6 <= time.monotonic() - began < 1.5


# --- the zygote ---------------------------------------------------------------------------------------


def test_a_dead_zygote_is_replaced(root: str) -> None:
    """A killed zygote takes its workers along, which is our fault and not the student's; the next start
    brings a new one, and closing a worker of the old one does it no harm."""
    zygote = Zygote()
    try:
        first, other = zygote.start(root, MEMORY_MIB), zygote.start(root, MEMORY_MIB)
        reply = call(first, "parent")
        assert isinstance(reply, Returned)
        os.kill(reply.value, signal.SIGKILL)
        with pytest.raises(WorkerError):
            first.ask(["call", ["villain", "sleep"], [], {}, {}], 10)
        assert not first.alive
        second = zygote.start(root, MEMORY_MIB)
        other.close()
        new = call(second, "parent")
        assert isinstance(new, Returned) and new.value != reply.value
        assert call(second, "honest", 3) == Returned(value=6)
        second.close()
    finally:
        zygote.close()


def test_a_twin_serves_another_process(root: str) -> None:
    """Its workers answer like the first one's; killed, it is replaced; and it ends with the first."""
    first = Zygote()
    try:
        twin = Zygote(twin=first.fork_twin(), spin_s=0.0)
        try:
            for _ in range(2):
                worker = twin.start(root, MEMORY_MIB)
                assert worker.ask(["import", "villain"], 20.0) == Returned(value=None)
                assert all(worker.layers[layer] == "" for layer in ("seccomp", "pdeathsig"))
                worker.close()
            assert twin.versions == first.versions and twin.born == 0
            os.kill(twin.pid, signal.SIGKILL)
            worker = twin.start(root, MEMORY_MIB)
            worker.close()
            assert twin.born == 1
        finally:
            twin.close()
        orphan = first.fork_twin()
        left = Zygote(twin=orphan)
        left.wait_ready()
    finally:
        first.close()
    with pytest.raises(WorkerError, match="zygote"):
        left.fork_twin()
    left.close()


def test_a_zygote_that_hangs_is_replaced(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zygote that is alive and does not answer in time is ended, and the next one starts the worker."""
    monkeypatch.setattr("grader.worker.launch.SPAWN_S", 0.5)
    zygote = Zygote()
    try:
        worker = zygote.start(root, MEMORY_MIB)
        reply = call(worker, "parent")
        assert isinstance(reply, Returned)
        os.kill(reply.value, signal.SIGSTOP)
        began = time.monotonic()
        assert works(zygote, root)
        assert time.monotonic() - began < 60
        assert zygote.born == 2 and not Path(f"/proc/{reply.value}").exists()
        worker.close()
    finally:
        zygote.close()


def test_without_descriptors_nothing_starts_and_nothing_breaks(zygote: Zygote, root: str) -> None:
    """Too few descriptors are a fault of ours in words; with some again, the next worker starts."""
    assert works(zygote, root)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    for more in range(4):
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + more, hard))
        try:
            with pytest.raises(WorkerError, match="Too many open files"):
                if more == 3:
                    Zygote()
                else:
                    zygote.start(root, MEMORY_MIB)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert works(zygote, root)


# --- temporary folders --------------------------------------------------------------------------------

KEEP = """
import sys, time
from grader.worker.scratch import Scratch
print(Scratch(0o700).path, flush=True)
time.sleep(60)
"""


def test_what_the_killed_leave_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is kept as long as its process lives, and no longer than until somebody else makes one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    foreign = tmp_path / "torchgrade-notes"
    foreign.mkdir()
    environment = {"TMPDIR": str(tmp_path), "PYTHONPATH": PACKAGE_ROOT}
    with subprocess.Popen([sys.executable, "-c", KEEP], env=environment, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        (theirs / "file").touch()
        ours = Scratch(0o711)
        assert set(tmp_path.iterdir()) == {foreign, theirs, ours.path}
        assert ours.path.stat().st_mode & 0o777 == 0o711
        other.kill()
    second = Scratch(0o711)
    assert set(tmp_path.iterdir()) == {foreign, ours.path, second.path}
    ours.remove()
    second.remove()
    assert list(tmp_path.iterdir()) == [foreign]


def test_versions_are_known_once_a_worker_ran(zygote: Zygote, worker: Worker) -> None:
    """The zygote tells the versions of what workers run, and which dropout rule."""
    assert {"python", "torch", "torchvision", "numpy", "matplotlib", "dropout"} <= zygote.versions.keys()


# --- every way to run a worker gives the same replies --------------------------------------------------

SAME = """
import os, torch
from torch import nn

COUNT = 3

class Model(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.linear = nn.Linear(width, 2)
        self.dropout = nn.Dropout(0.5)
    def forward(self, x): return self.dropout(self.linear(x))

def twice(x): return x * 2
def several(x): return x, x + 1, Model(2)
def random(n): return torch.rand(n)
def in_place(x): x += 1; return x.sum()
def fails(): raise KeyError("k")
def unfinished(x): raise NotImplementedError
def reads(): return open("given.txt").read()
def everything(): return {"a": (1, 2.5, None, True, "s", b"b"), "b": [torch.ones(2, dtype=torch.bfloat16)], 3: 1 + 2j}
def shape(x): return tuple(x.shape), str(x.dtype)
def order(): return list({"b", "a", "d", "c"})
"""
X = [[0.5, -1.5, 2.0]]
REQUESTS: list[list[Any]] = [
    ["import", "same"],
    ["get", ["same", "COUNT"]],
    ["call", ["same", "twice"], [2.5], {}, {}],
    ["call", ["same", "twice"], [], {"x": "ab"}, {}],
    ["call", ["same", "twice"], [], {}, {}],
    ["call", ["same", "nothing"], [], {}, {}],
    ["call", ["same", "several"], [1], {}, {"only": 1}],
    ["call", ["same", "several"], [1], {}, {"only": 3}],
    ["call", ["same", "several"], [1], {}, {"keep": [2]}],
    ["call", ["same", "random"], [3], {}, {"seed": 7}],
    ["call", ["same", "random"], [3], {}, {}],
    ["call", ["same", "in_place"], ["X"], {}, {"watch": True}],
    ["call", ["same", "in_place"], [], {"x": "X"}, {"watch": True}],
    ["call", ["same", "fails"], [], {}, {}],
    ["call", ["same", "unfinished"], [1], {}, {}],
    ["call", ["same", "reads"], [], {}, {}],
    ["call", ["same", "everything"], [], {}, {}],
    ["call", ["same", "shape"], ["X"], {}, {}],
    ["call", ["same", "Model"], [3], {}, {"seed": 1}],
    ["vjp", ["same", "twice"], ["X"], {}, {"wrt": [0], "upstream": "X"}],
    ["sweep", ["same", "twice"], [0], 0, "X", {}],
    ["sweep", ["same", "fails"], [0], 0, "X", {}],
    ["prepare", [[["same", "twice"], [i], {}] for i in range(3)]],
    ["probes", "extra", {"p": "def three(): return 3"}],
    ["call", ["extra", "p.three"], [], {}, {}],
    ["nonsense"],
]


def with_arrays(value: Any) -> Any:
    """The requests above with the array in place of its name."""
    if isinstance(value, list):
        return [with_arrays(item) for item in value]
    if isinstance(value, dict):
        return {key: with_arrays(item) for key, item in value.items()}
    return np.array(X, np.float32) if value == "X" else value


def flat(value: Any) -> Any:
    """A reply as JSON data that two processes can compare."""
    if isinstance(value, np.ndarray):
        return ["array", str(value.dtype), value.shape, value.ravel().astype(complex).view(float).tolist()]
    if isinstance(value, (Returned, Raised, Died, HandleRef)):
        return [type(value).__name__, *(flat(getattr(value, name)) for name in value.__struct_fields__)]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)):
        return [flat(item) for item in value]
    return {str(key): flat(item) for key, item in value.items()} if isinstance(value, dict) else value


def replies(launcher: Launcher, root: str) -> list[Any]:
    worker = launcher.start(root, MEMORY_MIB)
    try:
        found = [flat(worker.ask(with_arrays(request), 20)) for request in REQUESTS]
    finally:
        worker.close()
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def inline_replies(root: str) -> list[Any]:
    """Of a worker inside another process: torch would stay in this one."""
    code = f"""
    import json, sys
    sys.path[:0] = [{str(Path(__file__).parent)!r}]
    from test_worker import replies
    from grader.worker.inline import Inline
    text = json.dumps(replies(Inline(), {root!r}))
    print(text)
    """
    environment = {"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "PATH": os.defpath, "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, timeout=120, env=environment, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def same_root(stage_files: Any) -> str:
    return str(stage_files({"same.py": SAME, "given.txt": "given"}))


@pytest.fixture(scope="module")
def by_zygote(zygote: Zygote, same_root: str) -> list[Any]:
    return replies(zygote, same_root)


@pytest.fixture(scope="module")
def by_others(same_root: str) -> dict[str, list[Any]]:
    spawner = Spawner()
    try:
        return {"spawned": replies(spawner, same_root), "inline": inline_replies(same_root)}
    finally:
        spawner.close()


def test_the_requests_cover_success_and_failure(by_zygote: list[Any]) -> None:
    """The list below is worth comparing: it holds values, errors of the student's and refusals."""
    kinds = [reply[0] for reply in by_zygote]
    assert kinds.count("Returned") >= 15 and kinds.count("Raised") >= 6
    types = {reply[1] for reply in by_zygote if reply[0] == "Raised"}
    assert {"TypeError", "Missing", "Unsendable", "KeyError", "NotImplementedError"} <= types


@pytest.mark.parametrize("kind", ["spawned", "inline"])
@pytest.mark.parametrize("number", range(len(REQUESTS)), ids=["-".join(map(str, r[:2])) for r in REQUESTS])
def test_every_kind_of_worker_replies_alike(
    by_zygote: list[Any], by_others: dict[str, list[Any]], kind: str, number: int
) -> None:
    """A forked, a spawned and an inline worker give the same reply to the same request."""
    assert by_others[kind][number] == by_zygote[number]


def test_sets_keep_their_order_from_run_to_run(zygote: Zygote, by_others: dict[str, list[Any]], same_root: str) -> None:
    """Strings hash alike in every worker, so that code which walks a set behaves the same tomorrow."""
    code = "print(list({'b', 'a', 'd', 'c'}))"
    environment = {"PYTHONHASHSEED": "0"}
    expected = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    worker = zygote.start(same_root, MEMORY_MIB)
    reply = worker.ask(["call", ["same", "order"], [], {}, {}], 20)
    worker.close()
    assert isinstance(reply, Returned) and str(reply.value) == expected.stdout.strip()


def test_workers_never_share_state(zygote: Zygote, root: str) -> None:
    """Two workers at once are two processes with files of their own."""
    pair = [zygote.start(root, MEMORY_MIB) for _ in range(2)]
    pids = [call(worker, "own") for worker in pair]
    for worker in pair:
        worker.close()
    assert all(a != b for a, b in itertools.pairwise(pids))
