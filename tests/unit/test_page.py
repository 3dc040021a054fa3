"""The page for staff: everything is on it, and nothing that a student wrote is more than text."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from test_reports import HIDDEN, MIXED, STAFF, card, check, hostile_text, with_text

from grader.records import Status
from grader.report.gradescope import clean_text
from grader.report.page import render_page


class Page(HTMLParser):
    """What a browser would see: `skeleton` is everything but text, `text` the rest."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.skeleton: list[object] = []
        self.text = ""
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skeleton.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.skeleton.append(f"/{tag}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.skeleton.append((f"{tag}/", attrs))

    def handle_comment(self, data: str) -> None:
        self.skeleton.append(f"!--{data}")

    def handle_decl(self, decl: str) -> None:
        self.skeleton.append(f"!{decl}")

    def unknown_decl(self, data: str) -> None:
        self.skeleton.append(f"![{data}")

    def handle_pi(self, data: str) -> None:
        self.skeleton.append(f"?{data}")

    def handle_data(self, data: str) -> None:
        self.text += data


@given(hostile_text)
@settings(max_examples=120, deadline=None, derandomize=True, database=None)
def test_any_text_is_text(text: str) -> None:
    """Whatever stands in every text of a card, the page has the same tags and attributes, and shows all of it."""
    content = render_page(with_text(MIXED, f"a{text}"))
    page = Page(content)
    assert page.skeleton == Page(render_page(with_text(MIXED, "a"))).skeleton
    # The title, which a browser shows in its tab, is no exception: its text is all that is in it.
    shown = clean_text(f"a{text}").strip("\n")
    assert page.text.count(shown) >= 10
    content.encode("utf-8")


def test_the_page_loads_and_runs_nothing() -> None:
    """No script, link or picture is in the page, and its policy forbids them."""
    page = Page(render_page(MIXED))
    tags = {entry[0] for entry in page.skeleton if isinstance(entry, tuple)}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "input", "base", "a"}
    attributes = {name for entry in page.skeleton if isinstance(entry, tuple) for name, _value in entry[1]}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "href", "srcset", "action")}
    [policy] = [
        dict(attrs)["content"]
        for tag, attrs in (entry for entry in page.skeleton if isinstance(entry, tuple))
        if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attrs
    ]
    assert policy is not None and policy.startswith("default-src 'none'; style-src 'sha256-")


def test_staff_see_everything() -> None:
    """Scores, checks with their texts, hidden and skipped ones too, findings, layers and versions are on the page."""
    text = Page(render_page(MIXED)).text
    for words in (
        "Assignment 9", "sample", "6.5", "/ 17.5", "Part 1", "Question 2", "4.5 / 11.5", "one.py lay in a folder.",
        "Title of one.bad", "ran out of time", "Message of one.bad", "Secret of one.bad", "two.hidden", "hidden",
        "Secret of two.hidden", "one.late", "Message of one.late", "one.good", "landlock", "network", "python 3.11",
        "12.3 s", "d" * 64,
    ):  # fmt: skip
        assert words in text
    assert "Not complete" not in text
    in_force, _, rest = text.partition("Isolation in force")[2].partition("Not in force")
    assert "landlock" in in_force and "network" in rest.split("Time")[0]


def test_answers_that_staff_judge_have_a_section() -> None:
    """What awaits staff is told beside the points, and what they gave and wrote is listed."""
    text = " ".join(Page(render_page(STAFF)).text.split())
    assert "2.5 / 4, 3 awaiting staff" in text and "Checks that did not pass" not in text
    section = text.partition("Answers that staff judge")[2].partition("Checks that passed")[0]
    assert "Title of one.written Half of the keys. 0.5 / 2" in section
    assert "Title of two.written 3 awaiting staff" in section


def test_an_incomplete_card_says_so() -> None:
    """A card with something ungraded carries a notice that it must be graded again."""
    text = Page(render_page(card(check("one", "q1", 2, Status.UNGRADED)))).text
    assert "Not complete" in text and "could not be graded" in text


@pytest.mark.parametrize("count", [2, 9])
def test_one_cause_is_told_once(count: int) -> None:
    """Checks that failed with the same texts share one entry, which names them all."""
    alike = [check(f"c{i}", "q1", 1, Status.RAISED, message="no module x", staff="log") for i in range(count)]
    text = Page(render_page(card(*alike, HIDDEN))).text
    assert text.count("no module x") == 1
    assert f"The same holds for {count - 1} more" in text
    assert all(f"c{i}" in text for i in range(count))


def test_a_card_without_anything() -> None:
    """No check, no finding and no layer still give a page."""
    text = Page(render_page(msgspec.structs.replace(card(), isolation={}, versions={}))).text
    assert "Checks that" not in text and "About the submitted files" not in text
