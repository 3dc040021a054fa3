"""Where things lie in the repository. No other module joins repository paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from grader.errors import ManifestError

ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Assignment:
    """The folders of one assignment; `root` is the repository they lie in."""

    id: str
    root: Path = ROOT

    @property
    def reference(self) -> Path:
        return self.root / "reference" / self.id

    @property
    def manifest(self) -> Path:
        return self.reference / "assignment.toml"

    @property
    def student(self) -> Path:
        return self.root / "student" / self.id

    @property
    def suite(self) -> Path:
        return self.root / "tests" / self.id

    @property
    def probes(self) -> Path:
        return self.suite / "probes"

    @property
    def standins(self) -> Path:
        return self.suite / "standins"

    @property
    def recipes(self) -> Path:
        return self.suite / "recipes.py"

    @property
    def mutants(self) -> Path:
        return self.suite / "mutants"

    @property
    def alternatives(self) -> Path:
        return self.suite / "alternatives"

    @property
    def samples(self) -> Path:
        return self.root / "fixtures" / self.id / "samples.toml"

    @property
    def published(self) -> Path:
        return self.root / "fixtures" / self.id / "published"

    @property
    def generated(self) -> Path:
        return self.root / "fixtures" / self.id / "generated"

    @property
    def answers(self) -> tuple[Path, ...]:
        """What no worker may read: solutions, tests, expected values, and where copies of them lie."""
        own = self.reference, self.suite, self.published, self.generated
        return *own, self.root / ".git", self.root / "build"


def assignments(root: Path = ROOT) -> list[Assignment]:
    """Every assignment of a repository that has a manifest."""
    return [Assignment(path.parent.name, root) for path in sorted(root.glob("reference/*/assignment.toml"))]


def find_assignment(name: str) -> Assignment:
    """Raises ManifestError naming the assignments there are."""
    known = assignments()
    for assignment in known:
        if assignment.id == name:
            return assignment
    raise ManifestError(f"there is no assignment {name!r}; there are: {', '.join(a.id for a in known)}")
