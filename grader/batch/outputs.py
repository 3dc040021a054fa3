"""What comes out for the class as a whole: a table, a page, and filled copies of gradebooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from grader.batch.batch import Batch
from grader.errors import GraderError
from grader.gradebook import Graded, fill_gradebook
from grader.records import Row
from grader.report.atomic import PRIVATE, write_atomically
from grader.report.gradescope import count_text
from grader.report.overview import Overview
from grader.report.table import write_class_table

TABLE: Final = "scores.csv"
OVERVIEW: Final = "report.html"
GRADEBOOKS: Final = "gradebooks"  # folder


def write_overall(batch: Batch, out: Path) -> None:
    """The table and the page, in one pass over the class. Raises GraderError."""
    manifest = batch.suite.manifest
    overview = Overview(manifest)

    def rows() -> Iterator[Row]:
        for row in batch.rows():
            overview.add(row)
            yield row

    written = [question.id for question in manifest.questions if question.written]
    checks = [*(spec.id for spec in batch.suite.specs), *written]
    try:
        write_class_table(rows(), manifest, checks, out / TABLE)
        write_atomically(out / OVERVIEW, overview.render().encode("utf-8"), PRIVATE)
    except OSError as error:
        raise GraderError(f"{out} cannot be written to: {error.strerror}; nothing graded is lost") from None


def fill(path: Path, batch: Batch, out: Path, column: str) -> list[str]:
    """Writes a filled copy of a gradebook; a line for everything that staff should know of it. Raises GraderError."""
    graded = [
        Graded(row.handed, card.team, card.score, card.max_score, final=card.complete and not card.awaiting)
        for row in batch.rows()
        if (card := row.card)
    ]
    filled = fill_gradebook(path, graded, column=column)
    copy = out / GRADEBOOKS / path.name
    try:
        copy.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(copy, filled.content, PRIVATE)
    except OSError as error:
        raise GraderError(f"{copy} cannot be written: {error.strerror}") from None
    lines = [f"{copy}: {count_text(filled.written, 'score')} in the column {filled.heading}"]
    for title, some in (
        ("in the gradebook, without a submission", filled.missing),
        ("submissions of nobody in the gradebook", filled.unmatched),
        ("left alone", filled.left),
    ):
        if some:
            lines += [f"  {title} ({len(some)}):", *(f"    {line}" for line in some)]
    return lines
