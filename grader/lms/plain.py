"""A folder of submissions: each zip, tar or folder in it is one.

Rule for resubmissions: there is none, since a name says nothing of time. `a.zip`, `a (1).zip` and the folder `a` are
three submissions, with a remark.
"""

from __future__ import annotations

import re
from typing import Final

from grader.errors import IntakeError
from grader.intake.archive import shown
from grader.lms.found import Class, Found
from grader.lms.names import RESERVED, suffix
from grader.lms.tree import Item, Tree

LOOKED_FOR: Final = (
    "submission_metadata.yml (Gradescope), names like Jane Doe_123_assignsubmission_file (Moodle) or "
    "doejane_5021_88_file.zip (Canvas), or zips, tars and folders, one for each submission"
)
_COPY: Final = re.compile(r"(.+?) ?\(\d+\)")
_OTHER: Final = (".rar", ".7z", ".gz", ".bz2", ".zipx", ".tbz2")  # somebody's submission, to be packed again
_CODE: Final = (".py", ".ipynb")
_OF_REPORTS: Final = "scorecard.json"


def is_class(tree: Tree) -> bool:
    """Whether nothing but submissions, or what may lie beside them, is there."""
    return any(item.folder or suffix(name) for name, item in tree.items.items()) and not _code(tree)


def read(tree: Tree) -> Class:
    """Raises IntakeError when there is no submission, or when it is one itself."""
    result = Class()
    if code := _code(tree):
        raise IntakeError(
            f"{shown(tree.name)} looks like one submission, since {shown(code)} lies at its top; "
            f"a class has {LOOKED_FOR}"
        )
    stems = {_stem(name, item) for name, item in tree.items.items()}
    for name, item in tree.items.items():
        if name in RESERVED or (item.folder and _OF_REPORTS in tree.names(name)):
            result.remarks.append(f"{shown(name)} was left out: it holds reports of grading")
        elif item.folder or suffix(name):
            stem = _stem(name, item)
            found = Found(like=stem, own=name, where=name)
            copy = _COPY.fullmatch(stem)
            if copy and copy[1] in stems:
                found.remarks.append(f"it may be the same person's as {shown(copy[1])}; both are graded")
            result.found.append(found)
        elif name.casefold().endswith(_OTHER):
            problem = "it is no zip or tar; pack it again as one"
            result.found.append(Found(like=name, own=name, where=None, problem=problem))
        else:
            result.remarks.append(f"{shown(name)} was left out: it is no zip, tar or folder")
    if not result.found:
        raise IntakeError(f"{shown(tree.name)} holds no submissions; looked for {LOOKED_FOR}")
    return result


def _stem(name: str, item: Item) -> str:
    return name if item.folder else name[: len(name) - len(suffix(name))]


def _code(tree: Tree) -> str:
    """A file at the top that belongs into a submission, or ""."""
    files = (name for name, item in tree.items.items() if not item.folder)
    return next((name for name in files if name.casefold().endswith(_CODE) or name == "students.txt"), "")
