"""What became of a call, in words for the student: the one place where a reply turns into a Verdict."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from grader.errors import Verdict
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

LOG_LINES: Final = 20
MAX_TEXT, MAX_FRAMES = 2000, 12  # the worker keeps to them, a forged reply might not


def raised_verdict(reply: Raised, what: str, log: str = "") -> Verdict:
    """The student's code raised. `what` names the call; `log` is the worker's output, for staff."""
    text, frames = reply.text[:MAX_TEXT], [frame[:300] for frame in reply.frames[-MAX_FRAMES:]]
    staff = "\n".join([*frames, *log.splitlines()[-LOG_LINES:]])
    where = "".join(f"\n  {frame}" for frame in frames[-4:])
    error = f"{reply.type[:80]}: {text}" if text else reply.type[:80]
    if reply.missing:
        return Verdict(Status.NOT_IMPLEMENTED, text, staff=staff)
    # A stub raises it bare or with its own name; torch, with a sentence, for what a kernel cannot do.
    if reply.type == "NotImplementedError" and re.fullmatch(r"[\w.]{0,80}", reply.text):
        return Verdict(Status.NOT_IMPLEMENTED, f"{reply.text or what} is not implemented yet", staff=staff)
    if reply.memory:
        return Verdict(Status.OUT_OF_MEMORY, f"{what} ran out of memory{where}", staff=staff)
    if reply.type == "Unsendable":
        return Verdict(Status.FAILED, f"{what} returned {text}, which cannot be graded", staff=staff)
    if reply.signature:
        return Verdict(Status.RAISED, f"{what} cannot be called as the task says: {text}", staff=staff)
    hint = f"\n  ({HINTS[reply.type]})" if reply.type in HINTS else ""
    return Verdict(
        Status.RAISED,
        f"{what} raised {error}{where}{hint}",
        hidden_text=f"{what} raised {reply.type[:80]}{where}{hint}",  # its text may hold a hidden check's inputs
        staff=f"{error}\n{staff}",
    )


def died_verdict(reply: Died, what: str) -> Verdict:
    return Verdict(reply.status, f"{what}: {reply.text}", staff=reply.log)


def forged() -> Verdict:
    """A reply of the right frame but the wrong form: only tampering in the worker makes one."""
    return Verdict(Status.REFUSED, "the worker was made to answer in another form than it was asked for")


def unchanged(what: str, changed: Sequence[int]) -> None:
    """Raises a Verdict when a call changed array arguments in place."""
    if changed:
        which = ", ".join(str(position + 1) for position in changed)
        raise Verdict(
            Status.FAILED,
            f"{what} changes its argument number {which} in place; the caller still needs it as it was, so work "
            "on a copy",
        )
