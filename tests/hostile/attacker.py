"""What a well-informed attacker knows: written as `known.py` into every trick's submission."""

from __future__ import annotations

import os
from pathlib import Path

KNOWN = '''\
import contextlib
import os
import sys

MARK = {mark!r}          # in the name of whatever a trick makes
ROOT = {root!r}          # the repository
ANSWERS = {answers!r}
REPORTS = {reports!r}    # the folder of the reports
OTHER = {other!r}        # another student's submission, as handed in
SCRATCH = {scratch!r}    # the folder of temporary files
GRADER = {grader!r}      # the process that decides
TCP, UDP, SOCKET, ABSTRACT = {tcp!r}, {udp!r}, {socket!r}, {abstract!r}  # addresses on which somebody listens


def honest(x):
    return 2 * x


@contextlib.contextmanager
def forbidden(*errors):
    """What happens inside must be refused with an OSError (or one of `errors`); else the process ends with 99."""
    try:
        yield
    except (OSError, *errors):
        return
    os._exit(99)


def breach():
    """Something was reached that should not be within reach."""
    os._exit(99)


wire = sys.modules["grader.worker.wire"]


def number():
    """Of the request that is being answered."""
    frame = sys._getframe()
    while "request_id" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["request_id"]


def frame(kind, request_id, body):
    """The bytes of a reply, or of whatever `kind` says."""
    packer = wire.Packer()
    return b"".join(packer.frame(kind, request_id, packer.pack(body)))
'''


def known(root: Path, *, mark: str, reports: Path, other: Path, scratch: Path, addresses: dict[str, object]) -> str:
    """The text of known.py."""
    answers = sorted(str(path) for name in ("reference", "tests", "fixtures", ".git")
                     for path in (root / name).rglob("*") if path.is_file())  # fmt: skip
    return KNOWN.format(
        mark=mark, root=str(root), answers=answers, reports=str(reports), other=str(other), scratch=str(scratch),
        grader=os.getpid(), **addresses,
    )  # fmt: skip
