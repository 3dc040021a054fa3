"""`grade.py doctor`: what holds on this machine, and what that means."""

from __future__ import annotations

import os
import platform
import tempfile
import time

from grader.paths import assignments
from grader.worker.launch import Launcher, Spawner
from grader.worker.levels import LEVELS, STANDARD, highest, shortfall
from grader.worker.sandbox import LAYERS, describe


def examine(launcher: Launcher) -> str:
    """Starts one worker and reports every layer with its reason. Raises WorkerError."""
    with tempfile.TemporaryDirectory(prefix="torchgrade-") as folder:
        os.chmod(folder, 0o755)
        launcher.start(folder, 2048).close()  # the first waits for the imports
        begin = time.perf_counter()
        worker = launcher.start(folder, 2048)
        ready_s = time.perf_counter() - begin
        layers = dict(worker.layers)
        worker.close()
    lines = [
        f"{platform.system()} {platform.release()} on {platform.machine()}, "
        + ("running as root" if getattr(os, "geteuid", lambda: -1)() == 0 else "running as an ordinary user"),
        ", ".join(f"{name} {version}" for name, version in launcher.versions.items()),
        "",
    ]
    for layer in LAYERS:
        reason = layers.get(layer, "a plain process drops no rights")
        lines.append(f"  {'yes' if reason == '' else 'no ':3}  {layer:13} {describe(layer)}")
        if reason:
            lines.append(f"       {'':13} not in force: {reason}")
    lines += ["", f"A worker is ready {ready_s * 1000:.0f} ms after it is asked for.", "", meaning(launcher, layers)]
    return "\n".join(lines)


def meaning(launcher: Launcher, layers: dict[str, str]) -> str:
    if isinstance(launcher, Spawner):
        return (
            "Workers are plain processes here: right for your own code, with the same verdicts. Grading the work "
            "of others is refused without --require-isolation none."
        )
    answers = [path for assignment in assignments() for path in assignment.answers]
    level = highest(layers, answers)
    said = f"The highest level of isolation to be had here is {level!r}. "
    if LEVELS.index(level) >= LEVELS.index(STANDARD):
        return said + "The work of others can be graded."
    why = shortfall(STANDARD, layers, answers)
    return said + f"Grading the work of others is refused: {why}."
