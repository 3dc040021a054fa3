"""Part 2, tokens: the vocabulary's numbering, and expressions as lists of numbers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.checks import equal, few_examples
from grader.errors import Verdict
from grader.records import Status
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

DIGITS = [str(d) for d in range(10)]
WORDS = ["POSITIVE", "NEGATIVE", "add", "subtract", "BOS", "EOS", "multiply", "PAD"]


def same(actual: object, expected: object) -> bool:
    """Whether plain data are equal; a tensor or any other object never breaks the comparison."""
    try:
        equal(actual, expected, name="")
    except Verdict:
        return False
    return True


# --- generate_token_dict ------------------------------------------------------------------------------


def judge_token_dict(student: Subject, vocabulary: list[str], case: str) -> None:
    expected = {token: index for index, token in enumerate(vocabulary)}
    actual = student.transformers.generate_token_dict(vocabulary)
    if isinstance(actual, Remote):  # a subclass of dict is a dictionary, too
        actual = student.probes.transformer.as_dict(actual)
    if same(actual, {token: index + 1 for token, index in expected.items()}):
        raise Verdict(Status.FAILED, f"the numbers start at 1, wanted 0 for the first token ({case}).")
    if same(actual, dict(enumerate(vocabulary))):
        raise Verdict(Status.FAILED, f"keys and values are exchanged: the tokens are the keys ({case}).")
    equal(actual, expected, name="the token dictionary", case=case)


@pytest.mark.check("p2.token_dict", question="tokens", points=0.25)
def test_token_dict(student: Subject, stored: Stored) -> None:
    """generate_token_dict numbers the tokens of the vocabulary in their order"""
    judge_token_dict(student, stored["vocabulary"], "the notebook's 16 tokens")


@pytest.mark.check("p2.token_dict.sizes", question="tokens", points=0.25, needs="p2.token_dict", hidden=True)
@few_examples
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 18))
def test_token_dict_sizes(student: Subject, seed: int, size: int) -> None:
    """generate_token_dict on other vocabularies"""
    vocabulary = random.Random(seed).sample(DIGITS + WORDS, size)
    judge_token_dict(student, vocabulary, f"{size} tokens in another order")


# --- prepocess_input_sequence -------------------------------------------------------------------------


def judge_tokens(student: Subject, text: str, numbers: dict[str, int], special: list[str], case: str) -> None:
    """A wrong list is compared with what the usual mistakes make of the same text."""
    words = text.split(" ")
    pieces = [[word] if word in special else list(word) for word in words]
    mistakes = {
        "numbers must be split into their digits, leading zeros included": [
            [word] if word in special else list(str(int(word))) for word in words
        ],
        "special tokens are left out": [p for word, p in zip(words, pieces, strict=True) if word not in special],
        "the tokens come in reverse order": [p[::-1] for p in pieces[::-1]],
    }
    actual = student.transformers.prepocess_input_sequence(text, numbers, special)
    right = [numbers[token] for piece in pieces for token in piece]
    for sentence, mistaken in mistakes.items():
        wrong = [numbers[token] for piece in mistaken for token in piece]
        if wrong != right and same(actual, wrong):
            raise Verdict(Status.FAILED, f"the list of tokens is wrong ({case}): {sentence}.")
    equal(actual, right, name="the list of tokens", case=case)


@pytest.mark.check("p2.preprocess", question="tokens", points=0.5)
def test_preprocess(student: Subject, stored: Stored) -> None:
    """prepocess_input_sequence keeps special tokens whole and splits numbers into digits"""
    for text, tokens in stored["expressions"]:
        judge_tokens(student, text, stored["token_dict"], stored["special_tokens"], f"for {text!r}")
        actual = student.transformers.prepocess_input_sequence(
            text, stored["token_dict"], stored["special_tokens"]
        )
        equal(actual, tokens, name="the list of tokens", case=f"for {text!r}")


@pytest.mark.check("p2.preprocess.sizes", question="tokens", points=0.5, needs="p2.preprocess", hidden=True)
@few_examples
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 8))
def test_preprocess_sizes(student: Subject, seed: int, length: int) -> None:
    """prepocess_input_sequence with other vocabularies, numbers of any length and leading zeros"""
    rng = random.Random(seed)
    vocabulary = rng.sample(DIGITS + WORDS, len(DIGITS) + len(WORDS))
    numbers = {token: index for index, token in enumerate(vocabulary)}
    special = rng.sample(WORDS, len(WORDS))
    words = [
        "0" * rng.randrange(3) + str(rng.randrange(1000)) if rng.random() < 0.6 else rng.choice(special)
        for _ in range(length)
    ]
    judge_tokens(student, " ".join(words), numbers, special, f"for an expression of length {length}")
