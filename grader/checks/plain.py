"""Compare plain data: numbers, strings, lists, dicts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grader.checks.words import fail, kind_of
from grader.worker.wire import entries

REORDERED = 10_000  # entries of a list that is looked at for another order
SHOWN = 60  # characters of a student's own value that a message repeats


def equal(actual: object, expected: object, *, name: str, case: str = "") -> None:
    """Check plain data: None, bools, numbers, strings, lists (tuples), dicts, nested at will.

    Numpy scalars and arrays count as the numbers and lists they hold. A bool is not an int, and a float is
    not an int, but an int may stand for a float. Raises Verdict(FAILED) naming the first difference.
    """
    # Arrays become lists where they may be what is wanted: a reply may hold a hundred million entries.
    comparable = _entries(actual) <= 16 * _entries(expected) + 4096
    difference = _difference(_plain(actual) if comparable else actual, _plain(expected), name)
    if difference is not None:
        text, hidden_text = difference
        fail(
            text,
            hidden_text,
            case=case,
            staff=f"actual {_shown(actual, 900)}, expected {_shown(expected, 900)}",
            value=actual if isinstance(actual, np.ndarray) else _shown(actual, 900),
        )


def _entries(value: object) -> int:
    """How many numbers, strings and empty lists a value comes to when its arrays become lists."""
    match value:
        case np.ndarray():
            return entries(value.shape)
        case list() | tuple():
            return sum(map(_entries, value)) or 1
        case dict():
            return sum(map(_entries, value.values())) or 1
    return 1


def _plain(value: object) -> object:
    match value:
        case np.ndarray() | np.generic():
            return value.tolist()
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
    return value


def _shown(value: object, most: int = SHOWN) -> str:
    """The beginning of a value. Never all of it is written out: a reply may hold a hundred million entries."""
    if _entries(value) > most or isinstance(value, np.ndarray):
        return kind_of(value)
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"


def _difference(mine: object, right: object, at: str) -> tuple[str, str] | None:
    """(text, hidden text) of the first place that differs, or None."""
    if isinstance(right, float) and type(mine) is int:
        mine = float(mine)
    if type(mine) is not type(right):
        text = f"{at} is {kind_of(mine)}, wanted {kind_of(right)}"
        return text, text
    if isinstance(mine, dict) and isinstance(right, dict):
        if absent := right.keys() - mine.keys():
            return f"{at} has no key {_shown(min(absent, key=str))}", f"{at} lacks {len(absent)} of {len(right)} keys"
        if extra := mine.keys() - right.keys():
            return f"{at} has an extra key {_shown(min(extra, key=str))}", f"{at} has {len(extra)} keys too many"
        pairs = [(f"{at}[{_shown(key)}]", mine[key], right[key]) for key in right]
        return next((found for place, a, b in pairs if (found := _difference(a, b, place))), None)
    if isinstance(mine, list) and isinstance(right, list):
        return _list_difference(mine, right, at)
    if isinstance(mine, str) and isinstance(right, str) and mine != right:
        start = next((i for i, (a, b) in enumerate(zip(mine, right, strict=False)) if a != b), None)
        where = min(len(mine), len(right)) if start is None else start
        lengths = "" if len(mine) == len(right) else f"; it has {len(mine)} characters, wanted {len(right)}"
        hidden = f"{at} is another text from character {where} on{lengths}"
        return f"{hidden}: {_shown(mine)}", hidden
    both_nan = isinstance(mine, float) and isinstance(right, float) and math.isnan(mine) and math.isnan(right)
    return (
        None if mine == right or both_nan else (f"{at} is {_shown(mine)}, which is wrong", f"{at} is wrong")
    )


def _list_difference(mine: list[Any], right: list[Any], at: str) -> tuple[str, str] | None:
    pairs = enumerate(zip(mine, right, strict=False))
    found = next((d for i, (a, b) in pairs if (d := _difference(a, b, f"{at}[{i}]"))), None)
    if len(mine) != len(right):
        text = f"{at} has {len(mine)} items, wanted {len(right)}"
        if found is None:
            return f"{text}; the ones they share are right", f"{text}; the ones they share are right"
        return f"{text}; {found[0]}", f"{text}; {found[1]}"
    if found is None or len(mine) < 3 or _entries(mine) > REORDERED:
        return found
    if sorted(map(repr, mine)) != sorted(map(repr, right)):
        return found
    return (
        f"{found[0]}; these are the right items in another order",
        f"{found[1]}; these are the right items in another order",
    )
