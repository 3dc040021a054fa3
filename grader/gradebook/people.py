"""Who in a gradebook is who in the submissions: by the surest thing that both say of a person, never by a guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from grader.gradebook.layout import Gradebook, Key, Seat, name_key, text_key
from grader.intake.archive import shown
from grader.records import Identity, Member


class Person(NamedTuple):
    """Somebody of one submission. submission: its index. keys: in key form, no key of which is empty."""

    submission: int
    label: str
    keys: dict[Key, frozenset[str]]

    @property
    def ids(self) -> frozenset[tuple[Key, str]]:
        """What tells this person from others of the same name."""
        return frozenset((key, value) for key, values in self.keys.items() if key != "name" for value in values)


class Matches(NamedTuple):
    """submissions: row -> indices of the submissions of the person there. unclear: row -> why nobody can tell.
    strangers: people of submissions who are in no row."""

    submissions: dict[int, set[int]]
    unclear: dict[int, str]
    strangers: list[Person]


def people_of(submission: int, identities: Sequence[Identity], team: Sequence[Member]) -> list[Person]:
    """The people of one submission. Who is in students.txt and on the platform is one person, if the number or else the
    name says so; a number of the platform's outdoes the typed one. A group without people is nobody."""
    people = []
    left = list(team)
    for identity in identities:
        same = [member for member in left if identity.sid and member.number == identity.sid] or [
            member for member in left if name_key(member.name) == name_key(identity.name)
        ]
        member = same[0] if len(same) == 1 else None
        if member:
            left.remove(member)
        person = _person(submission, identity, member)
        if person.keys:
            people.append(person)
    return people + [_person(submission, Identity(), member) for member in left]


def match(people: Sequence[Person], book: Gradebook) -> Matches:
    """Find everybody's row.

    The first level of the gradebook at which somebody is found decides, whatever the others say; a person whom the
    platform knows by another number than the row's (its own number, the first level) is not the one in that row. A name
    counts only where one row and one person have it, and makes no row unclear that somebody's id has found.
    """
    matches = Matches(defaultdict(set), {}, [])
    by_name: list[Person] = []
    rows = [_by_key(book.seats, level) for level in range(len(book.levels))]
    for person in people:
        for level in range(len(book.levels) - 1):
            if found := _fitting(person, book, rows[level], level):
                _settle(matches, person, found, len(found) == 1)
                break
        else:
            by_name.append(person)
    sure = {*matches.submissions, *matches.unclear}
    namesakes: defaultdict[str, list[Person]] = defaultdict(list)
    for person in people:
        for name in person.keys.get("name", ()):
            namesakes[name].append(person)
    for person in by_name:
        found = _fitting(person, book, rows[-1], len(rows) - 1)
        alone = len(found) == 1 and all(_is_one_person(namesakes[name]) for name in person.keys["name"])
        if found := found if alone else [seat for seat in found if seat.row not in sure]:
            _settle(matches, person, found, alone)
        else:
            matches.strangers.append(person)
    return matches


def _settle(matches: Matches, person: Person, found: Sequence[Seat], alone: bool) -> None:
    """Note the one row of this person, or that nobody can tell which it is."""
    if alone:
        matches.submissions[found[0].row].add(person.submission)
    else:
        reason = f"may be {person.label} or not, for others fit as well"
        matches.unclear.update((seat.row, reason) for seat in found)


def _fitting(person: Person, book: Gradebook, rows: dict[str, list[Seat]], level: int) -> list[Seat]:
    """The rows that say the same of this person at this level, and nothing else at the first."""
    values = sorted(person.keys.get(book.levels[level], ()))
    found = dict.fromkeys(seat for value in values for seat in rows.get(value, ()))
    own = person.keys.get(book.levels[0], frozenset())
    return [seat for seat in found if not own or not seat.keys[0] or seat.keys[0] in own]


def _person(submission: int, identity: Identity, member: Member | None) -> Person:
    number = identity.sid or (member.number if member else "")
    name = identity.name or (member.name if member else "")
    keys: dict[Key, set[str]] = {
        "canvas": {identity.canvas.strip()},
        "participant": {identity.participant.strip()},
        "account": {text_key(number), text_key(identity.email)},
        "email": {text_key(identity.email)},
        "number": {text_key(number)},
        "name": {name_key(name)},
    }
    also = number or identity.email or identity.participant or identity.canvas
    label = f"{shown(name, 80)} ({shown(also, 80)})" if name and also else shown(name or also, 80)
    return Person(submission, label, {key: frozenset(values - {""}) for key, values in keys.items() if values - {""}})


def _by_key(seats: Sequence[Seat], level: int) -> dict[str, list[Seat]]:
    found: dict[str, list[Seat]] = {}
    for seat in seats:
        if seat.keys[level]:
            found.setdefault(seat.keys[level], []).append(seat)
    return found


def _is_one_person(people: Sequence[Person]) -> bool:
    """Whether these people of one name are the same person, or get the same score anyway."""
    together = len({person.submission for person in people}) == 1
    return together or bool(frozenset.intersection(*(person.ids for person in people)))
