"""Scores that staff gave reach the reports whole or not at all, however often and in whatever order they are merged."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from grader.errors import GraderError
from grader.records import (
    Answer,
    CheckResult,
    CheckSpec,
    Manifest,
    Part,
    Question,
    Scorecard,
    Status,
    Submission,
    Visibility,
    Written,
    WrittenAnswers,
)
from grader.report.files import MARKS, REPORTS, WRITTEN, write_record, write_reports
from grader.scoring import score, with_marks
from grader.written.extract import fingerprint
from grader.written.folders import find_graded
from grader.written.marks import given_before
from grader.written.merge import merge

PLACE = Written(notebook="n.ipynb", cell="c", heading="H", rubric=("Right.",))
MANIFEST = Manifest(
    id="a9", title="A", submitted=("n.ipynb",), given=(), parts=(Part(id="p", title="P", points=6),),
    questions=(
        Question(id="coded", part="p", title="Coded", points=3),
        Question(id="why", part="p", title="Why", points=1, written=PLACE),
        Question(id="how", part="p", title="How", points=2, written=PLACE),
    ),
)  # fmt: skip
SPEC = CheckSpec(id="c.one", title="One", question="coded", points=3, visibility=Visibility.VISIBLE)


def graded(folder: Path, why: str = "Because.", how: str = "So.") -> tuple[WrittenAnswers, Scorecard]:
    """Writes a folder of reports as a grading does, of a submission with these two answers."""
    answers = tuple(
        Answer(question=question, text=text, fingerprint=fingerprint(text))
        for question, text in (("why", why), ("how", how))
    )
    written = WrittenAnswers(assignment="a9", submission=folder.name, digest="d", answers=answers)
    folder.mkdir(exist_ok=True)
    given, lapsed = given_before(MANIFEST, written, folder)
    submission = Submission(name=folder.name, root="", hashes={}, findings=tuple(lapsed))
    results = [CheckResult(id="c.one", status=Status.PASSED)]
    card = score(MANIFEST, [SPEC], results, submission=submission, isolation={}, versions={}, seconds=1.0)
    card = with_marks(card, given)
    write_record(written, folder / WRITTEN)
    write_reports(card, folder)
    return written, card


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Reports of two submissions."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("ada", "bob"):
        graded(folder / name, why=f"Because {name} says so.")
    return folder


@pytest.fixture
def table(out: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes a table of scores; `ada` and `bob` stand for their tags."""

    def write(text: str, name: str = "scores.csv", encoding: str = "utf-8-sig") -> Path:
        for submission, tag in tags(out).items():
            text = text.replace(submission, tag)
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def tags(out: Path) -> dict[str, str]:
    return {entry.folder.name: entry.tag for entry in find_graded(out, "a9")}


def read(folder: Path) -> Scorecard:
    return msgspec.json.decode((folder / "scorecard.json").read_bytes(), type=Scorecard)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


HEAD = "tag,question,score,remark\n"


def test_scores_reach_every_report(out: Path, table: Callable[..., Path]) -> None:
    """Score, maximum, what awaits staff, the remark and the spreadsheet's row are those of the merged scores."""
    merged = merge("a9", out, [table(HEAD + "ada,why,0.5,Half.\nbob,why,1,\nada,how,2,\nbob,how,,later\n")])
    assert merged == (3, 2, 1)
    card = read(out / "ada")
    assert (card.score, card.max_score, card.awaiting, card.complete) == (5.5, 6, 0, True)
    assert [(check.id, check.status.value, check.score, check.message) for check in card.checks[1:]] == [
        ("why", "scored", 0.5, "Half."), ("how", "scored", 2, "")
    ]  # fmt: skip
    card = read(out / "bob")
    assert (card.score, card.max_score, card.awaiting) == (4, 4, 2)
    assert b"Half." in (out / "ada/results.json").read_bytes() and b"Half." in (out / "ada/report.html").read_bytes()
    [row] = csv.DictReader(io.StringIO((out / "bob/scores.csv").read_bytes().decode("utf-8-sig")))
    assert (row["score"], row["awaiting"], row["points:how"]) == ("4", "2", "")


def test_merging_again_changes_nothing(out: Path, table: Callable[..., Path]) -> None:
    """The same table twice, or one of two tables at a time, or a score corrected later, end in the same files."""
    one, two = table(HEAD + "ada,why,1,x\n", "1.csv"), table(HEAD + "ada,how,1.5,\nbob,why,0,y\n", "2.csv")
    merge("a9", out, [one, two])
    expected = contents(out)
    for tables in ([one, two], [two, one], [two], [one]):
        merge("a9", out, tables)
        assert contents(out) == expected
    merge("a9", out, [table(HEAD + "ada,why,0.5,changed\n", "3.csv")])
    assert read(out / "ada").score == 5
    merge("a9", out, [one])
    assert contents(out) == expected


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("nobody,why,1,", "line 3: there is no submission with the tag 'nobody'"),
        ("bob,what,1,", "has no answer to a question 'what'"),
        ("bob,coded,1,", "has no answer to a question 'coded'"),
        ("bob,why,1.5,", "line 3: 1.5 is more than the 1 points of why"),
        ("bob,why,-1,", "the score '-1' is not a number from 0 up"),
        ("bob,why,nan,", "'nan' is not a number"),
        ("bob,why,1e0,", "'1e0' is not a number"),
        ("bob,why,=1,", "'=1' is not a number"),
        ("bob,why,.,", "'.' is not a number"),
        ("bob,why," + "9" * 400 + ",", "is not a number"),
        ("bob,why,1,\nbob,why,0,", "line 4: another score for"),
        ("bob,why,1,a\nbob,why,1,b", "line 4: another remark for"),
        ('bob,why,1,"open', "is damaged at line"),
        ("\x1b[31mbob,why,1,", r"'\x1b[31m"),
    ],
)
def test_nothing_is_merged_when_a_row_is_wrong(
    out: Path, table: Callable[..., Path], rows: str, says: str
) -> None:
    """A wrong row is named with file and line, and no report changes, not even those of the right rows."""
    path = table(f"{HEAD}ada,why,1,fine\n{rows}\n")
    before = contents(out)
    with pytest.raises(GraderError) as caught:
        merge("a9", out, [path])
    assert says in str(caught.value) and "scores.csv" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert contents(out) == before


def test_every_complaint_has_a_line(out: Path, table: Callable[..., Path]) -> None:
    """All that is wrong is said at once, also what stands in another file; a flood of it is cut."""
    wrong = table(HEAD + "ada,why,5,\nbob,why,x,\n", "1.csv")
    with pytest.raises(GraderError) as caught:
        merge("a9", out, [wrong, table(HEAD + "zzz,why,1,\n" * 90, "2.csv")])
    first, *lines = str(caught.value).splitlines()
    assert first == "nothing was merged:" and lines[-1] == "  and 42 more"
    assert [line.split(":")[0].strip() for line in lines[:3]] == ["1.csv, line 3", "1.csv, line 2", "2.csv, line 2"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("tag;question;score;remark\r\nada;why;0,5;a, b\r\n", "utf-8-sig"),
        ("tag\tquestion\tscore\tremark\nada\twhy\t.5\ta, b\n", "utf-8"),
        ('score,extra,question,tag,remark\n0.50,=1,why,ada,"a, b"\n\n', "utf-8"),
    ],
)
def test_a_spreadsheet_may_have_saved_it(out: Path, table: Callable[..., Path], text: str, encoding: str) -> None:
    """Other delimiters, decimal commas, other orders of columns and columns of one's own are read."""
    merge("a9", out, [table(text, encoding=encoding)])
    check = read(out / "ada").checks[1]
    assert (check.score, check.message) == (0.5, "a, b")


@pytest.mark.parametrize(("typed", "stored"), [("'=x", "=x"), ("'-1 for style", "-1 for style"), ("'tis", "'tis")])
def test_remarks_are_what_was_typed(out: Path, table: Callable[..., Path], typed: str, stored: str) -> None:
    """The apostrophe that keeps a spreadsheet from computing a remark is taken off again, and no other one."""
    merge("a9", out, [table(f'{HEAD}ada,why,1,"{typed}\nmore"\n')])
    assert read(out / "ada").checks[1].message == f"{stored}\nmore"


@pytest.mark.parametrize(
    ("text", "encoding", "says"),
    [
        ("tag,score\nada,1\n", "utf-8", "has no column question"),
        ("", "utf-8", "has no column question, score, tag"),
        ("tag,question,score,remark\nada,why,1,é\n", "latin-1", "is not UTF-8 text"),
    ],
)
def test_what_is_no_table_is_refused(
    out: Path, table: Callable[..., Path], text: str, encoding: str, says: str
) -> None:
    """A file without the columns, or in another encoding, is named."""
    with pytest.raises(GraderError, match=f"scores.csv {says}"):
        merge("a9", out, [table(text, encoding=encoding)])
    with pytest.raises(GraderError, match=r"gone\.csv cannot be read"):
        merge("a9", out, [out / "gone.csv"])


def test_grading_again_keeps_scores_of_the_same_answer(out: Path, table: Callable[..., Path]) -> None:
    """A score stays with its answer when the submission is graded again; another answer awaits staff, and says why."""
    merge("a9", out, [table(HEAD + "ada,why,1,Good.\nada,how,1,\n")])
    before = contents(out / "ada")
    _written, card = graded(out / "ada", why="Because ada says so.")
    assert contents(out / "ada") == before and card.score == 5
    _written, card = graded(out / "ada", why="Now something else.")
    assert (card.score, card.awaiting) == (4, 1)
    assert card.findings == ("Why: the 1 points that staff gave before were for another answer than this one",)
    merge("a9", out, [table(HEAD + "ada,why,0.5,\n")])
    assert (read(out / "ada").score, read(out / "ada").awaiting) == (4.5, 0)


def test_a_score_is_for_the_answer_on_the_page(out: Path, table: Callable[..., Path]) -> None:
    """A table that was made when the answer was another one is refused, if it tells which one it was."""
    answer = fingerprint("Because ada says so.")
    path = table(f"tag,question,score,remark,answer\nada,why,1,,{answer}\n")
    merge("a9", out, [path])
    graded(out / "ada", why="Now something else.")
    with pytest.raises(GraderError, match="has another answer to why now"):
        merge("a9", out, [path])


def test_tags_are_random_and_stay(out: Path, tmp_path: Path) -> None:
    """Nothing in a tag depends on the submission, one that is there stays, and a new folder gets a new one."""
    before = tags(out)
    assert len({*before.values()}) == 2 and all(len(tag) == 6 for tag in before.values())
    graded(out / "=cmd")
    after = tags(out)
    assert {name: after[name] for name in before} == before
    assert len({*after.values()}) == 3
    key = out / "written/key.csv"
    assert key.stat().st_mode & 0o077 == 0
    assert f"{after['=cmd']},'=cmd,'=cmd" in key.read_text(encoding="utf-8-sig")
    os.rename(out / "bob", tmp_path / "bob")  # is away for a while
    assert "bob" not in tags(out)
    os.rename(tmp_path / "bob", out / "bob")
    assert tags(out) == after
    key.unlink()
    assert not {*tags(out).values()} & {*after.values()}


def test_one_folder_of_reports_is_enough(out: Path) -> None:
    """A folder of reports itself takes the place of a folder of folders."""
    [entry] = find_graded(out / "ada", "a9")
    assert entry.folder == out / "ada"


def test_damaged_and_foreign_folders_are_named(out: Path) -> None:
    """Nothing to score, another assignment, damaged files and a damaged key each raise one line."""
    with pytest.raises(GraderError, match=r"no written\.json in"):
        find_graded(out / "ada" / "nothing", "a9")
    with pytest.raises(GraderError, match="is of assignment 'a9', not 'a8'"):
        find_graded(out, "a8")
    tags(out)
    (out / "ada" / MARKS).write_text('{"assignment": 5}')
    with pytest.raises(GraderError, match=r"marks\.json is damaged"):
        find_graded(out, "a9")
    (out / "ada" / MARKS).unlink()
    (out / "written/key.csv").write_text("tag,folder,submission\nx,ada,ada\nx,bob,bob\n")
    with pytest.raises(GraderError, match=r"key\.csv is damaged"):
        find_graded(out, "a9")


def test_reports_are_rewritten_whole(out: Path, table: Callable[..., Path]) -> None:
    """After a merge a folder holds the reports, the answers and the marks, and what is for staff is theirs alone."""
    merge("a9", out, [table(HEAD + "ada,why,1,\n")])
    assert sorted(path.name for path in (out / "ada").iterdir()) == sorted([*REPORTS, WRITTEN, MARKS])
    assert all((out / "ada" / name).stat().st_mode & 0o077 == 0 for name in (WRITTEN, MARKS))
