"""student/ out of reference/: the solution regions are taken out, everything else is copied.

A region lies between two comment lines of one indentation,

    # BEGIN SOLUTION  what the student has to do here
    # END SOLUTION

and becomes `# TODO: what the student has to do here` and a `raise NotImplementedError("<function>")`.
"""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from grader.errors import GraderError, ManifestError
from grader.intake.archive import ignored
from grader.manifest import load_manifest
from grader.paths import Assignment

BEGIN: Final = re.compile(r"^(\s*)# BEGIN SOLUTION\s+(\S.*)$")
END: Final = re.compile(r"^(\s*)# END SOLUTION\s*$")
# A marker that is misspelt would hand the solution to students.
ALMOST: Final = re.compile(r"^\s*#\s*(begin|end)[\s_-]*solution", re.IGNORECASE)

OPEN: Final = b"raise NotImplementedError"

INI: Final = """\
# Plain `pytest` in this folder grades it; `pytest -k rnn` grades what has rnn in its name.
[pytest]
assignment = {id}
testpaths = ../../tests/{id}
addopts = --import-mode=importlib -p no:cacheprovider --tb=no -rN
"""


def strip_solutions(source: str, name: str, keep: Collection[str] = ()) -> str:
    """A module's text without its solution regions, but for those in the functions named in `keep`.

    Raises ManifestError for regions that do not pair up.
    """
    scopes = list(_scopes(ast.parse(source), ""))
    lines: list[str] = []
    indent: str | None = None  # of the region that we are in
    kept = False
    for number, line in enumerate(source.splitlines(), 1):
        begin, end = BEGIN.match(line), END.match(line)
        if begin:
            if indent is not None:
                raise ManifestError(f"{name}, line {number}: a solution region begins inside another")
            indent, task = begin.groups()
            function = [name, *(scope for first, last, scope in scopes if first <= number <= last)][-1]
            kept = function in keep
            if not kept:
                lines += [f"{indent}# TODO: {task}", f'{indent}raise NotImplementedError("{function}")']
        elif end:
            if end.group(1) != indent:
                raise ManifestError(f"{name}, line {number}: this end of a solution region belongs to no beginning")
            indent = None
        elif ALMOST.match(line):
            raise ManifestError(
                f"{name}, line {number}: expected '# BEGIN SOLUTION  what is to be done' or '# END SOLUTION'"
            )
        elif indent is None or kept:
            lines.append(line)
    if indent is not None:
        raise ManifestError(f"{name}: a solution region has no end")
    return "\n".join(lines) + "\n"


def _scopes(tree: ast.AST, prefix: str) -> Iterator[tuple[int, int, str]]:
    """(first line, last line, qualified name) of every function and class, outer before inner."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            qualified = f"{prefix}{node.name}"
            yield node.lineno, node.end_lineno or node.lineno, qualified
            yield from _scopes(node, f"{qualified}.")


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
        source = (assignment.reference / name).read_text(encoding="utf-8")
        files[name] = strip_solutions(source, name).encode()
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
