"""From what a student handed in to a staged folder: `stage` is the one door."""

from __future__ import annotations

import ast
import codecs
import hashlib
import io
import shutil
import sys
import tokenize
import warnings
from contextlib import ExitStack
from pathlib import Path

from grader.errors import IntakeError, ManifestError
from grader.intake.archive import (
    MAX_FILE,
    MIB,
    SUFFIXES,
    Archive,
    EntryError,
    ignored,
    open_archive,
    open_inner,
    shown,
)
from grader.intake.match import Match, find, holds
from grader.intake.notebook import MAX_NOTEBOOK, read_notebook
from grader.intake.overlay import Overlay
from grader.intake.team import TEAM_FILE, read_team
from grader.records import Manifest, Member, Submission

__all__ = ["stage"]

MAX_SOURCE = 2 * MIB
# ast.parse took 8.5 s and 1.6 GB for 2 MiB of "1;1;1;…"; above this size a syntax error is left for the
# worker to find.
MAX_PARSED = 256 * 1024
MAX_HELPERS = 50
MAX_FINDINGS = 40

# Run on their own by Python or pytest, wherever they lie.
_RUN_UNASKED = frozenset({"conftest", "sitecustomize", "usercustomize"})
# At the top of the staged folder these would hide what a worker imports.
_TAKEN = sys.stdlib_module_names | {
    "torch", "torchvision", "functorch", "torchgen", "triton", "numpy", "scipy", "matplotlib",
    "mpl_toolkits", "PIL", "clip", "cv2", "h5py", "imageio", "tensorflow_datasets", "thop", "seaborn", "pandas",
    "sklearn", "tqdm", "msgspec",
    "sympy", "mpmath", "networkx", "jinja2", "fsspec", "filelock", "typing_extensions", "packaging",
    "yaml", "setuptools", "pkg_resources", "IPython", "pytest", "_pytest", "hypothesis", "grader",
    "grade",
}  # fmt: skip
# Windows opens a device under these names; refused everywhere, so that a submission is graded alike everywhere.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
# Encodings in which ASCII is ASCII. Python reads more of them (utf-7, punycode), but no editor writes those.
_ENCODINGS = (
    "utf-8", "ascii", "iso8859", "cp125", "cp437", "cp85", "cp93", "cp949", "cp950", "gb", "big5", "euc_",
    "shift_jis", "koi8", "mac-",
)  # fmt: skip


def stage(source: Path, manifest: Manifest, given_root: Path, destination: Path) -> Submission:
    """Copy a submission's files, and ours beside them, into `destination` (created; must be empty).

    source: the zip, tar (plain, gzip, xz) or folder that was handed in; nothing in it is trusted.
    given_root: our tree of the assignment; of it only `manifest.given` is copied, and never a file that
        students hand in, so that a missing file stays missing.
    Returns the Submission: a file that cannot be used is in `missing` or `problems`, not an error. A module
    with a syntax error is in `problems` and staged all the same; a notebook that cannot be read is not staged.
    Raises IntakeError when the submission cannot be read or holds none of the manifest's files,
    ManifestError when a given file is not in `given_root`.
    """
    given = _given(manifest, given_root)
    if destination.exists() and any(destination.iterdir()):
        raise IntakeError(f"the staging folder {shown(destination.name)} is not empty; name another one")
    with open_archive(source) as archive, ExitStack() as stack:
        name, notes = _stem(archive.name), []
        inner = _only_archive(archive)
        if inner is not None and not holds(archive, manifest.submitted, all):
            beside = holds(archive, (*manifest.submitted, *manifest.optional), any) or _any_module(archive)
            try:
                opened = stack.enter_context(open_inner(archive, inner))
            except IntakeError as error:
                if not beside:
                    raise
                notes.append(f"{error}; the files beside it were used")
            else:
                if not beside:
                    notes.append(f"opened {shown(inner)} inside {shown(archive.name)}; hand in that file itself")
                    archive = opened
                elif holds(opened, manifest.submitted, any):
                    notes.append(f"took the files in {shown(inner)} and those beside it together")
                    archive = Overlay(archive, opened, manifest)
        return _stage(archive, notes, manifest, given, destination, name)


def _stage(
    archive: Archive,
    findings: list[str],
    manifest: Manifest,
    given: dict[str, Path],
    destination: Path,
    name: str,
) -> Submission:
    match = find(archive, manifest, given)
    _make_folder(destination)
    for place, path in given.items():
        _write(destination, place, path)
    hashes, team = _stage_submitted(archive, match, destination)
    findings += match.findings
    for place, text in match.problems.items():
        if not place.endswith(".py"):
            findings.append(text if _name(place) in text else f"{place}: {text}")
    altered = _differing(archive, match, given)
    findings += altered.values()
    findings += _stage_helpers(archive, match, manifest, set(given), destination)
    findings += archive.refused.values()
    if len(findings) > MAX_FINDINGS:
        findings[MAX_FINDINGS:] = [f"and {len(findings) - MAX_FINDINGS} more findings"]
    return Submission(
        name=name,
        root=str(destination),
        hashes=hashes,
        missing=tuple(match.missing),
        findings=tuple(findings),
        problems=match.problems,
        altered=tuple(altered),
        team=team,
    )


def _only_archive(archive: Archive) -> str | None:
    """The one archive in a submission, else None."""
    inner = [path for path in archive.sizes if path.casefold().endswith(SUFFIXES)]
    return inner[0] if len(inner) == 1 else None


def _any_module(archive: Archive) -> bool:
    """Whether a Python file is there, which might be meant for one that is wanted."""
    return any(path.endswith(".py") for path in archive.sizes)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(name: str) -> str:
    suffix = max((suffix for suffix in SUFFIXES if name.casefold().endswith(suffix)), key=len, default="")
    return name[: len(name) - len(suffix)] or name


# --- what is staged ---------------------------------------------------------------------------------


def _given(manifest: Manifest, root: Path) -> dict[str, Path]:
    """Our files by their places, folders resolved; without caches and without what students hand in."""
    files: dict[str, Path] = {}
    for item in manifest.given:
        path = root / item
        if path.is_file():
            files[item] = path
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                place = file.relative_to(root)
                if file.is_file() and not any(map(ignored, file.relative_to(path).parts)):
                    files[place.as_posix()] = file
        else:
            raise ManifestError(f"$.given: {item} is not among the assignment's files")
    for name in (*manifest.submitted, *manifest.optional):
        files.pop(name, None)
    return files


def _stage_submitted(
    archive: Archive, match: Match, destination: Path
) -> tuple[dict[str, str], tuple[Member, ...]]:
    """Copy what was found; adds to `match.problems`. Returns place -> sha256 of what was copied, and the team."""
    hashes: dict[str, str] = {}
    members: tuple[Member, ...] = ()
    for place, path in match.found.items():
        try:
            data = _usable(archive, path)
            if place.endswith(".ipynb"):
                read_notebook(data)
            elif _name(place) == TEAM_FILE:
                team = read_team(data)
                match.findings += team.remarks
                members = team.members
        except EntryError as error:
            match.problems[place] = str(error)
            continue
        if place.endswith(".py"):
            fault = _syntax_fault(data)
            if fault:
                match.problems[place] = fault
        _write(destination, place, data)
        hashes[place] = hashlib.sha256(data).hexdigest()
    return hashes, members


def _stage_helpers(
    archive: Archive, match: Match, manifest: Manifest, given: set[str], destination: Path
) -> list[str]:
    """Copy the student's other modules; a sentence for each that was not."""
    findings = []
    ours = {item.partition("/")[0].removesuffix(".py") for item in manifest.given}
    staged = 0
    for place, path in match.helpers.items():
        if place in given:
            continue
        folder, _, file = place.rpartition("/")
        module = file.removesuffix(".py")
        if module in _RUN_UNASKED or (not folder and (module in _TAKEN or module in ours)):
            findings.append(f"{shown(place)} was not used: it would hide the module {module}; rename it")
        elif module.casefold() in _DEVICES:
            findings.append(f"{shown(place)} was not used: Windows keeps that name for a device; rename it")
        elif staged == MAX_HELPERS:
            findings.append(f"{shown(place)} was not used: at most {MAX_HELPERS} modules of your own are")
        else:
            try:
                _write(destination, place, _usable(archive, path))
                staged += 1
            except EntryError as error:
                findings.append(f"{shown(place)} was not used: {error}")
    return findings


def _differing(archive: Archive, match: Match, given: dict[str, Path]) -> dict[str, str]:
    """Given files of which the submission holds another version, and a sentence about each."""
    findings = {}
    for place, ours in given.items():
        for path in (root + place for root in match.roots):
            if path in archive.sizes and not _same(archive, path, ours):
                findings[place] = f"{shown(path)} differs from the given {place}; the given one was used"
    return findings


def _same(archive: Archive, path: str, ours: Path) -> bool:
    """But for the ends of their lines, which git and editors change on their own."""
    content = ours.read_bytes()
    if abs(archive.sizes[path] - len(content)) > content.count(b"\n"):
        return False
    try:
        return archive.read(path).replace(b"\r\n", b"\n") == content.replace(b"\r\n", b"\n")
    except EntryError:
        return False


def _write(destination: Path, place: str, content: bytes | Path) -> None:
    """Create one file (0644) and the folders it needs (0755)."""
    target = destination / place
    missing = [folder for folder in target.parents if not folder.exists()]
    for folder in reversed(missing):
        _make_folder(folder)
    # The submission is hostile, the destination is ours: an existing target would be a fault of ours.
    with target.open("xb") as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            with content.open("rb") as original:
                shutil.copyfileobj(original, file)
    target.chmod(0o644)


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


# --- Python source, looked at and never run ---------------------------------------------------------


def _usable(archive: Archive, path: str) -> bytes:
    """A file's bytes; EntryError when it is too large, damaged, or Python that is no readable text."""
    if not path.endswith(".py"):
        return archive.read(path, MAX_NOTEBOOK if path.endswith(".ipynb") else MAX_FILE)
    data = archive.read(path, MAX_SOURCE)
    fault = _text_fault(data)
    if fault:
        raise EntryError(f"{shown(path)} {fault}")
    return data


def _text_fault(data: bytes) -> str | None:
    """Why bytes cannot be decoded as Python source (PEP 263 cookie or BOM, else UTF-8), or None."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "is UTF-16 text; save it as UTF-8"
    if b"\0" in data:
        return "holds NUL bytes, so it is no Python source; save it again as plain text"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        encoding = codecs.lookup(encoding).name
    except (SyntaxError, LookupError, ValueError):
        return "is not UTF-8 text, or names an encoding that does not exist; save it as UTF-8"
    if not encoding.startswith(_ENCODINGS):
        return f"declares the encoding {shown(encoding)}; save it as UTF-8"
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name = "UTF-8" if encoding.startswith("utf-8") else encoding
        return f"is not {name} text (line {line}); save it as UTF-8"
    return None


def _syntax_fault(data: bytes) -> str | None:
    """The first syntax error as "line 12: invalid syntax: the line", or None."""
    if len(data) > MAX_PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in a plain string is worth no word here
            ast.parse(data)
    except SyntaxError as error:
        line = f": {shown(error.text.strip(), 80)}" if error.text and error.text.strip() else ""
        return f"line {error.lineno or 1}: {shown(error.msg)}{line}"
    except (RecursionError, MemoryError):
        return "is nested too deeply for Python to read; split the longest expression"
    except ValueError as error:
        return f"cannot be read by Python ({shown(str(error))}); save it again as plain UTF-8 text"
    return None
