"""Classes as Gradescope, Moodle and Canvas export them, and folders of submissions, made up from a seed.

Each function writes one class below `place` and returns its folder, or its zip. The i-th mapping (file -> content) is
what the i-th of `people` handed in, and `gradescope_number(i)` and its like are the platforms' numbers. A mapping with
the single key "submission.zip" is an archive as a student makes one; an empty mapping is a submission without files.
Every fourth person has a name that makes trouble.
"""

from __future__ import annotations

import io
import json
import random
import re
import tarfile
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from grader.intake.archive import open_archive
from grader.lms import ClassExport
from grader.records import HandedIn

Files = Mapping[str, bytes]

ARCHIVE = "submission.zip"
NOBODY: Mapping[int, int] = {}
IN_TIME: Mapping[int, str] = {}
ONLINE_TEXT = "onlinetext.html"  # in a mapping for Moodle: typed into the browser
TEXT, LINK = "_text.html", "_link.html"  # the same for Canvas, and a web address

_FIRST = ["Ada", "Ben", "Carla", "Deniz", "Elif", "Farid", "Greta", "Hugo", "Iris", "Jonas", "Keiko", "Liam", "Mona"]
_LAST = ["Adler", "Brook", "Costa", "Dahl", "Eriksen", "Fuchs", "Garcia", "Haddad", "Ivanova", "Jensen", "Kaya", "Lund"]
TROUBLE = (
    ("María José", "Núñez"), ("Seán", "O’Brien"), ("Ann_Marie", "van_der_Berg"), ("Zoë 🦊", "Müller"),
    ("=cmd()", "Eval"), ("A" + "a" * 120, "Long"), ("小明", "李"), ("Kim", "Lee"), ("kim", "lee"), ("+1", "@Sum"),
    ("Bobby'; DROP", "O'Hara"), ("con", "nul"), ("X" * 40, "12_34"),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    first: str
    last: str
    email: str
    sid: str  # every fifth has none

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"


def people(count: int, *, seed: int = 0) -> list[Person]:
    """The same ones, in the same order, for every larger count."""
    drawn = random.Random(seed)
    found = []
    for i in range(count):
        first, last = drawn.choice(_FIRST), drawn.choice(_LAST)
        if i % 4 == 3:
            first, last = TROUBLE[i // 4 % len(TROUBLE)]
        sid = f"{drawn.randrange(10**8):09d}"  # begins with 0
        found.append(Person(first, last, f"student{i}@example.edu", "" if i % 5 == 4 else sid))
    return found


def gradescope_number(i: int) -> int:
    return 200_000 + 7 * i


def moodle_number(i: int) -> int:
    return 1_327_600 + i


def canvas_number(i: int) -> int:
    return 5_000 + i


# --- the four formats -------------------------------------------------------------------------------


def gradescope_class(
    place: Path,
    submissions: Sequence[Files],
    *,
    seed: int = 0,
    as_zip: bool = False,
    partners: Mapping[int, int] = NOBODY,
    late: Mapping[int, str] = IN_TIME,
    again: Collection[int] = (),
) -> Path:
    """`assignment_<id>_export`, one top folder. An archive is unpacked, as Gradescope does, if that is possible.

    partners: whom one handed in with, of `people` (somebody of the class has a submission besides).
    late: "H:M:S" of those who were. again: who has earlier attempts.
    """
    persons = people(max([len(submissions) - 1, *partners.values()]) + 1, seed=seed)
    lines, files = ["---"], {}
    for i, content in enumerate(submissions):
        number = gradescope_number(i)
        submitters = [persons[i], persons[partners[i]]] if i in partners else [persons[i]]
        created = f"2026-03-{i % 28 + 1:02d} 11:58:02.120000000 Z"
        lines += [f"submission_{number}:", *_attempt(submitters, created, "  ")]
        if i in late:
            lines.append(f"  :lateness: '{late[i]}'")
        lines.append("  :history:" if i in again else "  :history: []")
        if i in again:
            earlier = _attempt([], "2026-02-01 08:00:00.000000000 Z", "    ")
            lines += [f"  - :id: {number - 5}", *earlier, f"  - :id: {number - 3}", *earlier]
        files |= _below(f"submission_{number}", _unpacked(content) if [*content] == [ARCHIVE] else content)
    files["submission_metadata.yml"] = ("\n".join(lines if submissions else ["--- {}"]) + "\n").encode()
    return _written(place, f"assignment_{4000 + seed}_export", files, as_zip, top=True)


def moodle_class(
    place: Path,
    submissions: Sequence[Files],
    *,
    seed: int = 0,
    as_zip: bool = False,
    style: Literal["folders", "underscore", "flat"] = "folders",
    teams: bool = False,
    blind: bool = False,
) -> Path:
    """A zip without a top folder. style: "underscore" is that of older versions. teams: groups hand in."""
    files: dict[str, bytes] = {}
    for i, (person, content) in enumerate(zip(people(len(submissions), seed=seed), submissions, strict=True)):
        name = "Participant" if blind else f"Group {i + 1}" if teams else person.name.replace("_", " ")
        kept = {path: data for path, data in content.items() if path != ONLINE_TEXT}
        prefix = f"{name}_{moodle_number(i)}_assignsubmission"
        end = "_" if style == "underscore" else ""
        if style == "flat":
            files |= {f"{prefix}_file_{path}": data for path, data in _flat(kept).items()}
            files |= {f"{prefix}_onlinetext_{path}": data for path, data in content.items() if path == ONLINE_TEXT}
        elif kept or ONLINE_TEXT not in content:
            files |= _below(f"{prefix}_file{end}", kept)
        if ONLINE_TEXT in content and style != "flat":
            files[f"{prefix}_onlinetext{end}/{ONLINE_TEXT}"] = content[ONLINE_TEXT]
    return _written(place, f"DL26-Assignment 2-{900 + seed}", files, as_zip, top=False)


def canvas_class(
    place: Path,
    submissions: Sequence[Files],
    *,
    seed: int = 0,
    as_zip: bool = False,
    late: Collection[int] = (),
    again: Collection[int] = (),
    anonymous: bool = False,
    teams: bool = False,
) -> Path:
    """Files at the top; who handed in folders is given an archive. again: names have the number that Canvas gives."""
    files: dict[str, bytes] = {}
    attachment = 88_000
    for i, (person, content) in enumerate(zip(people(len(submissions), seed=seed), submissions, strict=True)):
        name = f"group{i + 1}" if teams else re.sub(r"\W", "", person.last + person.first).lower()
        prefix = f"{name}{'_LATE' * (i in late)}_{canvas_number(i)}"
        if anonymous:
            prefix = f"{'LATE_' * (i in late)}anon_{random.Random(seed * 1000 + i).randbytes(3).hex()[:5]}"
        for path, data in _flat(content).items():
            attachment += 1
            stem, dot, ending = path.rpartition(".")
            file = f"{stem}-1{dot}{ending}" if i in again else path
            files[prefix + path if path in (TEXT, LINK) else f"{prefix}_{attachment}_{file}"] = data
    return _written(place, "dl26-assignment 2 submissions", files, as_zip, top=False)


def plain_class(place: Path, submissions: Sequence[Files], *, seed: int = 0, as_zip: bool = False) -> Path:
    """A folder of archives as they are; of the other submissions every third is a zip, a tar.gz, a folder."""
    files: dict[str, bytes] = {}
    for i, (person, content) in enumerate(zip(people(len(submissions), seed=seed), submissions, strict=True)):
        name = f"{i:02d} {person.name}"[:100]
        if [*content] == [ARCHIVE]:
            files[f"{name}.zip"] = content[ARCHIVE]
        elif content and i % 3 < 2:
            files[f"{name}.{('zip', 'tar.gz')[i % 3]}"] = (zipped, tarred)[i % 3](content)
        else:
            files |= _below(name, content)
    return _written(place, f"class_{seed}", files, as_zip, top=True)


# --- reading them ---------------------------------------------------------------------------------------


def lay(folder: Path, files: Files) -> Path:
    """A folder with these files; a name that ends in "/" is an empty folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (folder / name).mkdir(exist_ok=True)
        else:
            (folder / name).write_bytes(data)
    return folder


def content(export: ClassExport, id: str) -> dict[str, bytes]:
    with open_archive(export.fetch(id)) as archive:
        return {path: archive.read(path) for path in archive.sizes}


def by_id(export: ClassExport) -> dict[str, HandedIn]:
    return {entry.id: entry for entry in export.entries}


def only(export: ClassExport) -> HandedIn:
    (entry,) = export.entries
    return entry


# --- parts ------------------------------------------------------------------------------------------


def zipped(files: Files) -> bytes:
    """A zip of these files, always the same bytes; a name that ends in "/" is a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tarred(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _attempt(submitters: Sequence[Person], created: str, indent: str) -> list[str]:
    """The fields of one attempt, as Ruby's YAML writes them."""
    lines = [":submitters:" if submitters else ":submitters: []"]
    for person in submitters:
        lines += [f"- :name: {json.dumps(person.name, ensure_ascii=False)}", f"  :email: {person.email}"]
        lines += [f"  :sid: '{person.sid}'"] if person.sid else []
    lines += [f":created_at: {created}", ":score: 12.5", ":status: processed", ":results:", "  tests:"]
    lines += ["  - name: forward", "    score: 12.5", "    output: |", "      expected 1.0", "      :submitters: []"]
    return [indent + line for line in lines]


def _below(folder: str, files: Files) -> dict[str, bytes]:
    return {f"{folder}/{path}": data for path, data in files.items()} or {f"{folder}/": b""}


def _unpacked(content: Files) -> Files:
    try:
        with zipfile.ZipFile(io.BytesIO(content[ARCHIVE])) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    except zipfile.BadZipFile:
        return content


def _flat(files: Files) -> Files:
    return {ARCHIVE: zipped(files)} if any("/" in path for path in files) else files


def _written(place: Path, name: str, files: Files, as_zip: bool, *, top: bool) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    if as_zip:
        target = place / f"{name}.zip"
        target.write_bytes(zipped({f"{name}/{path}": data for path, data in files.items()} if top else files))
        return target
    target = place / name
    target.mkdir()
    return lay(target, files)
