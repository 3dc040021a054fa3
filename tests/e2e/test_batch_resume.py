"""A class that is graded again: nothing is judged twice, nothing is lost, whatever changes and whoever is stopped.

One interruption of each kind by default; `--kills 25` makes it a hundred in all. A failure names its seed and moment.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from classes import (
    RIGHT,
    Class,
    Handed,
    Judged,
    batch_command,
    cards,
    examiners,
    filed,
    grade,
    hand_in,
    kill,
    reports,
)
from commands import SLOW, Place, Started, finished, limited, naming
from mini_assignment import CHECKS, EXTRAS, MANIFEST, SOLUTION, SUITE_P2, check, statuses, swap

from grader.batch import local
from grader.batch.batch import NOT_YET, Tally
from grader.batch.ledger import LEDGER
from grader.errors import GraderError, ManifestError
from grader.paths import Assignment
from grader.records import Status
from grader.report.files import REPORTS
from grader.report.table import cell
from grader.worker.launch import Launcher

pytestmark = pytest.mark.timeout(3000)  # for any number of kills

NewClass = Callable[..., Class]
P1, P2 = "tests/mini/test_p1_numbers.py", "tests/mini/test_p2_words.py"
WRONG = {**RIGHT, "solution.py": swap(SOLUTION, "return FACTOR * x", "return FACTOR + x")}
BOTH: Mapping[str, Handed] = {"right": RIGHT, "wrong": WRONG}
FULL = dict.fromkeys(CHECKS, "passed")


def of_all(*checks: str, ids: Mapping[str, object] = BOTH) -> Judged:
    return {(id_, check) for id_ in ids for check in checks}


def nobody() -> Launcher:
    raise AssertionError("an examiner is started")


# --- nothing new -------------------------------------------------------------------------------------


def test_what_is_known_is_not_judged_again(new_class: NewClass, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second run starts no examiner, judges nothing and touches no report but those that were deleted."""
    course = new_class({**BOTH, "broken": b"no zip", "other": RIGHT})
    first = course.grade()
    assert (first.judged, first.tally.done, first.tally.refused) == (3 * len(CHECKS), 3, 1)
    ledger, before = filed(course.out), reports(course.out)
    written = {path: path.stat().st_ino for path in course.out.glob("[row]*/*")}
    monkeypatch.setattr(local, "default_launcher", nobody)
    second = course.grade(jobs=3)
    assert (second.judged, second.tally.known, second.tally.refused) == (0, 3, 1)
    assert second.summary == first.summary
    assert {path: path.stat().st_ino for path in course.out.glob("[row]*/*")} == written
    for id_, gone in zip(("right", "wrong", "other"), (["*"], ["results.json"], ["scorecard.json"]), strict=True):
        for path in (path for pattern in gone for path in (course.out / id_).glob(pattern)):
            path.unlink()
    (course.out / "other/feedback.html").unlink()
    shutil.rmtree(course.out / "broken")
    assert course.grade().judged == 0
    assert reports(course.out) == before
    assert {path.name for path in (course.out / "other").iterdir()} == {*REPORTS}
    assert filed(course.out) == ledger


def test_those_who_were_refused_are_refused_again(new_class: NewClass) -> None:
    """Who cannot be read is counted as such by every run, also who could be once, until something else is there."""
    course = new_class(BOTH)
    course.grade()
    shutil.rmtree(course.source / "wrong")
    course.hand_in("wrong", b"PK\3\4 cut off")
    lines = []
    for _ in range(2):
        found = course.grade()
        assert (found.summary.refused, found.tally.known, found.judged) == (1, 1, 0)
        lines.append(found.summary.lines())
    assert lines[0] == lines[1] == ["1 submission graded, 1 cannot be read", f"{course.out}: report.html, scores.csv"]
    assert {path.name for path in (course.out / "wrong").iterdir()} == {"results.json"}
    (course.source / "wrong.zip").unlink()
    course.hand_in("wrong", WRONG)
    found = course.grade()
    assert (found.summary.refused, found.tally.known + found.tally.done) == (0, 2)
    assert course.cards()["wrong"].score == 4.0


def test_a_download_that_was_damaged_holds_nobody_back(new_class: NewClass, tmp_path: Path) -> None:
    """A submission that a damaged zip of the class hides has its score again when the zip is whole, from the ledger."""
    course = new_class({})
    source = tmp_path / "class.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for name, files in BOTH.items():
            for path, content in files.items():  # type: ignore[union-attr]
                archive.writestr(f"{name}/{path}", content)
    course.source, whole = source, source.read_bytes()
    course.grade()
    before = reports(course.out)
    source.write_bytes(whole.replace(b"return FACTOR + x", b"return FACTOR - x"))  # and not the sum that is kept of it
    found = course.grade()
    assert (found.judged, found.tally.known, found.tally.refused) == (0, 1, 1)
    source.write_bytes(whole)
    found = course.grade()
    assert (found.judged, found.tally.known, found.tally.refused) == (0, 2, 0)
    assert reports(course.out) == before


# --- what is asked for again, and what has changed ----------------------------------------------------


def test_only_regrades_what_is_asked_for(new_class: NewClass) -> None:
    """`only` judges these checks again everywhere, by the name of a check or a question, and nothing that builds on
    them while they end as before; a name that fits nothing costs nothing."""
    course = new_class(BOTH)
    course.grade()
    before = statuses(course.cards()["wrong"])
    for only, wanted in (
        (["p1.sample_odd"], ["p1.sample_odd"]),
        (["words", "sample_e*"], ["p2.shout", "p1.sample_even"]),
        (["p1.scale"], ["p1.scale"]),
        (["p1.total"], ["p1.total"]),
    ):
        course.stamp()
        found = course.grade(only=only)
        assert course.fresh() == of_all(*wanted)
        assert (found.judged, found.tally.done) == (2 * len(wanted), 2)
        assert statuses(course.cards()["wrong"]) == before
    course.stamp()
    with pytest.raises(ManifestError, match=r"^mini has no check and no question 'p3\.none'$"):
        course.grade(only=["p3.none"])
    assert course.grade().judged == 0


def test_only_needs_no_more_than_what_the_check_builds_on(new_class: NewClass) -> None:
    """In a submission of which nothing is known, `only` is no limit; elsewhere it is one."""
    course = new_class({"right": RIGHT})
    course.grade()
    course.stamp()
    course.hand_in("later", RIGHT)
    course.grade(only=["p1.total"])
    assert course.fresh() == {("right", "p1.total"), *of_all(*CHECKS, ids={"later": RIGHT})}
    assert statuses(course.cards()["right"]) == FULL


CHAIN = """\
import numpy as np
import pytest

from grader.checks import EXACT, close


@pytest.mark.check("p1.scale", question="scaling", points=2)
def test_scale(student):
    'scale multiplies by the factor'
    # a remark
    close(student.solution.scale(np.ones(1)), 3.25 * np.ones(1), name="y", dims="N", tol=EXACT)


@pytest.mark.check("p1.two", question="scaling", points=1, needs="p1.scale")
def test_two(student):
    'scale takes two numbers'
    close(student.solution.scale(np.ones(2)), 3.25 * np.ones(2), name="y", dims="N", tol=EXACT)


@pytest.mark.check("p1.three", question="scaling", points=1, needs="p1.two")
def test_three(student):
    'scale takes three numbers'
    close(student.solution.scale(np.ones(3)), 3.25 * np.ones(3), name="y", dims="N", tol=EXACT)


@pytest.mark.check("p1.sample", question="sampling", points=2)
def test_sample(student):
    'sample counts'
    close(student.solution.sample("even", 4), 2 * np.arange(4), name="n", dims="N", tol=EXACT)
"""


def test_a_changed_test_is_judged_again(new_class: NewClass) -> None:
    """Another test function has its check judged again, and what builds on it only where it now ends otherwise, step by
    step as far as that goes; another remark in it is no change."""
    course = new_class(BOTH, {P1: CHAIN})
    course.grade()
    course.stamp()
    first = "3.25 * np.ones(1)"
    course.change({P1: swap(swap(CHAIN, "# a remark", "# another remark"), first, f"1.0 * {first}")})
    assert course.grade().judged == 2
    assert course.fresh() == of_all("p1.scale")
    course.stamp()
    course.change({P1: swap(CHAIN, first, "3.25 + np.ones(1)")})  # now whoever is right fails, and the other way round
    found = course.grade()
    checks = ("p1.scale", "p1.two", "p1.three")
    assert course.fresh() == of_all(*checks)
    assert found.judged == len(course.fresh())
    ended = {id_: [statuses(card)[check] for check in checks] for id_, card in course.cards().items()}
    assert ended == {"right": ["failed", "skipped", "skipped"], "wrong": ["passed", "failed", "skipped"]}
    assert {statuses(card)["p1.sample"] for card in course.cards().values()} == {"passed"}


def test_a_changed_helper_regrades_its_file(new_class: NewClass) -> None:
    """What stands in a file beside its tests counts for all of its checks, and for no other file's."""
    course = new_class(BOTH)
    course.grade()
    course.stamp()
    course.change({P2: swap(SUITE_P2, "\n\n\n\n@pytest", "\n\nLANGUAGE = 'English'\n\n\n@pytest")})
    course.grade()
    assert course.fresh() == of_all("p2.shout")


def test_points_and_titles_regrade_nothing(new_class: NewClass, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other points and titles, in the manifest and in the suite, judge nothing again; the reports have the new ones."""
    course = new_class(BOTH)
    course.grade()
    words = 'title = "Words"\npoints = 2.0'
    assert MANIFEST.count(words) == 2
    renamed = swap(SUITE_P2, "points=2", "points=3.5").replace("shout gives capitals", "shout is loud")
    course.change({
        "reference/mini/assignment.toml": MANIFEST.replace(words, 'title = "Loud words"\npoints = 3.5'),
        P2: renamed,
    })  # fmt: skip
    monkeypatch.setattr(local, "default_launcher", nobody)
    assert course.grade().judged == 0
    found = course.cards()
    assert [(card.score, card.max_score) for card in found.values()] == [(9.5, 9.5), (5.5, 9.5)]
    assert check(found["right"], "p2.shout").title == "shout is loud"
    assert ",9.5,9.5," in (course.out / "scores.csv").read_text("utf-8-sig")
    assert b"Loud words" in (course.out / "right/report.html").read_bytes()


def test_a_question_in_another_part_keeps_its_results(new_class: NewClass) -> None:
    """Results follow a question to another part, and what is judged there later replaces them."""
    course = new_class({"right": RIGHT})
    course.grade()
    course.stamp()
    manifest = swap(MANIFEST, 'id = "p2"\ntitle', 'id = "a2"\ntitle').replace('part = "p2"', 'part = "a2"')
    course.change({"reference/mini/assignment.toml": manifest})
    assert course.grade().judged == 0
    course.change({P2: SUITE_P2.replace('"quiet"', '"very quiet"').replace('"QUIET"', '"VERY QUIET"')})
    assert course.grade().judged == 1
    assert course.fresh() == {("right", "p2.shout")}
    assert course.grade().judged == 0
    assert statuses(course.cards()["right"]) == FULL


def test_a_changed_submission_is_the_only_one_judged(new_class: NewClass) -> None:
    """Who hands in something else is judged anew, in all checks; who is not in the class any more is in no table."""
    course = new_class({**BOTH, "gone": RIGHT})
    course.grade()
    course.stamp()
    course.hand_in("wrong", RIGHT)
    shutil.rmtree(course.source / "gone")
    assert course.grade().judged == len(CHECKS)
    assert course.fresh() == of_all(*CHECKS, ids={"wrong": RIGHT})
    assert course.cards()["wrong"].score == 8.0
    table = (course.out / "scores.csv").read_text("utf-8-sig").splitlines()
    assert [line.partition(",")[0] for line in table] == ["submission", "right", "wrong"]
    assert b"gone" not in (course.out / "report.html").read_bytes()


# --- faults of ours ----------------------------------------------------------------------------------

FAULT = "fault"  # a file in the repository, that makes the suite fail
FAULTY = swap(
    SUITE_P2,
    '    """shout gives capitals"""\n',
    '    """shout gives capitals"""\n'
    "    import os, pathlib, signal\n"
    f"    if student.extras.shout('fault') == 'fault' and (pathlib.Path(__file__).parents[2] / '{FAULT}').exists():\n"
    "        ACT\n",
)
QUIET = swap(EXTRAS, "return word.upper()", "return word")
LOWER = {**RIGHT, "extras.py": swap(EXTRAS, "return word.upper()", "return word if word == 'fault' else word.upper()")}
CLASS_WITH_ONE: Mapping[str, Handed] = {"a": RIGHT, "b": LOWER, "c": RIGHT, "d": RIGHT}


@pytest.mark.parametrize(
    ("act", "staff"),
    [
        ("raise RuntimeError('a passing fault')", "RuntimeError: a passing fault"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the process that examined it ended, twice"),
        ("pytest.exit('no more')", "Exit: no more"),
    ],
    ids=["raises", "kills", "exits"],
)
def test_what_could_not_be_graded_is_tried_again(new_class: NewClass, act: str, staff: str) -> None:
    """A check that fails through our fault, or takes its examiner with it each time, leaves one submission not
    complete and all others graded; the next run judges this check again and nothing else."""
    course = new_class(CLASS_WITH_ONE, {P2: FAULTY.replace("ACT", act), FAULT: ""})
    first = course.grade()
    assert (first.summary.submissions, first.summary.ungraded) == (4, 1)
    assert first.summary.lines()[0] == (
        "3 submissions graded, 1 not complete, through no fault of theirs: run the same command again"
    )
    card = course.cards()["b"]
    assert (card.complete, card.score) == (False, 6.0)
    assert statuses(card) == {**FULL, "p2.shout": "ungraded"}
    assert staff in check(card, "p2.shout").staff
    assert {id_: found.score for id_, found in course.cards().items() if found.complete} == dict.fromkeys("acd", 8.0)
    course.stamp()
    assert course.grade().summary.ungraded == 1  # it is there still
    (course.assignment.root / FAULT).unlink()
    last = course.grade()
    assert (last.judged, last.summary.ungraded, last.tally.known) == (1, 0, 3)
    assert course.fresh() == {("b", "p2.shout")}
    assert {found.score for found in course.cards().values()} == {8.0}


def test_what_cannot_be_staged_is_not_complete(new_class: NewClass) -> None:
    """A submission that this machine cannot copy is no graded one: it is counted as not complete, whoever looks for
    its score reads whose fault it is, and the next run grades it."""
    big = {**RIGHT, "solution.py": f"{SOLUTION}\n# {'x' * 900_000}\n"}
    course = new_class({"big": big, "small": RIGHT})
    with limited(resource.RLIMIT_FSIZE, 500_000):
        found = course.grade()
    assert (found.summary.submissions, found.summary.ungraded) == (2, 1)
    row = (course.out / "scores.csv").read_text("utf-8-sig").splitlines()[1]
    assert row.startswith("big,") and "cannot be copied" in row
    found = course.grade()
    assert (found.judged, found.summary.ungraded) == (len(CHECKS), 0)
    assert course.cards()["big"].score == 8.0


def test_a_killed_examiner_costs_nothing(new_class: NewClass) -> None:
    """Another one takes its place: the undisturbed reports, and nothing but what it was at is judged twice."""
    course = new_class({id_: SLOW for id_ in "abcdef"})
    killed: list[int] = []

    def progress(tally: Tally) -> None:
        if tally.done >= 2 and not killed:
            killed.append(random.Random(5).choice(examiners()))
            kill(killed[0])

    found = course.grade(jobs=2, progress=progress)
    assert (len(killed), found.tally.done, found.summary.ungraded) == (1, 6, 0)
    assert found.judged <= 6 * len(CHECKS) + 5  # one part may have been told of
    disturbed = reports(course.out)
    shutil.rmtree(course.out)
    course.grade(jobs=2)
    assert reports(course.out) == disturbed


def test_the_zygote_of_all_may_be_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever needs one then starts one: every score, and nothing not complete."""
    course = Class(tmp_path, {id_: SLOW for id_ in "abc"})
    made: list[int] = []
    start = local.default_launcher
    killed: list[int] = []

    def noted() -> Launcher:
        launcher = start()
        made.append(launcher._process.pid)  # type: ignore[attr-defined]
        return launcher

    def progress(tally: Tally) -> None:
        if tally.done >= 1 and not killed:
            killed.extend(made)
            kill(made[0])

    monkeypatch.setattr(local, "default_launcher", noted)
    found = course.grade(progress=progress)
    assert len(killed) == 1
    assert (found.tally.done, found.summary.ungraded, found.judged) == (3, 0, 3 * len(CHECKS))
    assert {card.score for card in course.cards().values()} == {8.0}


def test_examiners_that_cannot_begin_end_the_run(new_class: NewClass) -> None:
    """When each new examiner ends at once, one sentence says so; what was graded before stays."""
    failing = f"import os, pathlib\nif (pathlib.Path(__file__).parents[2] / '{FAULT}').exists():\n    os._exit(1)\n"
    course = new_class({"right": RIGHT}, {"tests/mini/conftest.py": failing})
    course.grade()
    before = filed(course.out)
    for id_ in "xyz":
        course.hand_in(id_, RIGHT)
    with pytest.raises(GraderError, match=r"^examiners end as soon as they are started; what they wrote stands above$"):
        course.grade(progress=lambda tally: course.change({FAULT: ""}))
    assert filed(course.out) == before
    assert course.cards()["right"].score == 8.0
    table = (course.out / "scores.csv").read_text("utf-8-sig")
    assert [why in table for why in (cell(NOT_YET), "the process that examined it ended, twice")] == [True, True]
    (course.assignment.root / FAULT).unlink()
    assert course.grade().judged == 3 * len(CHECKS)


# --- ledgers that cannot be used ----------------------------------------------------------------------


def test_a_ledger_of_another_assignment_is_left_alone(new_class: NewClass, tmp_path: Path) -> None:
    """One line says whose it is, and nothing in the folder changes."""
    course = new_class({"right": RIGHT})
    course.grade()
    base = sqlite3.connect(course.out / LEDGER)
    base.execute("UPDATE meta SET value = 'maxi' WHERE name = 'assignment'")
    base.commit()
    base.close()
    before = contents(course.out)
    with pytest.raises(GraderError, match=r"/ledger\.sqlite is of assignment 'maxi'; choose another --out$"):
        course.grade()
    assert contents(course.out) == before
    base = sqlite3.connect(course.out / LEDGER)
    base.execute("UPDATE meta SET value = '0' WHERE name = 'form'")
    base.commit()
    base.close()
    with pytest.raises(GraderError, match=r"was written by another version of torchgrade; choose another --out$"):
        course.grade()


def contents(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def garbage(ledger: Path) -> None:
    ledger.write_bytes(b"no table at all, but a text that somebody saved here\n" * 100)


def zeros(ledger: Path) -> None:
    data = ledger.read_bytes()
    ledger.write_bytes(data[:4096] + bytes(len(data) - 4096))


def other_bytes(ledger: Path) -> None:
    base = sqlite3.connect(ledger)
    base.execute("UPDATE results SET filed = ?", [zlib.compress(b"\xc1 no MessagePack")])
    base.commit()
    base.close()


def cut(ledger: Path) -> None:
    base = sqlite3.connect(ledger)
    base.execute("UPDATE results SET filed = substr(filed, 1, 40)")
    base.commit()
    base.close()


def no_record(ledger: Path) -> None:
    base = sqlite3.connect(ledger)
    base.execute("UPDATE submissions SET opened = '{}'")
    base.commit()
    base.close()


def test_a_damaged_ledger_is_one_sentence(new_class: NewClass) -> None:
    """It says which file to move away, and no report is written over; without that file all is graded anew."""
    course = new_class({"right": RIGHT})
    course.grade()
    ledger = course.out / LEDGER
    before = contents(course.out)
    sound = before.pop(LEDGER)
    for damage in (garbage, zeros, other_bytes, cut, no_record):
        ledger.write_bytes(sound)
        damage(ledger)
        with naming(damage.__name__):
            with pytest.raises(GraderError, match=r"^/\S+/ledger\.sqlite cannot be used: .*; if it is damaged, "):
                course.grade()
            after = contents(course.out)
            assert after.pop(LEDGER) != sound
            assert after == before
    ledger.rename(course.out / "moved.sqlite")
    assert course.grade().judged == len(CHECKS)


# --- asked to stop, and killed --------------------------------------------------------------------------

IDS = tuple("abcdef")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A repository, and a class whose calls take a while."""
    folder = tmp_path_factory.mktemp("batch")
    folder.chmod(0o755)
    made = Place(folder)
    for id_ in IDS:
        hand_in(folder / "class", id_, {**SLOW, "extras.py": QUIET} if id_ == "c" else SLOW)
    return made


def source(place: Place) -> Path:
    return place.root.parent / "class"


@pytest.fixture
def undisturbed(place: Place, lent: None) -> Path:
    """What comes out where nobody interferes."""
    out = place.root.parent / "undisturbed"
    if not out.exists():
        grade(Assignment("mini", root=place.root), source(place), out, jobs=2)
    assert [card.score for card in cards(out).values()] == [8.0, 8.0, 6.0, 8.0, 8.0, 8.0]
    return out


def told(out: Path) -> int:
    """How many submissions have reports."""
    return sum(1 for _ in out.glob("*/scorecard.json"))


def stop_by(number: int) -> Callable[[Started], None]:
    return lambda started: os.kill(started.pid, number)


def kill_all(started: Started) -> None:
    for pid in [*started.family()]:
        with suppress(ProcessLookupError):
            kill(pid)


ENDS = {
    "interrupt": stop_by(signal.SIGINT),
    "terminate": stop_by(signal.SIGTERM),
    "kill": stop_by(signal.SIGKILL),
    "kill_all": kill_all,
}


def test_one_run_at_a_time(place: Place, lent: None, tmp_path: Path) -> None:
    """A second run into the same folder is refused in one sentence, and the first one goes on."""
    out = tmp_path / "out"
    told: list[tuple[int, str, str]] = []

    def second(tally: Tally) -> None:
        if tally.statuses and not told:
            told.append(finished(batch_command(place, source(place), out), place, tmp_path / "temporary"))

    graded = grade(Assignment("mini", root=place.root), source(place), out, progress=second)
    sentence = f"grade: another run is at work in {out}; wait for its end, or choose another --out\n"
    assert told == [(2, "", sentence)]
    assert graded.judged == len(IDS) * len(CHECKS)


def test_stopped_between_the_last_result_and_the_end(new_class: NewClass) -> None:
    """What a report says of isolation and versions was filed with the results, and does not wait for the job's end."""
    course = new_class({"right": RIGHT})

    def stop(tally: Tally) -> None:
        if tally.statuses.total() == len(CHECKS) and not tally.done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        course.grade(progress=stop)
    assert course.grade().judged == 0
    stopped = reports(course.out)
    assert course.cards()["right"].isolation["rlimits"] and "torch" in course.cards()["right"].versions
    shutil.rmtree(course.out)
    course.grade()
    assert reports(course.out) == stopped


def test_a_regrade_in_which_no_code_runs(new_class: NewClass) -> None:
    """A check that is skipped again changes nothing that a report says of isolation and versions."""
    course = new_class({"wrong": WRONG})
    course.grade()
    before = reports(course.out)
    skipped = [check.id for check in course.cards()["wrong"].checks if check.status is Status.SKIPPED]
    assert skipped and course.grade(only=skipped).judged == len(skipped)
    assert reports(course.out) == before


@pytest.mark.parametrize("command", ["run", "batch"])
def test_stopped_while_the_suite_is_collected(tmp_path: Path, command: str) -> None:
    """It is told as what it is, and not as a suite that has no checks."""
    tmp_path.chmod(0o755)
    asking = f"import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n{SUITE_P2}"
    stopped = Place(tmp_path, {P2: asking})
    hand_in(tmp_path / "class", "a", RIGHT)
    out = tmp_path / "out"
    full = stopped.run(out) if command == "run" else batch_command(stopped, tmp_path / "class", out)
    code, stdout, stderr = finished(full, stopped, tmp_path / "temporary")
    assert (code, stdout) == (130, "") and stderr.splitlines()[-1].startswith("grade: interrupted")


@pytest.mark.parametrize("how", ENDS)
def test_a_stopped_run_goes_on_where_it_was(
    place: Place, undisturbed: Path, tmp_path: Path, how: str, kills: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at any moment, the command leaves no process and a ledger that can be read; the next run completes it to
    the undisturbed reports, judges nothing that was known, and removes what a killed one could not."""
    assignment = Assignment("mini", root=place.root)
    for seed in range(kills):
        own = tmp_path / str(seed)
        own.mkdir()
        out, chance = own / "out", random.Random(f"{how} {seed}")
        started = Started(batch_command(place, source(place), out), place, own / "temporary")
        # Every fourth one before the first report, the others between two.
        reported = 0 if seed % 4 == 3 else chance.randrange(1, len(IDS))
        after = chance.uniform(0, 0.3 if reported else 6.0)
        with naming(f"{how}, seed {seed}: {after:.3f} s after {reported} reports"):
            while told(out) < reported and not started.over:
                time.sleep(0.002)
            until = time.monotonic() + after
            while not started.over and time.monotonic() < until:
                time.sleep(0.001)
            ENDS[how](started)
            code, stdout, stderr = started.finish()
            assert started.leftovers() == [], "processes were left"
            if how in ("interrupt", "terminate") and out.exists() and code:
                assert (code, stdout) == (130, "")
                assert stderr.splitlines()[-1] == "grade: interrupted; the same command goes on where it was left"
                if reported:
                    assert len((out / "scores.csv").read_text("utf-8-sig").splitlines()) == 1 + len(IDS)
            known = filed(out) if out.exists() else {}
            assert len({id_ for id_, _check in known}) >= reported
            monkeypatch.setattr(tempfile, "tempdir", str(own / "temporary"))
            found = grade(assignment, source(place), out, jobs=2)
            assert found.summary.ungraded == 0
            assert found.judged == len(IDS) * len(CHECKS) - len(known)
            after_all = filed(out)
            assert {place_: after_all[place_] for place_ in known} == known
            assert reports(out) == reports(undisturbed)
            assert list((own / "temporary").iterdir()) == [], "temporary folders were left"
