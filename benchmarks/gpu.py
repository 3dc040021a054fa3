"""The lane for GPUs on a real one: its tests, then what checks of speed measure there.

    python benchmarks/gpu.py [DEVICE]

DEVICE is "cuda" unless it is given, "cuda:1" for another one. The tables go into the docs: of every check of speed in
a2, for the reference against itself, what was measured in RUNS runs, each with workers of its own; and, as a
cross-check, the same work by the parent's clock and by CUDA's events. The parent's includes a question and an answer
that carry nothing.

Exit codes: 0 · 1 a test failed, or a check did not pass · 2 no GPU was found.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from msgspec import structs  # noqa: E402

from grader.batch.series import Series, Task  # noqa: E402
from grader.errors import GraderError  # noqa: E402
from grader.gpu import find_gpu  # noqa: E402
from grader.grading import Desk, run_pytest, versions  # noqa: E402
from grader.meter import OutsideMeter  # noqa: E402
from grader.paths import find_assignment  # noqa: E402
from grader.plugin import Run  # noqa: E402
from grader.records import CheckResult, Gpu, Limits, Placement, Submission  # noqa: E402
from grader.subject import Subject  # noqa: E402
from grader.worker.launch import Launcher, default_launcher  # noqa: E402

RUNS = 5
SIZES = 1024, 2048, 4096, 8192
REPEATED = 20

PRODUCTS = """
import torch

def products(size, repeated):
    a = torch.ones(size, size)
    torch.cuda.synchronize()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeated):
        a @ a
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000
"""


def measured(desk: Desk) -> dict[str, CheckResult]:
    """The results of all checks of speed, the reference in the place of a submission, on the desk's GPU."""
    wanted = {limit.check for limit in desk.manifest.speeds}
    placed = structs.replace(desk.manifest, devices=dict.fromkeys(wanted, Placement(device="any")))
    student = desk.subject(desk.stage(desk.assignment.reference))
    first, run = (Run(placed, student, desk.reference, desk.stored) for _ in range(2))

    def tasks() -> Iterator[Task]:
        yield run, wanted

    try:
        run_pytest(desk.assignment, desk.manifest, Series(first, tasks(), lambda _run: None))
    finally:
        student.close()
    if fatal := first.fatal or run.fatal:
        raise fatal
    return run.results


def print_speeds(desk: Desk) -> bool:
    """A row for each check. Whether all passed on the GPU each time."""
    rounds = [measured(desk) for _ in range(RUNS)]
    good = True
    print("| check | kind | figure (median of runs) | lowest to highest | allowed | outcome |")
    print("|---|---|---|---|---|---|")
    for id_ in rounds[0]:
        results = [results[id_] for results in rounds]
        figures = [result.timing.figure for result in results if result.timing]
        limit = next(limit for limit in desk.manifest.speeds if limit.check == id_)
        said = sorted({f"{result.status}{f' ({result.message})' * bool(result.message)}" for result in results})
        spread = f"{min(figures):.3g} to {max(figures):.3g}" if figures else ""
        middle = f"{statistics.median(figures):.3g}" if figures else ""
        print(f"| `{id_}` | {limit.kind} | {middle} | {spread} | {limit.allowed:g} | {'; '.join(said)} |", flush=True)
        good = good and all(result.status == "passed" and result.device != "cpu" for result in results)
    return good


def print_cross_check(launcher: Launcher, gpu: Gpu) -> None:
    """Seconds by both clocks, for products of matrices of several sizes."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        Path(folder, "products.py").write_text(PRODUCTS)
        subject = Subject(Submission(name="products", root=folder, hashes={}), launcher, Limits(call_s=60.0), gpu=gpu)
        subject.move(True)
        print(f"| {REPEATED} products of | parent's clock, ms | CUDA's events, ms | parent / events |")
        print("|---|---|---|---|")
        try:
            for size in SIZES:
                subject.products.products(size, 2)  # the first time of everything
                [events_s], cost = OutsideMeter().cost(subject, [(subject.products.products, (size, REPEATED))])
                ms = f"{1000 * cost.calls_s:.2f} | {1000 * events_s:.2f}"
                print(f"| {size} × {size} | {ms} | {cost.calls_s / events_s:.3f} |", flush=True)
        finally:
            subject.close()


def main(device: str) -> int:
    try:
        gpu = find_gpu(device)
    except GraderError as error:
        print(f"gpu: no GPU was found: {error}", file=sys.stderr)
        return 2
    if gpu is None:
        print("gpu: the CPU is none; leave the device out, or name one: cuda:1", file=sys.stderr)
        return 2
    environment = {**os.environ, "TORCHGRADE_GPU": device}
    tested = subprocess.run([sys.executable, "-m", "pytest", "-q", str(ROOT / "tests/gpu")], env=environment, cwd=ROOT)
    launcher = default_launcher()
    try:
        with Desk(find_assignment("a2"), launcher, required="none", gpu=gpu) as desk:
            good = print_speeds(desk)
        print()
        print_cross_check(launcher, gpu)
        print("\n" + ", ".join(f"{name} {version}" for name, version in versions(launcher, gpu).items()))
    finally:
        launcher.close()
    return 0 if good and tested.returncode == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "cuda"))
