"""Make two_digit_op.json: sums and differences of signed two-digit numbers, as text.

    BOS NEGATIVE 28 subtract NEGATIVE 04 EOS    ->    BOS NEGATIVE 24 EOS

Zero is POSITIVE. Every question is different, and every answer fits two digits: 9 and 5 tokens.

Usage: python make_two_digit_op.py OUT
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

EXPRESSIONS = 5000
LARGEST = 99
SEED = 0


def spell(number: int) -> str:
    """-7 -> "NEGATIVE 07"."""
    return f"{'NEGATIVE' if number < 0 else 'POSITIVE'} {abs(number):02d}"


def make_expressions() -> dict[str, list[str]]:
    """inp_expression and out_expression, EXPRESSIONS strings each; the same in every run."""
    # random() alone is promised to give the same numbers in every version of Python.
    draw = random.Random(SEED).random
    answers: dict[str, str] = {}
    while len(answers) < EXPRESSIONS:
        a, b = (int(draw() * (2 * LARGEST + 1)) - LARGEST for _ in range(2))
        operation, result = ("add", a + b) if draw() < 0.5 else ("subtract", a - b)
        if abs(result) <= LARGEST:
            answers[f"BOS {spell(a)} {operation} {spell(b)} EOS"] = f"BOS {spell(result)} EOS"
    return {"inp_expression": list(answers), "out_expression": list(answers.values())}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    Path(sys.argv[1], "two_digit_op.json").write_text(json.dumps(make_expressions(), indent=0) + "\n")
