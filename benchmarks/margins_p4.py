"""How safe the training check of a2, part 4 is: 20 seeds of the reference and of every alternative solution.

    python benchmarks/margins_p4.py [SEEDS]

A row per solution and set of blobs: how many seeds pass the check, the lowest mean IoU, and the longest time of one
training in seconds.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from types import ModuleType

from grader.errors import NeedsGpu, Verdict
from grader.grading import Desk
from grader.paths import Assignment, find_assignment
from grader.worker.launch import default_launcher

SUITE_FILE = "test_p4_4_dino.py"


def load_suite(assignment: Assignment) -> ModuleType:
    spec = importlib.util.spec_from_file_location("dino", assignment.suite / SUITE_FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(seeds: int) -> None:
    assignment = find_assignment("a2")
    suite = load_suite(assignment)
    judges = {
        "large": suite.judge_large,
        "small": lambda student, seed: suite.judge_small(student, suite.small(), seed),
        "small, five classes": lambda student, seed: suite.judge_small(student, suite.small(2, 5, 16), seed),
    }
    launcher = default_launcher()
    print(f"{'solution':<20} {'blobs':<20} {'passed':>8} {'lowest':>7} {'seconds':>8}")
    try:
        with Desk(assignment, launcher, required="none") as desk:
            for folder in [assignment.reference, *sorted(assignment.alternatives.glob("clip_*"))]:
                student = desk.subject(desk.stage(folder))
                try:
                    student["dl.clip_dino"].DINOSegmentation("cpu", 2)
                except NeedsGpu:
                    student.stay_on_cpu()
                for name, judge in judges.items():
                    found, slowest = [], 0.0
                    for seed in range(seeds):
                        start = time.perf_counter()
                        try:
                            found.append(judge(student, seed=seed))
                        except Verdict as verdict:
                            print(f"{folder.name}, seed {seed}: {verdict.text}")
                        slowest = max(slowest, time.perf_counter() - start)
                    passed = f"{len(found)}/{seeds}"
                    label = "reference" if folder == assignment.reference else folder.name
                    lowest = min(found, default=0.0)
                    print(f"{label:<20} {name:<20} {passed:>8} {lowest:>7.3f} {slowest:>8.2f}", flush=True)
                student.close()
    finally:
        launcher.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
