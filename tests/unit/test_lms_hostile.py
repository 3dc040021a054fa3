"""Zips of classes that mean harm, names that would break folders, and classes of great size."""

from __future__ import annotations

import os
import stat
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import class_exports as exports
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import IntakeError
from grader.intake.archive import open_archive
from grader.lms import open_class, tree, zips
from grader.lms.names import MAX_ID, RESERVED, clean, ids
from grader.records import HandedIn

RNN = b"def rnn():\n    return 1\n"
GOOD = {"ben/rnn.py": RNN}
MIB = 1024 * 1024
MANY = settings(max_examples=300, deadline=None, derandomize=True, database=None)
PACKED = exports.zipped(GOOD)


def zip_with(path: Path, entries: list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def link(name: str, to: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info, to


def fetched(source: Path, place: Path) -> tuple[dict[str, HandedIn], dict[str, dict[str, bytes]]]:
    """The entries by id, and the files of those that can be fetched."""
    files: dict[str, dict[str, bytes]] = {}
    with open_class(source, place) as export:
        for entry in export.entries:
            if not entry.problem:
                with open_archive(export.fetch(entry.id)) as archive:
                    files[entry.id] = {path: archive.read(path) for path in archive.sizes}
        return {entry.id: entry for entry in export.entries}, files


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_zip_leaves_its_place_in_no_way(tmp_path: Path) -> None:
    """Paths that lead out, links, names that are there twice or differ in case are left out and said so."""
    source = zip_with(
        tmp_path / "in.zip",
        [("ben/rnn.py", RNN), ("ada/rnn.py", RNN), ("ada/../../up.py", b"evil"), ("../up2.py", b"evil"),
         ("/up3.py", b"evil"), ("C:/up4.py", b"evil"), ("back\\slash.zip", b"evil"), link("fay", b"/etc"),
         link("ada/pass.txt", b"/etc/passwd"), link("eve.zip", b"/etc/passwd"), ("ada/x.py", b"1"), ("ada/x.py", b"2"),
         ("ada/Y.py", b"1"), ("ada/y.py", b"2"), ("gil.zip", b"1"), ("gil.zip", b"2"), ("hal/a", b""),
         ("hal/a/b", b"")],
    )  # fmt: skip
    place = tmp_path / "place"
    with open_class(source, place) as export:
        entries = {entry.id: entry for entry in export.entries}
        assert [remark.partition(" ")[0] for remark in export.remarks] == [
            "fay", "../up2.py", "/up3.py", "C:/up4.py", r"back\slash.zip"
        ]  # fmt: skip
        assert (export.fetch("ada") / "rnn.py").read_bytes() == (export.fetch("ben") / "rnn.py").read_bytes() == RNN
        with pytest.raises(IntakeError, match="a/b is a file and a folder at once"):
            export.fetch("hal")
    assert {entry.id for entry in entries.values() if entry.problem} == {"eve", "gil"}
    assert len(entries["ada"].remarks) == 5  # the way up, the link, x.py, both y.py
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*"))
    assert found == ["in.zip", "place", "place/ada", "place/ada/rnn.py", "place/ben", "place/ben/rnn.py"]


def test_a_bomb_costs_its_owner_only(tmp_path: Path) -> None:
    """A submission that unpacks to far too much, or to too many files, has a problem; the others are graded."""
    many = [(f"cem/{i}.txt", b"") for i in range(5001)]
    source = zip_with(tmp_path / "in.zip", [("ada/zeros.bin", bytes(40 * MIB)), ("ben/rnn.py", RNN), *many])
    entries, files = fetched(source, tmp_path / "place")
    assert "zip bomb" in entries["ada"].problem
    assert "more than 5000 files" in entries["cem"].problem
    assert files == {"ben": {"rnn.py": RNN}}


def test_damage_costs_its_owner_only(tmp_path: Path) -> None:
    """A damaged entry makes one fetch fail, leaves nothing behind, and no other fetch."""
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.writestr("ada/rnn.py", b"damaged bytes")
        archive.writestr("ben/rnn.py", RNN)
    data = (tmp_path / "in.zip").read_bytes()
    (tmp_path / "in.zip").write_bytes(data.replace(b"damaged", b"DAMAGED"))
    with open_class(tmp_path / "in.zip", tmp_path / "place") as export:
        for _ in range(2):
            with pytest.raises(IntakeError, match=r"rnn\.py is damaged in in\.zip .*; download it again"):
                export.fetch("ada")
        assert list((tmp_path / "place").iterdir()) == []
        assert (export.fetch("ben") / "rnn.py").read_bytes() == RNN


def test_too_many_entries_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zip, and a folder, of more than a class could ever hold are refused in one sentence."""
    source = zip_with(tmp_path / "in.zip", [(f"s{i}/rnn.py", RNN) for i in range(30)])
    monkeypatch.setattr(zips, "MAX_FILES", 29)
    with pytest.raises(IntakeError, match="more than 29 files"):
        open_class(source, tmp_path / "place")
    monkeypatch.undo()
    monkeypatch.setattr(tree, "MAX_SUBMISSIONS", 29)
    with pytest.raises(IntakeError, match="more than 29 submissions"):
        open_class(source, tmp_path / "place")
    for i in range(30):
        (tmp_path / "many" / str(i)).mkdir(parents=True)
    with pytest.raises(IntakeError, match="more than 29 submissions"):
        open_class(tmp_path / "many", tmp_path / "place")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    """A zip with a password is refused as a whole."""
    data = exports.zipped(GOOD)
    at = data.index(b"PK\1\2") + 8
    (tmp_path / "in.zip").write_bytes(data[:at] + b"\1" + data[at + 1 :])
    with pytest.raises(IntakeError, match="is encrypted; remove the password"):
        open_class(tmp_path / "in.zip", tmp_path)


def test_links_and_pipes_in_a_folder(tmp_path: Path) -> None:
    """What is no file of the folder's own is an entry with a problem, and is never opened."""
    source = tmp_path / "in"
    (source / "ben").mkdir(parents=True)
    (source / "ben" / "rnn.py").write_bytes(RNN)
    (source / "ada").symlink_to("/etc")
    (source / "eve.zip").symlink_to("/etc/passwd")
    os.mkfifo(source / "fay.zip")
    entries, files = fetched(source, tmp_path / "place")
    assert files == {"ben": {"rnn.py": RNN}}
    assert "it is a symbolic link" in entries["eve"].problem
    assert "it is a named pipe" in entries["fay"].problem
    with open_class(source, tmp_path / "place") as export:
        (source / "ben").rename(tmp_path / "ben")
        (source / "ben").symlink_to("/etc")
        with pytest.raises(IntakeError, match="is now a symbolic link"):
            export.fetch("ben")


@pytest.mark.parametrize("code", ["utf-8", "cp1252", "cp437"])
def test_names_without_a_mark_of_their_code(code: str, tmp_path: Path) -> None:
    """Names that say nothing of their code are read as what gives letters: UTF-8, Windows-1252, the DOS code page."""
    name = "Zoë Müller_7_assignsubmission_file"
    plain = "Zo# M#ller_7_assignsubmission_file"
    data = exports.zipped({f"{plain}/rnn.py": RNN})
    raw = name.encode(code)
    if code == "utf-8":  # two more bytes, so the zip is made with room for them
        plain = "Zo## M##ller_7_assignsubmission_file"
        data = exports.zipped({f"{plain}/rnn.py": RNN})
    (tmp_path / "in.zip").write_bytes(data.replace(plain.encode(), raw))
    entries, _files = fetched(tmp_path / "in.zip", tmp_path / "place")
    assert [entry.people[0].name for entry in entries.values()] == ["Zoë Müller"]


def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    """A name in bytes that are not UTF-8 is an entry with a problem, and its texts can be written as UTF-8."""
    folder = os.fsencode(tmp_path) + b"/in/Zo\xeb_7_assignsubmission_file"
    os.makedirs(folder)
    (tmp_path / "in" / "Ben_8_assignsubmission_file").mkdir()
    entries, _files = fetched(tmp_path / "in", tmp_path / "place")
    assert "not UTF-8" in entries["moodle_7"].problem
    repr(entries).encode()


@pytest.mark.parametrize("make", [exports.gradescope_class, exports.moodle_class])
def test_ten_thousand_submissions_are_listed_in_little_memory(make: object, tmp_path: Path) -> None:
    """Listing reads names and not files: 10,000 submissions with 40 MB of files cost less than 60 MB of memory."""
    source = make(tmp_path, [{"rnn.ipynb": bytes(4000), "b.py": RNN}] * 10_000, as_zip=True)  # type: ignore[operator]
    tracemalloc.start()
    try:
        with open_class(source, tmp_path / "place") as export:
            assert len(export.entries) == len({entry.id for entry in export.entries}) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 60 * MIB
    finally:
        tracemalloc.stop()


@MANY
@given(
    st.sampled_from(["gradescope", "moodle", "canvas", "plain"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.binary(max_size=4)), min_size=1, max_size=4),
)
def test_damaged_zips(kind: str, changes: list[tuple[float, int, bytes]]) -> None:
    """A zip of a class with bytes exchanged, put in or taken out is listed and fetched, or refused in one line."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        source = getattr(exports, f"{kind}_class")(place, [{"rnn.py": RNN}, {"submission.zip": PACKED}], as_zip=True)
        data = bytearray(source.read_bytes())
        for at, length, put in changes:
            start = int(at * len(data))
            data[start : start + length] = put
        source.write_bytes(data)
        try:
            with open_class(source, place / "place") as export:
                for entry in export.entries:
                    assert all(map(str.isprintable, [entry.problem, *entry.remarks]))
                    try:
                        assert export.fetch(entry.id).is_relative_to(place / "place" / entry.id)
                    except IntakeError as error:
                        assert str(error).isprintable()
        except IntakeError as error:
            assert str(error).isprintable()
        assert {path.name for path in place.iterdir()} <= {source.name, "place"}


# --- ids --------------------------------------------------------------------------------------------

ODD = (*RESERVED, "CON", "aux.zip", "..", ".git", "a.", "é", "e", "E", "李", "王", "-rf", "=1", "x" * 200)
names = st.sampled_from(ODD) | st.text(max_size=6)


@MANY
@given(st.lists(names, max_size=8, unique=True))
def test_ids_are_safe_and_unique(wanted: list[str]) -> None:
    """Ids are plain ASCII, unlike in more than case, no device, not hidden, not reserved, and short."""
    found = ids([(name, name) for name in wanted])
    assert len({id_.casefold() for id_ in found}) == len(wanted)
    for id_ in found:
        assert 0 < len(id_) <= MAX_ID and id_.isascii()
        assert all(c.isalnum() or c in "-_." for c in id_)
        assert id_[0] not in ".-" and id_[-1] != "." and id_.casefold() not in RESERVED
        assert id_.partition(".")[0].casefold() not in ("con", "aux", "nul", "prn", "com1")


@MANY
@given(st.lists(names, max_size=8, unique=True), st.randoms())
def test_ids_do_not_depend_on_the_order(wanted: list[str], random: object) -> None:
    """Read in another order, every submission has the same id."""
    before = dict(zip(wanted, ids([(name, name) for name in wanted]), strict=True))
    random.shuffle(wanted)  # type: ignore[attr-defined]
    assert dict(zip(wanted, ids([(name, name) for name in wanted]), strict=True)) == before


def test_names_for_people_hide_nothing() -> None:
    """A name keeps its letters, and loses line ends, marks that turn text round, and what is beyond any name."""
    assert clean(" Zoe\u0308\n\u202eO’Brien\u200b\t=1 \ud83d") == "Zoë O’Brien =1"
    assert len(clean("x" * 1000)) == 200
