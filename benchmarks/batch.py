"""What it costs to grade a class: `make bench-batch`. Prints a table and writes benchmarks/batch.json.

    python benchmarks/batch.py [--size 200] [--large [10000]]

All on the classes of `class_of`, on all processors, as many examiners as processors.

**Against a fresh pytest process per submission**, in rounds of A B C, medians. All three judge all checks, the hidden
ones included, of the same zips, and how the checks ended is compared. The student door judges visible checks alone, so
the other two are
  - `grade.py run` for each, as many at a time as there are processors: pytest, isolation, clocks and reports as in the
    batch, and a fresh import of torch each;
  - `one_run.py inside` for each, as many at a time: the least that a fresh process can do, which imports torch and the
    submitted files itself and runs pytest once, without isolation, clocks or reports, with the reference's answers
    given. Code that hangs or ends the process would end that, so no hostile submission is among these.

**A class** of --size submissions, hostile ones among them, once. Its overhead is what the processors had to offer from
the command's start to its end (wall x processors), less the zygote's start and the processor time in student code.
Processor time in student code is that of workers during checks: the import of submitted files, their calls, and the
frames. While code sleeps until its time is up, a processor may have nothing to do: that is the seconds of checks that
timed out less their processor time.

**Growth** with --large: that many stubs and small wrong submissions against a hundred of them: rate, memory, the page.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from class_of import mixed, small, write_class
from one_run import Figures
from run import ROOT, Row, publish

from grader.records import Scorecard, Status

CORES: Final = os.cpu_count() or 1
ROUNDS: Final = 3
SMALL, REAL = 48, 4  # submissions, against fresh processes
FEW: Final = 100  # that a large class is held against
QUESTION: Final = "rnn"
ONE_RUN: Final = str(Path(__file__).with_name("one_run.py"))
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
# One thread, as in a worker.
ENVIRONMENT: Final = {**os.environ, "OMP_NUM_THREADS": "1"}
SORT: Final = """async (key) => {
    const begin = performance.now();
    document.querySelector(`[data-sort=${key}]`).click();
    await new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn)));
    return performance.now() - begin;
}"""


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def command(*words: object, quiet: bool = True) -> float:
    """Wall seconds. quiet: what it prints is not shown."""
    begin = time.perf_counter()
    output = subprocess.PIPE if quiet else None
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
    )
    if done.returncode not in (0, 3):  # 3: not complete, which is counted
        sys.exit(f"{' '.join(map(str, words))} ended with {done.returncode}:\n{done.stderr}")
    return time.perf_counter() - begin


def grade_batch(source: Path, out: Path, *only: str, quiet: bool = False) -> tuple[float, Figures]:
    """Wall seconds of the whole command, and what it says of itself."""
    figures = out.with_suffix(".json")
    wall_s = command(ONE_RUN, "batch", figures, source, out, *only, quiet=quiet)
    return wall_s, msgspec.json.decode(figures.read_bytes(), type=Figures)


def cards(out: Path) -> Iterator[Scorecard]:
    for path in sorted(out.glob("*/scorecard.json")):
        yield msgspec.json.decode(path.read_bytes(), type=Scorecard)


# --- against fresh processes ------------------------------------------------------------------------


def outcomes(out: Path) -> dict[str, dict[str, Status]]:
    """Submission -> check -> how it ended, of what a suite judges."""
    return {
        card.submission.removesuffix(".zip"): {
            check.id: check.status for check in card.checks if check.status is not Status.AWAITING
        }
        for card in cards(out)
    }


def against_fresh(title: str, zips: Sequence[Path], place: Path) -> list[Row]:
    source, replies = zips[0].parent, place / "replies"
    replies.mkdir(exist_ok=True)
    fresh_out, inside_out = place / "fresh", place / "inside"

    def for_each(run: Callable[[Path], object]) -> float:
        begin = time.perf_counter()
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(run, zips))
        return time.perf_counter() - begin

    def run_fresh(path: Path) -> None:
        command(ROOT / "grade.py", "run", "a2", path, "--out", fresh_out / path.stem)

    def run_inside(path: Path) -> None:
        command(ONE_RUN, "inside", inside_out / f"{path.stem}.json", path, replies)

    inside_out.mkdir()
    tell(f"{title}: what the reference answers")
    for_each(run_inside)
    whole, running, fresh, inside = [], [], [], []
    for round_ in range(ROUNDS):
        tell(f"{title}: round {round_ + 1} of {ROUNDS}")
        out = place / f"batch{round_}"
        wall_s, figures = grade_batch(source, out, quiet=True)
        whole.append(wall_s)
        running.append(figures.judging_s)
        fresh.append(for_each(run_fresh))
        inside.append(for_each(run_inside))
    ended = outcomes(out)
    alone = {path.stem: msgspec.json.decode(path.read_bytes()) for path in inside_out.iterdir()}
    judged = sum(map(len, ended.values()))
    of = f"of {judged}"
    rate = {
        name: 60 * len(zips) / statistics.median(times)
        for name, times in (("whole", whole), ("running", running), ("fresh", fresh), ("inside", inside))
    }
    return [
        (f"{title}: `grade.py batch`, the whole command", rate["whole"], "a minute"),
        ("… from when torch is imported", rate["running"], "a minute"),
        ("… `grade.py run` for each", rate["fresh"], "a minute"),
        ("… a bare pytest process for each, nothing isolated", rate["inside"], "a minute"),
        ("… batch, torch imported / `grade.py run`", rate["running"] / rate["fresh"], "x"),
        ("… batch, torch imported / bare pytest", rate["running"] / rate["inside"], "x"),
        ("… checks that ended otherwise in `grade.py run`", different(ended, outcomes(fresh_out)), of),
        ("… checks that ended otherwise in bare pytest", different(ended, alone), of),
    ]


def different(some: dict[str, dict[str, Status]], others: dict[str, dict[str, Status]]) -> int:
    pairs = [(id_, check) for id_, checks in some.items() for check in checks]
    return sum(some[id_][check] != others.get(id_, {}).get(check) for id_, check in pairs)


# --- one class --------------------------------------------------------------------------------------


def one_class(size: int, place: Path) -> list[Row]:
    source, out = place / f"{size} mixed", place / "out"
    write_class(mixed(size), source)
    wall_s, figures = grade_batch(source, out)
    checks = [check for card in cards(out) for check in card.checks]
    student_s = sum(check.cpu_s for check in checks)
    slept_s = sum(max(0.0, c.seconds - c.cpu_s) for c in checks if c.status is Status.TIMED_OUT)
    overhead_s = (wall_s - figures.start_s) * CORES - student_s
    again_s, again = grade_batch(source, out, QUESTION)
    return [
        (f"{size} mixed submissions: `grade.py batch`, the whole command", wall_s, "s"),
        ("… of which the import of torch", figures.start_s, "s"),
        ("… submissions a minute", 60 * size / wall_s, "a minute"),
        ("… processor time in student code, each", student_s / size, "s"),
        ("… share of wall × processors in student code", 100 * student_s / (figures.judging_s * CORES), "%"),
        ("… share without waiting for code that sleeps", 100 * student_s / (figures.judging_s * CORES - slept_s), "%"),
        ("… overhead of each, in processor time", overhead_s / size, "s"),
        ("… overhead without waiting for code that sleeps", (overhead_s - slept_s) / size, "s"),
        ("… cannot be read, or not complete through our fault", figures.refused + figures.ungraded, f"of {size}"),
        ("… memory of the command's own process, at most", figures.parent_mib, "MiB"),
        ("… memory of an examiner, at most", figures.examiner_mib, "MiB"),
        (f"… `--only {QUESTION}`, the whole command", again_s, "s"),
        ("… share of the time for all", 100 * again_s / wall_s, "%"),
        ("… both from when torch is imported", 100 * again.judging_s / figures.judging_s, "%"),
    ]


# --- growth -----------------------------------------------------------------------------------------


def growth(large: int, place: Path, browser: Browser) -> list[Row]:
    rows: list[Row] = []
    for count in (FEW, large):
        source, out = place / f"{count} small", place / f"out{count}"
        tell(f"{count} small: writing them")
        write_class(small(count), source)
        wall_s, figures = grade_batch(source, out)
        page = out / "report.html"
        open_s, sort_s = in_browser(browser, page)
        rows += [
            (f"{count} small submissions: `grade.py batch`, the whole command", wall_s, "s"),
            ("… from when torch is imported", 60 * count / figures.judging_s, "a minute"),
            ("… memory of the command's own process, at most", figures.parent_mib, "MiB"),
            ("… memory of an examiner, at most", figures.examiner_mib, "MiB"),
            ("… cannot be read, or not complete through our fault", figures.refused + figures.ungraded, f"of {count}"),
            ("… size of report.html", page.stat().st_size / 1e6, "MB"),
            ("… until it is open in Chromium", open_s, "s"),
            ("… until it is sorted by another column", sort_s, "s"),
        ]
        shutil.rmtree(out)
        shutil.rmtree(source)
    return rows


def in_browser(browser: Browser, page: Path) -> tuple[float, float]:
    """Median seconds until the page and its table are there, and until the table is there in another order."""
    opened, sorted_ = [], []
    for _ in range(ROUNDS):
        tab = browser.new_page()
        begin = time.perf_counter()
        tab.goto(page.as_uri())
        tab.locator("#table tbody tr").first.wait_for(state="attached")
        opened.append(time.perf_counter() - begin)
        sorted_ += [tab.evaluate(SORT, key) / 1e3 for key in ("score", "people", "seconds", "id")]
        tab.close()
    return statistics.median(opened), statistics.median(sorted_)


def main() -> None:
    parser = argparse.ArgumentParser(description="What it costs to grade a class.")
    parser.add_argument("--size", type=int, default=200, metavar="N", help="submissions of the mixed class")
    parser.add_argument(
        "--large", type=int, nargs="?", const=10_000, metavar="N", help="also a class of so many small submissions"
    )
    given = parser.parse_args()
    tell(f"load before: {os.getloadavg()[0]:.1f}; beside other work, wall times say little")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if given.large and not path:
        parser.error("--large opens a page in Chromium: make browser")
    with tempfile.TemporaryDirectory(prefix="bench-torchgrade-") as name:
        place = Path(name)
        zips = write_class(small(min(SMALL, given.size)), place / "small" / "class")
        rows = against_fresh(f"{len(zips)} small submissions", zips, place / "small")
        tame = [made for made in mixed(given.size) if made.kind != "hostile"]
        zips = write_class(tame[:REAL], place / "real" / "class")
        rows += against_fresh(f"{len(zips)} real-sized submissions", zips, place / "real")
        rows += one_class(given.size, place)
        if given.large:
            with sync_playwright() as driver, driver.chromium.launch(executable_path=path) as browser:
                rows += growth(given.large, place, browser)
    publish(rows, "batch.json", "figure")


if __name__ == "__main__":
    main()
