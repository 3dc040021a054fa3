"""What the text of a module shows of rules: it is parsed and never executed.

Each look takes the text that was handed in, and where that is what counts the one that was handed out, and returns
what it found. What cannot be proven without running the code is a doubt, not a breach.
"""

from __future__ import annotations

import ast
import fnmatch
import re
import warnings
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from grader.checks.names import UNKNOWN, Function, Import, Names, imported

OPEN: Final = "NotImplementedError"  # what a function that students write raises as it is handed out
ANY_CODE: Final = frozenset({"exec", "eval", "compile"})
ANY_MODULE: Final = frozenset(
    {"__builtins__", "__globals__", "__import__", "__loader__", "__spec__", "__subclasses__", "import_module"}
)
UNPARSABLE: Final = (SyntaxError, ValueError, RecursionError, MemoryError)  # what Python raises of a text
OF_CLASSES: Final = frozenset({"isinstance", "issubclass"})


class Remark(NamedTuple):
    """text: what is there and how to mend it. line: 0 for what is not there. certain: a breach, else a doubt."""

    line: int
    text: str
    certain: bool = True


def parsed(source: str | bytes) -> ast.Module:
    """Without the warnings that Python has for whoever wrote it. Raises UNPARSABLE."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source)


class Code(NamedTuple):
    """A module's own tree, or that of code which it holds as text. line: where that stands; 0 for the module's own."""

    tree: ast.AST
    line: int = 0

    def at(self, node: ast.expr | ast.stmt) -> int:
        return self.line or node.lineno


class Module:
    """A module with the code that it gives to exec, eval and compile as a constant text.

    unseen: what is given to them besides, as doubts. Raises SyntaxError.
    """

    def __init__(self, source: str | bytes) -> None:
        self.codes = [Code(parsed(source))]
        self.unseen: list[Remark] = []
        self.names = Names([self.codes[0].tree])
        for code in self.codes:  # which grows
            self._look_into(code)
        self.names = Names([code.tree for code in self.codes])

    def _look_into(self, code: Code) -> None:
        called = {id(node.func): node for node in ast.walk(code.tree) if isinstance(node, ast.Call)}
        for node in ast.walk(code.tree):
            if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
                continue
            meanings, call = self.names.meanings(node), called.get(id(node))
            used = meanings & ANY_CODE
            if not used or (used != meanings and call is None):  # a parameter may be called `eval`
                continue
            hidden = _constant(call)
            if hidden is None or used != meanings:
                self.unseen.append(Remark(code.at(node), f"what `{min(used)}` runs cannot be seen here", certain=False))
            else:
                self.codes.append(Code(hidden, code.at(node)))


def _constant(call: ast.Call | None) -> ast.AST | None:
    """The first argument as code, where that is a text."""
    if call is None or not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    text = call.args[0].value
    try:
        return parsed(text.strip()) if isinstance(text, str) else None
    except UNPARSABLE:
        return None


# --- imports ------------------------------------------------------------------------------------------


def imports(source: str | bytes, handed_out: str, allow: Collection[str] = ()) -> list[Remark]:
    """Imports that were added or taken out, nested ones too; those by other means (`__import__`, exec).

    allow: statements that are fine besides. Where an import stands, and how a statement lists them, is free:
    `from torch import nn` is `import torch.nn as nn`; and so are imports of `__future__`. Raises SyntaxError.
    """
    module = Module(source)
    wanted = dict(imported(parsed(handed_out)))
    fine = {name for statement in allow for name, _node in imported(parsed(statement))}
    remarks = [*module.unseen, *_other_ways(module)]
    found: set[Import] = set()
    for code in module.codes:
        for name, node in imported(code.tree):
            if name not in wanted and name not in fine and name not in found:
                text = f"`{_statement(name, node)}` was not among its imports; take it out, and do without"
                remarks.append(Remark(code.at(node), text))
            found.add(name)
    missing = [_statement(name, node) for name, node in wanted.items() if name not in found]
    gone = [Remark(0, f"`{statement}` is gone; put it back") for statement in missing]
    return [*sorted(set(remarks)), *gone]


def _statement(name: Import, node: ast.stmt) -> str:
    """As it stands there; of several names in one statement, for this one."""
    if isinstance(node, ast.Import):
        renamed = "" if name.bound == name.target.partition(".")[0] else f" as {name.bound}"
        return f"import {name.target}{renamed}"
    module, _, last = name.target.rpartition(".")
    renamed = "" if last == name.bound else f" as {name.bound}"
    return f"from {module or '.'} import {last}{renamed}"


def _other_ways(module: Module) -> Iterator[Remark]:
    """Ways to a module that need no import statement."""
    for code in module.codes:
        for node in ast.walk(code.tree):
            match node:
                case ast.Name(id="__import__", ctx=ast.Load()):
                    certain = module.names.meanings(node) == {node.id}
                    text = f"`{node.id}` imports a module out of sight; take it out"
                    yield Remark(code.at(node), text, certain=certain)
                case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)) if name in ANY_MODULE:
                    yield Remark(code.at(node), f"`{name}` may give access to other modules", certain=False)


# --- definitions --------------------------------------------------------------------------------------


def definitions(source: str | bytes, handed_out: str, allow: Collection[str] = ()) -> list[Remark]:
    """Classes and functions that are gone or have other names, and other parameters of those that students write.

    allow: qualified names ("Class.method") that may change. Defaults, annotations, decorators, and further functions
    and classes, are free; a further parameter is not. Raises SyntaxError.
    """
    ours, theirs = dict(_defined(parsed(handed_out))), dict(_defined(tree := parsed(source)))
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
        elif not isinstance(node, ast.expr):  # in an `if`, a `try`, a loop …
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
    if not {last, "*"}.isdisjoint(_assigned(here or tree)):
        return Remark(0, f"`{name}` is assigned and not defined, so what it takes cannot be seen here", certain=False)
    if isinstance(here, ast.ClassDef) and _bases(here) != _bases(ours[owner]):
        text = f"`{name}` is not defined in its class, which may have it from `{', '.join(_bases(here))}`"
        return Remark(here.lineno, text, certain=False)
    return Remark(here.lineno if here else 0, f"the {kind} `{name}` is gone; give it back its name")


def _assigned(scope: ast.AST) -> Iterator[str]:
    """Names that a module or class itself binds, other than by defining them; "*" for those of another module."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            yield from _assigned(node)


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
    node = dict(_defined(parsed(source))).get(name)
    if node is None or not parameter:
        return node is not None
    return isinstance(node, Function) and parameter in _parameters(node).split(", ")


# --- calls --------------------------------------------------------------------------------------------


def calls(source: str | bytes, forbid: Collection[str]) -> list[Remark]:
    """Places that use a function or class whose full dotted name fits one of the patterns, by whatever name it goes
    there. Annotations, and the classes that isinstance asks for, do not count. Raises SyntaxError."""
    module = Module(source)
    remarks = set(module.unseen)
    for code in module.codes:
        passed_over = _passed_over(code.tree)
        for node in ast.walk(code.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if _fits(name := f"{node.module}.{alias.name}", forbid):
                        remarks.add(Remark(code.at(node), f"`{name}` is not to be used here"))
            elif isinstance(node, ast.expr) and id(node) not in passed_over:
                remarks.update(_used(node, code, module.names, forbid))
    return sorted(remarks)


def _passed_over(tree: ast.AST) -> set[int]:
    """Expressions in which a name is no use of what it stands for, as ids."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        roots += [getattr(node, "annotation", None), getattr(node, "returns", None)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OF_CLASSES:
            roots += node.args[1:]
    return {id(inner) for root in roots if isinstance(root, ast.AST) for inner in ast.walk(root)}


def _used(node: ast.expr, code: Code, names: Names, forbid: Collection[str]) -> Iterator[Remark]:
    if isinstance(node, ast.Attribute | ast.Name) and not isinstance(node.ctx, ast.Load):
        return
    if not isinstance(node, ast.Attribute | ast.Name | ast.Call | ast.Subscript):
        return
    meanings = names.meanings(node)
    if fitting := sorted(name for name in meanings if _fits(name, forbid)):
        if len(fitting) == len(meanings):
            yield Remark(code.at(node), f"`{fitting[0]}` is not to be used here")
        else:
            yield Remark(code.at(node), f"this may be `{fitting[0]}`, which is not to be used here", certain=False)
    elif alike := sorted(name for name in meanings if name.startswith(UNKNOWN) and _ends_like(name, forbid)):
        last = alike[0].rpartition(".")[2]
        yield Remark(code.at(node), f"`{last}` may be what is not to be used here", certain=False)
    if isinstance(node, ast.Call) and names.meanings(node.func) == {"getattr"} and node.args:
        owners = {f"{name}." for name in names.meanings(node.args[0])}
        heads = {re.split(r"[*?\[]", pattern)[0] for pattern in forbid}
        named = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
        if not named and any(head.startswith(owner) or owner.startswith(head) for owner in owners for head in heads):
            text = f"what `getattr({min(owners)[:-1]}, …)` takes cannot be seen here"
            yield Remark(code.at(node), text, certain=False)


def _fits(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _ends_like(name: str, patterns: Collection[str]) -> bool:
    """Whether a name of which the beginning is not known may be one of them: a class by its last part, a function,
    of whose name tensors may have a method, by its last two."""
    for pattern in patterns:
        *owners, last = pattern.split(".")
        count = 1 if last.lstrip("*?")[:1].isupper() else 2
        wanted, found = [*owners, last][-count:], name.split(".")[1:][-count:]
        if owners and last != "*" and len(found) == count and _fits(".".join(found), [".".join(wanted)]):
            return True
    return False
