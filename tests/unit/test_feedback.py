"""The page for a student: what may be seen, told plainly, and no trace of the rest."""

from __future__ import annotations

import base64
import hashlib
import re

import msgspec
import pytest
from hypothesis import given, settings
from test_page import Page
from test_reports import HIDDEN, MIXED, STAFF, card, check, hostile_text, with_text

from grader.records import HandedIn, Scorecard, Status, Visibility
from grader.report.feedback import render_feedback
from grader.report.gradescope import clean_text


def words(found: Scorecard) -> str:
    """The text of the page, with single blanks."""
    return " ".join(Page(render_feedback(found)).text.split())


def test_the_points_that_may_be_seen() -> None:
    """Sums are of visible checks alone, per question, part and in all; what failed and was skipped has its reason."""
    text = words(MIXED)
    assert "sample 6.5 / 10.5 2 of 4 checks passed." in text
    assert "Part 1 2 / 6 Question 1 2 / 6 Part 2 4.5 / 4.5 Question 2 4.5 / 4.5" in text
    assert "About the files you handed in one.py lay in a folder." in text
    assert "Title of one.bad ran out of time one.bad · 0 / 3 points Message of one.bad" in text
    assert "Not judged yet: mend what these build on first one.late Message of one.late" in text
    assert "What passed 2 checks two.plain Title of two.plain 4.5 / 4.5 one.good" in text
    assert "Not graded" not in text and "deadline" not in text


@pytest.mark.parametrize("visibility", sorted(set(Visibility) - {Visibility.VISIBLE}))
def test_hidden_checks_are_a_number(visibility: Visibility) -> None:
    """Whatever became of a hidden check, the page is the same; it tells how many there are."""
    pages = set()
    for status in (Status.PASSED, Status.FAILED, Status.SKIPPED, Status.TIMED_OUT):
        hidden = check("two.hidden", "q2", 7, status, visibility=visibility, message="seen")
        pages.add(render_feedback(card(*MIXED.checks[:-1], hidden)))
    [page] = pages
    assert "1 more check is hidden: its result and points are not shown" in page
    assert "two.hidden" not in page and "seen" not in page and "17.5" not in page


def test_a_question_of_hidden_checks_is_not_listed() -> None:
    """There is no line `0 / 0` for a question, nor for a part, of which nothing may be seen."""
    text = words(card(check("one", "q1", 2, Status.PASSED), HIDDEN))
    assert "Question 1 2 / 2" in text and "Question 2" not in text and "Part 2" not in text


def test_what_is_for_staff_stays_with_staff() -> None:
    """No text for staff, no cause, no fingerprint, no layer, version, digest or time is in the page's source."""
    failed = check("one", "q1", 2, Status.FAILED, cause="Known cause.", returned="abcdef012345", seconds=98.7)
    source = render_feedback(card(failed, isolation={"landlock": True}, versions={"python": "3.11"}))
    for secret in ("Secret", "Known cause", "abcdef012345", "landlock", "python", "3.11", "d" * 64, "98.7", "12.3"):
        assert secret not in source
    assert "Message of one" in source


def test_the_same_text_is_told_once_whatever_staff_read() -> None:
    """Checks that differ in texts for staff alone share an entry: how they are grouped tells nothing, either."""
    alike = [check(f"c{i}", "q1", 1, Status.RAISED, message="no module x", staff=f"log {i}") for i in range(3)]
    assert words(card(*alike)).count("no module x") == 1


def test_written_answers() -> None:
    """What awaits staff is told beside the points, and what they gave and wrote is listed; neither counts as failed."""
    text = words(STAFF)
    assert "2.5 / 4, 3 awaiting staff Well done: the check that you can see passed." in text
    assert "Answers that course staff read Title of one.written Half of the keys. 0.5 / 2" in text
    assert "Title of two.written 3 awaiting staff" in text
    assert "did not pass" not in text


@pytest.mark.parametrize(
    ("late_min", "sentence"),
    [
        (0.0, ""),
        (0.2, "Handed in 1 min after the deadline."),
        (59.5, "Handed in 1 h after the deadline."),
        (125, "Handed in 2 h 05 min after the deadline."),
        (24 * 60, "Handed in 1 d after the deadline."),
        (4000, "Handed in 2 d 18 h after the deadline."),
        (None, "Handed in after the deadline."),
    ],
)
def test_lateness(late_min: float | None, sentence: str) -> None:
    """A late submission is told by how much, in time says nothing, and an unknown delay makes up no number."""
    text = words(msgspec.structs.replace(MIXED, handed=HandedIn(id="x", late_min=late_min)))
    assert sentence in text and ("deadline" in text) == bool(sentence)


def test_what_could_not_be_graded_is_nobodys_failure() -> None:
    """An ungraded check is neither among the failed ones nor counted; the page says whose fault it is."""
    text = words(card(check("one", "q1", 2, Status.UNGRADED), check("two", "q2", 1, Status.PASSED)))
    assert "This is a fault of the grading system and not of your submission" in text
    assert "Not graded, through no fault of yours one Title of one" in text
    assert "What did not pass" not in text and "Well done: the check that you can see passed." in text


def test_nothing_at_all() -> None:
    """A card without checks gives a page without empty sections."""
    source = render_feedback(card())
    assert words(card()).endswith("} Assignment 9 sample 0 / 0")
    assert "<h2>" not in source


def test_nothing_runs_or_is_loaded() -> None:
    """No script and nothing from elsewhere; the policy names the one style by its hash."""
    source = render_feedback(MIXED)
    assert not re.search(r"<(script|link|img|iframe|a|form)\b|\son\w+=|\sstyle=", source)
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', source)
    [style] = re.findall(r"<style>(.*?)</style>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@given(hostile_text)
@settings(max_examples=80, deadline=None, derandomize=True, database=None)
def test_any_text_is_text(text: str) -> None:
    """Whatever stands in every text of a card, the page has the same tags, and shows it as text."""
    shown = msgspec.structs.replace(MIXED, checks=MIXED.checks[:-1])
    source = render_feedback(with_text(shown, f"a{text}"))
    page = Page(source)
    assert page.skeleton == Page(render_feedback(with_text(shown, "a"))).skeleton
    assert page.text.count(clean_text(f"a{text}", 1_000).strip("\n")) >= 5
    source.encode("utf-8")
