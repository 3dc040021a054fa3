"""What a result rests on, read from the file of its test."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.batch.suite import TestFile

FILE = '''\
import pytest
from hypothesis import given, strategies as st

SIZES = (1, 2)  # tried


@pytest.mark.check("p1.plain", question="q", points=1)
def test_plain(student):
    """plain title"""
    x = 1  # a remark
    student.call(x)


@given(n=st.integers(1, 6))
@pytest.mark.check("p1.drawn", question="q", points=2)
def test_drawn(student, n):
    """drawn title"""
    student.call(n)
'''


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("points=1", "points=7", ""),
        ("points=2", "points=7", ""),
        ("plain title", "another title", ""),
        ("# a remark", "# another remark", ""),
        ("x = 1", "x = 2", "plain"),
        ('"p1.plain", question="q"', '"p1.plain", question="q", hidden=True', "plain"),
        ("drawn title", "another title", "drawn"),  # hypothesis draws by the text of the test
        ("student.call(n)", "student.call(n + 1)", "drawn"),
        ("integers(1, 6)", "integers(1, 7)", "drawn"),
        ("SIZES = (1, 2)", "SIZES = (1, 3)", "plain drawn"),
    ],
)
def test_a_change_counts_for_those_it_can_change(tmp_path: Path, old: str, new: str, changed: str) -> None:
    """Points, titles and remarks of a test count for nothing; the rest of it for its check, what stands beside tests
    for all of the file."""
    assert FILE.count(old) == 1
    before, after = tmp_path / "test_before.py", tmp_path / "test_after.py"
    before.write_text(FILE)
    after.write_text(FILE.replace(old, new))
    one, other = TestFile(before), TestFile(after)
    differ = [name for name in ("plain", "drawn") if one.digest(f"test_{name}") != other.digest(f"test_{name}")]
    assert " ".join(differ) == changed
