"""How steady the checks of speed are: `make bench-timing`. Prints tables and writes them into docs/timing.md.

    python benchmarks/timing.py [--runs 50] [--row-limit 600] [--load] [--assignment a2]
                                [--only p3.loss_speed ...] [--solutions reference ...]

For each check of the manifest's `[[speeds]]`: the reference, every alternative that answers the check's question, and
every mutant that the check is to catch, each judged --runs times, ten of them in one pair of workers, or as often as
--row-limit seconds allow.

--load: while as many processes as there are processors compute and move memory.
Without it also, what share of what is measured is none of the submission's: by a probe that takes the same and gives
equal values which lie ready.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grader.audit import Variant, variants, write_variant  # noqa: E402
from grader.checks.timing import Plan, Timer  # noqa: E402
from grader.errors import Verdict  # noqa: E402
from grader.grading import Desk  # noqa: E402
from grader.meter import Calls, OutsideMeter  # noqa: E402
from grader.paths import Assignment, find_assignment  # noqa: E402
from grader.records import SpeedLimit, Status, Timing  # noqa: E402
from grader.subject import Subject  # noqa: E402
from grader.worker.launch import default_launcher  # noqa: E402

DOCS = ROOT / "docs/timing.md"
RUNS = 10  # in one pair of workers
PROBE = """
import itertools

def keep(values):
    global READY
    READY = itertools.cycle(values)

def give(*args):
    return next(READY)
"""


class Check(NamedTuple):
    limit: SpeedLimit
    question: str
    test: Callable[[Any], None]  # takes a Timer, or what looks like one


def checks_of(assignment: Assignment, limits: tuple[SpeedLimit, ...]) -> list[Check]:
    """The tests that the suite marks with the limits' ids."""
    found = {}
    for path in sorted(assignment.suite.glob("test_*_speed.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for test in vars(module).values():
            for mark in getattr(test, "pytestmark", ()):
                found[mark.args[0]] = mark.kwargs["question"], test
    return [Check(limit, *found[limit.check]) for limit in limits]


def to_judge(every: list[Variant], check: Check, files: set[str]) -> list[tuple[str, bool, Variant]]:
    """Name, whether it should pass, variant."""
    rows = []
    for variant in every:
        if variant.kind == "reference":
            rows.append(("reference", True, variant))
        elif variant.kind == "alternative" and files & {*variant.files}:
            rows.append((variant.id, check.limit.check not in variant.slow, variant))
        elif variant.mutant and check.limit.check in variant.mutant.caught_by:
            rows.append((f"*{variant.id}*", False, variant))
    return rows


def judged(check: Check, student: Subject, rival: Subject, seed: int) -> tuple[str, Timing | None]:
    """How the check ended: passed, failed, timed_out, or skipped where it could not be measured."""
    told: list[Timing] = []
    try:
        check.test(Timer(check.limit, student, rival, OutsideMeter(), told.append, Status.SKIPPED, seed))
    except Verdict as verdict:
        return verdict.status.value, told[0] if told else None
    return Status.PASSED.value, told[0]


def verdicts(
    check: Check, student: Subject, rival: Subject, runs: int, row_limit_s: float
) -> Iterator[tuple[str, Timing | None]]:
    """How the check ends, again and again."""
    until = time.monotonic() + row_limit_s
    for seed in range(runs):
        if seed % RUNS == 0:  # what comes with a worker, such as where its memory lies, must not decide
            student.fresh()
            rival.fresh()
        yield judged(check, student, rival, seed)
        if time.monotonic() > until:
            break


def line(name: str, should_pass: bool, endings: list[tuple[str, Timing | None]]) -> str:
    statuses = [status for status, _timing in endings]
    figures = [timing.figure for _status, timing in endings if timing]
    shown = " | ".join(f"{f(figures):.3g}" for f in (statistics.median, min, max)) if figures else "– | – | –"
    runs = f"{statistics.median(timing.runs for _status, timing in endings if timing):g}" if figures else "–"
    right = statuses.count("passed") if should_pass else len(statuses) - statuses.count("passed")
    right -= 0 if should_pass else statuses.count("skipped")
    verdict = "passes" if should_pass else "fails"
    mark = "" if right == len(statuses) else " **(!)**"
    return f"| {name} | {shown} | {runs} | {verdict} {right} of {len(statuses)}{mark} | {statuses.count('skipped')} |"


def steadiness(
    desk: Desk, every: list[Variant], checks: list[Check], options: argparse.Namespace, place: Path
) -> Iterator[str]:
    reference = desk.stage(desk.assignment.reference)
    for check in checks:
        files = {file for q in desk.manifest.questions if q.id == check.question for file in q.files}
        yield f"\n`{check.limit.check}`: {check.limit.kind}, {check.limit.allowed:g} allowed\n"
        yield "| solution | figure: median | lowest | highest | repetitions | verdict | not measured |"
        yield "|---|---|---|---|---|---|---|"
        for name, should_pass, variant in to_judge(every, check, files):
            if options.solutions and variant.id not in options.solutions:
                continue
            folder = place / check.limit.check / variant.id
            write_variant(variant, desk.assignment, desk.manifest, folder)
            student = desk.subject(desk.stage(folder))
            with contextlib.closing(student):
                rival = student.rival(reference)
                yield line(name, should_pass, [*verdicts(check, student, rival, options.runs, options.row_limit)])


class Transport:
    """Stands in for a Timer, and finds out what of the calls is transport."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.shares: list[tuple[str, int, float, float]] = []  # what, how many calls, seconds, of them transport

    def _add(self, what: str, calls: Calls) -> None:
        ready, meter = self._subject.probes.ready, OutsideMeter()
        ready.keep(meter.cost(self._subject, calls)[0])
        bare = [(ready.give, args) for _function, args in calls]
        taken = [[meter.cost(self._subject, plan)[1].calls_s for plan in (calls, bare)] for _ in range(21)]
        self.shares.append((what, len(calls), *np.median(taken, axis=0).tolist()))

    def ratio(self, calls: Plan, *, inputs: Any, agree: Any, make: Any = lambda it: it) -> None:
        self._add("", calls(make(self._subject), inputs(np.random.default_rng(0))))

    def growth(self, calls: Plan, *, sizes: Any, inputs: Any, agree: Any, make: Any = lambda it: it) -> None:
        made = make(self._subject)
        for size in sizes:
            self._add(f"size {size}", calls(made, inputs(np.random.default_rng(0), size)))

    def margin(
        self, fast: Plan, slow: Plan, *, inputs: Any, agree: Any, than: str, make: Any = lambda it: it
    ) -> None:
        made = make(self._subject)
        self._add("fast", fast(made, inputs(np.random.default_rng(0))))
        self._add("slow", slow(made, inputs(np.random.default_rng(0))))


def transport(desk: Desk, checks: list[Check], place: Path) -> Iterator[str]:
    (place / "ready.py").write_text(PROBE)
    subject = Subject(
        desk.stage(desk.assignment.reference), desk.launcher, desk.manifest.limits, probes=place, reference=True
    )
    yield "\n| check | | calls | the reference takes | of that, transport |"
    yield "|---|---|---|---|---|"
    with contextlib.closing(subject):
        for check in checks:
            measure = Transport(subject)
            check.test(measure)
            for what, count, real, bare in measure.shares:
                yield f"| `{check.limit.check}` | {what} | {count} | {real * 1e3:.3g} ms | {bare / real:.1%} |"


def compute() -> None:
    """Takes a processor and the memory's bandwidth, for good."""
    block = np.random.default_rng(0).normal(size=(400, 400))
    big = np.zeros(4 << 20)
    while True:
        block = np.tanh(block @ block)
        big += 1


@contextlib.contextmanager
def loaded(wanted: bool) -> Iterator[None]:
    """While as many processes compute as there are processors."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=compute, daemon=True) for _ in range(os.cpu_count() or 1 if wanted else 0)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def publish(name: str, lines: list[str]) -> None:
    """Puts the lines between the markers of this name."""
    text = DOCS.read_text(encoding="utf-8")
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    content = "\n".join([begin, *lines, "", end])
    DOCS.write_text(pattern.sub(lambda _: content, text), encoding="utf-8")


def shown(lines: Iterator[str]) -> list[str]:
    kept = []
    for text in lines:
        print(text, flush=True)
        kept.append(text)
    return kept


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--row-limit", type=float, default=600.0, metavar="S", help="seconds for one solution's runs")
    parser.add_argument("--load", action="store_true")
    parser.add_argument("--assignment", default="a2")
    parser.add_argument("--only", nargs="*", default=[], help="checks; nothing is written to the page then")
    parser.add_argument("--solutions", nargs="*", default=[], help="the same for solutions")
    options = parser.parse_args()
    launcher = default_launcher()
    with (
        contextlib.closing(launcher),
        Desk(find_assignment(options.assignment), launcher, required="none") as desk,
        tempfile.TemporaryDirectory(prefix="bench-timing-") as name,
    ):
        limits = tuple(s for s in desk.manifest.speeds if not options.only or s.check in options.only)
        every = variants(desk.assignment, desk.manifest, ())
        known = {limit.check for limit in desk.manifest.speeds} | {variant.id for variant in every}
        if unknown := {*options.only, *options.solutions} - known:
            parser.error(f"nothing here is called {', '.join(sorted(unknown))}")
        checks = checks_of(desk.assignment, limits)
        tables = {} if options.load else {"transport": shown(transport(desk, checks, Path(name)))}
        with loaded(options.load):
            # The student's and the reference's rights are alike, whatever the machine allows.
            rows = steadiness(desk, every, checks, options, Path(name))
            tables["load" if options.load else "idle"] = shown(rows)
    if not (options.only or options.solutions):
        for title, lines in tables.items():
            publish(title, lines)


if __name__ == "__main__":
    main()
