"""A class in a folder, where staff unpacked an export or put submissions together."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from grader.errors import IntakeError
from grader.intake.archive import MAX_DEPTH, MAX_TOTAL, MIB, Archive, ignored, name_fault, oddity_of, reason, shown
from grader.lms.tree import Item, Look, Tree, Unpackable, Where, check_number


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
        check_number(self.name, found)
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

    def _archive(self, where: Where) -> Unpackable:
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
