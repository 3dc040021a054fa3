"""Classes as platforms export them: recognised, listed, and fetched one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import class_exports as exports
import pytest

from grader.errors import IntakeError
from grader.intake import stage
from grader.lms import ClassExport, open_class
from grader.records import Manifest

RNN = b"def rnn():\n    return 1\n"
FILES = {"rnn.py": RNN, "notes.txt": b"mine"}
PACKED = {exports.ARCHIVE: exports.zipped({"hw/rnn.py": RNN})}
BROKEN = {exports.ARCHIVE: b"PK\3\4 and no more"}
MANIFEST = Manifest(id="a9", title="", submitted=("rnn.py",), given=(), parts=(), questions=())
MAKERS = {
    "gradescope": exports.gradescope_class, "moodle": exports.moodle_class, "canvas": exports.canvas_class,
    "plain": exports.plain_class,
}  # fmt: skip


# --- all formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("kind", MAKERS)
def test_every_format_is_recognised_listed_and_staged(kind: str, as_zip: bool, tmp_path: Path) -> None:
    """A class of sixty with names of every kind gives sixty submissions, which intake stages one by one, twice."""
    source = MAKERS[kind](tmp_path, [FILES if i % 2 else PACKED for i in range(60)], as_zip=as_zip)
    with open_class(source, tmp_path / "place") as export:
        assert (export.kind, len(export.entries), export.remarks) == (kind, 60, ())
        assert [entry.id for entry in export.entries] == sorted(exports.by_id(export))
        for place, entry in enumerate(export.entries):
            assert entry.problem == ""
            for again in range(2):
                staged = stage(export.fetch(entry.id), MANIFEST, tmp_path, tmp_path / f"staged{place}.{again}")
                assert (Path(staged.root) / "rnn.py").read_bytes() == RNN


@pytest.mark.parametrize("kind", MAKERS)
def test_a_class_reads_the_same_again_and_from_a_zip(kind: str, tmp_path: Path) -> None:
    """The ids, people and remarks do not depend on how the class is packed."""
    submissions = [FILES, PACKED, FILES, BROKEN, FILES]
    read = []
    for i, as_zip in enumerate([False, True, True]):
        source = MAKERS[kind](tmp_path / str(i), submissions, as_zip=as_zip)
        with open_class(source, tmp_path / f"place{i}") as export:
            read.append((export.kind, export.entries))
    assert read[0] == read[1] == read[2]


def test_nothing_is_unpacked_before_it_is_asked_for(tmp_path: Path) -> None:
    """Listing a zip writes nothing, and fetching writes that one submission."""
    source = exports.moodle_class(tmp_path, [FILES] * 5, as_zip=True)
    place = tmp_path / "place"
    with open_class(source, place) as export:
        assert not place.exists()
        export.fetch("moodle_1327602")
        assert [path.name for path in place.iterdir()] == ["moodle_1327602"]


def test_what_was_removed_is_unpacked_again(tmp_path: Path) -> None:
    """A submission whose unpacked copy was removed is fetched once more."""
    with open_class(exports.plain_class(tmp_path, [FILES, FILES], as_zip=True), tmp_path / "place") as export:
        entry = export.entries[0].id
        export.fetch(entry).unlink()
        assert exports.content(export, entry) == FILES


def test_what_is_unpacked_stays_whatever_it_is_called(tmp_path: Path) -> None:
    """Fetching one submission leaves the others alone, also those with names like those of unfinished folders."""
    names = ["a.part", "a", ".a.part", "a.zip"]
    (tmp_path / "in.zip").write_bytes(exports.zipped({f"{name}/rnn.py": name.encode() for name in names}))
    with open_class(tmp_path / "in.zip", tmp_path / "place") as export:
        places = [export.fetch(entry.id) for entry in reversed(export.entries)]
    assert [(place / "rnn.py").read_bytes() for place in places] == [b"a.zip", b"a.part", b"a"]


def test_a_submission_of_a_folder_is_used_where_it_lies(tmp_path: Path) -> None:
    """What is a folder or an archive of its own is not copied."""
    source = exports.moodle_class(tmp_path, [FILES])
    with open_class(source, tmp_path / "place") as export:
        assert export.fetch("moodle_1327600").parent == source
        assert not (tmp_path / "place").exists()


@pytest.mark.parametrize("id", ["moodle_1", "../in", ""])
def test_an_unknown_id_is_refused(id: str, tmp_path: Path) -> None:
    """An id that is not in the list is an IntakeError, whatever it looks like."""
    with (
        open_class(exports.moodle_class(tmp_path, [FILES]), tmp_path / "place") as export,
        pytest.raises(IntakeError, match="no such submission"),
    ):
        export.fetch(id)


# --- plain ------------------------------------------------------------------------------------------


def test_plain_folder(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """Archives and folders are submissions; our reports and other files are not, and one is told so."""
    packed = PACKED[exports.ARCHIVE]
    export = opened(
        {"Ada.zip": packed, "Ada (1).zip": packed, "Ada/rnn.py": RNN, "ben.tar.gz": exports.tarred(FILES),
         "con.zip": packed, "empty/": b"", "empty2/.DS_Store": b"x", "zero.zip": b"", "rar.rar": b"Rar!",
         "written/key.csv": b"", "out/scorecard.json": b"{}", "grades.xlsx": b"", ".DS_Store": b"",
         "__MACOSX/._Ada.zip": b"x"}
    )  # fmt: skip
    found = exports.by_id(export)
    assert export.kind == "plain"
    assert export.remarks[:3] == (
        "grades.xlsx was left out: it is no zip, tar or folder",
        "out was left out: it holds reports of grading",
        "written was left out: it holds reports of grading",
    )
    problems = {id_: entry.problem for id_, entry in found.items() if entry.problem}
    assert problems == {
        "empty": "it holds no file", "empty2": "it holds no file", "zero": "it is empty",
        "rar.rar": "it is no zip or tar; pack it again as one",
    }  # fmt: skip
    others = sorted(set(found) - set(problems))
    assert [id_.partition("-")[0] for id_ in others] == ["Ada", "Ada", "Ada_1", "ben", "submission_con"]
    assert found["Ada_1"].remarks == ("it may be the same person's as Ada; both are graded",)
    assert sorted(path for id_ in others[:2] for path in exports.content(export, id_)) == ["hw/rnn.py", "rnn.py"]


def test_the_only_folder_may_be_the_only_submission(tmp_path: Path) -> None:
    """A folder that holds code is the submission; one that holds archives and folders is the class, with a remark."""
    one = exports.lay(tmp_path / "one", {"ada/hw/rnn.py": RNN, "ada/students.txt": b"Ada_B 1234"})
    with open_class(one, tmp_path) as export:
        assert exports.only(export).id == "ada"
    many = exports.lay(tmp_path / "many", {"group a/ada/rnn.py": RNN, "group a/ben/rnn.py": RNN})
    with open_class(many, tmp_path) as export:
        assert [entry.id for entry in export.entries] == ["ada", "ben"]
        assert export.remarks == ("the submissions were looked for in the folder group a in many",)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"top/": b""}, "holds no submissions; looked for submission_metadata.yml"),
        ({".hidden": b"x", "report.html": b"x"}, "holds no submissions; looked for submission_metadata.yml"),
        ({"rnn.py": RNN, "dl/loss.py": RNN}, "looks like one submission, since rnn.py lies at its top"),
        ({"code.zip": b"x", "students.txt": b""}, "looks like one submission, since students.txt"),
        ({"Ada_1_assignsubmission_file/a.py": RNN, "ben.zip": b"x"}, "is mixed: some names are Moodle's"),
        ({"doe_1_20_a.py": RNN, "roe_2_21_a.py": RNN, "ben/a.py": b"x"}, "is mixed: some names are Canvas's"),
    ],
)
def test_what_is_no_class(files: dict[str, bytes], words: str, tmp_path: Path) -> None:
    """An empty, a mixed and a single submission's folder are refused in a sentence that says what was looked for."""
    source = exports.lay(tmp_path / "in", files)
    (tmp_path / "in.zip").write_bytes(exports.zipped(files))
    for place in (source, tmp_path / "in.zip"):
        with pytest.raises(IntakeError) as caught:
            open_class(place, tmp_path)
        assert words in str(caught.value) and str(caught.value).isprintable()


def test_sources_that_are_neither_zip_nor_folder(tmp_path: Path) -> None:
    """A tar, a damaged zip and nothing at all are refused in a sentence."""
    for name, data in {"a.tar": exports.tarred(FILES), "b.zip": b"PK\3\4", "c.zip": b""}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(IntakeError, match=r"neither a zip nor a folder|damaged or truncated zip"):
            open_class(tmp_path / name, tmp_path)
    with pytest.raises(IntakeError, match="cannot be opened"):
        open_class(tmp_path / "none.zip", tmp_path)
