"""The state of the machine around a grading: what must be the same before and after."""

from __future__ import annotations

import ctypes
import os
import resource
import select
import socket
import sys
from pathlib import Path
from typing import Any

State = dict[str, Any]
PUBLIC = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/dev/mqueue", "/", "/home")
LIMITS = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]


def adopt_orphans() -> None:
    """Processes that lose their parent below this one become its children, so that no daemon goes unseen."""
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


class Listeners:
    """Sockets on which somebody would hear a trick, one for each way out."""

    def __init__(self, folder: Path, mark: str) -> None:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        path = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path.bind(str(folder / "listener"))
        path.listen()
        os.chmod(folder / "listener", 0o777)
        abstract = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        abstract.bind(f"\0{mark}")
        abstract.listen()
        self._sockets = (tcp, udp, path, abstract)
        self.addresses: dict[str, object] = {
            "tcp": tcp.getsockname(), "udp": udp.getsockname(), "socket": str(folder / "listener"),
            "abstract": f"\0{mark}",
        }  # fmt: skip

    def heard(self) -> int:
        """How many of them have something waiting."""
        ready, _, _ = select.select(self._sockets, [], [], 0)
        return len(ready)

    def close(self) -> None:
        for listener in self._sockets:
            listener.close()


def descendants(pid: int) -> dict[int, str]:
    """Process id -> name of everything below `pid`."""
    found: dict[int, str] = {}
    names = {}
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = Path("/proc", entry, "stat").read_text(errors="replace")
            except OSError:
                continue
            name, _, rest = text.partition("(")[2].rpartition(")")
            names[int(entry)], parents[int(entry)] = name, int(rest.split()[1])
    for child in names:
        at = child
        while at in parents and at != pid:
            at = parents[at]
        if at == pid and child != pid:
            found[child] = names[child]
    return found


def tree(root: Path) -> State:
    """Path -> mode, owner, size and time of change of everything below `root`."""
    found = {}
    for path in [root, *root.rglob("*")]:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        changed = 0 if path.is_dir() else (status.st_size, status.st_mtime_ns)
        found[str(path)] = (status.st_mode, status.st_uid, status.st_gid, changed)
    return found


def interpreter() -> list[object]:
    """The files by which everybody's Python would be changed most easily."""
    import msgspec

    site = Path(msgspec.__file__).parents[1]
    files = (Path(sys.executable), Path(os.__file__), site, site / "torch/__init__.py", site / "sitecustomize.py")
    return [(str(file), file.exists() and (file.stat().st_mode, file.stat().st_mtime_ns)) for file in files]


def marked(mark: str) -> list[str]:
    """What bears the tricks' mark in places that are everybody's."""
    places = [folder for folder in PUBLIC if os.path.isdir(folder)]
    found = [f"{folder}/{name}" for folder in places for name in os.listdir(folder) if mark in name]
    found += [line for line in Path("/proc/net/unix").read_text(errors="replace").splitlines() if f"{mark}-" in line]
    for keys in ("/proc/keys", "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"):
        if os.access(keys, os.R_OK):
            found += [line for line in Path(keys).read_text(errors="replace").splitlines() if mark in line]
    return found


def ipc() -> list[int]:
    """How many System V objects there are."""
    return [len(Path("/proc/sysvipc", kind).read_bytes().splitlines()) for kind in ("shm", "sem", "msg")]


def process(pid: int) -> State:
    """What one process could do to another without ending it."""
    try:
        return {
            "nice": os.getpriority(os.PRIO_PROCESS, pid),
            "affinity": sorted(os.sched_getaffinity(pid)),
            "policy": os.sched_getscheduler(pid),
            "limits": [resource.prlimit(pid, limit) for limit in LIMITS],
            "oom": Path(f"/proc/{pid}/oom_score_adj").read_text(),
        }
    except OSError as error:  # another user's
        return {"refused": type(error).__name__}


def snapshot(trees: list[Path], mark: str, lasting: dict[int, str]) -> State:
    """Everything to be compared. lasting: processes that are meant to stay."""
    return {
        "processes": {pid: name for pid, name in descendants(os.getpid()).items() if pid not in lasting},
        "files": {path: facts for root in trees for path, facts in tree(root).items()},
        "interpreter": interpreter(),
        "marked": marked(mark),
        "mounts": Path("/proc/self/mountinfo").read_text().splitlines(),
        "ipc": ipc(),
        "grader": {pid: process(pid) for pid in (os.getpid(), *lasting)},
    }


def differences(before: State, after: State) -> list[str]:
    """One line for each thing that is not as it was."""
    lines = []
    for key in before:
        old, new = before[key], after[key]
        if old == new:
            continue
        if isinstance(old, dict):
            lines += [f"{key}: {item}: {old.get(item)} -> {new.get(item)}"
                      for item in {**old, **new} if old.get(item) != new.get(item)]  # fmt: skip
        else:
            lines.append(f"{key}: {old} -> {new}")
    return lines
