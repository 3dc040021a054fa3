"""Small packages in the place of large ones that this machine lacks, so that students' files can be imported.

Their sources come over the wire, as probes do: a worker needs no right for them. They are looked for after
everything that is installed and after the submission's own files.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import CodeType


def sources_below(folder: Path) -> dict[str, tuple[str, bool]]:
    """Modules and packages in a folder: dotted name -> (source, whether it is a package)."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        place = file.relative_to(folder).with_suffix("")
        package = place.name == "__init__"
        parts = place.parent.parts if package else place.parts
        found[".".join(parts)] = (file.read_text(encoding="utf-8"), package)
    return found


class Standins(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads modules from their sources.

    sources: dotted name -> (source, whether it is a package).
    """

    def __init__(self, sources: Mapping[str, tuple[str, bool]]) -> None:
        self._sources = sources

    def find_spec(self, name: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name not in self._sources:
            return None
        return importlib.util.spec_from_loader(name, self, origin=f"<stand-in {name}>")

    def get_source(self, name: str) -> str:
        return self._sources[name][0]

    def get_code(self, name: str) -> CodeType:
        return self.source_to_code(self.get_source(name), f"<stand-in {name}>")

    def is_package(self, name: str) -> bool:
        return self._sources[name][1]


def offer(sources: Mapping[str, tuple[str, bool]]) -> None:
    """From now on these modules can be imported where nothing else has their names. A second call replaces what an
    earlier one offered. (It may run in a process that lives on, for debuggers.)"""
    for finder in [found for found in sys.meta_path if isinstance(found, Standins)]:
        sys.meta_path.remove(finder)
        for name, module in list(sys.modules.items()):
            if getattr(getattr(module, "__spec__", None), "loader", None) is finder:
                del sys.modules[name]
    sys.meta_path.append(Standins(sources))
