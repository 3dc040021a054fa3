"""What the kinds of gradebooks share: rows that are people, one column of scores, numbers as people write them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

# What a column says of a person. An account is a name to log in with or a university's number: either may be an e-mail.
Key = Literal["canvas", "participant", "account", "email", "number", "name"]

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)")
_GROUPED: Final = re.compile(r"([0-9]{1,3}(?:([.,])[0-9]{3})+)(?!\2)[.,]([0-9]+)")
# Three digits after the only mark may as well be thousands.
_DECIMALS: Final = re.compile(r"[0-9.,]*([.,])(?:[0-9]{1,2}|[0-9]{4,})")
_ACCENTS: Final = re.compile("[\u0300-\u036f]")


class Seat(NamedTuple):
    """One row that is a person.

    row: index in the table. label: who it is, for people. keys: what each level of the gradebook says, in key form.
    keep: why the score in this row must not be changed; "" when it may be.
    real: False for a platform's own invention, a test student, whom nobody misses.
    """

    row: int
    label: str
    keys: tuple[str, ...]
    keep: str = ""
    real: bool = True


class Gradebook(NamedTuple):
    """kind: for people. column: index of the scores, which stand under `heading`. levels: by which keys people are
    known, the surest first and the name last. mark: the decimal mark."""

    kind: str
    column: int
    heading: str
    levels: tuple[Key, ...]
    seats: tuple[Seat, ...]
    mark: str


def text_key(text: str) -> str:
    """A heading, an account or an e-mail without what does not matter in it: case, normal form, blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split()).casefold()


def name_key(text: str) -> str:
    """A name as its words in the order in which one is called, without case, Latin accents and punctuation.

    "Curie, Marie" and "Marie Curie" are the same. Words that are swapped without a comma are another name.
    """
    last, comma, first = text.partition(",")
    if comma and "," not in first:
        text = f"{first} {last}"
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return " ".join("".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in plain).split())


def number(text: str) -> float | None:
    """What "38", "38.50", "38,5", "-1" or "1.038,50" says; None for what is no number."""
    text = text.strip()
    if found := _GROUPED.fullmatch(text):
        return float(f"{re.sub('[.,]', '', found[1])}.{found[3]}")
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def decimal_mark(cells: Iterable[str], delimiter: str) -> str:
    """The decimal mark of most of these cells. Where none has decimals, semicolons between columns tell of commas."""
    found = Counter(match[1] for cell in cells if (match := _DECIMALS.fullmatch(cell.strip())))
    if found["."] == found[","]:
        return "," if delimiter == ";" else "."
    return max(found, key=lambda mark: found[mark])


def differ(first: float, second: float) -> bool:
    """Whether two numbers of points are not the same in two decimals."""
    return abs(first - second) > 0.005
