"""The written answers of a submission, found in its notebooks question by question.

Notebooks come back changed: ids lost by a tool, the answer spread over new cells, or written below the question.
So an answer is looked for by the id of its cell and by the question's heading, and what the reference's notebook has,
the text of the question and the cells around it, is what tells the student's words from ours.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from grader.errors import ManifestError
from grader.intake.archive import EntryError
from grader.intake.notebook import Cell, Notebook, read_notebook
from grader.records import Answer, Flag, Manifest, Question, Submission, Written, WrittenAnswers
from grader.report.gradescope import clean_text
from grader.scoring import digest

MAX_ANSWER: Final = 20_000  # characters
HEADED: Final = 400  # lines of a cell in which a heading is looked for
SHORT: Final = 8  # words; an answer with fewer is flagged

_LETTERS: Final = "bcdfghjkmnpqrstvwxz"  # no vowels: they spell no word and no number
_PICTURE: Final = re.compile(r"!\[|<img\b", re.IGNORECASE)
_MARKUP: Final = " \t#*_>"

REMARKS: Final = {
    Flag.MISSING: "was not found in {notebook}",
    Flag.EMPTY: "is empty",
    Flag.UNCHANGED: "is still the placeholder",
    Flag.SHORT: "is very short",
    Flag.PICTURE: "holds a picture, which staff do not see beside the text",
    Flag.LEFT_OUT: "may not be complete: {notebook} holds texts that are too long to be read",
}


def letters(number: int, count: int) -> str:
    """`count` letters that stand for `number`, which no spreadsheet changes."""
    digits = []
    for _ in range(count):
        number, digit = divmod(number, len(_LETTERS))
        digits.append(_LETTERS[digit])
    return "".join(digits)


def fingerprint(text: str) -> str:
    """16 letters that depend on the text alone; finding another text with the same ones takes 2^67 tries."""
    return letters(int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()), 16)


def load_originals(manifest: Manifest, reference: Path) -> dict[str, Notebook]:
    """The reference's notebooks in which staff judge answers, by path.

    Raises ManifestError for one that cannot be read, or lacks a question's heading or its answer's cell.
    """
    found: dict[str, Notebook] = {}
    for question in manifest.questions:
        if not (written := question.written):
            continue
        name = written.notebook
        if name not in found:
            try:
                found[name] = read_notebook((reference / name).read_bytes())
            except OSError as error:
                raise ManifestError(f"the reference's {name} cannot be read: {error.strerror}") from None
            except EntryError as error:
                raise ManifestError(f"the reference's {name}: {error}") from None
        cells = found[name].cells
        if _question_cell(cells, written.heading) is None:
            raise ManifestError(f"the reference's {name} has no cell with the heading {written.heading!r}")
        if _cell(cells, written.cell) is None:
            raise ManifestError(f"the reference's {name} has no cell with the id {written.cell!r}")
    return found


def model_answer(question: Question, originals: Mapping[str, Notebook]) -> str:
    """What the reference answers; for staff."""
    assert question.written
    original = originals[question.written.notebook]
    return _answer(question, original, original, ()).text


def read_answers(manifest: Manifest, submission: Submission, originals: Mapping[str, Notebook]) -> WrittenAnswers:
    """The answers of a staged submission, one for every question of the manifest that staff judge.

    It never fails because of what a student wrote: where there is nothing to be read, the answer's flags say so.
    """
    notebooks = {name: _submitted(Path(submission.root) / name) for name in originals}
    headings = [question.written.heading for question in manifest.questions if question.written]
    answers = []
    for question in manifest.questions:
        if written := question.written:
            others = [heading for heading in headings if heading != written.heading]
            notebook = notebooks[written.notebook]
            answers.append(_answer(question, notebook, originals[written.notebook], others))
    return WrittenAnswers(
        assignment=manifest.id, submission=submission.name, digest=digest(submission), answers=tuple(answers)
    )


def remarks(manifest: Manifest, written: WrittenAnswers) -> list[str]:
    """A sentence for every flag, for the scorecard."""
    questions = {question.id: question for question in manifest.questions}
    found = []
    for answer in written.answers:
        question = questions[answer.question]
        assert question.written
        for flag in answer.flags:
            remark = REMARKS[flag].format(notebook=question.written.notebook)
            found.append(f"{question.title}: the answer {remark}")
    return found


def _submitted(path: Path) -> Notebook | None:
    try:
        return read_notebook(path.read_bytes())
    except (OSError, EntryError):  # missing, or damaged: intake has said so
        return None


def _answer(question: Question, notebook: Notebook | None, original: Notebook, others: Sequence[str]) -> Answer:
    written = question.written
    assert written
    pieces = _pieces(notebook.cells, written, original.cells, others) if notebook else None
    begun = pieces is not None and any(_without_placeholder(piece, written) != piece for piece in pieces)
    bare = (_without_placeholder(piece, written).strip() for piece in pieces or ())
    text = clean_text("\n\n".join(piece for piece in bare if piece), MAX_ANSWER).strip()
    flags = []
    if pieces is None:
        flags.append(Flag.MISSING)
    elif not text:
        flags.append(Flag.UNCHANGED if begun else Flag.EMPTY)
    elif len(text.split()) < SHORT:
        flags.append(Flag.SHORT)
    if _PICTURE.search(text):
        flags.append(Flag.PICTURE)
    if notebook and notebook.left_out and not text:
        flags.append(Flag.LEFT_OUT)
    return Answer(question=question.id, text=text, fingerprint=fingerprint(text), flags=tuple(flags))


def _pieces(
    cells: Sequence[Cell], written: Written, original: Sequence[Cell], others: Sequence[str]
) -> list[str] | None:
    """The student's own texts for one question, in the notebook's order; None when neither the question nor the
    answer's cell is there."""
    asked = original[_question_cell(original, written.heading) or 0]
    question = _cell(cells, asked.id) if asked.id else None
    if question is None:
        others_ours = {_same(cell.source) for cell in original if cell is not asked}  # one may name the question, too
        question = _question_cell(cells, written.heading, others_ours)
    answer = _cell(cells, written.cell)
    if question is None and answer is None:
        return None
    given_ids = {cell.id for cell in original if cell.id} - {written.cell}
    answers = {cell.source for cell in original if "answer" in cell.tags or cell.id == written.cell}
    given = {_same(cell.source) for cell in original if cell.source.strip() and cell.source not in answers}

    def ends(place: int) -> bool:
        """Whether this cell is no part of the answer any more: code, or something of the hand-out's."""
        cell = cells[place]
        if place == answer:
            return False
        known = cell.id in given_ids or _same(cell.source) in given
        return cell.kind == "code" or known or any(_heads(cell, heading) for heading in others)

    def run(start: int) -> set[int]:
        """The cells from here to the end of the answer."""
        stop = start
        while stop < len(cells) and not ends(stop):
            stop += 1
        return set(range(start, stop))

    places = (set() if question is None else run(question + 1)) | (set() if answer is None else run(answer))
    texts = [cells[place].source for place in sorted(places)]
    if question is not None and question not in places:
        texts.insert(0, _added(cells[question].source, asked.source, written.heading))
    return texts


def _question_cell(cells: Sequence[Cell], heading: str, leave: Collection[str] = ()) -> int | None:
    """The first cell with the heading; of several, one in which it is marked as a heading comes before others.

    leave: texts of cells that are not meant.
    """
    places = [place for place, cell in enumerate(cells) if _heads(cell, heading) and _same(cell.source) not in leave]
    marked = [place for place in places if _heads(cells[place], heading, marked=True)]
    return next(iter(marked or places), None)


def _cell(cells: Sequence[Cell], id_: str) -> int | None:
    return next((place for place, cell in enumerate(cells) if cell.id == id_), None)


def _heads(cell: Cell, heading: str, *, marked: bool = False) -> bool:
    """Whether a line of the cell begins with the heading, whatever marks stand before it.

    marked: only where one of them makes it a heading.
    """
    if cell.kind == "code":
        return False
    sought = _bare(heading)
    # "Inline question 1" does not begin "Inline question 12".
    return any(
        words.startswith(sought) and not words[len(sought) : len(sought) + 1].isalnum()
        for is_marked, words in _lines(cell.source)
        if is_marked or not marked
    )


@functools.lru_cache(maxsize=4096)
def _lines(source: str) -> tuple[tuple[bool, str], ...]:
    """The first lines of a text that may be headings: whether they are marked so, and their bare words."""
    lines = source[:MAX_ANSWER].splitlines()[:HEADED]
    return tuple((line.lstrip().startswith("#"), _bare(line[:200])) for line in lines if line.strip())


def _added(source: str, asked: str, heading: str) -> str:
    """The lines of a question's cell that the hand-out does not have there."""
    known = {_bare(line) for line in (heading, *asked.splitlines())}
    lines = source[: 2 * MAX_ANSWER].splitlines()
    return "\n".join(line for line in lines if not line.strip() or _bare(line) not in known).strip()


def _same(text: str) -> str:
    """Equal for texts that differ in white space only."""
    return " ".join(text.split())


def _bare(line: str) -> str:
    """Equal for lines that differ in emphasis, case or white space only."""
    return _same(line.strip(_MARKUP)).casefold()


def _without_placeholder(text: str, written: Written) -> str:
    """The text after the placeholder that it begins with, if it does, however that is emphasised."""
    words = re.findall(r"\w+", written.placeholder)
    if not words:
        return text.removeprefix(written.placeholder)
    between = r"[\W_]{1,20}".join(map(re.escape, words))
    # A colon or an emphasis ends it: an answer may well begin with the same words.
    ending = r"(?:[*_]{0,3}\s{0,9}:[*_]{0,3}|[*_]{1,3}|\s*$)"
    found = re.match(rf"[\W_]{{0,20}}{between}{ending}", text, re.IGNORECASE)
    return text[found.end() :] if found else text
