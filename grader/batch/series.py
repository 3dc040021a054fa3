"""One session of pytest for many submissions: the suite is collected once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import pytest

from grader import interrupt
from grader.plugin import RUN, SPEC, Grading, Run
from grader.records import Status

Task = tuple[Run, Collection[str]]  # one submission, and the checks to judge


class Series(Grading):
    """Judges one submission after the other.

    first: the run for which the suite is collected; no check of it is judged.
    tasks: asked for the next one when the one before is done.
    done: called after each with its run, whatever ended it; what ended it early, and all after it, is the run's fault.
    """

    def __init__(self, first: Run, tasks: Iterable[Task], done: Callable[[Run], None]) -> None:
        super().__init__(first)
        self._first = first
        self._tasks = tasks
        self._done = done

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if self._first.fatal:
            return True
        for run, wanted in self._tasks:
            self.run = session.config.stash[RUN] = run
            run.specs = self._first.specs
            items = [item for item in session.items if item.stash[SPEC].id in wanted]
            run.selected = {item.stash[SPEC].id for item in items}
            try:
                for item, following in zip(items, [*items[1:], None], strict=True):
                    self._run(session, item, following)
                session._setupstate.teardown_exact(None)  # what fixtures made for the whole session is this one's
            except BaseException as error:
                run.fault = f"{type(error).__name__}: {error}"
                raise
            finally:
                self._done(run)
        return True

    def _run(self, session: pytest.Session, item: pytest.Item, following: pytest.Item | None) -> None:
        """Judges a check; or takes down what is known of it beforehand, without pytest's many hooks: of an unfinished
        submission most checks are skipped."""
        interrupt.check()
        spec = item.stash[SPEC]
        verdict = self.unjudged(spec)
        if verdict is not None and verdict.status is Status.SKIPPED:
            self.run.results[spec.id] = self.result(spec, verdict)
            self.run.on_result(self.run)
            return
        session._setupstate.teardown_exact(item)  # the item before was told of another one to follow
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
