"""Inputs for hidden checks, drawn by hypothesis: a few, and the same ones for every submission everywhere.

    @few_examples
    @given(N=st.integers(1, 6), seed=st.integers(0, 9999))
    def test_rnn_forward_sizes(student, reference, N, seed): ...
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
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
    """Makes a test with `@given` try a few inputs, and end at once with its first verdict: a call that hung is not
    repeated to find a smaller one."""
    return settings(
        backend=NAME,
        derandomize=True,
        max_examples=_count,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)


@contextlib.contextmanager
def examples(count: int) -> Iterator[None]:
    """Suites that are imported now try the first `count` inputs instead of COUNT."""
    global _count
    before, _count = _count, count
    try:
        yield
    finally:
        _count = before
