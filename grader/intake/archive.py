"""Open a submission (zip, tar or folder) made by somebody we do not trust, and read single files of it.

Nothing is ever unpacked: an archive is a table of plain relative paths, and `read` gives the bytes of
one of them. An entry that is not a regular file with a plain name is left out and said so in
`refused`; an archive that cannot be read, or unpacks to far too much, is an IntakeError.
Sizes in headers are claims, so every limit is also held while reading.
A fault of this machine (a full disk, no descriptor left) stays the OSError that it is: the submission is not at fault.
"""

from __future__ import annotations

import errno
import gzip
import io
import lzma
import os
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from grader.errors import IntakeError
from grader.intake import tar

MIB = 1024 * 1024
MAX_ENTRIES = 5_000
MAX_TOTAL = 512 * MIB  # all entries, unpacked
MAX_FILE = 128 * MIB
MAX_RATIO = 200  # unpacked to packed …
RATIO_FROM = 16 * MIB  # … once this much has been unpacked
MAX_DEPTH = 20  # folders
MAX_NAME, MAX_PATH = 255, 1024  # bytes of one part, of the whole path
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")

_CHUNK = 64 * 1024
_CENTRAL = b"PK\1\2"  # opens each entry of a zip's directory
_ZIP_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_XZ_MEMORY = 256 * MIB
_IGNORED = frozenset({"__MACOSX", "__pycache__", "venv", "node_modules", "Thumbs.db", "desktop.ini"})
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_TAR_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a named pipe",
}
_OTHER_FORMATS = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7-Zip archive", b"BZh": "packed with bzip2"}
# What the standard readers raise on damaged or forged input.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError,
    OverflowError, NotImplementedError, RuntimeError, MemoryError,
)  # fmt: skip


_OF_MACHINE = frozenset(
    getattr(errno, name, 0)  # Windows has not all of them
    for name in ("EMFILE", "ENFILE", "ENOSPC", "EDQUOT", "EROFS", "EFBIG", "EIO", "ENOMEM")
)


def _of_machine(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _OF_MACHINE


class EntryError(Exception):
    """One file of a submission cannot be used; the text is a sentence for a person."""


@contextmanager
def reading(path: str, name: str, mend: str = "hand it in again") -> Iterator[None]:
    """Around the reading of a path in the archive called `name`: what readers raise on damaged input becomes an
    EntryError that ends in `mend`."""
    try:
        yield
    except _DAMAGE as error:
        if _of_machine(error):
            raise
        raise EntryError(f"{shown(path)} is damaged in {shown(name)} ({reason(error)}); {mend}") from error


def shown(text: str, most: int = 120) -> str:
    """`text` made fit for one line of a report: unprintable characters escaped, the middle cut out."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


def ignored(part: str) -> bool:
    """Whether a file or folder of this name is left out without a word (hidden, a cache, an environment)."""
    return part.startswith(".") or part in _IGNORED


class Archive(ABC):
    """The usable files of a submission.

    name: the submission's own file or folder name.
    sizes: path relative to the top, "/" between parts -> claimed size in bytes.
    refused: path (or the name as shown, when it is no plain path) -> one sentence why it is left out.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sizes: dict[str, int] = {}
        self.refused: dict[str, str] = {}
        self._entries = 0
        self._spellings: dict[str, str] = {}  # path without case and normal form -> path

    @abstractmethod
    def _read(self, path: str, most: int) -> bytes:
        """The first `most` bytes of a path in `sizes`."""

    def read(self, path: str, limit: int = MAX_FILE) -> bytes:
        """The bytes of a path in `sizes`; EntryError when it is damaged or has more than `limit` bytes."""
        too_large = EntryError(f"{shown(path)} is larger than {limit / MIB:.0f} MiB; hand in a smaller file")
        if self.sizes[path] > limit:
            raise too_large
        with reading(path, self.name):
            data = self._read(path, limit + 1)
        if len(data) > limit:
            raise too_large
        return data

    def _admit(self, raw: str, size: int = 0, oddity: str = "", *, folder: bool = False) -> str | None:
        """Judge one entry by name and kind; its clean path, or None when it is left out."""
        parts = [part for part in raw.split("/") if part not in ("", ".")]
        fault = name_fault(raw, parts)
        if fault is None and (not parts or any(map(ignored, parts))):
            return None
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise IntakeError(
                f"{shown(self.name)} holds more than {MAX_ENTRIES} files and folders; "
                "leave out data sets and Python environments"
            )
        if fault is not None:
            self._refuse(shown(raw), f"{fault}; pack the folder again with plain names")
            return None
        path = "/".join(parts)
        if folder:
            return path
        spelling = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
        twin = self._spellings.setdefault(spelling, path)
        if oddity:
            self._refuse(path, f"it is {oddity}; hand in the file itself")
        elif path in self.sizes or path in self.refused:
            self._refuse(path, "it is there more than once; hand in one")
        elif twin != path:
            for this, other in ((path, twin), (twin, path)):
                self._refuse(
                    this, f"{shown(other)} differs only in upper and lower case or accents; hand in one"
                )
        else:
            self.sizes[path] = size
            return path
        return None

    def _refuse(self, path: str, why: str) -> None:
        self.sizes.pop(path, None)
        self.refused[path] = f"{shown(path)} was left out: {why}"


def name_fault(raw: str, parts: list[str]) -> str | None:
    """Why a name of an entry cannot be a relative path everywhere, or None."""
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in raw):
        return "its name holds a NUL, a control character or bytes that are not UTF-8"
    if "\\" in raw:
        return "its name holds a backslash"
    if raw.startswith("/") or re.match(r"[A-Za-z]:", raw):
        return "its name is an absolute path"
    if ".." in parts:
        return 'its name leaves the folder ("..")'
    if len(parts) > MAX_DEPTH:
        return f"it lies more than {MAX_DEPTH} folders deep"
    if len(raw.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in parts):
        return "its name is too long"
    return None


# --- folder -----------------------------------------------------------------------------------------

_FOLDER = sum(getattr(os, flag, 0) for flag in ("O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"))
# O_NONBLOCK: a named pipe put there after the listing must not hold us up.
_FILE = sum(getattr(os, flag, 0) for flag in ("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


class _FolderArchive(Archive):
    """A folder, walked by descriptors so that no link inside it is ever followed."""

    def __init__(self, name: str, descriptor: int) -> None:
        super().__init__(name)
        self._root = descriptor
        self._walk(descriptor, "")

    def _walk(self, descriptor: int, prefix: str) -> None:
        with os.scandir(descriptor) as items:
            kept = {item.name: item.stat(follow_symlinks=False) for item in items if not ignored(item.name)}
        for name, status in sorted(kept.items()):
            if not stat.S_ISDIR(status.st_mode):
                self._admit(prefix + name, status.st_size, oddity_of(status))
                continue
            path = self._admit(prefix + name, folder=True)
            if path is None:
                continue
            try:
                child = os.open(name, _FOLDER, dir_fd=descriptor)
            except OSError as error:
                if _of_machine(error):
                    raise
                self._refuse(path, f"the folder cannot be opened ({reason(error)}); mend its rights")
                continue
            try:
                self._walk(child, f"{path}/")
            finally:
                os.close(child)

    def _read(self, path: str, most: int) -> bytes:
        *folders, last = path.split("/")
        with ExitStack() as stack:
            descriptor = self._root
            for name in folders:
                descriptor = os.open(name, _FOLDER, dir_fd=descriptor)
                stack.callback(os.close, descriptor)
            file = stack.enter_context(open(os.open(last, _FILE, dir_fd=descriptor), "rb"))
            oddity = oddity_of(os.fstat(file.fileno()))
            if oddity:
                raise OSError(f"it is now {oddity}")
            return file.read(most)


class PathFolderArchive(Archive):
    """A folder by its paths, where the platform has no directory descriptors (Windows): links are refused, but
    somebody who exchanges files during the reading is not noticed. It is for one's own folder."""

    def __init__(self, name: str, root: Path) -> None:
        super().__init__(name)
        self._root = root
        self._walk(root, "")

    def _walk(self, folder: Path, prefix: str) -> None:
        for item in sorted(folder.iterdir()):
            if ignored(item.name):
                continue
            status = item.lstat()
            if not stat.S_ISDIR(status.st_mode):
                self._admit(prefix + item.name, status.st_size, oddity_of(status))
            elif path := self._admit(prefix + item.name, folder=True):
                self._walk(item, f"{path}/")

    def _read(self, path: str, most: int) -> bytes:
        file = self._root / path
        if oddity := oddity_of(file.lstat()):
            raise OSError(f"it is now {oddity}")
        with file.open("rb") as opened:
            return opened.read(most)


def oddity_of(status: os.stat_result) -> str:
    if not stat.S_ISREG(status.st_mode):
        return _KINDS.get(stat.S_IFMT(status.st_mode), "no regular file")
    # The other name of a hard link may be a file that the student could not read, but we can.
    return "a hard link" if status.st_nlink > 1 else ""


# --- zip --------------------------------------------------------------------------------------------


class ZipArchive(Archive):
    """Entries of a zip that are one submission: all of them, or in a zip of a class those of one person.

    entries: the path of each in the submission, as it stands in the zip. Raises IntakeError as `open_archive`.
    """

    def __init__(self, name: str, opened: zipfile.ZipFile, entries: Iterable[tuple[str, zipfile.ZipInfo]]) -> None:
        super().__init__(name)
        self._zip = opened
        self._members: dict[str, zipfile.ZipInfo] = {}
        total = packed = 0
        for raw, member in entries:
            mode = member.external_attr >> 16
            packed += len(member.orig_filename) + member.compress_size
            folder = raw.endswith("/") or stat.S_ISDIR(mode)
            path = self._admit(raw, member.file_size, _KINDS.get(stat.S_IFMT(mode), ""), folder=folder)
            if folder or path is None:
                continue
            total += member.file_size
            if member.flag_bits & 0x1:
                raise IntakeError(f"{shown(name)} is encrypted; remove the password")
            if member.compress_type not in _ZIP_PACKINGS:
                raise IntakeError(
                    f"{shown(name)} uses an unsupported compression (method {member.compress_type}); "
                    "make an ordinary zip"
                )
            self._members[path] = member
        _check_growth(name, total, packed)

    def _read(self, path: str, most: int) -> bytes:
        with self.open(path) as file:
            data = file.read(most)
        if len(data) != min(self.sizes[path], most):
            raise ValueError("its size differs from what the zip says")
        return data

    def open(self, path: str) -> IO[bytes]:
        """A path in `sizes`, to be read within `reading`; it gives at most as many bytes as `sizes` says."""
        return self._zip.open(self._members[path])


def load_zip(name: str, file: IO[bytes], most: int = MAX_ENTRIES) -> zipfile.ZipFile:
    """The directory of a zip; IntakeError when it is damaged, forged or has far more than `most` entries."""
    # ZipFile loads the whole directory before anybody can count. Stored entries may hold the mark by
    # chance or be zips themselves, and hidden folders count as well, hence ten times the limit.
    marks, tail = 0, b""
    for chunk in iter(partial(file.read, MIB), b""):
        marks += (tail + chunk).count(_CENTRAL)
        tail = chunk[-(len(_CENTRAL) - 1) :]
    if marks > 10 * most:
        raise IntakeError(f"{shown(name)} holds more than {most} files; leave out data sets")
    try:
        opened = zipfile.ZipFile(file)
    except _DAMAGE as error:
        if _of_machine(error):
            raise
        raise IntakeError(
            f"{shown(name)} is a damaged or truncated zip ({reason(error)}); make the zip again"
        ) from error
    end = 0
    for member in sorted(opened.infolist(), key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise IntakeError(f"{shown(name)} holds entries that overlap; make the zip again")
        end = member.header_offset + 30 + member.compress_size
    return opened


# --- tar --------------------------------------------------------------------------------------------


class _TarArchive(Archive):
    def __init__(self, name: str, file: IO[bytes]) -> None:
        super().__init__(name)
        size = file.seek(0, os.SEEK_END)
        _check_growth(name, size, size)
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        try:
            for raw, kind, start, size in tar.entries(file, 10 * MAX_ENTRIES):
                oddity = "" if kind in b"07\0" else _TAR_KINDS.get(kind, "an entry of a special kind")
                path = self._admit(raw, size, oddity, folder=kind == b"5" or raw.endswith("/"))
                if path is not None:
                    self._places[path] = start, size
        except (ValueError, EOFError) as error:
            raise IntakeError(
                f"{shown(name)} is a damaged or truncated tar ({reason(error)}); make it again"
            ) from error

    def _read(self, path: str, most: int) -> bytes:
        start, size = self._places[path]
        self._file.seek(start)
        return self._file.read(min(size, most))


# --- the door ---------------------------------------------------------------------------------------


@contextmanager
def open_archive(source: Path) -> Iterator[Archive]:
    """Open a zip, a tar (plain, gzip, xz) or a folder; IntakeError when that cannot be done.

    `source` itself is named by staff and may be a symbolic link; nothing inside it may.
    """
    name = source.name or source.resolve().name
    if source.is_dir() and os.open not in os.supports_dir_fd:
        yield PathFolderArchive(name, source)
        return
    with ExitStack() as stack:
        try:
            descriptor = os.open(source, _FILE & ~getattr(os, "O_NOFOLLOW", 0))
        except OSError as error:
            if _of_machine(error):
                raise
            raise IntakeError(f"{shown(name)} cannot be opened ({reason(error)})") from error
        stack.callback(os.close, descriptor)
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            try:
                folder = _FolderArchive(name, descriptor)
            except OSError as error:
                if _of_machine(error):
                    raise
                raise IntakeError(f"{shown(name)} cannot be read ({reason(error)})") from error
            yield folder
        elif stat.S_ISREG(mode):
            yield _open_packed(name, stack.enter_context(open(descriptor, "rb", closefd=False)), stack)
        else:
            raise IntakeError(f"{shown(name)} is neither a file nor a folder; hand in a zip")


@contextmanager
def open_inner(outer: Archive, path: str) -> Iterator[Archive]:
    """Open an archive that lies inside another one; IntakeError as `open_archive`."""
    try:
        data = outer.read(path)
    except EntryError as error:
        raise IntakeError(str(error)) from error
    with ExitStack() as stack:
        yield _open_packed(path.rpartition("/")[2], io.BytesIO(data), stack)


def _open_packed(name: str, file: IO[bytes], stack: ExitStack) -> Archive:
    start = file.read(tar.BLOCK)
    file.seek(0)
    if start[:4] in (b"PK\3\4", b"PK\5\6"):
        opened = load_zip(name, file)
        # `filename` is cut at a NUL, `orig_filename` is not.
        return ZipArchive(name, opened, ((member.orig_filename, member) for member in opened.infolist()))
    if start[:2] == b"\x1f\x8b" or start[:6] == b"\xfd7zXZ\0":
        file = _unpacked(name, file, stack)
        start = file.read(tar.BLOCK)
        if not start:
            raise IntakeError(f"{shown(name)} is empty; hand in a zip of your files")
    if len(start) == tar.BLOCK and (tar.is_header(start) or not any(start)):
        return _TarArchive(name, file)
    if not start:
        raise IntakeError(f"{shown(name)} is empty; hand in a zip of your files")
    for magic, words in _OTHER_FORMATS.items():
        if start.startswith(magic):
            raise IntakeError(f"{shown(name)} is {words}; hand in a zip")
    raise IntakeError(f"{shown(name)} is neither a zip nor a tar nor a folder; hand in a zip of your files")


def _unpacked(name: str, packed: IO[bytes], stack: ExitStack) -> IO[bytes]:
    """The content of a gzip or xz file in a temporary file, positioned at its start."""
    size = packed.seek(0, os.SEEK_END)
    packed.seek(0)
    is_gzip = packed.read(2) == b"\x1f\x8b"
    packed.seek(0)
    gzip_chunks = iter(partial(gzip.GzipFile(fileobj=packed).read, _CHUNK), b"")
    chunks = gzip_chunks if is_gzip else _xz_chunks(packed)
    # Up to 8 MiB stay in memory.
    result = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=8 * MIB))  # noqa: SIM115
    total = 0
    try:
        for chunk in chunks:
            total += len(chunk)
            _check_growth(name, total, size)
            result.write(chunk)
    except _DAMAGE as error:
        if _of_machine(error):
            raise
        raise IntakeError(
            f"{shown(name)} is damaged or truncated ({reason(error)}); make it again"
        ) from error
    result.seek(0)
    return result


def _xz_chunks(file: IO[bytes]) -> Iterator[bytes]:
    # LZMAFile takes no memory limit, and a forged header may ask for a dictionary of 4 GiB.
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    while not decoder.eof:
        data = file.read(_CHUNK) if decoder.needs_input else b""
        if decoder.needs_input and not data:
            raise EOFError("it ends too early")
        yield decoder.decompress(data, _CHUNK)


def _check_growth(name: str, unpacked: int, packed: int) -> None:
    if unpacked > MAX_TOTAL:
        raise IntakeError(f"{shown(name)} unpacks to more than {MAX_TOTAL // MIB} MiB; leave out data sets")
    if unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed:
        raise IntakeError(
            f"{shown(name)} unpacks to more than {MAX_RATIO} times its size, as only a zip bomb does; "
            "leave out large files"
        )


def reason(error: BaseException) -> str:
    """The error in a few words, without paths."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return shown(words.splitlines()[0] if words else type(error).__name__, 100)
