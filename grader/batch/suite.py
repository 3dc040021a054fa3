"""The suite of an assignment as a batch sees it: its checks, and for each a digest of all that its results rest on."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import pytest
from msgspec import structs

from grader.errors import ManifestError, WorkerError
from grader.gpu import CPU
from grader.grading import run_pytest
from grader.intake.archive import ignored
from grader.manifest import load_manifest
from grader.paths import Assignment
from grader.placement import on_gpu
from grader.plugin import SPEC, Grading, Run
from grader.records import CheckSpec, Gpu, HowToRun, Manifest, Severity, Status, Submission
from grader.stored import Stored
from grader.subject import Subject
from grader.worker.launch import AnyWorker

_NOT_GRADING = {"mutants", "alternatives"}  # folders of the suite that only audits use


class Suite(NamedTuple):
    """specs: in the order in which they are judged. digests: check -> what would change its results.

    whole: of all files, for another machine that must have the same. shown: of titles, points and all else that reports
    say of checks.
    """

    manifest: Manifest
    specs: tuple[CheckSpec, ...]
    digests: Mapping[str, str]
    whole: str
    shown: str

    def key(self, spec: CheckSpec, source: str, ended: Mapping[str, Status]) -> str:
        """What a result of the check is filed under: the same key, the same result.

        source: digest of what was handed in. ended: how the checks ended that this one builds on.
        """
        needed = [f"{need} {ended.get(need, Status.SKIPPED)}" for need in spec.needs]
        return _digest([self.digests[spec.id], source, *needed])[:16]


class Collecting(Grading):
    """Collects, and judges nothing."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.tests: dict[str, tuple[Path, str]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for item in session.items:
            name = getattr(item, "originalname", None) or item.name
            self.tests[item.stash[SPEC].id] = item.path, name
        return True


class NoWorkers:
    """A launcher for those who judge nothing."""

    versions: Mapping[str, str] = MappingProxyType({})

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> AnyWorker:
        raise WorkerError("nothing is judged here")

    def close(self) -> None:
        pass


def load_suite(assignment: Assignment, notebooks: HowToRun, device: str = CPU) -> Suite:
    """notebooks: how they will be run, which results rest on, too. device: of the run, on which the results of checks
    rest that are placed on a GPU. Raises ManifestError for a suite that cannot be collected."""
    manifest = load_manifest(assignment.manifest)
    nobody = Subject(Submission(name="", root="", hashes={}), NoWorkers(), manifest.limits)
    stored = Stored(assignment.published, assignment.generated)
    collecting = Collecting(Run(manifest, nobody, nobody, stored))
    run_pytest(assignment, manifest, collecting)
    if collecting.run.fatal:
        raise collecting.run.fatal
    files = sorted({path for path, _name in collecting.tests.values()})
    folders = assignment.reference, assignment.suite, assignment.published, assignment.generated
    suite = {path for path in _files(assignment.suite) if path not in files}
    others = [path for folder in folders if folder != assignment.suite for path in _files(folder)]
    shared = _digest_of_files(assignment, {path for path in (*suite, *others) if path != assignment.manifest})
    version = importlib.metadata.version("torchgrade")
    shared = _digest([version, shared, _what_counts(manifest), notebooks])
    sources = {path: TestFile(path) for path in files}
    specs = tuple(collecting.run.specs)
    return Suite(
        manifest=manifest,
        specs=specs,
        digests={
            id_: _digest([
                shared,
                id_,
                sources[path].digest(name),
                *([manifest.devices[id_].device, device.partition(":")[0]] if on_gpu(manifest, id_) else ()),
            ])
            for id_, (path, name) in collecting.tests.items()
        },
        whole=digest_of(assignment),
        shown=_digest([version, msgspec.json.encode([manifest, specs], order="sorted").decode()]),
    )


def what_judges(test: ast.FunctionDef, source: str) -> str:
    """A test as far as a result rests on it: without its points, its title and its looks.

    source: from its `def` on. From that hypothesis derives what it draws, so that all of it counts where it does.
    """
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call):
            mark.keywords = [keyword for keyword in mark.keywords if keyword.arg != "points"]
    marks = [ast.unparse(mark) for mark in test.decorator_list]
    if any("given(" in mark for mark in marks):
        return "\n".join([*marks, source])
    if ast.get_docstring(test) is not None:
        del test.body[0]
    return ast.unparse(test)


class TestFile:
    """A file of the suite, cut at its tests."""

    __test__ = False  # not for pytest, whatever its name

    def __init__(self, path: Path) -> None:
        try:
            source = path.read_text(encoding="utf-8")
            tree = ast.parse(source)
        except (OSError, ValueError, SyntaxError) as error:
            raise ManifestError(f"{path.name} cannot be read: {error}") from None
        lines = source.splitlines(keepends=True)
        self._tests: dict[str, str] = {}
        for node in reversed(tree.body):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)]) - 1
                self._tests[node.name] = what_judges(node, "".join(lines[node.lineno - 1 : node.end_lineno]))
                del lines[first : node.end_lineno]
        self._rest = "".join(lines)

    def digest(self, name: str) -> str:
        """Of one test with everything in the file that is no test."""
        return _digest([self._rest, self._tests.get(name, "")])


def files_of(assignment: Assignment) -> dict[str, Path]:
    """What another machine needs to grade: place below the repository's root -> file."""
    folders = assignment.reference, assignment.suite, assignment.published, assignment.generated
    return {path.relative_to(assignment.root).as_posix(): path for folder in folders for path in _files(folder)}


def digest_of(assignment: Assignment) -> str:
    """Of all that another machine needs: the same digest, the same grading."""
    return _digest_of_files(assignment, files_of(assignment).values())


def _files(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and parts[0] not in _NOT_GRADING and not any(map(ignored, parts)):
            found.append(path)
    return found


def _what_counts(manifest: Manifest) -> str:
    """Of the manifest, what a result rests on: titles, points and what a broken rule costs may change without anything
    being graded again. Whether a check of speed has points says what becomes of it where it cannot be measured."""
    names = "submitted", "optional", "given", "elsewhere", "limits", "notebooks", "hidden_visibility", "seed"
    rules = [structs.replace(policy, severity=Severity.REPORT, parts=(), keeps=0.0) for policy in manifest.policies]
    limits = [structs.replace(limit, points=float(limit.points > 0), measured="") for limit in manifest.speeds]
    counts = {name: getattr(manifest, name) for name in names}
    return msgspec.json.encode([counts, rules, limits], order="sorted").decode()


def _digest_of_files(assignment: Assignment, paths: Iterable[Path]) -> str:
    lines = []
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{path.relative_to(assignment.root).as_posix()} {content}")
    return _digest(lines)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def digest_of_source(source: Path) -> str:
    """Of what was handed in, byte by byte: an archive, or a folder with the names and contents of its files.
    Raises OSError."""
    found = hashlib.sha256()
    if not source.is_dir():
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    for path in sorted(source.rglob("*"), key=lambda path: path.relative_to(source).as_posix()):
        place = path.relative_to(source)
        if any(map(ignored, place.parts)):
            continue
        name = place.as_posix().encode("utf-8", "surrogateescape")
        if path.is_symlink() or not path.is_file():
            found.update(b"%d %s no file " % (len(name), name))
            continue
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").digest()
        found.update(b"%d %s %s" % (len(name), name, content))
    return found.hexdigest()
