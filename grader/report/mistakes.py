"""Which submissions of a class make the same mistake, and which hand in the same files."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from grader.records import NOT_FAILED, CheckScore
from grader.report.gradescope import clean_text

MAX_CAUSE = 300  # characters

_Key = tuple[str, str, str]  # check, what is the same, and this itself


class Mistake(NamedTuple):
    """What the members of a group have in common in one check."""

    check: str
    causes: tuple[str, ...]  # none where only the value is known to be the same
    same_value: bool  # they all return one and the same; else the cause alone is common


class Group(NamedTuple):
    """At least two submissions, by their places in the class, ascending."""

    members: tuple[int, ...]
    mistakes: tuple[Mistake, ...]


class Mistakes:
    """Collects what went wrong in which submission; a failed check leaves a few words behind and no card.

    In one check those belong together who return the same wrong value (`returned`) or err for the same likely cause
    (`cause`), directly or by way of others.
    """

    def __init__(self) -> None:
        self._parents: dict[_Key, _Key] = {}
        self._members: dict[_Key, array[int]] = {}

    def add(self, submission: int, checks: Iterable[CheckScore]) -> None:
        for check in checks:
            if check.status in NOT_FAILED:
                continue
            value, cause = (check.id, "value", check.returned), (check.id, "cause", check.cause)
            keys = [key for key in (value, cause) if key[2]]
            if not keys:
                continue
            for key in keys:
                self._parents.setdefault(key, key)
            self._members.setdefault(keys[0], array("I")).append(submission)
            self._parents[self._root(keys[0])] = self._root(keys[-1])

    def groups(self) -> list[Group]:
        """The largest first. Checks in which the very same submissions err together are one group."""
        together: dict[_Key, list[_Key]] = {}
        for key in self._parents:
            together.setdefault(self._root(key), []).append(key)
        found: dict[tuple[int, ...], list[Mistake]] = {}
        for keys in together.values():
            members = tuple(sorted(at for key in keys for at in self._members.get(key, ())))
            if len(members) > 1:
                found.setdefault(members, []).append(self._mistake(keys))
        groups = [Group(members, tuple(mistakes)) for members, mistakes in found.items()]
        return sorted(groups, key=lambda group: (-len(group.members), -len(group.mistakes), group.members))

    def _mistake(self, keys: list[_Key]) -> Mistake:
        causes = tuple(clean_text(text, MAX_CAUSE) for _check, what, text in keys if what == "cause")
        holding = [key for key in keys if key in self._members]
        return Mistake(keys[0][0], causes, same_value=len(holding) == 1 and holding[0][1] == "value")

    def _root(self, key: _Key) -> _Key:
        while (parent := self._parents[key]) != key:
            self._parents[key] = self._parents[parent]
            key = parent
        return key


class Copies:
    """Collects the digests of what was handed in."""

    def __init__(self) -> None:
        self._members: dict[str, list[int]] = {}

    def add(self, submission: int, digest: str) -> None:
        self._members.setdefault(digest, []).append(submission)

    def groups(self) -> list[tuple[int, ...]]:
        """Submissions with identical files, at least two each, the largest group first."""
        found = [tuple(members) for members in self._members.values() if len(members) > 1]
        return sorted(found, key=lambda members: (-len(members), members))
