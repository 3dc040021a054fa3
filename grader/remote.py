"""Names and objects of a worker's, as a test sees them: what is called, fetched and filled from here stays there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from grader.errors import Verdict
from grader.outcomes import Name, forged, no_object, unchanged
from grader.records import Returned, Status
from grader.worker.wire import HandleRef

if TYPE_CHECKING:
    from grader.subject import Subject

PROBES: Final = "torchgrade_probes"
PROBE: Final = "the code under examination"  # what a probe, or an object from one, is called


class Anchor:
    """Keeps an object alive in its worker for as long as something here refers to it."""

    def __init__(self, subject: Subject, ref: HandleRef, asked: str, generation: int) -> None:
        self.subject = subject
        self.id = ref.id
        self.label = ref.label
        self.asked = asked
        self.generation = generation

    def __del__(self) -> None:
        if self.generation == self.subject._generation:
            self.subject._garbage.append(self.id)


class Vjp(NamedTuple):
    """Output of a call, and the gradients of <output, upstream>: None where none arrived."""

    output: Any
    inputs: list[Any]
    parameters: dict[str, Any]


class Remote:
    """A name in the worker: a module, function or class of the student's, or an object that stays there."""

    def __init__(
        self, subject: Subject, start: str | Anchor, path: str = "", options: Mapping[str, Any] | None = None
    ) -> None:
        self._subject = subject
        self._start = start
        self._path = path
        self._options = options or {}

    def __getattr__(self, name: str) -> Remote:
        if name.startswith("_"):
            raise AttributeError(name)
        return Remote(self._subject, self._start, f"{self._path}.{name}".lstrip("."))

    __iter__ = None  # else `__getitem__` would make it a list without end
    __contains__ = None

    def __getitem__(self, index: int) -> Remote:
        """An item of a list of the worker's: `model.layers[0]`."""
        return Remote(self._subject, self._start, f"{self._path}.{index}".lstrip("."))

    def __repr__(self) -> str:
        return f"<{self._name().shown}>"

    def _name(self) -> Name:
        if isinstance(self._start, Anchor):
            path = f".{self._path}" if self._path else ""
            return Name(f"{self._start.label}{path}", f"{self._start.asked}{path}")
        said = PROBE if self._start == PROBES else self._path or self._start
        return Name(said, said)

    def using(self, **options: Any) -> Remote:
        """The same target with options for its calls.

        seed: of Python, numpy and torch before the call · only: the one item of a returned tuple to send ·
        keep: items of a returned tuple that stay in the worker · limit_s: of the call · changes: True when
        the call may change its arguments in place.
        """
        return Remote(self._subject, self._start, self._path, {**self._options, **options})

    def _sent_options(self) -> dict[str, Any]:
        sent = {k: v for k, v in self._options.items() if k in ("seed", "only", "keep")}
        return {"seed": self._subject._seed, **sent}

    def _ask(self, verb: str, *fields: Any) -> Returned:
        request = [verb, self._subject._target(self), *fields]
        return self._subject._ask(request, self._name(), self._options.get("limit_s"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls it. The arguments are compared afterwards: a call that changed one of them in place, unless
        it may, ends the check as FAILED. So does a class (a name that begins with a capital letter) from which no
        object comes."""
        watch = not self._options.get("changes") and self._start != PROBES
        reply = self._ask("call", args, kwargs, {**self._sent_options(), "watch": watch})
        if watch:
            unchanged(self._name(), reply.changed, len(args) + len(kwargs))
        if self._path.rpartition(".")[2][:1].isupper() and not isinstance(reply.value, Remote):
            raise no_object(self._name(), reply.value)
        return reply.value

    def get(self) -> Any:
        """The value behind the name: plain data, an array, or a Remote."""
        return self._ask("get").value

    def vjp(
        self,
        args: Sequence[Any],
        upstream: np.ndarray[Any, Any],
        *,
        wrt: Sequence[int] = (),
        parameters: bool = False,
        **kwargs: Any,
    ) -> Vjp:
        """Output and gradients for the arguments numbered in `wrt` and, of a module, for all parameters.
        No gradient is computed when the output has another shape than `upstream`."""
        options = {**self._sent_options(), "wrt": list(wrt), "upstream": upstream, "parameters": parameters}
        value = self._ask("vjp", args, kwargs, options).value
        match value:
            case {"output": output, "inputs": list(inputs), "parameters": dict(found)} if len(inputs) == len(wrt):
                if all(g is None or isinstance(g, np.ndarray) for g in (*inputs, *found.values())) and named(found):
                    return Vjp(output, inputs, found)
        raise forged()

    def sweep(self, args: Sequence[Any], index: int, stack: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """One call per slice of `stack`, which stands in for argument `index`; outputs come stacked."""
        value = self._ask("sweep", args, index, stack, self._sent_options()).value
        if not isinstance(value, np.ndarray) or value.shape[:1] != stack.shape[:1]:
            raise forged()
        return value

    def parameters(self) -> dict[str, Any]:
        """The named parameters of a module, as arrays."""
        value = self._ask("parameters").value
        if type(value) is not dict or not named(value):
            raise forged()
        if not all(isinstance(parameter, np.ndarray) for parameter in value.values()):
            what = "the parameters of {} are not all tensors"
            shown, asked = self._name()
            raise Verdict(Status.FAILED, what.format(shown), hidden_text=what.format(asked))
        return value

    def fill(self, values: Mapping[str, Any]) -> None:
        """Overwrites named parameters of a module."""
        self._ask("fill", values)


def named(found: Mapping[Any, Any]) -> bool:
    """Whether the keys are names, as those of parameters are."""
    return all(type(name) is str for name in found)


class Prepared:
    """Several calls of one subject, each a Remote and its arguments, which lie in the worker before any is made. They
    are made by `run`, one after the other, by a message that carries nothing else; `values` fetches what came of them.
    The first that fails ends them all. Of their options `only` counts, and the first one's `limit_s` and `seed`, once.
    """

    def __init__(self, calls: Sequence[tuple[Remote, Sequence[Any]]]) -> None:
        first = calls[0][0]
        self._subject = first._subject
        self._name = first._name()
        self._limit_s = first._options.get("limit_s")
        self._count = len(calls)
        requests = [[self._subject._target(call), list(args), call._sent_options()] for call, args in calls]
        ready = self._ask("prepare", requests)
        if not isinstance(ready, Remote):
            raise forged()
        self._ready = ready

    def run(self) -> None:
        """Makes the calls."""
        self._ask("run", self._ready)

    def values(self) -> list[Any]:
        """Of all calls, in their order."""
        found = self._ask("values", self._ready)
        if type(found) is not list or len(found) != self._count:
            raise forged()
        return found

    def _ask(self, verb: str, field: Any) -> Any:
        return self._subject._ask([verb, field], self._name, self._limit_s).value
