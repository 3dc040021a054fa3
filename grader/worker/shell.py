"""A notebook's cells, run one after another in the worker itself: no kernel process, no sockets.

IPython reads the cells as Jupyter's own kernel does (magics, `await`, the last expression as result, pictures of
matplotlib); what goes to other programs (`!pip`, `%pip`) is left out with a word.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Final, TextIO

import numpy as np
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from traitlets import Type
from traitlets.config import Config

TEXT: Final = 64 << 10  # characters kept of one stream, the first and the last half of them, and of all other texts
OUTPUTS: Final = 100  # of one cell
STREAMS: Final = 4 * TEXT  # characters of all its streams
PICTURES: Final = 8 << 20  # bytes kept of one cell's pictures
TYPES: Final = ("text/plain", "text/html", "text/markdown", "text/latex")
MARK: Final = "[cell {}]"  # in the log, before what a cell writes
ELSEWHERE: Final = "(not run: no other programs while grading)\n"

Outputs = list[dict[str, Any]]


class Kept:
    """What one cell gave out, in order and bounded: streams as text, results and displays by MIME type."""

    def __init__(self) -> None:
        self.outputs: Outputs = []
        self._pictures = PICTURES
        self._texts = TEXT

    def stream(self, name: str, text: str) -> None:
        last = self.outputs[-1] if self.outputs else {}
        if last.get("kind") != "stream" or last["name"] != name:
            full = len(self.outputs) >= OUTPUTS or sum(len(o.get("text", "")) for o in self.outputs) > STREAMS
            earlier = [o for o in self.outputs if o.get("name") == name] if full else []
            last = earlier[-1] if earlier else {"kind": "stream", "name": name, "text": ""}  # the end matters most
            if not earlier:
                self.outputs.append(last)
        joined = last["text"] + text
        if len(joined) > TEXT:
            joined = f"{joined[: TEXT // 2]}\n…\n{joined[-TEXT // 2 + 3 :]}"
        last["text"] = joined

    def bundle(self, kind: str, data: dict[str, Any]) -> None:
        kept: dict[str, Any] = {}
        for mime in TYPES:
            text = data.get(mime)
            if type(text) is str and len(text) <= self._texts:
                self._texts -= len(text)
                kept[mime] = text
        picture = data.get("image/png")
        if type(picture) is str:
            picture = base64.b64decode(picture)
        if type(picture) is bytes and len(picture) <= self._pictures:
            self._pictures -= len(picture)
            kept["image/png"] = np.frombuffer(picture, np.uint8)
        if len(self.outputs) < OUTPUTS:
            self.outputs.append({"kind": kind, "data": kept})


class _Stream(io.TextIOBase):
    """sys.stdout or sys.stderr while a cell runs."""

    def __init__(self, name: str, shell: Shell, log: TextIO) -> None:
        self._name = name
        self._shell = shell
        self._log = log  # all that is left of a cell that does not come back

    def write(self, text: str) -> int:
        self._shell.kept.stream(self._name, text)
        self._log.write(text)
        return len(text)

    def writable(self) -> bool:
        return True


class _Publisher(DisplayPublisher):
    shell: Shell

    def publish(self, data: dict[str, Any], *_args: Any, **_options: Any) -> None:
        self.shell.kept.bundle("display_data", data)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.kept = Kept()


class _Result(DisplayHook):
    shell: Shell

    def start_displayhook(self) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict[str, Any], md_dict: Any = None) -> None:
        self.shell.kept.bundle("execute_result", format_dict)

    def finish_displayhook(self) -> None:
        pass


class _Compiler(CachingCompiler):
    """Names a cell's code so that it counts as the student's file in a traceback: "cell 12"."""

    name: ClassVar[str] = ""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return self.name


def ignored(line: str) -> None:
    """A magic that does nothing here."""


class Shell(InteractiveShell):
    """IPython without a terminal, a history, files of its own, or other programs."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Result)
    compiler_class = Type(_Compiler)

    def __init__(self) -> None:
        self.kept = Kept()
        self.left = False  # the last cell asked the kernel to end
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        super().__init__(config=config, ipython_dir=os.curdir, profile_dir=ProfileDir())  # type: ignore[no-untyped-call]
        for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", category)  # as Python does unless it is asked
        for magic in ("load_ext", "reload_ext", "autoreload", "aimport"):  # what Jupyter users load is for editing
            self.register_magic_function(ignored, "line", magic)  # type: ignore[arg-type]

    def run(
        self,
        root: str,
        number: int,
        source: str,
        given: dict[str, Any],
        report: Callable[[BaseException], Any],
        clean: Callable[[str], str],
    ) -> dict[str, Any]:
        """One cell. given: names that it finds with these values, and that keep them whatever it assigns.
        Returns the outputs, with texts as `clean` leaves them, and what `report` makes of the exception, if any."""
        self.kept, self.left = Kept(), False
        _Compiler.name = f"{root}cell {number}"
        outside = sys.stdout, sys.stderr
        print(MARK.format(number))
        sys.stdout, sys.stderr = (_Stream(n, self, s) for n, s in zip(("stdout", "stderr"), outside, strict=True))
        try:
            self.user_ns.update(given)
            result = self.run_cell(source, store_history=True)  # type: ignore[no-untyped-call]
        finally:
            sys.stdout, sys.stderr = outside
            self.user_ns.update(given)
        error = result.error_before_exec or result.error_in_exec
        for output in self.kept.outputs:
            texts = output if "text" in output else output["data"]
            texts.update({key: clean(text) for key, text in texts.items() if type(text) is str})
        return {"outputs": self.kept.outputs, "error": None if error is None else report(error), "left": self.left}

    def showtraceback(self, *_args: Any, **_options: Any) -> None:
        pass

    showsyntaxerror = showtraceback

    def enable_gui(self, gui: str | None = None) -> None:
        pass

    def ask_exit(self) -> None:
        self.left = True

    def system(self, cmd: str) -> None:
        sys.stdout.write(ELSEWHERE)

    system_raw = system_piped = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        sys.stdout.write(ELSEWHERE)
        return [] if split else ""
