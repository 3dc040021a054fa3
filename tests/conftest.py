"""What the tests of every kind share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from grader.worker.launch import Launcher, default_launcher


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """One zygote for the whole session: importing torch takes longer than most tests."""
    found = default_launcher()
    yield found
    found.close()
