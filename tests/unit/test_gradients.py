"""Central differences and the comparison of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grader.checks import gradient_close, numeric_gradients, rel
from grader.errors import Verdict
from grader.records import Status

RNG = np.random.default_rng(3)
X, PREV, WX, WH, B = (RNG.normal(size=s) for s in ((3, 4), (3, 5), (4, 5), (5, 5), (5,)))
UPSTREAM = RNG.normal(size=(3, 5))
TOL = rel(1e-7)


def rnn_step(x: Any, prev: Any, wx: Any, wh: Any, b: Any) -> Any:
    return np.tanh(x @ wx + prev @ wh + b)


def rnn_step_backward() -> list[Any]:
    grad = UPSTREAM * (1 - rnn_step(X, PREV, WX, WH, B) ** 2)
    return [grad @ WX.T, grad @ WH.T, X.T @ grad, PREV.T @ grad, grad.sum(0)]


class Forward:
    """Evaluates the step for a stack of one argument, and counts the calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, tuple[int, ...]]] = []

    def __call__(self, k: int, stack: Any) -> Any:
        self.calls.append((k, stack.shape))
        args = [X, PREV, WX, WH, B]
        return np.stack([rnn_step(*args[:k], one, *args[k + 1 :]) for one in stack])


def test_central_differences_agree_with_the_formula() -> None:
    """All five gradients of an RNN step come out to seven digits, in the arguments' shapes."""
    numeric = numeric_gradients(Forward(), [X, PREV, WX, WH, B], range(5), UPSTREAM)
    for name, mine, formula in zip(
        ("dx", "dprev", "dWx", "dWh", "db"), numeric, rnn_step_backward(), strict=True
    ):
        gradient_close(mine, formula, name=name, tol=TOL)


def test_one_call_per_argument_with_both_signs() -> None:
    """Only the arguments asked for are perturbed, each in one stack of twice its size."""
    forward = Forward()
    numeric_gradients(forward, [X, PREV, WX, WH, B], [2, 4], UPSTREAM)
    assert forward.calls == [(2, (40, 4, 5)), (4, (10, 5))]


def test_scalar_outputs_and_scalar_arguments() -> None:
    """A loss needs an upstream of shape (), and a 0-d argument gives a 0-d gradient."""
    (gradient,) = numeric_gradients(lambda k, stack: stack**3, [np.array(2.0)], [0], np.array(0.5))
    assert gradient.shape == ()
    assert gradient == pytest.approx(6.0, rel=1e-8)


def test_an_empty_argument_has_an_empty_gradient() -> None:
    """Nothing to perturb is no call."""
    (gradient,) = numeric_gradients(Forward(), [np.zeros((0, 4))], [0], UPSTREAM)
    assert gradient.shape == (0, 4)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (lambda p: np.zeros((p, 5, 3)), "gave shape (5, 3), wanted (3, 5)."),
        (lambda p: np.zeros((p - 1, 3, 5)), "gave shape (29, 3, 5), wanted (30, 3, 5)."),
        (
            lambda p: np.zeros((p, 3, 5), np.float32),
            "gave float32 for float64 inputs: is something converted",
        ),
        (lambda p: np.full((p, 3, 5), np.nan), "gave 450 NaN or infinite values."),
        (lambda p: None, "gave None, wanted one tensor."),
        (lambda p: [1, 2], "gave a list of 2 items, wanted one tensor."),
    ],
)
def test_useless_outputs_are_named(outputs: Any, words: str) -> None:
    """A forward pass that cannot be differentiated fails the check with a reason."""
    with pytest.raises(Verdict) as caught:
        numeric_gradients(lambda k, stack: outputs(len(stack)), [PREV], [0], UPSTREAM)
    assert caught.value.status is Status.FAILED
    assert "with argument 0 slightly changed, the forward pass " + words in str(caught.value)


def compare(actual: Any, expected: Any, **kwargs: Any) -> Verdict:
    with pytest.raises(Verdict) as caught:
        gradient_close(actual, expected, **{"name": "dWx", "dims": "D H", "tol": TOL, **kwargs})
    return caught.value


def test_a_missing_gradient_means_a_detached_graph() -> None:
    """None is explained by what usually cuts the graph."""
    text = str(compare(None, WX, case="with T=3"))
    assert text.startswith("dWx: no gradient arrived (with T=3). Is the graph detached (detach, .data")


def test_a_gradient_must_be_of_floats() -> None:
    """Integer gradients are refused even where they agree."""
    assert "dWx has dtype int64" in str(compare(np.ones((4, 5), np.int64), np.ones((4, 5))))


def test_gradients_get_the_usual_diagnoses() -> None:
    """Transposed, unsummed, unscaled and named mistakes are recognised."""
    grad = UPSTREAM * (1 - rnn_step(X, PREV, WX, WH, B) ** 2)
    dx, _dprev, dwx, dwh, db = rnn_step_backward()
    assert "a transpose is missing" in str(compare(dwx.T, dwx))
    assert "a transpose is missing" in str(compare(dwh.T, dwh, dims="H H"))
    assert "once they are summed over axis 0" in str(compare(grad, db, name="db", dims="H"))
    assert "divided by the batch size N" in str(
        compare(dx / 3, dx, dims="N D", factors={"the batch size N": 3})
    )
    slope = "The slope of tanh, 1 - h², is missing."
    assert slope in str(compare(X.T @ UPSTREAM, dwx, alternatives={slope: X.T @ UPSTREAM}))
    assert "Every entry is zero" in compare(np.zeros_like(dwx), dwx).hidden_text
