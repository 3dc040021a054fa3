"""Part 4, image retrieval: a fake CLIP that knows the names of colours finds uniform tiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import few_examples, kind_of
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]
Query = tuple[str, int | None]

CONSTANT = 0.3  # as in the probe
COLOURS: Mapping[str, Sequence[float]] = {"red": (3, 0, 0, 0), "green": (0, 3, 0, 0), "blue": (0, 0, 36, 0)}
OTHER = (0, 0, 0, 3)
K = 2  # when none is given


def tile(colour: Sequence[int]) -> Array:
    """A uniform image (24,24,3), uint8."""
    return np.broadcast_to(np.array(colour, np.uint8), (24, 24, 3)).copy()


def scores(colours: Array, query: str, *, normalised: bool = True) -> Array:
    """(M,): the cosine of each tile with a query, or the product of tile and direction."""
    features = np.concatenate([colours / 255, np.full((len(colours), 1), CONSTANT)], axis=1)
    text = np.array(COLOURS.get(query, OTHER), np.float64)
    lengths = np.linalg.norm(features, axis=1) if normalised else 1.0
    found: Array = features @ text / np.linalg.norm(text) / lengths
    return found


def best(values: Array, count: int) -> list[int]:
    return np.argsort(-values, kind="stable")[:count].tolist()


def indices(value: object) -> list[int] | None:
    """The numbers in a list of them, or in a tensor with one axis; None for anything else."""
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "iu" and value.size <= 1000:
        return [int(item) for item in value]
    if type(value) is not list or len(value) > 1000:
        return None
    found = []
    for item in value:
        if isinstance(item, np.ndarray) and item.shape == () and item.dtype.kind in "iu":
            found.append(int(item))
        elif type(item) is int:
            found.append(item)
        else:
            return None
    return found


def likely_cause(colours: Array, queries: Sequence[Query], found: Sequence[object], rights: Sequence[list[int]]) -> str:
    """The mistake that explains all the answers."""

    def answers(values: Callable[[str], Array]) -> list[list[int]]:
        return [best(values(text), len(right)) for (text, _), right in zip(queries, rights, strict=True)]

    causes: dict[str, list[list[int]]] = {
        "The order is reversed: the best image has to come first.": [right[::-1] for right in rights],
        "These are the least similar images.": answers(lambda text: -scores(colours, text)),
        "The image features are not normalised, so that bright images win.": answers(
            lambda text: scores(colours, text, normalised=False)
        ),
        "The images are counted from 1, wanted from 0.": [[i + 1 for i in right] for right in rights],
        "The right images are sorted by their numbers; they should come with the best one first.": list(
            map(sorted, rights)
        ),
    }
    return next((text for text, wrong in causes.items() if list(found) == wrong), "")


def judge(
    student: Subject, colours: Array, queries: Sequence[Query], expected: Sequence[list[int]] | None = None
) -> None:
    rights = [best(scores(colours, text), K if k is None else k) for text, k in queries]
    if expected is not None and list(expected) != rights:
        raise ValueError("the published indices are not those of the fake CLIP")
    words = {word: list(map(float, vector)) for word, vector in COLOURS.items()}
    asked = [[text, k] for text, k in queries]
    result = student.probes.clip_dino.retrieve(words, list(map(float, OTHER)), [tile(c) for c in colours], asked)
    if type(result) is not dict or result.keys() != {"answers", "encoded"}:
        raise forged()
    answers, encoded = result["answers"], result["encoded"]
    if type(answers) is not list or len(answers) != len(queries) or type(encoded) is not int:
        raise forged()
    hint = likely_cause(colours, queries, [indices(answer) for answer in answers], rights)
    for query, right, answer in zip(queries, rights, answers, strict=True):
        case = f"{len(colours)} images, k={K if query[1] is None else query[1]}"
        found = indices(answer)
        if found == right:
            continue
        staff = f"{query}: expected {right}, found {str(answer)[:500]}"
        name = "the result of retrieve"
        if found is None:
            told = f"{name} is {kind_of(answer)}, wanted a list of {len(right)} whole numbers ({case})."
            raise Verdict(Status.FAILED, told, staff=staff)
        if len(found) != len(right):
            told = f"{name} has {len(found)} indices, wanted k={len(right)} ({case})."
        elif not set(found) <= set(range(len(colours))):
            told = f"{name} holds an index that no image has ({case})."
        else:
            place = next(i for i, (a, b) in enumerate(zip(found, right, strict=True)) if a != b)
            told = f"{name} is wrong at place {place} ({case})."
        raise Verdict(Status.FAILED, f"{told} {hint}".strip(), staff=staff)
    if encoded:
        raise Verdict(
            Status.FAILED,
            f"retrieve encodes images again ({encoded} for {len(queries)} queries); the constructor should encode "
            "them once and keep the features.",
            hidden_text="retrieve encodes images again; the constructor should encode them once and keep the features.",
        )


@pytest.mark.check("p4.retriever", question="retriever", points=2)
def test_retriever(student: Subject, stored: Stored) -> None:
    """CLIPImageRetriever.retrieve returns the indices of the k best images, best first, and encodes none again"""
    published = stored["clip_retrieved"]
    queries = [(text, k) for text, k, _ in published]
    judge(student, np.array(stored["clip_tiles"]), queries, [right for _, _, right in published])
    judge(student, np.array(stored["clip_tiles"]), [("green", None)])


@pytest.mark.check("p4.retriever.sizes", question="retriever", points=2, needs="p4.retriever", hidden=True)
@few_examples
@given(seed=st.integers(0, 9999), M=st.integers(2, 9))
def test_retriever_sizes(student: Subject, seed: int, M: int) -> None:
    """CLIPImageRetriever for other images, queries and numbers of answers"""
    rng = np.random.default_rng(seed)
    queries: list[Query] = [(text, int(rng.integers(1, M + 1))) for text in ("blue", "red", "green")]
    queries += [("red", None), ("blue", M)]
    # Tiles whose similarities to a colour lie so near that rounding might exchange them are drawn again.
    while True:
        colours = rng.integers(25, 256, (M, 3))
        gaps = [np.diff(np.sort(scores(colours, word))).min() for word in COLOURS]
        if min(gaps) > 2e-3:
            break
    judge(student, colours, queries)
