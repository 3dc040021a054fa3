# a zip whose attack.py is a link to the reference; secret raised; intake; honest raised
import runpy
import stat
import zipfile
from pathlib import Path


def make(submission: Path, place: Path) -> Path:
    answers = runpy.run_path(str(submission / "known.py"))["ANSWERS"]
    entry = zipfile.ZipInfo("attack.py")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(place / "link.zip", "w") as archive:
        archive.writestr(entry, next(path for path in answers if path.endswith("reference/vault/attack.py")))
        archive.write(submission / "honest.py", "honest.py")
    return place / "link.zip"
