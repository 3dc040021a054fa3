"""Small classes that hand in the mini assignment, and what a batch makes of them: real processes, real files."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from commands import Place
from mini_assignment import EXTRAS, SOLUTION, write_files, write_mini
from msgspec import structs

from grader.batch.batch import Tally
from grader.batch.door import Options, Summary, grade_class
from grader.batch.jobs import Ended
from grader.batch.ledger import Filed, Ledger
from grader.paths import Assignment
from grader.records import Scorecard
from grader.report.files import WRITTEN

Handed = Mapping[str, str | bytes] | bytes  # the files of a folder, or an archive
Judged = set[tuple[str, str]]  # submission, check

RIGHT: Mapping[str, str | bytes] = {"solution.py": SOLUTION, "extras.py": EXTRAS}
STAMP_S = 1_000_000.0  # no check takes that long
_TIMES = re.compile(rb'"(?:seconds|cpu_s|execution_time)": [0-9.e+-]+')


class Graded(NamedTuple):
    summary: Summary
    tally: Tally

    @property
    def judged(self) -> int:
        return sum(self.tally.statuses.values())


class Class:
    """A repository with the mini assignment, a class beside it, and the folder for what comes out.

    handed: by id. changed: files of the repository.
    """

    def __init__(
        self, folder: Path, handed: Mapping[str, Handed], changed: Mapping[str, str | bytes] | None = None
    ) -> None:
        self.assignment = write_mini(folder / "repository", dict(changed or {}))
        self.source, self.out = folder / "class", folder / "out"
        for id_, files in handed.items():
            self.hand_in(id_, files)

    def hand_in(self, id_: str, files: Handed) -> None:
        hand_in(self.source, id_, files)

    def change(self, changed: Mapping[str, str | bytes]) -> None:
        """Files of the repository."""
        write_files(self.assignment.root, dict(changed))

    def grade(
        self, *, jobs: int = 1, progress: Callable[[Tally], None] = lambda tally: None, **options: object
    ) -> Graded:
        """`options`: those of `Options`, `gradebooks` and `column`."""
        return grade(self.assignment, self.source, self.out, jobs=jobs, progress=progress, **options)

    def cards(self) -> dict[str, Scorecard]:
        return cards(self.out)

    def stamp(self) -> None:
        """Marks everything that the ledger knows, so that `fresh` can tell what has been judged since."""
        with Ledger(self.out, self.assignment.id) as ledger:
            for id_ in ledger.ids():
                known = ledger.known(id_)
                ended = known.ended or Ended(id=id_)
                for check, found in ledger.results(id_).items():
                    stamped = structs.replace(found.result, seconds=STAMP_S)
                    part = check.partition(".")[0]
                    ledger.note_results(id_, part, {check: structs.replace(found, result=stamped)}, ended)
                if known.reported:
                    ledger.note_reported(id_)

    def fresh(self) -> Judged:
        return {place for place, found in filed(self.out).items() if found.result.seconds < STAMP_S}


def hand_in(source: Path, id_: str, files: Handed) -> None:
    """Files: a folder in place of the one that was there. Bytes: what lies at <id>.zip, whatever it is."""
    shutil.rmtree(source / id_, ignore_errors=True)
    source.mkdir(exist_ok=True)
    if isinstance(files, bytes):
        (source / f"{id_}.zip").write_bytes(files)
    else:
        (source / id_).mkdir()
        write_files(source / id_, dict(files))


def grade(
    assignment: Assignment,
    source: Path,
    out: Path,
    *,
    progress: Callable[[Tally], None] = lambda tally: None,
    gradebooks: Sequence[Path] = (),
    column: str = "",
    **options: object,
) -> Graded:
    """A batch in this process."""
    seen: list[Tally] = []

    def watch(tally: Tally) -> None:
        seen[:] = [tally]
        progress(tally)

    made = Options(**options)  # type: ignore[arg-type]
    summary = grade_class(assignment, source, out, made, gradebooks=gradebooks, column=column, progress=watch)
    return Graded(summary, seen[0])


def filed(out: Path) -> dict[tuple[str, str], Filed]:
    """Everything that the ledger knows, which must be readable."""
    with Ledger(out, "mini") as ledger:
        return {(id_, check): found for id_ in ledger.ids() for check, found in ledger.results(id_).items()}


def cards(out: Path) -> dict[str, Scorecard]:
    """The scorecards on disk, by submission."""
    found = {path.parent.name: path.read_bytes() for path in out.glob("*/scorecard.json")}
    return {id_: msgspec.json.decode(data, type=Scorecard) for id_, data in sorted(found.items())}


def reports(out: Path) -> dict[str, bytes]:
    """What machines read of a class, byte by byte, without times."""
    names = ("scorecard.json", "results.json", WRITTEN, "scores.csv")
    found = [path for name in names for path in (*out.glob(name), *out.glob(f"*/{name}"))]
    return {path.relative_to(out).as_posix(): _TIMES.sub(b"", path.read_bytes()) for path in sorted(found)}


def examiners() -> list[int]:
    """The examiners that this process has started."""
    return [pid for pid in _children() if b"grader.batch.examiner" in _read(pid, "cmdline")]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def batch_command(place: Place, source: Path, out: Path, *options: object) -> list[str]:
    """`grade.py batch` of a class, with two examiners."""
    command = ["batch", "mini", source, "--out", out, "--jobs", 2, *options]
    return [sys.executable, f"{place.root}/grade.py", *map(str, command)]


def _children() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _read(int(entry.name), "stat").rpartition(b") ")[2].split()
            if fields and int(fields[1]) == os.getpid() and fields[0] not in b"ZX":
                found.append(int(entry.name))
    return found


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""  # it has ended
