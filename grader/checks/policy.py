"""Rules of a hand-out that are not about values, judged one at a time: a check asks, the manifest says for what.

    @pytest.mark.check("POL-imports", question="rules", points=0)
    def test_imports(policy):
        \"\"\"Each file has the imports that it was handed out with\"\"\"
        policy.judge()

A broken rule is REFUSED, with the line and the mend; what it costs is the manifest's to say and scoring's to take
(`sanctions`). What cannot be proven is a remark for people, and costs nothing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from grader.checks import source
from grader.checks.source import Remark
from grader.errors import ManifestError, NeedsGpu, Verdict
from grader.records import Manifest, Policy, Rule, Status
from grader.solutions import strip_solutions
from grader.subject import Subject

SHOWN: Final = 6  # breaches in one message
PRINTING: Final = ("print", "sys.stdout.*", "sys.__stdout__.*", "os.write")
WORDS: Final = 60  # of what was printed

Exercise = Callable[[Subject], object]


class Rulebook:
    """One policy and one submission.

    reference: the folder of our own solution, from which the modules as they were handed out are made.
    """

    def __init__(self, policy: Policy, manifest: Manifest, student: Subject, reference: Path) -> None:
        self._policy = policy
        self._files = policy.files or manifest.submitted
        self._student = student
        self._reference = reference

    def judge(self, *exercises: Exercise) -> None:
        """exercises: for a rule about output, what is called; each in a fresh worker, whatever became of the others.

        Raises a Verdict, REFUSED, that names file, line and mend; ManifestError for a rule that lacks its exercises."""
        if bool(exercises) != (self._policy.rule is Rule.OUTPUT):
            raise ManifestError(f"{self._policy.check}: exercises belong to the rule `output`, and to no other")
        match self._policy.rule:
            case Rule.FILES:
                broken = self._unusable()
            case Rule.RUNS:
                broken = self._not_importable()
            case Rule.GIVEN:
                text = "is a given file and was changed; hand it in as it was, or not at all"
                broken = {file: [Remark(0, text)] for file in self._student.submission.altered if self._is_meant(file)}
            case Rule.EDITION:
                broken = self._another_edition()
            case Rule.OUTPUT:
                broken = self._printed(exercises)
            case _:
                broken = self._of_sources()
        breaches = {file: [remark for remark in found if remark.certain] for file, found in broken.items()}
        for file, found in broken.items():
            for remark in found:
                if not remark.certain:
                    self._student.remark(f"{self._policy.check}: {_said(file, remark)}; this is a warning, no more")
        refuse({file: found for file, found in breaches.items() if found})

    def _is_meant(self, file: str) -> bool:
        folders = tuple(f"{name.rstrip('/')}/" for name in self._policy.files)
        return not folders or file in self._policy.files or file.startswith(folders)

    # --- rules ----------------------------------------------------------------------------------------

    def _unusable(self) -> dict[str, list[Remark]]:
        submission, found = self._student.submission, {}
        for file in self._files:
            if file in submission.hashes:
                continue  # whether a module can be imported is for another rule
            problem = submission.problems.get(file)
            text = f"cannot be used: {problem}" if problem else "was not found; hand it in under this name"
            found[file] = [Remark(0, text)]
        return found

    def _not_importable(self) -> dict[str, list[Remark]]:
        student, broken = self._student, dict[str, list[Remark]]()
        student.fresh()
        for file in self._modules():
            try:
                student.import_module(_module(file))
            except NeedsGpu:
                raise  # the plugin knows what to do about it
            except Verdict as verdict:
                if verdict.status is Status.TIMED_OUT and student.left_s() <= 0:  # others' imports took the time
                    if not broken:
                        raise
                    break
                broken[file] = [Remark(0, f"{verdict.text}; mend this before anything else")]
        student.fresh()  # what one module does to libraries is not for the checks of another
        return broken

    def _of_sources(self) -> dict[str, list[Remark]]:
        policy, broken = self._policy, {}
        for file in self._modules():
            text = self._text(file)
            try:
                if policy.rule is Rule.CALLS:
                    found = source.calls(text, policy.forbid)
                    mend = f"; {policy.mend}" if policy.mend else ""
                    broken[file] = [each._replace(text=each.text + mend) if each.certain else each for each in found]
                elif policy.rule is Rule.IMPORTS:
                    broken[file] = source.imports(text, self._handed_out(file), policy.allow)
                else:
                    broken[file] = source.definitions(text, self._handed_out(file), policy.allow)
            except (SyntaxError, ValueError):
                continue  # its checks say so, and a rule about what runs does
            except (RecursionError, MemoryError):  # Python itself can go deeper
                broken[file] = [Remark(0, "is nested too deeply to be looked through", certain=False)]
        return broken

    def _another_edition(self) -> dict[str, list[Remark]]:
        signs = {title: [mark for mark in marks if self._has(mark)] for title, marks in self._policy.editions.items()}
        most = max(map(len, signs.values()), default=0)
        if not most:
            return {}
        likely = [title for title, found in signs.items() if len(found) == most]
        shown = ", ".join(signs[likely[0]])
        text = (
            f"this looks like work for {' or '.join(likely)} (it has {shown}), which asks for other things than this "
            "assignment; hand in your work for this one"
        )
        return {"": [Remark(0, text)]}

    def _has(self, mark: str) -> bool:
        """A file, or "file.py:Class.function(parameter)"."""
        file, _, name = mark.partition(":")
        path = Path(self._student.submission.root) / file
        if not name or not path.is_file():
            return path.is_file()
        with contextlib.suppress(*source.UNPARSABLE):
            return source.has(self._text(file), name)
        return False

    def _printed(self, exercises: Sequence[Exercise]) -> dict[str, list[Remark]]:
        modules = self._modules()
        imports = [partial(Subject.import_module, module=_module(file)) for file in modules]
        printed = self._heard(*imports) or next(filter(None, map(self._heard, exercises)), "")
        self._student.fresh()
        if not printed:
            return {}
        words = re.sub(r"\s+", " ", printed)
        quoted = words if len(words) <= WORDS else f"{words[:WORDS]} …"
        found = [Remark(0, f"importing, constructing or calling the modules prints ({quoted}); take out every print")]
        return {"": found} | {file: self._prints(file) for file in modules}

    def _heard(self, *exercises: Exercise) -> str:
        """What they print, one after the other in a fresh worker; what else comes of them is for other checks to say.
        Raises the Verdict of one after which nothing more can be said."""
        student = self._student
        student.fresh(only_stdout=True)
        for exercise in exercises:
            unheard = None
            try:
                exercise(student)
            except Verdict as verdict:
                if isinstance(verdict, NeedsGpu) or student.left_s() <= 0:
                    unheard = verdict
            if printed := student.log().strip():  # at once: what ended a worker does not unsay what it printed
                return printed
            if unheard is not None:
                raise unheard
        return ""

    def _prints(self, file: str) -> list[Remark]:
        """The lines to look at."""
        with contextlib.suppress(*source.UNPARSABLE):
            found = source.calls(self._text(file), PRINTING)
            lines = dict.fromkeys(remark.line for remark in found if remark.certain)
            return [Remark(line, "this prints, whenever it is reached") for line in lines]
        return []

    # --- files ----------------------------------------------------------------------------------------

    def _modules(self) -> list[str]:
        """Modules that the rule is about, and that are there."""
        known = self._student.submission.hashes
        return [file for file in self._files if file.endswith(".py") and file in known]

    def _text(self, file: str) -> bytes:
        return (Path(self._student.submission.root) / file).read_bytes()

    def _handed_out(self, file: str) -> str:
        return strip_solutions((self._reference / file).read_text(encoding="utf-8"), file)


def refuse(breaches: dict[str, list[Remark]]) -> None:
    """Raises the Verdict, if there are any."""
    if not breaches:
        return
    lines = [_said(file, remark) for file, found in breaches.items() for remark in found]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"and {len(lines) - SHOWN} more"]
    raise Verdict(Status.REFUSED, "\n".join(lines), files=tuple(filter(None, breaches)))


def _said(file: str, remark: Remark) -> str:
    """file: "" for what is not about one."""
    line = f", line {remark.line}" if remark.line else ""
    return f"{file}{line}: {remark.text}" if file else remark.text


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")
