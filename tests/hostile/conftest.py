"""Runs tricks in environments: one session for each, on first use, shared by all of its tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cases import Case, cases, finish, start
from matrix import RECORDS

collect_ignore = ["tricks"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        found = cases(metafunc.config.getoption("--everywhere"))
        ids = [f"{case.environment}-{case.door}-{case.trick.id}" for case in found]
        metafunc.parametrize("case", found, ids=ids)


def record(path: Path, found: dict[str, dict[str, Any]]) -> None:
    """Keeps what was seen; of a trick that is tried again, the last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_bytes()) if path.exists() else {}
    path.write_text(json.dumps({**before, **found}))


@pytest.fixture(scope="session")
def observe(request: pytest.FixtureRequest) -> Callable[[Case], dict[str, Any]]:
    """What was seen of a case; two sessions grade the tricks that were asked for in its environment."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = [found["case"] for found in parameters if isinstance(found.get("case"), Case)]
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
