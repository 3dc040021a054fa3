"""student/ is reference/ without the solutions: the regions, and that nobody gets an answer by accident."""

from __future__ import annotations

import ast
import importlib
import inspect
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from grader.errors import ManifestError
from grader.manifest import load_manifest
from grader.paths import Assignment, assignments, find_assignment
from grader.solutions import BEGIN, strip_solutions
from grader.stubs import differences, student_files, write_stubs
from grader.worker.standins import offer, sources_below

A2 = find_assignment("a2")
SUBMITTED = load_manifest(A2.manifest).submitted

SOURCE = '''\
import torch

# BEGIN SOLUTION  a helper of your own, if you like
def helper(x):
    return x
# END SOLUTION


class Cell(torch.nn.Module):
    """Kept."""

    def __init__(self):
        super().__init__()
        # BEGIN SOLUTION  make the weights
        self.W = 1
        # END SOLUTION

    def forward(self, x):
        y = x + 1

        def inner(z):
            # BEGIN SOLUTION  square
            return z * z
            # END SOLUTION

        return inner(y)  # kept
'''

STUB = '''\
import torch

# TODO: a helper of your own, if you like
raise NotImplementedError("cell.py")


class Cell(torch.nn.Module):
    """Kept."""

    def __init__(self):
        super().__init__()
        # TODO: make the weights
        raise NotImplementedError("Cell.__init__")

    def forward(self, x):
        y = x + 1

        def inner(z):
            # TODO: square
            raise NotImplementedError("Cell.forward.inner")

        return inner(y)  # kept
'''


# --- regions -----------------------------------------------------------------------------------------


def test_regions_become_tasks() -> None:
    """Each region is a TODO and a NotImplementedError that names its function; all else stays as it is."""
    assert strip_solutions(SOURCE, "cell.py") == STUB


def test_text_without_regions_is_left_alone() -> None:
    """A file without solutions is copied line by line."""
    text = "def f():\n    return 1  # BEGIN SOLUTION in a comment behind code is no region\n"
    assert strip_solutions(text, "f.py") == text


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["# BEGIN SOLUTION  a", "x = 1"], "m.py: a solution region has no end"),
        (["x = 1", "# END SOLUTION"], "m.py, line 2: this end of a solution region belongs to no beginning"),
        (
            ["# BEGIN SOLUTION  a", "# BEGIN SOLUTION  b", "# END SOLUTION", "# END SOLUTION"],
            "m.py, line 2: a solution region begins inside another",
        ),
        (
            ["if x:", "    # BEGIN SOLUTION  a", "    y = 1", "# END SOLUTION"],
            "m.py, line 4: this end of a solution region belongs to no beginning",
        ),
        (
            ["# BEGIN SOLUTION  a", "# END SOLUTION", "# END SOLUTION"],
            "m.py, line 3: this end of a solution region belongs to no beginning",
        ),
        (["# BEGIN SOLUTION", "x = 1", "# END SOLUTION"], "m.py, line 1: expected '# BEGIN SOLUTION"),
        (["x = 1", "#BEGIN SOLUTION  a", "x = 1", "# END SOLUTION"], "m.py, line 2: expected '# BEGIN SOLUTION"),
        (["# begin solution  a", "x = 1", "# end solution"], "m.py, line 1: expected '# BEGIN SOLUTION"),
        (["# BEGIN SOLUTION  a", "x = 1", "# END_SOLUTION"], "m.py, line 3: expected '# BEGIN SOLUTION"),
    ],
)  # fmt: skip
def test_markers_that_do_not_pair_up_are_refused(lines: list[str], complaint: str) -> None:
    """A marker that is missing, nested, misspelt or without its task is an error with its line: a solution
    must not reach students because of a typing mistake."""
    with pytest.raises(ManifestError) as caught:
        strip_solutions("\n".join(lines) + "\n", "m.py")
    assert str(caught.value).startswith(complaint)


# --- files -------------------------------------------------------------------------------------------


def test_every_assignment_is_in_step() -> None:
    """student/ is what the reference gives, byte for byte."""
    for assignment in assignments():
        assert differences(assignment) == []


def test_only_what_students_may_have_is_generated() -> None:
    """Submitted and given files, notebooks and the pytest.ini; no manifest, no results, no generators."""
    manifest = load_manifest(A2.manifest)
    names = set(student_files(A2))
    assert {"pytest.ini", *SUBMITTED} <= names
    allowed = {*SUBMITTED, *manifest.notebook_files, "pytest.ini"} | {name.split("/")[0] for name in manifest.given}
    assert {name.split("/")[0] for name in names} <= allowed | {"dl"}
    assert not names & {*manifest.optional, "assignment.toml"} - {*manifest.notebook_files}


def test_drift_is_told_and_mended(tmp_path: Path) -> None:
    """A file that is changed, missing or foreign is named; writing the stubs puts all three right."""
    shutil.copytree(A2.reference, tmp_path / "reference/a2")
    shutil.copytree(A2.student, tmp_path / "student/a2")
    copy = Assignment("a2", root=tmp_path)
    assert differences(copy) == []
    with (copy.student / "transformers.py").open("a") as file:
        file.write("# a note\n")
    (copy.student / "a2_helper.py").unlink()
    (copy.student / "solutions.py").write_text("x = 1\n")
    (copy.student / ".hypothesis").mkdir()
    (copy.student / ".hypothesis/cache").write_text("left by a run")
    assert differences(copy) == [
        "student/a2/a2_helper.py is missing",
        "student/a2/solutions.py does not belong there",
        "student/a2/transformers.py has drifted",
    ]
    assert write_stubs(copy)[-1].startswith("student/a2: ")
    assert differences(copy) == []


def test_a_faulty_region_removes_nothing(tmp_path: Path) -> None:
    """Stubs that cannot be made leave the old ones where they are."""
    shutil.copytree(A2.reference, tmp_path / "reference/a2")
    copy = Assignment("a2", root=tmp_path)
    write_stubs(copy)
    path = copy.reference / "transformers.py"
    path.write_text(path.read_text().replace("# END SOLUTION", "", 1))
    with pytest.raises(ManifestError, match=r"^transformers\.py, line \d+: "):
        write_stubs(copy)
    assert (copy.student / "transformers.py").exists()


# --- what is left for students -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def stubbed() -> Iterator[dict[str, ModuleType]]:
    """The stubs, imported. They are our own files, so this process may."""
    before, finders = set(sys.modules), list(sys.meta_path)
    sys.path.insert(0, str(A2.student))
    offer(sources_below(A2.standins))
    try:
        yield {name: importlib.import_module(name.removesuffix(".py").replace("/", ".")) for name in SUBMITTED}
    finally:
        sys.path.remove(str(A2.student))
        offer({})  # forgets the modules of the others
        sys.meta_path[:] = finders
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(A2.student)):
                del sys.modules[name]


def regions(name: str) -> list[str]:
    """Qualified names of the functions that hold a solution region in the reference."""
    source = (A2.reference / name).read_text()
    starts = [number for number, line in enumerate(source.splitlines(), 1) if BEGIN.match(line)]
    spans: list[tuple[int, int, str]] = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                spans.append((child.lineno, child.end_lineno or 0, prefix + child.name))
                walk(child, f"{prefix}{child.name}.")

    walk(ast.parse(source), "")
    return [[where for first, last, where in spans if first <= start <= last][-1] for start in starts]


@pytest.mark.parametrize("where", [f"{name}:{function}" for name in SUBMITTED for function in regions(name)])
def test_a_stubbed_function_raises_not_implemented(where: str, stubbed: dict[str, ModuleType]) -> None:
    """In the place of each region the function says that it is not implemented, by its full name."""
    name, _, qualified = where.partition(":")
    found: object = stubbed[name]
    for step in qualified.split("."):
        found = inspect.getattr_static(found, step)
    function = getattr(found, "__func__", found)
    assert isinstance(function, FunctionType)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    raised = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    assert f"raise NotImplementedError('{qualified}')" in raised


def test_stubs_hold_nothing_of_the_solutions() -> None:
    """No marker is left in the student's files, and no line that the reference has in regions only."""
    for name in SUBMITTED:
        kept = {line.strip() for line in (A2.student / name).read_text().splitlines()}
        assert not [line for line in kept if "SOLUTION" in line]
        lines: dict[bool, set[str]] = {True: set(), False: set()}
        inside = False
        for line in (A2.reference / name).read_text().splitlines():
            if "SOLUTION" in line:
                inside = "BEGIN" in line
            lines[inside].add(line.strip())
        assert len(lines[True]) > 3
        assert not (lines[True] - lines[False]) & kept
