"""Part 3, random views of images: the steps of the transform, what it does to images, and pairs of views."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grader.checks import close, equal, in_range, kind_of, shape_text, tensor, within
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.remote import Remote
from grader.subject import Subject

Array = NDArray[Any]

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
NEAR = within(1e-6, 1e-6)
COUNT = 500  # views of one image: a share of them has a standard deviation of .022 at most
SHARE = 0.11  # how far a share may be off: five times that
ROUND = 3 / 255  # each change of colour rounds to whole levels of 255


def functions(student: Subject) -> Remote:
    return student["dl.simclr.data_utils"]


def wrong(text: str) -> Verdict:
    return Verdict(Status.FAILED, text)


# --- the steps --------------------------------------------------------------------------------------------

# Name -> settings, of the transform's steps in their order.
STEPS: dict[str, dict[str, tuple[float, ...]]] = {
    "RandomResizedCrop": {"size": (32, 32)},
    "RandomHorizontalFlip": {"p": (0.5,)},
    "RandomApply": {"p": (0.8,)},
    "RandomGrayscale": {"p": (0.2,)},
    "ToTensor": {},
    "Normalize": {"mean": MEAN, "std": STD},
}
JITTER: dict[str, tuple[float, ...]] = {
    "brightness": (0.6, 1.4), "contrast": (0.6, 1.4), "saturation": (0.6, 1.4), "hue": (-0.1, 0.1),
}  # fmt: skip
KNOWN = {*STEPS, "ColorJitter", "RandomVerticalFlip", "CenterCrop", "RandomCrop", "Resize", "Grayscale", "RandomOrder",
         "RandomChoice", "RandomRotation", "GaussianBlur", "ToPILImage", "RandomErasing", "RandomInvert"}  # fmt: skip


def names_of(steps: Any) -> list[str]:
    """Names of the steps, those that torchvision does not have as "?". Refuses what no probe returns."""
    if type(steps) is not list:
        raise forged()
    for step in steps:
        if type(step) is not dict or step.keys() != {"name", "settings", "inner"}:
            raise forged()
        if type(step["name"]) is not str or type(step["settings"]) is not dict or type(step["inner"]) is not list:
            raise forged()
    return [step["name"] if step["name"] in KNOWN else "?" for step in steps]


def judge_settings(name: str, settings: Any, wanted: dict[str, tuple[float, ...]]) -> None:
    for key, values in wanted.items():
        found = settings.get(key)
        if type(found) is not list or not all(type(value) is float for value in found):
            raise wrong(f"{name} has no setting {key} of numbers.")
        close(np.array(found), np.array(values), name=f"{key} of {name}", tol=NEAR)


@pytest.mark.check("p3.train_transform", question="augmentation", points=1.5)
def test_train_transform(student: Subject) -> None:
    """compute_train_transform composes the six steps in their order, with the right settings"""
    transform = functions(student).compute_train_transform()
    if not isinstance(transform, Remote):
        raise wrong(f"compute_train_transform returns {kind_of(transform)}, wanted a transforms.Compose.")
    steps = student.probes.simclr.steps(transform)
    found, order = names_of(steps), list(STEPS)
    if found != order:
        listed = ", ".join(found[:12]) or "none"
        raise wrong(f"the steps are {listed}; wanted {', '.join(order)}.{_cause(found, order)}")
    for step in steps:
        judge_settings(step["name"], step["settings"], STEPS[step["name"]])
    inner = steps[order.index("RandomApply")]["inner"]
    if names_of(inner) != ["ColorJitter"]:
        raise wrong(f"RandomApply applies {', '.join(names_of(inner)[:12]) or 'nothing'}, wanted ColorJitter alone.")
    judge_settings("ColorJitter", inner[0]["settings"], JITTER)


def _cause(found: list[str], order: list[str]) -> str:
    if sorted(found) == sorted(order):
        return " These are the right steps in another order."
    if "ColorJitter" in found:
        return " ColorJitter belongs into RandomApply: it is applied with probability .8 only."
    missing = [name for name in order if name not in found]
    return f" There is no {missing[0]}." if missing else ""


# --- what it does -----------------------------------------------------------------------------------------


def views_of(student: Subject, image: Array, case: str) -> Array:
    """COUNT views of an image, (COUNT,3,32,32), colours in 0..1 again."""
    transform = functions(student).compute_train_transform(7)
    if not isinstance(transform, Remote):
        raise wrong(f"compute_train_transform returns {kind_of(transform)}, wanted a transforms.Compose.")
    found = tensor(student.probes.simclr.using(seed=11).views(transform, image, COUNT), name="the views", case=case)
    if found.shape != (COUNT, 3, 32, 32) or found.dtype.kind != "f" or not (np.abs(found) < 1e3).all():
        shape = shape_text(found.shape[1:])
        raise wrong(f"a view is no tensor of shape (3, 32, 32) of small floats: it is {shape}, {found.dtype} ({case}).")
    restored: Array = found * np.array(STD)[:, None, None] + np.array(MEAN)[:, None, None]
    return restored


def judge_share(what: str, hits: Array, wanted: float) -> None:
    in_range(float(hits.mean()), wanted - SHARE, wanted + SHARE, name=f"the share of views that are {what}")


@pytest.mark.check(
    "p3.train_transform.sizes", question="augmentation", points=1.5, needs="p3.train_transform", hidden=True
)
def test_train_transform_views(student: Subject) -> None:
    """the transform changes images as often and as strongly as it should, whatever their size"""
    # Only a change of brightness is seen on an even grey: contrast, saturation and hue leave it as it is.
    grey = 128 / 255
    level = views_of(student, np.full((40, 48, 3), 128, dtype=np.uint8), "an image of one grey")
    if np.ptp(level.reshape(COUNT, -1), axis=1).max() > ROUND:
        raise wrong("a view of an image of one grey is not of one grey.")
    factor = level.mean((1, 2, 3)) / grey
    judge_share("of another brightness or contrast", np.abs(factor - 1) > 0.004, 0.8)
    in_range(float(factor.min()), 0.6 - ROUND, 0.7, name="the smallest factor of the brightness")
    in_range(float(factor.max()), 1.3, 1.4 + ROUND, name="the largest factor of the brightness")
    # Brighter to the right in one hue: a flip turns the slope around, and nothing else does.
    ramp = np.linspace(70, 180, 36)[None, :, None] * np.array([1.0, 0.55, 0.15])
    coloured = views_of(student, np.broadcast_to(ramp, (36, 36, 3)).round().astype(np.uint8), "a ramp of colour")
    slope = coloured.mean((1, 2)) @ np.linspace(-1, 1, 32)
    judge_share("flipped", slope < 0, 0.5)
    judge_share("grey", np.ptp(coloured, axis=1).max((1, 2)) < 2 * ROUND, 0.2)
    judge_seeds(student, np.broadcast_to(ramp, (36, 36, 3)).round().astype(np.uint8))


def judge_seeds(student: Subject, image: Array) -> None:
    found = student.probes.simclr.view_of_each_seed([3, 3, 4], image)
    if type(found) is not list or len(found) != 3:
        raise forged()
    first, again, other = (tensor(view, name="a view") for view in found)
    if not np.array_equal(first, again) or np.array_equal(first, other):
        raise wrong("compute_train_transform does not seed the generators: the same seed should give the same views.")


# --- pairs of views ---------------------------------------------------------------------------------------


def pictures(seed: int, N: int) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (N, 32, 32, 3)).astype(np.uint8)


def judge_pair(student: Subject, data: Array, labels: list[int], index: int, shift: int = 0) -> None:
    """The transform of the probe adds the number of its call, counted from 1."""
    functions(student).CIFAR10Pair.get()
    found = student.probes.simclr.item_of_pairs(data, labels, index, shift)
    if type(found) is not dict or found.keys() != {"item", "calls"} or type(found["calls"]) is not int:
        raise forged()
    case = f"item {index} of {len(data)}"
    if type(found["item"]) is not list or len(found["item"]) != 3:
        raise wrong(f"CIFAR10Pair[index] is {kind_of(found['item'])}, wanted (x_i, x_j, target) ({case}).")
    *both, target = found["item"]
    image = data[index].transpose(2, 0, 1) / 255
    numbers = []
    for name, view in zip(("x_i", "x_j"), both, strict=True):
        values = tensor(view, name=name, case=case)
        number = 1.0
        if values.shape == image.shape and values.dtype.kind == "f" and (np.abs(values) < 1e3).all():
            number = float(np.clip(np.round((values - image).mean()), 1, max(found["calls"], 1)))
        numbers.append(number)
        close(view, image + number, name=name, dims="C H W", tol=within(0, 1e-5), case=case, alternatives={
            "This is no result of self.transform but the image.": image,
            "self.transform was applied to its own result.": image + 3,
        })  # fmt: skip
    if numbers[0] == numbers[1]:
        raise wrong(f"x_i and x_j come from one call of self.transform; each needs a call of its own ({case}).")
    if isinstance(target, np.ndarray) and target.size == 1:
        target = target.item()
    equal(target, labels[index] + shift, name="target", case=case)


@pytest.mark.check("p3.cifar10pair", question="augmentation", points=1)
def test_cifar10pair(student: Subject) -> None:
    """an item of CIFAR10Pair is two views of one image, and its label"""
    judge_pair(student, pictures(0, 2), [3, 8], 1)


@pytest.mark.check("p3.cifar10pair.sizes", question="augmentation", points=1, needs="p3.cifar10pair", hidden=True)
def test_cifar10pair_others(student: Subject) -> None:
    """other items of CIFAR10Pair, and labels that are transformed"""
    for index in range(3):
        judge_pair(student, pictures(1, 3), [6, 2, 9], index, shift=10 * index)
