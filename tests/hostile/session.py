"""Grades tricks one after another, in whatever environment it is started; one line of JSON for each.

    python session.py BASE DOOR TRICK…

BASE is an empty folder. DOOR is `desk` (one desk and one zygote for all, as in a batch, and an honest
submission after every trick) or `command` (`grade.py run` for each). The machine after each trick is compared with what
it was before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
from attacker import known
from machine import Listeners, adopt_orphans, descendants, differences, snapshot
from tricks import Trick, hand_in, load
from vault import HONEST, write_vault

MARK = f"trick-{os.getpid()}"
LIMIT_S = 120.0  # for one command; far above all of its own limits
Outcome = dict[str, Any]
Door = Callable[[Path, Path], Outcome]


def prepare(base: Path) -> None:
    """The folders of a session below `base`: repository, temporary files, submissions, reports."""
    base.chmod(0o711)  # the owner's; a worker that knows its staged folder gets there, and nobody can look around
    write_vault(base / "repository")
    for name in ("tmp", "submissions", "reports"):
        (base / name).mkdir()
    (base / "tmp").chmod(0o711)
    other = base / "submissions/other"
    other.mkdir()
    (other / "attack.py").write_text((base / "repository/reference/vault/attack.py").read_text())
    (other / "honest.py").write_text(HONEST)
    for private in (base / "submissions", base / "reports"):
        private.chmod(0o700)


def by_command(root: Path) -> Door:
    """The real command line, a process of its own for each submission."""

    def grade(source: Path, out: Path) -> Outcome:
        command = [sys.executable, str(root / "grade.py"), "run", "vault", str(source), "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, stdin=subprocess.DEVNULL)
        return {"exit": done.returncode, "told": done.stderr}

    return grade


def by_desk(root: Path) -> Iterator[Door]:
    """One desk for all, behind the same door that the command line uses."""
    from grader.errors import GraderError
    from grader.grading import Desk
    from grader.paths import Assignment
    from grader.worker.launch import default_launcher

    launcher = default_launcher()
    with Desk(Assignment("vault", root=root), launcher) as desk:

        def grade(source: Path, out: Path) -> Outcome:
            try:
                card = desk.grade(source, out=out)
            except GraderError as error:
                return {"exit": 2, "told": f"grade: {error}"}
            return {"exit": 0 if card.complete else 3, "told": ""}

        yield grade
    launcher.close()


def reports(root: Path, out: Path) -> Outcome:
    """What the reports in `out` say, and what is wrong with their form."""
    faults, found = [], {}
    for name in ("results", "scorecard"):
        path = out / f"{name}.json"
        if not path.exists():
            found[name] = None
            continue
        found[name] = json.loads(path.read_bytes())
        schema = json.loads((root / f"grader/report/schemas/{name}.schema.json").read_bytes())
        faults += [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(found[name])]
    return {"faults": faults, **found}


def main(base: Path, door: str, names: list[str]) -> None:
    adopt_orphans()
    prepare(base)
    root, tmp = base / "repository", base / "tmp"
    listeners = Listeners(tmp, MARK)
    other = base / "submissions/other"
    doors = by_desk(root) if door == "desk" else iter([by_command(root)])
    grade = next(doors)
    honest = grade(other, base / "reports/other")
    if honest["exit"] == 2:
        print(json.dumps({"refused": honest["told"]}), flush=True)
        return
    lasting = descendants(os.getpid())
    tricks = {trick.id: trick for trick in load()}
    trees = [root, tmp, other]

    def one(trick: Trick) -> Outcome:
        place = base / "submissions" / trick.id.replace("/", "-")
        out = base / "reports" / place.name
        place.mkdir()
        text = known(root, mark=MARK, reports=out, other=other, scratch=tmp, addresses=listeners.addresses)
        source = hand_in(trick, text, place)
        before = snapshot(trees, MARK, lasting)
        began = time.monotonic()
        outcome = grade(source, out)
        wall_s = time.monotonic() - began
        residue = differences(before, snapshot(trees, MARK, lasting))
        next_one = {}
        if door == "desk":
            next_one = {**grade(other, base / "reports/other"), **reports(root, base / "reports/other")}
        return {
            **outcome, **reports(root, out), "wall_s": wall_s, "residue": residue, "heard": listeners.heard(),
            "next": next_one,
        }  # fmt: skip

    for name in names:
        sys.stdout.buffer.write(msgspec.json.encode({"trick": name, **one(tricks[name])}) + b"\n")
        sys.stdout.buffer.flush()
    next(doors, None)
    listeners.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
