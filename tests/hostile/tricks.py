"""The tricks on disk: a folder each, whose first line says what it tries and how it must end.

    # reads the stored values by their path; secret failed; landlock, uid
    # ends the process at import; secret crashed; process; honest crashed

In order: what it tries; the check it is about (below p1) and the status that this check must get, or `unreadable` for
a submission that cannot be opened; what stops it, most often one of several walls; the status of the honest check in
the same file, if not `passed`. The first line is that of make.py, where there is one, or of attack.py.

What is tried against checks of speed stands in tests/e2e/test_speed.py: such a check repeats its calls, and every trick
here, in every environment, would wait for that.
"""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from typing import NamedTuple

from vault import HONEST

from grader.worker.sandbox import LAYERS

HERE = Path(__file__).parent / "tricks"
FAMILIES = ("reading", "forging", "lying", "exhausting", "leaving")
# What stops a trick without being a layer of the sandbox.
ALWAYS = (
    "process",  # what it looks for, or patches, is in another process
    "frames",  # the protocol: numbered requests, bounded replies
    "values",  # replies are rebuilt as plain arrays and compared by the parent
    "clock",  # the parent's
    "intake",
    "log",  # bounded
)
LINE = re.compile(
    r"# (?P<title>[^;]+); ((?P<check>\w+) (?P<status>\w+)|unreadable); (?P<walls>[\w, ]+)(; honest (?P<honest>\w+))?"
)


class Trick(NamedTuple):
    id: str  # family/name
    title: str
    check: str  # id of the check it is about; empty when the submission cannot be opened
    status: str
    walls: tuple[str, ...]
    honest: str  # status of p1.honest

    @property
    def folder(self) -> Path:
        return HERE / self.id


def load() -> list[Trick]:
    """All tricks by family and name. Raises ValueError for a first line that says too little."""
    return [_load(path) for family in FAMILIES for path in sorted((HERE / family).iterdir()) if path.is_dir()]


def _load(folder: Path) -> Trick:
    files = [folder / name for name in ("make.py", "attack.py") if (folder / name).exists()]
    first = files[0].read_text(encoding="utf-8").partition("\n")[0] if files else ""
    found = LINE.fullmatch(first)
    name = f"{folder.parent.name}/{folder.name}"
    if not found:
        raise ValueError(f"{name}: the first line is not `# what it tries; check status; walls`: {first!r}")
    walls = tuple(wall.strip() for wall in found["walls"].split(","))
    if unknown := set(walls) - {*LAYERS, *ALWAYS}:
        raise ValueError(f"{name}: there is no {', '.join(unknown)}")
    check = f"p1.{found['check']}" if found["check"] else ""
    return Trick(name, found["title"], check, found["status"] or "unreadable", walls, found["honest"] or "passed")


def hand_in(trick: Trick, known: str, place: Path) -> Path:
    """Writes the trick's submission into the new folder `place`; returns the folder or archive to be graded."""
    submission = place / "submission"
    shutil.copytree(trick.folder, submission, symlinks=True, ignore=shutil.ignore_patterns("make.py", "__pycache__"))
    (submission / "known.py").write_text(known)
    if not (submission / "honest.py").exists():
        (submission / "honest.py").write_text(HONEST)
    make = trick.folder / "make.py"
    if not make.exists():
        return submission
    made = runpy.run_path(str(make))["make"](submission, place)
    assert isinstance(made, Path)
    return made
