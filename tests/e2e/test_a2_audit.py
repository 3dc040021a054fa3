"""Assignment a2 under audit, through the real command."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from grader.paths import ROOT


@pytest.mark.timeout(3000)  # some 240 gradings
def test_the_suite_of_a2_is_sound() -> None:
    """Reference full marks, stubs 0, every mutant caught where it should be, every alternative right."""
    command = [sys.executable, str(ROOT / "grade.py"), "audit", "a2"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    graded = {kind: int(count) for count, kind in re.findall(r"^ *(\d+) (\w+)$", done.stdout, re.MULTILINE)}
    assert graded["mutant"] >= 60 and graded["alternative"] >= 12
    assert re.search(r"reference: (\S+) / \1\nstubs: 0 / \1\nThe suite is sound[.]", done.stdout)
