"""Gradescope's "Download submissions": folders, and `submission_metadata.yml`, which says whose they are.

The format is undocumented; this is what published parsers of it agree on. A key per active submission names its folder
(`submission_<id>`; in assignments for PDFs, a file); below it are `:submitters` (`:name`, `:sid`, `:email`; several for
a group), `:created_at` (UTC, without saying so), `:results`, and `:history`, earlier attempts with an `:id` each. Keys
are Ruby's symbols, or the same without a colon.

Rule for resubmissions: the active one is graded; the ids of the others go into `superseded`.

The file is read as a stream of YAML events, with PyYAML's safe loader. No object is made but texts, lists and
dictionaries of texts, so tags mean nothing, a number keeps its leading zeros (`012345` would be 5349 in YAML 1.1), and
what students' programs printed, which is nearly all of a large file, is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any, Final

import yaml

from grader.errors import IntakeError
from grader.intake.archive import MIB, EntryError, reading, shown
from grader.lms.found import Class, Found
from grader.lms.names import clean, suffix
from grader.lms.tree import Tree
from grader.records import Identity

METADATA: Final = "submission_metadata.yml"
MAX_METADATA: Final = 512 * MIB
MAX_PEOPLE, MAX_HISTORY = 50, 1000

_NESTED: Final = 20
_PASSED_OVER: Final = frozenset({"results"})
# Parsed in C where the package was built so, which is ten times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ID: Final = re.compile(r"(?:submission_)?(\d+)(?:\.pdf)?", re.IGNORECASE)
_CLOCK: Final = re.compile(r"(\d+):(\d{1,2}):(\d{1,2})(?:\.\d*)?")
_LATENESS: Final = ("lateness", "late")
_TRUE: Final = frozenset({"true", "yes", "late"})
_FALSE: Final = frozenset({"", "false", "no"})

Value = str | list["Value"] | dict[str, "Value"]


def recognises(tree: Tree) -> bool:
    """Whether the file with the metadata is there."""
    return METADATA in tree.items and not tree.items[METADATA].folder


def read(tree: Tree) -> Class:
    """Raises IntakeError when the file with the metadata cannot be read."""
    if fault := tree.items[METADATA].fault:
        raise IntakeError(f"{METADATA} cannot be used: {fault}")
    if tree.items[METADATA].size > MAX_METADATA:
        raise IntakeError(f"{METADATA} is larger than {MAX_METADATA // MIB} MiB")
    result = Class()
    listed: set[str] = set()
    try:
        with reading(METADATA, tree.name, "download the export again"), tree.open(METADATA) as file:
            for key, value in _submissions(file):
                if key in listed:
                    result.remarks.append(f"{METADATA} has {shown(key)} twice; the first was used")
                else:
                    listed.add(key)
                    result.found.append(_submission(tree, key, value))
    except EntryError as error:
        raise IntakeError(str(error)) from error
    for name, item in tree.items.items():
        if name in listed or name == METADATA:
            continue
        if item.folder:
            found = Found(like=_like(name), own=name, where=name)
            found.remarks.append(f"{METADATA} does not say whose it is")
            result.found.append(found)
        else:
            result.remarks.append(f"{shown(name)} was left out: {METADATA} does not name it")
    return result


def _submission(tree: Tree, key: str, value: Value) -> Found:
    fields = value if isinstance(value, dict) else {}
    found = Found(like=_like(key), own=key, where=None)
    item = tree.items.get(key)
    if key.casefold().endswith(".pdf"):
        found.problem = "it is a PDF, which holds no code that could be run"
    elif item is None:
        found.problem = f"{METADATA} names it, and it is not in the export; download the export again"
    elif not item.folder and not suffix(key):
        found.problem = f"{shown(key)} is neither a folder nor an archive"
    else:
        found.where = key
    found.people = tuple(filter(None, (_person(each) for each in _list(fields.get("submitters"))[:MAX_PEOPLE])))
    if not found.people:
        found.remarks.append("the export does not say who handed it in")
    found.handed_in_at = clean(_text(fields.get("created_at")))
    _set_lateness(found, fields)
    earlier = (each for each in _list(fields.get("history"))[:MAX_HISTORY] if isinstance(each, dict))
    ids = dict.fromkeys(clean(_text(each.get("id"))) for each in earlier)
    number = _ID.fullmatch(key)
    found.superseded = tuple(id_ for id_ in ids if id_ and not (number and number[1] == id_))
    if found.superseded:
        found.remarks.append(f"the last of {len(found.superseded) + 1} attempts, the active one, was taken")
    return found


def _like(key: str) -> str:
    number = _ID.fullmatch(key)
    return f"submission_{number[1]}" if number else key


def _person(value: Value) -> Identity | None:
    if not isinstance(value, dict):
        return None
    name, email, sid = (clean(_text(value.get(field))) for field in ("name", "email", "sid"))
    return Identity(name=name, email=email, sid=sid) if name or email or sid else None


def _set_lateness(found: Found, fields: dict[str, Value]) -> None:
    text = clean(next((_text(fields[name]) for name in _LATENESS if name in fields), ""))
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = map(int, clock.groups())
        found.late_min = round(60 * hours + minutes + seconds / 60, 2)
    elif text.casefold() in _TRUE:
        found.late_min = None
    elif text.casefold() not in _FALSE:
        found.remarks.append(f'its lateness "{shown(text, 40)}" is no H:M:S and was taken for none')


def _text(value: Value | None) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Value | None) -> list[Value]:
    return value if isinstance(value, list) else []


# --- YAML events -> texts, lists, dictionaries ------------------------------------------------------


def _submissions(file: IO[bytes]) -> Iterator[tuple[str, Value]]:
    """The pairs of the topmost mapping, one at a time."""
    try:
        events = _Events(file)
        if not isinstance(events.next(yaml.StreamStartEvent, yaml.DocumentStartEvent), yaml.MappingStartEvent):
            raise IntakeError(f"{METADATA} is no list of submissions; download the export again")
        yield from events.pairs(0)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise IntakeError(f"{METADATA} is damaged{line}; download the export again") from error


class _Events:
    """A stream of YAML events, and the values that they make up."""

    def __init__(self, file: IO[bytes]) -> None:
        self._events = yaml.parse(file, Loader=_LOADER)
        self._anchors: dict[str, Value] = {}  # Ruby writes a text or list that occurs again as a reference to the first

    def next(self, *passed_over: type) -> Any:
        event = next(self._events, None)
        while isinstance(event, passed_over):
            event = next(self._events, None)
        if event is None:
            raise yaml.YAMLError("it ends too early")
        return event

    def pairs(self, depth: int) -> Iterator[tuple[str, Value]]:
        """Of a mapping that has been begun; the first of equal keys counts."""
        while not isinstance(event := self.next(), yaml.MappingEndEvent):
            key = _text(self._value(event, depth)).removeprefix(":")
            if key in _PASSED_OVER:
                self._pass_over(self.next())
            else:
                yield key, self._value(self.next(), depth)

    def _value(self, event: Any, depth: int) -> Value:
        if isinstance(event, yaml.AliasEvent):
            return self._anchors.get(str(event.anchor), "")
        if depth == _NESTED:
            raise yaml.YAMLError("it is nested too deeply")
        value: Value
        if isinstance(event, yaml.MappingStartEvent):
            value = {}
            for key, inner in self.pairs(depth + 1):
                value.setdefault(key, inner)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(inner_event := self.next(), yaml.SequenceEndEvent):
                value.append(self._value(inner_event, depth + 1))
        else:
            value = "" if event.implicit[0] and event.value in ("~", "null", "Null", "NULL") else str(event.value)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _pass_over(self, event: Any) -> None:
        open_ = 0
        while True:
            open_ += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if open_ == 0:
                return
            event = self.next()
