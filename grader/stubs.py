"""student/ out of reference/: the solution regions are taken out, everything else is copied."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from grader.errors import GraderError
from grader.intake.archive import ignored
from grader.manifest import load_manifest
from grader.notebook_files import stripped
from grader.paths import Assignment
from grader.solutions import strip_solutions

OPEN: Final = b"raise NotImplementedError"

INI: Final = """\
# Plain `pytest` in this folder grades it; `pytest -k rnn` grades what has rnn in its name.
[pytest]
assignment = {id}
testpaths = ../../tests/{id}
addopts = --import-mode=importlib -p no:cacheprovider --tb=no -rN
"""


def student_files(assignment: Assignment) -> dict[str, bytes]:
    """Everything that belongs into student/<id>: relative path -> content."""
    manifest = load_manifest(assignment.manifest)
    files: dict[str, bytes] = {"pytest.ini": INI.format(id=assignment.id).encode()}
    for name in manifest.given:
        path = assignment.reference / name
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and not any(map(ignored, file.relative_to(assignment.reference).parts)):
                files[file.relative_to(assignment.reference).as_posix()] = file.read_bytes()
    for name in manifest.submitted:
        if name in manifest.notebook_files:
            continue
        source = (assignment.reference / name).read_text(encoding="utf-8")
        files[name] = strip_solutions(source, name).encode()
    for name in manifest.notebook_files:
        files[name] = stripped((assignment.reference / name).read_text(encoding="utf-8"), name).encode()
    return files


def _present(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not any(map(ignored, file.relative_to(folder).parts))
    }


def differences(assignment: Assignment) -> list[str]:
    """One line for each file of student/<id> that is not what the reference gives."""
    wanted, found = student_files(assignment), _present(assignment.student)
    place = f"student/{assignment.id}"
    return (
        [f"{place}/{name} is missing" for name in sorted(wanted.keys() - found.keys())]
        + [f"{place}/{name} does not belong there" for name in sorted(found.keys() - wanted.keys())]
        + [f"{place}/{name} has drifted" for name in sorted(wanted) if name in found and found[name] != wanted[name]]
    )


def solved(assignment: Assignment) -> list[str]:
    """Submitted files in student/<id> that have fewer open tasks than their stub: somebody worked there."""
    names = load_manifest(assignment.manifest).submitted
    stubs, found = student_files(assignment), _present(assignment.student)
    return [name for name in names if name in found and found[name].count(OPEN) < stubs[name].count(OPEN)]


def write_stubs(assignment: Assignment, *, force: bool = False) -> list[str]:
    """Makes student/<id> anew; one line for each file that changed. Raises GraderError rather than remove
    somebody's work."""
    if not force and (names := solved(assignment)):
        raise GraderError(
            f"somebody has solved tasks in {', '.join(names)} of student/{assignment.id}; save that work elsewhere, "
            "then pass --force"
        )
    changed = differences(assignment)
    files = student_files(assignment)  # before anything is removed: this may find a fault
    shutil.rmtree(assignment.student, ignore_errors=True)
    for name, content in files.items():
        path = assignment.student / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [*changed, f"student/{assignment.id}: {len(files)} files written"]
