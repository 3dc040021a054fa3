"""The folders of reports that belong together, and the tags under which staff see their answers."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grader.errors import GraderError
from grader.records import WrittenAnswers
from grader.report.atomic import PRIVATE, write_atomically
from grader.report.files import WRITTEN
from grader.report.table import cell
from grader.written.extract import letters
from grader.written.marks import Given, load_marks, load_record

PAGES: Final = "written"  # folder for the pages, beside the folders of reports
KEY: Final = "key.csv"  # tag -> folder; all that tells whose answer is whose

_LETTERS_OF_TAG: Final = 6


@dataclass(frozen=True)
class Graded:
    """A folder of reports with answers that staff judge."""

    tag: str
    folder: Path
    written: WrittenAnswers
    marks: Given


def find_graded(out: Path, assignment: str) -> list[Graded]:
    """The folders of reports in `out`, or `out` itself, if it is one. New ones get a tag, which is random and kept in
    `out/written/key.csv`: without that file nobody can tell whose a tag is.

    Raises GraderError when there are none, for those of another assignment, and for damaged files.
    """
    own = out / WRITTEN
    files = [own] if own.exists() else sorted(out.glob(f"*/{WRITTEN}"))
    found: list[tuple[Path, WrittenAnswers]] = []
    for path in files:
        written = load_record(path, WrittenAnswers)
        if written is None:
            continue  # it is just being graded again
        if written.assignment != assignment:
            raise GraderError(f"{path.parent} is of assignment {written.assignment!r}, not {assignment!r}")
        found.append((path.parent, written))
    if not found:
        raise GraderError(f"there is no {WRITTEN} in {out}, nor in a folder in it; grade with --out first")
    tags = _tags(out, [(folder.relative_to(out).as_posix(), written.submission) for folder, written in found])
    return [
        Graded(tag=tag, folder=folder, written=written, marks=load_marks(folder, assignment))
        for tag, (folder, written) in zip(tags, found, strict=True)
    ]


def _tags(out: Path, names: Sequence[tuple[str, str]]) -> list[str]:
    """The tag of every (folder, submission), the old one if it has one."""
    path = out / PAGES / KEY
    known = _read_key(path)  # by what stands in the table, which a spreadsheet may have saved anew
    cells = [cell(folder) for folder, _submission in names]
    if alike := {text for text in cells if cells.count(text) > 1}:
        raise GraderError(f"folders with names too much alike, rename one: {', '.join(sorted(alike))}")
    taken = set(known.values())
    tags = []
    for text in cells:
        tag = known.get(text, "")
        while not tag:
            drawn = letters(secrets.randbits(64), _LETTERS_OF_TAG)
            tag = "" if drawn in taken else drawn
        taken.add(tag)
        tags.append(tag)
    # Folders that are not there now keep their rows: they may come back.
    rows = {text: (tag, "") for text, tag in known.items()}
    rows |= {text: (tag, cell(name)) for text, tag, (_folder, name) in zip(cells, tags, names, strict=True)}
    stream = io.StringIO()
    table = csv.writer(stream)
    table.writerow(["tag", "folder", "submission"])
    table.writerows([tag, text, name] for text, (tag, name) in sorted(rows.items()))
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(path, stream.getvalue().encode("utf-8-sig"), PRIVATE)
    except OSError as error:
        raise GraderError(f"{path} cannot be written: {error.strerror}") from None
    return tags


def _read_key(path: Path) -> dict[str, str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise GraderError(f"{path} cannot be read: {error}") from None
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    tags = {row["folder"]: row["tag"] for row in rows if row.get("folder") and row.get("tag")}
    if len(tags) != len(rows) or len({*tags.values()}) != len(tags):
        raise GraderError(f"{path} is damaged; it needs a folder and a tag of its own in every row")
    return tags
