"""What lies at the top of a class, in a folder or in a zip, and how one submission is got out of it.

Listing reads names only. Of a zip nothing is unpacked before it is asked for, and then one submission alone, under the
limits that `grader.intake.archive` has for a submission; the zip as a whole has only those on numbers of entries, since
one student's data set must not keep the others from being graded. Of a folder, submissions are used where they lie.
"""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from grader.errors import IntakeError
from grader.intake.archive import (
    MAX_DEPTH,
    MAX_TOTAL,
    MIB,
    Archive,
    EntryError,
    ZipArchive,
    ignored,
    load_zip,
    name_fault,
    oddity_of,
    reading,
    reason,
    shown,
)
from grader.lms.names import suffix

MAX_SUBMISSIONS: Final = 20_000  # files and folders at the top
MAX_FILES: Final = 200_000  # of a zip; see the test of memory

_DOWNLOAD: Final = "download it again"
_ENCRYPTED: Final = 0x1  # bits of a zip entry's flags
_UTF8: Final = 0x800

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


class _Files(Protocol):
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
    def _archive(self, where: Where) -> _Files: ...

    def _look(self, where: Where) -> Look:
        try:
            archive = self._archive(where)
        except IntakeError as error:
            return Look(str(error))
        remarks = tuple(archive.refused.values())
        if not archive.sizes:
            return Look(f"it holds no file that can be used: {remarks[0]}" if remarks else "it holds no file")
        return Look(remarks=remarks)

    def _write(self, archive: _Files, path: str, target: Path) -> None:
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
    part = place.with_name(f"{place.name}.part")
    for left in (part, place):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        yield part
        part.rename(place)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _check_number(name: str, items: Collection[str]) -> None:
    if len(items) > MAX_SUBMISSIONS:
        raise IntakeError(f"{shown(name)} holds more than {MAX_SUBMISSIONS} submissions; name the folder of one class")


# --- folder -----------------------------------------------------------------------------------------


class FolderTree(Tree):
    """A folder of staff's. Links in it are not followed: it may be what somebody else's archive was unpacked to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root.name or root.resolve().name)
        self._root = root
        try:
            with os.scandir(root) as entries:
                found = {entry.name: entry.stat(follow_symlinks=False) for entry in entries if not ignored(entry.name)}
        except OSError as error:
            raise IntakeError(f"{shown(self.name)} cannot be read ({reason(error)})") from error
        _check_number(self.name, found)
        for name, status in sorted(found.items()):
            folder = stat.S_ISDIR(status.st_mode)
            fault = name_fault(name, [name]) or ""
            if not fault and not folder and (oddity := oddity_of(status)):
                fault = f"it is {oddity}; put a copy there"
            self.items[name] = Item(folder, 0 if folder else status.st_size, fault)

    def inside(self, folder: str) -> Tree:
        return FolderTree(self._root / folder)

    def names(self, folder: str) -> set[str]:
        try:
            return set(os.listdir(self._root / folder))
        except OSError:
            return set()  # `look` tells it

    def open(self, file: str) -> IO[bytes]:
        return (self._root / file).open("rb")

    def fetch(self, where: Where, place: Path) -> Path:
        if not isinstance(where, str):
            return super().fetch(where, place)
        if (self._root / where).is_symlink():
            raise IntakeError(f"{shown(where)} is now a symbolic link; put a copy there")
        return self._root / where

    def _archive(self, where: Where) -> _Files:
        files = {where: where} if isinstance(where, str) else where
        return _Loose(self.name, {name: self._root / item for name, item in files.items()})

    def _look(self, where: Where) -> Look:
        if not isinstance(where, str) or not self.items[where].folder:
            return super()._look(where)
        try:
            return Look("" if _any_file(self._root / where, MAX_DEPTH) else "it holds no file")
        except OSError as error:
            return Look(f"it cannot be read ({reason(error)}); mend its rights")


class _Loose(Archive):
    """Files of a folder under other names."""

    def __init__(self, name: str, files: Mapping[str, Path]) -> None:
        super().__init__(name)
        self._files: dict[str, Path] = {}
        for place, file in files.items():
            try:
                status = file.lstat()
            except OSError as error:
                raise IntakeError(f"{shown(place)} cannot be read ({reason(error)})") from error
            if path := self._admit(place, status.st_size, oddity_of(status)):
                self._files[path] = file
        if sum(self.sizes.values()) > MAX_TOTAL:
            raise IntakeError(f"its files have more than {MAX_TOTAL // MIB} MiB")

    def open(self, path: str) -> IO[bytes]:
        return self._files[path].open("rb")

    def _read(self, path: str, most: int) -> bytes:
        with self.open(path) as file:
            return file.read(most)


def _any_file(folder: Path, depth: int) -> bool:
    with os.scandir(folder) as entries:
        kept = [entry for entry in entries if not ignored(entry.name)]
    return any(entry.is_file(follow_symlinks=False) for entry in kept) or any(
        depth > 0 and _any_file(Path(entry.path), depth - 1) for entry in kept if entry.is_dir(follow_symlinks=False)
    )


# --- zip --------------------------------------------------------------------------------------------

Entries = list[tuple[str, zipfile.ZipInfo]]  # with their paths below what they lie in, "/" at the end of folders


class ZipTree(Tree):
    """A zip, of which nothing is trusted, or a folder in it."""

    def __init__(self, name: str, opened: zipfile.ZipFile, entries: Entries) -> None:
        super().__init__(name)
        self._zip = opened
        self._entries: dict[str, Entries] = {}
        refused: dict[str, str] = {}
        for path, member in entries:
            parts = [part for part in path.split("/") if part not in ("", ".")]
            if not parts or ignored(parts[0]):
                continue
            # A fault deeper down is the submission's.
            if fault := name_fault("/" * path.startswith("/") + parts[0], parts[:1]):
                refused[path] = f"{shown(path)} was left out: {fault}"
                continue
            folder = path.endswith("/") or stat.S_ISDIR(member.external_attr >> 16)
            self._entries.setdefault(parts[0], []).append(("/".join(parts[1:]) + "/" * folder, member))
        _check_number(name, self._entries)
        self.refused = tuple(refused.values())
        self.items = {top: _item(self._entries[top]) for top in sorted(self._entries)}

    def inside(self, folder: str) -> Tree:
        return ZipTree(folder, self._zip, self._entries[folder])

    def names(self, folder: str) -> set[str]:
        return {path.partition("/")[0] for path, _member in self._entries[folder]}

    def open(self, file: str) -> IO[bytes]:
        return self._zip.open(self._entries[file][0][1])

    def _archive(self, where: Where) -> ZipArchive:
        if isinstance(where, str) and self.items[where].folder:
            inside = ((path, member) for path, member in self._entries[where] if path.strip("/"))
            return ZipArchive(where, self._zip, inside)
        files = {where: where} if isinstance(where, str) else where
        return ZipArchive(
            next(iter(files.values())), self._zip, [(name, self._entries[item][0][1]) for name, item in files.items()]
        )


def _item(entries: Entries) -> Item:
    files = [member for rest, member in entries if not rest]
    if len(files) < len(entries):
        return Item(folder=True, fault="a file has the same name; keep one" if files else "")
    if len(files) > 1:
        return Item(folder=False, fault="it is there more than once; keep one")
    regular = stat.S_IFMT(files[0].external_attr >> 16) in (0, stat.S_IFREG)
    fault = "" if regular else "it is a link or another special file; put a copy there"
    return Item(folder=False, size=files[0].file_size, fault=fault)


@contextmanager
def open_tree(source: Path) -> Iterator[Tree]:
    """The top of a folder or a zip, which staff name. Raises IntakeError."""
    if source.is_dir():
        yield FolderTree(source)
        return
    name = source.name
    try:
        file = source.open("rb")
    except OSError as error:
        raise IntakeError(f"{shown(name)} cannot be opened ({reason(error)})") from error
    with file:
        start = file.read(4)
        if start not in (b"PK\3\4", b"PK\5\6"):
            raise IntakeError(f"{shown(name)} is neither a zip nor a folder; name the export as it was downloaded")
        file.seek(0)
        opened = load_zip(name, file, MAX_FILES)
        members = opened.infolist()
        if len(members) > MAX_FILES:
            raise IntakeError(f"{shown(name)} holds more than {MAX_FILES} files; unpack it and name the folder")
        if any(member.flag_bits & _ENCRYPTED for member in members):
            raise IntakeError(f"{shown(name)} is encrypted; remove the password")
        yield ZipTree(name, opened, [(_path(member), member) for member in members])


def _path(member: zipfile.ZipInfo) -> str:
    """A name as it was meant. Without the flag for UTF-8 it is in that code all the same, in Windows-1252, or in the
    DOS code page, in which zipfile reads it; in the wrong one of the two, letters become signs."""
    name = member.orig_filename
    if member.flag_bits & _UTF8 or name.isascii():
        return name
    data = name.encode("cp437")
    for code in ("utf-8", "cp1252"):
        try:
            text = data.decode(code)
        except UnicodeDecodeError:
            continue
        if code == "utf-8" or all(c.isascii() or c.isalpha() or c in "’–" for c in text):
            return text
    return name
