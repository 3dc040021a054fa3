"""Sample submissions: the reference with changes, in the forms in which work is handed in.

`fixtures/<id>/samples.toml` describes them; the demonstration, the tests and the benchmarks grade them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Literal

import msgspec

from grader.errors import GraderError, ManifestError
from grader.manifest import load_manifest
from grader.notebook_files import stripped
from grader.paths import Assignment
from grader.records import Record
from grader.solutions import strip_solutions


class Edit(Record, frozen=True):
    """`find` must occur exactly once in the file, after the solutions that are not `solved` were taken out."""

    file: str
    find: str
    replace: str


class Added(Record, frozen=True):
    """A file of the student's own, or one of another year's hand-out."""

    file: str
    text: str


class Sample(Record, frozen=True):
    name: str
    title: str
    form: Literal["zip", "nested zip", "folder", "package"]  # the last: what the students' own packer makes
    solved: tuple[str, ...] | None = None  # functions that are filled in; None: all
    edits: tuple[Edit, ...] = ()
    added: tuple[Added, ...] = ()
    notebooks: bool = False  # hand them in, too


class SampleFile(Record, frozen=True):
    """packer: module and function of the given code, called with the folder of the student's files."""

    sample: tuple[Sample, ...]
    packer: str = ""


def load_samples(assignment: Assignment) -> tuple[Sample, ...]:
    return _decoded(assignment).sample


def _decoded(assignment: Assignment) -> SampleFile:
    path = assignment.samples
    try:
        return msgspec.toml.decode(path.read_bytes(), type=SampleFile)
    except (OSError, msgspec.MsgspecError) as error:
        raise ManifestError(f"{path.name}: {error}") from None


def replace_once(source: str, find: str, replace: str, where: str) -> str:
    """`source` with its one occurrence of `find` replaced. Raises ManifestError when there is not just one."""
    if source.count(find) != 1:
        raise ManifestError(f"{where}: the text occurs {source.count(find)} times, not once: {find!r}")
    return source.replace(find, replace)


def build(sample: Sample, assignment: Assignment, place: Path) -> Path:
    """Writes one sample below `place`; returns the file or folder to be graded. Raises ManifestError, and GraderError
    when the packer fails."""
    manifest = load_manifest(assignment.manifest)
    folder = place / sample.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (*manifest.submitted, *(manifest.notebook_files if sample.notebooks else ())):
        source = (assignment.reference / name).read_text(encoding="utf-8")
        if sample.solved is not None:
            notebook = name in manifest.notebook_files
            source = stripped(source, name) if notebook else strip_solutions(source, name, keep=sample.solved)
        for edit in sample.edits:
            if edit.file == name:
                source = replace_once(source, edit.find, edit.replace, f"sample {sample.name}, {name}")
        _write(folder / name, source)
    for extra in sample.added:
        _write(folder / extra.file, extra.text)
    if sample.solved is None:
        for name in manifest.optional:
            if name not in manifest.notebook_files:
                shutil.copyfile(assignment.reference / name, folder / name)
    if sample.form == "folder":
        return folder
    if sample.form == "package":
        _pack(_decoded(assignment).packer, assignment, folder)
        packed = list(folder.iterdir())
        return packed[0] if len(packed) == 1 else folder
    archive = place / f"{sample.name}.zip"
    top = f"{sample.name}/{assignment.id}/" if sample.form == "nested zip" else ""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            file.write(path, f"{top}{path.relative_to(folder).as_posix()}")
    shutil.rmtree(folder)
    return archive


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _pack(packer: str, assignment: Assignment, folder: Path) -> None:
    """Leaves in `folder` what the packer makes of the files there, and students.txt."""
    work = folder.with_name(f"{folder.name}.work")
    shutil.rmtree(work, ignore_errors=True)
    folder.rename(work)
    for name in load_manifest(assignment.manifest).given:
        ours = assignment.reference / name
        if ours.is_dir():
            for file in ours.rglob("*.py"):
                target = work / file.relative_to(assignment.reference)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():  # a student's file may lie between ours
                    shutil.copyfile(file, target)
        else:
            shutil.copyfile(ours, work / name)
    module, _, function = packer.partition(":")
    code = f"import sys; sys.path.insert(0, '.'); from {module} import {function} as pack; pack('.')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=work, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise GraderError(f"sample {folder.name} cannot be packed: {done.stderr.strip()[-1000:]}")
    folder.mkdir()
    for path in work.iterdir():
        if path.suffix in (".zip", ".pdf") or path.name == "students.txt":
            path.rename(folder / path.name)
    shutil.rmtree(work)
