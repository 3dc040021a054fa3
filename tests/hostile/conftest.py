"""Runs tricks in environments: one session for each, on first use, shared by all of its tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from environments import ENVIRONMENTS, missing
from matrix import RECORDS
from tricks import FAMILIES, Trick, load

from grader.paths import ROOT

HERE = Path(__file__).parent
TRICKS = load()
SAMPLE = [trick for family in FAMILIES for trick in TRICKS if trick.id.startswith(family)][:: max(1, len(TRICKS) // 6)]
LIMIT_S = 2400

collect_ignore = ["tricks"]


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        found = cases(metafunc.config.getoption("--everywhere"))
        ids = [f"{case.environment}-{case.door}-{case.trick.id}" for case in found]
        metafunc.parametrize("case", found, ids=ids)


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


def record(path: Path, found: dict[str, dict[str, Any]]) -> None:
    """Keeps what was seen; of a trick that is tried again, the last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_bytes()) if path.exists() else {}
    path.write_text(json.dumps({**before, **found}))


@pytest.fixture(scope="session")
def observe(request: pytest.FixtureRequest) -> Callable[[Case], dict[str, Any]]:
    """What was seen of a case; two sessions grade the tricks that were asked for in its environment."""
    items = [item for item in request.session.items if "case" in getattr(item, "fixturenames", ())]
    wanted = [item.callspec.params["case"] for item in items]
    seen: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}

    def run(environment: str, door: str) -> dict[str, dict[str, Any]]:
        names = [case.trick.id for case in wanted if (case.environment, case.door) == (environment, door)]
        sessions = [start(environment, door, half) for half in (names[::2], names[1::2]) if half]
        lines = [line for session in sessions for line in finish(*session)]
        found = {line["trick"]: line for line in lines if "trick" in line}
        record(RECORDS / f"{environment}-{door}.json", found)
        words = " ".join(line.get("ended", line.get("refused", "")) for line in lines if "trick" not in line)
        return {name: found.get(name, {"lost": words or "the session says nothing of it"}) for name in names}

    def observed(case: Case) -> dict[str, Any]:
        key = case.environment, case.door
        if key not in seen:
            seen[key] = run(*key)
        return seen[key][case.trick.id]

    return observed


@pytest.fixture(scope="session")
def refusal() -> Callable[[str], list[dict[str, Any]]]:
    """What a session in an environment says in which nothing may be graded."""
    return lambda environment: finish(*start(environment, "command", []))
