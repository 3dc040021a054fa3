"""Rules for the suites of checks, read from their sources: what a student returns must never break a suite.

An exception of a suite leaves a check ungraded, so a suite fails a check through a Verdict alone, and takes
what it computes with through `grader.checks.tensor`, which answers a wrong type with one.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from grader.manifest import load_manifest
from grader.paths import assignments

SUITES = [file for assignment in assignments() for file in sorted(assignment.suite.glob("test_*.py"))]
NAMES = [f"{file.parent.name}-{file.stem}" for file in SUITES]


def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))


def test_there_are_suites() -> None:
    """The rules below are held against every part of every assignment; one that staff alone judge has no suite."""
    for assignment in assignments():
        files = {file.name.split("_")[1] for file in SUITES if file.parent == assignment.suite}
        manifest = load_manifest(assignment.manifest)
        assert files == {question.part for question in manifest.questions if not question.written}


@pytest.mark.parametrize("file", SUITES, ids=NAMES)
def test_no_bare_assert(file: Path) -> None:
    """A suite holds no assert statement: a failed one would say nothing to the student."""
    lines = [node.lineno for node in nodes(file) if isinstance(node, ast.Assert)]
    assert not lines, f"{file.name}: assert in lines {lines}; raise a Verdict"


@pytest.mark.parametrize("file", SUITES, ids=NAMES)
def test_no_unchecked_arrays(file: Path) -> None:
    """A suite never turns a reply into an array by np.asarray, which takes or breaks on anything."""
    lines = [node.lineno for node in nodes(file) if isinstance(node, ast.Attribute) and node.attr == "asarray"]
    assert not lines, f"{file.name}: asarray in lines {lines}; use grader.checks.tensor"
