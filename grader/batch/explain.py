"""One check of one submission again, with all that went in and all that came back. For staff: it holds the answers."""

from __future__ import annotations

import difflib
import io
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from grader.batch.door import Options, scratch
from grader.batch.ledger import LEDGER, Ledger
from grader.batch.series import Series, Task
from grader.batch.suite import load_suite
from grader.errors import GraderError
from grader.gpu import find_gpu
from grader.grading import Desk, run_pytest
from grader.intake.archive import shown
from grader.lms import open_class
from grader.outcomes import Name
from grader.paths import Assignment
from grader.plugin import Run
from grader.records import CheckResult, Died, Raised, Reply, Status
from grader.report.gradescope import STATUS_WORDS, clean_text, outcome_text, points_text
from grader.worker.launch import default_launcher

MOST_SHOWN: Final = 40  # exchanges, the last ones
MOST_TEXT: Final = 1500  # characters of one value


class Witness:
    """Keeps what is asked of a submission and what comes back, as text."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, name: Name, request: list[Any], reply: Reply) -> None:
        verb, *fields = request
        asked = [f"{name.shown} ({verb})"]
        if verb == "prepare":
            asked.append(f"  calls to be made later: {len(fields[0])}; the first has")
        if verb in ("call", "vjp", "sweep", "prepare"):
            args = fields[0][0][1] if verb == "prepare" else fields[1]
            asked += [f"  in   {number}: {text(value)}" for number, value in enumerate(args)]
        if verb in ("call", "vjp"):
            asked += [f"  in   {key} = {text(value)}" for key, value in fields[2].items()]
        if verb == "sweep":
            asked.append(f"  argument {fields[2]} is replaced by each slice of: {text(fields[3])}")
        if verb in ("call", "vjp", "sweep"):
            options = {key: value for key, value in fields[-1].items() if key not in ("watch", "upstream")}
            asked.append(f"  with {options}")
        match reply:
            case Raised():
                asked.append(f"  raised {reply.type}: {reply.text}")
                asked += [f"       {frame}" for frame in reply.frames]
            case Died():
                asked.append(f"  {STATUS_WORDS[reply.status]}: {reply.text}")
            case _:
                asked.append(f"  out  {text(reply.value)}")
                if reply.changed:
                    asked.append(f"  changed in place: arguments {', '.join(map(str, reply.changed))}")
        self.seen.append(clean_text("\n".join(asked), 20_000))


def text(value: Any) -> str:
    """A value as people read it: tensors with shape, dtype and the first and last entries."""
    match value:
        case np.ndarray():
            with np.printoptions(threshold=60, edgeitems=3, precision=6, linewidth=100):
                found = f"tensor {value.shape} {value.dtype} {np.array2string(value, prefix='  ' * 6)}"
        case list() | tuple():
            items = ",\n         ".join(map(text, value[:20]))
            found = f"[{items}{', …' if len(value) > 20 else ''}]"
        case dict():
            items = ",\n         ".join(f"{key!r}: {text(item)}" for key, item in list(value.items())[:20])
            found = f"{{{items}{', …' if len(value) > 20 else ''}}}"
        case _:
            found = repr(value)
    return shown_lines(found)


def shown_lines(found: str) -> str:
    return found if len(found) <= MOST_TEXT else f"{found[: MOST_TEXT // 2]} … {found[-MOST_TEXT // 2 :]}"


def explain(assignment: Assignment, source: Path, out: Path, id_: str, check: str, *, options: Options) -> str:
    """The story of one check, ready to be printed. How the checks ended that it builds on is taken from the ledger in
    `out`, if there is one. Raises GraderError for ids that are not there."""
    with scratch() as place, open_class(source, place / "fetched") as export:
        known_ids = [entry.id for entry in export.entries]
        if id_ not in known_ids:
            raise GraderError(f"the class has no submission {id_!r}{_near(id_, known_ids)}")
        suite = load_suite(assignment, options.notebooks, options.device)
        specs = {spec.id: spec for spec in suite.specs}
        if check not in specs:
            raise GraderError(f"{assignment.id} has no check {check!r}{_near(check, specs)}")
        before: dict[str, CheckResult] = {}
        if (out / LEDGER).exists():
            with Ledger(out, assignment.id) as ledger:
                before = {name: filed.result for name, filed in ledger.results(id_).items()}
        with closing(default_launcher()) as launcher, Desk(
            assignment, launcher, required=options.required, total_s=options.total_s, gpu=find_gpu(options.device)
        ) as desk:
            submission = desk.stage(export.fetch(id_))
            witness = Witness()
            student = desk.subject(submission)
            student.witness = witness
            known = {name: result.status for name, result in before.items() if result.status is not Status.SKIPPED}
            run = Run(desk.manifest, student, desk.reference, desk.stored, notebooks=options.notebooks, known=known)
            first = Run(desk.manifest, student, desk.reference, desk.stored)
            log = io.StringIO()

            def tasks() -> Iterator[Task]:
                yield run, {check}
                log.write(student.log())

            run_pytest(assignment, desk.manifest, Series(first, tasks(), lambda _: None))
            student.close()
            shutil.rmtree(submission.root, ignore_errors=True)
        if fatal := first.fatal or run.fatal:
            raise fatal
    spec, result = specs[check], run.results.get(check)
    points = "point" if spec.points == 1 else "points"
    lines = [
        f"{spec.id}  {spec.title}",
        f"Submission: {id_}; question {spec.question}, {points_text(spec.points)} {points}, {spec.visibility}",
        "For staff: what follows holds inputs and answers.",
        "",
    ]
    for need in spec.needs:
        lines.append(f"Builds on {need}: {outcome_text(before[need]) if need in before else 'not judged yet'}")
    skipped = len(witness.seen) - MOST_SHOWN
    if skipped > 0:
        lines.append(f"({skipped} earlier requests are left out)")
    lines += [f"{number}. {seen}" for number, seen in enumerate(witness.seen, 1) if number > skipped]
    if not witness.seen:
        lines.append("Nothing was asked of the submission.")
    lines += ["", *_verdict(result, before.get(check))]
    if log.getvalue().strip():
        lines += ["", "What the code printed:", clean_text(log.getvalue()[-3000:])]
    return "\n".join(lines) + "\n"


def _verdict(result: CheckResult | None, before: CheckResult | None) -> list[str]:
    if result is None:
        return ["It was not judged."]
    lines = [f"Outcome: {outcome_text(result)}, {result.seconds:.2f} s ({result.cpu_s:.2f} s of processor time)"]
    for title, said in (("Student reads", result.message), ("Likely cause", result.cause), ("For staff", result.staff)):
        if said:
            lines.append(f"{title}: {clean_text(said)}")
    if before and before.status is not result.status:
        lines.append(f"In the ledger it is: {outcome_text(before)}. {clean_text(before.message)}")
    return lines


def _near(wanted: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(shown(wanted), list(known), n=3, cutoff=0.4)
    return f"; did you mean {', '.join(near)}?" if near else ""
