"""What the text of a module shows of rules: it is parsed and never executed.

Each look takes the text that was handed in, and where that is what counts the one that was handed out, and returns
what it found. What cannot be proven without running the code is a doubt, not a breach.
"""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

OPEN: Final = "NotImplementedError"  # what a function that students write raises as it is handed out
ANY_CODE: Final = frozenset({"exec", "eval", "compile"})
ANY_MODULE: Final = frozenset({"__builtins__", "__loader__", "__spec__"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Remark(NamedTuple):
    """text: what is there and how to mend it. line: 0 for what is not there. certain: a breach, else a doubt."""

    line: int
    text: str
    certain: bool = True


# --- imports ------------------------------------------------------------------------------------------


def imports(source: str | bytes, handed_out: str, allow: Collection[str] = ()) -> list[Remark]:
    """Imports that were added or taken out, nested ones too; those by other means (`__import__`, exec).

    allow: statements that are fine besides. Where an import stands, and how a statement lists them, is free:
    `from torch import nn` is `import torch.nn as nn`. Raises SyntaxError.
    """
    tree = ast.parse(source)
    wanted = dict(_imported(ast.parse(handed_out)))
    fine = {name for statement in allow for name, _node in _imported(ast.parse(statement))}
    found = dict(reversed(list(_imported(tree))))  # of several the first
    added = [
        Remark(node.lineno, f"`{_statement(name)}` was not among its imports; take it out, and do without")
        for name, node in found.items()
        if name not in wanted and name not in fine
    ]
    gone = [
        Remark(0, f"`{_statement(name)}` is gone; put it back") for name in wanted if name not in found
    ]
    return [*sorted([*added, *_other_ways(tree, wanted.keys() | fine)]), *gone]


class _Name(NamedTuple):
    """An import: what it brings (dotted), and the name that it binds."""

    target: str
    bound: str


def _imported(tree: ast.AST) -> Iterator[tuple[_Name, ast.stmt]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Name(alias.name, alias.asname or alias.name.partition(".")[0]), node
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            for alias in node.names:
                yield _Name(f"{module}.{alias.name}", alias.asname or alias.name), node


def _statement(name: _Name) -> str:
    if name.bound == name.target.partition(".")[0]:
        return f"import {name.target}"
    module, _, last = name.target.rpartition(".")
    if last == name.bound:
        return f"from {module or '.'} import {last}"
    return f"import {name.target} as {name.bound}"


def _other_ways(tree: ast.AST, known: Collection[_Name]) -> Iterator[Remark]:
    """Ways to a module that need no import statement."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name):
            continue
        if node.id == "__import__":
            yield Remark(node.lineno, "`__import__` imports a module out of sight; take it out")
        elif node.id in ANY_MODULE:
            yield Remark(node.lineno, f"`{node.id}` may give access to other modules", certain=False)
        elif node.id in ANY_CODE:
            text = _constant(called.get(id(node)))
            hidden = _parsed(text)
            if hidden is None:
                yield Remark(node.lineno, f"what `{node.id}` runs cannot be seen here", certain=False)
            else:
                for name, _statement_node in _imported(hidden):
                    if name not in known:
                        yield Remark(node.lineno, f"`{node.id}` runs `{_statement(name)}`; take it out")
                for inner in _other_ways(hidden, known):
                    yield inner._replace(line=node.lineno)


def _constant(call: ast.Call | None) -> str | None:
    """The first argument, where that is a text."""
    if call is None or not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    value = call.args[0].value
    return value if isinstance(value, str) else None


def _parsed(text: str | None) -> ast.AST | None:
    try:
        return None if text is None else ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# --- definitions --------------------------------------------------------------------------------------


def definitions(source: str | bytes, handed_out: str, allow: Collection[str] = ()) -> list[Remark]:
    """Classes and functions that are gone or have other names, and other parameters of those that students write.

    allow: qualified names ("Class.method") that may change. Defaults, annotations, and what was added, are free.
    Raises SyntaxError.
    """
    ours, theirs = dict(_defined(ast.parse(handed_out))), dict(_defined(tree := ast.parse(source)))
    remarks = []
    for name, node in ours.items():
        if name in allow:
            continue
        kind = "class" if isinstance(node, ast.ClassDef) else "function"
        other = theirs.get(name)
        if other is None:
            owner = name.rpartition(".")[0]
            if owner and owner not in theirs:
                continue  # said of the class
            remarks.append(_gone(name, kind, ours, theirs, tree))
        elif isinstance(node, ast.ClassDef) != isinstance(other, ast.ClassDef):
            remarks.append(Remark(other.lineno, f"`{name}` was handed out as a {kind}; make it one again"))
        elif isinstance(node, Function) and isinstance(other, Function) and _is_open(node):
            wanted, found = _parameters(node), _parameters(other)
            if wanted != found:
                remarks.append(Remark(other.lineno, f"`{name}({found})` was handed out as `{name}({wanted})`"))
    return remarks


def _defined(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """Classes, functions and methods by their qualified names; of several the last, as for Python."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from _defined(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _defined(node, prefix)


def _gone(
    name: str,
    kind: str,
    ours: dict[str, ast.ClassDef | Function],
    theirs: dict[str, ast.ClassDef | Function],
    tree: ast.AST,
) -> Remark:
    owner, _, last = name.rpartition(".")
    here = theirs.get(owner) if owner else None
    if last in _assigned(here or tree):
        return Remark(0, f"`{name}` is assigned and not defined, so what it takes cannot be seen here", certain=False)
    if isinstance(here, ast.ClassDef) and _bases(here) != _bases(ours[owner]):
        text = f"`{name}` is not defined in its class, which may have it from `{', '.join(_bases(here))}`"
        return Remark(here.lineno, text, certain=False)
    return Remark(here.lineno if here else 0, f"the {kind} `{name}` is gone; give it back its name")


def _assigned(tree: ast.AST) -> set[str]:
    """Names that some statement binds, other than by defining them."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)} | {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _bases(node: ast.ClassDef | Function) -> list[str]:
    return [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []


def _is_open(node: Function) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == OPEN for inner in ast.walk(node))


def _parameters(node: Function) -> str:
    """Their names, with the marks that say how they may be given."""
    plain = node.args
    names = [parameter.arg for parameter in (*plain.posonlyargs, *plain.args)]
    if plain.posonlyargs:
        names.insert(len(plain.posonlyargs), "/")
    if plain.vararg or plain.kwonlyargs:
        names.append(f"*{plain.vararg.arg if plain.vararg else ''}")
    names += [parameter.arg for parameter in plain.kwonlyargs]
    if plain.kwarg:
        names.append(f"**{plain.kwarg.arg}")
    return ", ".join(names)


def has(source: str | bytes, mark: str) -> bool:
    """Whether a module has the function, or the parameter of it, that "Class.function(parameter)" names.
    Raises SyntaxError."""
    name, _, parameter = mark.removesuffix(")").partition("(")
    node = dict(_defined(ast.parse(source))).get(name)
    if node is None or not parameter:
        return node is not None
    return isinstance(node, Function) and parameter in _parameters(node).split(", ")


# --- calls --------------------------------------------------------------------------------------------


def calls(source: str | bytes, forbid: Collection[str]) -> list[Remark]:
    """Places that use a function or class whose full dotted name fits one of the patterns, by whatever name it was
    imported; annotations do not count. Raises SyntaxError."""
    tree = ast.parse(source)
    names = {name.bound: _bound(name) for name, _node in _imported(tree)}
    annotations = {
        id(inner)
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(annotation, ast.AST)
        for inner in ast.walk(annotation)
    }
    remarks = []
    for node in ast.walk(tree):
        if id(node) in annotations:
            continue
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            dotted = _dotted(node, names)
            if dotted and _fits(dotted, forbid):
                remarks.append(Remark(node.lineno, f"`{dotted}` is not to be used here; write it out yourself"))
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{alias.name}" for alias in node.names]
            used = [name for name in found if _fits(name, forbid)]
            remarks += [Remark(node.lineno, f"`{name}` is not to be used here") for name in used]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            remarks += _by_getattr(node, names, forbid)
    return sorted(remarks)


def _bound(name: _Name) -> str:
    """The dotted name that a bound name stands for: `import torch.nn` binds torch."""
    return name.bound if name.target.partition(".")[0] == name.bound else name.target


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = _dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _by_getattr(call: ast.Call, names: dict[str, str], forbid: Collection[str]) -> Iterator[Remark]:
    owner = _dotted(call.args[0], names) if call.args else ""
    if not owner or not any(pattern.startswith(f"{owner}.") for pattern in forbid):
        return
    name = call.args[1].value if len(call.args) > 1 and isinstance(call.args[1], ast.Constant) else None
    if not isinstance(name, str):
        yield Remark(call.lineno, f"what `getattr({owner}, …)` takes cannot be seen here", certain=False)
    elif _fits(f"{owner}.{name}", forbid):
        yield Remark(call.lineno, f"`{owner}.{name}` is not to be used here; write it out yourself")


def _fits(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
