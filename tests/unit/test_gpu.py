"""Which GPU a run gets, and whose turn it is there; no test needs a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from grader import interrupt
from grader.errors import GraderError
from grader.gpu import Place, Turn, find_gpu
from grader.records import Gpu

UUIDS = [f"GPU-{digit * 8}-0000-0000-0000-000000000000" for digit in "abc"]
System = Callable[..., Path]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """Makes the files of a driver with GPUs of these minor numbers, in the order of the bus."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def make(*minors: int, without: str = "") -> Path:
        (tmp_path / "dev").mkdir()
        nodes = {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", *(f"nvidia{minor}" for minor in minors)}
        for name in nodes - {without}:
            (tmp_path / "dev" / name).touch()
        for place, minor in enumerate(minors):
            folder = tmp_path / f"proc/driver/nvidia/gpus/0000:{place + 1:02x}:00.0"
            folder.mkdir(parents=True)
            (folder / "information").write_text(
                f"Model: \t\t NVIDIA Test {place}\nIRQ:   \t\t 16\nGPU UUID: \t {UUIDS[place]}\n"
                f"Bus Location: \t 0000:{place + 1:02x}:00.0\nDevice Minor: \t {minor}\n"
            )
        return tmp_path

    return make


def test_the_cpu_is_no_gpu(system: System) -> None:
    """A run on the CPU asks nothing of the machine."""
    assert find_gpu("cpu", system()) is None


@pytest.mark.parametrize(("device", "place", "minor"), [("cuda", 0, 3), ("cuda:0", 0, 3), ("cuda:1", 1, 0)])
def test_gpus_are_counted_by_their_place_on_the_bus(system: System, device: str, place: int, minor: int) -> None:
    """A GPU comes with its own node, of whatever number, and the two that all share; tools for profiling are none."""
    root = system(3, 0)
    nodes = tuple(str(root / "dev" / name) for name in (f"nvidia{minor}", "nvidiactl", "nvidia-uvm"))
    gpu = Gpu(name=f"cuda:{place}", model=f"NVIDIA Test {place}", uuid=UUIDS[place], nodes=nodes)
    assert find_gpu(device, root) == gpu


@pytest.mark.parametrize(
    ("setting", "left"),
    [
        ("1", [1]), ("2,0", [2, 0]), (UUIDS[1], [1]), ("GPU-b", [1]), ("GPU-", []), ("0,9,1", [0]), ("1,1", [1]),
        ("", []),
    ],
)  # fmt: skip
def test_hidden_gpus_are_not_counted(
    system: System, monkeypatch: pytest.MonkeyPatch, setting: str, left: list[int]
) -> None:
    """CUDA_VISIBLE_DEVICES orders and hides GPUs as it does for CUDA."""
    root = system(0, 1, 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", setting)
    found = []
    for number in range(len(left)):
        gpu = find_gpu(f"cuda:{number}", root)
        assert gpu is not None
        found.append(gpu.uuid)
    assert found == [UUIDS[place] for place in left]
    with pytest.raises(GraderError):
        find_gpu(f"cuda:{len(left)}", root)


def test_a_missing_gpu_is_told_with_those_that_are_there(system: System) -> None:
    """One sentence says what was asked for, what there is, and what to do."""
    with pytest.raises(GraderError, match=r"--device cuda:2: there is no such GPU here .*cuda:1 NVIDIA Test 1.*leave"):
        find_gpu("cuda:2", system(0, 1))


@pytest.mark.parametrize("without", ["nvidia0", "nvidiactl", "nvidia-uvm"])
def test_a_gpu_without_its_nodes_is_none(system: System, without: str) -> None:
    """What cannot be opened is not given out."""
    with pytest.raises(GraderError, match="there is none"):
        find_gpu("cuda", system(0, without=without))


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "cuda:x", "CUDA", "cuda:1\n", "cuda:9999"])
def test_other_devices_are_refused(system: System, device: str) -> None:
    """A device is the CPU or a GPU by its number."""
    with pytest.raises(GraderError, match="--device takes cpu, cuda or cuda:N"):
        find_gpu(device, system(0))


def test_a_strange_uuid_names_no_file(system: System) -> None:
    """What the driver's file says is only taken for a UUID, which names a lock, when it is one."""
    root = system(0)
    [information] = root.glob("proc/driver/nvidia/gpus/*/information")
    information.write_text(information.read_text().replace(UUIDS[0], "GPU-../../../etc/passwd"))
    with pytest.raises(GraderError, match="there is none"):
        find_gpu("cuda", root)


# --- the queue --------------------------------------------------------------------------------------


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """A GPU whose queue lies in a folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Gpu(name="cuda:0", model="a fake", uuid=UUIDS[0], nodes=())


HOLDS = """
import sys, tempfile
from grader.gpu import Turn
from grader.records import Gpu
tempfile.tempdir = sys.argv[1]
turn = Turn(Gpu(name="cuda:1", model="", uuid=sys.argv[2], nodes=()))
turn.take()
print("taken", flush=True)
sys.stdin.readline()
"""


def test_two_processes_are_never_there_at_once(gpu: Gpu, tmp_path: Path) -> None:
    """While another process has the turn, whatever it calls the GPU, taking it waits, and the wait is counted; another
    GPU is free; a process that is killed leaves the queue."""
    command = [sys.executable, "-c", HOLDS, str(tmp_path), gpu.uuid]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "taken\n"
        elsewhere, turn = Turn(Gpu(name="cuda:1", model="", uuid=UUIDS[1], nodes=())), Turn(gpu)
        elsewhere.take()
        elsewhere.give_back()
        taken = threading.Event()
        threading.Thread(target=lambda: (turn.take(), taken.set())).start()
        assert not taken.wait(0.3)
        other.kill()
        assert taken.wait(10)
        assert turn.waited_s >= 0.3 > elsewhere.waited_s
        turn.give_back()


def test_a_turn_is_taken_once_and_given_back_once(gpu: Gpu) -> None:
    """Whoever has the turn gets it at once, and one that was given back is free for others."""
    first, second = Turn(gpu), Turn(gpu)
    for turn in (first, second):
        turn.take()
        turn.take()
        turn.give_back()
        turn.give_back()


def test_who_is_asked_to_stop_stops_waiting(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal ends the wait, and leaves no descriptor behind."""
    holder, turn = Turn(gpu), Turn(gpu)
    holder.take()
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(interrupt, "_asked", True)
    with pytest.raises(KeyboardInterrupt):
        turn.take()
    assert len(os.listdir("/proc/self/fd")) == before
    holder.give_back()


@pytest.mark.parametrize("kind", ["link", "folder", "open to others", "pipe"])
def test_a_queue_that_is_not_ours_is_refused(gpu: Gpu, tmp_path: Path, kind: str) -> None:
    """In a folder where everybody may make files, only a plain file of our own with no rights for others will do."""
    turn = Turn(gpu)
    turn.take()
    turn.give_back()
    [path] = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    target = tmp_path / "target"
    if kind == "open to others":
        path.chmod(0o666)
    else:
        path.unlink()
        {"link": lambda: path.symlink_to(target), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path, 0o600)}[kind]()
    with pytest.raises(GraderError, match="queue of a GPU"):
        turn.take()
    assert not target.exists()


def test_a_place_moves_only_where_there_is_a_gpu(gpu: Gpu) -> None:
    """Without a GPU everything is on the CPU; with one, what stays on it does not come back."""
    nowhere, place = Place(None), Place(gpu)
    assert not nowhere.move(True) and nowhere.device == "cpu"
    assert place.move(True) and not place.move(True) and place.device == "cuda:0"
    assert place.move(False) and place.device == "cpu"
    place.stays = True
    assert place.move(True) and not place.move(False) and place.on_gpu


def test_only_who_is_on_the_gpu_waits_for_it(gpu: Gpu) -> None:
    """Work on the CPU goes on while another one has the GPU."""
    holder, place = Turn(gpu), Place(gpu)
    holder.take()
    place.ready()
    assert place.waited_s == 0
    holder.give_back()
    place.move(True)
    place.ready()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interrupt, "_asked", True)
        with pytest.raises(KeyboardInterrupt):
            holder.take()
    place.leave_gpu()
    holder.take()
    holder.give_back()
