"""Examiners on other machines: the processes of a Dask cluster are nodes, each of which gets jobs once it has proved
that it grades as this machine would."""

from __future__ import annotations

import importlib.metadata
import itertools
import logging
import queue
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import structs

from grader.batch.freight import pack, pack_files
from grader.batch.jobs import AnyEvent, Ended, Halted, Job, Proof, Settings, decode_event
from grader.batch.node import judge, prove
from grader.batch.suite import files_of
from grader.errors import GraderError
from grader.paths import Assignment
from grader.report.files import encode
from grader.worker import dropout

try:
    import dask
    from distributed import Client, Future, LocalCluster
except ModuleNotFoundError:
    raise GraderError("--cluster needs Dask: pip install 'torchgrade[cluster]'") from None

LOOK_S: Final = 0.5  # between two looks at who is there
ANSWER_S: Final = 30.0  # for the scheduler
FETCH_S: Final = 2.0  # for what came of a task, before another look at whether its node is there
PATIENCE_S: Final = 600.0  # for a node, when there is none
TRIES: Final = 3  # of a job whose node was lost, or failed, in the middle of it
SHOWN: Final = 3  # reasons in one sentence
LOCAL: Final = "local:"
COMPARED: Final = ("torchgrade", "torch", "torchvision", "numpy")

log: Final = logging.getLogger(__name__)


@dataclass(eq=False)
class Node:
    """A process of the cluster. It holds as many examiners as it has threads, and one job more than that."""

    address: str
    name: str
    threads: int
    tasks: dict[str, Future[Any]] = field(default_factory=dict)  # under way, by key: a proof, or jobs
    jobs: dict[str, Job] = field(default_factory=dict)  # likewise, in the order in which they were given
    proved: bool = False
    refused: bool = False

    @property
    def free(self) -> bool:
        return self.proved and len(self.jobs) <= self.threads


class Cluster:
    """Nodes come and go; the jobs of one that is lost are given to others.

    settings: with the `root` of the assignment here. digest: of the assignment (`Suite.whole`).
    address: of a Dask scheduler, or `local:N` for a cluster of N processes here, whose files lie in `place` (private).
    Raises GraderError: no scheduler answers there.
    """

    def __init__(self, settings: Settings, digest: str, address: str, place: Path) -> None:
        self._assignment = Assignment(settings.assignment, Path(settings.root))
        self._settings = encode(structs.replace(settings, root="", replies=""))  # of a node's own choice
        self._digest = digest
        self._address = address
        self._files = b""
        self._versions = versions_here()
        self._nodes: dict[str, Node] = {}
        self._again: deque[Job] = deque()
        self._tries: dict[str, int] = {}
        self._faults: deque[Ended] = deque()  # to be told
        self._done: queue.SimpleQueue[tuple[Node, Future[Any]]] = queue.SimpleQueue()
        self._reasons: list[str] = []  # of nodes that were refused
        self._looked = 0.0
        self._manned = time.monotonic()  # when there was a node last
        self._worked = False  # some node has proved itself
        self._here: LocalCluster | None = None
        dask.config.set({
            "distributed.admin.large-graph-warning-threshold": "1TiB",  # a submission travels with its task
            "temporary-directory": str(place),
        })
        self._client = self._connected(address, place)

    def _connected(self, address: str, place: Path) -> Client:
        target: Any = address
        if address.startswith(LOCAL):
            count = address.removeprefix(LOCAL)
            if not count.isdecimal() or not int(count):
                raise GraderError(f"--cluster {address}: a number of processes belongs after {LOCAL}")
            self._here = target = LocalCluster(
                n_workers=int(count),
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,  # student code has limits of its own
                silence_logs=logging.ERROR,
            )
        try:
            return Client(target, timeout=ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise GraderError(
                f"no scheduler answers at {address} ({error}); start one with `dask scheduler`, or correct --cluster"
            ) from None

    # --- Examiners --------------------------------------------------------------------------------

    def room(self) -> bool:
        return not self._again and any(node.free for node in self._nodes.values())

    def give(self, job: Job) -> None:
        free = [node for node in self._nodes.values() if node.free]
        if not free:
            self._again.append(job)
            return
        try:
            freight = pack(Path(job.source))
        except (GraderError, OSError) as error:
            self._faults.append(Ended(id=job.id, fault=f"it cannot be sent to another machine: {error}"))
            return
        node = min(free, key=lambda node: len(node.jobs) / node.threads)
        bare = encode(structs.replace(job, source=""))
        node.jobs[self._submit(node, judge, self._settings, self._digest, bare, freight)] = job

    def events(self, timeout_s: float) -> Iterator[AnyEvent]:
        self._look()
        while self._again and any(node.free for node in self._nodes.values()):
            self.give(self._again.popleft())
        try:
            node, task = self._done.get(timeout=0.0 if self._faults else timeout_s)
        except queue.Empty:
            pass
        else:
            yield from self._taken(node, task)
        while self._faults:
            yield self._faults.popleft()

    def close(self) -> None:
        """What waits at nodes is called off. What is at hand there is judged to its end, and nobody hears of it."""
        self._client.close(timeout=ANSWER_S)
        if self._here:
            self._here.close(timeout=ANSWER_S)

    # --- nodes ------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Who has come, who is gone. Raises GraderError when the scheduler is, or all nodes are."""
        if self._client.status != "running":
            raise self._lost()
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        # Not client.scheduler_info(), which another thread empties of nodes at times.
        try:
            scheduler: Any = self._client.scheduler
            found = self._client.sync(scheduler.identity, n_workers=-1, callback_timeout=ANSWER_S)
        except OSError:  # TimeoutError, too
            raise self._lost() from None
        there: Mapping[str, Mapping[str, Any]] = found["workers"]
        for address in self._nodes.keys() - there.keys():
            self._give_up(self._nodes.pop(address), "the machine that examined it was lost")
        for address in there.keys() - self._nodes.keys():
            node = Node(address, str(there[address]["name"]), int(there[address]["nthreads"]))
            self._nodes[address] = node
            self._submit(node, prove, self._settings, self._digest, b"", node.threads)
        self._check_hope(now)

    def _lost(self) -> GraderError:
        return GraderError(
            f"the scheduler at {self._address} is gone; what has been judged is kept: run the same command again when "
            "it is back, or without --cluster"
        )

    def _check_hope(self, now: float) -> None:
        if any(not node.refused for node in self._nodes.values()):
            self._manned = now
        elif (self._nodes and not self._worked) or now - self._manned > PATIENCE_S:
            why = "; ".join(self._reasons[:SHOWN]) or f"none has come within {PATIENCE_S / 60:g} minutes"
            more = len(self._reasons) - SHOWN
            raise GraderError(f"no machine of the cluster can grade: {why}{f'; and {more} more' if more > 0 else ''}")

    def _submit(self, node: Node, task: Any, *arguments: Any) -> str:
        """The key of the task, which runs on this node and on no other."""
        future = self._client.submit(task, *arguments, workers=[node.address], allow_other_workers=False, pure=False)
        node.tasks[str(future.key)] = future
        future.add_done_callback(lambda done: self._done.put((node, done)))
        return str(future.key)

    def _give_up(self, node: Node, why: str) -> None:
        """Gives the node's jobs to others. Those that had begun there may have been what ended it."""
        for future in node.tasks.values():
            future.release()
        jobs = list(node.jobs.values())
        node.tasks.clear()
        node.jobs.clear()
        for job in jobs[: node.threads]:
            self._once_more(job, why)
        self._again += jobs[node.threads :]

    def _once_more(self, job: Job, why: str) -> None:
        self._tries[job.id] = self._tries.get(job.id, 0) + 1
        if self._tries[job.id] == TRIES:
            fault = f"{why}, the last time of {TRIES}; run the same command again"
            self._faults.append(Ended(id=job.id, fault=fault))
        else:
            self._again.append(job)

    def _refuse(self, node: Node, why: str) -> None:
        named = f"{node.name} ({node.address})" if node.name != node.address else node.address
        self._reasons.append(f"{named} was refused: {why}")
        log.warning("node %s", self._reasons[-1])
        node.proved, node.refused = False, True
        self._give_up(node, why)

    # --- what comes back --------------------------------------------------------------------------

    def _taken(self, node: Node, task: Future[Any]) -> Iterator[AnyEvent]:
        key = str(task.key)
        if key not in node.tasks:
            return  # given up before
        if self._client.status != "running":
            raise self._lost()
        job = node.jobs.get(key)
        try:
            found = task.result(timeout=FETCH_S)
        except Exception as error:  # whatever that machine raises
            if isinstance(error, TimeoutError) and task.status != "error":
                self._done.put((node, task))  # what came of it may be lost with the node, as the next look tells
                return
            self._forget(node, task)
            why = f"{type(error).__name__}: {error}"
            if job is None:
                self._refuse(node, f"it cannot show what it is ({why})")
            else:
                self._once_more(job, why)
                node.proved = False
                self._submit(node, prove, self._settings, self._digest, b"", node.threads)
            return
        self._forget(node, task)
        if job is None:
            self._take_proof(node, found)
            return
        events = [decode_event(event) for event in found]
        if isinstance(events[-1], Halted):
            self._once_more(job, events[-1].why)
            self._refuse(node, events[-1].why)
        else:
            yield from events

    @staticmethod
    def _forget(node: Node, task: Future[Any]) -> None:
        del node.tasks[str(task.key)]
        node.jobs.pop(str(task.key), None)
        task.release()

    def _take_proof(self, node: Node, found: bytes) -> None:
        proof = msgspec.json.decode(found, type=Proof)
        if proof.absent:
            self._files = self._files or pack_files(files_of(self._assignment))
            self._submit(node, prove, self._settings, self._digest, self._files, node.threads)
        elif why := differences(self._versions, proof.versions) or proof.shortfall:
            self._refuse(node, why)
        else:
            node.proved = self._worked = True


def versions_here() -> dict[str, str]:
    """What a node must have, from what is installed here: this process never imports torch."""
    found = {name: importlib.metadata.version(name) for name in COMPARED}
    return found | {"python": sys.version.split()[0], "dropout": dropout.NAME}


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """How a node differs from this machine, or ""."""
    return ", ".join(
        f"it has {name} {there.get(name, 'of no known version')}, this machine {version}"
        for name, version in here.items()
        if _compared(name, version) != _compared(name, there.get(name, ""))
    )


def _compared(name: str, version: str) -> str:
    """Of Python the minor version; of the others all but what stands for a build (2.14.1+cpu)."""
    return ".".join(itertools.islice(version.split("."), 2)) if name == "python" else version.partition("+")[0]
