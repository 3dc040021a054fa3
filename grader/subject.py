"""What a test sees of a submission: names that become requests to a worker.

    student.rnn_lstm_captioning.rnn_forward(x, h0, Wx, Wh, b)   a call; the value comes back as plain data
    model = student.transformers.Encoder(2, 4, 8, 1, 0.2)       an object that stays there: a Remote too
    model(x), model.layers, model.fill({...})                   call it, go into it, overwrite parameters
    student.probes.captioning.fill(model)                       a function of the suite, run in the worker

A Remote resolves nothing here: attribute access only builds a longer name. A student's failure ends the
check with a Verdict; the same failure of the reference is a GraderError.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from grader.errors import GraderError, SandboxUnavailable, Verdict, WorkerError
from grader.gpu import Place
from grader.outcomes import Name, died_verdict, oversized, raised_verdict
from grader.records import Died, Gpu, Limits, Raised, Reply, Returned, Status, Submission
from grader.remote import PROBE, PROBES, Anchor, Remote
from grader.worker.client import PLAIN, Objects
from grader.worker.launch import AnyWorker, Launcher
from grader.worker.levels import shortfall
from grader.worker.standins import sources_below
from grader.worker.wire import MAX_HANDLES, HandleRef, Oversized, Unsendable

USED_UP: Final = "the calls of this check together took longer than it may take"
LET_GO_S: Final = 1.0
PREPARE_S: Final = 10.0
OPEN_GPU_S: Final = 60.0  # the driver may have to wake it first
ON_CPU: Final = "this code asks for CUDA (.cuda(), device=\"cuda\"); there is no GPU here, so it was graded on the CPU"


class Subject:
    """A staged submission behind a worker, started on first use and again after its end.

    probes: the suite's folder of probe modules, or None.
    standins: a folder of modules and packages for what this machine lacks, or None.
    reference: the submission is our own solution: its failures are faults of ours.
    required: the level of isolation below which it does not run.
    answers: files that its worker must not be able to read, whatever the level but `none`.
    gpu: the one that its workers may be given.
    """

    def __init__(
        self,
        submission: Submission,
        launcher: Launcher,
        limits: Limits,
        *,
        probes: Path | None = None,
        standins: Path | None = None,
        reference: bool = False,
        required: str = "none",
        answers: Sequence[Path] = (),
        seed: int = 0,
        gpu: Gpu | None = None,
    ) -> None:
        self.submission = submission
        self.at = Place(gpu)
        self._launcher = launcher
        self._limits = limits
        files = sorted(probes.glob("*.py")) if probes else []
        self._probes = {file.stem: file.read_text(encoding="utf-8") for file in files}
        self._standins = sources_below(standins) if standins else {}
        self._on_cpu = False  # what asks for CUDA is to run on the CPU
        self._only_stdout = False  # the log is to hold nothing else
        self._before = 0  # characters in the log that are not to count
        self._reference = reference
        self._required = required
        self._answers = answers
        self._seed = seed
        self._worker: AnyWorker | None = None
        self._generation = 0
        self._imported: set[str] = set()
        self._broken: dict[str, Verdict] = {}  # modules that cannot be imported: found out once
        self._garbage: list[int] = []
        self._left_s = float("inf")  # of the check's own time
        self._cpu_s = 0.0
        self._asked = ""  # the name of the request under way
        self._rival: Subject | None = None
        self.witness: Callable[[Name, list[Any], Reply], None] | None = None  # is told of every exchange
        self.remarks: list[str] = []  # for people, of the check at hand; they cost nothing
        self.charged_s = 0.0  # what its answers have taken in all
        self._objects = Objects(self._outward, self._inward)
        self.isolation: dict[str, str] = {}

    # --- names ------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Remote:
        if name.startswith("_"):
            raise AttributeError(name)
        return Remote(self, name)

    def __getitem__(self, module: str) -> Remote:
        """A module by its dotted name: `student["dl.simclr.contrastive_loss"]`."""
        return Remote(self, module)

    @property
    def probes(self) -> Remote:
        """The suite's probe modules: `student.probes.captioning.fill(model)`."""
        return Remote(self, PROBES)

    # --- life -------------------------------------------------------------------------------------

    def fresh(self, *, only_stdout: bool = False) -> None:
        """The next request goes to a new worker, with nothing left of earlier ones. only_stdout: until the next call of
        this, `log` has what is printed, without warnings and all else on stderr; and modules that could not be imported
        are tried again, since they may print before they fail."""
        self._only_stdout = only_stdout
        if only_stdout:
            self._broken.clear()
        if self._worker is not None:
            self._cpu_s += self._worker.cpu_now_s()
            self._worker.close()
            self._worker = None

    def close(self) -> None:
        self.fresh()
        if self._rival is not None:
            self._rival.close()
        self.at.leave_gpu()

    def move(self, on_gpu: bool) -> None:
        """The next request goes to a worker on the GPU, if the run has one, or on the CPU. Code that has asked for CUDA
        stays on the GPU."""
        if self.at.move(on_gpu):
            for subject in filter(None, (self, self._rival)):
                subject.fresh()
                subject._broken.clear()

    def provide_cuda(self) -> str:
        """From now on, in fresh workers, code that asks for CUDA finds it: on the GPU if there is one, else on the CPU,
        with a remark. Says which, in words for staff; "" when it was so already."""
        if self.at.gpu is None:
            return ON_CPU if self.stay_on_cpu() else ""
        if self.at.on_gpu:
            return ""
        self.at.stays = True
        self.move(True)
        return f"this code asks for CUDA, so it is graded on {self.at.device}"

    def stay_on_cpu(self) -> bool:
        """From now on, in fresh workers, what asks for CUDA runs on the CPU. False when that was so already."""
        if self._on_cpu:
            return False
        self._on_cpu = True
        self.remark(ON_CPU)
        self._broken.clear()
        self.fresh()
        return True

    def ready(self) -> None:
        """Starts the worker, if there is none. Raises WorkerError, SandboxUnavailable."""
        self._running()

    def remark(self, text: str) -> None:
        """Something worth a look that costs no points; said once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def begin_check(self, limit_s: float) -> None:
        """From now on the submission's answers together may take `limit_s`."""
        self._left_s = limit_s

    def let_go(self) -> None:
        """Has the worker forget what nothing here refers to any more. Between checks and at nobody's cost: what the
        student's code does then says nothing about any of them."""
        self._left_s = float("inf")
        numbers, self._garbage = self._garbage, []  # once: whoever answers with objects does not keep us here
        with contextlib.suppress(Verdict, GraderError):
            for start in range(0, len(numbers), MAX_HANDLES):
                if self._worker is None or not self._worker.alive:
                    break
                self._exchange(["drop", numbers[start : start + MAX_HANDLES]], Name("it", "it"), LET_GO_S)

    def cpu_now_s(self) -> float:
        """Processor seconds that the submission's workers have used."""
        return self._cpu_s + (self._worker.cpu_now_s() if self._worker else 0.0)

    def queued_s(self) -> float:
        """Seconds that its worker stood in the kernel's run queue."""
        return self._worker.queued_s() if self._worker else 0.0

    def busy(self) -> bool:
        """Whether its worker still does something, though no request is under way."""
        return self._worker is not None and self._worker.busy()

    def rival(self, submission: Submission) -> Subject:
        """Our own solution in a worker of the same rights, and with the same means, as this one's."""
        if self._rival is None:
            self._rival = Subject(
                submission,
                self._launcher,
                self._limits,
                reference=True,
                required=self._required,
                answers=self._answers,
                seed=self._seed,
            )
            self._rival._probes, self._rival._standins = self._probes, self._standins
            self._rival.at = self.at
        return self._rival

    def log(self) -> str:
        return self._worker.log()[self._before :] if self._worker else ""

    def run_cell(self, number: int, source: str, given: Mapping[str, Any], limit_s: float) -> Any:
        """Runs a notebook's cell in the worker of the cells before it; see `worker.shell`."""
        said = f"cell {number}"
        return self._exchange(["cell", number, source, dict(given)], Name(said, said), limit_s, PLAIN).value

    def _running(self) -> AnyWorker:
        self.at.ready()
        if self._worker is not None and not self._worker.alive:
            self.fresh(only_stdout=self._only_stdout)
        if self._worker is None:
            worker = self._started()
            self._generation += 1
            self._imported.clear()
            self._garbage.clear()
            self.isolation = dict(worker.layers)
            try:
                self._refuse_below_level()
                self._prepare(worker)
            except WorkerError:
                worker.close()
                raise
            self._worker = worker
        return self._worker

    def _prepare(self, worker: AnyWorker) -> None:
        """What a worker has to know before it imports anything of the submission's."""
        requests: list[list[Any]] = [["standins", self._standins]] if self._standins else []
        requests += [["redirect"]] if self._on_cpu else []
        requests += [["device", gpu.uuid, self._limits.memory_mib]] if (gpu := self.at.opened) else []
        requests += [["only_stdout"]] if self._only_stdout else []
        for request in requests:
            reply = worker.ask(request, OPEN_GPU_S if request[0] == "device" else PREPARE_S)
            if not isinstance(reply, Returned):
                raise WorkerError(f"a worker could not be prepared ({request[0]}): {reply.text}")
        self._before = len(worker.log()) if self._only_stdout else 0  # what libraries had to say in a cold process

    def _started(self) -> AnyWorker:
        """A second start, where the first fails: what was wrong with the machine may be over, and without a
        worker all checks of a test file would be lost."""
        order = self.submission.root, self._limits.memory_mib, self.at.opened
        try:
            return self._launcher.start(*order)
        except WorkerError:
            return self._launcher.start(*order)

    def _refuse_below_level(self) -> None:
        if self.at.on_gpu and self._required != "none" and self.isolation.get("landlock", "absent"):
            # Without it a worker could open all devices, or, behind the filter for that case, none.
            raise SandboxUnavailable("submitted code gets a GPU only on a kernel with Landlock; leave --device out")
        if short := shortfall(self._required, self.isolation, self._answers):
            raise SandboxUnavailable(short)

    # --- requests ---------------------------------------------------------------------------------

    def import_module(self, module: str) -> None:
        """Has the worker import a module of the submission, by its dotted name, once. Raises the same Verdict each
        time."""
        if module in self._broken:
            raise self._broken[module].with_traceback(None)
        self._running()
        if module in self._imported:
            return
        file = module.replace(".", "/") + ".py"
        in_full = self._left_s >= self._limits.import_s
        try:
            if module == PROBES:
                self._exchange(["probes", PROBES, self._probes], Name(PROBE, PROBE), self._limits.import_s)
            elif file in self.submission.missing:
                raise Verdict(Status.NOT_IMPLEMENTED, f"{file} was not found in the submission")
            elif file in self.submission.problems:
                problem = self.submission.problems[file]
                named = problem.startswith(f"{Path(file).name} ")
                raise Verdict(Status.RAISED, problem if named else f"{file} cannot be used: {problem}")
            else:
                importing = f"importing {file}"
                self._exchange(["import", module], Name(importing, importing), self._limits.import_s)
        except Verdict as verdict:
            if self._reference:
                raise GraderError(f"the reference failed: {verdict.text}") from None
            # The little time that a check had left says nothing about the module.
            if in_full or verdict.status is not Status.TIMED_OUT:
                self._broken[module] = verdict
            raise
        self._imported.add(module)

    def _target(self, remote: Remote) -> list[Any]:
        """A name, as requests have it; its module is imported."""
        if isinstance(remote._start, str):
            self.import_module(remote._start)
        self._running()
        start = remote._start if isinstance(remote._start, str) else self._handle(remote._start)
        return [start, remote._path]

    def _ask(self, request: list[Any], name: Name, limit_s: float | None) -> Returned:
        """One request; objects in the reply become Remotes."""
        return self._exchange(request, name, limit_s or self._limits.call_s)

    def left_s(self) -> float:
        """Seconds that the check at hand still has for answers."""
        return self._left_s

    def _exchange(
        self, request: list[Any], name: Name, limit_s: float, objects: Objects | None = None
    ) -> Returned:
        if self._left_s <= 0:
            raise Verdict(Status.TIMED_OUT, USED_UP)
        worker = self._running()
        self._asked = name.asked
        try:
            reply = worker.ask(request, min(limit_s, self._left_s), objects or self._objects)
        except Unsendable as error:
            # The suite sends nothing as large as that of its own: the reference would have been the first to meet it.
            if self._reference or not isinstance(error, Oversized):
                raise GraderError(f"the grader tried to send {error}") from None
            raise oversized(name, str(error)) from None
        self._left_s -= worker.charged_s
        self.charged_s += worker.charged_s
        if self.witness:
            self.witness(name, request, reply)
        match reply:
            case Returned():
                return reply
            case Raised():
                verdict = raised_verdict(reply, name, self._has_line, worker.log())
                if self.at.on_gpu and "CUDA error" in reply.text:  # after which nothing works in that process
                    self.fresh(only_stdout=self._only_stdout)
            case Died(status=Status.TIMED_OUT) if self._left_s <= 0:
                verdict = Verdict(Status.TIMED_OUT, USED_UP, staff=reply.log)
            case Died():
                verdict = died_verdict(reply, name)
        if self._reference:
            raise GraderError(f"the reference failed: {verdict.text} {verdict.staff}")
        raise verdict

    def _has_line(self, file: str, line: int) -> bool:
        """Whether a submitted file is that long: the worker may tell of lines that nobody wrote."""
        if file not in self.submission.hashes:
            return False
        return 1 <= line <= (Path(self.submission.root) / file).read_bytes().count(b"\n") + 1

    def _outward(self, value: Any) -> Any:
        """What is no plain data goes as a handle: Remotes that stand for an object."""
        if not isinstance(value, Remote):
            raise Unsendable(f"a value of type {type(value).__name__}")
        if isinstance(value._start, str) or value._path:
            raise GraderError(f"{value._name().shown} is a name, not a value: fetch it with .get() first")
        return self._handle(value._start)

    def _handle(self, anchor: Anchor) -> HandleRef:
        if anchor.subject is not self or anchor.generation != self._generation:
            raise WorkerError("an object was used after its worker had ended")
        return HandleRef(anchor.id)

    def _inward(self, ref: HandleRef) -> Remote:
        return Remote(self, Anchor(self, ref, self._asked, self._generation))
