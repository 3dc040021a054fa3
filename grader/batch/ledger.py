"""What is known of a class so far: one SQLite file in the output folder, in which nothing is ever half written.

A result is filed under the submission's id, its check and a key that names everything the result rests on. Whoever
asks with another key gets nothing, so a changed check, a changed submission or a changed outcome of what a check builds
on is graded again, and nothing else is.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

import msgspec
from msgspec import structs

from grader.batch.jobs import Ended, Opened
from grader.errors import GraderError
from grader.records import CheckResult, HandedIn, Record
from grader.report.files import encode

LEDGER: Final = "ledger.sqlite"
R = TypeVar("R", bound=Record)

FORM: Final = 2  # of the tables; another one is not read

TABLES: Final = """
CREATE TABLE IF NOT EXISTS submissions (
    id TEXT PRIMARY KEY,
    place INTEGER NOT NULL,  -- in the class
    handed BLOB NOT NULL,  -- HandedIn
    source TEXT NOT NULL DEFAULT '',  -- digest of what was handed in
    why TEXT NOT NULL DEFAULT '',  -- it cannot be read
    opened BLOB,  -- Opened, of the last grading
    ended BLOB,  -- Ended, likewise
    reported INTEGER NOT NULL DEFAULT 0  -- whether its reports are written, and up to date
);
CREATE TABLE IF NOT EXISTS results (
    id TEXT NOT NULL,
    part TEXT NOT NULL,  -- of the assignment
    filed BLOB NOT NULL,  -- check -> Filed, packed and compressed
    PRIMARY KEY (id, part)
);
"""


class Filed(Record, frozen=True, array_like=True, omit_defaults=True):
    """A result as it lies in the ledger."""

    key: str
    result: CheckResult


class Known(NamedTuple):
    """A submission as it lies in the ledger."""

    handed: HandedIn
    source: str
    why: str
    opened: Opened | None
    ended: Ended | None
    reported: bool


class Ledger:
    """Raises GraderError when the file cannot be used, or another run uses it; what is wrong with it later, likewise,
    at the end of the `with`."""

    def __init__(self, out: Path, assignment: str) -> None:
        self.path = out / LEDGER
        try:
            out.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            self._base = sqlite3.connect(self.path, timeout=1.0, isolation_level=None)
        except (sqlite3.DatabaseError, OSError) as error:
            raise self._unusable(error) from None
        try:
            self._open(assignment)
        except BaseException:
            self.close()
            raise

    def _open(self, assignment: str) -> None:
        try:
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")  # before WAL, so that no other run can join
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute("BEGIN IMMEDIATE")
            self._check(assignment)
            self._base.executescript(TABLES)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                what = f"another run is at work in {self.path.parent}; wait for its end, or choose another --out"
                raise GraderError(what) from None
            raise self._unusable(error) from None
        except sqlite3.DatabaseError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> GraderError:
        return GraderError(f"{self.path} cannot be used: {error}; if it is damaged, move it away to start afresh")

    def _check(self, assignment: str) -> None:
        self._base.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        known = dict(self._base.execute("SELECT name, value FROM meta"))
        if known.get("form", str(FORM)) != str(FORM):
            raise GraderError(f"{self.path} was written by another version of torchgrade; choose another --out")
        if known.get("assignment", assignment) != assignment:
            raise GraderError(f"{self.path} is of assignment {known['assignment']!r}; choose another --out")
        self._base.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", [("form", str(FORM)), ("assignment", assignment)]
        )
        self._base.execute("COMMIT")

    def close(self) -> None:
        self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.DatabaseError):  # a full disk, or damage that only shows by and by
            raise self._unusable(error) from None

    # --- what is there ----------------------------------------------------------------------------

    def known(self, id_: str) -> Known:
        found = self._base.execute(
            "SELECT handed, source, why, opened, ended, reported FROM submissions WHERE id = ?", [id_]
        ).fetchone()
        handed, source, why, opened, ended, reported = found
        return Known(
            _decoded(handed, HandedIn),
            source,
            why,
            _decoded(opened, Opened) if opened else None,
            _decoded(ended, Ended) if ended else None,
            bool(reported),
        )

    def ids(self) -> list[str]:
        """Of the class, in its order."""
        return [id_ for (id_,) in self._base.execute("SELECT id FROM submissions ORDER BY place")]

    def results(self, id_: str) -> dict[str, Filed]:
        """By check."""
        rows = self._base.execute("SELECT filed FROM results WHERE id = ?", [id_])
        return {check: filed for (data,) in rows for check, filed in _unpacked(data).items()}

    # --- what comes in, a transaction each --------------------------------------------------------

    def note_class(self, entries: Sequence[HandedIn]) -> None:
        """This is the class now. What was known of submissions that are not in it any more is forgotten."""
        with self._transaction():
            known = dict(self._base.execute("SELECT id, handed FROM submissions"))
            for id_ in known.keys() - {entry.id for entry in entries}:
                for table in ("submissions", "results"):
                    self._base.execute(f"DELETE FROM {table} WHERE id = ?", [id_])
            for place, entry in enumerate(entries):
                handed = encode(entry)
                self._base.execute(
                    "INSERT INTO submissions (id, place, handed) VALUES (?, ?, ?) "
                    "ON CONFLICT (id) DO UPDATE SET place = excluded.place",
                    [entry.id, place, handed],
                )
                if known.get(entry.id, handed) != handed:  # its reports say so, too
                    self._base.execute(
                        "UPDATE submissions SET handed = ?, reported = 0 WHERE id = ?", [handed, entry.id]
                    )

    def note_shown(self, shown: str) -> None:
        """shown: digest of what reports hold beside results. When it is another one, all reports are written anew."""
        with self._transaction():
            before = self._base.execute("SELECT value FROM meta WHERE name = 'shown'").fetchone()
            if before != (shown,):
                self._base.execute("INSERT OR REPLACE INTO meta VALUES ('shown', ?)", [shown])
                self._base.execute("UPDATE submissions SET reported = 0")

    def note_source(self, id_: str, source: str) -> None:
        """What was handed in. A refusal, which held for what it was, is forgotten."""
        self._base.execute(
            "UPDATE submissions SET source = ?, why = '', reported = 0 WHERE id = ? AND source <> ?",
            [source, id_, source],
        )

    def note_refused(self, id_: str, why: str) -> None:
        self._base.execute("UPDATE submissions SET why = ?, reported = 0 WHERE id = ?", [why, id_])

    def note_opened(self, opened: Opened) -> None:
        self._base.execute("UPDATE submissions SET opened = ?, why = '' WHERE id = ?", [encode(opened), opened.id])

    def note_results(self, id_: str, part: str, results: Mapping[str, Filed], ended: Ended) -> None:
        """Results of one part, all of them or none, over those that were there, also in the part that a check belonged
        to before. ended: for the case that the job gets no further."""
        with self._transaction():
            rows = self._base.execute("SELECT part, filed FROM results WHERE id = ?", [id_]).fetchall()
            found = {place: _unpacked(data) for place, data in rows}
            after = {part: {**found.get(part, {}), **results}}
            for place, before in found.items():
                if place != part and before.keys() & results.keys():
                    after[place] = {check: filed for check, filed in before.items() if check not in results}
            rows = [(id_, place, _packed(filed)) for place, filed in after.items()]
            self._base.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows)
            self.note_ended(ended)

    def note_ended(self, ended: Ended) -> None:
        self._base.execute("UPDATE submissions SET ended = ?, reported = 0 WHERE id = ?", [encode(ended), ended.id])

    def note_reported(self, id_: str) -> None:
        """Its reports are written."""
        self._base.execute("UPDATE submissions SET reported = 1 WHERE id = ?", [id_])

    def forget(self, checks: Collection[str]) -> None:
        """The results of these checks, of all submissions, do not hold any more. How the checks ended stays known: what
        builds on them is judged again only when that changes."""
        with self._transaction():
            for id_, part, data in self._base.execute("SELECT id, part, filed FROM results").fetchall():
                found = _unpacked(data)
                lapsed = {check: structs.replace(filed, key="") for check, filed in found.items() if check in checks}
                if lapsed:
                    after = _packed({**found, **lapsed})
                    self._base.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", [id_, part, after])
                    self._base.execute("UPDATE submissions SET reported = 0 WHERE id = ?", [id_])

    def _transaction(self) -> sqlite3.Connection:
        self._base.execute("BEGIN IMMEDIATE")
        return self._base  # whose context ends it: COMMIT, or ROLLBACK after an exception


def _packed(results: Mapping[str, Filed]) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(results), level=1)


def _unpacked(data: bytes) -> dict[str, Filed]:
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=dict[str, Filed])
    except (zlib.error, msgspec.MsgspecError) as error:
        raise sqlite3.DatabaseError(f"a result is damaged ({error})") from None


def _decoded(data: bytes, kind: type[R]) -> R:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise sqlite3.DatabaseError(f"a record is damaged ({error})") from None
