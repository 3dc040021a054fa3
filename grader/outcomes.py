"""What became of a call, in words for the student: the one place where a reply turns into a Verdict."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from grader.errors import NeedsGpu, Verdict
from grader.records import Died, Raised, Status

HINTS: Final = {
    "EOFError": "the code waits for keyboard input, and there is no keyboard while grading",
    "SystemExit": "the code asks the interpreter to exit",
    "KeyboardInterrupt": "the code raises KeyboardInterrupt itself",
    "ModuleNotFoundError": "only Python, torch, torchvision, numpy, matplotlib and the given files can be imported",
    "PermissionError": "starting processes, opening connections and reading or writing files elsewhere are "
    "not possible while grading",
    "BlockingIOError": "starting processes or threads without bound is not possible while grading",
    "RecursionError": "a function calls itself without end",
}

EXCEPTIONS: Final = frozenset(name for name, kind in vars(builtins).items() if isinstance(kind, type))
PLACE: Final = re.compile(r"[\w./]{1,80}\.py, line \d{1,6}")  # of a line in a traceback
LOG_LINES: Final = 20
MAX_TEXT, MAX_FRAMES = 2000, 12  # the worker keeps to them, a forged reply might not


def raised_verdict(reply: Raised, what: str, log: str = "") -> Verdict:
    """The student's code raised. `what` names the call; `log` is the worker's output, for staff.

    The worker's words may hold a hidden check's inputs, so students read none of them there: `hidden_text` has
    but places in their files, and the name of an exception of Python's.
    """
    text, frames = reply.text[:MAX_TEXT], [frame[:300] for frame in reply.frames[-MAX_FRAMES:]]
    where = "".join(f"\n  {frame}" for frame in frames[-4:])
    places = "".join(f"\n  {place[0]}" for frame in frames[-4:] if (place := PLACE.match(frame)))
    error = f"{reply.type[:80]}: {text}" if text else reply.type[:80]
    staff = "\n".join([error, *frames, *log.splitlines()[-LOG_LINES:]])

    def verdict(status: Status, said: str, hidden: str) -> Verdict:
        return Verdict(status, said, hidden_text=hidden, staff=staff)

    if reply.missing:
        return verdict(Status.NOT_IMPLEMENTED, text, f"{what} is missing, or something that it needs")
    # A stub raises it bare or with its own name; torch, with a sentence, for what a kernel cannot do.
    if reply.type == "NotImplementedError" and re.fullmatch(r"[\w.]{0,80}", reply.text):
        missing = "is not implemented yet"
        return verdict(Status.NOT_IMPLEMENTED, f"{reply.text or what} {missing}", f"{what} {missing}")
    if reply.memory:
        ran_out = f"{what} ran out of memory"
        return verdict(Status.OUT_OF_MEMORY, f"{ran_out}{where}", f"{ran_out}{places}")
    if reply.gpu:
        needs = f"{what} needs a GPU, which the grader does not have"
        return NeedsGpu(
            Status.RAISED, f"{needs}: {error}{where}", hidden_text=f"{needs}{places}", staff=staff
        )
    if reply.unsendable:
        cannot = "which cannot be graded"
        return verdict(Status.FAILED, f"{what} returned {text}, {cannot}", f"{what} returned something {cannot}")
    if reply.signature:
        wrong = f"{what} cannot be called as the task says"
        return verdict(Status.RAISED, f"{wrong}: {text}", wrong)
    hint = f"\n  ({HINTS[reply.type]})" if reply.type in HINTS else ""
    known = reply.type if reply.type in EXCEPTIONS else "an exception"
    return verdict(Status.RAISED, f"{what} raised {error}{where}{hint}", f"{what} raised {known}{places}{hint}")


def died_verdict(reply: Died, what: str) -> Verdict:
    return Verdict(reply.status, f"{what}: {reply.text}", staff=reply.log)


def forged() -> Verdict:
    """A reply of the right frame but the wrong form: only tampering in the worker makes one."""
    return Verdict(Status.REFUSED, "the worker was made to answer in another form than it was asked for")


def no_object(what: str, value: object) -> Verdict:
    """A class of the hand-out that is a function, or whose `__new__` gives something else."""
    given = "a tensor" if isinstance(value, np.ndarray) else "None" if value is None else f"a {type(value).__name__}"
    return Verdict(Status.FAILED, f"{what}(...) gives {given}; the task asks for a class, and for an object of it")


def unchanged(what: str, changed: Sequence[int], count: int) -> None:
    """Raises a Verdict when a call changed some of its `count` arguments in place."""
    if not set(changed) <= set(range(count)) or len(set(changed)) < len(changed):
        raise forged()
    if changed:
        which = ", ".join(str(position + 1) for position in changed)
        raise Verdict(
            Status.FAILED,
            f"{what} changes its argument number {which} in place; the caller still needs it as it was, so work "
            "on a copy",
        )
