"""The rules between the modules, read from their sources and tried in fresh interpreters."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import grader
from grader.paths import ROOT

PACKAGE = Path(grader.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = [file.relative_to(PACKAGE).as_posix() for file in FILES]
MAX_LINES = 520
WITH_TORCH = {"worker/zygote.py", "worker/box.py"}
TOP_FOLDERS = {"reference", "student", "fixtures", "tests"}
DOORS = [
    "errors.py", "paths.py", "subject.py", "remote.py", "scoring.py", "stored.py", "manifest.py", "intake/__init__.py",
    "checks/tensors.py", "checks/gradients.py",
]  # fmt: skip


@cache
def tree(name: str) -> ast.Module:
    return ast.parse((PACKAGE / name).read_text(encoding="utf-8"))


def module_name(name: str) -> str:
    return ".".join(["grader", *Path(name).with_suffix("").parts]).removesuffix(".__init__")


KNOWN = {module_name(name) for name in NAMES}


def imported(nodes: Iterator[ast.AST] | list[ast.stmt]) -> set[str]:
    """Dotted names of imported modules; `from package import module` names the module."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in KNOWN else str(node.module))
    return found


def imports(name: str) -> set[str]:
    """All imports of a module, also those inside functions."""
    return imported(ast.walk(tree(name)))


def ours(name: str) -> set[str]:
    return {module for module in imports(name) if module.partition(".")[0] == "grader"}


def reaches(name: str) -> set[str]:
    """Modules of ours that a module imports, directly or through others."""
    files = {module_name(other): other for other in NAMES}
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = ours(waiting.pop()) - found
        found |= new
        waiting += [files[module] for module in new]
    return found


def packages(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a module with the last part of the called name."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            called = node.func
            yield getattr(called, "attr", getattr(called, "id", "")), node


def test_records_and_errors_stand_alone() -> None:
    """The records import nothing of ours, the errors only the records."""
    assert ours("records.py") == set()
    assert ours("errors.py") == {"grader.records"}


@pytest.mark.parametrize("name", NAMES)
def test_torch_stays_in_the_worker(name: str) -> None:
    """Only what runs in a worker imports torch or torchvision, wherever the import is written."""
    assert name in WITH_TORCH or not packages(imports(name)) & {"torch", "torchvision"}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_parents_loads_the_workers_side(name: str) -> None:
    """The box and the zygote are imported inside functions only, for workers and debuggers."""
    assert not imported(tree(name).body) & {module_name(inner) for inner in WITH_TORCH}


@pytest.mark.parametrize("name", ["scoring.py", *(name for name in NAMES if name.startswith("report/"))])
def test_scores_and_reports_know_no_worker(name: str) -> None:
    """Scoring and reports reach no module of the worker, by any way."""
    assert not {module for module in reaches(name) if module.startswith("grader.worker")}


@pytest.mark.parametrize("name", sorted(name for name in NAMES if name.startswith("worker/")))
def test_workers_know_no_tests(name: str) -> None:
    """The worker's modules reach only each other, the records and the errors: no answers, points or verdicts."""
    allowed = {"grader.records", "grader.errors"}
    assert all(module in allowed or module.startswith("grader.worker") for module in reaches(name))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"paths.py"}))
def test_one_module_joins_repository_paths(name: str) -> None:
    """The repository's root, and the names of its folders in a path, occur in `paths` alone."""
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Name | ast.alias):
            assert getattr(node, "id", getattr(node, "name", "")) != "ROOT"
        if isinstance(node, ast.Attribute):
            assert node.attr != "ROOT"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            for side in (node.left, node.right):
                first = str(side.value).partition("/")[0] if isinstance(side, ast.Constant) else ""
                assert first not in TOP_FOLDERS
    for called, call in calls(name):
        if called in ("join", "joinpath", "Path"):
            words = {str(arg.value).partition("/")[0] for arg in call.args if isinstance(arg, ast.Constant)}
            assert not words & TOP_FOLDERS


@pytest.mark.parametrize("name", NAMES)
def test_no_door_for_foreign_code(name: str) -> None:
    """No pickle, no shell, no archive unpacked unseen, no tensor file loaded but as weights; only the box
    compiles source."""
    assert not packages(imports(name)) & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
    for called, call in calls(name):
        keywords = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
        owner = getattr(getattr(call.func, "value", None), "id", "")
        assert called not in ("extractall", "unpack_archive")
        assert owner != "os" or called not in ("system", "popen")
        assert keywords.get("shell", False) is False and keywords.get("allow_pickle", False) is False
        assert (owner, called) != ("torch", "load") or keywords.get("weights_only") is True
        bare = isinstance(call.func, ast.Name)
        assert not (bare and called in ("exec", "eval")) or name == "worker/box.py"


@pytest.mark.parametrize("name", NAMES)
def test_no_clock_that_can_be_set(name: str) -> None:
    """Time is taken from clocks that only go forwards: the clock on the wall may jump by years."""
    assert not {called for called, _call in calls(name)} & {"now", "utcnow", "today"}
    of_time = [node for node in ast.walk(tree(name)) if isinstance(node, ast.ImportFrom) and node.module == "time"]
    assert of_time == [], "time.monotonic() is written in full"
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "time":
            assert node.attr in ("monotonic", "perf_counter", "process_time", "sleep", "clock_gettime")


@pytest.mark.parametrize("name", [name for name in NAMES if tree(name).body])
def test_modules_say_what_they_are(name: str) -> None:
    """Every module with code opens with a docstring."""
    assert ast.get_docstring(tree(name))


@pytest.mark.parametrize("name", DOORS)
def test_public_doors_are_documented(name: str) -> None:
    """What suites and front ends use has a docstring, function by function and class by class."""
    public = [
        node
        for node in tree(name).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert public
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("name", NAMES)
def test_files_stay_readable(name: str) -> None:
    """No module outgrows what one reads at a sitting."""
    assert len((PACKAGE / name).read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def run(code: str, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    )
    return done.stdout


@pytest.mark.parametrize("module", ["grader.cli", "grader.grading", "grader.student", "grader.audit"])
def test_the_parent_starts_without_torch(module: str) -> None:
    """Importing a front end, in a fresh interpreter, loads neither torch nor matplotlib."""
    code = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules)"
    assert not {"torch", "matplotlib"} & set(run(code, module).split())


def test_a_command_runs_without_torch() -> None:
    """`grade.py list` does its work and has not imported torch at its end."""
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('torch loaded:', 'torch' in sys.modules))\n"
        "sys.argv = ['grade.py', 'list']\n"
        "runpy.run_path('grade.py', run_name='__main__')\n"
    )
    lines = run(code).splitlines()
    assert lines[-1] == "torch loaded: False"
    assert any(line.startswith("a2 ") for line in lines)
