"""Which tricks are tried where, and how: a session is a process that grades one trick after another."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from environments import ENVIRONMENTS, missing
from tricks import FAMILIES, Trick, load

from grader.paths import ROOT

HERE = Path(__file__).parent
TRICKS = load()
SAMPLE = [trick for family in FAMILIES for trick in TRICKS if trick.id.startswith(family)][:: max(1, len(TRICKS) // 6)]
LIMIT_S = 2400


class Case(NamedTuple):
    environment: str
    door: str
    trick: Trick


def cases(everywhere: bool) -> list[Case]:
    """This machine as it is, and the command line on a sample; everywhere: all of both, in every environment that
    grades and can be made."""
    found = [Case("here", "desk", trick) for trick in TRICKS]
    found += [Case("here", "command", trick) for trick in (TRICKS if everywhere else SAMPLE)]
    if everywhere:
        names = [name for name, made in ENVIRONMENTS.items() if made.emulated and made.grades and not missing(made)]
        found += [Case(name, "desk", trick) for name in names for trick in TRICKS]
    return found


def start(environment: str, door: str, names: list[str]) -> tuple[subprocess.Popen[bytes], Path]:
    """A session in an environment; the folder below which it does everything."""
    base = Path(tempfile.mkdtemp(prefix="hostile-", dir="/tmp"))
    made = ENVIRONMENTS[environment]
    if made.uid:
        os.chown(base, made.uid, made.uid)
    session = [sys.executable, str(HERE / "session.py"), str(base), door, *names]
    command = [sys.executable, str(HERE / "environments.py"), environment, *session]
    paths = os.pathsep.join(map(str, (ROOT, HERE)))
    variables = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(base / "tmp")}
    with (base / "lines").open("wb") as lines, (base / "errors").open("wb") as errors:
        process = subprocess.Popen(
            command, cwd="/", env=variables, stdout=lines, stderr=errors, stdin=subprocess.DEVNULL
        )
    return process, base


def finish(process: subprocess.Popen[bytes], base: Path) -> list[dict[str, Any]]:
    """Its lines; the last one holds the words with which it ended, where it ended badly."""
    try:
        code = process.wait(LIMIT_S)
    finally:
        process.kill()
        process.wait()
    lines = [json.loads(line) for line in (base / "lines").read_bytes().splitlines()]
    if code:
        lines.append({"ended": f"the session ended with {code}: {(base / 'errors').read_text()[-3000:]}"})
    shutil.rmtree(base)
    return lines
