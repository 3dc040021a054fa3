"""Canvas's "Download submissions" (source: `lib/content_zipper.rb`).

Files at the top, `<name>[_LATE]_<user id>_<attachment id>_<original name>`; `<name>` is the sortable one (last name
first) in lower case without anything but letters and digits, or a group's. Anonymous: `[LATE_]anon_<code>_<attachment
id>_<original name>`. Text typed into the browser and web addresses are pages, `<name>_<user id>_text.html` and
`…_link.html`.
The ids are the first two numbers between underscores, as Canvas itself takes them when files come back; what follows
is a name that a student chose. The user id is the column `ID` of the gradebook.

Files of one user make up one submission, under their original names.

Rule for resubmissions: of files with one original name the one with the highest number that Canvas put before the
suffix (`hw-1.zip`, `hw-2.zip`) is taken, of equal numbers the one with the highest attachment id; the attachment ids of
the others go into `superseded`. Such a number is Canvas's own for archives, when the file without it is there, too, and
when it is the only one of its name; `part-1.py` beside `part-2.py` are a student's own names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from grader.errors import IntakeError
from grader.intake.archive import shown
from grader.lms.found import Class, Found
from grader.lms.names import clean, is_team, suffix
from grader.lms.tree import Tree
from grader.records import Identity

_HIDDEN: Final = "anon"
_WHOSE: Final = r"(?P<name>\w*?)(?P<late>_LATE)?_(?P<user>[1-9][0-9]*)"
_WHOSE_HIDDEN: Final = r"(?P<late>LATE_)?(?P<name>anon)_(?P<user>[A-Za-z0-9]+)"
_WHAT: Final = r"_(?P<attachment>[1-9][0-9]*)_(?P<file>.+)"
_PAGE: Final = r"_(?P<page>text|link)\.html"
_PATTERNS: Final = [re.compile(whose + what) for whose in (_WHOSE_HIDDEN, _WHOSE) for what in (_WHAT, _PAGE)]
_NUMBERED: Final = re.compile(r"(?P<stem>.+)-(?P<number>[1-9][0-9]{0,2})(?P<suffix>\.[^.]+)?")
_PAGES: Final = {"text": "text typed into Canvas", "link": "a web address"}


@dataclass(frozen=True)
class _File:
    """item: its name at the top. name: the original one. number: Canvas's, 0 for none."""

    item: str
    attachment: int
    name: str
    number: int = 0


@dataclass
class _Handed:
    files: list[_File] = field(default_factory=list)
    pages: list[tuple[str, str]] = field(default_factory=list)  # item, what it is
    late: bool = False


def recognises(tree: Tree) -> bool:
    """Whether names are of Canvas's kind. Raises IntakeError when others are among them."""
    known = [name for name, item in tree.items.items() if not item.folder and _parsed(name)]
    if not _attachments_differ(known):
        return False
    mixed = [name for name, item in tree.items.items() if name not in known and (item.folder or suffix(name))]
    if mixed and len(known) >= max(2, len(mixed)):
        raise IntakeError(
            f"{shown(tree.name)} is mixed: some names are Canvas's (doejane_5021_88_file.zip), "
            f"{shown(mixed[0])} is not; put what does not belong to the export elsewhere"
        )
    return bool(known) and not mixed


def read(tree: Tree) -> Class:
    """Never raises: what cannot be read has a problem."""
    result = Class()
    handed: dict[tuple[str, str], _Handed] = defaultdict(_Handed)
    for name in tree.items:
        fields = _parsed(name)
        if fields is None:
            result.remarks.append(f"{shown(name)} was left out: Canvas did not name it")
            continue
        of_one = handed[fields["name"], fields["user"]]
        of_one.late |= bool(fields["late"])
        if "file" in fields:
            of_one.files.append(_File(name, int(fields["attachment"][:30]), fields["file"]))
        else:
            of_one.pages.append((name, _PAGES[fields["page"]]))
    for (name, user), of_one in handed.items():
        result.found.append(_submission(name, user, of_one))
    if any(name == _HIDDEN for name, _user in handed):
        result.remarks.append("names are hidden in this export (anonymous grading)")
    return result


def _attachments_differ(names: list[str]) -> bool:
    """Whether each attachment belongs to one user; in `a2_2024_5_anna.zip`, `a2_2025_5_ben.zip` they are no ids."""
    users: dict[str, str] = {}
    for fields in filter(None, map(_parsed, names)):
        if "file" in fields and users.setdefault(fields["attachment"], fields["user"]) != fields["user"]:
            return False
    return True


def _parsed(name: str) -> dict[str, str] | None:
    """The fields of a name of Canvas's: `file` and `attachment`, or `page`; None for another name."""
    for pattern in _PATTERNS:
        match = pattern.fullmatch(name)
        if match and match["name"] == match["name"].lower():
            return match.groupdict("")
    return None


def _submission(name: str, user: str, handed: _Handed) -> Found:
    like = f"canvas_anon_{user}" if name == _HIDDEN else f"canvas_{user}_{name}"
    found = Found(like=like, own=f"{name}_{user}", where=None)
    if name != _HIDDEN:  # a code may be digits only, and is no user's id then either
        team = is_team(name)
        found.people = (Identity(name="" if team else clean(name), team=clean(name) if team else "", canvas=user),)
    found.late_min = None if handed.late else 0.0
    if not handed.files:
        found.problem = f"it is {' and '.join(sorted({what for _item, what in handed.pages}))}, without a file"
        return found
    found.remarks += [f"{shown(item)} was left out: it is {what}" for item, what in handed.pages]
    if any(re.match(r"[0-9]+_", file.name) for file in handed.files):
        item = shown(handed.files[0].item)
        found.remarks.append(f"{item} has more numbers than Canvas's two; see that the user is right")
    files = {}
    for base, versions in _families(handed.files).items():
        *earlier, last = sorted(versions, key=lambda file: (file.number, file.attachment))
        files[base] = last.item
        found.superseded += tuple(str(file.attachment) for file in earlier)
        if earlier:
            found.remarks.append(f"{shown(last.name)} was taken for {shown(base)}, the last of {len(versions)} files")
        elif last.number:
            why = "Canvas numbers what is handed in again"
            found.remarks.append(f"{shown(last.name)} was taken for {shown(base)}: {why}")
    found.where = files
    return found


def _families(files: list[_File]) -> dict[str, list[_File]]:
    """Files by their original names, without the numbers that are Canvas's."""
    families: dict[str, list[_File]] = defaultdict(list)
    for file in files:
        match = _NUMBERED.fullmatch(file.name)
        base = match["stem"] + (match["suffix"] or "") if match else file.name
        families[base].append(_File(file.item, file.attachment, file.name, int(match["number"]) if match else 0))
    result: dict[str, list[_File]] = defaultdict(list)
    for base, versions in families.items():
        numbers = {file.number for file in versions}
        if 0 in numbers or len(numbers) == 1 or suffix(base):
            result[base] += versions
        else:
            for file in versions:
                result[file.name].append(_File(file.item, file.attachment, file.name))
    return result
