"""How safe the training check of a2, part 2 is: 20 seeds of the reference and of every alternative solution.

    python benchmarks/margins_p2.py [SEEDS]

A row per solution and set of sums: how many seeds reach the accuracy that the check asks for, the lowest
accuracy, the most steps of training, and the longest time of one training in seconds.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from types import ModuleType

from grader.grading import Desk
from grader.paths import Assignment, find_assignment
from grader.worker.launch import default_launcher

SUITE_FILE = "test_p2_10_transformer_training.py"


def load_suite(assignment: Assignment) -> ModuleType:
    spec = importlib.util.spec_from_file_location("training", assignment.suite / SUITE_FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(seeds: int) -> None:
    assignment = find_assignment("a2")
    suite = load_suite(assignment)
    launcher = default_launcher()
    print(f"{'solution':<20} {'sums':<13} {'passed':>8} {'lowest':>7} {'steps':>6} {'seconds':>8}")
    try:
        with Desk(assignment, launcher, required="none") as desk:
            for folder in [assignment.reference, *sorted(assignment.alternatives.glob("tf_*"))]:
                student = desk.subject(desk.stage(folder))
                for name in ("TWO_DIGITS", "THREE_DIGITS"):
                    runs = []
                    for seed in range(seeds):
                        start = time.perf_counter()
                        accuracy, steps = suite.trained(student, desk.stored, getattr(suite, name), seed)
                        runs.append((accuracy, steps, time.perf_counter() - start))
                    accuracies, steps_taken, seconds = zip(*runs, strict=True)
                    passed = f"{sum(a >= suite.ACCURACY for a in accuracies)}/{seeds}"
                    label = "reference" if folder == assignment.reference else folder.name
                    print(
                        f"{label:<20} {name.lower():<13} {passed:>8} {min(accuracies):>7.3f} "
                        f"{max(steps_taken):>6} {max(seconds):>8.2f}",
                        flush=True,
                    )
                student.close()
    finally:
        launcher.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
