"""Side-by-side measurements, in one run: `make bench`. Prints a table and writes benchmarks/results.json.

Every row is a median over the counted runs after a warm-up; rows that belong together are interleaved
(A B A B), so that a change of the machine's speed hits both.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.checks import numeric_gradients  # noqa: E402
from grader.grading import Desk  # noqa: E402
from grader.paths import find_assignment  # noqa: E402
from grader.records import Limits, Submission  # noqa: E402
from grader.samples import build, load_samples  # noqa: E402
from grader.subject import Subject  # noqa: E402
from grader.worker.inline import Inline  # noqa: E402
from grader.worker.launch import Spawner, default_launcher  # noqa: E402

TINY = """
def echo(x):
    return x

def affine(x, w, b):
    return x @ w + b
"""

Row = tuple[str, float, str]


def medians(runs: int, **contenders: Callable[[], object]) -> dict[str, float]:
    """Median wall seconds of each contender over `runs` interleaved rounds, after one that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(runs + 1):
        for name, run in contenders.items():
            begin = time.perf_counter()
            run()
            if round_:
                times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def tiny_subject(place: Path, launcher: object) -> Subject:
    return Subject(Submission(name="tiny", root=str(place), hashes={}), launcher, Limits())  # type: ignore[arg-type]


def start_up(tiny: Path, zygote: object, spawner: object) -> list[Row]:
    def warm() -> None:
        zygote.start(str(tiny), 2048).close()  # type: ignore[attr-defined]

    def cold() -> None:
        spawner.start(str(tiny), 2048).close()  # type: ignore[attr-defined]

    forked = medians(30, warm=warm)["warm"]
    pair = medians(3, cold=cold, warm=warm)
    return [
        ("a sandboxed worker, from the request to its end", forked * 1e3, "ms"),
        ("a cold worker process, the same", pair["cold"] * 1e3, "ms"),
        ("cold / forked", pair["cold"] / pair["warm"], "x"),
    ]


def ready(tiny: Path, zygote: object) -> list[Row]:
    times = []
    for _ in range(31):
        begin = time.perf_counter()
        worker = zygote.start(str(tiny), 2048)  # type: ignore[attr-defined]
        times.append(time.perf_counter() - begin)
        worker.close()
    return [("fork to sandboxed, ready worker", statistics.median(times[1:]) * 1e3, "ms")]


def calls(subject: Subject) -> list[Row]:
    small, large = np.zeros((3, 10)), np.zeros(10 << 17)
    w, b = np.zeros((10, 4)), np.zeros(4)
    found = medians(
        2000,
        number=lambda: subject.tiny.echo(1.0),
        small=lambda: subject.tiny.echo(small),
        affine=lambda: subject.tiny.affine(small, w, b),
    )
    big = medians(10, big=lambda: subject.tiny.echo(large))
    return [
        ("a call with a number", found["number"] * 1e6, "µs"),
        ("a call with a 3 × 10 tensor, there and back", found["small"] * 1e6, "µs"),
        ("a call with three tensors", found["affine"] * 1e6, "µs"),
        ("a call with 10 MB, there and back", big["big"] * 1e3, "ms"),
    ]


def gradient(subject: Subject, inline: Subject) -> list[Row]:
    """Central differences of x @ w + b in 200 scalars of w: 400 evaluations."""
    rng = np.random.default_rng(0)
    args = [rng.normal(size=(6, 20)), rng.normal(size=(20, 10)), rng.normal(size=10)]
    upstream = rng.normal(size=(6, 10))

    def over(target: Subject) -> Callable[[], object]:
        return lambda: numeric_gradients(
            lambda k, stack: target.tiny.affine.sweep(args, k, stack), args, [1], upstream
        )

    def singly() -> None:
        for sign in (1, -1):
            for i in range(200):
                w = args[1].copy()
                w.flat[i] += sign * 1e-6
                subject.tiny.affine(args[0], w, args[2])

    found = medians(20, wire=over(subject), inline=over(inline))
    one_by_one = medians(5, singly=singly)["singly"]
    return [
        ("numeric gradient of 200 scalars, in this process", found["inline"] * 1e3, "ms"),
        ("… over the wire, one message", found["wire"] * 1e3, "ms"),
        ("… over the wire, one message per evaluation", one_by_one * 1e3, "ms"),
        ("wire / in this process", found["wire"] / found["inline"], "x"),
    ]


def gradings(zygote: object, spawner: object, place: Path) -> list[Row]:
    """All modules, without notebooks, through the engine, with a warm zygote and with cold processes."""
    a2 = find_assignment("a2")
    wanted = ("code_only", "nothing_done")
    samples = {sample.name: build(sample, a2, place) for sample in load_samples(a2) if sample.name in wanted}
    with Desk(a2, zygote) as warm, Desk(a2, spawner, required="none") as cold:  # type: ignore[arg-type]
        found = medians(
            3,
            warm=lambda: warm.grade(samples["code_only"]),
            cold=lambda: cold.grade(samples["code_only"]),
        )
        stub = medians(5, stub=lambda: warm.grade(samples["nothing_done"]))["stub"]
    return [
        ("grading all modules of a submission, warm zygote", found["warm"], "s"),
        ("grading all modules of a submission, cold processes", found["cold"], "s"),
        ("cold / warm", found["cold"] / found["warm"], "x"),
        ("grading untouched stubs, zygote ready", stub, "s"),
    ]


def command_line(place: Path) -> list[Row]:
    """`grade.py run` as a whole against the two things that nobody can avoid: importing torch, and the
    processor time of the student's own code."""
    a2 = find_assignment("a2")
    complete = next(sample for sample in load_samples(a2) if sample.name == "code_only")
    source = build(complete, a2, place)
    out = place / "reports"
    command = [sys.executable, str(ROOT / "grade.py"), "run", "a2", str(source), "--out", str(out)]
    importing = [sys.executable, "-c", "import torch, torchvision"]
    # One thread, as in a worker: the comparison is about the import, not about thread pools.
    quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "OMP_NUM_THREADS": "1"}, "check": True}
    found = medians(
        5,
        run=lambda: subprocess.run(command, **quiet),  # type: ignore[call-overload]
        importing=lambda: subprocess.run(importing, **quiet),  # type: ignore[call-overload]
    )
    card = msgspec.json.decode((out / "scorecard.json").read_bytes())
    floor = found["importing"] + card["cpu_s"]
    return [
        ("`grade.py run` on all modules of a submission, wall", found["run"], "s"),
        ("`import torch, torchvision` in a cold process", found["importing"], "s"),
        ("processor time in the student's code", card["cpu_s"], "s"),
        ("wall / (import + student's processor time)", found["run"] / floor, "x"),
    ]


def publish(rows: list[Row], file: str, column: str) -> None:
    """Prints the rows as a table of Markdown, and writes them to `file` beside this one. column: of the figures."""
    width, figures = max(len(label) for label, _value, _unit in rows), "-" * (len(column) + 2)
    print(f"| {'what':{width}} | {column} |\n|{'-' * (width + 2)}|{figures}|")
    for label, value, unit in rows:
        print(f"| {label:{width}} | {value:.3g} {unit} |")
    record = {
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "rows": [{"what": label, column: float(f"{value:.4g}"), "unit": unit} for label, value, unit in rows],
    }
    encoded = msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"
    (ROOT / "benchmarks" / file).write_bytes(encoded)


def main() -> None:
    zygote, spawner = default_launcher(), Spawner()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-torchgrade-") as name:
        place = Path(name)
        place.chmod(0o755)
        tiny = place / "tiny"
        tiny.mkdir()
        (tiny / "tiny.py").write_text(TINY)
        subject = tiny_subject(tiny, zygote)
        rows += ready(tiny, zygote)
        rows += start_up(tiny, zygote, spawner)
        rows += calls(subject)
        rows += gradings(zygote, spawner, place)
        rows += command_line(place)
        # Last, since it brings torch into this process.
        rows += gradient(subject, tiny_subject(tiny, Inline()))
        subject.close()
    zygote.close()
    spawner.close()
    publish(rows, "results.json", "median")


if __name__ == "__main__":
    main()
