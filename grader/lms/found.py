"""What a reader of one platform's export found, before ids are given out."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.lms.tree import Where
from grader.records import Identity


@dataclass
class Found:
    """One submission: as `grader.records.HandedIn`, but for these.

    like: the id as one would like it. own: the export's own name of it, which no other has.
    where: its files; None when there are none, and `problem` says why.
    """

    like: str
    own: str
    where: Where | None
    people: tuple[Identity, ...] = ()
    handed_in_at: str = ""
    late_min: float | None = 0.0
    superseded: tuple[str, ...] = ()
    remarks: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass
class Class:
    """All of them. remarks: about the export as a whole."""

    found: list[Found] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
