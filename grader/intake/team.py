"""Read students.txt, which says who handed in: one or two lines `First_Last 123456789`."""

from __future__ import annotations

import codecs
import re
import unicodedata

from grader.intake.archive import EntryError, shown
from grader.records import Member, Record

TEAM_FILE = "students.txt"
MAX_TEAM_FILE = 4 * 1024
MAX_MEMBERS = 2

_LINE = re.compile(r"(\S+)[ \t]+([0-9]{4,12})")
_MEND = "write one line First_Last 123456789 for each of you"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class Team(Record, frozen=True):
    """members: their names with blanks for the underscores. remarks: a sentence for each thing that was understood but
    should be written otherwise."""

    members: tuple[Member, ...]
    remarks: tuple[str, ...] = ()


def read_team(data: bytes) -> Team:
    """Decode students.txt.

    data: the whole file; UTF-8, UTF-16 with a byte order mark or, with a remark, Windows-1252. Line ends of every
    system, blank lines and blanks around a line do not matter.
    Raises EntryError, one sentence that begins with the file's name, when it holds anything else.
    """
    if len(data) > MAX_TEAM_FILE:
        raise EntryError(f"{TEAM_FILE} is larger than {MAX_TEAM_FILE // 1024} KiB; {_MEND}")
    text, remarks = _decoded(data)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= MAX_MEMBERS:
        raise EntryError(f"{TEAM_FILE} has {len(lines)} lines of text, not 1 or {MAX_MEMBERS}; {_MEND}")
    members = []
    for line in lines:
        found = _LINE.fullmatch(line)
        if not found or not _is_name(found[1]):
            raise EntryError(f'{TEAM_FILE} holds the line "{shown(line, 60)}"; {_MEND}')
        name = found[1]
        if "_" not in name and "-" in name:
            name = name.replace("-", "_", 1)
            read = f"{shown(found[1], 60)} was read as {shown(name, 60)}"
            remarks.append(f"{TEAM_FILE}: {read}; join names by underscores")
        members.append(Member(name=name.replace("_", " "), number=found[2]))
    if len({member.number for member in members}) < len(members):
        raise EntryError(f"{TEAM_FILE} names the number {members[0].number} twice; {_MEND}")
    return Team(members=tuple(members), remarks=tuple(remarks))


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """The text in normal form C, and what to remark about its encoding."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return unicodedata.normalize("NFC", data[len(mark) :].decode(encoding)), []
            except UnicodeDecodeError:
                raise EntryError(f"{TEAM_FILE} is damaged text; save it as UTF-8") from None
    if b"\0" in data:
        raise EntryError(f"{TEAM_FILE} is no plain text; save it as UTF-8")
    try:
        return unicodedata.normalize("NFC", data.decode("utf-8")), []
    except UnicodeDecodeError:
        # Bytes that Windows-1252 lacks are refused with the line they are in.
        text = data.decode("cp1252", errors="replace")
        return text, [f"{TEAM_FILE} is not UTF-8 text and was read as Windows-1252; save it as UTF-8"]


def _is_name(name: str) -> bool:
    """Letters with their accents, in parts joined by underscores, hyphens, full stops or apostrophes."""
    letters = [unicodedata.category(character)[0] in "LM" for character in name]
    return any(letters) and all(known or character in "_-.'’" for known, character in zip(letters, name, strict=True))
