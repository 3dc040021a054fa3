"""A submission whose code lies in an archive, and other files beside it: a code zip, notebooks, students.txt."""

from __future__ import annotations

from grader.intake.archive import Archive, EntryError, shown
from grader.intake.match import roots
from grader.records import Manifest


class Overlay(Archive):
    """The files of an outer archive with those of an inner one put at its root, where they are missing.

    A file that both hold, with other content, is refused: nobody can tell which of them is meant.
    """

    def __init__(self, outer: Archive, inner: Archive, manifest: Manifest) -> None:
        super().__init__(outer.name)
        wanted = (*manifest.submitted, *manifest.optional)
        self.sizes, self.refused = dict(outer.sizes), dict(outer.refused)
        self._sources: dict[str, tuple[Archive, str]] = {path: (outer, path) for path in outer.sizes}
        place = next(iter(roots(outer.sizes, wanted)), "")
        cut = next(iter(roots(inner.sizes, wanted)), "")
        for path, size in inner.sizes.items():
            target = place + path.removeprefix(cut)
            if target not in outer.sizes:
                self.sizes[target] = size
                self._sources[target] = inner, path
            elif not _equal(outer, target, inner, path):
                self._refuse(target, f"the one in {shown(inner.name)} is another one; hand in one")
        for path, why in inner.refused.items():
            self.refused.setdefault(place + path.removeprefix(cut), why)

    def _read(self, path: str, most: int) -> bytes:
        archive, inside = self._sources[path]
        return archive._read(inside, most)


def _equal(one: Archive, path: str, other: Archive, inside: str) -> bool:
    try:
        return one.sizes[path] == other.sizes[inside] and one.read(path) == other.read(inside)
    except EntryError:
        return False
