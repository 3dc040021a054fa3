"""Stored tensors, and the outputs of our notebooks: made anew from the reference, or compared with it.

`tests/<id>/recipes.py` holds one function per file: `def seeded_upstreams(reference) -> dict[str, array]`.
Published values are never written; the reference is held against them by grading it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from grader.errors import FixtureError, GraderError
from grader.grading import Desk, versions
from grader.intake.notebook import read_notebook
from grader.notebook_files import filled
from grader.notebooks import run_again
from grader.paths import Assignment
from grader.records import Record, Status
from grader.report.files import write_atomically
from grader.subject import Subject
from grader.worker.launch import Launcher

Arrays = dict[str, np.ndarray[Any, Any]]
TOLERANCE = 1e-5  # between processors: relative to the largest entry of an array


class Provenance(Record, frozen=True):
    """Where a generated file comes from."""

    file: str
    sha256: str
    recipe: str  # sha256 of the recipes' source
    seed: int
    command: str
    versions: dict[str, str]


def load_recipes(path: Path) -> dict[str, Callable[[Subject], Arrays]]:
    """The public functions of a recipes file, by name."""
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location("recipes", path)
    if spec is None or spec.loader is None:
        raise FixtureError(f"{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", "") == "recipes"
    }


def encode(arrays: Arrays) -> bytes:
    """An npz file without pickle; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{name: arrays[name] for name in sorted(arrays)})
    return buffer.getvalue()


def drift(stored: Arrays, made: Arrays) -> str:
    """How two sets of arrays differ, in words; empty when they do not."""
    if stored.keys() != made.keys():
        return f"holds {', '.join(sorted(stored))}, the reference gives {', '.join(sorted(made))}"
    for name, old in stored.items():
        new = made[name]
        if old.shape != new.shape or old.dtype != new.dtype:
            return f"{name} is {old.dtype} {old.shape}, the reference gives {new.dtype} {new.shape}"
        scale = max(1e-30, float(np.abs(old).max(initial=0)))
        gap = float(np.abs(old.astype(np.float64) - new.astype(np.float64)).max(initial=0))
        if not gap <= TOLERANCE * scale:
            return f"{name} differs from what the reference gives by {gap:.2g}"
    return ""


def regenerate(assignment: Assignment, launcher: Launcher, *, check: bool) -> tuple[list[str], bool]:
    """Runs every recipe; writes the files, or with `check` only compares. Then grades the reference, whose
    published values must all come out. Returns lines for people, and whether all is well.

    Raises FixtureError for a recipe that cannot be run, GraderError when the reference fails in one.
    """
    lines: list[str] = []
    good = True
    recipe_hash = _sha256(assignment.recipes.read_bytes()) if assignment.recipes.exists() else ""
    with Desk(assignment, launcher, required="none") as desk:
        for name, recipe in load_recipes(assignment.recipes).items():
            made = {key: np.asarray(value) for key, value in recipe(desk.reference).items()}
            file = f"{name}.npz"
            problem = _problem(assignment, desk, file, name, made)
            if check:
                good = good and not problem
                lines.append(f"{file}: {problem or 'in step with the reference'}")
                continue
            data = encode(made)
            origin = Provenance(
                file=file,
                sha256=_sha256(data),
                recipe=recipe_hash,
                seed=desk.manifest.seed,
                command=f"grade.py fixtures {assignment.id}",
                versions=versions(launcher),
            )
            if problem:  # equal values keep their bytes and their provenance
                assignment.generated.mkdir(parents=True, exist_ok=True)
                write_atomically(assignment.generated / file, data)
                text = msgspec.json.format(msgspec.json.encode(origin), indent=2) + b"\n"
                write_atomically(assignment.generated / f"{name}.provenance.json", text)
            lines.append(f"{file}: {'written' if problem else 'unchanged'}")
    with Desk(assignment, launcher, required="none") as desk:  # with what has just been stored
        card = desk.grade(assignment.reference)
        judged = [result for result in card.checks if result.device]  # not those that need a GPU
        failed = [result for result in judged if result.status not in (Status.PASSED, Status.AWAITING)]
        lines += [f"the reference does not pass {result.id}: {result.message} {result.staff}" for result in failed]
        lines.append(f"reference: {card.score:g} / {card.max_score:g} against the published values")
    return lines, good and not failed


def regenerate_notebooks(assignment: Assignment, launcher: Launcher) -> Iterator[str]:
    """Runs the reference's notebooks in the fast setting and saves them with their outputs, one after another.

    Yields a line for people after each. Raises GraderError for one with a cell that fails: it stays as it was.
    """
    with Desk(assignment, launcher, required="none") as desk:
        for file in desk.manifest.notebook_files:
            path = assignment.reference / file
            run = run_again(desk.reference, read_notebook(path.read_bytes()), desk.manifest.notebooks, pictures=True)
            if bad := [cell for cell in run.cells.values() if cell.ended not in ("ran", "left out")]:
                raise GraderError(f"{file}, cell {bad[0].number} {bad[0].ended}: {bad[0].why}")
            write_atomically(path, filled(path.read_text(encoding="utf-8"), file, run).encode())
            yield f"{file}: {len(run.cells)} cells, {sum(cell.seconds for cell in run.cells.values()):.0f} s"


def _problem(assignment: Assignment, desk: Desk, file: str, name: str, made: Arrays) -> str:
    path = assignment.generated / file
    if not path.exists():
        return "is missing"
    try:
        origin = msgspec.json.decode((assignment.generated / f"{name}.provenance.json").read_bytes(), type=Provenance)
    except (OSError, msgspec.MsgspecError):
        return "has no readable provenance"
    if origin.sha256 != _sha256(path.read_bytes()):
        return "is not the file that its provenance describes"
    return drift(desk.stored.generated(name), made)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
