# hands in modules named like those that the worker imports; secret failed; intake
from pathlib import Path

FAKE = "import os\nos._exit(0)\n"
NAMES = (
    "torch", "torchvision", "numpy", "msgspec", "json", "typing", "random", "traceback", "importlib", "dataclasses",
    "matplotlib", "scipy", "pytest", "_pytest", "grader", "grade", "encodings", "posixpath", "linecache", "socket",
)  # fmt: skip


def make(submission: Path, place: Path) -> Path:
    for name in NAMES:
        (submission / name).mkdir()
        (submission / name / "__init__.py").write_text(FAKE)
        (submission / f"{name}.py").write_text(FAKE)
    (submission / "torch" / "nn.py").write_text(FAKE)
    (submission / "torchgrade_probes.py").write_text(FAKE)
    (submission / "torchgrade_probes").mkdir()
    (submission / "torchgrade_probes" / "trial.py").write_text(FAKE)
    return submission
