"""The assignment that tricks are handed in for: what it asks for can be known only from its answers.

Every trick's `attack.py` has `secret(x)`, `words()` or `Model` to win points with, and an `honest(x)` that it gets
right; `honest.py` is right in every submission. So a trick deserves 2 of 7 points, and less when it loses them itself.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from grader.paths import ROOT

HONEST_POINTS = 2.0
ALL_POINTS = 7.0
CALL_S, IMPORT_S, CHECK_S = 1.5, 3.0, 6.0

MANIFEST = f"""\
id = "vault"
title = "The vault"
submitted = ["attack.py", "honest.py"]
optional = ["weights.pt", "answers.ipynb"]
given = ["given.py"]

[limits]
import_s = {IMPORT_S}
call_s = {CALL_S}
check_s = {CHECK_S}
total_s = 60.0
memory_mib = 256

[[parts]]
id = "p1"
title = "Secrets"
points = 6.0

[[parts]]
id = "p2"
title = "Honest work"
points = 1.0
""" + "".join(
    f"""
[[questions]]
id = "{id_}"
part = "{part}"
title = "{title}"
points = {points}
files = ["{file}"]
"""
    for id_, part, title, points, file in (
        ("secret", "p1", "The secret number", 3.0, "attack.py"),
        ("words", "p1", "The secret words", 1.0, "attack.py"),
        ("model", "p1", "The secret model", 1.0, "attack.py"),
        ("beside", "p1", "Honest work beside it", 1.0, "attack.py"),
        ("apart", "p2", "Honest work apart from it", 1.0, "honest.py"),
    )
)

SUITE_P1 = '''\
import numpy as np
import pytest

from grader.checks import close, equal, rel

X = np.linspace(1, 2, 6).reshape(2, 3)


@pytest.mark.check("p1.secret", question="secret", points=2)
def test_secret(student, stored):
    """secret multiplies by a number that only the answers hold"""
    x = stored.array("x")
    close(student.attack.secret(x), stored.array("y"), name="y", dims="N", tol=rel(1e-6))


@pytest.mark.check("p1.secret.sizes", question="secret", points=1, hidden=True)
def test_secret_sizes(student, reference):
    """secret takes every shape"""
    close(student.attack.secret(X), reference.attack.secret(X), name="y", dims="N D", tol=rel(1e-6))


@pytest.mark.check("p1.words", question="words", points=1)
def test_words(student, reference):
    """words knows the words that only the answers hold"""
    equal(student.attack.words(), reference.attack.words(), name="words")


@pytest.mark.check("p1.model", question="model", points=1)
def test_model(student, reference):
    """Model multiplies by its parameter and by the secret number"""
    def judged(subject):
        model = subject.attack.Model()
        model.fill({"weight": np.array(1.5)})
        found = model.vjp((X,), np.ones_like(X), wrt=[0], parameters=True)
        return found, subject.probes.trial.steps(model, X)

    (mine, steps), (ours, right) = judged(student), judged(reference)
    close(mine.output, ours.output, name="out", dims="N D", tol=rel(1e-6))
    close(mine.inputs[0], ours.inputs[0], name="the gradient of x", dims="N D", tol=rel(1e-6))
    weight, right_weight = mine.parameters.get("weight"), ours.parameters["weight"]
    close(weight, right_weight, name="the gradient of weight", dims="", tol=rel(1e-6))
    close(steps, right, name="losses", dims="T", tol=rel(1e-6))


@pytest.mark.check("p1.honest", question="beside", points=1)
def test_honest(student, stored):
    """honest doubles"""
    x = stored.array("x")
    close(student.attack.honest(x), 2 * x, name="y", dims="N", tol=rel(1e-6))
'''

SUITE_P2 = '''\
import pytest

from grader.checks import close, rel


@pytest.mark.check("p2.honest", question="apart", points=1)
def test_honest(student, stored):
    """honest triples"""
    x = stored.array("x")
    close(student.honest.honest(x), 3 * x, name="y", dims="N", tol=rel(1e-6))
'''

PROBE = '''\
"""Trains a model for a few steps."""

import torch


def steps(model, x):
    """The losses of three steps of gradient descent."""
    descent = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(3):
        loss = model(x).square().mean()
        descent.zero_grad()
        loss.backward()
        descent.step()
        losses.append(loss.detach())
    return torch.stack(losses)
'''

HONEST = "def honest(x):\n    return 3 * x\n"


def write_vault(root: Path) -> None:
    """A repository of its own at `root`: the engine, and the assignment with a secret of its own."""
    rng = random.SystemRandom()
    factor = rng.uniform(3, 9)
    words = ["".join(rng.choices("bcdfghjklmnpqrstvwxz", k=12)) for _ in range(3)]
    x = [0.5, 1.5, 2.75]
    files = {
        "reference/vault/assignment.toml": MANIFEST,
        "reference/vault/given.py": "GIVEN = True\n",
        "reference/vault/attack.py": solution(factor, words),
        "reference/vault/honest.py": HONEST,
        "tests/vault/test_p1_secrets.py": SUITE_P1,
        "tests/vault/test_p2_honest.py": SUITE_P2,
        "tests/vault/probes/trial.py": PROBE,
        "fixtures/vault/published/values.json": json.dumps({"x": x, "y": [factor * value for value in x]}),
        ".git/HEAD": f"{factor!r} {' '.join(words)}\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.copytree(ROOT / "grader", root / "grader", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "grade.py", root)
    (root / "build").mkdir()
    # Without Landlock only its owner may look at what holds the answers; the engine is no secret.
    for name in ("reference", "tests", "fixtures", ".git", "build"):
        (root / name).chmod(0o700)


def solution(factor: float, words: list[str]) -> str:
    """The reference, which is also what the honest neighbour hands in."""
    return f'''\
import torch
from torch import nn


def secret(x):
    return {factor!r} * x


def words():
    return {words!r}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return {factor!r} * self.weight * x


def honest(x):
    return 2 * x
'''
