# a tar whose attack.py is a hard link to the reference; secret raised; intake; honest raised
import runpy
import tarfile
from pathlib import Path


def make(submission: Path, place: Path) -> Path:
    answers = runpy.run_path(str(submission / "known.py"))["ANSWERS"]
    entry = tarfile.TarInfo("attack.py")
    entry.type = tarfile.LNKTYPE
    entry.linkname = next(path for path in answers if path.endswith("reference/vault/attack.py"))
    with tarfile.open(place / "link.tar", "w") as archive:
        archive.addfile(entry)
        archive.add(submission / "honest.py", "honest.py")
    return place / "link.tar"
