"""The page on which staff score: nothing that a student wrote is more than text, and nothing tells who wrote it."""

from __future__ import annotations

import base64
import hashlib
import re

from hypothesis import given, settings
from test_page import Page
from test_reports import hostile_text

from grader.intake.notebook import Cell, Notebook
from grader.records import Answer, Flag, Manifest, Mark, Part, Question, Written
from grader.report.gradescope import clean_text
from grader.written.page import Entry, render

PLACE = Written(notebook="n.ipynb", cell="c", heading="Why", rubric=("It names a cause.", "It is <short>."))
QUESTION = Question(id="why", part="p", title="Why?", points=1.5, written=PLACE)
MANIFEST = Manifest(
    id="a9", title="Assignment 9", submitted=("n.ipynb",), given=(), parts=(Part(id="p", title="P", points=1.5),),
    questions=(QUESTION,),
)  # fmt: skip
ORIGINALS = {"n.ipynb": Notebook(cells=(
    Cell(kind="markdown", source="# Why"), Cell(kind="markdown", source="**Your answer:** The model's cause.", id="c"),
))}  # fmt: skip


def entry(tag: str, text: str, *flags: Flag, mark: Mark | None = None) -> Entry:
    return tag, Answer(question="why", text=text, fingerprint="f" + tag, flags=flags), mark


def page(*entries: Entry) -> str:
    return render(MANIFEST, QUESTION, (QUESTION,), ORIGINALS, entries)


def cards(content: str) -> dict[str, str]:
    """Tag -> text of its card."""
    found = re.findall(r"<article .*?</article>", content, re.DOTALL)
    return {re.findall(r'data-tag="(\w+)"', each)[0]: " ".join(Page(each).text.split()) for each in found}


@given(hostile_text)
@settings(max_examples=120, deadline=None, derandomize=True, database=None)
def test_any_answer_is_text(text: str) -> None:
    """Whatever an answer, a remark and a mark hold, the page has the same tags and shows all of it."""
    mark = Mark(question="why", score=1, remark=f"a{text}", fingerprint="f")
    content = page(entry("xyz", f"a{text}", mark=mark))
    plain = Page(page(entry("xyz", "a", mark=Mark(question="why", score=1, remark="a", fingerprint="f"))))

    def tags(skeleton: list[object]) -> list[object]:
        return [(each[0], [name for name, _value in each[1]]) if isinstance(each, tuple) else each for each in skeleton]

    assert tags(Page(content).skeleton) == tags(plain.skeleton)
    assert clean_text(f"a{text}") in Page(content).text
    [remark] = [value for tag, attrs in (each for each in Page(content).skeleton if isinstance(each, tuple))
                for name, value in attrs if name == "data-remark"]  # fmt: skip
    assert remark == clean_text(f"a{text}")
    content.encode("utf-8")


def test_only_our_script_and_style_may_run() -> None:
    """The policy forbids all but one script and one style, which it names by their hashes; nothing else is loaded."""
    content = page(entry("xyz", "text"))
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', content)
    hashes = {}
    for tag in ("script", "style"):
        [inside] = re.findall(rf"<{tag}>(.*?)</{tag}>", content, re.DOTALL)
        assert len(inside) > 1000
        hashes[tag] = "sha256-" + base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src '{hashes['style']}'; script-src '{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    names = {name for each in Page(content).skeleton if isinstance(each, tuple) for name, _value in each[1]}
    assert not {name for name in names if name.startswith("on") or name in ("src", "style", "srcset", "action")}


def test_staff_see_what_they_need() -> None:
    """The rubric, the reference's answer, tags, flags, what has been merged, and whose text is the same as whose."""
    mark = Mark(question="why", score=0.5, remark="Half.", fingerprint="f")
    content = page(
        entry("bcd", "One cause."), entry("fgh", "one  CAUSE.", Flag.SHORT), entry("jkl", "", Flag.UNCHANGED),
        entry("mnp", "", Flag.EMPTY), entry("qrs", "Other.", mark=mark),
    )  # fmt: skip
    text = Page(content).text
    for words in ("It names a cause.", "It is <short>.", "The model's cause.", "1.5 points", "0 of 5 scored"):
        assert words in text
    shown = cards(content)
    assert shown["bcd"] == "bcd same text as fgh Score / 1.5 Remark One cause."
    assert shown["fgh"].startswith("fgh very short same text as bcd Score")
    assert shown["jkl"] == "jkl placeholder only Score / 1.5 Remark No answer."
    assert shown["mnp"].startswith("mnp empty Score")
    assert shown["qrs"].startswith("qrs merged: 0.5 Score")


def test_white_space_of_an_answer_stays() -> None:
    """Line breaks and indents of an answer are on the page as they were typed."""
    content = page(entry("xyz", "a\n    b\n\n  c"))
    assert '<pre class="answer" dir="auto">a\n    b\n\n  c</pre>' in content
