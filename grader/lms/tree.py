"""What lies at the top of a class, and how one submission is got out of it; `folders` and `zips` are the two kinds.

Listing reads names only. Of a zip nothing is unpacked before it is asked for, and then one submission alone, under the
limits that `grader.intake.archive` has for a submission; the zip as a whole has only those on numbers of entries, since
one student's data set must not keep the others from being graded. Of a folder, submissions are used where they lie.
"""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from grader.errors import IntakeError
from grader.intake.archive import EntryError, reading, shown
from grader.lms.names import suffix

MAX_SUBMISSIONS: Final = 20_000  # files and folders at the top

_DOWNLOAD: Final = "download it again"

# Where a submission lies: a folder or archive at the top, or files at the top by the names they get in one new folder.
Where = str | Mapping[str, str]


@dataclass(frozen=True)
class Item:
    """A file or folder at the top. size: bytes of a file. fault: why it cannot be used, or ""."""

    folder: bool
    size: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Look:
    """What a listing tells of a submission: why there is nothing in it, and a sentence for each entry left out."""

    problem: str = ""
    remarks: tuple[str, ...] = ()


class Unpackable(Protocol):
    """What is unpacked: an Archive whose files can be read bit by bit, within `reading`."""

    sizes: dict[str, int]
    refused: dict[str, str]

    def open(self, path: str) -> IO[bytes]: ...


class Tree(ABC):
    """The top of a class.

    name: of the folder or zip. items: by their names, sorted, without what hidden files and caches are called.
    refused: a sentence for each entry of a zip that lies in nothing at the top.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: dict[str, Item] = {}
        self.refused: tuple[str, ...] = ()

    @abstractmethod
    def inside(self, folder: str) -> Tree:
        """The same, one folder down. Raises IntakeError."""

    @abstractmethod
    def names(self, folder: str) -> set[str]:
        """What lies directly in a folder."""

    @abstractmethod
    def open(self, file: str) -> IO[bytes]:
        """A file at the top, to be read within `reading`."""

    def look(self, where: Where) -> Look:
        """Judges a submission by names and claimed sizes."""
        items = [where] if isinstance(where, str) else list(where.values())
        for item in items:
            if fault := self.items[item].fault:
                return Look(f"{shown(item)} cannot be used: {fault}")
        if not any(self.items[item].folder or self.items[item].size for item in items):
            return Look("it is empty")
        return self._look(where)

    def fetch(self, where: Where, place: Path) -> Path:
        """A submission as a folder or archive: where it lies, or unpacked into the new folder `place`. IntakeError
        when it cannot be read."""
        alone = ""
        if isinstance(where, str) and not self.items[where].folder:
            alone = place.name + suffix(where)
            where = {alone: where}
        archive = self._archive(where)
        with _new(place) as folder:
            for path in archive.sizes:
                self._write(archive, path, folder / path)
        return place / alone

    @abstractmethod
    def _archive(self, where: Where) -> Unpackable: ...

    def _look(self, where: Where) -> Look:
        try:
            archive = self._archive(where)
        except IntakeError as error:
            return Look(str(error))
        remarks = tuple(archive.refused.values())
        if not archive.sizes:
            return Look(f"it holds no file that can be used: {remarks[0]}" if remarks else "it holds no file")
        return Look(remarks=remarks)

    def _write(self, archive: Unpackable, path: str, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file, reading(path, self.name, _DOWNLOAD), archive.open(path) as source:
                shutil.copyfileobj(source, file)
        except (FileExistsError, NotADirectoryError) as error:
            raise IntakeError(f"{shown(path)} is a file and a folder at once in {shown(self.name)}") from error
        except EntryError as error:
            raise IntakeError(str(error)) from error


@contextmanager
def _new(place: Path) -> Iterator[Path]:
    """A folder that becomes `place` when all goes well, and is gone otherwise."""
    part = place.with_name(f".{place.name}.part")  # no id begins with a full stop
    for left in (part, place):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        yield part
        part.rename(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def check_number(name: str, items: Collection[str]) -> None:
    if len(items) > MAX_SUBMISSIONS:
        raise IntakeError(f"{shown(name)} holds more than {MAX_SUBMISSIONS} submissions; name the folder of one class")
