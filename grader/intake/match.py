"""Find the files of a manifest in a submission, however deep and under whatever folder they lie."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from grader.errors import IntakeError
from grader.intake.archive import Archive, EntryError, shown
from grader.records import Manifest

# " (1)", " - Copy", "_2", "_final": what browsers and people add to a file name.
_ADDED = re.compile(r"(?:[\s_-]*(?:\(\d+\)|copy|final|v?\d+))+(?=\.[a-z0-9]+$)")


@dataclass
class Match:
    """Where the files are.

    roots: the folders of the submission that stand for the assignment's root ("" is the top).
    found: file of the manifest -> its path in the submission.
    helpers: other .py files beside them: place relative to the root -> path in the submission.
    problems: file of the manifest -> why what was found for it cannot be used.
    """

    roots: tuple[str, ...]
    found: dict[str, str] = field(default_factory=dict)
    helpers: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


def find(archive: Archive, manifest: Manifest, given: Collection[str]) -> Match:
    """Match submitted and optional files by their paths relative to the assignment's root.

    given: places of the files of ours, which are in no wrong place when the submission holds them.

    The root is the folder that holds most of them, of equals the shallowest; folders that are still
    equal are taken together. IntakeError when the submission holds none of the files.
    """
    wanted = (*manifest.submitted, *manifest.optional)
    paths = sorted({*archive.sizes, *archive.refused})
    best = roots(paths, wanted)
    if not best:
        raise IntakeError(_nothing(archive, manifest))
    match = Match(best)
    known = set(paths)
    for name in wanted:
        copies = [root + name for root in best if root + name in known]
        for place in () if copies else manifest.elsewhere.get(name, ()):
            if copies := [root + place for root in best if root + place in known]:
                match.findings.append(f"{shown(copies[0])} was taken for {name}")
                break
        if copies:
            path, problem = _agree(archive, copies)
            if problem:
                match.problems[name] = problem
            else:
                match.found[name] = path
        elif name in manifest.submitted:
            match.missing.append(name)
    taken = {root + name for root in best for name in (*wanted, *given)}
    for name in match.missing:
        match.findings += [_misplaced(path, name) for path in _near(archive, name) if path not in taken]
    _find_helpers(archive, manifest, match)
    return match


def holds(archive: Archive, names: Iterable[str], how: Callable[[Iterable[bool]], bool]) -> bool:
    """Whether any, or all, of these files of a manifest are there, wherever."""
    return how(bool(roots(archive.sizes, [name])) for name in names)


def roots(paths: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
    """The folders that hold most of the wanted files, of equals the shallowest; each "" or ending in "/"."""
    wanted = tuple(wanted)
    held = Counter(
        path[: len(path) - len(name)]
        for path in paths
        for name in wanted
        if path == name or path.endswith(f"/{name}")
    )
    if not held:
        return ()
    best = max((count, -root.count("/")) for root, count in held.items())
    return tuple(sorted(root for root, count in held.items() if (count, -root.count("/")) == best))


def _agree(archive: Archive, copies: list[str]) -> tuple[str, str]:
    """The path to use and "", or any path and why none of the copies can be used."""
    for path in copies:
        if path in archive.refused:
            return path, archive.refused[path]
    if len(copies) == 1:
        return copies[0], ""
    try:
        digests = {path: hashlib.sha256(archive.read(path)).digest() for path in copies}
    except EntryError as error:
        return copies[0], str(error)
    first, *others = copies
    for other in others:
        if digests[other] != digests[first]:
            return first, f"two different copies: {shown(first)} and {shown(other)}; hand in one"
    return first, ""


def _find_helpers(archive: Archive, manifest: Manifest, match: Match) -> None:
    """Python files in the folders of submitted files: students split their code into modules."""
    folders = {_folder(name) for name in manifest.submitted}
    others = {*manifest.submitted, *manifest.optional, *manifest.given}
    copies: dict[str, list[str]] = {}
    for path in sorted(archive.sizes):
        for root in match.roots:
            place = path[len(root) :]
            # A name that is no identifier, such as "transformers (1).py", cannot be imported.
            importable = place.endswith(".py") and place.rpartition("/")[2][:-3].isidentifier()
            if path.startswith(root) and importable and _folder(place) in folders and place not in others:
                copies.setdefault(place, []).append(path)
    for place, found in copies.items():
        path, problem = _agree(archive, found)
        if problem:
            match.findings.append(f"{shown(place)} was not used: {problem}")
        else:
            match.helpers[place] = path


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _plain(name: str) -> str:
    """A file name without case, invisible marks, a blank or full stop at its end, a second suffix .txt, and what is
    added to copies."""
    visible = "".join(filter(str.isprintable, name.rpartition("/")[2]))
    return _ADDED.sub("", visible.casefold().rstrip(" .").removesuffix(".txt"))


def _near(archive: Archive, name: str) -> list[str]:
    """Files that may be meant to be `name`, at most three."""
    return [path for path in sorted(archive.sizes) if _plain(path) == _plain(name)][:3]


def _misplaced(path: str, name: str) -> str:
    if path.rpartition("/")[2] == name.rpartition("/")[2]:
        return f"found {shown(path)}; the file must lie at {name}, beside the others"
    found = shown(path) if path == path.rstrip(" .") else f'"{shown(path)}"'
    return f"found {found}; the file must be called {name}"


def _nothing(archive: Archive, manifest: Manifest) -> str:
    if not archive.sizes and not archive.refused:
        return f"{shown(archive.name)} is empty; hand in {', '.join(manifest.submitted)}"
    near = [path for name in manifest.submitted for path in _near(archive, name)]
    others = [path for path in sorted(archive.sizes) if path not in near]
    some = [shown(path) for path in (near + others)[:5]]
    more = len(near + others) - len(some)
    found = ", ".join(some) + (f" and {more} more" if more else "")
    return (
        f"{shown(archive.name)} holds none of {', '.join(manifest.submitted)}; "
        + (f"it holds {found}; " if found else f"{next(iter(archive.refused.values()))}; ")
        + "check the file names and that this is the right assignment"
    )
