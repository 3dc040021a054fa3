"""Compare what a student's code returned with what is right, and say what is wrong with it.

Order of looking: type, shape, dtype, NaN and infinities, values. Every failure raises
`Verdict(Status.FAILED)`. Its text names the place by index and dimension, the size of the error and what
is allowed; its hidden text has the place and the diagnosis alone. Neither ever shows a right value, which
only staff see.

Values come from `worker.client`: numpy arrays, Python scalars, strings, lists, dicts, None, handles.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grader.checks.diagnose import diagnose
from grader.checks.hypotheses.evidence import Diagnosis
from grader.checks.tolerance import EXACT, Array, Tolerance, lenient
from grader.checks.words import fail, kind_of, place, shape_text, span

NOTHING = Diagnosis(*["Does the function return something?"] * 2)


def close(
    actual: object,
    expected: ArrayLike,
    *,
    name: str,
    dims: str = "",
    tol: Tolerance,
    case: str = "",
    dtype: str | None = None,
    alternatives: Mapping[str, ArrayLike] | None = None,
    factors: Mapping[str, float] | None = None,
) -> None:
    """Check a tensor (or scalar) against the expected one. Nothing is broadcast.

    actual: as decoded from a worker; a Python or numpy scalar counts as a 0-d tensor.
    name: what the student calls it. case: when it was wrong, e.g. "with N=3, T=4".
    dims: names of the expected axes, e.g. "N T H"; messages index by them.
    dtype: "floating", "integer", "complex" or a numpy name such as "bool" or "int64" that `actual` must
        have. Without it real numbers of any kind compare, but a bool where floats are wanted does not.
    alternatives: sentence for the student -> the tensor which that mistake gives.
    factors: name -> value of factors that are easily forgotten, e.g. {"√M": 2.0}.
    NaN and infinities must stand where the expected tensor has them.
    Raises Verdict(FAILED); ValueError if `dims` does not fit `expected`.
    """
    right = np.asarray(expected)
    letters = tuple(dims.split())
    if letters and len(letters) != right.ndim:
        raise ValueError(f"{name}: dims {dims!r} does not fit the expected shape {right.shape}")
    mine = _tensor(actual, name, case, scalar=right.ndim == 0)
    tol = lenient(tol, mine.dtype, right.dtype)
    others = {text: np.asarray(value) for text, value in (alternatives or {}).items()}

    if mine.shape != right.shape:
        found = _diagnose(mine, right, tol, letters, others, factors)
        fail(_shape_difference(mine.shape, right.shape, name, letters), case=case, found=found, value=mine)
    _check_dtype(mine.dtype, right.dtype, dtype, name, case)
    given = _check_finite(mine, right, name, letters, case)
    x, y = (np.where(given, _numbers(a), 0) for a in (mine, right))
    whole = tol == EXACT and mine.dtype.kind in "biu" and right.dtype.kind in "biu"  # beyond 2**53 too
    with np.errstate(all="ignore"):  # far-off values may overflow; an infinite error never fits
        if np.array_equal(mine, right) if whole else tol.fits(x, y):
            return
        wrong = np.asarray(mine != right) if whole else tol.wrong(x, y)
        excess = np.where(wrong, 0 if whole else np.abs(x - y) - tol.allowed(y, y), -np.inf)
    index = tuple(map(int, np.unravel_index(int(np.argmax(excess)), x.shape)))
    at = place(name, index, letters)
    count = int(np.count_nonzero(wrong))
    differ = "differs" if count == 1 else "differ"
    rest = f"; {count} of {wrong.size} entries {differ}{span(wrong, letters)}" if index else ""
    fail(
        f"{at} {_error(mine[index], right[index], tol, tol.scale(x, y))}{rest}",
        f"{at} is wrong{rest}",
        case=case,
        found=_diagnose(x, y, tol, letters, others, factors, given),
        staff=f"{at}: actual {mine[index]!r}, expected {right[index]!r}",
        value=mine,
    )


def _tensor(actual: object, name: str, case: str, *, scalar: bool) -> Array:
    numeric = isinstance(actual, np.ndarray | np.generic | bool | int | float | complex)
    value = np.asarray(actual) if numeric else None
    if value is not None and value.dtype.kind in "biufc":
        return value
    wanted = "a number" if scalar else "one tensor"
    if actual is None:
        fail(f"{name} is None", case=case, found=NOTHING)
    fail(f"{name} is {kind_of(actual)}, wanted {wanted}", case=case)


def _numbers(values: Array) -> Array:
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def _diagnose(
    mine: Array,
    right: Array,
    tol: Tolerance,
    dims: tuple[str, ...],
    alternatives: Mapping[str, Array],
    factors: Mapping[str, float] | None,
    given: NDArray[np.bool_] | None = None,
) -> Diagnosis | None:
    """`diagnose` on real, finite numbers; entries that are not `given` (infinities) count as zero."""
    if not mine.size or not right.size:
        return None
    if mine.size > 16 * right.size + 4096:  # not worth the memory: a reply may be a hundred times too large
        return None
    x, y = _numbers(mine), _numbers(right)
    if "c" in x.dtype.kind + y.dtype.kind or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    others = {text: _numbers(a) for text, a in alternatives.items() if a.dtype.kind in "biuf"}
    if given is not None:
        others = {text: np.where(given, a, 0) if a.shape == y.shape else a for text, a in others.items()}
    return diagnose(x, y, tol=tol, dims=dims, alternatives=others, factors=factors)


def _shape_difference(mine: tuple[int, ...], right: tuple[int, ...], name: str, dims: tuple[str, ...]) -> str:
    moved: list[int] = []
    mine_dims: tuple[str, ...] = ()
    if sorted(mine) == sorted(right) and len(set(right)) == len(right):
        order = [right.index(n) for n in mine]
        moved = [i for i, j in enumerate(order) if i != j]
        mine_dims = tuple(dims[j] for j in order) if dims else ()
    has = f"{name} has shape {shape_text(mine, mine_dims)}" if mine else f"{name} is a scalar"
    text = f"{has}, wanted {shape_text(right, dims) if right else 'a scalar'}"
    if len(moved) == 2:
        return f"{text}: axes {moved[0]} and {moved[1]} look swapped"
    if [n for n in mine if n != 1] == [n for n in right if n != 1]:
        return f"{text}: an axis of length 1 is {'missing' if len(mine) < len(right) else 'too many'}"
    return text


def _check_dtype(mine: np.dtype[Any], right: np.dtype[Any], wanted: str | None, name: str, case: str) -> None:
    families = {
        "floating": ("f", "floating-point numbers"),
        "integer": ("iu", "integers"),
        "complex": ("c", "complex numbers"),
    }
    if wanted is None:
        kinds, words = "biuf", f"{right} or another real dtype"
        if right.kind == "c":
            kinds, words = families["complex"]
        elif right.kind == "f":
            kinds, words = "iuf", families["floating"][1]
        good = mine.kind in kinds
    elif wanted in families:
        kinds, words = families[wanted]
        good = mine.kind in kinds
    else:
        words = wanted
        good = mine == np.dtype(wanted)
    if not good:
        fail(f"{name} has dtype {mine}, wanted {words}", case=case, value=str(mine))


def _check_finite(
    mine: Array, right: Array, name: str, dims: tuple[str, ...], case: str
) -> NDArray[np.bool_]:
    """The mask of entries to compare as numbers: those where the expected value is finite."""
    given = np.asarray(np.isfinite(right))
    broken = given & ~np.isfinite(mine)
    if broken.any():
        nan = int(np.count_nonzero(broken & np.isnan(mine)))
        infinite = int(np.count_nonzero(broken)) - nan
        if not mine.ndim:
            fail(f"{name} is {'NaN' if nan else 'infinite'}, wanted a finite number", case=case)
        what = " and ".join(f"{n} {word}" for n, word in ((nan, "NaN"), (infinite, "infinite")) if n)
        first = place(name, tuple(map(int, np.argwhere(broken)[0])), dims)
        fail(
            f"{name} has {what} among its {mine.size} entries where finite values are wanted;"
            f" the first is {first}{span(broken, dims)}",
            case=case,
            value=mine,
        )
    odd = ~given & ~((mine == right) | (np.isnan(mine) & np.isnan(right)))
    if odd.any():
        first = place(name, tuple(map(int, np.argwhere(odd)[0])), dims)
        count = (
            f"; so are {np.count_nonzero(odd)} of {odd.size} entries{span(odd, dims)}" if mine.ndim else ""
        )
        fail(f"{first} is wrong: it should not be an ordinary number there (masked out?){count}", case=case)
    return given


def _error(mine: Any, right: Any, tol: Tolerance, scale: float) -> str:
    if mine.dtype.kind == "b" or right.dtype.kind == "b":
        return "is wrong"
    if mine.dtype.kind in "iu" and right.dtype.kind in "iu":
        error = f"is off by {abs(int(mine) - int(right))}"
        return error if tol == EXACT else f"{error} ({tol.describe()})"
    with np.errstate(all="ignore"):
        size = float(abs(mine.astype(np.complex128) - right))
    relative = f"relative error {size / scale:.1e}, " if tol.ratio else ""
    return f"is off by {size:.1e} ({relative}{tol.describe()})"


def tensor(actual: object, *, name: str, case: str = "") -> Array:
    """A returned value that must be one tensor, for a suite that computes with it. Raises Verdict(FAILED)."""
    return _tensor(actual, name, case, scalar=False)


def items(actual: object, names: Sequence[str], *, of: str, case: str = "") -> list[object]:
    """What a call returned, one object for each of `names`; tuples and lists within it are laid out in order.

    of: what was called. Raises Verdict(FAILED) when there are more or fewer.
    """
    found = list(itertools.islice(_leaves(actual), len(names) + 1))  # a reply may hold millions
    if len(found) != len(names):
        wanted = f"the {len(names)} items {', '.join(names)}" if len(names) > 1 else names[0]
        fail(f"{of} returned {kind_of(actual)}, wanted {wanted}", case=case)
    return found


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def floats(actual: object, *, name: str, shape: tuple[int, ...], dims: str = "", case: str = "") -> Array:
    """A returned value that must be a tensor of this shape with finite floats alone; in float64.

    For a suite that computes with it, or compares it with another value of the student's: there `close` would
    let NaN stand against NaN. dims: names of the axes, e.g. "N T H". Raises Verdict(FAILED).
    """
    value = _tensor(actual, name, case, scalar=not shape)
    letters = tuple(dims.split())
    if value.shape != shape:
        fail(_shape_difference(value.shape, shape, name, letters), case=case)
    _check_dtype(value.dtype, value.dtype, "floating", name, case)
    _check_finite(value, np.zeros(shape), name, letters, case)
    return value.astype(np.float64)


def in_range(actual: object, low: float, high: float, *, name: str, case: str = "") -> float:
    """Check that a finite real scalar lies in [low, high] and return it. Infinite ends are open.

    Raises Verdict(FAILED).
    """
    value = _tensor(actual, name, case, scalar=True)
    if value.shape != ():
        fail(f"{name} has shape {shape_text(value.shape)}, wanted a scalar", case=case)
    if value.dtype.kind in "bc":
        fail(f"{name} is {kind_of(value[()])}, wanted a real number", case=case)
    number = float(value)
    if not math.isfinite(number):
        fail(f"{name} is {'NaN' if math.isnan(number) else 'infinite'}, wanted a finite number", case=case)
    if not low <= number <= high:
        side = "small" if number < low else "large"
        ends = [f"at least {low:g}"] if low > -math.inf else []
        ends += [f"at most {high:g}"] if high < math.inf else []
        fail(
            f"{name} is {number:.4g}, too {side}: wanted {' and '.join(ends)}",
            f"{name} is too {side}",
            case=case,
            value=number,
        )
    return number
