"""The page of a class: right figures, shared mistakes found, and nothing that anybody wrote is more than text."""

from __future__ import annotations

import base64
import gc
import hashlib
import itertools
import json
import re
import stat
import statistics
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from class_rows import class_manifest, class_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from test_page import Page
from test_reports import MIXED, card, check, hostile_text, with_text

from grader.records import (
    CheckScore,
    HandedIn,
    Identity,
    Manifest,
    Part,
    Question,
    Row,
    Scorecard,
    Status,
    Timing,
    Written,
)
from grader.report.duration import minutes_text, seconds_text
from grader.report.figures import ClassFigures
from grader.report.gradescope import clean_text
from grader.report.mistakes import Copies, Group, Mistake, Mistakes
from grader.report.overview import MAX_ATTENTION, MAX_GROUPS, MAX_TEXT, write_overview

PLACE = Written(notebook="n.ipynb", cell="c", heading="Why", rubric=("A cause.",))
MANIFEST = Manifest(
    id="a9", title="Assignment 9", submitted=("one.py",), given=(),
    parts=(Part(id="p1", title="Part 1", points=6), Part(id="p2", title="Part 2", points=4)),
    questions=(
        Question(id="q1", part="p1", title="Question 1", points=6),
        Question(id="q2", part="p2", title="Question 2", points=4),
    ),
)  # fmt: skip


def row(name: str, *checks: CheckScore, late: float | None = 0.0, problem: str = "", **fields: Any) -> Row:
    """A graded submission of one person, with files of its own; without checks one that could not be graded."""
    handed = HandedIn(id=name, people=(Identity(name=f"Person of {name}", email=f"{name}@x.example"),), late_min=late)
    graded = card(*checks, **{"digest": name, "seconds": 10.0, **fields}) if checks else None
    return Row(handed=handed, card=graded, problem=problem)


def earned(first: float, second: float) -> list[CheckScore]:
    """Checks of a point each, of which so many passed: six of q1, four of q2."""
    return [
        check(f"{question}.{at}", question, 1, Status.PASSED if at < passed else Status.FAILED)
        for question, points, passed in (("q1", 6, first), ("q2", 4, second))
        for at in range(points)
    ]


def written(rows: Iterable[Row], manifest: Manifest = MANIFEST) -> str:
    with tempfile.TemporaryDirectory() as folder:
        write_overview(rows, manifest, Path(folder) / "report.html")
        return (Path(folder) / "report.html").read_text(encoding="utf-8")


def words(content: str) -> str:
    """The text of the page's body, without its script and data, with single blanks."""
    body = re.sub(r"<script.*?</script>", "", content.partition("<body>")[2], flags=re.DOTALL)
    return " ".join(Page(re.sub(r"(</(?:t[dh]|d[td]|li|p|span)>)", r" \1", body)).text.split())


def section(content: str, name: str) -> str:
    [found] = re.findall(rf'<section id="{name}">.*?</section>', content, re.DOTALL)
    return words(f"<body>{found}")


def data(content: str) -> dict[str, Any]:
    [found] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', content, re.DOTALL)
    decoded: dict[str, Any] = json.loads(found)
    return decoded


# --- figures -----------------------------------------------------------------------------------------


CLASS = [
    row("a", *earned(6, 4)),
    row("b", *earned(6, 1), late=90.0),
    row("c", *earned(3, 1), late=None),
    row("d", *earned(0, 0), seconds=70.0),
    row("e", *earned(6, 4)[:-1], check("q2.3", "q2", 1, Status.UNGRADED, message="The disk is full."), seconds=20.0),
    row("f", problem="submission.zip is damaged."),
]


def test_headline_figures() -> None:
    """Submissions, graded ones, those for a person, mean and median of the complete ones, full marks, late ones."""
    assert words(written(CLASS)).startswith(
        "a9 · the class Assignment 9 Needs attention Scores Questions Same mistakes Submissions "
        "Submissions 6 Graded 5 Need attention 2 Mean score 52.5 % Median score 55.0 % Full marks 1 Late 2 "
        "Median time 10.0 s"
    )


def test_what_needs_attention_comes_first() -> None:
    """What could not be graded at all, then what is incomplete, each with its reason; then the slowest."""
    text = section(written(CLASS), "attention")
    assert text == (
        "Needs attention f Person of f not graded submission.zip is damaged. "
        "e Person of e incomplete q2.3 could not be graded: The disk is full. "
        "The slowest d Person of d 1 min 10 s e Person of e 20.0 s a Person of a 10.0 s b Person of b 10.0 s "
        "c Person of c 10.0 s"
    )
    assert "Nothing: everything was graded." in section(written(CLASS[:4]), "attention")


def test_many_that_need_attention_are_a_number_and_a_link() -> None:
    """The list stays short, and what is left out is a link to all of them."""
    content = written(row(f"s{at:03}", problem="No file.") for at in range(MAX_ATTENTION + 30))
    assert content.count('<span class="tag warn">not graded</span>') == MAX_ATTENTION
    assert "and 30 more: all of them in the table" in section(content, "attention")
    assert "No submission is complete." in section(content, "scores")


def test_reasons_that_the_platform_gives() -> None:
    """A problem found before grading is the reason; several ungraded checks are one sentence; silent ones count too."""
    lost = [check(f"q1.{at}", "q1", 3, Status.UNGRADED, message="Lost.") for at in range(3)]
    rows = [
        Row(handed=HandedIn(id="a", problem="A link, and no file."), card=None),
        Row(handed=HandedIn(id="b"), card=None),
        row("c", *lost),
        row("d", check("q1.0", "q1", 3, Status.PASSED), complete=False),
        row("e", check("q1.0", "q1", 3, Status.PASSED), problem="Two people claim it."),
    ]
    found = {each[0]: (each[4], each[5]) for each in data(written(rows))["rows"]}
    assert found == {
        "a": ("not graded", "A link, and no file."),
        "b": ("not graded", "Nothing could be graded."),
        "c": ("incomplete", "q1.0 and 2 more checks could not be graded: Lost."),
        "d": ("incomplete", "The checks of a question are worth less than the question."),
        "e": ("problem", "Two people claim it."),
    }


def test_distribution_of_scores() -> None:
    """Ten steps, each with its number as text; who has all points is in the last, who has none in the first."""
    text = section(written(CLASS), "scores")
    assert "4 complete submissions by their share of the points" in text
    assert "in per cent; mean 5.25 and median 5.5 of 10 points." in text
    counts = dict(re.findall(r"(\d+–\d+) per cent: (\d+)", text))
    none = {f"{10 * at}–{10 * at + 10}": "0" for at in range(10)}
    assert counts == none | {"0–10": "1", "40–50": "1", "70–80": "1", "90–100": "1"}


def test_questions() -> None:
    """Mean share, full marks and the correlation with the rest, of complete submissions, with their formulas."""
    text = section(written(CLASS), "questions")
    shares = [1, 1, 0.5, 0], [1, 0.25, 0.25, 0]
    discrimination = f"{statistics.correlation(*shares):.2f}"
    assert f"Question 1 6 62.5 % 50.0 % {discrimination}" in text
    assert f"Question 2 4 37.5 % 25.0 % {discrimination}" in text
    assert "Mean share, or difficulty: the mean, over complete submissions, of points earned ÷ points" in text
    assert "Discrimination: the correlation, over complete submissions, of the share of this question's points" in text


def test_discrimination_of_three_questions_by_hand() -> None:
    """It is Pearson's correlation with all other points together, and unknown where everybody has the same."""
    figures = ClassFigures(["q1", "q2"])
    for first, second in ((1, 4), (2, 3), (3, 2), (4, 1)):
        figures.add(card(*earned(first, second)))
    assert figures.questions["q1"].discrimination == pytest.approx(-1)
    uneven = ClassFigures(["q1", "q2"])  # staff have judged different questions of different people
    for passed, worth in ((1, 1), (2, 4), (3, 3)):
        uneven.add(card(*earned(passed, 0)[:6], check("q2", "q2", worth, Status.SCORED, score=worth / 4 * passed)))
    assert uneven.questions["q1"].discrimination == pytest.approx(1)
    flat = ClassFigures(["q1", "q2"])
    for first in range(4):
        flat.add(card(*earned(first, 3)))
    assert flat.questions["q1"].discrimination is flat.questions["q2"].discrimination is None
    assert flat.questions["q2"].difficulty == 0.75 and ClassFigures(["q1"]).questions["q1"].difficulty is None


def test_checks() -> None:
    """Pass rates leave out what could not be graded, and every outcome is counted, with a link to who has it."""
    content = written([*CLASS, row("g", check("q2.3", "q2", 1, Status.SKIPPED), check("q1.0", "q1", 1, Status.RAISED))])
    text = section(content, "questions")
    assert "10 checks, with pass rates and outcomes" in text
    assert "q2.3 Title of q2.3 20.0 % 3 × wrong values · 1 × could not be graded · 1 × skipped" in text
    assert "q1.0 Title of q1.0 66.7 % 1 × wrong values · 1 × raised an exception" in text
    assert 'href="#q=q2.3&amp;show=skipped"' in content
    text = section(content, "statuses")
    assert "passed 57.7 % 30 4" in text and "skipped 1.9 % 1 1" in text
    assert "Grading took 10.0 s for the median submission, 1 min 10 s for the slowest." in text


def test_who_is_slow_is_not_called_wrong() -> None:
    """A check of speed that failed after its times were taken is listed as too slow, beside wrong values."""
    measured = Timing(kind="ratio", figure=9.0, low=8.0, high=10.0, allowed=4.0, runs=7)
    slow = row("slow", check("q1.speed", "q1", 1, Status.FAILED, timing=measured))
    fast = row("fast", check("q1.speed", "q1", 1, Status.PASSED))
    wrong = row("wrong", check("q1.speed", "q1", 1, Status.FAILED))
    assert "1 × too slow" in section(written([slow, fast]), "questions")
    assert "2 × too slow or wrong values" in section(written([slow, fast, wrong]), "questions")


def test_answers_that_staff_judge() -> None:
    """A written question has the figures of those who were scored, and says how many wait; it is no check."""
    question = Question(id="q2", part="p2", title="Question 2", points=4, written=PLACE)
    manifest = msgspec.structs.replace(MANIFEST, questions=(MANIFEST.questions[0], question))
    one = check("q1.0", "q1", 6, Status.PASSED)
    scored = check("q2", "q2", 4, Status.SCORED, score=1.0)
    waits = check("q2", "q2", 0, Status.AWAITING, awaiting=4.0)
    content = written([row("a", one, scored), row("b", one, waits)], manifest)
    text = section(content, "questions")
    assert "Question 2 1 awaits staff 4 25.0 % 0.0 % –" in text and "1 check, with pass rates" in text
    assert "2 complete submissions by their share of the points, in per cent." in section(content, "scores")
    assert {each[0]: (each[6], each[7]) for each in data(content)["rows"]} == {"a": (7, 10), "b": (6, 6)}


def test_a_large_class_agrees_with_itself() -> None:
    """Figures on the page are those that the cards of a plausible class give."""
    cards = [each.card for each in class_rows(150, seed=3)]
    complete = [found for found in cards if found and found.complete]
    shares = [found.score / found.max_score for found in complete]
    text = words(written(class_rows(150, seed=3), class_manifest()))
    mean, median = (f"{100 * found(shares):.1f} %" for found in (statistics.fmean, statistics.median))
    assert f"Mean score {mean} Median score {median}" in text
    assert f"Graded {len(cards) - cards.count(None)} Need attention {150 - len(complete)}" in text
    lstm = [next(q for q in found.questions if q.id == "lstm") for found in complete]
    rest = [(f.score - q.score) / (f.max_score - q.max_score) for f, q in zip(complete, lstm, strict=True)]
    mine = [q.score / q.max_score for q in lstm]
    assert f"LSTM 6 {100 * statistics.fmean(mine):.1f} % {100 * mine.count(1) / len(mine):.1f} % " in text
    assert f"% {statistics.correlation(mine, rest):.2f} LSTM with attention" in text


# --- the same mistake --------------------------------------------------------------------------------


def failed(id_: str, returned: str = "", cause: str = "", status: Status = Status.FAILED) -> CheckScore:
    return check(id_, "q1", 1, status, returned=returned, cause=cause)


def groups(*submissions: Sequence[CheckScore]) -> list[Group]:
    mistakes = Mistakes()
    for at, checks in enumerate(submissions):
        mistakes.add(at, checks)
    return mistakes.groups()


def test_the_same_value_or_the_same_cause() -> None:
    """Either is enough, also by way of a third submission; different checks, other values and passes join nobody."""
    assert groups([failed("x", "f1")], [failed("x", "f1")]) == [Group((0, 1), (Mistake("x", (), True),))]
    assert groups([failed("x", "f1", "C")], [failed("x", "f2", "C")]) == [Group((0, 1), (Mistake("x", ("C",), False),))]
    assert groups([failed("x", "f1", "C")], [failed("x", "f1", "C")]) == [Group((0, 1), (Mistake("x", ("C",), True),))]
    chain = groups([failed("x", "f1")], [failed("x", "f1", "C")], [failed("x", "", "C")])
    assert chain == [Group((0, 1, 2), (Mistake("x", ("C",), False),))]
    assert groups([failed("x", "f1")], [failed("y", "f1")], [failed("x", "f2")], [failed("x")], [failed("x")]) == []
    assert groups(*[[failed("x", "f1", "C", Status.PASSED)]] * 2) == []


def test_large_groups_come_first_and_equal_ones_are_one() -> None:
    """Checks in which the very same submissions err are folded into one group; others stay by themselves."""
    both = [failed("x", "f1"), failed("y", "f2", "C")]
    found = groups(both, both, [failed("z", "f3")], [failed("z", "f3")], [failed("z", "f3")])
    assert [(group.members, [each.check for each in group.mistakes]) for group in found] == [
        ((2, 3, 4), ["z"]), ((0, 1), ["x", "y"]),
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.sampled_from(["", "k", "l", "m"])), max_size=9))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_groups_are_the_connected_ones(pairs: list[tuple[str, str]]) -> None:
    """Groups are the connected components of "same value or same cause", found the slow way."""
    components = [{at} for at, pair in enumerate(pairs) if any(pair)]
    for one, other in itertools.combinations(range(len(pairs)), 2):
        if any(mine and mine == theirs for mine, theirs in zip(pairs[one], pairs[other], strict=True)):
            joined = [group for group in components if group & {one, other}]
            components = [group for group in components if group not in joined] + [set().union(*joined)]
    found = groups(*([failed("x", *pair)] for pair in pairs))
    assert sorted(group.members for group in found) == sorted(tuple(sorted(c)) for c in components if len(c) > 1)
    for group in found:
        alike = len({pairs[at][0] for at in group.members}) == 1 and pairs[group.members[0]][0] != ""
        assert group.mistakes[0].same_value == alike


def test_mistakes_on_the_page() -> None:
    """A sentence says how many, what and where, with links to the submissions and to all of them in the table."""
    wrong, late = failed("q1.weights", "f1", "Softmax over axis 1."), failed("q1.x", "", "Late.")
    content = written([*(row(f"s {at}", wrong) for at in range(13)), row("t1", late), row("t2", late)])
    text = section(content, "mistakes")
    assert "13 submissions return the same wrong value for q1.weights: Softmax over axis 1. s 0, s 1," in text
    assert "s 9 and 3 more · in the table 2 submissions make the same mistake in q1.x: Late. t1, t2" in text
    assert 'href="./s%200/report.html"' in content and 'href="#group=1"' in content
    assert data(content)["groups"] == [list(range(13)), [13, 14]]


def test_identical_files_are_told_as_such() -> None:
    """Submissions with one digest are listed, also beside the mistakes that they share for that reason."""
    mistakes = [failed(f"q1.{at}", f"f{at}") for at in range(7)]
    content = written([row("a", *mistakes, digest="d"), row("b", *mistakes, digest="d"), row("c", *earned(6, 4))])
    text = section(content, "mistakes")
    assert "2 submissions return the same wrong values for 7 checks: q1.0" in text and "and 2 more checks" in text
    assert "a, b · in the table · their files are identical" in text
    assert "Identical files 2 submissions hand in the same files: a, b" in text
    copies = Copies()
    for at, digest in enumerate("xyxzyx"):
        copies.add(at, digest)
    assert copies.groups() == [(0, 2, 5), (1, 4)]


def test_many_groups_are_bounded() -> None:
    """The first are shown, more on request, and the rest is a number, in the page as in its data."""
    count = MAX_GROUPS + 20
    rows = [row(f"s{at}", failed(f"q1.{at % count}", "f")) for at in range(2 * count)]
    content = written(rows)
    text = section(content, "mistakes")
    assert text.count("return the same wrong value for") == MAX_GROUPS == len(data(content)["groups"])
    assert f"Show {MAX_GROUPS - 8} more" in text and "20 smaller groups left out." in text
    assert "No two submissions return the same wrong value" in section(written(CLASS[:1]), "mistakes")


# --- the page ----------------------------------------------------------------------------------------


def test_the_data_of_the_table() -> None:
    """A row holds what the table shows and searches, and an outcome for every check, runs of them shortened."""
    rows = [
        row("a", *earned(6, 4), late=90.0),
        row("b", check("q2.3", "q2", 1, Status.PASSED), check("q2.new", "q2", 1, Status.RAISED), late=None),
        row("c", problem="Damaged."),
    ]
    found = data(written(rows))
    assert found["rows"] == [
        ["a", "Person of a", "a@x.example", [90.0, "1 h 30 min"], "", "", 10.0, 10.0, 10.0, "10a"],
        ["b", "Person of b", "b@x.example", [0.0, "late"], "", "", 1.0, 2.0, 10.0, "9 ad"],
        ["c", "Person of c", "c@x.example", None, "not graded", "Damaged.", 0.0, 0.0, 0.0, ""],
    ]
    assert found["checks"][-2:] == ["q2.3", "q2.new"] and found["statuses"]["d"] == ["raised", "raised an exception"]


@pytest.mark.parametrize(("score", "decimals"), [(7, 0), (7.5, 1), (7.25, 2), (7.333333, 2)])
def test_scores_have_the_decimals_that_one_of_them_needs(score: float, decimals: int) -> None:
    """Whole points are written without decimals, and no score with more than two."""
    assert data(written([*CLASS, row("x", *earned(6, 4), score=score)]))["decimals"] == decimals


def test_people_of_a_team() -> None:
    """All people are named; where the platform knows none, those of students.txt, or at least their address."""
    both = (Identity(name="Ada", sid="007"), Identity(email="zoe@x.example"))
    found = data(written([Row(handed=HandedIn(id="a", people=both), card=MIXED)]))["rows"]
    assert found[0][1:3] == ["Ada, zoe@x.example", "007 zoe@x.example"]


@pytest.fixture
def little_garbage() -> Iterator[None]:
    """Collecting garbage passes over what was there before, which with torch takes half a second each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def test_rows_are_read_once_and_dropped(little_garbage: None) -> None:
    """While a class is read, no more than the last cards are alive: a large class takes little memory."""

    class Watched(Scorecard, frozen=True, weakref=True):
        pass

    cards: list[weakref.ref[Watched]] = []
    most = 0

    def stream() -> Iterator[Row]:
        nonlocal most
        for each in class_rows(60):
            if each.card is None:
                yield each
                continue
            watched = Watched(**{name: getattr(each.card, name) for name in Scorecard.__struct_fields__})
            cards.append(weakref.ref(watched))
            yield Row(handed=each.handed, card=watched)
            del watched
            gc.collect()
            most = max(most, sum(found() is not None for found in cards))

    assert "Submissions 60 Graded" in words(written(stream(), class_manifest()))
    assert most <= 2


@pytest.mark.parametrize("rows", [[], [row("f", problem="Damaged.")]])
def test_a_class_of_nothing(rows: list[Row]) -> None:
    """Without any card there is a page, with dashes where nothing is known."""
    text = words(written(rows))
    assert f"Submissions {len(rows)} Graded 0" in text and "Mean score – Median score – Full marks 0" in text
    assert "Question 1 6 – – –" in text and "All checks together" not in text


def test_only_our_script_and_style_may_run(tmp_path: Path) -> None:
    """The policy names one style and one script by their hashes and forbids the rest; the file is its owner's alone."""
    write_overview(CLASS, MANIFEST, tmp_path / "report.html")
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o600
    content = (tmp_path / "report.html").read_text(encoding="utf-8")
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)
    hashes = {}
    for tag in ("script", "style"):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", content, re.DOTALL)
        hashes[tag] = "sha256-" + base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src '{hashes['style']}'; script-src '{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    names = {name for each in Page(content).skeleton if isinstance(each, tuple) for name, _value in each[1]}
    assert not {name for name in names if name.startswith("on") or name in ("src", "style", "srcset", "action")}
    assert "transition" not in content and "animation" not in content  # nothing moves


@given(hostile_text)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_any_text_is_text(text: str) -> None:
    """Whatever stands in names, reasons, titles, messages and causes, the page has the same tags and shows it."""

    def page(text: str) -> str:
        hurt = failed("q1.x", f"a{text}", f"a{text}")
        lost = check("q1.y", "q1", 1, Status.UNGRADED, message=f"a{text}")
        rows = [row(f"s{at}", hurt, lost, problem=f"a{text}", submission=f"a{text}") for at in range(2)]
        people = (with_text(Identity(name="n", email="e", sid="s", team="t"), f"a{text}"),)
        handed = HandedIn(id=f"a{text}", people=people, problem=f"a{text}", remarks=(f"a{text}",))
        rows += [Row(handed=handed, card=with_text(rows[0].card, f"a{text}")), Row(handed=handed, card=None)]
        questions = [msgspec.structs.replace(question, title=f"a{text}") for question in MANIFEST.questions]
        return written(rows, msgspec.structs.replace(MANIFEST, title=f"a{text}", questions=tuple(questions)))

    def tags(content: str) -> list[object]:
        return [(each[0], [name for name, _value in each[1]]) if isinstance(each, tuple) else each
                for each in Page(content).skeleton]  # fmt: skip

    content = page(text)
    assert tags(content) == tags(page(""))
    assert clean_text(f"a{text}") in Page(content).text
    line = " ".join(clean_text(f"a{text}", MAX_TEXT).split())
    assert [each[0] for each in data(content)["rows"]][2:] == [line, line]
    hrefs = [value for each in Page(content).skeleton if isinstance(each, tuple)
             for name, value in each[1] if name == "href"]  # fmt: skip
    assert all(re.fullmatch(r"#[^\s<>\"]*|\./[^/\s<>\"]*/report\.html", str(href)) for href in hrefs)


# --- spans of time -----------------------------------------------------------------------------------


def test_seconds_in_words() -> None:
    """A tenth of a second below a minute, seconds below an hour, then minutes; no "60 s" from rounding."""
    assert [seconds_text(s) for s in (0, 0.44, 59.94, 59.96, 125, 3599.6, 4200)] == [
        "0.0 s", "0.4 s", "59.9 s", "1 min 00 s", "2 min 05 s", "1 h", "1 h 10 min",
    ]  # fmt: skip
    assert [minutes_text(m) for m in (0.1, 59.1, 61, 1439.5, 2940)] == ["1 min", "1 h", "1 h 01 min", "1 d", "2 d 1 h"]
