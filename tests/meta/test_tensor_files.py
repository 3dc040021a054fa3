"""Files of tensors can carry code: whoever opens a student's one does so in a worker, and as weights only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.paths import ROOT

PLACES = ("grader", "reference", "student", "tests/*/probes", "tests/*/alternatives")
FILES = sorted(file for place in PLACES for folder in ROOT.glob(place) for file in folder.rglob("*.py"))
IN_A_WORKER = {"box.py", "zygote.py"}


def loads(file: Path) -> Iterator[ast.Call]:
    """Calls of anything named `load`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "load":
            yield node


def is_torch(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") == "torch"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_torch_loads_weights_only(file: Path) -> None:
    """Every torch.load says weights_only=True, whatever torch's default is; the parent has no load but of its own
    arrays, without pickle."""
    for call in loads(file):
        options = {keyword.arg: getattr(keyword.value, "value", None) for keyword in call.keywords}
        if is_torch(call):
            assert options.get("weights_only") is True
            assert file.parts[-3:-1] != ("grader", "worker") or file.name in IN_A_WORKER
        assert not options.get("allow_pickle", False)


def test_some_file_is_loaded() -> None:
    """The search finds what it looks for: probes and given code load tensors."""
    assert len({file for file in FILES for call in loads(file) if is_torch(call)}) >= 3
