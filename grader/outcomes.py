"""What became of a call, in words for the student: the one place where a reply turns into a Verdict."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

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
PLACE: Final = re.compile(r"([\w./]{1,80}\.py), line (\d{1,6})")  # of a line in a traceback
LOG_LINES: Final = 20
MAX_TEXT, MAX_FRAMES = 2000, 12  # the worker keeps to them, a forged reply might not


class Name(NamedTuple):
    """What a call or an object is called in messages."""

    shown: str  # with names of the submission's own choice
    asked: str  # with those that the suite used: all that a hidden check may say


def raised_verdict(reply: Raised, name: Name, has_line: Callable[[str, int], bool], log: str = "") -> Verdict:
    """The student's code raised. `name` is the call's; `has_line` tells whether a submitted file has such a line;
    `log` is the worker's output, for staff.

    The worker's words may hold a hidden check's inputs, so students read none of them there: `hidden_text` has
    but places in their files, and the name of an exception of Python's.
    """
    text, frames = reply.text[:MAX_TEXT], [frame[:300] for frame in reply.frames[-MAX_FRAMES:]]
    found = [place for frame in frames[-4:] if (place := PLACE.match(frame))]
    where = "".join(f"\n  {frame}" for frame in frames[-4:])
    places = "".join(f"\n  {place[0]}" for place in found if has_line(place[1], int(place[2])))
    error = f"{reply.type[:80]}: {text}" if text else reply.type[:80]
    staff = "\n".join([error, *frames, *log.splitlines()[-LOG_LINES:]])

    def verdict(status: Status, said: str, hidden: str) -> Verdict:
        return Verdict(status, f"{name.shown}{said}", hidden_text=f"{name.asked}{hidden}", staff=staff)

    if reply.missing:
        needs = f"{name.asked} is missing, or something that it needs"
        return Verdict(Status.NOT_IMPLEMENTED, text, hidden_text=needs, staff=staff)
    # A stub raises it bare or with its own name; torch, with a sentence, for what a kernel cannot do.
    if reply.type == "NotImplementedError" and re.fullmatch(r"[\w.]{0,80}", reply.text):
        missing = " is not implemented yet"
        told = f"{name.asked}{missing}"
        return Verdict(Status.NOT_IMPLEMENTED, f"{text or name.shown}{missing}", hidden_text=told, staff=staff)
    if reply.memory:
        return verdict(Status.OUT_OF_MEMORY, f" ran out of memory{where}", f" ran out of memory{places}")
    if reply.gpu:
        needs = " needs a GPU, which the grader does not have"
        hidden = f"{name.asked}{needs}{places}"
        return NeedsGpu(Status.RAISED, f"{name.shown}{needs}: {error}{where}", hidden_text=hidden, staff=staff)
    if reply.unsendable:
        cannot = "which cannot be graded"
        return verdict(Status.FAILED, f" returned {text}, {cannot}", f" returned something {cannot}")
    if reply.signature:
        wrong = " cannot be called as the task says"
        return verdict(Status.RAISED, f"{wrong}: {text}", wrong)
    hint = f"\n  ({HINTS[reply.type]})" if reply.type in HINTS else ""
    known = reply.type if reply.type in EXCEPTIONS else "an exception"
    return verdict(Status.RAISED, f" raised {error}{where}{hint}", f" raised {known}{places}{hint}")


def died_verdict(reply: Died, name: Name) -> Verdict:
    hidden = f"{name.asked}: {reply.text}"
    return Verdict(reply.status, f"{name.shown}: {reply.text}", hidden_text=hidden, staff=reply.log)


def forged() -> Verdict:
    """A reply of the right frame but the wrong form: only tampering in the worker makes one."""
    return Verdict(Status.REFUSED, "the worker was made to answer in another form than it was asked for")


def oversized(name: Name, why: str) -> Verdict:
    """What the code returned earlier goes back to it, and is too large for that."""
    said = f" would have to be given {why}, which the code returned before"
    return Verdict(Status.REFUSED, f"{name.shown}{said}", hidden_text=f"{name.asked}{said}")


def no_object(name: Name, value: object) -> Verdict:
    """A class of the hand-out that is a function, or whose `__new__` gives something else."""
    given = "a tensor" if isinstance(value, np.ndarray) else "None" if value is None else f"a {type(value).__name__}"
    said = f"(...) gives {given}; the task asks for a class, and for an object of it"
    return Verdict(Status.FAILED, f"{name.shown}{said}", hidden_text=f"{name.asked}{said}")


def unchanged(name: Name, changed: Sequence[int], count: int) -> None:
    """Raises a Verdict when a call changed some of its `count` arguments in place."""
    if not set(changed) <= set(range(count)) or len(set(changed)) < len(changed):
        raise forged()
    if changed:
        which = ", ".join(str(position + 1) for position in changed)
        said = (
            f" changes its argument number {which} in place; the caller still needs it as it was, so work on a copy"
        )
        raise Verdict(Status.FAILED, f"{name.shown}{said}", hidden_text=f"{name.asked}{said}")
