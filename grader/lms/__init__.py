"""The submissions of a class, as a learning platform lets staff download them: `open_class` is the one door.

Which platform it was is seen from the names inside, never from that of the zip or its top folder. What is graded when
somebody handed in more than once is stated in `gradescope`, `moodle`, `canvas` and `plain`, and in the remarks.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

from grader.errors import IntakeError
from grader.intake.archive import SUFFIXES, ignored, shown
from grader.lms import canvas, gradescope, moodle, plain
from grader.lms.folders import FolderTree
from grader.lms.found import Class, Found
from grader.lms.names import ids
from grader.lms.tree import Tree, Where
from grader.lms.zips import open_zip
from grader.records import HandedIn, Identity

__all__ = ["ClassExport", "open_class"]

Kind = Literal["gradescope", "moodle", "canvas", "plain"]

MAX_REMARKS: Final = 20
_TOP_FOLDERS: Final = 4  # one in the other, at most


def open_class(source: Path, place: Path) -> ClassExport:
    """Recognise and list what a class handed in.

    source: what Gradescope, Moodle or Canvas lets staff download, or a folder of zips, tars and folders; packed as a
        zip, in one top folder or in none, or unpacked.
    place: a folder of the caller's, private, for what `fetch` must unpack; made if need be.
    Raises IntakeError, one sentence, when it is none of these. A single submission that cannot be read has a `problem`.
    """
    with ExitStack() as stack:
        top = FolderTree(source) if source.is_dir() else stack.enter_context(open_zip(source))
        kind, tree, found = _read(top)
        found.remarks += tree.refused
        return ClassExport(kind, tree, found, place, stack.pop_all())


class ClassExport:
    """A class, listed, with its submissions to be fetched one by one; a context manager, like an open file.

    kind: the platform. entries: sorted by id; an id is safe as a folder's name on every system.
    remarks: about the export as a whole, one sentence each, for staff.
    """

    def __init__(self, kind: Kind, tree: Tree, listed: Class, place: Path, files: ExitStack) -> None:
        self.kind: Kind = kind
        self.remarks = _shortened(listed.remarks)
        self._tree, self._place, self._files = tree, place, files
        self._where: dict[str, Where] = {}
        self._fetched: dict[str, Path] = {}
        _judge(tree, listed.found)
        _tell_of_people(listed.found, names := ids([(found.like, found.own) for found in listed.found]))
        entries = []
        for id_, found in zip(names, listed.found, strict=True):
            if found.where is not None and not found.problem:
                self._where[id_] = found.where
            entries.append(_handed_in(id_, found))
        self.entries: tuple[HandedIn, ...] = tuple(sorted(entries, key=lambda entry: entry.id))

    def fetch(self, id: str) -> Path:
        """The submission as a zip, tar or folder that `grader.intake.stage` opens: the very file or folder of the
        export where that is one, else unpacked into the folder `id` of the private place, once.

        Raises IntakeError when it cannot be read, and OSError for a fault of this machine.
        """
        if id not in self._where:
            problem = next((entry.problem for entry in self.entries if entry.id == id), "there is no such submission")
            raise IntakeError(f"{shown(id)} cannot be graded: {problem}")
        if id not in self._fetched or not self._fetched[id].exists():
            self._fetched[id] = _only_archive(self._tree.fetch(self._where[id], self._place / id))
        return self._fetched[id]

    def close(self) -> None:
        """Closes the export; what was unpacked stays, for whoever made the private place to remove."""
        self._files.close()

    def __enter__(self) -> ClassExport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _only_archive(path: Path) -> Path:
    """The archive that is alone in a folder of the platform's making, which nobody handed in; else the path."""
    if not path.is_dir():
        return path
    inside = [entry for entry in path.iterdir() if not ignored(entry.name)]
    one = inside[0] if len(inside) == 1 else path
    return one if one.is_file() and not one.is_symlink() and one.name.casefold().endswith(SUFFIXES) else path


def _read(top: Tree) -> tuple[Kind, Tree, Class]:
    tree = top
    for _ in range(_TOP_FOLDERS):
        if gradescope.recognises(tree):
            return "gradescope", tree, gradescope.read(tree)
        if moodle.recognises(tree):
            return "moodle", tree, moodle.read(tree)
        if canvas.recognises(tree):
            return "canvas", tree, canvas.read(tree)
        only = next(iter(tree.items), "")
        if len(tree.items) != 1 or not tree.items[only].folder or tree.items[only].fault:
            break
        tree = tree.inside(only)
    # A folder that is alone may hold the class, or be the only submission.
    if tree is top or (tree.items and not plain.is_class(tree)):
        return "plain", top, plain.read(top)
    found = plain.read(tree)
    if top.name.removesuffix(".zip") != tree.name:
        found.remarks.append(f"the submissions were looked for in the folder {shown(tree.name)} in {shown(top.name)}")
    return "plain", tree, found


def _judge(tree: Tree, listed: list[Found]) -> None:
    """Adds what the names in each submission tell."""
    for found in listed:
        if found.where is not None and not found.problem:
            look = tree.look(found.where)
            found.problem = look.problem
            found.remarks += look.remarks


def _tell_of_people(listed: list[Found], names: list[str]) -> None:
    """A remark for each submission of somebody who has a part in another one."""
    of_one: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, found in enumerate(listed):
        for key in {key for person in found.people for key in _keys(person)}:
            of_one[key].append(place)
    for places in of_one.values():
        for place in places:
            other = next((other for other in places if other != place), None)
            remark = f"a person in it has a part in {names[other]}, too; both are graded" if other is not None else ""
            if remark and remark not in listed[place].remarks:
                listed[place].remarks.append(remark)


def _keys(person: Identity) -> list[tuple[str, str]]:
    keys = [person.email.casefold(), person.sid, person.participant, person.canvas]
    return [(kind, key) for kind, key in zip(("email", "sid", "participant", "canvas"), keys, strict=True) if key]


def _handed_in(id_: str, found: Found) -> HandedIn:
    return HandedIn(
        id=id_,
        people=found.people,
        handed_in_at=found.handed_in_at,
        late_min=found.late_min,
        superseded=found.superseded,
        remarks=_shortened(found.remarks),
        problem=found.problem,
    )


def _shortened(remarks: list[str]) -> tuple[str, ...]:
    more = len(remarks) - MAX_REMARKS
    return tuple(remarks) if more <= 0 else (*remarks[:MAX_REMARKS], f"and {more} more remarks")
