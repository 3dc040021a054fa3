"""What students and staff read: valid files, nothing hidden let out, nothing hostile let through."""

from __future__ import annotations

import functools
import json
import math
import re
import stat
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grader.report
from grader.records import (
    CheckScore,
    PartScore,
    QuestionScore,
    Scorecard,
    Status,
    Visibility,
)
from grader.report.atomic import write_atomically
from grader.report.files import REPORTS, scorecard_schema, write_reports, written_schema
from grader.report.gradescope import MAX_NAME, MAX_OUTPUT, clean_text, gradescope_results
from grader.report.terminal import render, render_summary

SCHEMAS = Path(grader.report.__file__).parent / "schemas"


@functools.cache
def schema(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    return content


def is_valid(results: object) -> bool:
    return bool(jsonschema.Draft202012Validator(schema("results.schema.json")).is_valid(results))


def check(check_id: str, question: str, points: float, status: Status, **fields: Any) -> CheckScore:
    return CheckScore(
        **{
            "id": check_id,
            "title": f"Title of {check_id}",
            "question": question,
            "status": status,
            "score": points if status is Status.PASSED else 0.0,
            "max_score": points,
            "visibility": Visibility.VISIBLE,
            "message": "" if status is Status.PASSED else f"Message of {check_id}",
            "staff": f"Secret of {check_id}",
            **fields,
        }
    )


def card(*checks: CheckScore, **fields: Any) -> Scorecard:
    """A card of two parts with one question each, `q1` and `q2`, that adds its checks up."""
    questions = []
    for question in ("q1", "q2"):
        mine = [entry for entry in checks if entry.question == question]
        questions.append(
            QuestionScore(
                id=question,
                part=question.replace("q", "p"),
                title=f"Question {question[1]}",
                score=math.fsum(entry.score for entry in mine),
                max_score=math.fsum(entry.max_score for entry in mine),
                awaiting=math.fsum(entry.awaiting for entry in mine),
                status=Status.PASSED,
            )
        )
    parts = tuple(
        PartScore(
            id=question.part,
            title=f"Part {question.id[1]}",
            score=question.score,
            max_score=question.max_score,
            awaiting=question.awaiting,
        )
        for question in questions
    )
    whole: dict[str, Any] = {
        "assignment": "a9",
        "title": "Assignment 9",
        "submission": "sample",
        "digest": "d" * 64,
        "score": math.fsum(part.score for part in parts),
        "max_score": math.fsum(part.max_score for part in parts),
        "awaiting": math.fsum(part.awaiting for part in parts),
        "complete": all(entry.status is not Status.UNGRADED for entry in checks),
        "parts": parts,
        "questions": tuple(questions),
        "checks": checks,
        "isolation": {"landlock": True, "network": False},
        "versions": {"python": "3.11"},
        "seconds": 12.3456,
    }
    return Scorecard(**{**whole, **fields})


HIDDEN = check("two.hidden", "q2", 7, Status.FAILED, visibility=Visibility.AFTER_PUBLISHED)
MIXED = card(
    check("two.plain", "q2", 4.5, Status.PASSED),
    check("one.good", "q1", 2, Status.PASSED),
    check("one.bad", "q1", 3, Status.TIMED_OUT),
    check("one.late", "q1", 1, Status.SKIPPED),
    HIDDEN,
    findings=("one.py lay in a folder.",),
)
# One answer that staff have scored, and one that awaits them.
STAFF = card(
    check("one.good", "q1", 2, Status.PASSED),
    check("one.written", "q1", 2, Status.SCORED, score=0.5, message="Half of the keys."),
    check("two.written", "q2", 0, Status.AWAITING, awaiting=3.0),
)


def test_results_follow_gradescopes_format() -> None:
    """One entry per check, numbered by question and check, with points, status and visibility."""
    results = gradescope_results(MIXED)
    assert is_valid(results)
    rows = [
        (test["number"], test["name"], test["status"], test["score"], test["max_score"], test["visibility"])
        for test in results["tests"]
    ]
    assert rows == [
        ("1.1", "Title of one.good", "passed", 2, 2, "visible"),
        ("1.2", "Title of one.bad", "failed", 0, 3, "visible"),
        ("1.3", "Title of one.late", "failed", 0, 1, "visible"),
        ("2.1", "Title of two.plain", "passed", 4.5, 4.5, "visible"),
        ("2.2", "Title of two.hidden", "failed", 0, 7, "after_published"),
    ]
    assert [test["output"] for test in results["tests"]][:2] == ["Passed.", "Message of one.bad"]
    assert results["test_output_format"] == results["test_name_format"] == results["output_format"] == "text"
    assert results["execution_time"] == 12.346
    assert results["extra_data"] == {
        "assignment": "a9",
        "complete": True,
        "digest": "d" * 64,
        "versions": {"python": "3.11"},
    }
    assert "leaderboard" not in results


def test_the_tests_carry_the_score() -> None:
    """The total is left to the sum of the tests, unless an entry has no points: then it must be stated."""
    results = gradescope_results(MIXED)
    assert "score" not in results
    assert sum(test["score"] for test in results["tests"]) == MIXED.score
    note = check("one.note", "q1", 0, Status.FAILED)
    results = gradescope_results(card(note, check("two.plain", "q2", 4, Status.PASSED)))
    assert is_valid(results)
    assert "score" not in results["tests"][0]
    assert "max_score" not in results["tests"][0]
    assert results["tests"][0]["status"] == "failed"
    assert results["score"] == 4
    assert gradescope_results(card())["score"] == 0
    assert is_valid(gradescope_results(card()))


def test_the_summary_is_blind_to_hidden_outcomes() -> None:
    """The text over all tests is the same whether hidden checks pass or fail, and tells their number."""
    turned = msgspec.structs.replace(HIDDEN, status=Status.PASSED, score=7.0)
    output = gradescope_results(MIXED)["output"]
    assert output == gradescope_results(card(*MIXED.checks[:-1], turned, findings=MIXED.findings))["output"]
    assert "6.5 / 10.5" in output
    assert "2 of 4 visible checks passed" in output
    assert "1 more check is hidden" in output
    assert "one.py lay in a folder." in output


def test_answers_that_staff_judge_are_no_passed_or_failed_tests() -> None:
    """One that awaits staff has no score and says so, a scored one has its points and the remark; neither a status."""
    results = gradescope_results(STAFF)
    assert is_valid(results)
    good, scored, awaiting = results["tests"]
    assert (good["status"], good["score"]) == ("passed", 2)
    assert (scored["score"], scored["max_score"], scored["output"]) == (0.5, 2, "Half of the keys.")
    assert not {"score", "max_score"} & set(awaiting)
    assert "status" not in scored and "status" not in awaiting
    assert awaiting["extra_data"]["status"] == "awaiting_staff"
    assert results["score"] == 2.5  # Gradescope adds up tests only if every one has a score
    assert results["output"].startswith("Score: 2.5 / 4 points, 3 awaiting staff, 1 of 1 check passed.")
    assert "fault" not in results["output"]


def test_the_terminal_tells_what_awaits_staff() -> None:
    """Points that await staff stand beside the others, and what staff wrote is shown."""
    screen = render(STAFF, hidden=True, color=False)
    assert screen.endswith("Score: 2.5 / 4, 3 awaiting staff\n")
    assert "Remarks of course staff\n\n  Title of one.written\n    Half of the keys." in screen
    [line] = [line for line in screen.splitlines() if "Question 2" in line]
    assert line.endswith("  3 awaiting staff")
    assert "Every check passed." in screen and "did not pass" not in screen
    assert "2.5 / 4, 3 awaiting staff" in render_summary([STAFF], color=False)


def test_an_incomplete_run_says_whose_fault_it_is() -> None:
    """When something is ungraded the summary tells the student that staff must run it again."""
    output = gradescope_results(card(check("one", "q1", 2, Status.UNGRADED)))["output"]
    assert "not of your submission" in output
    assert "staff must run it again" in output
    assert "staff" not in gradescope_results(MIXED)["output"]


def test_staff_text_stays_with_staff(tmp_path: Path) -> None:
    """Staff text is in files for their owner alone, and in neither results.json nor the terminal."""
    write_reports(MIXED, tmp_path)
    for name in ("scorecard.json", "report.html"):
        assert "Secret of one.bad" in (tmp_path / name).read_text(encoding="utf-8")
    private = {path.name for path in tmp_path.iterdir() if stat.S_IMODE(path.stat().st_mode) == 0o600}
    assert private == {"scorecard.json", "report.html", "scores.csv"}
    assert "Secret" not in (tmp_path / "results.json").read_text(encoding="utf-8")
    assert "Secret" not in render(MIXED, hidden=True, color=False)


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("\x1b[1;31mred\x1b[0m \x9b2Jcleared", "red cleared"),
        ("\x1b]0;new title\x07text \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "text link"),
        ("open \x1b]0;never closed", "open 0;never closed"),
        ("end\x1b", "end"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("pass\u202edeliaf\u202c \u061cx", "passdeliaf x"),
        ("one\u2028two\u2029three", "one\ntwo\nthree"),
        ("naïve 😀 [bold]x[/bold]", "naïve 😀 [bold]x[/bold]"),
    ],
)
def test_hostile_text_is_cleaned(dirty: str, clean: str) -> None:
    """Escape sequences, control characters, direction marks and lone surrogates go; the rest stays."""
    assert clean_text(dirty) == clean


@pytest.mark.parametrize("start", ["\x1b]", "\x1b[", "\x9d", "\x9b", "\x90x", "\x1b "])
def test_endless_escape_sequences_are_cleaned_at_once(start: str) -> None:
    """A quarter of a million starts of sequences that never end take no more time than other text."""
    began = time.perf_counter()
    clean_text(start * 250_000)
    assert time.perf_counter() - began < 3.0


def test_long_text_loses_its_middle() -> None:
    """A text over the limit keeps its start and its end, and says how long it was."""
    text = clean_text("start" + "x" * 50_000 + "end", 1_000)
    assert len(text) == 1_000
    assert text.startswith("startx")
    assert text.endswith("xend")
    assert "50008 characters in all" in text
    assert clean_text("y" * 1_000, 1_000) == "y" * 1_000


# Pieces that mean something to a browser, a template, a spreadsheet, a terminal or rich.
PIECES = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</pre>", "</title>", "<!--", "-->", "<![CDATA[",
    "]]>", '"', "'", "&lt;", "&#60;", "&", "javascript:", "\\u003c", "{{ 7 * 7 }}", "{%", "[red]", "[/]", ":smile:",
    "=cmd|' /C calc'!A0", "=", "+1", "-1", "@SUM(1)", "\uff1d1", "\uff0b1", "\t=1", "\r=1", "\n=1", "\u200b=1",
    ",", ";", ";=1", '","=1',
    "\x1b[31m", "\x1b]8;;http://x\x07", "\x9b2J", "\x1bc", "\x07", "\x08", "\x00", "\x85", "\u2028", "\u202e", "\u2066",
    "\u061c", "\ufeff", "\ud800", "\udcff", "x" * 500, " ", "0", "e",
)  # fmt: skip
hostile_text = st.sampled_from(PIECES) | st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(categories=None), max_size=6), max_size=5
).map("".join)


def with_text(value: Any, text: str) -> Any:
    """The record with `text` in place of every string in it, keys included."""
    if type(value) is str:
        return text
    if isinstance(value, msgspec.Struct):
        return type(value)(**{name: with_text(getattr(value, name), text) for name in value.__struct_fields__})
    if isinstance(value, dict):
        return {with_text(key, text): with_text(item, text) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(with_text(item, text) for item in value)
    return value


@given(hostile_text)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_any_text_gives_valid_json(text: str) -> None:
    """Whatever stands in every text of a card, both files are UTF-8 JSON of their schemas, and the scorecard reads
    back as it was but for lone surrogates."""
    hostile = with_text(MIXED, text)
    with tempfile.TemporaryDirectory() as folder:
        write_reports(hostile, Path(folder))
        results = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
        scorecard = (Path(folder) / "scorecard.json").read_bytes()
    assert is_valid(results)
    carried = with_text(MIXED, re.sub("[\ud800-\udfff]", "\ufffd", text))
    assert msgspec.json.decode(scorecard.decode("utf-8"), type=Scorecard) == carried


COLOURS = frozenset(re.findall(r"\x1b[^m]*m", render(with_text(MIXED, "x"), hidden=True, color=True)))


@given(hostile_text)
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
def test_no_text_commands_the_terminal(text: str) -> None:
    """Whatever stands in every text of a card, the terminal gets lines of visible text, and colours of ours alone."""
    hostile = with_text(MIXED, text)
    coloured = render(hostile, hidden=True, color=True)
    assert set(re.findall(r"\x1b[^m]*m?", coloured)) <= COLOURS
    for screen in (
        re.sub(r"\x1b[^m]*m", "", coloured),
        render(hostile, hidden=True, color=False),
        render(hostile, hidden=False, color=False),
        render_summary([hostile], color=False),
    ):
        assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(c) for c in screen.replace("\n", "")}
        assert not set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(screen)


def test_long_and_endless_texts_are_cut() -> None:
    """A hundred thousand characters of text or of broken escape sequences leaves both reports short and valid."""
    for text in ("x" * 100_000, "\x1b]" * 40_000):
        one = check("one", "q1", 2, Status.RAISED, title=text, message=text, staff=text)
        long = card(one, findings=(text,) * 12, submission=text)
        results = gradescope_results(long)
        assert is_valid(results)
        assert len(results["tests"][0]["name"]) <= MAX_NAME
        assert len(results["tests"][0]["output"]) <= MAX_OUTPUT
        assert len(json.dumps(results)) < 30_000
        assert len(render(long, hidden=True, color=False)) < 30_000


def test_reports_are_valid_json_of_their_schemas(tmp_path: Path) -> None:
    """Both files end with a newline, match their schema, and the scorecard reads back as the record."""
    odd = msgspec.structs.replace(MIXED, findings=("lone \udc80 surrogate",))
    out_dir = tmp_path / "new" / "folder"
    write_reports(odd, out_dir)
    assert sorted(path.name for path in out_dir.iterdir()) == sorted(REPORTS)
    results, scorecard = ((out_dir / name).read_bytes() for name in ("results.json", "scorecard.json"))
    assert results.endswith(b"}\n")
    assert scorecard.endswith(b"}\n")
    assert b'\n  "tests": [\n' in results
    assert is_valid(json.loads(results))
    jsonschema.Draft202012Validator(schema("scorecard.schema.json")).validate(json.loads(scorecard))
    expected = msgspec.structs.replace(MIXED, findings=("lone \ufffd surrogate",))
    assert msgspec.json.decode(scorecard, type=Scorecard) == expected


def test_the_stored_scorecard_schema_is_in_step() -> None:
    """The stored schemas are the ones that the records give."""
    assert schema("scorecard.schema.json") == json.loads(json.dumps(scorecard_schema()))
    assert schema("written.schema.json") == json.loads(json.dumps(written_schema()))


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"tests": [{"name": "no score anywhere"}]},
        {"score": 1, "grade": 1},
        {"score": 1, "tests": [{"points": 1}]},
        {"score": 1, "tests": [{"status": "ok"}]},
        {"score": 1, "visibility": "never"},
        {"score": 1, "output": "nul \x00"},
        {"score": "1"},
        {"score": 1, "leaderboard": [{"name": "speed"}]},
    ],
)
def test_the_results_schema_refuses_faults(fault: dict[str, Any]) -> None:
    """The schema refuses unknown keys and words, missing scores and control characters."""
    assert not is_valid(fault)


def test_the_results_schema_knows_every_documented_key() -> None:
    """A file that uses all that Gradescope documents is accepted."""
    assert is_valid(
        {
            "score": 1.5,
            "execution_time": 3,
            "output": "a\tb\n",
            "output_format": "md",
            "test_output_format": "simple_format",
            "test_name_format": "html",
            "visibility": "after_due_date",
            "stdout_visibility": "hidden",
            "extra_data": {"any": ["thing"]},
            "tests": [
                {
                    "score": 1.5,
                    "max_score": 2,
                    "status": "failed",
                    "name": "n",
                    "name_format": "ansi",
                    "number": "1.1",
                    "output": "o",
                    "output_format": "text",
                    "tags": ["slow"],
                    "visibility": "visible",
                    "extra_data": {},
                }
            ],
            "leaderboard": [{"name": "loss", "value": 0.1, "order": "asc"}, {"name": "who", "value": "me"}],
        }
    )


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Atomic writing replaces a file whole; when it fails, the old content stays and no scrap is left."""
    path = tmp_path / "results.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o400
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write_atomically(tmp_path / "taken", b"x")
    with pytest.raises(TypeError):
        write_atomically(path, "text")  # type: ignore[arg-type]
    assert path.read_bytes() == b"new"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["results.json", "taken"]


def test_staff_see_everything_in_the_terminal() -> None:
    """A staff view lists points, failed checks with their text, hidden ones marked, layers and total."""
    screen = render(MIXED, hidden=True, color=False)
    assert screen.endswith("Score: 6.5 / 17.5\n")
    assert "one.bad  ran out of time\n    Title of one.bad\n      Message of one.bad" in screen
    assert "two.hidden  wrong values  (hidden)" in screen
    assert "one.late  Message of one.late" in screen
    assert "one.good" not in screen
    assert "Isolation: landlock; not in force: network" in screen
    assert "one.py lay in a folder." in screen
    [line] = [line for line in screen.splitlines() if "Question 2" in line]
    assert line.endswith("4.5 / 11.5")


def test_students_learn_nothing_of_hidden_checks_but_their_number() -> None:
    """The student's view is the same whatever the outcome of hidden checks, and leaves their points apart."""
    screen = render(MIXED, hidden=False, color=False)
    turned = msgspec.structs.replace(HIDDEN, status=Status.PASSED, score=7.0)
    other = card(*MIXED.checks[:-1], turned, findings=MIXED.findings)
    assert render(other, hidden=False, color=False) == screen
    assert "1 hidden check: its result is shown after grading (7 points" in screen
    assert "two.hidden" not in screen
    assert screen.endswith("Score: 6.5 / 10.5\n")
    never = card(msgspec.structs.replace(HIDDEN, visibility=Visibility.HIDDEN))
    assert "for course staff only" in render(never, hidden=False, color=False)


def test_the_terminal_says_when_all_is_well_and_when_not_complete() -> None:
    """Full marks are said in a sentence, and so is a run that must be repeated."""
    good = card(check("one", "q1", 2, Status.PASSED), check("two", "q2", 1, Status.PASSED))
    assert "Every check passed." in render(good, hidden=True, color=False)
    open_card = card(check("one", "q1", 2, Status.UNGRADED))
    screen = render(open_card, hidden=True, color=False)
    assert "Every check passed." not in screen
    assert "Not complete" in screen
    assert "one  could not be graded" in screen


@pytest.mark.parametrize("width", [20, 60, 80, 140])
def test_lines_keep_to_the_width(width: int) -> None:
    """No line is wider than asked for (or than 40 columns), long words and titles included."""
    long = card(
        check(
            "one", "q1", 2, Status.FAILED, title="word " * 60, message="w" * 500 + "\n\tindented " + "v " * 99
        ),
        title="A title " * 20,
        submission="s" * 300,
    )
    lines = render(long, hidden=True, width=width, color=False).splitlines()
    assert max(map(len, lines)) <= max(width, 40)
    assert all(line == line.rstrip() for line in lines)


def test_colour_changes_nothing_but_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """With colour the text is the same, the environment has no say, and square brackets are no markup."""
    shouting = card(check("one", "q1", 2, Status.FAILED, message="[red]got[/red] x[0] :smile:"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    coloured = render(shouting, hidden=True, color=True)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    plain = render(shouting, hidden=True, color=False)
    assert "\x1b[" in coloured
    assert "\x1b" not in plain
    assert "[red]got[/red] x[0] :smile:" in plain
    assert clean_text(coloured).split() == plain.split()
