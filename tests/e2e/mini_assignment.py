"""A whole assignment in a few lines, for tests of the grading itself: two files, six checks, 8 points."""

from __future__ import annotations

import json
from pathlib import Path

from grader.paths import Assignment
from grader.records import CheckScore, Scorecard

MANIFEST = """\
id = "mini"
title = "Mini assignment"
submitted = ["solution.py", "extras.py"]
given = ["given_helper.py"]
hidden_visibility = "after_published"

[limits]
import_s = 20.0
call_s = 10.0
check_s = 30.0
total_s = 120.0

[[parts]]
id = "p1"
title = "Numbers"
points = 6.0

[[parts]]
id = "p2"
title = "Words"
points = 2.0

[[questions]]
id = "scaling"
part = "p1"
title = "Scaling"
points = 4.0
files = ["solution.py"]

[[questions]]
id = "sampling"
part = "p1"
title = "Sampling"
points = 2.0
files = ["solution.py"]

[[questions]]
id = "words"
part = "p2"
title = "Words"
points = 2.0
files = ["extras.py"]
"""

HASTY = MANIFEST.replace("import_s = 20.0", "import_s = 2.0").replace("call_s = 10.0", "call_s = 2.0")

HELPER = "FACTOR = 3.25\n"

SOLUTION = '''\
"""Two ways with numbers."""

import torch

from given_helper import FACTOR


def scale(x):
    """x times the factor."""
    # BEGIN SOLUTION  multiply by the factor
    return FACTOR * x
    # END SOLUTION


def total(x):
    """The sum of scale(x)."""
    # BEGIN SOLUTION  sum what scale gives
    return scale(x).sum()
    # END SOLUTION


def sample(kind, n):
    """n numbers of one kind: "even" or "odd", from 0 or 1 on."""
    # BEGIN SOLUTION  count in twos
    return 2 * torch.arange(n) + (kind == "odd")
    # END SOLUTION
'''

EXTRAS = '''\
"""A way with words."""


def shout(word):
    """The word in capitals."""
    # BEGIN SOLUTION  capitals
    return word.upper()
    # END SOLUTION
'''

SUITE_P1 = '''\
import numpy as np
import pytest

from grader.checks import EXACT, close, rel


@pytest.mark.check("p1.scale", question="scaling", points=1)
def test_scale(student, stored):
    """scale multiplies by the factor"""
    x = stored.array("x")
    close(student.solution.scale(x), stored.array("scaled"), name="y", dims="N", tol=rel(1e-6))


@pytest.mark.check("p1.scale.sizes", question="scaling", points=2, needs="p1.scale", hidden=True)
def test_scale_sizes(student):
    """scale takes every shape"""
    x = np.linspace(1, 2, 6).reshape(2, 3)
    close(student.solution.scale(x), 3.25 * x, name="y", dims="N D", tol=rel(1e-6))


@pytest.mark.check("p1.total", question="scaling", points=1, needs="p1.scale")
def test_total(student, reference, stored):
    """total adds up what scale gives"""
    x = stored.array("x")
    close(student.solution.total(x), reference.solution.total(x), name="s", dims="", tol=rel(1e-6))


@pytest.mark.parametrize(("kind", "first"), [("even", 0), ("odd", 1)])
@pytest.mark.check("p1.sample_{kind}", question="sampling", points=1)
def test_sample(student, kind, first):
    """sample counts {kind} numbers"""
    close(student.solution.sample(kind, 4), first + 2 * np.arange(4), name="n", dims="N", tol=EXACT)
'''

SUITE_P2 = '''\
import pytest

from grader.checks import equal



@pytest.mark.check("p2.shout", question="words", points=2)
def test_shout(student):
    """shout gives capitals"""
    equal(student.extras.shout("quiet"), "QUIET", name="word")
'''

# Two questions that staff judge, in a notebook; left out of the assignment unless a test asks for them.
WRITTEN_MANIFEST = (
    MANIFEST.replace('"extras.py"]', '"extras.py", "notes.ipynb"]')
    .replace('title = "Words"\npoints = 2.0\n\n[[questions]]', 'title = "Words"\npoints = 5.0\n\n[[questions]]')
    + """
[[questions]]
id = "inline_1"
part = "p2"
title = "Inline question 1"
points = 1.0
files = ["notes.ipynb"]
written = { notebook = "notes.ipynb", cell = "inline-1", heading = "Inline question 1", rubric = [
    "A matrix product adds products up.", "Its order matters.",
] }

[[questions]]
id = "inline_2"
part = "p2"
title = "Inline question 2"
points = 2.0
files = ["notes.ipynb"]
written = { notebook = "notes.ipynb", cell = "inline-2", heading = "Inline question 2", rubric = [
    "Small steps converge.",
] }
"""
)

PLACEHOLDER = "**Your answer:**"
ASKED = {
    "inline-1": "### Inline question 1\n\nWhat does a matrix product do, and does the order matter?",
    "inline-2": "### Inline question 2\n\nWhy may a smaller step be the better one?",
}
MODEL = {
    "inline-1": "It adds up the products of rows and columns, so that the order of the two factors matters.",
    "inline-2": "A large step may jump over the minimum, and then over it again, so that nothing converges.",
}


def cell(source: str, id_: str = "", kind: str = "markdown", tags: tuple[str, ...] = ()) -> dict[str, object]:
    """A cell of a notebook as nbformat 4.5 stores it; without an id as older formats do."""
    code = {"outputs": [], "execution_count": None} if kind == "code" else {}
    ids = {"id": id_} if id_ else {}
    return {"cell_type": kind, **ids, "metadata": {"tags": list(tags)} if tags else {}, "source": source, **code}


def notebook(cells: list[dict[str, object]]) -> str:
    """The file of a notebook with these cells."""
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def notes(answers: dict[str, str]) -> str:
    """The notebook with these answers by cell id; the placeholder where there is none."""
    cells = [cell("# Notes", "title"), cell("x = 1", "code-1", "code")]
    for id_, asked in ASKED.items():
        answer = f"{PLACEHOLDER}\n\n{answers[id_]}" if id_ in answers else PLACEHOLDER
        cells += [cell(asked, f"ask-{id_}", tags=("question",)), cell(answer, id_, tags=("answer",))]
    cells += [cell("## The end\n\nHand everything in.", "end"), cell("print(x)", "code-2", "code")]
    return notebook(cells)


WRITTEN_FILES = {"reference/mini/assignment.toml": WRITTEN_MANIFEST, "reference/mini/notes.ipynb": notes(MODEL)}

# The same assignment with every rule of a hand-out; left out of it unless a test asks for them.
POLICY_MANIFEST = (
    MANIFEST
    + """
[[questions]]
id = "rules"
part = "p1"
title = "Rules of the hand-out"
points = 0.0

[[policies]]
check = "p1.files"
rule = "files"

[[policies]]
check = "p1.runs"
rule = "runs"

[[policies]]
check = "p1.imports"
rule = "imports"
severity = "zero_file"
allow = ["import math"]

[[policies]]
check = "p1.definitions"
rule = "definitions"
severity = "zero_file"

[[policies]]
check = "p1.calls"
rule = "calls"
severity = "cap"
keeps = 0.25
parts = ["p1"]
files = ["solution.py"]
forbid = ["torch.sum", "torch.nn.L*"]

[[policies]]
check = "p1.given"
rule = "given"

[[policies]]
check = "p1.output"
rule = "output"
severity = "zero_part"
parts = ["p2"]

[[policies]]
check = "p1.edition"
rule = "edition"
severity = "zero_part"
editions = { "Spring 2021" = ["vowels.py", "extras.py:shout(loud)"], "Autumn 2020" = ["vowels.py"] }
"""
)

SUITE_RULES = '''\
import numpy as np
import pytest


def numbers(student):
    x = np.arange(3.0)
    student.solution.scale(x)
    student.solution.total(x)
    student.solution.sample("odd", 3)


def words(student):
    student.extras.shout("quiet")


@pytest.mark.parametrize("rule", ["files", "runs", "imports", "definitions", "calls", "given", "edition"])
@pytest.mark.check("p1.{rule}", question="rules", points=0)
def test_rule(policy, rule):
    """The rule about {rule} is kept"""
    policy.judge()


@pytest.mark.check("p1.output", question="rules", points=0)
def test_output(policy):
    """Nothing is printed"""
    policy.judge(numbers, words)
'''

RULES = ("files", "runs", "imports", "definitions", "calls", "given", "edition", "output")
POLICY_FILES = {"reference/mini/assignment.toml": POLICY_MANIFEST, "tests/mini/test_p1_rules.py": SUITE_RULES}

PUBLISHED = {"x": [0.5, 1.5, 2.75], "scaled": [1.625, 4.875, 8.9375]}

CHECKS = ("p1.scale", "p1.scale.sizes", "p1.total", "p1.sample_even", "p1.sample_odd", "p2.shout")

FILES = {
    "reference/mini/assignment.toml": MANIFEST,
    "reference/mini/given_helper.py": HELPER,
    "reference/mini/solution.py": SOLUTION,
    "reference/mini/extras.py": EXTRAS,
    "tests/mini/test_p1_numbers.py": SUITE_P1,
    "tests/mini/test_p2_words.py": SUITE_P2,
    "fixtures/mini/published/numbers.json": json.dumps(PUBLISHED),
}


def write_files(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Makes the folder with these files; returns it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def write_mini(root: Path, changed: dict[str, str | bytes] | None = None) -> Assignment:
    """The assignment at `root`; `changed` replaces or adds files of the repository."""
    write_files(root, {**FILES, **(changed or {})})
    return Assignment("mini", root=root)


def swap(text: str, old: str, new: str) -> str:
    """`text` with its one `old` replaced."""
    assert text.count(old) == 1, f"{text.count(old)} times: {old}"
    return text.replace(old, new)


def statuses(card: Scorecard) -> dict[str, str]:
    return {check.id: check.status.value for check in card.checks}


def check(card: Scorecard, id_: str) -> CheckScore:
    return next(check for check in card.checks if check.id == id_)
