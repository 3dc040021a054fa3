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
from pathlib import Path
from typing import Final

from grader.checks import source
from grader.checks.source import Remark
from grader.errors import ManifestError, Verdict
from grader.records import Manifest, Policy, Rule, Status
from grader.solutions import strip_solutions
from grader.subject import Subject

SHOWN: Final = 6  # breaches in one message
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
        return not self._policy.files or file in self._policy.files

    # --- rules ----------------------------------------------------------------------------------------

    def _unusable(self) -> dict[str, list[Remark]]:
        submission = self._student.submission
        found = {
            file: [Remark(0, "was not found in the submission; hand it in under this name")]
            for file in self._files
            if file not in submission.hashes
        }
        found |= {
            file: [Remark(0, f"cannot be used: {text}")]
            for file, text in submission.problems.items()
            if file in self._files and not file.endswith(".py")
        }
        return found

    def _not_importable(self) -> dict[str, list[Remark]]:
        broken = {}
        self._student.fresh()
        for file in self._modules():
            try:
                self._student.import_module(_module(file))
            except Verdict as verdict:
                broken[file] = [Remark(0, f"{verdict.text}; mend this before anything else")]
        return broken

    def _of_sources(self) -> dict[str, list[Remark]]:
        policy, broken = self._policy, {}
        for file in self._modules():
            text = (Path(self._student.submission.root) / file).read_bytes()
            try:
                if policy.rule is Rule.CALLS:
                    broken[file] = source.calls(text, policy.forbid)
                elif policy.rule is Rule.IMPORTS:
                    broken[file] = source.imports(text, self._handed_out(file), policy.allow)
                else:
                    broken[file] = source.definitions(text, self._handed_out(file), policy.allow)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # its checks say so, and a rule about what runs does
        return broken

    def _another_edition(self) -> dict[str, list[Remark]]:
        signs = {title: [mark for mark in marks if self._has(mark)] for title, marks in self._policy.editions.items()}
        most = max(map(len, signs.values()), default=0)
        if not most:
            return {}
        likely = [title for title, found in signs.items() if len(found) == most]
        shown = ", ".join(signs[likely[0]])
        text = (
            f"this looks like work for {' or '.join(likely)} of the assignment (it has {shown}), which asks for other "
            "things than this one; hand in your work for this edition"
        )
        return {"the submission": [Remark(0, text)]}

    def _has(self, mark: str) -> bool:
        """A file, or "file.py:Class.function(parameter)"."""
        file, _, name = mark.partition(":")
        path = Path(self._student.submission.root) / file
        if not name or not path.is_file():
            return path.is_file()
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            return source.has(path.read_bytes(), name)
        return False

    def _printed(self, exercises: Sequence[Exercise]) -> dict[str, list[Remark]]:
        student, printed = self._student, ""
        student.fresh(only_stdout=True)
        for file in self._modules():
            with contextlib.suppress(Verdict):  # what it came to is for other checks to say
                student.import_module(_module(file))
            printed = printed or student.log().strip()
        for exercise in exercises:
            student.fresh(only_stdout=True)
            with contextlib.suppress(Verdict):
                exercise(student)
            printed = printed or student.log().strip()
        student.fresh()
        if not printed:
            return {}
        words = re.sub(r"\s+", " ", printed)
        quoted = words if len(words) <= WORDS else f"{words[:WORDS]} …"
        text = f"importing, constructing or calling them prints ({quoted}); take out every print"
        return {"the modules": [Remark(0, text)]}

    # --- files ----------------------------------------------------------------------------------------

    def _modules(self) -> list[str]:
        """Modules that the rule is about, and that are there."""
        known = self._student.submission.hashes
        return [file for file in self._files if file.endswith(".py") and file in known]

    def _handed_out(self, file: str) -> str:
        return strip_solutions((self._reference / file).read_text(encoding="utf-8"), file)


def refuse(breaches: dict[str, list[Remark]]) -> None:
    """Raises the Verdict, if there are any."""
    if not breaches:
        return
    lines = [_said(file, remark) for file, found in breaches.items() for remark in found]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"and {len(lines) - SHOWN} more"]
    raise Verdict(Status.REFUSED, "\n".join(lines), files=tuple(breaches))


def _said(file: str, remark: Remark) -> str:
    return f"{file}{f', line {remark.line}' if remark.line else ''}: {remark.text}"


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")
