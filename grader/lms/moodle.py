"""Moodle's "Download all submissions" (source: `mod/assign/classes/downloader.php`).

Folders `<full name>_<number>_assignsubmission_file`, in older versions with one more underscore at the end; or, with
folders switched off, files `<full name>_<number>_assignsubmission_file_<file>`. Text typed into the browser is a page
in a folder, or a file, `…_assignsubmission_onlinetext…`.

The number is that of a participant in this assignment ("Participant 1327627" in the grading worksheet), and of no user.
Moodle writes blanks for underscores in names, so the number is the one right before the first `_assignsubmission_`:
what follows may be a file's name, which a student chose. Where names are hidden they are all the same ("Participant",
in the site's language). A team's folder has the group's name and number, which looks the same; names such as
"Group 7" are taken for teams.

Rule for resubmissions: Moodle exports one submission per participant, the last. Two folders of one participant are
no export of Moodle's, and neither is graded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from grader.errors import IntakeError
from grader.intake.archive import shown
from grader.lms.found import Class, Found
from grader.lms.names import clean, is_team, suffix
from grader.lms.tree import Tree
from grader.records import Identity

_NAME: Final = re.compile(r"(?P<name>.*?)_(?P<number>[0-9]+)_assignsubmission_(?P<kind>[a-z0-9]+)(?:_(?P<file>.*))?")
_HIDDEN: Final = "participant"


@dataclass
class _Handed:
    """What is there of one participant. texts: items that are no files."""

    folders: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)


def recognises(tree: Tree) -> bool:
    """Whether names are of Moodle's kind. Raises IntakeError when others are among them."""
    foreign = [name for name, item in tree.items.items() if not _parsed(name, item.folder)]
    mixed = [name for name in foreign if tree.items[name].folder or suffix(name)]
    if mixed and len(foreign) < len(tree.items):
        raise IntakeError(
            f"{shown(tree.name)} is mixed: some names are Moodle's (Name_123_assignsubmission_file), "
            f"{shown(mixed[0])} is not; put what does not belong to the export elsewhere"
        )
    return len(foreign) < len(tree.items)


def read(tree: Tree) -> Class:
    """Never raises: what cannot be read has a problem."""
    result = Class()
    handed: dict[tuple[str, str], _Handed] = {}
    for name, item in tree.items.items():
        match = _parsed(name, item.folder)
        if match is None:
            result.remarks.append(f"{shown(name)} was left out: Moodle did not name it")
            continue
        of_one = handed.setdefault((match["name"], match["number"]), _Handed())
        if match["kind"] != "file":
            of_one.texts.append(name)
        elif item.folder:
            of_one.folders.append(name)
        else:
            of_one.files[match["file"]] = name
    names = {clean(name) for name, _number in handed}
    hidden = {name for name in names if name.casefold() == _HIDDEN or (len(names) == 1 and len(handed) > 1)}
    for (name, number), of_one in handed.items():
        found = Found(like=f"moodle_{number}", own=f"{name}_{number}", where=None)
        found.people = (_identity("" if clean(name) in hidden else clean(name), number),)
        _set_files(found, of_one)
        result.found.append(found)
    if hidden:
        result.remarks.append("names are hidden in this export (blind marking); people have participant numbers only")
    return result


def _parsed(name: str, folder: bool) -> re.Match[str] | None:
    match = _NAME.fullmatch(name)
    return match if match and folder != bool(match["file"]) else None


def _identity(name: str, number: str) -> Identity:
    return Identity(team=name) if is_team(name) else Identity(name=name, participant=number)


def _set_files(found: Found, handed: _Handed) -> None:
    if len(handed.folders) > 1:
        found.problem = f"there are {len(handed.folders)} folders of the same participant; keep one"
    elif handed.folders:
        found.where = handed.folders[0]
        found.remarks += [f"{shown(name)} was left out: there is a folder, too" for name in handed.files.values()]
    elif handed.files:
        found.where = handed.files
    else:
        found.problem = "it is text typed into Moodle, without a file"
        return
    found.remarks += [f"{shown(name)} was left out: it is text typed into Moodle" for name in handed.texts]
