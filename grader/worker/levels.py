"""How much isolation is enough: levels, judged by what a worker reports of its layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from grader.worker.sandbox import LAYERS, hides_answers, reachable_by_others

_NEEDED: Final = {
    "none": (),
    "answers": (),
    "standard": ("rlimits", "no_new_privs", "pdeathsig", "seccomp"),
    "full": LAYERS,
}
LEVELS: Final = tuple(_NEEDED)
STANDARD: Final = "standard"
_ACCEPT_LESS: Final = "or accept less with --require-isolation"


def shortfall(level: str, layers: Mapping[str, str], answers: Sequence[Path]) -> str:
    """Why a worker falls short of `level` (one of LEVELS), with how to mend it; empty when it does not.

    layers: layer -> "" where it holds, else the reason. answers: what the worker must not be able to read.
    """
    if level == "none":
        return ""
    if not hides_answers(layers):
        return (
            "on this machine nothing keeps graded code from reading the answers (no Landlock, no other user to "
            f"switch to); run as root or on a kernel with Landlock, {_ACCEPT_LESS}"
        )
    open_ = [path.name for path in answers if reachable_by_others(str(path))] if layers.get("landlock") else []
    if open_:
        return (
            f"without Landlock every user can read {', '.join(open_)}; take the rights of others away (chmod o-rwx "
            f"on the repository), {_ACCEPT_LESS}"
        )
    missing = [layer for layer in _NEEDED[level] if layers.get(layer, "it was not reported")]
    if missing:
        reasons = ", ".join(f"{layer} ({layers.get(layer, 'it was not reported')})" for layer in missing)
        return f"the isolation {level!r} is not to be had on this machine: {reasons}; mend that, {_ACCEPT_LESS}"
    return ""


def highest(layers: Mapping[str, str], answers: Sequence[Path]) -> str:
    """The highest level that a worker with these layers reaches."""
    return next(level for level in reversed(LEVELS) if not shortfall(level, layers, answers))
