"""Diagnoses: each is triggered by a typical wrong solution, and silent where it would guess."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grader.checks import EXACT, Tolerance, rel, within
from grader.checks.diagnose import diagnose
from grader.checks.hypotheses.evidence import Diagnosis

TOL = rel(1e-7)
RNG = np.random.default_rng(11)


# --- small realistic functions ----------------------------------------------------------------------


def rnn(x: Any, h: Any, wx: Any, wh: Any, b: Any) -> Any:
    """x (N,T,D), h (N,H) -> (N,T,H)."""
    steps = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ wx + h @ wh + b)
        steps.append(h)
    return np.stack(steps, axis=1)


def softmax(scores: Any, axis: Any = -1) -> Any:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum(axis=axis, keepdims=True)


def layer_norm(x: Any, eps: float = 1e-5) -> Any:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)


N, T, D, H, S, V = 3, 4, 6, 5, 7, 8
ARGS = [RNG.normal(size=s) for s in ((N, T, D), (N, H), (D, H), (H, H), (H,))]
X, H0, WX, WH, B = ARGS
RNN = rnn(*ARGS)
SCORES = RNG.normal(size=(N, T, S))
WEIGHTS = softmax(SCORES)
NORMED = layer_norm(X)
GATES = RNG.normal(size=(N, 4 * H))  # input, forget, output, candidate
HEADS = RNG.normal(size=(N, T, 2, H))
LOGITS = RNG.normal(size=(N, T, V))
CAUSAL = np.triu(np.ones((T, T)), 1)
WORDS = np.array([[5, 5, 0, 3, 0, 3], [1, 4, 0, 3, 5, 2], [5, 0, 5, 0, 2, 6]], float)


def blocks(gates: Any, order: list[int]) -> Any:
    return gates.reshape(N, 4, H)[:, order].reshape(N, 4 * H)


def late(steps: Any, start: Any) -> Any:
    return np.concatenate([np.broadcast_to(start, steps[:, :1].shape), steps[:, :-1]], axis=1)


def edited(tensor: Any, at: Any, value: Any) -> Any:
    copy = np.array(tensor)
    copy[at] = value
    return copy


def found(
    actual: Any,
    expected: Any,
    dims: str = "",
    tol: Tolerance = TOL,
    alternatives: dict[str, Any] | None = None,
    factors: dict[str, float] | None = None,
) -> Diagnosis | None:
    named = {sentence: np.asarray(a) for sentence, a in (alternatives or {}).items()}
    mine, right = (np.asarray(a, dtype=np.float64) for a in (actual, expected))
    return diagnose(mine, right, tol=tol, dims=tuple(dims.split()), alternatives=named, factors=factors)


def text(actual: Any, expected: Any, dims: str = "", tol: Tolerance = TOL, **kwargs: Any) -> str:
    diagnosis = found(actual, expected, dims, tol, **kwargs)
    return diagnosis.text if diagnosis else ""


# --- what each wrong solution is told ---------------------------------------------------------------

WRONG: dict[str, tuple[Any, Any, str, str]] = {
    "nothing written": (np.zeros_like(RNN), RNN, "N T H", "Every entry is zero"),
    "one value": (np.full_like(RNN, 0.3), RNN, "N T H", "Every entry has the same value"),
    "mask inverted": (1 - CAUSAL, CAUSAL, "T S", "the mask is inverted"),
    "sign": (-RNN, RNN, "N T H", "The sign is flipped"),
    "mean over time": (RNN / T, RNN, "N T H", "divided by T (a mean where a sum is wanted?)"),
    "sum over a batch": (RNN * N, RNN, "N T H", "times N (a sum where a mean is wanted?)"),
    "mean over everything": (RNN / RNN.size, RNN, "N T H", "divided by the number of entries"),
    "twice": (RNN * 2, RNN, "", "times two"),
    "unscaled": (RNN * math.sqrt(H), RNN, "N T H", "times the square root of H"),
    "unnamed axis": (RNN / T, RNN, "", "divided by the size of axis 1"),
    "constant factor": (RNN * 1.7, RNN, "N T H", "times the constant 1.7."),
    "constant offset": (RNN + 0.25, RNN, "N T H", "off by the same constant, +0.25"),
    "batch first": (RNN.swapaxes(0, 1), RNN, "N T H", "n (axis 0) and t (axis 1) are swapped"),
    "square transpose": (WH.T, WH, "", "axis 0 and axis 1 are swapped"),
    "three axes": (RNN.transpose(2, 0, 1), RNN, "N T H", "put in the order (1, 2, 0)"),
    "reshape": (RNN.swapaxes(0, 1).reshape(RNN.shape), RNN, "N T H", "a reshape or view where a transpose"),
    "reshape, other shape": (RNN.reshape(N, H, T).swapaxes(0, 1), RNN, "N T H", "in another order"),
    "merged heads": (HEADS.swapaxes(1, 2).reshape(N, T, -1), HEADS.reshape(N, T, -1), "N T M", "in another order"),
    "flattened": (RNN.reshape(N * T, H), RNN, "N T H", "only the shape is not"),
    "extra axis": (RNN[:, None], RNN, "N T H", "only the shape is not"),
    "reversed time": (RNN[:, ::-1], RNN, "N T H", "The order along t (axis 1) is reversed"),
    "starts with h0": (late(RNN, H0[:, None]), RNN, "N T H", "Along t (axis 1) everything comes one step too late"),
    "start token kept": (late(WORDS, 1.0), WORDS, "N T", "one step too late: t = 0 holds something else"),
    "starts too early": (np.roll(edited(RNN, np.s_[:, 0], 9.0), -1, 1), RNN, "N T H", "one step too early"),
    "gates i f g o": (blocks(GATES, [0, 1, 3, 2]), GATES, "N G", "The 4 equal blocks along g (axis 1) are right"),
    "gate order": (blocks(GATES, [3, 0, 1, 2]), GATES, "N G", "in the order [3, 0, 1, 2]"),
    "halves": (np.roll(GATES, 2 * H, 1), GATES, "N G", "The 2 equal blocks"),
    "shuffled batch": (RNN[[2, 0, 1]], RNN, "N T H", "The 3 slices along n (axis 0) are right, but in another order"),
    "softmax over queries": (softmax(SCORES, 1), WEIGHTS, "N T S", "over t (axis 1), but should over s (axis 2)"),
    "softmax over all": (softmax(SCORES, (1, 2)), WEIGHTS, "N T S", "over t (axis 1) and s (axis 2), but should"),
    "no softmax": (np.exp(SCORES), WEIGHTS, "N T S", "do not sum to one over s (axis 2)"),
    "no recurrence": (rnn(X, H0, WX, 0 * WH, B) * 0 + np.concatenate([RNN[:, :1], np.tanh(X[:, 1:] @ WX)], 1),
                      RNN, "N T H", "Only t = 0 is right; what comes after it is wrong"),
    "wrong after two": (edited(RNN, np.s_[:, 2:], RNG.normal(size=(N, 2, H))), RNN, "N T H", "right up to t = 1,"),
    "last step only": (edited(RNN, np.s_[:, :-1], RNG.normal(size=(N, T - 1, H))), RNN, "N T H",
                       "Only the last one, t = 3, is right"),
    "first item only": (edited(RNN, np.s_[1:], RNG.normal(size=(N - 1, T, H))), RNN, "N T H", "Only n = 0 is right"),
    "unnamed first": (edited(RNN, np.s_[:, 1:], RNG.normal(size=(N, T - 1, H))), RNN, "", "Only index 0 of axis 1"),
    "one item for all": (np.repeat(RNN[:1], N, 0), RNN, "N T H", "repeats the first one, which is right"),
    "other item for all": (np.repeat(RNN[1:2] * 1.1, N, 0), RNN, "N T H", "repeats the first one, which is wrong too"),
    "float32": (rnn(*(a.astype(np.float32) for a in ARGS)), RNN, "N T H", "single precision (float32)"),
    "float16": (NORMED.astype(np.float16), NORMED, "N T D", "half precision (float16)"),
    "one edge": (edited(LOGITS, (1, 2, 3), 9.0), LOGITS, "N T V", "special about this one"),
    "two edges": (edited(LOGITS, np.s_[1, 2, 3:5], 9.0), LOGITS, "N T V", "special about [1, 2, 3], [1, 2, 4]"),
    "returns last step": (RNN[:, -1], RNN, "N T H", "only the last slice of the right tensor along t (axis 1)"),
    "returns first step": (RNN[:, :1], RNN, "N T H", "only the first slice of the right tensor along t (axis 1)"),
    "keeps h0": (np.concatenate([H0[:, None], RNN], 1), RNN, "N T H", "first entry along t (axis 1) is one too many"),
    "drops the end": (RNN[:, :-1], RNN, "N T H", "The last entry along t (axis 1) is missing"),
    "not summed": (X, X.sum(0), "T D", "once they are summed over axis 0"),
    "not averaged": (X, X.mean(1), "N D", "once they are averaged over axis 1"),
    "summed": (X.sum(1), X, "N T D", "This is the sum of the right tensor over t (axis 1)"),
    "averaged": (X.mean(0), X, "N T D", "This is the mean of the right tensor over n (axis 0)"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", WRONG)
def test_a_wrong_solution_is_recognised(mistake: str) -> None:
    """The diagnosis says what a person who knows the mistake would say."""
    actual, expected, dims, words = WRONG[mistake]
    tol = rel(1e-9) if "float" in mistake else TOL
    assert words in text(actual, expected, dims, tol)


@pytest.mark.parametrize("mistake", [mistake for mistake in WRONG if mistake != "no softmax"])
def test_a_near_miss_is_not_reported(mistake: str) -> None:
    """The same solution with a second, small mistake no longer fits, and nothing is claimed of it."""
    actual, expected, dims, words = WRONG[mistake]
    noise = 1e-2 * np.random.default_rng(5).normal(size=np.shape(actual))
    assert words not in text(actual + noise, expected, dims)


# --- caller's hints ---------------------------------------------------------------------------------


def test_alternatives_come_first() -> None:
    """A mistake that the author names wins over the generic explanation of the same numbers."""
    unmasked = {"The causal mask is missing: a step looks at later steps.": softmax(SCORES)}
    masked = softmax(np.where(np.arange(S) > np.arange(T)[:, None], -1e30, SCORES))
    assert text(softmax(SCORES), masked, alternatives=unmasked) == next(iter(unmasked))
    assert text(-RNN, RNN, alternatives={"Negative log is missing.": -RNN}) == "Negative log is missing."


def test_alternatives_may_be_scalars_or_of_another_shape() -> None:
    """A named mistake needs no further evidence."""
    assert text(3.5, 2.5, alternatives={"Padding is counted.": 3.5}) == "Padding is counted."
    assert text(RNN[0], RNN, alternatives={"The batch is lost.": RNN[0]}) == "The batch is lost."


def test_an_alternative_equal_to_the_right_answer_says_nothing() -> None:
    """On data where the mistake makes no difference it is not blamed."""
    assert found(RNN + RNG.normal(size=RNN.shape), RNN, alternatives={"No.": RNN}) is None
    nearly = RNN + 3e-7 * RNG.normal(size=RNN.shape)
    assert "No." not in text(nearly, RNN, alternatives={"No.": RNN})


@pytest.mark.parametrize(
    ("actual", "words"), [(10 * 2.5, "times the batch size N"), (2.5 / 10, "divided by the batch size N")]
)
def test_named_factors_explain_scalars(actual: float, words: str) -> None:
    """A single loss is enough for a factor that the author has named, in both directions."""
    assert words in text(actual, 2.5, factors={"the batch size N": 10.0})
    assert found(actual * 1.01, 2.5, factors={"the batch size N": 10.0}) is None


def test_named_factors_win_over_the_usual_ones() -> None:
    """√M = 2 is called √M, not two."""
    assert "times √M" in text(RNN * 2, RNN, factors={"√M": 2.0})


def test_factors_of_one_or_zero_are_ignored() -> None:
    """A factor that changes nothing, or everything, explains nothing."""
    wrong = RNN + RNG.normal(size=RNN.shape)
    assert found(wrong, RNN, factors={"one": 1.0, "zero": 0.0, "nan": math.nan, "inf": math.inf}) is None


# --- near misses ------------------------------------------------------------------------------------

SILENT: dict[str, Callable[[], tuple[Any, Any]]] = {
    "one number": lambda: (2.0, 1.0),
    "two numbers": lambda: ([2.0, 4.0], [1.0, 2.0]),
    "two negated": lambda: ([-1.0, -2.0], [1.0, 2.0]),
    "two by two transposed": lambda: (np.array([[1.0, 2.5], [7.0, 4.0]]), np.array([[1.0, 7.0], [2.5, 4.0]])),
    "constants": lambda: (np.full((3, 4), 2.0), np.full((3, 4), 1.0)),
    "zeros expected": lambda: (RNG.normal(size=(3, 4)), np.zeros((3, 4))),
    "unrelated": lambda: (RNG.normal(size=(3, 4, 5)), RNG.normal(size=(3, 4, 5))),
    "almost a factor": lambda: (RNN * 2 + 1e-4 * RNG.normal(size=RNN.shape), RNN),
    "almost an offset": lambda: (RNN + 0.3 + 1e-4 * RNG.normal(size=RNN.shape), RNN),
    "almost reversed": lambda: (RNN[:, ::-1] + 1e-4 * RNG.normal(size=RNN.shape), RNN),
    "almost permuted": lambda: (RNG.permuted(RNN, axis=2) + 1e-4 * RNG.normal(size=RNN.shape), RNN),
    "small noise in float64": lambda: (RNN + 1e-6 * RNG.normal(size=RNN.shape), RNN),
    "another epsilon": lambda: (layer_norm(X, 1e-2), NORMED),
    "two big entries": lambda: ([2e9, 4e9, 1e-3, 5e-3], [1e9, 2e9, 3e-3, 1e-3]),
    "another shape": lambda: (RNG.normal(size=(3, 5)), RNG.normal(size=(3, 4, 5))),
    "another shape of ones": lambda: (np.ones((5, 4)), np.ones((4, 5))),
    "scattered": lambda: (np.where(RNG.random(RNN.shape) < 0.5, RNN, RNG.normal(size=RNN.shape)), RNN),
}


@pytest.mark.parametrize("case", SILENT)
def test_silent_where_nothing_fits(case: str) -> None:
    """Degenerate, scarce or merely similar data give no diagnosis."""
    actual, expected = SILENT[case]()
    assert found(actual, expected) is None


def test_both_softmax_axes_normalised_says_nothing_about_the_axis() -> None:
    """Weights that sum to one where they should are not blamed for it."""
    wrong = softmax(SCORES * 1.3)
    assert found(wrong, WEIGHTS) is None


def test_attention_maps_sum_over_two_axes() -> None:
    """Weights over a grid of cells are normalised over both of its axes together."""
    grid = RNG.normal(size=(N, 4, 4))
    actual = softmax(grid, 2)
    assert "should over axis 1 and axis 2" in text(actual, softmax(grid, (1, 2)))


def test_the_factor_two_and_an_axis_of_two_are_both_named() -> None:
    """Explanations that the data cannot tell apart are given together."""
    pair = RNG.normal(size=(2, 7))
    assert "times N (a sum where a mean is wanted?), or times two" in text(2 * pair, pair, "N D")


def test_exact_integers_are_diagnosed_too() -> None:
    """Token ids have no tolerance, and still an order."""
    assert "one step too late" in text(late(WORDS, 1), WORDS, "N T", EXACT)
    assert "is reversed" in text(WORDS[:, ::-1], WORDS, "N T", EXACT)


def test_elementwise_tolerances_are_respected() -> None:
    """A fit is judged by the check's own measure."""
    tol = within(1e-6, 1e-9)
    assert "The sign is flipped" in text(-RNN * (1 + 1e-8), RNN, tol=tol)
    assert found(-RNN + 1e-5 * RNG.normal(size=RNN.shape), RNN, tol=tol) is None


def test_large_tensors_are_still_varied() -> None:
    """Many values lie closer together than the tolerance; that does not make them constant."""
    big = RNG.uniform(size=100_000)
    assert "The sign is flipped" in text(-big, big, tol=rel(1e-4))


def test_free_numbers_stay_out_of_the_hidden_text() -> None:
    """A factor or offset that is not a size is named only where values may be seen."""
    for wrong, number in ((RNN * 1.7, "1.7"), (RNN + 0.25, "0.25")):
        diagnosis = found(wrong, RNN, "N T H")
        assert diagnosis is not None
        assert number in diagnosis.text
        assert not any(letter.isdigit() for letter in diagnosis.hidden_text)


def test_far_off_values_raise_no_warning() -> None:
    """Overflow while trying a hypothesis is no event (warnings are errors here)."""
    assert found(RNG.normal(size=20) * 1e300, RNG.normal(size=20)) is None
