#!/usr/bin/env python3
"""How far from its limits is the training check of part 1 of a2, over many seeds and all known solutions?

    python benchmarks/margins_p1.py [--seeds 20] [SOLUTION ...]

Trains each cell of each solution (the reference and tests/a2/alternatives/*) as the check does, with another
data set, image encoder and initialisation for every seed, and prints a table: how many runs the check would
pass, the worst number of steps of those it may take, the worst of the two losses it looks at, the seconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grader.grading import Desk
from grader.paths import find_assignment
from grader.subject import Subject
from grader.worker.launch import default_launcher

A2 = find_assignment("a2")
FILE = "rnn_lstm_captioning.py"


def load_suite() -> ModuleType:
    """The check's own module: its data, its limits, its training."""
    path = A2.suite / "test_p1_6_captioning_training.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(suite: ModuleType, subject: Subject, cell: str, seeds: int) -> str:
    steps, right, wrong, seconds = [], [], [], []
    for seed in range(seeds):
        started = time.perf_counter()
        model, history, images, captions = suite.trained(subject, cell, seed)
        steps.append(len(history))
        right.append(float(model(images, captions)))
        wrong.append(float(model(images, np.roll(captions, 1, axis=0))))
        seconds.append(time.perf_counter() - started)
    passed = sum(r < suite.LEARNT and w > suite.UNLIKELY for r, w in zip(right, wrong, strict=True))
    return (
        f"{cell:5} {passed:3}/{seeds:<3} {min(steps):5} {max(steps):5} of {suite.STEPS} "
        f"{max(right):8.3f} < {suite.LEARNT} {min(wrong):8.1f} > {suite.UNLIKELY} {max(seconds):8.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("solutions", nargs="*", help="reference, or names below tests/a2/alternatives; default all")
    options = parser.parse_args()
    suite = load_suite()
    solutions = {"reference": A2.reference / FILE}
    solutions |= {path.parent.name: path for path in sorted(A2.alternatives.glob(f"*/{FILE}"))}
    print(f"{'solution':24} cell  passed  steps min max    worst right loss   worst wrong loss  slowest/s")
    launcher = default_launcher()
    try:
        with Desk(A2, launcher) as desk, tempfile.TemporaryDirectory() as place:
            for name in options.solutions or solutions:
                folder = Path(place) / name
                folder.mkdir()
                shutil.copyfile(solutions[name], folder / FILE)
                subject = desk.subject(desk.stage(folder))
                for cell in suite.CELLS:
                    print(f"{name:24} {measure(suite, subject, cell, options.seeds)}", flush=True)
                subject.close()
    finally:
        launcher.close()


if __name__ == "__main__":
    main()
