"""Submissions and assignments as bytes: what arrives is graded as what was sent."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from grader.batch import freight
from grader.batch.freight import Entry, pack, pack_files, unpack, unpack_files
from grader.errors import GraderError, IntakeError
from grader.intake import stage
from grader.intake.archive import MAX_DEPTH, MAX_ENTRIES, MAX_FILE
from grader.records import Manifest, Part, Question

MANIFEST = Manifest(
    id="m",
    title="M",
    submitted=("solution.py",),
    given=(),
    parts=(Part(id="p", title="P", points=1),),
    questions=(Question(id="q", part="p", title="Q", points=1),),
)


def staged(source: Path, place: Path) -> object:
    """What intake makes of it: the submission and its files, or the words of the refusal."""
    try:
        found = stage(source, MANIFEST, place, place / "staged")
    except IntakeError as error:
        return str(error)
    files = {path.name: path.read_bytes() for path in Path(found.root).rglob("*") if path.is_file()}
    return {**msgspec.to_builtins(found), "root": ""}, files


def odd_kinds(top: Path) -> None:
    (top / "link.py").symlink_to("/etc/passwd")
    (top / "folder_link").symlink_to(top.parent)
    (top / "helper.py").write_text("x = 1\n")
    os.link(top / "helper.py", top / "twin.py")
    os.mkfifo(top / "pipe.py")
    os.mknod(top / "socket.py", stat.S_IFSOCK | 0o600)  # bind() takes only short paths


def odd_names(top: Path) -> None:
    for name in ("back\\slash.py", "new\nline.py", "x" * 250 + ".py", "Solution.py", os.fsdecode(b"latin\xe9.py")):
        (top / name).write_text("x = 1\n")
    (top / "odd\x01folder").mkdir()
    (top / "odd\x01folder" / "solution.py").write_text("x = 1\n")


def left_out(top: Path) -> None:
    (top / "__pycache__").mkdir()
    (top / "__pycache__" / "link").symlink_to("/")
    (top / ".hidden.py").write_text("x = 1\n")
    (top / "empty").mkdir()


def deep(top: Path) -> None:
    folder = top
    for _ in range(MAX_DEPTH + 3):
        folder /= "d"
        folder.mkdir()
        (folder / "more.py").write_text("x = 1\n")


def large(top: Path) -> None:
    for name in ("huge.py", "solution.py"):
        with (top / name).open("wb") as file:
            file.truncate(MAX_FILE + 1)


def many(top: Path) -> None:
    for number in range(MAX_ENTRIES + 7):
        (top / f"{number}.txt").touch()


def zip_inside(top: Path) -> None:
    (top / "solution.py").rename(top / "other.txt")
    shutil.make_archive(str(top / "code"), "zip", root_dir=top)


@pytest.mark.parametrize("change", [odd_kinds, odd_names, left_out, deep, large, many, zip_inside, shutil.rmtree])
def test_a_folder_arrives_as_it_was(change: Callable[[Path], None], tmp_path: Path) -> None:
    """Intake finds the same submission, with the same findings, or refuses it with the same words."""
    top = tmp_path / "Jane's (1) wörk\udce9"
    top.mkdir()
    (top / "solution.py").write_text("def f():\n    return 1\n")
    change(top)
    top.mkdir(exist_ok=True)
    arrived = tmp_path / "there"
    arrived.mkdir()
    here = staged(top, tmp_path / "1")
    assert staged(unpack(pack(top), arrived), tmp_path / "2") == here


@pytest.mark.parametrize("content", [b"", b"PK\3\4 damaged", b"Rar!"])
def test_a_file_arrives_as_it_was(content: bytes, tmp_path: Path) -> None:
    """A file that is no archive is refused there with the words of here."""
    source = tmp_path / "Hände.zip"
    source.write_bytes(content)
    arrived = tmp_path / "there"
    arrived.mkdir()
    assert staged(unpack(pack(source), arrived), tmp_path / "2") == staged(source, tmp_path / "1")


@pytest.mark.parametrize("folder", [True, False])
def test_what_is_too_large_does_not_travel(folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fits into one message is a sentence that says what to do instead."""
    monkeypatch.setattr(freight, "MOST", 1000)
    source = tmp_path / "big"
    source.mkdir()
    (source / "a.py").write_bytes(bytes(1001))
    with pytest.raises(GraderError, match="without --cluster"):
        pack(source if folder else source / "a.py")


@pytest.mark.parametrize("path", [b"../out", b"/tmp/out", b"a/../../out", b"", b"a//b", b"."])
def test_nothing_is_written_elsewhere(path: bytes, tmp_path: Path) -> None:
    """A path that leaves its folder is refused, of a submission as of an assignment."""
    place = tmp_path / "inner" / "place"
    place.mkdir(parents=True)
    with pytest.raises(ValueError, match="no place below"):
        unpack(msgspec.msgpack.encode([Entry(path=path, kind=0o100000)]), place)
    with pytest.raises(ValueError, match="no place below"):
        unpack_files(msgspec.msgpack.encode({path.decode(): b""}), place)
    assert not list(tmp_path.rglob("out"))


def test_an_assignment_arrives_file_by_file(tmp_path: Path) -> None:
    """Places and contents are those that were sent."""
    (tmp_path / "a").write_bytes(b"\0\1")
    unpack_files(pack_files({"tests/x/a": tmp_path / "a"}), tmp_path / "root")
    assert (tmp_path / "root/tests/x/a").read_bytes() == b"\0\1"
