"""A grading from a submission to its score, with real workers and the mini assignment."""

# ruff: noqa: E501  (tables with one case a line)
from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mini_assignment import (
    CHECKS,
    EXTRAS,
    MANIFEST,
    PUBLISHED,
    SOLUTION,
    SUITE_P1,
    SUITE_P2,
    check,
    statuses,
    swap,
    write_mini,
)

from grader.errors import GraderError, ManifestError
from grader.grading import Desk
from grader.paths import Assignment
from grader.plugin import OUR_FAULT, STOPPED, Run
from grader.records import Scorecard, Visibility
from grader.report.files import REPORTS
from grader.solutions import strip_solutions
from grader.worker.launch import Launcher
from grader.worker.sandbox import LAYERS

Grade = Callable[..., Scorecard]
BODY = "return FACTOR * x"
WRONG = swap(SOLUTION, BODY, "return FACTOR * x + x.sum()")


@pytest.fixture
def grade_with(tmp_path: Path, launcher: Launcher) -> Callable[..., Scorecard]:
    """Grades the solution with a repository of its own: `grade_with({file: text}, part of Desk's options)`."""

    def run(changed: dict[str, str | bytes], *, total_s: float | None = None, **options: object) -> Scorecard:
        assignment = write_mini(tmp_path / "repository", changed)
        with Desk(assignment, launcher, total_s=total_s) as desk:
            return desk.grade(assignment.reference, **options)  # type: ignore[arg-type]

    return run


# --- right, missing and wrong ------------------------------------------------------------------------


def test_the_reference_gets_full_marks(desk: Desk, mini: Assignment) -> None:
    """The reference passes every check, and the card says what it was graded with."""
    card = desk.grade(mini.reference)
    assert statuses(card) == dict.fromkeys(CHECKS, "passed")
    assert (card.score, card.max_score, card.complete) == (8.0, 8.0, True)
    assert [(part.id, part.score, part.max_score) for part in card.parts] == [("p1", 6.0, 6.0), ("p2", 2.0, 2.0)]
    assert set(card.isolation) == set(LAYERS)
    assert {"torchgrade", "python", "torch", "numpy"} <= set(card.versions)
    assert card.cpu_s > 0


def test_stubs_get_nothing(grade: Grade) -> None:
    """What students start from scores nothing, and every check says that it is not implemented yet."""
    card = grade({"solution.py": strip_solutions(SOLUTION, "s"), "extras.py": strip_solutions(EXTRAS, "e")})
    assert card.score == 0
    assert card.complete
    assert set(statuses(card).values()) == {"not_implemented", "skipped"}
    assert check(card, "p1.scale").message == "scale is not implemented yet"


def test_wrong_values_cost_their_points_only(grade: Grade) -> None:
    """A wrong function fails, what builds on it is skipped with the reason, the rest is judged."""
    card = grade({"solution.py": WRONG})
    assert statuses(card) == {
        **dict.fromkeys(CHECKS, "passed"),
        "p1.scale": "failed",
        "p1.scale.sizes": "skipped",
        "p1.total": "skipped",
    }
    assert check(card, "p1.total").message == "not judged, because it builds on p1.scale, which did not pass"
    assert card.score == 4.0
    assert [question.score for question in card.questions] == [0.0, 2.0, 2.0]


def test_companions_are_judged_when_asked_for(grade: Grade) -> None:
    """With companions=True a hidden companion fails in its own right; other dependants stay skipped."""
    found = statuses(grade({"solution.py": WRONG}, companions=True))
    assert found["p1.scale.sizes"] == "failed"
    assert found["p1.total"] == "skipped"


def test_the_same_submission_gets_the_same_card(grade: Grade, hand_in: Callable[..., Path]) -> None:
    """Two gradings on one desk agree in everything but the time they took."""
    first, second = (grade({"solution.py": WRONG}) for _ in range(2))
    told = [[(c.id, c.status, c.score, c.message, c.staff) for c in card.checks] for card in (first, second)]
    assert told[0] == told[1]
    assert first.digest == second.digest


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (BODY, "passed", ""),
        ("return FACTOR * x.float()", "passed", ""),
        ("return x", "failed", "y[n="),
        ("return None", "failed", "y is None"),
        ("return FACTOR * x[None]", "failed", "y has shape (1, 3)"),
        ("x *= FACTOR; return x", "failed", "changes its argument number 1 in place"),
        ("return FACTOR * x * float('nan')", "failed", "NaN"),
        ("raise NotImplementedError", "not_implemented", "scale is not implemented yet"),
        ("raise KeyError('colour')", "raised", "scale raised KeyError: 'colour'\n  solution.py, line 11, in scale"),
        ("raise KeyboardInterrupt", "raised", "the code raises KeyboardInterrupt itself"),
        ("import sys; sys.exit(0)", "raised", "the code asks the interpreter to exit"),
        ("return scale(x)", "raised", "a function calls itself without end"),
        ("import os; os._exit(0)", "crashed", "the code ended the process (exit code 0)"),
        ("import ctypes; ctypes.string_at(0)", "crashed", "the process crashed (SIGSEGV)"),
        ("return torch.ones(1 << 36)", "out_of_memory", "scale ran out of memory"),
        ("import os; os.write(3, b'{\"score\": 8}' * 99)", "refused", "own channel"),
    ],
)
def test_every_end_of_a_call_has_its_status(grade: Grade, body: str, status: str, words: str) -> None:
    """However the call ends, its check says how, and the checks of other functions are judged all the same."""
    card = grade({"solution.py": swap(SOLUTION, BODY, body)})
    assert check(card, "p1.scale").status == status
    assert words in check(card, "p1.scale").message
    others = statuses(card)
    assert [others[id_] for id_ in ("p1.sample_even", "p1.sample_odd", "p2.shout")] == ["passed"] * 3
    assert card.complete


def test_a_missing_function_is_not_implemented(grade: Grade) -> None:
    """A name that is not there is told by file and name."""
    card = grade({"solution.py": swap(SOLUTION, "def total", "def totals")})
    assert check(card, "p1.total").status == "not_implemented"
    assert check(card, "p1.total").message == "solution.py has no total"
    assert card.score == 7.0


def test_a_hang_costs_one_limit_only(hasty_desk: Desk, hand_in: Callable[..., Path]) -> None:
    """A function that never returns is waited for once; what builds on it is skipped, the rest judged."""
    card = hasty_desk.grade(hand_in({"solution.py": swap(SOLUTION, BODY, "\n    while True: pass")}))
    found = statuses(card)
    assert list(found.values()).count("timed_out") == 1
    assert check(card, "p1.scale").message == "scale: it did not return within 2 s"
    assert (found["p1.scale.sizes"], found["p1.total"]) == ("skipped", "skipped")
    assert card.score == 4.0


# --- what is hidden ----------------------------------------------------------------------------------


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+\.\d+(?:e[-+]?\d+)?", text))


def test_hidden_checks_tell_no_number(grade: Grade) -> None:
    """A hidden check says where and what kind of mistake; a visible one also how far it is off; neither
    shows an expected value, which only staff see."""
    shift = swap(SOLUTION, BODY, "return FACTOR * x + (0.125 if x.dim() == 2 else 0)")
    hidden = check(grade({"solution.py": shift}), "p1.scale.sizes")
    assert (hidden.status, hidden.visibility) == ("failed", Visibility.AFTER_PUBLISHED)
    assert numbers(hidden.message) == set()
    assert "same constant" in hidden.message
    assert {"3.25", "0.125"} & numbers(hidden.staff)

    visible = check(grade({"solution.py": swap(SOLUTION, BODY, "return FACTOR * x + 0.125")}), "p1.scale")
    assert "0.125" in visible.message
    assert not {str(value) for value in PUBLISHED["scaled"]} & numbers(visible.message)


def test_hidden_checks_keep_their_visibility_in_the_report(grade: Grade, tmp_path: Path) -> None:
    """results.json marks hidden checks with the manifest's word and its summary counts visible points only."""
    grade({}, out=tmp_path / "out")
    results = json.loads((tmp_path / "out/results.json").read_text())
    by_id = {test["extra_data"]["check"]: test for test in results["tests"]}
    assert by_id["p1.scale.sizes"]["visibility"] == "after_published"
    assert by_id["p1.scale"]["visibility"] == "visible"
    assert results["output"].startswith("Score: 6 / 6 points, 5 of 5 visible checks passed.")


# --- faults of ours ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "staff"),
    [
        ("raise RuntimeError('a slip of the suite')", "RuntimeError: a slip of the suite"),
        ("assert 1 == 2, 'not how checks end'", "AssertionError: not how checks end"),
        ("stored['no such value']", "FixtureError: no published value is named 'no such value'"),
        ("stored.generated('none')", "FixtureError: none.npz cannot be read"),
        ("student.solution.scale(object())", "GraderError: the grader tried to send"),
        ("pytest.skip('for now')", "Skipped: for now"),
        ("reference.solution.no_such_name(x)", "GraderError: the reference failed"),
    ],
)
def test_a_fault_of_the_suite_is_never_a_score(
    grade_with: Callable[..., Scorecard], statement: str, staff: str
) -> None:
    """Whatever else a check raises is our fault: UNGRADED, incomplete, no points, and the rest is judged."""
    wanted = '    x = stored.array("x")\n    close(student.solution.total'
    suite = swap(SUITE_P1, wanted, f"    x = stored.array('x')\n    {statement}\n    close(student.solution.total")
    card = grade_with({"tests/mini/test_p1_numbers.py": suite})
    assert statuses(card) == {**dict.fromkeys(CHECKS, "passed"), "p1.total": "ungraded"}
    assert not card.complete
    assert card.score == 7.0
    assert check(card, "p1.total").message == OUR_FAULT
    assert staff in check(card, "p1.total").staff
    assert card.questions[0].status == "ungraded"


def test_what_builds_on_an_ungraded_check_is_ungraded(grade_with: Callable[..., Scorecard]) -> None:
    """A student is not told that a check "did not pass" when it was us who could not judge it."""
    suite = swap(
        SUITE_P1,
        '    x = stored.array("x")\n    close(student.solution.scale',
        "    x = 1 / 0\n    close(student.solution.scale",
    )
    card = grade_with({"tests/mini/test_p1_numbers.py": suite})
    assert statuses(card)["p1.total"] == "ungraded"
    assert check(card, "p1.total").message == "not judged, because it builds on p1.scale, which could not be graded"


RETRIED = """\
import pytest

from grader.checks import equal
from grader.errors import WorkerError

faults = [WorkerError("a passing fault")]


@pytest.mark.check("p2.shout", question="words", points=2, limit_s=1.7)
def test_shout(student):
    'shout gives capitals'
    word = student.extras.shout("quiet")
    if faults:
        raise faults.pop()
    equal(word, "QUIET", name="word")
"""


@pytest.mark.parametrize(("body", "status"), [("word.upper()", "passed"), ("word", "failed")])
def test_a_check_that_met_a_fault_of_the_machine_starts_anew(
    grade_with: Callable[..., Scorecard], body: str, status: str
) -> None:
    """It is run a second time with its whole time and has one result, whichever that is; staff are told."""
    extras = swap(EXTRAS, "return word.upper()", f"import time; time.sleep(1); return {body}")
    counts: list[int] = []
    card = grade_with(
        {"tests/mini/test_p2_words.py": RETRIED, "reference/mini/extras.py": extras},
        progress=lambda run: counts.append(len(run.results)),
    )
    shout = check(card, "p2.shout")
    assert counts == list(range(len(CHECKS) + 1))
    assert (shout.status, card.complete) == (status, True)
    assert shout.staff.endswith("run a second time, after this: a passing fault")


def test_a_broken_fixture_of_pytest_is_ungraded(grade_with: Callable[..., Scorecard]) -> None:
    """An error before the check's first line is ours as well."""
    suite = SUITE_P2.replace("def test_shout(student)", "def test_shout(student, no_such_fixture)")
    card = grade_with({"tests/mini/test_p2_words.py": suite})
    assert statuses(card) == {**dict.fromkeys(CHECKS, "passed"), "p2.shout": "ungraded"}


def test_the_total_limit_leaves_the_rest_ungraded(
    tmp_path: Path, launcher: Launcher, hand_in: Callable[..., Path], valid_reports: Callable[[Path], Scorecard]
) -> None:
    """When the grader itself has used up the submission's clock nothing more is judged, and the reports say so."""
    launcher.start(str(tmp_path), 2048).close()  # the imports do not count here
    suite = swap(SUITE_P1, "\n\n@pytest.mark.check(\"p1.scale\"", "import time\ntime.sleep(1)\n\n\n@pytest.mark.check(\"p1.scale\"")
    assignment = write_mini(tmp_path / "repository", {"tests/mini/test_p1_numbers.py": suite})
    with Desk(assignment, launcher, total_s=0.5) as desk:
        card = desk.grade(hand_in({}), out=tmp_path / "out")
    assert set(statuses(card).values()) == {"ungraded"}
    assert {c.message for c in card.checks if c.id in ("p1.sample_even", "p2.shout")} == {STOPPED}
    assert check(card, "p2.shout").staff == "the total limit of 0.5 s had passed"
    assert not card.complete
    assert valid_reports(tmp_path / "out") == card


def test_who_uses_up_the_total_limit_has_timed_out(
    tmp_path: Path, launcher: Launcher, hand_in: Callable[..., Path]
) -> None:
    """A submission whose own calls take most of its clock is judged on all checks: those left have timed out."""
    launcher.start(str(tmp_path), 2048).close()
    slow = hand_in({"solution.py": swap(SOLUTION, BODY, "import time; time.sleep(9)")})
    with Desk(write_mini(tmp_path / "repository"), launcher, total_s=1.0) as desk:
        card = desk.grade(slow)
    found = statuses(card)
    assert {found.pop(id_) for id_ in ("p1.scale.sizes", "p1.total")} == {"skipped"}
    assert set(found.values()) == {"timed_out"}
    assert check(card, "p2.shout").message == "the calls before took the 1 s that there are for everything"
    assert card.complete and card.score == 0


def test_reports_are_on_disk_after_every_question(
    grade: Grade, tmp_path: Path, valid_reports: Callable[[Path], Scorecard]
) -> None:
    """As soon as a question is done there are valid reports that count it, with the rest UNGRADED."""
    out = tmp_path / "out"
    seen: dict[str, Scorecard] = {}

    def look(run: Run) -> None:
        if out.joinpath("results.json").exists():
            seen[list(run.results)[-1]] = valid_reports(out)

    final = grade({}, out=out, progress=look)
    assert statuses(seen["p1.scale"]) == dict.fromkeys(CHECKS, "ungraded")
    # The callback comes before the write, and hidden checks last in their file: with that of `scaling` the reports
    # tell of `sampling`.
    early = seen["p1.scale.sizes"]
    assert (early.score, early.complete) == (4.0, False)
    assert statuses(early)["p2.shout"] == "ungraded"
    assert check(early, "p2.shout").message == STOPPED
    assert seen["p2.shout"].score == 6.0
    assert valid_reports(out) == final
    assert final.score == 8.0
    assert {path.name for path in out.iterdir()} == {"journal.jsonl", *REPORTS}
    journal = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    ran = sorted(CHECKS, key=lambda id_: (id_.startswith("p2"), id_.endswith(".sizes")))
    assert [(entry["id"], entry["status"]) for entry in journal] == [(id_, "passed") for id_ in ran]


def test_reports_that_cannot_be_written_are_one_sentence(grade: Grade, tmp_path: Path) -> None:
    """A folder for reports that cannot be made is said at once, before anything is graded."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(GraderError, match=r"^.*/file/out cannot be written to: Not a directory$"):
        grade({}, out=tmp_path / "file/out", progress=lambda run: pytest.fail("graded all the same"))


# --- suites that do not fit --------------------------------------------------------------------------

MARK = '@pytest.mark.check("p2.shout", question="words", points=2)'
TWICE = '\n\n@pytest.mark.check("p2.shout", question="words", points=0)\ndef test_more(student):\n    """More"""\n'


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ((MARK, MARK.replace("points=2", "points=1.5")), "question 'words': its checks add up to 1.5 points, the manifest says 2"),
        ((MARK, MARK.replace("points=2", "points='2'")), "test_shout: points must be a number, got '2'"),
        ((MARK, MARK.replace('points=2', 'points=2, needs="p2.whisper"')), "check 'p2.shout' needs the unknown check 'p2.whisper'"),
        ((MARK, MARK.replace('points=2', 'points=2, needs="p2.shout"')), "checks wait for each other: 'p2.shout' needs 'p2.shout'"),
        ((MARK, MARK.replace('"words"', '"letters"')), "check 'p2.shout' names the unknown question 'letters'"),
        ((MARK, MARK.replace("p2.shout", "p2.{word}")), "test_shout: a name in braces is not among its parameters (KeyError: 'word')"),
        ((MARK, MARK.replace(", points=2", "")), "test_shout: check(id, question=, points=[, needs=, hidden=, slow=, limit_s=]) expected"),
        ((MARK, MARK.replace("points=2", "points=2, weight=3")), "test_shout: check(id, question=, points=[, needs=, hidden=, slow=, limit_s=]) expected"),
        ((MARK, ""), "test_shout has no `check` marker"),
        (('    """shout gives capitals"""\n', ""), "test_shout has no docstring for the student to read"),
        (("def test_shout(student)", "def test_shout(student, speed)"), "check 'p2.shout' measures speed, and the manifest has no limit for it (`$.speeds`)"),
        (('"word")\n', f'"word")\n{TWICE}'), "check 'p2.shout' is declared twice"),
        (("import equal", "import equals"), "the suite cannot be collected: test_p2_words.py: ImportError: cannot import name 'equals' from 'grader.checks'"),
        (("def test_shout(student):", "def test_shout(student:"), "the suite cannot be collected: test_p2_words.py: "),
    ],
)  # fmt: skip
def test_a_suite_that_does_not_fit_is_refused(
    grade_with: Callable[..., Scorecard], changed: tuple[str, str], complaint: str
) -> None:
    """A suite at odds with itself or with the manifest grades nobody; one line says what is wrong."""
    with pytest.raises(ManifestError) as caught:
        grade_with({"tests/mini/test_p2_words.py": swap(SUITE_P2, *changed)})
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_a_conftest_above_the_suite_has_no_say(grade_with: Callable[..., Scorecard]) -> None:
    """Only the suite's own folder is read: what lies above it belongs to other tests."""
    above = {"tests/conftest.py": "raise RuntimeError('not for gradings')", "conftest.py": "1 / 0"}
    own = {"tests/mini/conftest.py": "import pytest\n\n@pytest.fixture\ndef word():\n    return 'quiet'\n"}
    suite = swap(swap(SUITE_P2, "test_shout(student)", "test_shout(student, word)"), 'shout("quiet")', "shout(word)")
    assert grade_with({**above, **own, "tests/mini/test_p2_words.py": suite}).score == 8.0


def test_an_assignment_without_checks_is_refused(grade_with: Callable[..., Scorecard], tmp_path: Path) -> None:
    """Test files without tests, or no test files at all, are not a grading of full marks."""
    with pytest.raises(ManifestError, match="question 'words' has no check"):
        grade_with({"tests/mini/test_p2_words.py": ""})
    empty = {"tests/mini/test_p1_numbers.py": "", "tests/mini/test_p2_words.py": ""}
    with pytest.raises(ManifestError, match=r"^(the suite of mini has no checks|question 'scaling' has no check)"):
        grade_with(empty)


def test_a_manifest_that_does_not_add_up_is_refused(tmp_path: Path, launcher: Launcher) -> None:
    """The manifest is held against itself before anything is graded."""
    text = swap(MANIFEST, 'title = "Numbers"\npoints = 6.0', 'title = "Numbers"\npoints = 7.0')
    with pytest.raises(ManifestError, match=r"^assignment.toml: part 'p1' has 7 points, its questions add up to 6"):
        Desk(write_mini(tmp_path, {"reference/mini/assignment.toml": text}), launcher)


# --- parts -------------------------------------------------------------------------------------------


def test_one_part_is_graded_alone(desk: Desk, mini: Assignment) -> None:
    """With parts=["p2"] the card is about part 2 and nothing else."""
    card = desk.grade(mini.reference, parts=["p2"])
    assert statuses(card) == {"p2.shout": "passed"}
    assert (card.score, card.max_score, card.complete) == (2.0, 2.0, True)


def test_an_unknown_part_is_refused(desk: Desk, mini: Assignment) -> None:
    """A part that the manifest does not have is named."""
    with pytest.raises(ManifestError, match=r"^mini has no part p9$"):
        desk.grade(mini.reference, parts=["p9"])


def test_nothing_of_a_grading_stays_behind(desk: Desk, grade: Grade) -> None:
    """The staged copy of a submission is gone when its card is there."""
    place = Path(desk.stage(desk.assignment.reference).root).parent
    before = sorted(path.name for path in place.iterdir())
    grade({})
    assert sorted(path.name for path in place.iterdir()) == before
