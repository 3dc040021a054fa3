"""Rules for the suites of checks, read from their sources: what a student returns must never break a suite.

An exception of a suite leaves a check ungraded, so a suite fails a check through a Verdict alone, and takes
what it computes with through `grader.checks.tensor`, which answers a wrong type with one.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from grader.paths import ROOT

SUITES = sorted((ROOT / "tests" / "a2").glob("test_p*.py"))


def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def test_there_are_suites() -> None:
    """The rules below are held against every part of the assignment."""
    assert {file.name[:7] for file in SUITES} == {"test_p1", "test_p2", "test_p3", "test_p4"}


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.stem)
def test_no_bare_assert(file: Path) -> None:
    """A suite holds no assert statement: a failed one would say nothing to the student."""
    lines = [node.lineno for node in nodes(file) if isinstance(node, ast.Assert)]
    assert not lines, f"{file.name}: assert in lines {lines}; raise a Verdict"


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.stem)
def test_no_unchecked_arrays(file: Path) -> None:
    """A suite never turns a reply into an array by np.asarray, which takes or breaks on anything."""
    lines = [node.lineno for node in nodes(file) if isinstance(node, ast.Attribute) and node.attr == "asarray"]
    assert not lines, f"{file.name}: asarray in lines {lines}; use grader.checks.tensor"
