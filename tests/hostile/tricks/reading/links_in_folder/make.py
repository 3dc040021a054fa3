# a folder with symbolic and hard links to what is not its own; secret failed; intake
import os
import runpy
from pathlib import Path


def make(submission: Path, place: Path) -> Path:
    answers = runpy.run_path(str(submission / "known.py"))["ANSWERS"]
    solution = next(path for path in answers if path.endswith("reference/vault/attack.py"))
    values = next(path for path in answers if path.endswith("values.json"))
    (submission / "weights.pt").symlink_to(values)
    (submission / "solution.py").symlink_to(solution)
    (submission / "nested").symlink_to(Path(solution).parent)
    (submission / "users.py").symlink_to("/etc/passwd")
    (submission / "chained.py").symlink_to("solution.py")
    (place / "not_mine.py").write_text(Path(solution).read_text())  # a hard link of the reference would outlast us
    os.link(place / "not_mine.py", submission / "hard.py")
    return submission
