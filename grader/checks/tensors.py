"""Compare what a student's code returned with what is right, and say what is wrong with it.

Order of looking: type, shape, dtype, NaN and infinities, values. Every failure raises
`Verdict(Status.FAILED)`. Its text names the place by index and dimension, the size of the error and what
is allowed; its hidden text has the place and the diagnosis alone. Neither ever shows a right value, which
only staff see.

Values come from `worker.client`: numpy arrays, Python scalars, strings, lists, dicts, None, handles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grader.checks.diagnose import Diagnosis, diagnose
from grader.errors import Verdict
from grader.records import Status

Array = NDArray[Any]

TINY = 1e-10  # smallest scale of the ratio, so that zeros compare with zeros
NOTHING = Diagnosis(*["Does the function return something?"] * 2)
SHOWN = 60  # characters of a student's own value that a message repeats


# --- tolerance --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tolerance:
    """Entry-wise bound on |actual - expected|: ratio * scale + rtol * |expected| + atol.

    `scale` is one number for the whole tensor, max(|actual| + |expected|), but at least 1e-10.
    Made by `rel`, `within` or `EXACT`.
    """

    ratio: float = 0.0
    rtol: float = 0.0
    atol: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(x) and x >= 0 for x in (self.ratio, self.rtol, self.atol)):
            raise ValueError(f"a tolerance is finite and not negative: {self}")

    def scale(self, actual: Array, expected: Array) -> float:
        with np.errstate(over="ignore"):
            return max(float(np.max(np.abs(actual) + np.abs(expected), initial=0.0)), TINY)

    def allowed(self, actual: Array, expected: Array) -> Array:
        """The largest error that is forgiven, for each entry."""
        bound = self.atol + self.rtol * np.abs(expected)
        return np.asarray(bound + self.ratio * self.scale(actual, expected) if self.ratio else bound)

    def fits(self, actual: Array, expected: Array) -> bool:
        """Every entry is within tolerance; NaN and infinities never are."""
        error = np.abs(actual - expected)
        return bool(np.all((error <= self.allowed(actual, expected)) & np.isfinite(error)))

    def wrong(self, actual: Array, expected: Array) -> NDArray[np.bool_]:
        """The entries to blame once `fits` said no: a huge wrong entry must not excuse the smaller ones."""
        allowed = np.minimum(self.allowed(actual, expected), self.allowed(expected, expected))
        error = np.abs(actual - expected)
        return np.asarray(~((error <= allowed) & np.isfinite(error)))

    def describe(self) -> str:
        if self == EXACT:
            return "it must be exact"
        parts = [f"{bound:g}" for bound in (self.ratio, self.atol) if bound]
        parts += [f"{self.rtol:g} of the value"] if self.rtol else []
        return f"allowed {' + '.join(parts)}"


def rel(bound: float) -> Tolerance:
    """max|x - y| / max(max(|x| + |y|), 1e-10) <= bound: one ratio of two maxima for the whole tensor."""
    return Tolerance(ratio=bound)


def within(rtol: float, atol: float) -> Tolerance:
    """|x - y| <= atol + rtol * |y| for every entry, y being the expected one."""
    return Tolerance(rtol=rtol, atol=atol)


EXACT = Tolerance()


# --- words ------------------------------------------------------------------------------------------


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


def _where(wrong: NDArray[np.bool_], dims: tuple[str, ...]) -> str:
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


def _fail(
    text: str,
    hidden_text: str | None = None,
    *,
    case: str,
    found: Diagnosis | None = None,
    staff: str = "",
) -> NoReturn:
    """Raise the verdict: the observation, the case in brackets, then the diagnosis."""
    hidden_text = text if hidden_text is None else hidden_text
    suffix = f" ({case})." if case else "."
    if found is None:
        raise Verdict(Status.FAILED, text + suffix, hidden_text=hidden_text + suffix, staff=staff)
    raise Verdict(
        Status.FAILED,
        f"{text}{suffix} {found.text}",
        hidden_text=f"{hidden_text}{suffix} {found.hidden_text}",
        staff=staff,
    )


# --- tensors ----------------------------------------------------------------------------------------


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
    others = {text: np.asarray(value) for text, value in (alternatives or {}).items()}

    if mine.shape != right.shape:
        found = _diagnose(mine, right, tol, letters, others, factors)
        _fail(_shape_difference(mine.shape, right.shape, name, letters), case=case, found=found)
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
    rest = f"; {count} of {wrong.size} entries {differ}{_where(wrong, letters)}" if index else ""
    _fail(
        f"{at} {_error(mine[index], right[index], tol, tol.scale(x, y))}{rest}",
        f"{at} is wrong{rest}",
        case=case,
        found=_diagnose(x, y, tol, letters, others, factors, given),
        staff=f"{at}: actual {mine[index]!r}, expected {right[index]!r}",
    )


def _tensor(actual: object, name: str, case: str, *, scalar: bool) -> Array:
    numeric = isinstance(actual, np.ndarray | np.generic | bool | int | float | complex)
    value = np.asarray(actual) if numeric else None
    if value is not None and value.dtype.kind in "biufc":
        return value
    wanted = "a number" if scalar else "one tensor"
    if actual is None:
        _fail(f"{name} is None", case=case, found=NOTHING)
    _fail(f"{name} is {kind_of(actual)}, wanted {wanted}", case=case)


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
        _fail(f"{name} has dtype {mine}, wanted {words}", case=case)


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
            _fail(f"{name} is {'NaN' if nan else 'infinite'}, wanted a finite number", case=case)
        what = " and ".join(f"{n} {word}" for n, word in ((nan, "NaN"), (infinite, "infinite")) if n)
        first = place(name, tuple(map(int, np.argwhere(broken)[0])), dims)
        _fail(
            f"{name} has {what} among its {mine.size} entries where finite values are wanted;"
            f" the first is {first}{_where(broken, dims)}",
            case=case,
        )
    odd = ~given & ~((mine == right) | (np.isnan(mine) & np.isnan(right)))
    if odd.any():
        first = place(name, tuple(map(int, np.argwhere(odd)[0])), dims)
        count = (
            f"; so are {np.count_nonzero(odd)} of {odd.size} entries{_where(odd, dims)}" if mine.ndim else ""
        )
        _fail(f"{first} is wrong: it should not be an ordinary number there (masked out?){count}", case=case)
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


# --- plain data -------------------------------------------------------------------------------------


def equal(actual: object, expected: object, *, name: str, case: str = "") -> None:
    """Check plain data: None, bools, numbers, strings, lists (tuples), dicts, nested at will.

    Numpy scalars and arrays count as the numbers and lists they hold. A bool is not an int, and a float is
    not an int, but an int may stand for a float. Raises Verdict(FAILED) naming the first difference.
    """
    difference = _difference(_plain(actual), _plain(expected), name)
    if difference is not None:
        text, hidden_text = difference
        _fail(text, hidden_text, case=case, staff=f"actual {actual!r}, expected {expected!r}"[:2000])


def _plain(value: object) -> object:
    match value:
        case np.ndarray() | np.generic():
            return value.tolist()
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _difference(mine: object, right: object, at: str) -> tuple[str, str] | None:
    """(text, hidden text) of the first place that differs, or None."""
    if isinstance(right, float) and type(mine) is int:
        mine = float(mine)
    if type(mine) is not type(right):
        text = f"{at} is {kind_of(mine)}, wanted {kind_of(right)}"
        return text, text
    if isinstance(mine, dict) and isinstance(right, dict):
        for what, keys in (
            ("has no key", right.keys() - mine.keys()),
            ("has an extra key", mine.keys() - right.keys()),
        ):
            if keys:
                text = f"{at} {what} {_shown(min(keys, key=str))}"
                return text, text
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
    if found is None or len(mine) < 3 or sorted(map(repr, mine)) != sorted(map(repr, right)):
        return found
    return (
        f"{found[0]}; these are the right items in another order",
        f"{found[1]}; these are the right items in another order",
    )


def in_range(actual: object, low: float, high: float, *, name: str, case: str = "") -> float:
    """Check that a finite real scalar lies in [low, high] and return it. Infinite ends are open.

    Raises Verdict(FAILED).
    """
    value = _tensor(actual, name, case, scalar=True)
    if value.shape != ():
        _fail(f"{name} has shape {shape_text(value.shape)}, wanted a scalar", case=case)
    if value.dtype.kind in "bc":
        _fail(f"{name} is {kind_of(value[()])}, wanted a real number", case=case)
    number = float(value)
    if not math.isfinite(number):
        _fail(f"{name} is {'NaN' if math.isnan(number) else 'infinite'}, wanted a finite number", case=case)
    if not low <= number <= high:
        side = "small" if number < low else "large"
        ends = [f"at least {low:g}"] if low > -math.inf else []
        ends += [f"at most {high:g}"] if high < math.inf else []
        _fail(
            f"{name} is {number:.4g}, too {side}: wanted {' and '.join(ends)}",
            f"{name} is too {side}",
            case=case,
        )
    return number
