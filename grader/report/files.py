"""The reports of one submission on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from grader.records import Record, Scorecard, WrittenAnswers
from grader.report.atomic import PRIVATE, write_atomically
from grader.report.feedback import render_feedback
from grader.report.gradescope import clean_text, gradescope_results, replace_surrogates
from grader.report.page import render_page
from grader.report.table import write_table

__all__ = [
    "MARKS",
    "REPORTS",
    "WRITTEN",
    "encode",
    "scorecard_schema",
    "write_atomically",
    "write_record",
    "write_refusal",
    "write_reports",
    "written_schema",
]

REPORTS = ("results.json", "scorecard.json", "report.html", "feedback.html", "scores.csv")
WRITTEN = "written.json"  # of an assignment with answers that staff judge
MARKS = "marks.json"  # what they gave; no grading removes it


def write_reports(card: Scorecard, out_dir: Path) -> None:
    """Write `results.json` (for Gradescope), and for staff `scorecard.json` (everything), `report.html` and
    `scores.csv` (one row), for the student `feedback.html` into `out_dir`, which is made if need be. Raises OSError."""
    out_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(out_dir / "scorecard.json", _json_bytes(card), PRIVATE)
    write_atomically(out_dir / "results.json", _json_bytes(gradescope_results(card)))
    # Not synced, and so cheap enough to follow every question: both can be made again from the scorecard.
    write_atomically(out_dir / "report.html", render_page(card).encode("utf-8"), PRIVATE, synced=False)
    write_atomically(out_dir / "feedback.html", render_feedback(card).encode("utf-8"), synced=False)
    write_table([card], out_dir / "scores.csv", synced=False)


def write_record(record: Record, path: Path) -> None:
    """Write a record as JSON, for staff alone. Raises OSError."""
    write_atomically(path, _json_bytes(record), PRIVATE)


def write_refusal(text: str, out_dir: Path) -> None:
    """`results.json` for a submission that cannot be graded at all: no points, and the sentence that says why.
    Raises OSError."""
    results = {"score": 0, "output": clean_text(text), "output_format": "text", "tests": []}
    write_atomically(out_dir / "results.json", _json_bytes(results))


def scorecard_schema() -> dict[str, Any]:
    """The JSON schema of `scorecard.json`, from the record itself; `schemas/scorecard.schema.json` is its
    stored copy."""
    return _schema("scorecard.json", Scorecard)


def written_schema() -> dict[str, Any]:
    """The JSON schema of `written.json`, likewise."""
    return _schema("written.json", WrittenAnswers)


def _schema(title: str, record: type[Record]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **msgspec.json.schema(record),
    }


def _json_bytes(value: Any) -> bytes:
    return msgspec.json.format(encode(value), indent=2) + b"\n"


def encode(value: Any) -> bytes:
    """As JSON, in which a file's name or a student's text with bytes that are no text does no harm."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_encodable(msgspec.to_builtins(value)))


def _encodable(value: Any) -> Any:
    """Plain data whose strings UTF-8 can carry: no lone surrogates."""
    match value:
        case str():
            return replace_surrogates(value)
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
        case _:
            return value
