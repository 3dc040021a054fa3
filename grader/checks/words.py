"""Words for values, places and failures, shared by all comparisons."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from grader.checks.fingerprint import fingerprint
from grader.checks.hypotheses.evidence import Diagnosis
from grader.errors import Verdict
from grader.records import Status


def kind_of(value: object) -> str:
    """What a value is, in a student's words: "a list of 3 items"."""
    match value:
        case None:
            return "None"
        case bool() | np.bool_():
            return "a bool"
        case int() | np.integer():
            return "an int"
        case float() | np.floating():
            return "a float"
        case complex() | np.complexfloating():
            return "a complex number"
        case str():
            return "a string"
        case list() | tuple():
            items = "1 item" if len(value) == 1 else f"{len(value)} items"
            return f"a {type(value).__name__} of {items}"
        case dict():
            return f"a dict with {len(value)} {'key' if len(value) == 1 else 'keys'}"
        case np.ndarray():
            return f"a tensor of shape {shape_text(value.shape)} and dtype {value.dtype}"
    return "an object that is no tensor, number, string, list or dict"


def shape_text(shape: tuple[int, ...], dims: tuple[str, ...] = ()) -> str:
    """(2, 5, 3), or (N, T, H) = (2, 5, 3) with names for the axes."""
    sizes = str(tuple(map(int, shape)))
    if not shape or not dims:
        return sizes
    return f"({', '.join(dims)}{',' if len(dims) == 1 else ''}) = {sizes}"


def place(name: str, index: tuple[int, ...], dims: tuple[str, ...]) -> str:
    """h[n=1, t=2, h=0]; the bare name for a scalar."""
    if not index:
        return name
    letters = [f"{d.lower()}=" for d in dims] or [""] * len(index)
    return f"{name}[{', '.join(f'{letter}{i}' for letter, i in zip(letters, index, strict=True))}]"


def span(wrong: NDArray[np.bool_], dims: tuple[str, ...]) -> str:
    """ ", all at t >= 1": the axes along which only some slices hold wrong entries."""
    if np.count_nonzero(wrong) < 2:
        return ""
    found: list[str] = []
    for i, size in enumerate(wrong.shape):
        hit = np.flatnonzero(wrong.any(axis=tuple(j for j in range(wrong.ndim) if j != i)))
        label = dims[i].lower() if dims else f"index of axis {i}"
        low, high = int(hit[0]), int(hit[-1])
        if hit.size == size or hit.size != high - low + 1:
            continue
        if low == high:
            found.append(f"{label} = {low}")
        elif high == size - 1:
            found.append(f"{label} >= {low}")
        elif low == 0:
            found.append(f"{label} <= {high}")
    return f", all at {', '.join(found)}" if found else ""


def fail(
    text: str,
    hidden_text: str | None = None,
    *,
    case: str,
    found: Diagnosis | None = None,
    staff: str = "",
    value: object = None,
) -> NoReturn:
    """Raise the verdict: the observation, the case in brackets, then the diagnosis. `value` is what was wrong."""
    hidden_text = text if hidden_text is None else hidden_text
    suffix = f" ({case})." if case else "."
    raise Verdict(
        Status.FAILED,
        f"{text}{suffix} {found.text}" if found else text + suffix,
        hidden_text=f"{hidden_text}{suffix} {found.hidden_text}" if found else hidden_text + suffix,
        staff=staff,
        cause=found.text if found else "",
        returned="" if value is None else fingerprint(value),
    )
