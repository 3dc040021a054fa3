# a folder whose attack.py is a link to the reference; secret raised; intake; honest raised
import runpy
from pathlib import Path


def make(submission: Path, place: Path) -> Path:
    answers = runpy.run_path(str(submission / "known.py"))["ANSWERS"]
    solution = next(path for path in answers if path.endswith("reference/vault/attack.py"))
    (submission / "attack.py").symlink_to(solution)
    return submission
