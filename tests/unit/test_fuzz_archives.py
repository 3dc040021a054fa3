"""Archives that nobody meant to make: whatever the bytes, they are staged or refused in one line."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import tempfile
import warnings
import zipfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import IntakeError
from grader.intake import stage
from grader.intake.archive import EntryError, open_archive
from grader.records import Manifest, Submission

MANY = settings(max_examples=150, deadline=None, derandomize=True, database=None)
MANIFEST = Manifest(
    id="a9", title="", submitted=("rnn.py", "dl/loss.py"), optional=("rnn.ipynb", "x.pt"), given=("helper.py",),
    parts=(), questions=(),
)  # fmt: skip
FILES = {
    "hw/rnn.py": b"def rnn():\n    return 1\n" * 20,
    "hw/dl/loss.py": b"y = 3\n",
    "hw/own.py": b"z = 4\n",
    "hw/rnn.ipynb": b'{"nbformat": 4, "cells": []}',
    "hw/x.pt": bytes(range(256)),
}
ALLOWED = {*MANIFEST.submitted, *MANIFEST.optional, *MANIFEST.given}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that are there twice are meant
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:", form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


SEEDS = (
    zipped(FILES),
    zipped(FILES, zipfile.ZIP_STORED),
    zipped({"final.zip": zipped(FILES)}, zipfile.ZIP_STORED),
    tarred(FILES),
    tarred({f"{'n' * 120}/{name}": data for name, data in FILES.items()}),
    tarred({f"{'n' * 120}/{name}": data for name, data in FILES.items()}, form=tarfile.GNU_FORMAT),
    tarred(FILES, "w:gz"),
    tarred(FILES, "w:xz"),
)
VALUES = (
    b"", b"\0", b"\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\1\0", b"../", b"/", b"PK\1\2", b"PK\3\4",
    b"77777777777", b"\x80\xff\xff\xff\xff\xff\xff\xff", b"x", b"L", b"2", b"5", b"-9 path=",
    struct.pack("<I", 1 << 30),
)  # fmt: skip
# After which mark, and how far (from the end when there is none); how many bytes go; what comes in their place.
changes = st.lists(
    st.tuples(
        st.tuples(st.sampled_from([b"PK\1\2", b"PK\3\4", b"PK\5\6", b"ustar", b"hw/"]), st.integers(0, 50))
        | st.tuples(st.just(b""), st.integers(-400, 4000)),
        st.integers(0, 9),
        st.sampled_from(VALUES) | st.binary(max_size=4),
    ),
    min_size=1, max_size=4,
)  # fmt: skip
Changes = list[tuple[tuple[bytes, int], int, bytes]]


def changed(seed: bytes, changes: Changes, mend: bool) -> bytes:
    data = bytearray(seed)
    for (mark, offset), length, put in changes:
        start = (data.find(mark) + offset) % (len(data) + 1)
        data[start : start + length] = put
    if mend and seed[257:262] == b"ustar":  # right checksums, so that what the headers say is looked at
        for start in range(0, len(data) - 511, 512):
            header = data[start : start + 512]
            if header[257:262] == b"ustar":
                data[start + 148 : start + 156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
    return bytes(data)


def entries_are_plain(source: Path) -> None:
    """Every entry that an archive lists has a plain path, and gives bytes within the limit or one line."""
    try:
        with open_archive(source) as archive:
            for path in archive.sizes:
                assert not path.startswith("/") and not {"..", ".", ""} & set(path.split("/")) and "\\" not in path
                try:
                    assert len(archive.read(path, 1 << 20)) <= 1 << 20
                except EntryError as error:
                    assert is_line(str(error))
    except IntakeError as error:
        assert is_line(str(error))


def staged_or_refused(data: bytes) -> Submission | None:
    """Stages the bytes as a zip would be; holds the result to all that is promised of it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "ours").mkdir()
        (root / "ours" / "helper.py").write_bytes(b"given = True\n")
        (root / "in.zip").write_bytes(data)
        entries_are_plain(root / "in.zip")
        try:
            submission = stage(root / "in.zip", MANIFEST, root / "ours", root / "out")
        except IntakeError as error:
            assert is_line(str(error))
            assert not (root / "out").exists()
            return None
        assert sorted(path.name for path in root.iterdir()) == ["in.zip", "ours", "out"]
        for path in (root / "out").rglob("*"):
            place = path.relative_to(root / "out").as_posix()
            assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR)
            assert path.is_dir() or place in ALLOWED or path.stem.isidentifier()
            assert path.is_file() or place == "dl"
        assert (root / "out" / "helper.py").read_bytes() == b"given = True\n"
        assert all(map(is_line, [*submission.findings, *submission.problems.values()]))
        return submission


def is_line(text: str) -> bool:
    return text.isprintable() and 0 < len(text) < 600


@MANY
@given(st.sampled_from(SEEDS), changes, st.booleans())
def test_damaged_archives(seed: bytes, changes: Changes, mend: bool) -> None:
    """A zip or tar with bytes exchanged, put in or taken out is staged in its place alone, or refused in one line."""
    staged_or_refused(changed(seed, changes, mend))


@MANY
@given(st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08\0", b"\xfd7zXZ\0", b"Rar!"]), st.binary(max_size=600))
def test_random_bytes(start: bytes, data: bytes) -> None:
    """Bytes that begin like an archive, or like nothing, are refused in one line."""
    assert staged_or_refused(start + data) is None


names = st.lists(
    st.sampled_from(
        ["rnn.py", "dl", "hw", "..", ".", "", "C:", "CON", "aux.py", "nul.txt", "a.", "b ", "\\", "\n", "\x1b[2J",
         "\u202e", "\u200f", "\u2028", "x" * 255, "é" * 127, "x" * 256, "rnn.py ", "RNN.py", "rnn\u200b.py", "=1.py",
         "<b>.py"]
    ) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    min_size=1, max_size=4,
).map("/".join)  # fmt: skip


@MANY
@given(st.lists(names, max_size=6), st.sampled_from([zipped, tarred]))
def test_any_names(names: list[str], pack: type) -> None:
    """Whatever the other entries of an archive are called, the good ones are staged and the rest is said in lines."""
    data = pack({**{name: b"evil = 1\n" for name in names if name.strip("/")}, **FILES})
    submission = staged_or_refused(data)
    assert submission is not None
    assert submission.hashes or submission.problems
