"""Solution regions, which reference/ has and student/ has not.

A region lies between two comment lines of one indentation,

    # BEGIN SOLUTION  what the student has to do here
    # END SOLUTION

and becomes `# TODO: what the student has to do here` and a `raise NotImplementedError("<function>")`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from grader.errors import ManifestError

BEGIN: Final = re.compile(r"^(\s*)# BEGIN SOLUTION\s+(\S.*)$")
END: Final = re.compile(r"^(\s*)# END SOLUTION\s*$")
# A marker that is misspelt would hand the solution to students.
ALMOST: Final = re.compile(r"^\s*#\s*(begin|end)[\s_-]*solution", re.IGNORECASE)


def strip_solutions(source: str, name: str, keep: Collection[str] = ()) -> str:
    """A module's text without its solution regions, but for those in the functions named in `keep`.

    Raises ManifestError for regions that do not pair up.
    """
    scopes = list(_scopes(ast.parse(source), ""))

    def function(line: int) -> str:
        return [name, *(scope for first, last, scope in scopes if first <= line <= last)][-1]

    return strip_lines(source, name, function, keep)


def strip_lines(source: str, name: str, function: Callable[[int], str], keep: Collection[str] = ()) -> str:
    """The same for any text; `function` names what has to be written in a line, counted from 1."""
    lines: list[str] = []
    indent: str | None = None  # of the region that we are in
    kept = False
    for number, line in enumerate(source.splitlines(), 1):
        begin, end = BEGIN.match(line), END.match(line)
        if begin:
            if indent is not None:
                raise ManifestError(f"{name}, line {number}: a solution region begins inside another")
            indent, task = begin.groups()
            task_name = function(number)
            kept = task_name in keep
            if not kept:
                lines += [f"{indent}# TODO: {task}", f'{indent}raise NotImplementedError("{task_name}")']
        elif end:
            if end.group(1) != indent:
                raise ManifestError(f"{name}, line {number}: this end of a solution region belongs to no beginning")
            indent = None
        elif ALMOST.match(line):
            raise ManifestError(
                f"{name}, line {number}: expected '# BEGIN SOLUTION  what is to be done' or '# END SOLUTION'"
            )
        elif indent is None or kept:
            lines.append(line)
    if indent is not None:
        raise ManifestError(f"{name}: a solution region has no end")
    return "\n".join(lines) + "\n"


def _scopes(tree: ast.AST, prefix: str) -> Iterator[tuple[int, int, str]]:
    """(first line, last line, qualified name) of every function and class, outer before inner."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            qualified = f"{prefix}{node.name}"
            yield node.lineno, node.end_lineno or node.lineno, qualified
            yield from _scopes(node, f"{qualified}.")
