"""What travels to another machine: a submission, and the files of an assignment, each as one piece of bytes.

A folder arrives as intake would have found it here: names byte by byte, and in the place of a link, a pipe or a socket
one of its kind, which intake leaves out with the same words. No link's target and no right travels.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from grader.errors import GraderError
from grader.intake.archive import MAX_DEPTH, MAX_ENTRIES, MAX_FILE, MIB, ignored, shown
from grader.records import Record

MOST: Final = 512 * MIB  # of one submission
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Entry(Record, frozen=True, array_like=True):
    """One file or folder.

    path: the submission's own name, then what is below it.
    kind: as in `stat.S_IFMT`. linked: it has another name besides (a hard link).
    size: bytes of a file. content: empty for one that intake will not read.
    """

    path: bytes
    kind: int
    size: int = 0
    content: bytes = b""
    linked: bool = False


def pack(source: Path) -> bytes:
    """A submission: an archive, or a folder without what intake ignores. Raises OSError, and GraderError when it is too
    large to travel."""
    name, entries, size = os.fsencode(source.name), [], 0
    for entry in _below(os.path.realpath(os.fsencode(source)), name) if source.is_dir() else [_single(source, name)]:
        size += len(entry.content)
        if size > MOST:
            raise GraderError(
                f"{shown(source.name)} has more than {MOST // MIB} MiB, too much to travel to another machine; "
                "grade it on this one, without --cluster"
            )
        entries.append(entry)
        if len(entries) > MAX_ENTRIES + 1:
            break  # so many that intake refuses it, whatever else there is
    return msgspec.msgpack.encode(entries)


def _single(source: Path, name: bytes) -> Entry:
    with source.open("rb") as file:
        content = file.read(MOST + 1)
    return Entry(path=name, kind=stat.S_IFREG, size=len(content), content=content)


def _below(top: bytes, name: bytes) -> Iterator[Entry]:
    """By descriptors, so that no link inside is ever followed; folders before what is in them."""
    yield Entry(path=name, kind=stat.S_IFDIR)
    for folder, folders, files, descriptor in os.fwalk(top, onerror=_complain):
        place = name + folder[len(top) :]
        folders[:] = [inner for inner in folders if not ignored(os.fsdecode(inner))]
        for inner in (*folders, *(file for file in files if not ignored(os.fsdecode(file)))):
            status = os.stat(inner, dir_fd=descriptor, follow_symlinks=False)
            kind, content = stat.S_IFMT(status.st_mode), b""
            linked = kind == stat.S_IFREG and status.st_nlink > 1
            if kind == stat.S_IFREG and not linked and status.st_size <= MAX_FILE:
                with open(os.open(inner, _FILE, dir_fd=descriptor), "rb") as file:
                    content = file.read(MAX_FILE)
            yield Entry(path=place + b"/" + inner, kind=kind, size=status.st_size, content=content, linked=linked)
        if place.count(b"/") >= MAX_DEPTH:
            folders.clear()  # intake goes no deeper


def _complain(error: OSError) -> None:
    raise error


def unpack(data: bytes, folder: Path) -> Path:
    """Puts a submission below `folder` (private, empty); where it lies. Raises OSError, and ValueError for what no
    `pack` has made."""
    place, twins = folder / "submission", folder / "twins"
    place.mkdir()
    twins.mkdir()
    entries = msgspec.msgpack.decode(data, type=list[Entry])
    for number, entry in enumerate(entries):
        path = _inside(place, os.fsdecode(entry.path))
        if entry.kind == stat.S_IFDIR:
            path.mkdir(mode=0o700)
        elif entry.kind == stat.S_IFREG:
            with path.open("xb") as file:
                file.write(entry.content)
                file.truncate(entry.size)  # to its claimed size, where the content was not worth sending
            if entry.linked:
                os.link(path, twins / str(number))
        elif entry.kind == stat.S_IFLNK:
            path.symlink_to("elsewhere")
        elif entry.kind in (stat.S_IFBLK, stat.S_IFCHR):
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))  # the one device that everybody may make
        else:
            os.mknod(path, entry.kind | 0o600)
    return _inside(place, os.fsdecode(entries[0].path))


def pack_files(files: Mapping[str, Path]) -> bytes:
    """Of an assignment; see `suite.files_of`. Raises OSError."""
    return msgspec.msgpack.encode({place: path.read_bytes() for place, path in files.items()})


def unpack_files(data: bytes, root: Path) -> None:
    """Writes the files of an assignment below `root`. Raises OSError, ValueError."""
    for place, content in msgspec.msgpack.decode(data, type=dict[str, bytes]).items():
        path = _inside(root, place)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _inside(root: Path, place: str) -> Path:
    if not place or any(part in ("", ".", "..") for part in place.split("/")):
        raise ValueError(f"{shown(place)} is no place below a folder")
    return root / place
