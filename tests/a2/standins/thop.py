"""Stands in for `thop` (operation counts of networks) where it is not installed.

It counts parameters, and rounds numbers into words; it cannot count operations.
"""

from __future__ import annotations

from typing import Any, NoReturn


def profile(model: Any, inputs: Any = (), *_: Any, **__: Any) -> tuple[float, float]:
    """(operations, parameters) of a model; the operations are not a number, because nobody counted them."""
    return float("nan"), float(sum(parameter.numel() for parameter in model.parameters()))


def profile_origin(*_: Any, **__: Any) -> NoReturn:
    """Raises RuntimeError: it would count operations."""
    raise RuntimeError("thop.profile_origin needs the real package `thop`, which is not installed here")


def clever_format(nums: Any, format: str = "%.2f") -> Any:
    """Numbers as text with a letter for their size, e.g. 1.50M; one text for one number, else a tuple."""

    def text(number: float) -> str:
        for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")):
            if number >= size:
                return format % (number / size) + letter
        return format % number + "B"

    numbers = [nums] if isinstance(nums, int | float) else list(nums)
    found = tuple(text(number) for number in numbers)
    return found[0] if len(found) == 1 else found
