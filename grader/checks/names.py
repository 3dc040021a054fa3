"""What the names in a module stand for, as far as its text shows: after `import torch.nn as nn` is `nn.LSTM` what
torch.nn.LSTM is, and so is `layer` after `layer = nn.LSTM`.

Scopes are not told apart. A name that stands for one thing here and for another there may be either everywhere, so that
nothing is taken for proven that is not.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

UNKNOWN: Final = "?"  # in place of what a dotted name begins with
BUILTINS: Final = frozenset(dir(builtins))
OWN: Final = frozenset({"self", "cls"})  # what they have is the module's own
LONGEST: Final = 16  # parts of a dotted name; a longer one stands for nothing that is known
STEPS: Final = 20  # from one name to the next that it is assigned from; whoever needs more wants to be lost from sight

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """target: what it brings (dotted). bound: the name that it binds, "*" for all names of a module."""

    target: str
    bound: str


def imported(tree: ast.AST) -> Iterator[tuple[Import, ast.stmt]]:
    """All imports, nested ones too; not of `__future__`, which is no module of anybody's choice."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, alias.asname or alias.name.partition(".")[0]), node
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield Import(f"{module}.{alias.name}", alias.asname or alias.name), node


class Names:
    """trees: a module's, and those of code that it holds as text."""

    def __init__(self, trees: Iterable[ast.AST]) -> None:
        self._meant: dict[str, set[str]] = {}  # as it is written -> what it may stand for
        self._assigned: dict[str, list[ast.expr]] = {}  # the same, of assignments
        self._all_of: list[str] = []  # modules that `import *` is used on
        self._told: dict[tuple[str, ...], set[str]] = {}
        for tree in trees:
            self._read(tree)
        self._bound = self._meant.keys() | self._assigned.keys()

    def meanings(self, node: ast.expr) -> set[str]:
        """Dotted names that an expression may stand for: one that is alone is certain. What cannot be told begins
        with UNKNOWN."""
        root, steps = _taken_apart(node)
        if not isinstance(root, ast.Name) or len(steps) > LONGEST:
            return {".".join([UNKNOWN, *steps[-LONGEST:]])}
        parts = (root.id, *steps)
        if parts not in self._told:
            self._told[parts] = self._meanings(parts)
        return self._told[parts]

    def _meanings(self, parts: tuple[str, ...]) -> set[str]:
        waiting, found = [parts], set[str]()
        for parts in waiting:  # which grows
            if len(parts) > LONGEST:
                return {".".join([UNKNOWN, *parts[-LONGEST:]])}
            count = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in self._bound), 0)
            name, rest = ".".join(parts[:count]), parts[count:]
            for value in self._assigned.get(name, ()):
                owner, steps = _taken_apart(value)
                further = (owner.id, *steps, *rest) if isinstance(owner, ast.Name) else ()
                if not further or len(waiting) > STEPS:
                    found.add(".".join([UNKNOWN, *rest]))
                elif further not in waiting:
                    waiting.append(further)
            found |= {".".join([one, *rest]) for one in self._meant.get(name, ())}
            if not count and self._all_of and parts[0] not in BUILTINS | OWN:
                found |= {".".join([module, *parts]) for module in self._all_of}
            elif not count or (parts == (name,) and name in BUILTINS):
                found.add(".".join(parts))
        return {one.removeprefix("builtins.") for one in found} or {UNKNOWN}

    def _read(self, tree: ast.AST) -> None:
        for brought, _node in imported(tree):
            if brought.bound == "*":
                self._all_of.append(brought.target.removesuffix(".*"))
            else:
                plain = brought.bound == brought.target.partition(".")[0]  # `import torch.nn` binds torch
                self._note(brought.bound, brought.bound if plain else brought.target)
        plainly: set[int] = set()  # targets of assignments whose values are known
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    for place, value in _pairs(target, node.value):
                        if written := ".".join(_written(place)):
                            plainly.add(id(place))
                            values = self._assigned.setdefault(written, [])
                            if len(values) <= STEPS:
                                values.append(value)
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name) if not isinstance(node.ctx, ast.Load) and id(node) not in plainly:
                    self._note(name, UNKNOWN)
                case ast.arg(arg=name) if name not in OWN:
                    self._note(name, UNKNOWN)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler(name=str()):
                    self._note(str(node.name), UNKNOWN)
                case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                    self._note(name, UNKNOWN)

    def _note(self, name: str, meaning: str) -> None:
        self._meant.setdefault(name, set()).add(meaning)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What is assigned to what: of `a, b = c, d` both."""
    match target, value:
        case (ast.Tuple(elts=to) | ast.List(elts=to), ast.Tuple(elts=of) | ast.List(elts=of)):
            if len(to) == len(of) and not any(isinstance(one, ast.Starred) for one in (*to, *of)):
                yield from zip(to, of, strict=True)
        case _:
            yield target, value


def _written(node: ast.expr) -> list[str]:
    """The parts of a dotted name; none of anything else."""
    root, steps = _taken_apart(node)
    return [root.id, *steps] if isinstance(root, ast.Name) and len(steps) <= LONGEST else []


def _taken_apart(node: ast.expr) -> tuple[ast.expr, list[str]]:
    """What a dotted name begins with, and its further parts, written as `a.b`, `getattr(a, "b")`, `vars(a)["b"]` or
    `a.__dict__["b"]`. Not recursive, and not to the end: expressions may be nested deeply."""
    steps: list[str] = []
    while len(steps) <= LONGEST:
        match node:
            case ast.Attribute(value=owner, attr=name):
                pass
            case ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name)), *_]):
                pass
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="vars"), args=[owner]) | ast.Attribute(value=owner, attr="__dict__"),
                slice=ast.Constant(value=str(name)),
            ):
                pass
            case _:
                break
        steps.append(name)
        node = owner
    return node, steps[::-1]
