"""Reports on disk: written whole or not at all, so that whatever ends a run leaves the last valid ones."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import msgspec

from grader.records import Scorecard
from grader.report.gradescope import clean_text, gradescope_results, replace_surrogates

REPORTS = ("results.json", "scorecard.json")


def write_atomically(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Put `content` at `path`; a reader sees the old file or the new one, never a part. Raises OSError."""
    # Not tempfile: its files are private to their owner, and these are for the platform's harness to read.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_reports(card: Scorecard, out_dir: Path) -> None:
    """Write `results.json` (for Gradescope) and `scorecard.json` (everything) into `out_dir`, which is made
    if need be. Raises OSError."""
    out_dir.mkdir(parents=True, exist_ok=True)
    write_atomically(out_dir / "scorecard.json", _json_bytes(card), mode=0o600)  # texts for staff are in it
    write_atomically(out_dir / "results.json", _json_bytes(gradescope_results(card)))


def write_refusal(text: str, out_dir: Path) -> None:
    """`results.json` for a submission that cannot be graded at all: no points, and the sentence that says why.
    Raises OSError."""
    results = {"score": 0, "output": clean_text(text), "output_format": "text", "tests": []}
    write_atomically(out_dir / "results.json", _json_bytes(results))


def scorecard_schema() -> dict[str, Any]:
    """The JSON schema of `scorecard.json`, from the record itself; `schemas/scorecard.schema.json` is its
    stored copy."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "scorecard.json",
        **msgspec.json.schema(Scorecard),
    }


def _json_bytes(value: Any) -> bytes:
    encoded = msgspec.json.encode(_encodable(msgspec.to_builtins(value)))
    return msgspec.json.format(encoded, indent=2) + b"\n"


def _encodable(value: Any) -> Any:
    """Plain data whose strings UTF-8 can carry: file names and student text may hold lone surrogates."""
    match value:
        case str():
            return replace_surrogates(value)
        case dict():
            return {_encodable(key): _encodable(item) for key, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
        case _:
            return value
