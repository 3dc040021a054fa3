"""Comparison of tensors and plain data: what passes, what fails, and what the messages say."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.checks import EXACT, Tolerance, close, equal, floats, in_range, items, rel, within
from grader.errors import Verdict
from grader.records import Status

LOOSE = rel(1e-6)
RNG = np.random.default_rng(7)
H = RNG.normal(size=(2, 3, 5))


def failure(check: Callable[..., Any], *args: Any, **kwargs: Any) -> Verdict:
    with pytest.raises(Verdict) as caught:
        check(*args, **kwargs)
    assert caught.value.status is Status.FAILED
    return caught.value


def differs(actual: Any, expected: Any, **kwargs: Any) -> Verdict:
    return failure(close, actual, expected, **{"name": "h", "tol": LOOSE, **kwargs})


# --- tolerance --------------------------------------------------------------------------------------


def test_rel_is_a_ratio_of_two_maxima() -> None:
    """rel forgives an error on a small entry that is small beside the largest entry."""
    expected = np.array([1.0, 1e-9])
    close(np.array([1.0, 3e-9]), expected, name="h", tol=rel(1e-8))
    differs(np.array([1.0, 3e-9]), expected, tol=rel(1e-10))


def test_rel_bound_lies_where_the_formula_puts_it() -> None:
    """|x - y| / max(|x| + |y|) of 3 against 1 is exactly one half."""
    close(3.0, 1.0, name="h", tol=rel(0.5))
    differs(3.0, 1.0, tol=rel(0.499))


def test_rel_has_a_smallest_scale() -> None:
    """Zeros compare with almost zeros: the scale is never below 1e-10."""
    close(np.full(3, 1e-17), np.zeros(3), name="h", tol=rel(1e-6))
    differs(np.full(3, 1e-15), np.zeros(3))


def test_within_is_elementwise() -> None:
    """within compares each entry with its own bound, of which the expected value is the base."""
    expected = np.array([1.0, 1e-9])
    differs(np.array([1.0, 3e-9]), expected, tol=within(1e-3, 0.0))
    close(np.array([1.0, 3e-9]), expected, name="h", tol=within(1e-3, 1e-8))


@pytest.mark.parametrize("bound", [-1e-6, math.nan, math.inf])
def test_nonsense_tolerances_are_refused(bound: float) -> None:
    """A tolerance that would pass everything or nothing is the author's mistake."""
    with pytest.raises(ValueError, match="tolerance"):
        rel(bound)


def test_a_huge_value_never_excuses_itself() -> None:
    """Overflow in the measure itself counts as wrong."""
    verdict = differs(np.array([-1.7e308, 1.0, 2.0]), np.array([1.7e308, 1.0, 2.0]))
    assert str(verdict).startswith("h[0] ")
    differs(np.array([1.7e308, 1.0]), np.array([0.5, 1.0]))


finite = st.floats(-1e6, 1e6, allow_subnormal=False)
tensors = hnp.arrays(np.float64, hnp.array_shapes(min_dims=0, max_dims=4, max_side=4), elements=finite)
tolerances = st.sampled_from([LOOSE, within(1e-5, 1e-8), EXACT])


@given(tensors, tolerances)
def test_equal_tensors_pass(values: Any, tol: Tolerance) -> None:
    """A tensor is close to a copy of itself under every tolerance."""
    close(values.copy(), values, name="h", tol=tol)


@given(tensors, tolerances, st.data())
def test_one_changed_entry_fails(values: Any, tol: Tolerance, data: st.DataObject) -> None:
    """A single entry that is clearly off is found, and it is the one named."""
    index = data.draw(st.tuples(*(st.integers(0, n - 1) for n in values.shape)))
    changed = values.copy()
    changed[index] += 1 + np.abs(values).max()
    named = f"h[{', '.join(map(str, index))}]" if index else "h"
    assert str(differs(changed, values, tol=tol)).startswith(f"{named} is off by")


@given(tensors.filter(lambda values: values.size > 0))
def test_float32_of_the_right_answer_passes_a_float32_tolerance(values: Any) -> None:
    """Rounding to single precision stays within 1e-6 of the largest entry."""
    close(values.astype(np.float32), values, name="h", tol=LOOSE)


# --- type and shape ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (None, "h is None. Does the function return something?"),
        ((H, H), "h is a tuple of 2 items, wanted one tensor"),
        ([H], "h is a list of 1 item, wanted one tensor"),
        ("ok", "h is a string, wanted one tensor"),
        ({"h": H}, "h is a dict with 1 key, wanted one tensor"),
        (object(), "h is an object that is no tensor"),
        (10**400, "h is an int, wanted one tensor"),
        (np.array(["a"]), "h is a tensor of shape (1,) and dtype <U1, wanted one tensor"),
    ],
)
def test_wrong_types_are_named(actual: Any, words: str) -> None:
    """What is no tensor at all is described, never converted."""
    assert words in str(differs(actual, H))


def test_scalars_may_be_plain_numbers() -> None:
    """A Python float stands for a 0-d tensor, and a wrong one reads as a sentence."""
    close(2.5, np.array(2.5), name="loss", tol=EXACT)
    close(np.float32(2.5), 2.5, name="loss", tol=EXACT)
    text = str(differs(2.5, 2.0, name="loss", case="with N=3, T=4"))
    assert text == "loss is off by 5.0e-01 (relative error 1.1e-01, allowed 1e-06) (with N=3, T=4)."


def test_nothing_is_broadcast() -> None:
    """Shapes that numpy would stretch to fit are wrong."""
    assert "has shape (1,), wanted a scalar" in str(differs(np.array([2.0]), 2.0))
    assert "is a scalar, wanted (3,)" in str(differs(2.0, np.full(3, 2.0)))
    assert "an axis of length 1 is too many" in str(differs(np.ones((3, 1)), np.ones(3)))
    assert "an axis of length 1 is missing" in str(differs(np.ones(3), np.ones((1, 3))))


def test_swapped_axes_are_named_in_the_shape_message() -> None:
    """The shape message labels the student's axes too and says which look swapped."""
    text = str(differs(H.transpose(1, 0, 2) * 3.3, H, dims="N T H"))
    assert (
        text == "h has shape (T, N, H) = (3, 2, 5), wanted (N, T, H) = (2, 3, 5): axes 0 and 1 look swapped."
    )


def test_ambiguous_axes_are_not_labelled() -> None:
    """When two axes have one size, nobody can tell which of them moved."""
    text = str(differs(np.ones((2, 5, 2)), np.ones((2, 2, 5)), dims="N T H"))
    assert text.startswith("h has shape (2, 5, 2), wanted (N, T, H) = (2, 2, 5).")


def test_empty_tensors() -> None:
    """No entries are right entries, as long as the shape is right."""
    close(np.zeros((0, 3)), np.zeros((0, 3)), name="h", tol=LOOSE)
    differs(np.zeros((3, 0)), np.zeros((0, 3)))
    differs(np.zeros((0, 3)), np.ones((2, 3)))


def test_dims_must_fit_the_expected_tensor() -> None:
    """Names for another number of axes are the author's mistake, whatever the student returned."""
    with pytest.raises(ValueError, match="dims"):
        close(H, H, name="h", dims="N T", tol=LOOSE)


# --- dtype ------------------------------------------------------------------------------------------


def test_real_kinds_compare_freely_without_a_dtype() -> None:
    """float32, float64 and integers compare by value when the check asks for no dtype."""
    close(np.array([1, 2]), np.array([1.0, 2.0]), name="h", tol=EXACT)
    close(np.array([1.0, 2.0], np.float32), np.array([1, 2]), name="h", tol=EXACT)
    close(np.array([0, 1]), np.array([False, True]), name="h", tol=EXACT)


@pytest.mark.parametrize(
    ("actual", "expected", "dtype", "words"),
    [
        (np.array([True]), np.array([1.0]), None, "h has dtype bool, wanted floating-point numbers"),
        (np.array([1j]), np.array([1.0]), None, "h has dtype complex128, wanted floating-point numbers"),
        (np.array([1.0]), np.array([1j]), None, "h has dtype float64, wanted complex numbers"),
        (
            np.array([1 + 0j]),
            np.array([1]),
            None,
            "h has dtype complex128, wanted int64 or another real dtype",
        ),
        (np.array([1]), np.array([True]), "bool", "h has dtype int64, wanted bool"),
        (np.array([1.0]), np.array([1]), "int64", "h has dtype float64, wanted int64"),
        (np.array([1.0]), np.array([1]), "integer", "h has dtype float64, wanted integers"),
        (np.array([1]), np.array([1.0]), "floating", "h has dtype int64, wanted floating-point numbers"),
        (np.array([1.0], np.float32), np.array([1.0]), "float64", "h has dtype float32, wanted float64"),
    ],
)
def test_wrong_dtypes_are_named(actual: Any, expected: Any, dtype: str | None, words: str) -> None:
    """A dtype that is asked for, or a kind that cannot be meant, fails even if the numbers agree."""
    assert words in str(differs(actual, expected, dtype=dtype))


def test_right_dtypes_pass() -> None:
    """Families take every width, names only their own."""
    close(np.array([1.0], np.float16), np.array([1.0]), name="h", tol=EXACT, dtype="floating")
    close(np.array([1], np.int32), np.array([1]), name="h", tol=EXACT, dtype="integer")
    close(np.array([True]), np.array([True]), name="h", tol=EXACT, dtype="bool")
    close(np.array([1j]), np.array([1j]), name="h", tol=LOOSE, dtype="complex")


def test_integers_beyond_float_precision_are_compared_exactly() -> None:
    """2**53 and 2**53 + 1 are one float64 and two integers."""
    text = str(differs(np.array([2**53 + 1]), np.array([2**53]), tol=EXACT))
    assert text == "h[0] is off by 1; 1 of 1 entries differs."


def test_complex_values_are_compared() -> None:
    """Complex tensors compare by the modulus of the difference."""
    close(np.array([1 + 1j]), np.array([1 + 1j]), name="h", tol=LOOSE)
    assert "h[0] is off by 1.0e+00" in str(differs(np.array([1 + 2j, 0]), np.array([1 + 1j, 0])))


# --- NaN and infinities -----------------------------------------------------------------------------


def test_nan_and_infinities_are_counted_and_placed() -> None:
    """NaN is reported as NaN, with count and first place, not as a difference of nan."""
    broken = H.copy()
    broken[:, 1:, 2] = math.nan
    broken[1, 2, 2] = math.inf
    text = str(differs(broken, H, dims="N T H"))
    assert text == (
        "h has 3 NaN and 1 infinite among its 30 entries where finite values are wanted;"
        " the first is h[n=0, t=1, h=2], all at t >= 1, h = 2."
    )
    assert str(differs(math.nan, 1.0, name="loss")) == "loss is NaN, wanted a finite number."


def test_expected_infinities_and_nan_must_be_met() -> None:
    """A masked score of -inf is right where it is expected, and only there and with that sign."""
    masked = np.array([[0.5, -math.inf], [math.nan, 2.0]])
    close(masked.copy(), masked, name="scores", tol=EXACT)
    assert "scores[0, 1] is wrong" in str(
        differs(np.array([[0.5, math.inf], [math.nan, 2]]), masked, name="scores")
    )
    verdict = differs(np.array([[0.5, -1e9], [math.nan, 2]]), masked, name="scores", dims="T S")
    assert "scores[t=0, s=1] is wrong: it should not be an ordinary number" in str(verdict)
    assert "inf" not in str(verdict)
    assert "scores[1, 1] is off by" in str(
        differs(np.array([[0.5, -math.inf], [math.nan, 3]]), masked, name="scores")
    )


# --- values -----------------------------------------------------------------------------------------


def test_the_message_names_place_size_bound_and_extent() -> None:
    """One line says where the worst entry is, how far it is off, what was allowed and how much is wrong."""
    wrong = H.copy()
    wrong[:, 1:] += RNG.normal(size=(2, 2, 5))
    wrong[1, 2, 0] += 10
    text = str(differs(wrong, H, dims="N T H", case="with N=2, T=3"))
    pattern = r"h\[n=1, t=2, h=0\] is off by \S+e\+0\d \(relative error \S+, allowed 1e-06\); "
    assert re.match(pattern + r"20 of 30 entries differ, all at t >= 1 \(with N=2, T=3\)\.", text)


def test_bounds_of_elementwise_tolerances_are_spelled_out() -> None:
    """within shows both of its parts, EXACT says so."""
    assert "(allowed 1e-08 + 1e-05 of the value)" in str(differs(1.5, 1.0, tol=within(1e-5, 1e-8)))
    assert "(allowed 0.01)" in str(differs(1.5, 1.0, tol=within(0.0, 1e-2)))
    assert "(it must be exact)" in str(differs(1.5, 1.0, tol=EXACT))


def test_integers_name_the_first_wrong_entry() -> None:
    """For token ids the first wrong place says more than the largest difference."""
    words = np.array([[4, 5, 6, 7], [8, 9, 10, 11]])
    wrong = words.copy()
    wrong[0, 2], wrong[1, 3] = 5, 90
    text = str(differs(wrong, words, name="captions", dims="N T", tol=EXACT))
    assert text.startswith("captions[n=0, t=2] is off by 1; 2 of 8 entries differ, all at t >= 2.")


def test_bools_are_wrong_not_off_by_a_number() -> None:
    """A mask's entry is wrong or right."""
    text = str(differs(np.array([True, False]), np.array([True, True]), dims="T", tol=EXACT, dtype="bool"))
    assert text == "h[t=1] is wrong; 1 of 2 entries differs."


def test_staff_see_both_values() -> None:
    """Only the staff's text holds the expected value."""
    verdict = differs(2.625, 5.875, name="loss")
    assert "5.875" in verdict.staff
    assert "5.875" not in str(verdict) + verdict.hidden_text


# --- no leaks ---------------------------------------------------------------------------------------

MISTAKES: list[Callable[[Any, Any], Any]] = [
    lambda e, rng: e * rng.uniform(1.5, 9.5),
    lambda e, rng: e + rng.uniform(0.5, 9.5),
    lambda e, rng: -e,
    lambda e, rng: e / e.shape[-1],
    lambda e, rng: e[::-1],
    lambda e, rng: e.swapaxes(0, 1),
    lambda e, rng: np.concatenate([e[:, :1] * 0.3, e[:, :-1]], axis=1),
    lambda e, rng: e.astype(np.float32),
    lambda e, rng: e + rng.normal(size=e.shape),
    lambda e, rng: np.where(rng.random(e.shape) < 0.1, np.nan, e),
    lambda e, rng: np.where(np.arange(e.size).reshape(e.shape) == e.size - 2, e + 1, e),
    lambda e, rng: e[:, -1],
    lambda e, rng: e.sum(0),
    lambda e, rng: rng.permuted(e.ravel()).reshape(e.shape),
    lambda e, rng: e[..., rng.permutation(e.shape[-1])],
    lambda e, rng: np.exp(e),
]


@given(st.integers(0, 2**32 - 1), st.sampled_from(MISTAKES), st.booleans())
def test_hidden_texts_hold_no_numbers_but_indices_sizes_and_counts(
    seed: int, mistake: Any, named: bool
) -> None:
    """Whatever is wrong, the text of a hidden check has only integers that the shape explains."""
    rng = np.random.default_rng(seed)
    shape = tuple(map(int, rng.integers(2, 6, size=3)))
    expected = rng.normal(size=shape)
    try:
        close(mistake(expected, rng), expected, name="h", dims="N T H" if named else "", tol=rel(1e-12))
    except Verdict as verdict:
        numbers = re.findall(r"[-+]?\d[\d.]*(?:e[-+]?\d+)?", re.sub(r"b?float\d+", "", verdict.hidden_text))
        whole = [n.rstrip(".") for n in numbers]
        assert all(n.isdigit() and int(n) <= expected.size for n in whole), verdict.hidden_text


@given(st.integers(0, 2**32 - 1), st.sampled_from(MISTAKES))
def test_no_text_for_students_prints_an_expected_value(seed: int, mistake: Any) -> None:
    """No expected entry, at four digits, occurs in either text."""
    rng = np.random.default_rng(seed)
    expected = rng.uniform(11, 99, size=(3, 3, 4))
    try:
        close(mistake(expected, rng), expected, name="h", tol=rel(1e-12))
    except Verdict as verdict:
        shown = set(re.findall(r"\d+\.\d+", str(verdict) + verdict.hidden_text))
        assert not shown & {f"{v:.{d}f}" for v in expected.ravel() for d in range(1, 9)}


def test_plain_data_hides_the_expected_value_too() -> None:
    """equal shows the student's own value when visible, nothing when hidden, the expected one to staff."""
    verdict = failure(equal, [17, 23], [17, 42], name="words")
    assert str(verdict) == "words[1] is 23, which is wrong."
    assert verdict.hidden_text == "words[1] is wrong."
    assert "42" in verdict.staff


# --- plain data -------------------------------------------------------------------------------------


def test_equal_plain_data_passes() -> None:
    """Numpy scalars and arrays count as what they hold, tuples as lists."""
    equal(np.int64(3), 3, name="k")
    equal(np.array(3), 3, name="k")
    equal(np.array([1, 2]), [1, 2], name="k")
    equal((1, "a", None), [1, "a", None], name="k")
    equal({"a": np.float64(0.5), "b": [True]}, {"a": 0.5, "b": np.array([True])}, name="k")
    equal(3, 3.0, name="k")
    equal(math.nan, math.nan, name="k")


@pytest.mark.parametrize(
    ("actual", "expected", "words"),
    [
        (None, [1], "k is None, wanted a list of 1 item."),
        (1.0, 1, "k is a float, wanted an int."),
        (True, 1, "k is a bool, wanted an int."),
        ("3", 3, "k is a string, wanted an int."),
        ([1, 2], [1, 2, 3], "k has 2 items, wanted 3; the ones they share are right."),
        ([1, 5], [1, 2, 3], "k has 2 items, wanted 3; k[1] is 5, which is wrong."),
        ([3, 1, 2], [1, 2, 3], "k[0] is 3, which is wrong; these are the right items in another order."),
        ({"a": 1}, {"a": 1, "b": 2}, "k has no key 'b'."),
        ({"a": 1, "c": 2}, {"a": 1}, "k has an extra key 'c'."),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "k['a'][1]['b'] is 2, which is wrong."),
        ("a cat", "a dog", "k is another text from character 2 on: 'a cat'."),
        ("a do", "a dog", "k is another text from character 4 on; it has 4 characters, wanted 5: 'a do'."),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 5]], "k[1][1] is 4, which is wrong."),
    ],
)
def test_the_first_difference_of_plain_data_is_named(actual: Any, expected: Any, words: str) -> None:
    """The path of keys and positions leads to the first difference."""
    assert str(failure(equal, actual, expected, name="k")) == words


def test_long_values_are_cut() -> None:
    """A student's novel is not repeated in full."""
    assert len(str(failure(equal, "x" * 10_000, "y", name="k"))) < 200


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)


@given(json_like, json_like)
def test_equal_agrees_with_python(actual: Any, expected: Any) -> None:
    """Whatever passes is equal to Python's eyes, and every value passes against itself."""
    equal(actual, actual, name="k")
    try:
        equal(actual, expected, name="k")
    except Verdict:
        return
    assert repr(actual) == repr(expected) or actual == expected


# --- ranges -----------------------------------------------------------------------------------------


def test_in_range_returns_the_number() -> None:
    """Ends belong to the range, infinite ends are open."""
    assert in_range(np.array(2.0), 2.0, 2.11, name="loss") == 2.0
    assert in_range(1, -math.inf, 2.0, name="loss") == 1.0


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (3.0, "loss is 3, too large: wanted at least 0.5 and at most 2.5."),
        (0.25, "loss is 0.25, too small: wanted at least 0.5 and at most 2.5."),
        (math.nan, "loss is NaN, wanted a finite number."),
        (-math.inf, "loss is infinite, wanted a finite number."),
        (np.array([1.0]), "loss has shape (1,), wanted a scalar."),
        (True, "loss is a bool, wanted a real number."),
        (1 + 0j, "loss is a complex number, wanted a real number."),
        (None, "loss is None. Does the function return something?"),
        ("1", "loss is a string, wanted a number."),
    ],
)
def test_in_range_refuses(actual: Any, words: str) -> None:
    """Anything but a finite real scalar inside the range fails with a sentence."""
    assert str(failure(in_range, actual, 0.5, 2.5, name="loss")) == words


def test_in_range_hides_numbers() -> None:
    """A hidden check says on which side the value lies, not by how much."""
    verdict = failure(in_range, 3.0, 0.5, 2.5, name="loss", case="after 20 steps")
    assert verdict.hidden_text == "loss is too large (after 20 steps)."


# --- floats -------------------------------------------------------------------------------------------


def test_items_lays_out_what_is_nested() -> None:
    """items gives the leaves of nested tuples and lists, or the one value that is no tuple."""
    assert items((1, [2, (3,)]), ("output", "h", "c"), of="forward") == [1, 2, 3]
    assert items(4, ("h",), of="forward") == [4]


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (None, "forward returned None, wanted the 2 items h, c (N=1)."),
        ((1, (2, 3)), "forward returned a tuple of 2 items, wanted the 2 items h, c (N=1)."),
        ([], "forward returned a list of 0 items, wanted the 2 items h, c (N=1)."),
    ],
)
def test_items_refuses(actual: Any, words: str) -> None:
    """items says what was returned in place of what was wanted."""
    assert str(failure(items, actual, ("h", "c"), of="forward", case="N=1")) == words


def test_floats_gives_an_array_to_compute_with() -> None:
    """A tensor of floats of the wanted shape comes back in float64, a scalar too."""
    found = floats(np.ones((2, 3), np.float32), name="h", shape=(2, 3))
    assert found.dtype == np.float64 and found.tolist() == [[1.0] * 3] * 2
    assert floats(2.5, name="loss", shape=()).shape == ()


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (None, "h is None"),
        ("text", "h is a str"),
        (np.ones((3, 2)), "h has shape"),
        (np.ones((2, 3), np.int64), "int64"),
        (np.array([[1.0, 2.0, np.nan], [1.0, 2.0, 3.0]]), "nan"),
        (np.full((2, 3), np.inf), "inf"),
        (np.ones((2, 3), np.complex64), "complex64"),
    ],
)
def test_floats_refuses(actual: Any, words: str) -> None:
    """Whatever is no finite float tensor of that shape fails, in words."""
    assert words.lower() in str(failure(floats, actual, name="h", shape=(2, 3), dims="N H")).lower()
