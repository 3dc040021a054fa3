"""Sample submissions: the reference with changes, in the forms in which work is handed in.

`fixtures/<id>/samples.toml` describes them; the demonstration, the tests and the benchmarks grade them.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Literal

import msgspec

from grader.errors import ManifestError
from grader.manifest import load_manifest
from grader.paths import Assignment
from grader.records import Record
from grader.solutions import strip_solutions


class Edit(Record, frozen=True):
    """`find` must occur exactly once in the file, after the solutions that are not `solved` were taken out."""

    file: str
    find: str
    replace: str


class Sample(Record, frozen=True):
    name: str
    title: str
    form: Literal["zip", "nested zip", "folder"]
    solved: tuple[str, ...] | None = None  # functions that are filled in; None: all
    edits: tuple[Edit, ...] = ()


class SampleFile(Record, frozen=True):
    sample: tuple[Sample, ...]


def load_samples(assignment: Assignment) -> tuple[Sample, ...]:
    path = assignment.samples
    try:
        return msgspec.toml.decode(path.read_bytes(), type=SampleFile).sample
    except (OSError, msgspec.MsgspecError) as error:
        raise ManifestError(f"{path.name}: {error}") from None


def replace_once(source: str, find: str, replace: str, where: str) -> str:
    """`source` with its one occurrence of `find` replaced. Raises ManifestError when there is not just one."""
    if source.count(find) != 1:
        raise ManifestError(f"{where}: the text occurs {source.count(find)} times, not once: {find!r}")
    return source.replace(find, replace)


def build(sample: Sample, assignment: Assignment, place: Path) -> Path:
    """Writes one sample below `place`; returns the zip or folder to be graded."""
    manifest = load_manifest(assignment.manifest)
    folder = place / sample.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in manifest.submitted:
        source = (assignment.reference / name).read_text(encoding="utf-8")
        if sample.solved is not None:
            source = strip_solutions(source, name, keep=sample.solved)
        for edit in sample.edits:
            if edit.file == name:
                source = replace_once(source, edit.find, edit.replace, f"sample {sample.name}, {name}")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    if sample.solved is None:
        for name in manifest.optional:
            shutil.copyfile(assignment.reference / name, folder / name)
    if sample.form == "folder":
        return folder
    archive = place / f"{sample.name}.zip"
    top = f"{sample.name}/{assignment.id}/" if sample.form == "nested zip" else ""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            file.write(path, f"{top}{path.relative_to(folder).as_posix()}")
    shutil.rmtree(folder)
    return archive
