"""Inputs for hidden checks, drawn by hypothesis: a few, and the same ones for every submission everywhere.

    @few_examples
    @given(N=st.integers(1, 6), seed=st.integers(0, 9999))
    def test_rnn_forward_sizes(student, reference, N, seed): ...
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider

NAME = "torchgrade"


class SameEverywhere(HypothesisProvider):
    """hypothesis as it is, but without the constants that it picks up from the source of whichever modules
    happen to be loaded: with them, `derandomize` draws other inputs in another process."""

    def _maybe_draw_constant(self, *_: Any, **__: Any) -> None:
        return None


AVAILABLE_PROVIDERS[NAME] = SameEverywhere

# No shrinking: a verdict ends the check at once, and a call that hung is not repeated.
few_examples = settings(
    backend=NAME,
    derandomize=True,
    max_examples=6,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
