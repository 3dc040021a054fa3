"""One page per question that staff judge: all answers side by side, without names, with a field for each score.

The only script and the only style of a page are ours, named by their hashes in its policy; a student's text is cleaned
and escaped, and is shown as it was typed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from grader.errors import GraderError
from grader.intake.notebook import Notebook
from grader.manifest import load_manifest
from grader.paths import Assignment
from grader.records import Answer, Flag, Manifest, Mark, Question
from grader.report.atomic import PRIVATE, write_atomically
from grader.report.html import render_html
from grader.written.extract import load_originals, model_answer
from grader.written.folders import PAGES, Graded, find_graded

FLAG_WORDS = {
    Flag.MISSING: "not found",
    Flag.EMPTY: "empty",
    Flag.UNCHANGED: "placeholder only",
    Flag.SHORT: "very short",
    Flag.PICTURE: "picture not shown",
    Flag.LEFT_OUT: "too long to be read",
}


class Page(NamedTuple):
    path: Path
    answers: int
    flagged: int
    scored: int  # already, in the reports


def write_pages(assignment: Assignment, out: Path) -> list[Page]:
    """Write `out/written/<question>.html` for every question that somebody was asked; for staff only.

    Raises ManifestError when the assignment has no such question, and GraderError.
    """
    manifest = load_manifest(assignment.manifest)
    originals = load_originals(manifest, assignment.reference)
    if not originals:
        raise GraderError(f"{assignment.id} has no question that staff judge")
    graded = find_graded(out, assignment.id)
    asked = {answer.question for entry in graded for answer in entry.written.answers}
    questions = [question for question in manifest.questions if question.written and question.id in asked]
    pages = []
    for question in questions:
        entries = _entries(question, graded)
        path = out / PAGES / f"{question.id}.html"
        try:
            write_atomically(path, render(manifest, question, questions, originals, entries).encode(), PRIVATE)
        except OSError as error:
            raise GraderError(f"{path} cannot be written: {error.strerror}") from None
        flagged = sum(bool(answer.flags) for _tag, answer, _mark in entries)
        pages.append(Page(path, len(entries), flagged, sum(mark is not None for *_, mark in entries)))
    return pages


Entry = tuple[str, Answer, Mark | None]


def _entries(question: Question, graded: Sequence[Graded]) -> list[Entry]:
    """Tag, answer, and the mark that holds for it, in an order that is another one for every question."""
    found: list[Entry] = []
    for entry in graded:
        for answer in entry.written.answers:
            if answer.question == question.id:
                marks = (m for m in entry.marks if (m.question, m.fingerprint) == (question.id, answer.fingerprint))
                found.append((entry.tag, answer, next(marks, None)))
    return sorted(found, key=lambda entry: hashlib.sha256(f"{question.id} {entry[0]}".encode()).digest())


def render(
    manifest: Manifest,
    question: Question,
    questions: Sequence[Question],
    originals: dict[str, Notebook],
    entries: Sequence[Entry],
) -> str:
    """The whole page, self-contained. `questions`: those that have pages, in order."""
    assert question.written
    return render_html(
        "written.html",
        style="written.css",
        script="written.js",
        manifest=manifest,
        question=question,
        questions=questions,
        rubric=question.written.rubric,
        model=model_answer(question, originals),
        cards=[_card(entry, entries) for entry in entries],
        flag_words=FLAG_WORDS,
    )


def _card(entry: Entry, entries: Sequence[Entry]) -> dict[str, Any]:
    tag, answer, mark = entry
    words = _words(answer.text)
    alike = [other for other, theirs, _mark in entries if words and other != tag and _words(theirs.text) == words]
    return {
        "tag": tag,
        "answer": answer,
        "alike": alike,
        "score": f"{mark.score:.10g}" if mark else "",
        "remark": mark.remark if mark else "",
    }


def _words(text: str) -> list[str]:
    """Equal for answers that differ in case and white space only."""
    return text.casefold().split()
