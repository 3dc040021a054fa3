"""Whether a class handed in work for another assignment of ours: told before anything is graded wrong."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import Final

from grader.errors import IntakeError
from grader.intake.archive import open_archive
from grader.intake.match import holds
from grader.lms import ClassExport
from grader.manifest import load_manifest
from grader.paths import Assignment, assignments
from grader.records import Manifest

LOOKED_AT: Final = 40  # submissions of a class, spread over all of it
STRAY: Final = 0.25  # of them: fewer are mistakes of single people, and each has a row that says so
NAMED: Final = 3  # in the sentence


def refuse_mixed(export: ClassExport, assignment: Assignment) -> None:
    """Raises IntakeError for a class of which more than a few submissions hold no file of this assignment, but some of
    another one."""
    own = load_manifest(assignment.manifest)
    others = [load_manifest(each.manifest) for each in assignments(assignment.root) if each.id != assignment.id]
    ids = [entry.id for entry in export.entries if not entry.problem]
    step = max(1, len(ids) // LOOKED_AT)
    looked_at = ids[::step]
    found: dict[str, list[str]] = defaultdict(list)
    for id_ in looked_at if others else ():
        with contextlib.suppress(IntakeError, OSError):  # a row of its own will say so
            if other := _whose(export, id_, own, others):
                found[other].append(id_)
    strays = [id_ for listed in found.values() for id_ in listed]
    if not strays or len(strays) <= STRAY * len(looked_at):
        return
    named = ", ".join(strays[:NAMED]) + (" …" if len(strays) > NAMED else "")
    count = f"{len(strays)} of {len(looked_at)} submissions" + (" looked at" if step > 1 else "")
    hold = f"{count} hold files of {' and '.join(sorted(found))} and none of {own.id} ({named})"
    raise IntakeError(f"{hold}; put each assignment's submissions into a folder of their own, and grade one at a time")


def _whose(export: ClassExport, id_: str, own: Manifest, others: list[Manifest]) -> str:
    """The other assignment whose files it holds; "" when it holds some of ours, or of none."""
    with open_archive(export.fetch(id_)) as archive:
        if holds(archive, own.submitted, any):
            return ""
        return next((manifest.id for manifest in others if holds(archive, manifest.submitted, any)), "")
