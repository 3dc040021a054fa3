"""What comes out of a class: the same for everybody whoever else hands in, one sentence for what cannot be graded."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from class_exports import ARCHIVE, gradescope_class, gradescope_number, moodle_class, moodle_number, people
from classes import RIGHT, Class, Handed, batch_command, grade, hand_in, reports
from commands import Place, Started
from mini_assignment import (
    CHECKS,
    EXTRAS,
    HASTY,
    MODEL,
    SOLUTION,
    SUITE_P1,
    SUITE_P2,
    WRITTEN_FILES,
    notes,
    statuses,
    swap,
)
from msgspec import structs
from rich.console import Console

from grader.batch import progress
from grader.batch.door import Options, grade_class
from grader.batch.explain import explain
from grader.errors import GraderError, IntakeError
from grader.grading import Desk
from grader.records import Scorecard
from grader.solutions import strip_solutions
from grader.worker.launch import Launcher
from grader.written.merge import merge
from grader.written.page import write_pages

NewClass = Callable[..., Class]
GradePy = Callable[..., subprocess.CompletedProcess[str]]
BODY = "return FACTOR * x"
FULL = dict.fromkeys(CHECKS, "passed")


def with_body(body: str) -> Handed:
    return {**RIGHT, "solution.py": swap(SOLUTION, BODY, body)}


# --- nobody is another's business ---------------------------------------------------------------------

# Right, unless somebody before has left traces.
STATEFUL = swap(SOLUTION, BODY, "return FACTOR * x + _before") + """

import builtins
import os

_before = getattr(builtins, "handed_in", 0) + getattr(torch, "handed_in", 0) + int(os.environ.get("HANDED_IN", 0))
builtins.handed_in = torch.handed_in = 1
os.environ["HANDED_IN"] = "1"
"""
# Ruin to whatever shares a process with it.
VANDAL = SOLUTION + """

import builtins
import sys

import given_helper
import numpy

given_helper.FACTOR = 0.0
torch.arange = torch.Tensor.sum = numpy.asarray = numpy.linspace = builtins.len = None
sys.modules["extras"] = sys.modules["solution"] = given_helper
"""
MIXED: Mapping[str, Handed] = {
    "right": RIGHT,
    "vandal": {**RIGHT, "solution.py": VANDAL},
    "stubs": {"solution.py": strip_solutions(SOLUTION, "s"), "extras.py": strip_solutions(EXTRAS, "e")},
    "stateful": {**RIGHT, "solution.py": STATEFUL},
    "hanging": with_body("__import__('time').sleep(60)"),
    "wrong": with_body("return FACTOR + x"),
    "crashing": with_body("__import__('ctypes').string_at(0)"),
    "stateful too": {**RIGHT, "solution.py": STATEFUL},
    "exiting": with_body("__import__('os')._exit(0)"),
    "raising": {**RIGHT, "solution.py": f"{SOLUTION}\nprint(1 / 0)\n"},
    "chatty": with_body("print('scaling', x); raise ValueError('no')"),
    "syntax": {**RIGHT, "solution.py": "def scale(x:\n"},
    "half": {"extras.py": EXTRAS},
    "broken": b"PK\3\4 and no more",
    "empty": {},
    "right too": RIGHT,
}
NOTHING = dict.fromkeys(("p1.scale.sizes", "p1.total"), "skipped")
ENDS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("right", "right too", "stateful", "stateful too"), FULL),
    "vandal": {**dict.fromkeys(CHECKS, "crashed"), **NOTHING, "p2.shout": "passed"},
    "stubs": {**dict.fromkeys(CHECKS, "not_implemented"), **NOTHING},
    "hanging": {**FULL, "p1.scale": "timed_out", **NOTHING},
    "wrong": {**FULL, "p1.scale": "failed", **NOTHING},
    "chatty": {**FULL, "p1.scale": "raised", **NOTHING},
    "crashing": {**FULL, "p1.scale": "crashed", **NOTHING},
    "exiting": {**FULL, "p1.scale": "crashed", **NOTHING},
}
KINDS = tuple(MIXED)
# The inputs of this hidden check are drawn once for all that an examiner judges.
DRAWN = swap(
    SUITE_P1,
    'def test_scale_sizes(student):\n    """scale takes every shape"""\n    x = np.linspace(1, 2, 6).reshape(2, 3)\n',
    "@few_examples\n@given(n=st.integers(1, 9), shift=st.floats(0, 4))\n"
    'def test_scale_sizes(student, n, shift):\n    """scale takes every shape"""\n'
    "    x = shift + np.linspace(1, 2, 2 * n).reshape(2, n)\n",
)
DRAWN = swap(DRAWN, "close, rel\n", "close, few_examples, rel\nfrom hypothesis import given, strategies as st\n")


def numbered(order: list[int]) -> dict[str, Handed]:
    """The submissions, under names in another order than their kinds."""
    return {f"no-{place:02d}": MIXED[KINDS[kind]] for place, kind in enumerate(order)}


def of_kinds(out: Path, order: list[int]) -> dict[str, dict[str, bytes]]:
    """Kind -> file -> content, as if it were called by its kind."""
    found: dict[str, dict[str, bytes]] = {kind: {} for kind in KINDS}
    for path, content in reports(out).items():
        for place, kind in enumerate(order):
            id_ = f"no-{place:02d}"
            if path.startswith(f"{id_}/"):
                found[KINDS[kind]][path.removeprefix(id_)] = content.replace(id_.encode(), b"<id>")
            elif path == "scores.csv":
                [row] = [line for line in content.splitlines() if line.startswith(f"{id_},".encode())]
                found[KINDS[kind]]["row"] = row.replace(id_.encode(), b"<id>")
    return found


def test_nobody_depends_on_the_others(new_class: NewClass, launcher: Launcher, tmp_path: Path) -> None:
    """With one, two and four examiners, in whichever order, every report is the same byte by byte but for times, and
    the one that the submission gets alone; whoever breaks something breaks it for himself."""
    files = {"reference/mini/assignment.toml": HASTY, "tests/mini/test_p1_numbers.py": DRAWN}
    in_order = list(range(len(KINDS)))
    course = new_class(numbered(in_order), files)
    course.grade(jobs=1)
    first = of_kinds(course.out, in_order)
    assert {kind for kind, found in first.items() if len(found) < 3} == {"broken", "empty"}
    for jobs, order in ((2, in_order[::-1]), (4, in_order[::2] + in_order[1::2])):
        source, out = tmp_path / f"class-{jobs}", tmp_path / f"out-{jobs}"
        for id_, handed in numbered(order).items():
            hand_in(source, id_, handed)
        found = grade(course.assignment, source, out, jobs=jobs)
        assert (found.summary.submissions, found.summary.refused, found.summary.ungraded) == (len(KINDS), 2, 0)
        assert of_kinds(out, order) == first
    cards = course.cards()
    with Desk(course.assignment, launcher) as desk:
        for place, kind in enumerate(KINDS):
            id_ = f"no-{place:02d}"
            if kind in ENDS:
                assert statuses(cards[id_]) == ENDS[kind], kind
            if kind in ("broken", "empty"):
                with pytest.raises(IntakeError):
                    desk.grade(next(course.source.glob(f"{id_}*")))
            else:
                alone = desk.grade(course.source / id_)
                assert without_times(cards[id_]) == without_times(alone), kind


def without_times(card: Scorecard) -> Scorecard:
    checks = tuple(structs.replace(check, seconds=0.0, cpu_s=0.0) for check in card.checks)
    return structs.replace(card, checks=checks, handed=None, seconds=0.0, cpu_s=0.0)


def test_nobody_is_charged_with_the_time_of_others(new_class: NewClass) -> None:
    """A check that is skipped took less than the one before it that slept, though it was judged for the submission
    before that."""
    course = new_class({"a": RIGHT, "b": with_body("__import__('time').sleep(2); raise ValueError")})
    course.grade(jobs=1)
    checks = course.cards()["b"].checks
    skipped = [check.seconds for check in checks if check.status == "skipped"]
    assert skipped and max(skipped) < max(check.seconds for check in checks if check.status == "raised")


# --- what cannot be graded ------------------------------------------------------------------------------


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))


def test_who_cannot_be_read_has_a_row_and_a_reason(new_class: NewClass) -> None:
    """A broken archive, an archive of another kind and an empty folder get no score but a sentence, in the table of
    the class and in their own results.json; the others are graded."""
    course = new_class({"right": RIGHT, "cut": b"PK\3\4 cut", "empty": {}})
    (course.source / "other.rar").write_bytes(b"Rar!")
    (course.source / "read me.txt").write_text("hello")
    found = course.grade()
    assert found.summary.lines()[:-1] == [
        "read me.txt was left out: it is no zip, tar or folder",
        "1 submission graded, 3 cannot be read",
    ]
    rows = {row["submission"]: row for row in table(course.out / "scores.csv")}
    assert rows.keys() == {"right", "cut", "empty", "other.rar"}
    assert (rows["right"]["score"], rows["right"]["problem"]) == ("8", "")
    reasons = {"cut": "damaged or truncated zip", "empty": "it holds no file", "other.rar": "no zip or tar"}
    for id_, why in reasons.items():
        assert (rows[id_]["score"], rows[id_]["complete"]) == ("", "no")
        assert why in rows[id_]["problem"], rows[id_]["problem"]
        results = json.loads((course.out / id_ / "results.json").read_bytes())
        assert (results["score"], results["tests"]) == (0, [])
        assert why in results["output"]
        assert [path.name for path in (course.out / id_).iterdir()] == ["results.json"]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda place: place / "none", "none cannot be opened (No such file or directory)"),
        (lambda place: hand_in(place, "empty", {}) or place / "empty", "holds no submissions; looked for"),
        (lambda place: hand_in(place, "one", RIGHT) or place / "one", "looks like one submission, since"),
        (lambda place: hand_in(place, "text", b"no zip") or place / "text.zip", "text.zip is neither a zip"),
    ],
    ids=["none", "empty", "one", "text"],
)
def test_what_is_no_class_is_refused(
    grade_py: GradePy, tmp_path: Path, make: Callable[[Path], Path], complaint: str
) -> None:
    """One sentence on stderr and exit code 2, before anything is graded."""
    done = grade_py("batch", "a2", make(tmp_path / "class"), "--out", tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("grade: ") and complaint in done.stderr
    assert not (tmp_path / "out").exists()


OTHER = """\
id = "other"
title = "Another assignment"
submitted = ["other.py"]
given = []
parts = []
questions = []
"""


def test_a_class_of_two_assignments_is_refused(new_class: NewClass) -> None:
    """Half a class with the files of another assignment is one sentence that names them, and nothing is written; a
    single stray among many has a row that says so, and the others are graded."""
    astray: dict[str, str | bytes] = {"other.py": "x = 1"}
    course = new_class({"a": RIGHT, "b": astray}, {"reference/other/assignment.toml": OTHER})
    with pytest.raises(IntakeError, match=r"^1 of 2 submissions hold files of other and none of mini [(]b[)]"):
        course.grade()
    assert not course.out.exists()
    for id_ in "cde":
        course.hand_in(id_, RIGHT)
    assert course.grade().summary.lines()[0] == "4 submissions graded, 1 cannot be read"


def test_an_out_that_is_no_folder_is_refused(grade_py: GradePy, tmp_path: Path) -> None:
    """A file in the way is said in one sentence and left as it is."""
    hand_in(tmp_path / "class", "right", RIGHT)
    (tmp_path / "out").write_text("mine")
    done = grade_py("batch", "a2", tmp_path / "class", "--out", tmp_path / "out" / "deeper")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "out/deeper/ledger.sqlite cannot be used: " in done.stderr
    assert (tmp_path / "out").read_text() == "mine"


# --- one check explained --------------------------------------------------------------------------------


def told(course: Class, id_: str, check: str) -> str:
    return explain(course.assignment, course.source, course.out, id_, check, options=Options())


def test_one_check_is_explained(new_class: NewClass) -> None:
    """What went in, what came back, what the code printed, and why it failed; the ledger stays as it was."""
    course = new_class({
        "wrong": with_body("print('scaling', x.shape); return FACTOR + x"),
        "raising": with_body("raise KeyError('no factor')"),
    })  # fmt: skip
    before_any = told(course, "wrong", "p1.total")
    assert "Builds on p1.scale: not judged yet\n" in before_any
    assert not course.out.exists()
    course.grade()
    before = reports(course.out)
    story = told(course, "wrong", "p1.scale")
    assert story.startswith("p1.scale  scale multiplies by the factor\nSubmission: wrong; question scaling, 1 point,")
    for part in (
        "1. importing solution.py (import)\n",
        "2. scale (call)\n  in   0: tensor (3,) float64 [0.5  1.5  2.75]\n",
        "  out  tensor (3,) float64 [3.75 4.75 6.  ]\n",
        "\nOutcome: wrong values, ",
        "\nStudent reads: y[n=2] is off by ",
        "\nWhat the code printed:\nscaling torch.Size([3])\n",
    ):
        assert part in story, story
    assert "In the ledger" not in story
    raised = told(course, "raising", "p1.scale")
    assert "  raised KeyError: 'no factor'\n       solution.py" in raised
    skipped = told(course, "wrong", "p1.total")
    assert "Builds on p1.scale: wrong values\nNothing was asked of the submission.\n\nOutcome: skipped, " in skipped
    assert reports(course.out) == before


def test_who_asks_for_what_is_not_there_is_told_what_is(new_class: NewClass) -> None:
    """Unknown ids are answered with near ones, broken submissions with what is wrong with them."""
    course = new_class({"right": RIGHT, "cut": b"PK\3\4 cut"})
    for id_, check, complaint in (
        ("rihgt", "p1.scale", r"^the class has no submission 'rihgt'; did you mean right\?$"),
        ("right", "p1.scal", r"^mini has no check 'p1\.scal'; did you mean p1\.scale, "),
        ("right", "%", r"^mini has no check '%'$"),
        ("cut", "p1.scale", r"^cut\.zip is a damaged or truncated zip"),
    ):
        with pytest.raises(GraderError, match=complaint):
            told(course, id_, check)
    assert not course.out.exists()


# --- who watches ----------------------------------------------------------------------------------------


def test_a_log_has_counts_rate_and_time_left(new_class: NewClass, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody looks on, lines say how many are done, how checks ended, how fast it goes and how long it takes."""
    course = new_class({**{f"s{i}": RIGHT for i in range(5)}, "cut": b"PK\3\4 cut", "wrong": with_body("return x")})
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    log = io.StringIO()
    with progress.Watching(Console(file=log, width=40), "mini class") as watch:
        grade_class(course.assignment, course.source, course.out, Options(jobs=1), progress=watch)
    lines = log.getvalue().splitlines()
    assert lines[0] == "mini class: 0 of 7 submissions"
    line = re.compile(
        r"mini class: \d of 7 submissions(; 1 cannot be read)?(; checks: \d+ passed(, \d+ [a-z ]+)*"
        r"(; \d+\.\d a (second|minute), 0:\d\d:\d\d left)?)?"
    )
    assert [text for text in lines if not line.fullmatch(text)] == []
    last = "mini class: 7 of 7 submissions; 1 cannot be read; checks: 33 passed, 2 skipped, 1 wrong values; "
    assert lines[-1].startswith(last) and lines[-1].endswith(", 0:00:00 left")
    log.truncate(0)
    with progress.Watching(Console(file=log), "mini class") as watch:
        grade_class(course.assignment, course.source, course.out, Options(jobs=1), progress=watch)
    assert log.getvalue().strip("\0\n") == "mini class: 7 of 7 submissions; 6 known already; 1 cannot be read"


# --- gradebooks -----------------------------------------------------------------------------------------


def test_scores_go_into_the_platforms_tables(new_class: NewClass, tmp_path: Path) -> None:
    """A Canvas gradebook is filled for a class that handed in on Gradescope, and one of Moodle for Moodle's own; who
    has no score, or is unknown, is named."""
    course = new_class({})
    ada, ben, carla = people(3)
    handed = [RIGHT_BYTES, WRONG_BYTES, {ARCHIVE: b"PK\3\4 cut"}]
    course.source = gradescope_class(tmp_path, handed, as_zip=True)
    book = canvas_gradebook(tmp_path / "grades.csv", 3, '"Absent, Anna",9,000,anna@example.edu,S1,')
    found = course.grade(gradebooks=[book])
    assert (found.summary.refused, found.summary.ungraded) == (1, 0)
    copy = course.out / "gradebooks/grades.csv"
    assert [row["Mini (77)"] for row in table(copy)] == ["8.00", "8", "4", "", ""]
    said = "\n".join(found.summary.filled)
    assert said.startswith(f"{copy}: 2 scores in the column Mini (77)\n  in the gradebook, without a submission (2):\n")
    assert "Anna" in said and carla.last in said and ben.last not in said
    # The same class again, with what Moodle would say of it.
    course.source, course.out = moodle_class(tmp_path, handed), tmp_path / "moodle"
    sheet = tmp_path / "worksheet.csv"
    rows = ["Identifier,Full name,Email address,Grade,Maximum Grade,Grade can be changed"]
    for i, person in enumerate((ada, ben, carla)):
        rows.append(f"Participant {moodle_number(i)},{person.name},{person.email},,8.00,Yes")
    sheet.write_text("\n".join([*rows, ""]))
    course.grade(gradebooks=[sheet])
    copy = course.out / "gradebooks/worksheet.csv"
    assert [row["Grade"] for row in table(copy)] == ["8", "4", ""]


def canvas_gradebook(path: Path, count: int, *more: str) -> Path:
    """With that many of `people`."""
    rows = ["Student,ID,SIS User ID,SIS Login ID,Section,Mini (77)", "    Points Possible,,,,,8.00"]
    for i, person in enumerate(people(count)):
        rows.append(f'"{person.last}, {person.first}",{i},{person.sid},{person.email},S1,')
    path.write_text("\n".join([*rows, *more, ""]), encoding="utf-8")
    return path


def as_bytes(files: Handed) -> dict[str, bytes]:
    return {name: str(content).encode() for name, content in files.items()}  # type: ignore[union-attr]


RIGHT_BYTES, WRONG_BYTES = as_bytes(RIGHT), as_bytes(with_body("return FACTOR + x"))


# --- answers that people judge ----------------------------------------------------------------------------


def test_scores_of_written_answers_outlive_the_next_run(new_class: NewClass, tmp_path: Path) -> None:
    """What staff merged holds when the class is graded again, in reports and table, for as long as the answer is the
    same; the answers lie in written.json."""
    handed = {**RIGHT, "notes.ipynb": notes(MODEL)}
    course = new_class({"ada": handed, "bob": handed}, WRITTEN_FILES)
    course.grade()
    assert {id_: card.awaiting for id_, card in course.cards().items()} == {"ada": 3.0, "bob": 3.0}
    answers = json.loads((course.out / "ada/written.json").read_bytes())["answers"]
    assert [answer["text"] for answer in answers] == list(MODEL.values())
    write_pages(course.assignment, course.out)
    tags = [row["tag"] for row in table(course.out / "written/key.csv")]
    sheet = tmp_path / "scores.csv"
    sheet.write_text("\n".join(["tag,question,score,remark", *(f"{tag},inline_2,1.5,Well." for tag in tags)]))
    assert merge("mini", course.out, [sheet]).scores == 2
    merged = reports(course.out)
    for only, judged in (([], 0), (["p2.shout"], 2)):
        found = course.grade(only=only)
        assert found.judged == judged
        after = reports(course.out)
        assert after.pop("scores.csv") != merged["scores.csv"]
        assert after == {name: content for name, content in merged.items() if name != "scores.csv"}
        rows = table(course.out / "scores.csv")
        assert [(row["score"], row["awaiting"], row["points:inline_2"]) for row in rows] == 2 * [("9.5", "1", "1.5")]
    course.hand_in("bob", {**handed, "notes.ipynb": notes({**MODEL, "inline-2": "No: it is the curvature."})})
    course.grade()
    ada, bob = course.cards().values()
    assert (ada.score, ada.awaiting, bob.score, bob.awaiting) == (9.5, 1.0, 8.0, 3.0)
    assert any("were for another answer" in finding for finding in bob.findings)


# --- the whole way ----------------------------------------------------------------------------------------


def test_the_command_from_a_download_to_a_gradebook(tmp_path: Path) -> None:
    """Exit code 3 while something is not complete through our fault, and 0 when the same command has mended it; the
    gradebook is filled, one check explained, and nothing left behind."""
    tmp_path.chmod(0o755)
    fault = 'student.extras.shout("x") == "X!" and (pathlib.Path(__file__).parents[2] / "fault").exists()'
    title = '    """shout gives capitals"""\n'
    suite = "import pathlib\n" + swap(SUITE_P2, title, f"{title}    if {fault}:\n        1 / 0\n")
    place = Place(tmp_path, {"tests/mini/test_p2_words.py": suite, "fault": ""})
    loud = as_bytes({**RIGHT, "extras.py": swap(EXTRAS, "return word.upper()", "return word.upper() + '!'")})
    source = gradescope_class(tmp_path, [RIGHT_BYTES, loud, RIGHT_BYTES, WRONG_BYTES], as_zip=True)
    out, temporary, book = tmp_path / "out", tmp_path / "temporary", canvas_gradebook(tmp_path / "book.csv", 4)

    def run(*options: object) -> tuple[int, str, str]:
        started = Started(batch_command(place, source, out, *options), place, temporary)
        try:
            return started.finish()
        finally:
            started.kill()
            assert started.leftovers() == []
            assert list(temporary.iterdir()) == []

    code, stdout, stderr = run()
    reported = f"{out}: report.html, scores.csv\n"
    assert (code, stdout) == (
        3,
        "3 submissions graded, 1 not complete, through no fault of theirs: run the same command again\n" + reported,
    )
    assert stderr.startswith(f"mini {source.name}: 0 of 4 submissions\n")
    (place.root / "fault").unlink()
    code, stdout, stderr = run("--gradebook", book)
    copy = out / "gradebooks/book.csv"
    assert (code, stdout) == (0, f"{copy}: 4 scores in the column Mini (77)\n4 submissions graded\n{reported}")
    assert stderr == f"mini {source.name}: 1 of 4 submissions; 1 known already\n"
    assert [row["Mini (77)"] for row in table(copy)] == ["8.00", "8", "6", "8", "4"]
    id_ = next(row["submission"] for row in table(out / "scores.csv") if row["score"] == "6")
    assert str(gradescope_number(1)) in id_
    code, stdout, stderr = run("--explain", id_, "p2.shout")
    assert (code, stderr) == (0, "")
    assert "shout (call)\n  in   0: 'quiet'\n" in stdout
    assert "  out  'QUIET!'\n" in stdout and "\nOutcome: wrong values, " in stdout
