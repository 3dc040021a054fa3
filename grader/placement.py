"""Points of checks that need a GPU, where there is none: pure, like scoring, which asks here.

Such a check was not judged, so its points are neither earned nor lost: the question's other checks carry them, each in
proportion to its own, or they wait for a run that has a GPU. Where no other check has points they wait in any case.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from grader.records import CheckSpec, Manifest, Placement

NEEDS_GPU: Final = "not run here: needs a GPU"
CARRIED: Final = "the rest of the question carries its points"
WAITING: Final = "its points wait until staff run it where there is one"


class Worth(NamedTuple):
    """What checks are worth in one run. points: of every check, 0 of those that were not run. waiting: check -> points
    that count neither way yet. absent: the checks that were not run for want of a GPU."""

    points: dict[str, float]
    waiting: dict[str, float]
    absent: frozenset[str]


def worth(manifest: Manifest, specs: Sequence[CheckSpec], absent: Collection[str]) -> Worth:
    """specs: the suite. absent: checks that need a GPU and had none."""
    found = Worth({spec.id: spec.points for spec in specs}, {}, frozenset(absent))
    for question in dict.fromkeys(spec.question for spec in specs if spec.id in absent):
        here = [spec for spec in specs if spec.question == question and spec.id not in absent]
        own = math.fsum(spec.points for spec in here)
        carried = 0.0
        for spec in specs:
            if spec.question != question or spec.id not in absent:
                continue
            found.points[spec.id] = 0.0
            if own and manifest.devices.get(spec.id, Placement()).without == "carry":
                carried += spec.points
            elif spec.points:
                found.waiting[spec.id] = spec.points
        for spec in here:
            found.points[spec.id] += carried * spec.points / own if own else 0.0
    return found


def on_gpu(manifest: Manifest, check: str) -> bool:
    """Whether the check is judged on the GPU of a run that has one."""
    return manifest.devices.get(check, Placement()).device != "cpu"


def only_on_gpu(manifest: Manifest, check: str) -> bool:
    """Whether the check is judged on a GPU or not at all."""
    return manifest.devices.get(check, Placement()).device == "cuda"
