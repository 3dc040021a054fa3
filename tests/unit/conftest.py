"""What tests of several files ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import class_exports as exports
import pytest

from grader.lms import ClassExport, open_class


@pytest.fixture(params=["folder", "zip", "zip with a top folder"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[dict[str, bytes]], ClassExport]:
    """open_class() of these files, laid out or packed."""

    def run(files: dict[str, bytes]) -> ClassExport:
        source = tmp_path / "in"
        if request.param == "folder":
            exports.lay(source, files)
        else:
            top = "top/" if request.param != "zip" else ""
            source.write_bytes(exports.zipped({top + name: data for name, data in files.items()}))
        export = open_class(source, tmp_path / "place")
        request.addfinalizer(export.close)
        return export

    return run
