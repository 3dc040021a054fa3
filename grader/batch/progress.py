"""How far a class is: a bar where somebody is looking, lines where a file is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from grader.batch.batch import Tally
from grader.report.gradescope import STATUS_WORDS, count_text

LINE_S: Final = 30.0  # between two lines of a log
SOME: Final = 3  # submissions, before a rate says anything


class Watching:
    """A context manager; call it with the tally as often as you like."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None, told="")
        self._title = title
        self._said = 0.0

    def __enter__(self) -> Callable[[Tally], None]:
        self._bar.start()
        return self._watch

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _watch(self, tally: Tally) -> None:
        if self._console.is_terminal:
            self._bar.update(self._task, total=tally.total, completed=tally.total - tally.left, told=told(tally))
        elif time.monotonic() - self._said > LINE_S or not self._said:
            self._said = time.monotonic()
            done = f"{tally.total - tally.left} of {count_text(tally.total, 'submission')}"
            self._console.print(f"{self._title}: {done}; {told(tally)}".rstrip("; "), soft_wrap=True, highlight=False)


def told(tally: Tally) -> str:
    """Counts, rate and time left, in one line."""
    parts = [
        f"{count} {words}"
        for count, words in (
            (tally.known, "known already"),
            (tally.refused, "cannot be read"),
            (tally.ungraded, "not complete"),
        )
        if count
    ]
    if tally.statuses:
        most = tally.statuses.most_common()
        parts.append("checks: " + ", ".join(f"{count} {STATUS_WORDS[status]}" for status, count in most))
    if tally.done >= SOME:
        rate = tally.rate()
        shown = f"{rate:.1f} a second" if rate >= 1 else f"{60 * rate:.1f} a minute"
        parts.append(f"{shown}, {timedelta(seconds=round(tally.left / rate))} left")
    return "; ".join(parts)
