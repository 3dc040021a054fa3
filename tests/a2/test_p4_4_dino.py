"""Part 4, segmentation: a classifier of patches, trained on blobs in the place of DINO's features."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import shape_text, tensor
from grader.errors import Verdict
from grader.records import Status
from grader.subject import Subject

Array = NDArray[Any]

ENOUGH = 0.9  # mean IoU


class Blobs(NamedTuple):
    """Points around the centres (C,D) of C classes: X (N,D) float32, Y (N,) int64."""

    centres: Array
    train: tuple[Array, Array]
    test: tuple[Array, Array]


@cache  # drawing them takes longer than most checks, and a class gets the same ones
def blobs(seed: int, classes: int, D: int, points: int, spread: float, distance: float) -> Blobs:
    """Centres are drawn from a normal distribution of deviation `distance`, again until no two of them are near."""
    rng = np.random.default_rng(seed)
    while True:
        centres = distance * rng.standard_normal((classes, D))
        gaps = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1e9 * np.eye(classes)
        if gaps.min() > 8 * spread and gaps.min() > distance * np.sqrt(D) / 2:
            break

    def drawn() -> tuple[Array, Array]:
        labels = rng.permutation(np.arange(points) % classes)
        return (centres[labels] + spread * rng.standard_normal((points, D))).astype(np.float32), labels

    return Blobs(centres.astype(np.float32), drawn(), drawn())


def mean_iou(found: Array, right: Array, classes: int) -> float:
    total = 0.0
    for label in range(classes):
        union = np.count_nonzero((found == label) | (right == label))
        total += np.count_nonzero((found == label) & (right == label)) / max(union, 1)
    return total / classes


def judge_labels(value: object, right: Array, classes: int, case: str) -> float:
    """The mean IoU of labels that a student's code has given; a verdict when it is too small."""
    name = "the result of inference"
    found = tensor(value, name=name, case=case)
    if found.shape != right.shape:
        per_class = found.ndim == 2 and found.shape == (len(right), classes)
        hint = " These look like scores of the classes: wanted the best class of each point." if per_class else ""
        text = f"{name} has shape {shape_text(found.shape)}, wanted (N,) = {shape_text(right.shape)} ({case}).{hint}"
        raise Verdict(Status.FAILED, text)
    if found.dtype != np.int64:
        raise Verdict(Status.FAILED, f"{name} has dtype {found.dtype}, wanted int64 ({case}).")
    iou = mean_iou(found, right, classes)
    if not iou > ENOUGH:
        hint = ""
        if len(np.unique(found)) == 1:
            hint = " Every point gets the same class."
        elif mean_iou(found - 1, right, classes) > ENOUGH or mean_iou(found + 1, right, classes) > ENOUGH:
            hint = " The classes are off by one: they are counted from 0."
        elif found.min() < 0 or found.max() >= classes:
            hint = " Some labels are those of no class."
        text = f"the mean IoU is {iou:.3f} ({case}), too small: wanted more than {ENOUGH:g}.{hint}"
        raise Verdict(Status.FAILED, text, hidden_text=f"the mean IoU is too small ({case}).{hint}")
    return iou


def trained(student: Subject, data: Blobs, steps: int, inp_dim: int | None, seed: int = 0) -> Any:
    """The student's segmenter, trained on the blobs. Without inp_dim it is that of the hand-out, 384."""
    make = student["dl.clip_dino"].DINOSegmentation.using(seed=seed)
    classes = len(data.centres)
    model = make("cpu", classes) if inp_dim is None else make("cpu", classes, inp_dim)
    model.train.using(seed=seed, limit_s=40)(*data.train, steps)
    return model


def large(seed: int = 0) -> Blobs:
    return blobs(seed, classes=4, D=384, points=900, spread=0.8, distance=1.0)


def small(seed: int = 1, classes: int = 3, D: int = 6) -> Blobs:
    return blobs(seed, classes=classes, D=D, points=300, spread=0.3, distance=3.0)


def judge_large(student: Subject, seed: int = 0) -> float:
    data = large()
    model = trained(student, data, 100, None, seed)
    return judge_labels(model.inference(data.test[0]), data.test[1], 4, "4 classes, 384 features, 100 iterations")


def judge_small(student: Subject, data: Blobs, seed: int = 0) -> float:
    classes, D = data.centres.shape
    case = f"{classes} classes, {D} features, 200 iterations"
    model = trained(student, data, 200, D, seed)
    judge_labels(model.inference(data.centres), np.arange(classes), classes, f"{case}, the centres of the classes")
    return judge_labels(model.inference(data.test[0]), data.test[1], classes, case)


@pytest.mark.check("p4.dino_seg_blobs", question="dino", points=2, limit_s=60)
def test_blobs(student: Subject) -> None:
    """DINOSegmentation learns to tell four blobs of 384 features apart"""
    judge_large(student)


@pytest.mark.check("p4.dino_seg_blobs.sizes", question="dino", points=2, needs="p4.dino_seg_blobs", hidden=True)
def test_blobs_sizes(student: Subject) -> None:
    """DINOSegmentation learns other numbers of classes and features"""
    judge_small(student, small())
    judge_small(student, small(seed=2, classes=5, D=16))
