"""Written answers are found where students leave them, and nothing in a notebook keeps a submission from being read."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.errors import ManifestError
from grader.records import Answer, Flag, Manifest, Part, Question, Submission, Written, WrittenAnswers
from grader.written.extract import MAX_ANSWER, fingerprint, load_originals, model_answer, read_answers, remarks

PLACEHOLDER = "**Your answer:**"
ASKED = ("### Inline question 1\n\nWhy is it so?\nSay it briefly.", "### Inline question 2\n\nWhat is $x$?")
MODEL = ("It is so because nobody has made it otherwise up to now.", "It is the unknown of the equation, as usual.")
LONG = "one two three four five six seven eight nine"

Cell = dict[str, Any]


def cell(source: Any, id_: Any = None, kind: str = "markdown", tags: tuple[str, ...] = ()) -> Cell:
    ids = {} if id_ is None else {"id": id_}
    code = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {"tags": list(tags)}, "source": source, **ids, **code}


def cells(*answers: str) -> list[Cell]:
    """The hand-out's notebook with these texts in the cells for the two answers."""
    first, second = answers or (PLACEHOLDER, PLACEHOLDER)
    return [
        cell("# Title\n\nInline question 1 comes below.", "title"),
        cell(ASKED[0], "ask-1"), cell(first, "inline-1", tags=("answer",)),
        cell("x = 1", "code", "code"),
        cell(ASKED[1], "ask-2"), cell(second, "inline-2", tags=("answer",)),
        cell("## Next section", "next"),
    ]  # fmt: skip


def file(content: list[Cell]) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": content}).encode()


def written(number: int) -> Question:
    place = Written(
        notebook="n.ipynb", cell=f"inline-{number}", heading=f"Inline question {number}", rubric=("It is right.",)
    )
    return Question(id=f"inline_{number}", part="p", title=f"Question {number}", points=1, written=place)


MANIFEST = Manifest(
    id="a9", title="A", submitted=("n.ipynb",), given=(), parts=(Part(id="p", title="P", points=2),),
    questions=(written(1), written(2)),
)  # fmt: skip


def read(folder: Path, data: bytes | None) -> WrittenAnswers:
    reference, root = folder / "reference", folder / "root"
    for place in (reference, root):
        place.mkdir(exist_ok=True)
    (reference / "n.ipynb").write_bytes(file(cells(*(f"{PLACEHOLDER}\n\n{text}" for text in MODEL))))
    if data is not None:
        (root / "n.ipynb").write_bytes(data)
    submission = Submission(name="s", root=str(root), hashes={"n.ipynb": "01"})
    return read_answers(MANIFEST, submission, load_originals(MANIFEST, reference))


def first(folder: Path, content: list[Cell]) -> Answer:
    return read(folder, file(content)).answers[0]


def edited(at: int, *new: Cell) -> list[Cell]:
    """The hand-out's notebook with other cells in place of one."""
    content = cells()
    content[at : at + 1] = new
    return content


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (cells(f"{PLACEHOLDER}\n\n{LONG}", ""), LONG),
        (cells(f"{PLACEHOLDER} {LONG}", ""), LONG),
        (cells(f"**Your Answer**: {LONG}", ""), LONG),
        (cells(f"> *your answer:* {LONG}", ""), LONG),
        (cells(LONG, ""), LONG),
        (cells(f"Your answer is not mine: {LONG}", ""), f"Your answer is not mine: {LONG}"),
        (cells(f"# My own heading\n{LONG}", ""), f"# My own heading\n{LONG}"),
        (edited(2, cell(PLACEHOLDER, "inline-1"), cell(LONG), cell("and more")), f"{LONG}\n\nand more"),
        (edited(2, cell(LONG, "new"), cell(PLACEHOLDER, "inline-1")), LONG),
        (edited(2, cell(LONG, "new")), LONG),
        (edited(2, cell(LONG, "inline-1", "raw")), LONG),
        (edited(2, cell(f"# {LONG}", "inline-1", "code")), f"# {LONG}"),
        (edited(2, cell(PLACEHOLDER, "inline-1"), cell("y = 2", "own", "code"), cell(LONG)), ""),
        (edited(1, cell(f"{ASKED[0]}\n\n{LONG}", "ask-1")), LONG),
        (edited(1, cell(f"{ASKED[0]} {LONG}", "ask-1")), f"Say it briefly. {LONG}"),
        (edited(1, cell(f"{ASKED[0]}\n\n{PLACEHOLDER} {LONG}", "ask-1")), LONG),
        (edited(1, cell("", "empty")), ""),
        ([cell(each["source"]) if each["cell_type"] == "markdown" else each for each in cells(LONG, "")], LONG),
        ([cell(LONG, "inline-1")], LONG),
        ([cell("### INLINE  question 1 "), cell(LONG)], LONG),
        ([cell("**Inline question 1**"), cell(LONG)], LONG),
        ([cell("### Inline question 12"), cell("another one"), cell("### Inline question 1"), cell(LONG)], LONG),
        ([cell(ASKED[0]), cell(LONG), cell("## Inline question 2 (changed)"), cell("mine")], LONG),
    ],
)  # fmt: skip
def test_an_answer_is_found(tmp_path: Path, content: list[Cell], text: str) -> None:
    """By its cell's id or its question's heading, in one cell or several, in new ones, or below the question."""
    assert first(tmp_path, content).text == text


@pytest.mark.parametrize(
    ("content", "flags"),
    [
        (cells(LONG, ""), []),
        (cells(), [Flag.UNCHANGED]),
        (cells(f"  {PLACEHOLDER}\n\n  ", ""), [Flag.UNCHANGED]),
        (cells("Your answer", ""), [Flag.UNCHANGED]),
        (cells(" \n\t", ""), [Flag.EMPTY]),
        (edited(2, cell("x", "code-2", "code")), [Flag.EMPTY]),
        (cells("Because of that.", ""), [Flag.SHORT]),
        (cells(f"{LONG} ![plot](attachment:plot.png)", ""), [Flag.PICTURE]),
        (cells("x" * 2_000_000, ""), [Flag.EMPTY, Flag.LEFT_OUT]),
        ([cell("nothing of ours")], [Flag.MISSING]),
        ([], [Flag.MISSING]),
    ],
)
def test_what_is_no_answer_is_flagged(tmp_path: Path, content: list[Cell], flags: list[Flag]) -> None:
    """Missing, empty, unchanged and short answers, pictures and texts that are left out are told apart."""
    assert list(first(tmp_path, content).flags) == flags


@pytest.mark.parametrize("data", [None, b"", b"no notebook", b'{"nbformat": 4', file([])[:-3] + b"\xff"])
def test_a_notebook_that_cannot_be_read_has_no_answers(tmp_path: Path, data: bytes | None) -> None:
    """A missing or damaged notebook gives every question, flagged as missing, and a remark for each."""
    found = read(tmp_path, data)
    assert [answer.flags for answer in found.answers] == [(Flag.MISSING,)] * 2
    assert remarks(MANIFEST, found)[1] == "Question 2: the answer was not found in n.ipynb"


def test_the_reference_has_a_model_answer(tmp_path: Path) -> None:
    """What the reference's notebook answers is told to staff, without the placeholder."""
    read(tmp_path, None)
    originals = load_originals(MANIFEST, tmp_path / "reference")
    assert [model_answer(question, originals) for question in MANIFEST.questions] == list(MODEL)


@pytest.mark.parametrize(
    ("content", "says"),
    [(cells()[1:2], "no cell with the id 'inline-1'"), (cells()[2:3], "no cell with the heading"), (None, "No such")],
)
def test_the_reference_must_have_the_questions(tmp_path: Path, content: list[Cell] | None, says: str) -> None:
    """A reference without the heading or the cell that the manifest names is refused."""
    if content is not None:
        (tmp_path / "n.ipynb").write_bytes(file(content))
    with pytest.raises(ManifestError, match=says):
        load_originals(MANIFEST, tmp_path)


def test_answers_are_bounded_and_clean(tmp_path: Path) -> None:
    """A long answer loses its middle; control characters, direction marks do not come through."""
    hostile = "a\x1b[31mb\u202ec\x00d" + "word " * 100_000
    text = first(tmp_path, cells(hostile, "")).text
    assert len(text) <= MAX_ANSWER and "middle left out" in text
    assert text.startswith("abcdword")
    text.encode("utf-8")


@pytest.mark.parametrize("piece", ["*", " ", "\n", "# ", "**Your ", "Your answer ", "Inline question 1\n", "<img"])
def test_hostile_texts_take_no_time(tmp_path: Path, piece: str) -> None:
    """Endless repetitions of what is searched for are read as fast as other text."""
    started = time.perf_counter()
    first(tmp_path, [cell(ASKED[0] + "\n" + piece * 60_000), cell(piece * 60_000, "inline-1")])
    assert time.perf_counter() - started < 3


@given(st.lists(
    st.builds(
        cell,
        st.text(max_size=40) | st.sampled_from([*ASKED, PLACEHOLDER, "Inline question 1", LONG]),
        st.none() | st.sampled_from(["inline-1", "inline-2", "ask-1", "", 5, None, ["x"], "y" * 999]),
        st.sampled_from(["markdown", "code", "raw"]),
    ),
    max_size=8,
))  # fmt: skip
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_any_notebook_gives_every_answer(content: list[Cell]) -> None:
    """Whatever cells there are, each question has one answer whose flags agree with its text."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = read(Path(folder), file(content))
    assert [answer.question for answer in found.answers] == ["inline_1", "inline_2"]
    nothing = {Flag.MISSING, Flag.EMPTY, Flag.UNCHANGED}
    assert all(bool(answer.text) is not bool(nothing & {*answer.flags}) for answer in found.answers)


def test_a_fingerprint_is_letters() -> None:
    """Equal texts have equal ones, others do not, and no spreadsheet can take one for a number or a word."""
    prints = {fingerprint(text) for text in ("", "a", "b", "a ", "\ud800")}
    assert len(prints) == 5 and fingerprint("a") in prints
    assert all(len(found) == 16 and set(found) <= set("bcdfghjkmnpqrstvwxz") for found in prints)
