# a zip whose entries are symbolic links by their mode bits; secret failed; intake
import runpy
import stat
import zipfile
from pathlib import Path


def make(submission: Path, place: Path) -> Path:
    answers = runpy.run_path(str(submission / "known.py"))["ANSWERS"]
    solution = next(path for path in answers if path.endswith("reference/vault/attack.py"))
    values = next(path for path in answers if path.endswith("values.json"))
    links = {
        "weights.pt": values, "solution.py": solution, "nested": str(Path(solution).parent), "users.py": "/etc/passwd",
        "chained.py": "solution.py",
    }  # fmt: skip
    with zipfile.ZipFile(place / "links.zip", "w") as archive:
        for name, target in links.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, target)
        archive.writestr("nested/attack.py/..", "")
        for file in submission.glob("*.py"):
            archive.write(file, file.name)
    return place / "links.zip"
