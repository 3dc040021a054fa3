"""A program with a zygote that is lent to it, since importing torch takes most of a short run; all else is as it is.

    python lent.py <number of a twin> <its control> <its log> <program> <arguments>
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

numbers, program, sys.argv = sys.argv[1:4], sys.argv[4], sys.argv[4:]
sys.path[0] = str(Path(program).parent)

from grader.worker import launch  # noqa: E402


class Lent(launch.Zygote):
    def __init__(self, uids: Sequence[int] = ()) -> None:
        super().__init__(uids, twin=launch.Adopted(*map(int, numbers)))


launch.Zygote = Lent  # type: ignore[misc]
runpy.run_path(program, run_name="__main__")
