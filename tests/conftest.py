"""What tests of several folders share: one real zygote, and folders that a worker may read.

Gradings load this file too where a suite lies below `tests`, so nothing heavy is imported at the top.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from grader.worker.launch import Zygote

Stage = Callable[[Mapping[str, str]], Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("torchgrade")
    group.addoption("--kills", type=int, default=1, help="seeded ends of each kind in tests of kills")
    group.addoption("--everywhere", action="store_true", help="try tricks in every environment that can be made")


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    """How many seeds each test of random kills runs."""
    found: int = request.config.getoption("--kills")
    return found


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The machine's own launcher, started once: `import torch` takes seconds."""
    from grader.worker.launch import default_launcher

    launcher = default_launcher()
    yield launcher  # type: ignore[misc]
    launcher.close()


@pytest.fixture(scope="module")
def stage_files() -> Iterator[Stage]:
    """Writes files into a new folder that every user may read, as intake does."""
    made: list[Path] = []

    def stage(files: Mapping[str, str]) -> Path:
        root = Path(tempfile.mkdtemp(prefix="staged-"))
        made.append(root)
        root.chmod(0o755)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True, mode=0o755)
            (root / name).write_text(dedent(text), encoding="utf-8")
        return root

    yield stage
    for root in made:
        shutil.rmtree(root)
