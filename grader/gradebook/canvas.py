"""The gradebook that Canvas exports and imports (lib/gradebook_exporter.rb and gradebook_importer.rb in its source)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from grader.errors import GraderError
from grader.gradebook.layout import Gradebook, Key, Seat, decimal_mark, differ, name_key, number, text_key
from grader.gradebook.raw_table import RawTable
from grader.intake.archive import shown
from grader.report.gradescope import points_text

HEADINGS: Final = frozenset({
    "student", "lastname", "firstname", "id", "sis user id", "sis login id", "integration id", "root account",
    "section",
})  # fmt: skip
_LEVELS: Final[tuple[Key, ...]] = ("canvas", "account", "account", "name")
_ASSIGNMENT: Final = re.compile(r"(.*) \(([0-9]+)\)", re.DOTALL)
_KEPT: Final = {"ex": "is excused (EX)", "n/a": "is not assigned this (N/A)"}
_TEST_STUDENT: Final = name_key("Test Student")


def is_canvas(headings: Sequence[str]) -> bool:
    """Whether a table with these headings is Canvas's."""
    keys = {text_key(heading) for heading in headings}
    return "id" in keys and ("student" in keys or {"lastname", "firstname"} <= keys)


def canvas_gradebook(table: RawTable, column: str, max_score: float | None) -> Gradebook:
    """What a gradebook of Canvas says.

    column: an assignment's title, its id, or both as in the heading; "" takes the only one with `max_score` points.
    Raises GraderError when that leaves none or several, and when another number of points is possible there.
    """
    index = {text_key(heading): position for position, heading in reversed([*enumerate(table.headings)])}
    points_row = _points_row(table)
    assignments = [
        position
        for position, heading in enumerate(table.headings)
        if position > index.get("section", index["id"]) and _ASSIGNMENT.fullmatch(heading.strip())
    ]
    points = {position: table.value(points_row, position) if points_row else "" for position in assignments}
    chosen = _chosen(table, points, column, max_score)
    possible = number(points[chosen])
    if points[chosen] and max_score is not None and (possible is None or differ(possible, max_score)):
        raise GraderError(
            f"“{shown(table.headings[chosen])}” has {shown(points[chosen], 40)} points possible, and the submissions "
            f"were graded out of {points_text(max_score)}; set the assignment's points in Canvas and export again"
        )
    people = [
        row
        for row in range((points_row or 0) + 1, len(table.rows))
        if table.value(row, 0) or table.value(row, index["id"])
    ]
    scores = (table.value(row, position) for row in range(1, len(table.rows)) for position in assignments)
    return Gradebook(
        kind="Canvas",
        column=chosen,
        heading=table.headings[chosen].strip(),
        levels=_LEVELS,
        seats=tuple(_seat(table, row, index, chosen) for row in people),
        mark=decimal_mark(scores, table.delimiter),
    )


def _points_row(table: RawTable) -> int | None:
    """The row below the headings, or below the row that tells which assignments are posted by hand."""
    rows = range(1, min(3, len(table.rows)))
    return next((row for row in rows if text_key(table.value(row, 0)) == "points possible"), None)


def _chosen(table: RawTable, points: dict[int, str], column: str, max_score: float | None) -> int:
    """Which of the assignments' columns is meant."""
    if column:
        found = [position for position in points if text_key(column) in _names(table.headings[position])]
        wanted = f"is “{shown(column)}”"
    elif len(points) == 1:
        found, wanted = [*points], ""
    else:
        found = [
            position
            for position, text in points.items()
            if max_score is not None and (possible := number(text)) is not None and not differ(possible, max_score)
        ]
        wanted = "stands out" if max_score is None else f"has {points_text(max_score)} points possible"
    if len(found) == 1:
        return found[0]
    if not points:
        raise GraderError("the gradebook has no column of an assignment, “title (id)”; export it from Canvas again")
    which = "more than one assignment of the gradebook" if found else "no assignment of the gradebook"
    names = ", ".join(f"“{shown(table.headings[position].strip(), 80)}”" for position in found or points)
    raise GraderError(f"{which} {wanted}; name one of these by the id in its brackets: {names}")


def _names(heading: str) -> set[str]:
    found = _ASSIGNMENT.fullmatch(heading.strip())
    return {text_key(heading), *(text_key(part) for part in found.groups())} if found else set()


def _seat(table: RawTable, row: int, index: dict[str, int], chosen: int) -> Seat:
    if "student" in index:
        name = table.value(row, index["student"])
    else:
        name = f"{table.value(row, index['firstname'])} {table.value(row, index['lastname'])}".strip()
    ids = [table.value(row, index.get(heading)) for heading in ("id", "sis user id", "sis login id")]
    return Seat(
        row=row,
        label=f"{shown(name or 'somebody without a name', 80)} ({shown(next(filter(None, ids), 'no id'), 40)})",
        keys=(ids[0], text_key(ids[1]), text_key(ids[2]), name_key(name)),
        keep=_KEPT.get(table.value(row, chosen).casefold(), ""),
        real=name_key(name) != _TEST_STUDENT,
    )
