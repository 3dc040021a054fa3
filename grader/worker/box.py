"""Everything that runs beside student code: calls in, values out. No test, no answer, no verdict.

A request is `[verb, *fields]`; a target names a callable or value of the student's:
`["module", "path.in.it"]` or `[HandleRef, "path.in.it"]` (an empty path is the object itself).
Whatever the student's code raises comes back as data.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import random
import sys
import traceback
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

from grader.worker import device, standins, wire
from grader.worker.wire import HandleRef, Unsendable

MEMORY_WORDS = (
    "can't allocate memory", "not enough memory", "std::bad_alloc", "Cannot allocate memory", "CUDA out of memory",
    "CUDA error: out of memory",
)  # fmt: skip
MAX_TEXT, MAX_FRAMES = 2000, 12
OWN = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # where this package lies


class Missing(Exception):
    """The request names something that the student's file does not have."""


class Ready(NamedTuple):
    """Calls that are prepared (what to call, arguments, options), and what they gave."""

    calls: list[tuple[Callable[..., Any], list[Any], dict[str, Any]]]
    values: list[Any]


class Box:
    """One worker's state: the objects that stayed here, and the probes that were sent.

    root: the staged submission, first on sys.path.
    passes: exceptions that are not the student's to raise (a debugger's), which go through.
    """

    def __init__(self, root: str, passes: tuple[type[BaseException], ...] = ()) -> None:
        self._passes = passes
        self._root = os.path.join(root, "")
        self._handles: dict[int, Any] = {}
        self._numbers = itertools.count()
        self._shell: Any = None
        self._gpu: device.OnGpu | None = None
        self._verbs: dict[str, Callable[..., Any]] = {
            "import": self._import,
            "call": self._call,
            "get": self._get,
            "vjp": self._vjp,
            "sweep": self._sweep,
            "parameters": self._parameters,
            "fill": self._fill,
            "probes": self._take_probes,
            "standins": self._offer_standins,
            "redirect": self._redirect,
            "device": self._open_gpu,
            "only_stdout": self._mute_stderr,
            "drop": self._drop,
            "cell": self._cell,
            "prepare": self._prepare,
            "run": self._run,
            "values": self._values,
        }

    def answer(self, meta: bytes | bytearray, payload: bytes | bytearray, request_id: int) -> list[memoryview]:
        """One request's body to the finished reply frame."""
        try:
            verb, *fields = wire.unpack(meta, payload, self._resolve, trusted=True)
            packer = wire.Packer(self._foreign)
            if self._gpu:
                self._gpu.settle()
            body = packer.pack(self._verbs[verb](*fields))
            if self._gpu:  # the parent's clock runs until all that was begun there is done
                self._gpu.finish()
            return packer.frame(wire.RETURNED, request_id, body)
        except self._passes:
            raise
        except BaseException as error:
            return wire.Packer().frame(wire.RAISED, request_id, self._report(error))

    # --- verbs ------------------------------------------------------------------------------------

    def _import(self, name: str) -> Any:
        try:
            importlib.import_module(name)
        finally:
            os.chdir(self._root)  # files beside the module are found whatever it did
        return [None, None]

    def _call(self, target: Any, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Any:
        """options: seed · only: index of the one item to return · keep: items that stay here as handles ·
        watch: also return the positions of the array arguments that the call changed in place. (That is a
        claim of this process, but a false one gains nothing: whoever could lie here could clone.)"""
        function = self._find(target)
        tensors = [self._torch(value) for value in (*args, *kwargs.values())]
        seed_everything(options.get("seed", 0))
        value = function(*tensors[: len(args)], **dict(zip(kwargs, tensors[len(args) :], strict=True)))
        changed = None
        if options.get("watch"):
            pairs = zip((*args, *kwargs.values()), tensors, strict=True)
            changed = [i for i, (sent, now) in enumerate(pairs) if differs(sent, now)]
        return [self._select(value, options), changed]

    def _get(self, target: Any) -> Any:
        return [self._find(target), None]

    def _vjp(self, target: Any, args: list[Any], kwargs: dict[str, Any], options: dict[str, Any]) -> Any:
        """Output, and the gradients of <output, upstream> for the arguments numbered in `wrt` and, with
        `parameters`, for every named parameter of the target module. A gradient that does not arrive is
        None; all are None when the output has another shape than `upstream`."""
        function = self._find(target)
        wrt = options["wrt"]
        inputs = [
            self._torch(a).requires_grad_() if i in wrt else self._torch(a) for i, a in enumerate(args)
        ]
        named = dict(function.named_parameters()) if options.get("parameters") else {}
        seed_everything(options.get("seed", 0))
        output = self._select(function(*inputs, **{k: self._torch(v) for k, v in kwargs.items()}), options)
        upstream = self._torch(options["upstream"])
        leaves = [inputs[i] for i in wrt] + list(named.values())
        grads: Sequence[Any] = [None] * len(leaves)
        if leaves and isinstance(output, torch.Tensor) and output.shape == upstream.shape and output.requires_grad:
            grads = torch.autograd.grad(output, leaves, upstream.to(output), allow_unused=True)
        found = dict(zip(named, grads[len(wrt) :], strict=True))
        return [{"output": output, "inputs": list(grads[: len(wrt)]), "parameters": found}, None]

    def _sweep(self, target: Any, args: list[Any], index: int, stack: Any, options: dict[str, Any]) -> Any:
        """Calls once per slice of `stack`, which stands in for argument `index`; outputs come stacked."""
        function = self._find(target)
        tensors = [self._torch(a) for a in args]
        results = []
        for slice_ in self._torch(stack):
            tensors[index] = slice_
            seed_everything(options.get("seed", 0))
            results.append(self._select(function(*tensors), options))
        if not all(isinstance(result, torch.Tensor) for result in results):
            raise Unsendable(f"a {type(results[0]).__name__} instead of a tensor")
        return [torch.stack(results), None]

    def _parameters(self, target: Any) -> Any:
        return [dict(self._find(target).named_parameters()), None]

    def _fill(self, target: Any, values: dict[str, Any]) -> Any:
        named = dict(self._find(target).named_parameters())
        with torch.no_grad():
            for name, value in values.items():
                if name not in named:
                    raise Missing(f"there is no parameter named {name}")
                named[name].copy_(self._torch(value))
        return [None, None]

    def _take_probes(self, package: str, sources: dict[str, str]) -> Any:
        """Makes the suite's probe modules attributes of the module `package`, callable like the student's names. Each
        is compiled when it is first asked for: a worker is asked for few."""
        probes = sys.modules[package] = ModuleType(package)

        def load(name: str) -> ModuleType:
            if name not in sources:
                raise AttributeError(f"there is no probe module {name}")
            full = f"{package}.{name}"
            module = sys.modules[full] = ModuleType(full)
            exec(compile(sources[name], f"<{full}>", "exec"), module.__dict__)
            setattr(probes, name, module)
            return module

        probes.__getattr__ = load  # type: ignore[method-assign]
        return [None, None]

    def _offer_standins(self, sources: dict[str, list[Any]]) -> Any:
        """Makes small packages importable where real ones are missing: dotted name -> [source, is a package]."""
        standins.offer({name: (source, package) for name, (source, package) in sources.items()})
        return [None, None]

    def _mute_stderr(self) -> Any:
        """From now on what is written to stderr goes nowhere."""
        os.dup2(0, 2)
        return [None, None]

    def _redirect(self) -> Any:
        """What asks for CUDA runs on the CPU from now on. Whether there was a need."""
        return [device.redirect(torch), None]

    def _open_gpu(self, uuid: str, memory_mib: int) -> Any:
        """From now on arguments come to lie on this GPU, and new tensors too."""
        self._gpu = device.OnGpu(torch, uuid, memory_mib)
        return [None, None]

    def _drop(self, numbers: list[int]) -> Any:
        for number in numbers:
            self._handles.pop(number, None)
        return [None, None]

    def _cell(self, number: int, source: str, given: dict[str, Any]) -> Any:
        """Runs a notebook's cell: what it gave out, and what it raised, if anything."""
        from grader.worker.shell import Shell

        self._shell = self._shell or Shell.instance()
        return [self._shell.run(self._root, number, source, given, self._report, self._relative), None]

    def _prepare(self, calls: list[list[Any]]) -> Any:
        """Calls, each `[target, args, options]`, that are to be made later and find their arguments here."""
        ready = Ready([(self._find(target), self._torch(args), options) for target, args, options in calls], [])
        seed_everything(calls[0][2].get("seed", 0))
        return [self._store(ready), None]

    def _run(self, ready: Ready) -> Any:
        """Makes the prepared calls one after the other, and nothing else: this is what a clock is held to."""
        ready.values.extend(self._select(function(*args), options) for function, args, options in ready.calls)
        return [None, None]

    def _values(self, ready: Ready) -> Any:
        """What the prepared calls gave, once."""
        found = [*ready.values]
        ready.calls.clear()
        ready.values.clear()
        return [found, None]

    # --- values -----------------------------------------------------------------------------------

    def _torch(self, value: Any) -> Any:
        return to_torch(value, self._gpu.moved if self._gpu else None)

    def _find(self, target: list[Any]) -> Any:
        start, path = target
        found: Any = importlib.import_module(start) if isinstance(start, str) else start
        where = f"{start.replace('.', '/')}.py" if isinstance(start, str) else type(start).__name__
        for name in path.split(".") if path else ():
            try:
                found = found[int(name)] if name.isdigit() else getattr(found, name)
            except AttributeError as error:
                # An AttributeError from inside a property of the student's is theirs, not a missing name.
                if self._frames(error):
                    raise
                raise Missing(f"{where} has no {path}") from None
        return found

    def _select(self, value: Any, options: dict[str, Any]) -> Any:
        only, keep = options.get("only"), options.get("keep", ())
        if only is not None:
            if not isinstance(value, (tuple, list)):
                raise Unsendable(f"a single {type(value).__name__} instead of several values")
            if only >= len(value):
                raise Unsendable(f"too few values ({len(value)})")
            return value[only]
        if keep and isinstance(value, (tuple, list)):
            return [self._store(v) if i in keep else v for i, v in enumerate(value)]
        return value

    def _store(self, value: Any) -> HandleRef:
        number = next(self._numbers)
        self._handles[number] = value
        return HandleRef(number, type(value).__name__)

    def _resolve(self, ref: HandleRef) -> Any:
        return self._handles[ref.id]

    def _foreign(self, value: Any) -> Any:
        """A tensor as an array; anything that is not plain data stays here, behind a handle."""
        if not isinstance(value, torch.Tensor):
            return self._store(value)
        try:
            return to_numpy(value)
        except (TypeError, ValueError, RuntimeError) as error:  # torch has no array for it
            if self._frames(error) or out_of_memory(error):
                raise
            raise Unsendable(f"a tensor that cannot be read ({type_name(error)})") from None

    def _frames(self, error: BaseException) -> list[str]:
        # Taken from the base class, and guarded: an exception of the student's may have a traceback of its own
        # making, and its module a loader that acts when a line is looked up.
        trace = vars(BaseException)["__traceback__"].__get__(error)
        with contextlib.suppress(BaseException):
            return [
                f"{frame.filename[len(self._root) :]}, line {frame.lineno}, in {frame.name}: {frame.line}"[:300]
                for frame in traceback.extract_tb(trace)
                if frame.filename.startswith(self._root)
            ]
        return []

    def _relative(self, text: str) -> str:
        """Text without the places of the submission and the installation, and without what UTF-8 cannot carry."""
        text = text.replace(self._root, "").replace(self._root.rstrip(os.sep), ".")
        for installed in (sys.prefix, sys.base_prefix, OWN):  # the first may lie within the last
            text = text.replace(installed, "...")
        return text.encode(errors="replace").decode()

    def _report(self, error: BaseException) -> dict[str, Any]:
        """An exception as plain data, with the student's own lines only. Nothing that it says of itself may fail."""
        text, frames = "", self._frames(error)
        with contextlib.suppress(BaseException):
            text = str.__str__(str(error))[:MAX_TEXT]  # exactly a str, whatever `__str__` gives
            if isinstance(error, SyntaxError) and (error.filename or "").startswith(self._root):
                name = str(error.filename)[len(self._root) :]
                frames.append(f"{name}, line {error.lineno}: {(error.text or '').strip()}"[:300])
                text = str(error.msg)
        return {
            "type": type_name(error)[:80],
            "text": self._relative(text),
            "frames": [f.encode(errors="replace").decode() for f in frames[-MAX_FRAMES:]],
            "memory": out_of_memory(error),
            "gpu": device.wants_gpu(error),
            # Raised by the call itself, not by a line of the student's: the arguments do not fit.
            "signature": isinstance(error, TypeError) and not frames,
            "missing": isinstance(error, Missing) and not frames,
            "unsendable": isinstance(error, Unsendable) and not frames,  # ours, not one of the student's
        }


def type_name(error: BaseException) -> str:
    """The name of its class, which a metaclass may not change. (Cut off from what UTF-8 cannot carry.)"""
    name: str = type.__dict__["__name__"].__get__(type(error))
    return name.encode(errors="replace").decode()


def out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed."""
    if isinstance(error, MemoryError):
        return True
    with contextlib.suppress(BaseException):
        return any(word in str(error) for word in MEMORY_WORDS)
    return False


def to_torch(value: Any, moved: Callable[[torch.Tensor], torch.Tensor] | None = None) -> Any:
    """Arrays of a request become tensors that own their memory; lists and dicts are walked. moved: to elsewhere."""
    if isinstance(value, np.ndarray):
        tensor = torch.from_numpy(value.copy())
        return moved(tensor) if moved else tensor
    if type(value) is list:
        return [to_torch(item, moved) for item in value]
    if type(value) is dict:
        return {key: to_torch(item, moved) for key, item in value.items()}
    return value


def differs(sent: Any, now: Any) -> bool:
    """Whether a tensor argument has other contents or another shape than the array it was made of."""
    if not isinstance(sent, np.ndarray):
        return False
    try:
        array = now.detach().cpu().numpy()
    except Exception:  # it has become something that is no array
        return True
    if array.shape != sent.shape or array.dtype != sent.dtype:
        return True
    if sent.nbytes <= 1 << 16:  # small arrays are compared fastest, and by bits, as bytes
        return bool(array.tobytes() != sent.tobytes())
    return not np.array_equal(array, sent, equal_nan=sent.dtype.kind == "f")


def to_numpy(tensor: torch.Tensor) -> Any:
    """A dense CPU copy, refused before it is made when it would not fit a reply."""
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
        raise Unsendable(f"a {tensor.layout} tensor on {tensor.device}")
    if tensor.numel() * tensor.element_size() > wire.MAX_PAYLOAD:
        raise Unsendable("a tensor larger than one reply may hold")
    plain = tensor.detach().cpu()
    if plain.dtype == torch.bfloat16:
        plain = plain.float()
    return plain.resolve_conj().resolve_neg().numpy() if plain.is_complex() or plain.is_neg() else plain.numpy()


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)


def serve(stream: wire.Stream, box: Box) -> None:
    """Answers requests until the parent hangs up."""
    reader = wire.Reader(stream)
    while True:
        try:
            header, meta, payload = reader.frame()
        except EOFError:
            return
        stream.send(box.answer(meta, payload, header.request_id))
