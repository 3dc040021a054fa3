"""Inputs for hidden checks, drawn by hypothesis: a few, and the same ones for every submission everywhere.

    @few_examples
    @given(N=st.integers(1, 6), seed=st.integers(0, 9999))
    def test_rnn_forward_sizes(student, reference, N, seed): ...

hypothesis draws, once, and the check then calls the test with each: what a test finds changes neither its inputs nor
how often it is called, and grading another submission draws nothing. So a test cannot ask for `data()` or `assume`.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

NAME = "torchgrade"
Test = TypeVar("Test", bound=Callable[..., Any])


class SameEverywhere(HypothesisProvider):
    """hypothesis as it is, but without the constants that it picks up from the source of whichever modules
    happen to be loaded: with them, `derandomize` draws other inputs in another process."""

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS[NAME] = SameEverywhere

COUNT: Final = 6
_count = COUNT


def few_examples(test: Test) -> Test:
    """Makes a test with `@given` try a few inputs, and end at once with its first verdict."""
    limited: Any = settings(
        backend=NAME,
        derandomize=True,
        max_examples=_count,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)
    judge = limited.hypothesis.inner_test
    inputs: list[dict[str, Any]] = []

    @functools.wraps(limited)
    def each(**fixtures: Any) -> None:
        if not inputs:
            inputs.extend(drawn(limited, fixtures))
        for values in inputs:
            judge(**fixtures, **copy.deepcopy(values))

    del each.is_hypothesis_test  # type: ignore[attr-defined]  # of a plain function hypothesis's plugin asks nothing
    return each  # type: ignore[return-value]


def drawn(limited: Any, fixtures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What hypothesis would call the test with, beside the fixtures. Under the test's own name and source, which it
    derives its seed from."""
    judge, found = limited.hypothesis.inner_test, []

    @functools.wraps(judge)
    def noted(**values: Any) -> None:
        found.append({name: value for name, value in values.items() if name not in fixtures})

    limited.hypothesis.inner_test = noted
    try:
        limited(**fixtures)
    finally:
        limited.hypothesis.inner_test = judge
    return found


@contextlib.contextmanager
def examples(count: int) -> Iterator[None]:
    """Suites that are imported now try the first `count` inputs instead of COUNT."""
    global _count
    before, _count = _count, count
    try:
        yield
    finally:
        _count = before
