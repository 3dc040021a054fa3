"""What suites compare with: `from grader.checks import close, rel`."""

from grader.checks.examples import few_examples
from grader.checks.gradients import gradient_close, numeric_gradients
from grader.checks.plain import equal
from grader.checks.tensors import close, floats, in_range, items, tensor
from grader.checks.tolerance import EXACT, Tolerance, rel, within
from grader.checks.words import kind_of, shape_text

__all__ = [
    "EXACT",
    "Tolerance",
    "close",
    "equal",
    "few_examples",
    "floats",
    "gradient_close",
    "in_range",
    "items",
    "kind_of",
    "numeric_gradients",
    "rel",
    "shape_text",
    "tensor",
    "within",
]
