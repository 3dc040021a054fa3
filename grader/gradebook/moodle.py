"""Moodle's offline grading worksheet (mod/assign/gradingtable.php and feedback/offline in its source).

Headings are in the language of the teacher who downloaded it; some languages are known here.
"""

from __future__ import annotations

import re
from typing import Final

from grader.errors import GraderError
from grader.gradebook.layout import Gradebook, Key, Seat, decimal_mark, differ, name_key, number, text_key
from grader.gradebook.raw_table import RawTable
from grader.intake.archive import shown
from grader.report.gradescope import points_text

# English, German, French, Spanish, Italian, Portuguese, Dutch; several where editions of Moodle differ.
_GRADE: Final = frozenset({
    "grade", "bewertung", "note", "calificación", "valutazione", "voto", "nota", "avaliação", "cijfer", "beoordeling",
})  # fmt: skip
_MAXIMUM: Final = frozenset({
    "maximum grade", "maximum mark", "bestwertung", "maximale bewertung", "höchstbewertung", "note maximale",
    "calificación máxima", "valutazione massima", "voto massimo", "nota máxima", "avaliação máxima", "maximumcijfer",
    "maximale cijfer", "maximale beoordeling",
})  # fmt: skip
_CHANGEABLE: Final = frozenset({
    "grade can be changed", "bewertung kann geändert werden", "la note peut être modifiée", "note modifiable",
    "la calificación puede ser cambiada", "la calificación se puede cambiar", "la calificación puede cambiarse",
    "la valutazione può essere modificata", "la valutazione può essere cambiata", "il voto può essere modificato",
    "a nota pode ser alterada", "nota pode ser alterada", "a avaliação pode ser alterada",
    "cijfer kan gewijzigd worden", "cijfer kan worden gewijzigd", "beoordeling kan gewijzigd worden",
})  # fmt: skip
_YES: Final = frozenset({"yes", "ja", "oui", "sí", "si", "sì", "sim"})
_NAME: Final = frozenset({
    "full name", "vollständiger name", "nom complet", "nombre completo", "nome completo", "volledige naam",
})  # fmt: skip
_EMAIL: Final = frozenset({
    "email address", "email", "e-mail-adresse", "e-mail", "adresse de courriel", "courriel", "dirección de correo",
    "dirección email", "correo electrónico", "indirizzo email", "endereço de email", "endereço de e-mail",
    "e-mailadres",
})  # fmt: skip
_NUMBER: Final = frozenset({
    "id number", "id-nummer", "matrikelnummer", "numéro d'identification", "numéro d’identification", "número de id",
    "número id", "codice identificativo", "codice id", "número de identificação", "idnummer",
})  # fmt: skip
HEADINGS: Final = _GRADE | _MAXIMUM | _CHANGEABLE | _NAME | _EMAIL | _NUMBER

_LEVELS: Final[tuple[Key, ...]] = ("participant", "email", "number", "name")
_IDENTIFIER: Final = re.compile(r"([^0-9@]*[^0-9@\s])\s*([0-9]+)")


def identifier_column(table: RawTable) -> int | None:
    """The column of a worksheet's participants: the first that holds nothing but the same word and a number
    ("Participant 123"), in whatever language. None for a table that has no such column or no heading of a worksheet."""
    if not any(_found(table, headings) for headings in (_GRADE, _MAXIMUM, _CHANGEABLE)):
        return None
    for column in range(len(table.headings)):
        values = filter(None, (table.value(row, column) for row in range(1, len(table.rows))))
        found = [_IDENTIFIER.fullmatch(value) for value in values]
        if found and all(found) and len({match[1] for match in found if match}) == 1:
            return column
    return None


def moodle_worksheet(table: RawTable, identifier: int, column: str, max_score: float | None) -> Gradebook:
    """What a worksheet of Moodle says.

    identifier: index of the column of participants. column: the grade's heading, or "".
    Raises GraderError when headings are missing or in an unknown language, and when a maximum is not `max_score`.
    """
    grade = _needed(table, _GRADE, "Grade")
    maximum = _needed(table, _MAXIMUM, "Maximum Grade")
    changeable = _needed(table, _CHANGEABLE, "Grade can be changed")
    heading = table.headings[grade].strip()
    if column and text_key(column) != text_key(heading):
        raise GraderError(
            f"a worksheet of Moodle holds one assignment, whose scores stand under “{shown(heading)}” and not under "
            f"“{shown(column)}”; leave the column out"
        )
    people = [row for row in range(1, len(table.rows)) if table.value(row, identifier)]
    for text in {table.value(row, maximum) for row in people} - {""}:
        possible = number(text)
        if max_score is not None and (possible is None or differ(possible, max_score)):
            raise GraderError(
                f"the worksheet's maximum grade is {shown(text, 40)}, and the submissions were graded out of "
                f"{points_text(max_score)}; set the assignment's maximum grade in Moodle and download it again"
            )
    name, email, number_ = (_optional(table, headings) for headings in (_NAME, _EMAIL, _NUMBER))
    seats = []
    for row in people:
        participant = table.value(row, identifier)
        found = _IDENTIFIER.fullmatch(participant)
        who, address, id_number = (table.value(row, position) for position in (name, email, number_))
        label = f"{shown(who, 80)} ({shown(participant, 40)})" if who else shown(participant, 80)
        keys = (found[2] if found else "", text_key(address), text_key(id_number), name_key(who))
        locked = text_key(table.value(row, changeable)) not in _YES
        seats.append(Seat(row, label, keys, "has a grade that cannot be changed in Moodle" if locked else ""))
    cells = (table.value(row, position) for row in people for position in (grade, maximum))
    return Gradebook("Moodle", grade, heading, _LEVELS, tuple(seats), decimal_mark(cells, table.delimiter))


def _found(table: RawTable, headings: frozenset[str]) -> list[int]:
    return [position for position, heading in enumerate(table.headings) if text_key(heading) in headings]


def _needed(table: RawTable, headings: frozenset[str], english: str) -> int:
    found = _found(table, headings)
    if len(found) == 1:
        return found[0]
    count = "more than one" if found else "no"
    raise GraderError(
        f"the worksheet of Moodle has {count} column “{english}” among {shown_headings(table)}; download it again with "
        "your language in Moodle set to English, and with numbers and not a scale for grades"
    )


def _optional(table: RawTable, headings: frozenset[str]) -> int | None:
    found = _found(table, headings)
    return found[0] if len(found) == 1 else None


def shown_headings(table: RawTable) -> str:
    """A table's headings for a complaint."""
    return shown(", ".join(f"“{shown(heading.strip(), 40)}”" for heading in table.headings), 600)
