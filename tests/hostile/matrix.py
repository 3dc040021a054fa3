"""Writes docs/hostile.md: which wall stopped each trick in each environment, from what the tests recorded.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import Any

from environments import ENVIRONMENTS, missing
from judge import faults, stopped_by
from tricks import FAMILIES, load

from grader.paths import ROOT
from grader.worker.sandbox import LAYERS

RECORDS = ROOT / "build/hostile"  # written by the tests
DOCUMENT = ROOT / "docs/hostile.md"
Seen = dict[str, dict[str, Any]]  # trick -> what was observed


def read() -> dict[tuple[str, str], Seen]:
    """(environment, door) -> observations."""
    found = {}
    for path in sorted(RECORDS.glob("*.json")):
        environment, _, door = path.stem.rpartition("-")
        found[environment, door] = json.loads(path.read_bytes())
    return found


def isolation(seen: Seen) -> dict[str, bool]:
    return next(line["scorecard"]["isolation"] for line in seen.values() if line["scorecard"])


def row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def table(*head: str) -> list[str]:
    return [row(*head), row(*["---"] * len(head))]


def summary(records: dict[tuple[str, str], Seen], tricks: dict[str, Any]) -> list[str]:
    """What all gradings together came to."""
    lines = [(tricks[name], line) for seen in records.values() for name, line in seen.items()]
    wrong = [(trick.id, fault) for trick, line in lines for fault in faults(trick, line)]
    won = sum("points and deserves" in fault for _, fault in wrong)
    left = sum("left behind" in fault for _, fault in wrong)
    kernel = platform.release().partition("-")[0]
    return [
        f"{len(tricks)} tricks, {len(lines)} gradings of them on Linux {kernel}, {platform.machine()}: "
        f"{won} points won, {left} things left behind, {len(wrong) - won - left} other faults.",
        *(f"- {name}: {fault}" for name, fault in wrong),
    ]


def document() -> list[str]:
    records = read()
    tricks = {trick.id: trick for trick in load()}
    desks = {name: records[name, "desk"] for name in ENVIRONMENTS if (name, "desk") in records}
    lines = [
        "# Tricks and walls",
        "",
        "Made by `make hostile`; do not edit. A trick is a submission that tries to win points, to break the grading "
        "or to leave something behind (`tests/hostile/tricks/`). Each is graded in every environment that could be "
        "made; afterwards reports are validated, an honest submission is graded, and processes, files, modes, mounts, "
        "System V objects and the grader's own limits are compared with what they were.",
        "",
        *summary(records, tricks),
        "",
        "## Environments",
        "",
        *table("name", "what it is", "layers not in force"),
    ]
    for name, made in ENVIRONMENTS.items():
        if name in desks:
            off = [layer for layer in LAYERS if not isolation(desks[name])[layer]]
            lines.append(row(name, made.title, ", ".join(off) or "none"))
        else:
            why = missing(made)
            lines.append(row(name, made.title, f"not made here: {why}" if why else "grading refuses"))
    lines += ["", "The walls that are no layers of the sandbox: *process* (what a trick looks for or patches is in "
              "another process), *frames* (numbered requests, bounded replies), *values* (replies become plain arrays, "
              "which the parent compares), *clock* (the parent's), *intake*, *log* (bounded). Where there is no "
              "Landlock, *seccomp* also refuses to make, change or remove files."]  # fmt: skip
    for family in FAMILIES:
        lines += ["", f"## {family.capitalize()}", "", *table("trick", "ends as", *desks)]
        for trick in tricks.values():
            if not trick.id.startswith(f"{family}/"):
                continue
            cells = []
            for seen in desks.values():
                line = seen.get(trick.id)
                card = line and (line["scorecard"] or {"isolation": {}})
                cells.append(", ".join(stopped_by(trick, card["isolation"])) if card else "not tried")
            name = Path(trick.id).name.replace("_", " ")
            lines.append(row(f"**{name}**: {trick.title}", trick.status.replace("_", " "), *cells))
    return lines


if __name__ == "__main__":
    DOCUMENT.write_text("\n".join(document()) + "\n", encoding="utf-8")
