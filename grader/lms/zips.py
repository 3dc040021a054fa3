"""A class in a zip, as platforms let staff download it; nothing in it is trusted."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from grader.errors import IntakeError
from grader.intake.archive import ZipArchive, ignored, load_zip, name_fault, reason, shown
from grader.lms.tree import Item, Tree, Where, check_number

MAX_FILES: Final = 200_000  # entries, at about 1 KiB of memory each

_ENCRYPTED: Final = 0x1  # bits of an entry's flags
_UTF8: Final = 0x800

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
            if not parts:
                continue
            # A fault deeper down is the submission's.
            if fault := name_fault("/" * path.startswith("/") + parts[0], parts[:1]):
                refused[path] = f"{shown(path)} was left out: {fault}"
                continue
            if ignored(parts[0]):
                continue
            folder = path.endswith("/") or stat.S_ISDIR(member.external_attr >> 16)
            self._entries.setdefault(parts[0], []).append(("/".join(parts[1:]) + "/" * folder, member))
        check_number(name, self._entries)
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
    return Item(folder=False, size=files[0].file_size)  # whether it is a link is for ZipArchive to say


@contextmanager
def open_zip(source: Path) -> Iterator[Tree]:
    """The top of a zip, which staff name. Raises IntakeError."""
    name = source.name
    try:
        file = source.open("rb")
    except OSError as error:
        raise IntakeError(f"{shown(name)} cannot be opened ({reason(error)})") from error
    with file:
        if file.read(4) not in (b"PK\3\4", b"PK\5\6"):
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
