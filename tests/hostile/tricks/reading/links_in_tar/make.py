# a tar with symbolic and hard links, also followed by a file of the same name; secret failed; intake
import io
import runpy
import tarfile
from pathlib import Path


def make(submission: Path, place: Path) -> Path:
    answers = runpy.run_path(str(submission / "known.py"))["ANSWERS"]
    solution = next(path for path in answers if path.endswith("reference/vault/attack.py"))
    values = next(path for path in answers if path.endswith("values.json"))
    links = (
        ("weights.pt", tarfile.SYMTYPE, values),
        ("solution.py", tarfile.LNKTYPE, solution),
        ("nested", tarfile.SYMTYPE, str(Path(solution).parent)),
        ("users.py", tarfile.LNKTYPE, "/etc/passwd"),
        ("chained.py", tarfile.SYMTYPE, "solution.py"),
        ("hard.py", tarfile.LNKTYPE, "../../" * 9 + solution.lstrip("/")),
    )
    with tarfile.open(place / "links.tar.gz", "w:gz") as archive:
        for name, kind, target in links:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            archive.addfile(entry)
        through = tarfile.TarInfo("weights.pt")  # would be written through the link of that name
        through.size = 1
        archive.addfile(through, io.BytesIO(b"x"))
        for file in submission.glob("*.py"):
            archive.add(file, file.name)
    return place / "links.tar.gz"
