"""Part 4, zero-shot classification: a fake CLIP that knows the names of colours names uniform tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import few_examples, kind_of
from grader.errors import Verdict
from grader.records import Status
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]
Words = Mapping[str, Sequence[float]]

CONSTANT = 0.3  # as in the probe
# One vector is twelve times as long as the others: whoever forgets to normalise the texts always says "blue".
COLOURS: Words = {"red": (3, 0, 0, 0), "green": (0, 3, 0, 0), "blue": (0, 0, 36, 0)}
OTHER = (0, 0, 0, 3)


def tile(colour: Sequence[int], height: int = 24, width: int = 24) -> Array:
    """A uniform image (H,W,3), uint8."""
    return np.broadcast_to(np.array(colour, np.uint8), (height, width, 3)).copy()


def features(images: Sequence[Array]) -> Array:
    """(M,4), as the fake CLIP sees uniform images, but for a factor."""
    return np.array([[*image[0, 0] / 255.0, CONSTANT] for image in images])


def table(words: Words, texts: Sequence[str]) -> Array:
    return np.array([words.get(text, OTHER) for text in texts], np.float64)


def unit(rows: Array) -> Array:
    found: Array = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return found


def wrong_answers(words: Words, images: Sequence[Array], texts: Sequence[str]) -> dict[str, object]:
    t, v = table(words, texts), features(images)
    cosine = unit(t) @ unit(v).T

    def best(scores: Array) -> list[str]:
        return [texts[i] for i in scores.argmax(0)]

    return {
        "The text features are not normalised, so that the longest one wins.": best(t @ unit(v).T),
        "These are the least similar texts.": best(-cosine),
        "The best image is sought for each text (arg-max over the images); wanted the best text for each image.": [
            texts[i % len(texts)] for i in cosine.argmax(1)
        ],
        "These are the numbers of the classes; wanted their texts.": cosine.argmax(0).tolist(),
        "The images get the texts in the order in which these were given.": [
            texts[i % len(texts)] for i in range(len(images))
        ],
        "The colours of the images are taken in the wrong order.": best(unit(t) @ unit(v[:, [2, 1, 0, 3]]).T),
    }


def listed(value: object) -> object:
    """Tensors of numbers as lists, for comparing with mistakes."""
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.size <= 100:
        return value.tolist()
    if type(value) is list and len(value) <= 100:
        return [item.item() if isinstance(item, np.ndarray) and item.shape == () else item for item in value]
    return value


def judge(
    student: Subject,
    words: Words,
    images: Sequence[Array],
    texts: list[str],
    case: str,
    expected: list[str] | None = None,
) -> None:
    right = [texts[i] for i in (unit(table(words, texts)) @ unit(features(images)).T).argmax(0)]
    if expected is not None and expected != right:
        raise ValueError("the published classes are not those of the fake CLIP")
    sent = {word: list(map(float, vector)) for word, vector in words.items()}
    found = listed(student.probes.clip_dino.classify(sent, list(map(float, OTHER)), list(images), texts))
    # Only plain items are compared: an array's equality has no truth.
    plain = type(found) is list and all(type(item) in (str, int) for item in found)
    if plain and found == right:
        return
    name = "the result of clip_zero_shot_classifier"
    # A mistake gives itself away by several answers only.
    causes = wrong_answers(words, images, texts) if plain and len(images) > 2 else {}
    hint = next((text for text, wrong in causes.items() if found == wrong), "")
    if type(found) is not list:
        told = f"{name} is {kind_of(found)}, wanted a list with one text for each image ({case})."
    elif len(found) != len(right):
        told = f"{name} has length {len(found)}, wanted one text for each of the {len(right)} images ({case})."
    elif odd := [item for item in found if type(item) is not str]:
        told = f"{name} holds {kind_of(odd[0])}, wanted texts only ({case})."
    else:
        wrong = [i for i, (a, b) in enumerate(zip(found, right, strict=True)) if a != b]
        which = "one of the given texts, but the wrong one" if found[wrong[0]] in texts else "none of the given texts"
        told = f"{len(wrong)} of {len(right)} images get the wrong class; image {wrong[0]} gets {which} ({case})."
    raise Verdict(Status.FAILED, f"{told} {hint}".strip(), staff=f"expected {right}, found {str(found)[:500]}")


@pytest.mark.check("p4.zero_shot", question="zero_shot", points=2)
def test_zero_shot(student: Subject, stored: Stored) -> None:
    """clip_zero_shot_classifier names four coloured tiles"""
    tiles = [tile(colour) for colour in stored["clip_tiles"]]
    texts, expected = ["red", "green", "blue"], stored["clip_classes"]
    judge(student, COLOURS, tiles, texts, "four tiles: red, green, blue, green", expected)
    # An arg-max over the wrong axis gives the same four names by chance, but not three.
    judge(student, COLOURS, tiles[:3], texts, "three tiles: red, green, blue", expected[:3])
    judge(student, COLOURS, tiles, ["blue", "green", "red"], "the classes in another order", expected)


# Words of other directions and lengths, which no one has written down.
NAMES: Words = {
    "orange": (4.0, 2.2, 0.2, 0.5), "teal": (0.5, 11.0, 11.5, 1.0), "violet": (1.2, 0.1, 1.9, 0.2),
    "lime": (13.0, 25.0, 1.0, 2.0), "pink": (0.9, 0.45, 0.6, 0.06),
}  # fmt: skip


@pytest.mark.check("p4.zero_shot.sizes", question="zero_shot", points=2, needs="p4.zero_shot", hidden=True)
@few_examples
@given(
    texts=st.permutations(list(NAMES)).flatmap(lambda names: st.integers(2, 5).map(lambda n: names[:n])),
    picks=st.lists(st.integers(0, 4), min_size=1, max_size=7),
    seed=st.integers(0, 9999),
)
def test_zero_shot_sizes(student: Subject, texts: list[str], picks: list[int], seed: int) -> None:
    """clip_zero_shot_classifier for other classes, and images of other numbers and sizes"""
    rng = np.random.default_rng(seed)
    tiles = []
    for pick in picks:
        direction = unit(np.array(NAMES[texts[pick % len(texts)]][:3]))
        colour = direction / direction.max() * rng.uniform(180, 250) + rng.uniform(0, 6, 3)
        tiles.append(tile(colour.clip(0, 255).astype(int), *map(int, rng.integers(10, 40, 2))))
    case = f"{len(tiles)} image{'s' * (len(tiles) > 1)}, {len(texts)} classes"
    judge(student, NAMES, tiles, texts, case)
