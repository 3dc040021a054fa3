"""Names that exports and students made up: shown to people, and turned into ids that any system takes as a folder."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Final

from grader.intake.archive import SUFFIXES

MAX_ID: Final = 80
MAX_NAME: Final = 200  # characters of a person's name, an address, a number
# What lies beside the folders of reports, or in them.
RESERVED: Final = frozenset(
    {"written", "gradebooks", "report.html", "scores.csv", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"}
)

_DIGITS: Final = 6  # of the hash that keeps ids apart
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_TEAM: Final = re.compile(
    r"(?:default |project |student )?(?:group|team|gruppe|groupe|équipe|equipe|grupo|gruppo)(?![^\W\d_])", re.IGNORECASE
)


def clean(text: str) -> str:
    """One line of text as people read it: normal form C, nothing that hides or turns letters round, not too long."""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(c for c in text if c.isprintable())[:MAX_NAME].strip()


def is_team(name: str) -> bool:
    """Whether a name is that of a group and not of a person, as far as a name can say: "Group 7", "team-b"."""
    return bool(_TEAM.match(name))


def suffix(name: str) -> str:
    """The suffix of an archive that a file's name ends in, in lower case, or ""."""
    return max((suffix for suffix in SUFFIXES if name.casefold().endswith(suffix)), key=len, default="")


def ids(wanted: Sequence[tuple[str, str]]) -> list[str]:
    """An id for each (id as one would like it, the export's own name, which no other has).

    ASCII letters, digits and -_. only, at most MAX_ID; never hidden, reserved, a device of Windows, or equal to another
    in all but case. Whatever had to be changed so far that another may become the same ends in a hash of the export's
    own name, so that an id depends neither on the order of reading nor, as a rule, on the others.
    """
    plain = [_safe(like, own) for like, own in wanted]
    count = Counter(id_.casefold() for id_ in plain)
    taken = {id_.casefold() for id_ in plain if count[id_.casefold()] == 1}
    found = []
    for id_, (_like, own) in zip(plain, wanted, strict=True):
        if count[id_.casefold()] > 1:
            digits = _DIGITS
            while (longer := _with_hash(id_, own, digits)).casefold() in taken:
                digits += 1
            id_ = longer
            taken.add(id_.casefold())
        found.append(id_)
    return found


def _safe(like: str, own: str) -> str:
    letters = unicodedata.normalize("NFKD", like)
    kept = "".join(c for c in letters if not unicodedata.combining(c))
    lost = any(ord(c) > 127 for c in kept)
    id_ = re.sub(r"[^A-Za-z0-9._-]+", "_", kept).lstrip(".-_").rstrip(".-_")
    if not id_ or id_.casefold() in RESERVED or _DEVICE.fullmatch(id_):
        id_ = f"submission_{id_}".rstrip("_")
        lost = True
    return _with_hash(id_, own, _DIGITS) if lost or len(id_) > MAX_ID else id_


def _with_hash(id_: str, own: str, digits: int) -> str:
    mark = hashlib.sha256(own.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{id_[: MAX_ID - digits - 1]}-{mark}"
