"""What staff gave: read from a folder of reports, and laid over a scorecard that is made anew."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from grader.errors import GraderError
from grader.intake.archive import shown
from grader.records import Manifest, Mark, Marks, Record, WrittenAnswers
from grader.report.files import MARKS
from grader.report.gradescope import points_text

Given = tuple[Mark, ...]
R = TypeVar("R", bound=Record)


def load_record(path: Path, kind: type[R]) -> R | None:
    """A record that was stored as JSON; None where there is no such file. Raises GraderError for a damaged one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GraderError(f"{path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise GraderError(f"{path} is damaged: {shown(str(error))}") from None


def load_marks(folder: Path, assignment: str) -> Given:
    """All marks in a folder of reports, also those of answers that are not there any more. Raises GraderError."""
    stored = load_record(folder / MARKS, Marks)
    return stored.marks if stored and stored.assignment == assignment else ()


def given_before(manifest: Manifest, written: WrittenAnswers, folder: Path) -> tuple[Given, list[str]]:
    """The marks that hold for these answers, and a sentence for every one that does not hold any more, because the
    answer is another one or the question has become worth less. Raises GraderError."""
    answers = {answer.question: answer for answer in written.answers}
    questions = {question.id: question for question in manifest.questions}
    held, lapsed = [], []
    for mark in load_marks(folder, manifest.id):
        if mark.question not in answers:
            continue  # graded without that part
        question = questions[mark.question]
        before = f"{question.title}: the {points_text(mark.score)} points that staff gave before"
        if mark.fingerprint != answers[mark.question].fingerprint:
            lapsed.append(f"{before} were for another answer than this one")
        elif not 0 <= mark.score <= question.points:
            lapsed.append(f"{before} are more than the {points_text(question.points)} that there are now")
        else:
            held.append(mark)
    return tuple(held), lapsed
