"""What Gradescope, Moodle and Canvas say of submissions, and what students may do to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import class_exports as exports
import pytest

from grader.errors import IntakeError
from grader.lms import ClassExport, open_class
from grader.records import Identity

RNN = b"def rnn():\n    return 1\n"
FILES = {"rnn.py": RNN, "notes.txt": b"mine"}
INSIDE = {"hw/rnn.py": RNN}
PACKED = {exports.ARCHIVE: exports.zipped(INSIDE)}

# --- Gradescope -------------------------------------------------------------------------------------


def test_gradescope_says_who_and_when(tmp_path: Path) -> None:
    """Names, addresses, numbers with leading zeros, groups, times, lateness and earlier attempts are read."""
    source = exports.gradescope_class(
        tmp_path, [FILES] * 5, partners={1: 7}, late={2: "26:10:30"}, again={3}, as_zip=True
    )
    persons = exports.people(8)
    with open_class(source, tmp_path / "place") as export:
        found = [exports.by_id(export)[f"submission_{exports.gradescope_number(i)}"] for i in range(5)]
    identities = [Identity(name=p.name, email=p.email, sid=p.sid) for p in persons]
    assert [entry.people for entry in found] == [
        (identities[0],), (identities[1], identities[7]), (identities[2],), (identities[3],), (identities[4],)
    ]  # fmt: skip
    assert persons[0].sid.startswith("0") and persons[4].sid == ""
    assert [entry.late_min for entry in found] == [0.0, 0.0, 1570.5, 0.0, 0.0]
    assert [entry.superseded for entry in found] == [(), (), (), ("200016", "200018"), ()]
    assert found[3].remarks == ("the last of 3 attempts, the active one, was taken",)
    assert found[0].handed_in_at == "2026-03-01 11:58:02.120000000 Z"


def test_one_person_in_two_gradescope_submissions(tmp_path: Path) -> None:
    """A member of a group who has a submission besides keeps both, each with a remark that names the other."""
    source = exports.gradescope_class(tmp_path, [FILES] * 3, partners={0: 2})
    with open_class(source, tmp_path / "place") as export:
        first, other, last = export.entries
    assert first.remarks == (f"a person in it has a part in {last.id}, too; both are graded",)
    assert last.remarks == (f"a person in it has a part in {first.id}, too; both are graded",)
    assert other.remarks == ()


def test_gradescope_entries_that_cannot_be_graded(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """A missing folder, an empty one, a PDF and one that nobody is named for are entries, with keys of either kind."""
    yaml = b"""---
submission_1: {submitters: [{name: Ada Brook, sid: 007, email: null}], created_at: 2026-03-01 10:00:00}
submission_2:
  :submitters: []
  :lateness: soon
3.pdf:
  :submitters:
  - :name: !ruby/object:Name &n Ben
    :email: B@x.edu
submission_4:
  :submitters:
  - :name: *n
    :email: b@x.edu
  :late: true
../evil: {}
"""
    export = opened(
        {"submission_metadata.yml": yaml, "submission_1/rnn.py": RNN, "submission_2/": b"", "3.pdf": b"%PDF",
         "submission_9/rnn.py": RNN, "grades.csv": b"x", "submission_1/.hidden": b""}
    )  # fmt: skip
    found = exports.by_id(export)
    assert export.kind == "gradescope"
    assert export.remarks == ("grades.csv was left out: submission_metadata.yml does not name it",)
    assert found["submission_1"].people == (Identity(name="Ada Brook", sid="007"),)
    assert exports.content(export, "submission_1") == {"rnn.py": RNN}
    assert found["submission_2"].problem == "it holds no file"
    assert found["submission_2"].remarks == (
        "the export does not say who handed it in", 'its lateness "soon" is no H:M:S and was taken for none'
    )  # fmt: skip
    assert "PDF" in found["submission_3"].problem
    assert "not in the export" in found["submission_4"].problem
    assert found["submission_4"].people == (Identity(name="Ben", email="b@x.edu"),)
    assert found["submission_4"].late_min is None
    assert found["submission_4"].remarks == ("a person in it has a part in submission_3, too; both are graded",)
    assert "not in the export" in found["evil"].problem
    assert found["submission_9"].remarks == ("submission_metadata.yml does not say whose it is",)
    with pytest.raises(IntakeError, match="submission_4 cannot be graded"):
        export.fetch("submission_4")


@pytest.mark.parametrize(
    "yaml",
    [
        b"", b"- a\n- b\n", b"a: [1\nb: 2", b"\xff\xfe\xff", b"a: " + b"[" * 400, b"a:\n\t- b", b"{a: 1", b"a: !<",
        b"a: " + b"[" * 30 + b"]" * 30,
        b"--- 5",
    ],
)
def test_gradescope_metadata_that_is_none(yaml: bytes, opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """Metadata that is no YAML, no mapping, or nested without end is refused in one sentence."""
    with pytest.raises(IntakeError, match=r"submission_metadata\.yml is .*download the export again") as caught:
        opened({"submission_metadata.yml": yaml, "submission_1/rnn.py": RNN})
    assert str(caught.value).isprintable()


def test_what_programs_printed_is_passed_over(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """Results do not matter, however deeply they are nested, and those of earlier attempts neither."""
    results = b"{output: " + b"[" * 300 + b"]" * 300 + b", submitters: [{name: Eve}]}"
    yaml = b"submission_1:\n  :results: %s\n  :history:\n  - :id: 7\n    :results: %s\n" % (results, results)
    entry = exports.only(opened({"submission_metadata.yml": yaml, "submission_1/rnn.py": RNN}))
    assert (entry.people, entry.superseded, entry.problem) == ((), ("7",), "")


# --- Moodle -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["folders", "underscore", "flat"])
def test_moodle_styles(style: str, tmp_path: Path) -> None:
    """Folders, those of older versions and flat files give the same people, and the students' own files."""
    text = {exports.ONLINE_TEXT: b"<p>see the file</p>"}
    source = exports.moodle_class(tmp_path, [FILES, FILES | text, text, PACKED], style=style, as_zip=True)  # type: ignore[arg-type]
    persons = exports.people(4)
    with open_class(source, tmp_path / "place") as export:
        assert [entry.id for entry in export.entries] == [f"moodle_{exports.moodle_number(i)}" for i in range(4)]
        for i, entry in enumerate(export.entries):
            assert entry.people == (Identity(name=persons[i].name, participant=str(exports.moodle_number(i))),)
        assert exports.content(export, "moodle_1327600") == exports.content(export, "moodle_1327601") == FILES
        assert exports.content(export, "moodle_1327603") == INSIDE  # an archive alone is what was handed in
        _first, both, text_only, _packed = export.entries
        assert len(both.remarks) == 1 and "text typed into Moodle" in both.remarks[0]
        assert text_only.problem == "it is text typed into Moodle, without a file"


def test_moodle_blind_and_teams(tmp_path: Path) -> None:
    """Hidden names are no names, in any language, and groups are teams without a participant's number."""
    with open_class(exports.moodle_class(tmp_path, [FILES] * 2, blind=True), tmp_path) as export:
        assert [entry.people for entry in export.entries] == [
            (Identity(participant="1327600"),), (Identity(participant="1327601"),)
        ]  # fmt: skip
        assert "blind marking" in export.remarks[0]
    with open_class(exports.moodle_class(tmp_path / "b", [FILES] * 2, teams=True), tmp_path) as export:
        assert [entry.people for entry in export.entries] == [(Identity(team="Group 1"),), (Identity(team="Group 2"),)]
    german = exports.lay(tmp_path / "de", {f"Teilnehmer_{i}_assignsubmission_file/a.py": RNN for i in (1, 2)})
    with open_class(german, tmp_path) as export:
        assert [entry.people[0].name for entry in export.entries] == ["", ""]


def test_a_moodle_file_name_cannot_take_anothers_number(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """What a student put into a file's name is not read as a participant."""
    file = "Ben_78_assignsubmission_file_rnn.py"
    export = opened({f"Ada B_77_assignsubmission_file_{file}": RNN, "Ben_78_assignsubmission_file_rnn.py": b"x"})
    assert [entry.people[0].participant for entry in export.entries] == ["77", "78"]
    assert exports.content(export, "moodle_77") == {file: RNN}


def test_two_moodle_folders_of_one_participant(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """Nobody can tell which of two folders counts, so the submission has a problem."""
    names = ["Ada_7_assignsubmission_file", "Ada_7_assignsubmission_file_"]
    entry = exports.only(opened({f"{name}/rnn.py": RNN for name in names}))
    assert "2 folders of the same participant" in entry.problem


# --- Canvas -----------------------------------------------------------------------------------------


def test_canvas_names(tmp_path: Path) -> None:
    """Users are kept apart by number, lateness is known without its length, files get their own names back."""
    text = {exports.TEXT: b"<p>", exports.LINK: b"<a>"}
    source = exports.canvas_class(
        tmp_path, [FILES, PACKED, FILES | text, text], late={1}, again={0, 1}, as_zip=True
    )
    persons = exports.people(4)
    with open_class(source, tmp_path / "place") as export:
        found = export.entries
        assert [entry.people[0].canvas for entry in found] == ["5000", "5001", "5002", "5003"]
        assert found[0].people[0].name == (persons[0].last + persons[0].first).lower()
        assert found[0].id == f"canvas_5000_{found[0].people[0].name}"
        assert [entry.late_min for entry in found] == [0.0, None, 0.0, 0.0]
        assert exports.content(export, found[0].id) == exports.content(export, found[2].id) == FILES
        assert exports.content(export, found[1].id) == INSIDE
        assert "rnn-1.py was taken for rnn.py: Canvas numbers what is handed in again" in found[0].remarks
        assert len(found[2].remarks) == 2
        assert found[3].problem == "it is a web address and text typed into Canvas, without a file"


def test_canvas_resubmissions(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """The highest number wins, then the newest attachment; numbers that are a student's own stay."""
    names = {"20_rnn.py": b"1", "30_rnn-2.py": b"3", "40_rnn-1.py": b"2", "50_a.txt": b"old", "60_a.txt": b"new",
             "70_part-1.py": b"p1", "71_part-2.py": b"p2", "80_hw-2.zip": b"z2", "90_hw-1.zip": b"z1"}  # fmt: skip
    export = opened({f"doejane_5_{name}": data for name, data in names.items()})
    entry = exports.only(export)
    assert exports.content(export, entry.id) == {
        "rnn.py": b"3", "a.txt": b"new", "part-1.py": b"p1", "part-2.py": b"p2", "hw.zip": b"z2"
    }  # fmt: skip
    assert sorted(entry.superseded) == ["20", "40", "50", "90"]
    assert "rnn-2.py was taken for rnn.py, the last of 3 files" in entry.remarks


def test_canvas_groups_anonymous_and_empty_names(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """Groups are teams, codes are nobody's, and a name of which nothing was left still has its user."""
    export = opened(
        {"group7_11_90_a.py": RNN, "LATE_anon_x7Gk2_91_a.py": RNN, "anon_12345_92_a.py": RNN, "_13_93_a.py": RNN,
         "groupmann_14_94_12_x.py": RNN}
    )  # fmt: skip
    people = {entry.id: entry.people for entry in export.entries}
    assert people == {
        "canvas_11_group7": (Identity(team="group7", canvas="11"),),
        "canvas_anon_x7Gk2": (),
        "canvas_anon_12345": (),
        "canvas_13": (Identity(canvas="13"),),
        "canvas_14_groupmann": (Identity(name="groupmann", canvas="14"),),
    }
    assert exports.by_id(export)["canvas_anon_x7Gk2"].late_min is None
    assert "more numbers than Canvas's two" in exports.by_id(export)["canvas_14_groupmann"].remarks[0]


def test_numbers_in_names_do_not_make_an_export_of_canvas(opened: Callable[[dict[str, bytes]], ClassExport]) -> None:
    """Archives named by course, year and assignment stay submissions of their own."""
    export = opened({"a2_2024_5_anna.zip": PACKED[exports.ARCHIVE], "a2_2025_5_ben.zip": PACKED[exports.ARCHIVE]})
    assert (export.kind, [entry.id for entry in export.entries]) == ("plain", ["a2_2024_5_anna", "a2_2025_5_ben"])
