"""The suites of all assignments under audit, through the real command."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from grader.paths import ROOT, assignments


@pytest.mark.timeout(3000)  # a hundred gradings
@pytest.mark.parametrize("assignment", [assignment.id for assignment in assignments()])
def test_a_suite_is_sound(assignment: str) -> None:
    """Reference full marks, stubs 0, every check fails on a mutant that names it, every alternative is right."""
    command = [sys.executable, str(ROOT / "grade.py"), "audit", assignment, "--few"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    graded = {kind: int(count) for count, kind in re.findall(r"^ *(\d+) (\w+)$", done.stdout, re.MULTILINE)}
    assert graded["mutant"] >= 20 and graded["alternative"] >= 10
    assert re.search(r"reference: (\S+) / \1\nstubs: 0 / \1\nThe suite is sound[.]", done.stdout)
