"""Grading the grader: does the suite give full marks to what is right and take points for what is wrong?

    reference      passes every check
    stubs          score nothing
    mutants        tests/<id>/mutants/*.toml: the reference with one mistake that students make. Each fails in
                   the checks named for it, and in nothing that has nothing to do with it
    alternatives   tests/<id>/alternatives/<style>/: other correct solutions, laid over the reference. Each
                   passes every check; notebooks are run beside them only when asked, since that takes a minute each.
                   One that is right and slow says so in an audit.toml beside its files: `slow = ["p3.loss_speed"]`
                   lists the checks of speed that must fail on it

and every check that is worth points has failed on at least one mutant.
"""

from __future__ import annotations

import fnmatch
import multiprocessing
import queue
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import msgspec

from grader.checks.examples import COUNT
from grader.checks.notebooks import NOT_RUN
from grader.errors import GraderError, ManifestError
from grader.grading import Desk, only_parts
from grader.manifest import load_manifest
from grader.paths import Assignment
from grader.plugin import LEFT_OUT
from grader.records import NOT_FAILED, CheckScore, HowToRun, Manifest, Record, Scorecard, Status, Visibility
from grader.samples import replace_once
from grader.stubs import student_files
from grader.worker.launch import default_launcher
from grader.worker.levels import STANDARD
from grader.worker.scratch import Scratch

MUTANT_INPUTS = 5  # that hidden companions try on a mutant: what catches it, catches it early


class Mutant(Record, frozen=True):
    """One entry of a mutants file: edits of a source file, each `find` occurring exactly once in the
    reference's `file`, or another file in its place."""

    id: str
    title: str
    file: str
    caught_by: tuple[str, ...]
    find: str | tuple[str, ...] = ()
    replace: str | tuple[str, ...] = ()
    instead: str = ""  # a file beside the TOML
    also: tuple[str, ...] = ()  # checks that may fail, too; fnmatch patterns
    says: str = ""  # part of the message of a check that catches it
    diagnostic: bool = False  # checks that are worth nothing see it, and no others


class MutantFile(Record, frozen=True):
    mutant: tuple[Mutant, ...]


class Declared(Record, frozen=True):
    """The audit.toml of an alternative. slow: checks of speed that it fails."""

    slow: tuple[str, ...]


class Variant(Record, frozen=True):
    """A submission to be graded, and what is expected of it."""

    kind: Literal["reference", "stubs", "mutant", "alternative"]
    id: str
    files: dict[str, bytes]  # over the reference's
    parts: tuple[str, ...]
    mutant: Mutant | None = None
    slow: tuple[str, ...] = ()  # of an alternative: checks of speed that it fails


class Finding(Record, frozen=True):
    """A variant that did not come out as expected, and why."""

    variant: str
    text: str


class Report(Record, frozen=True):
    graded: dict[str, int]  # kind -> how many variants
    findings: tuple[Finding, ...]
    scores: dict[str, tuple[float, float]]  # variant -> score, maximum

    @property
    def good(self) -> bool:
        return not self.findings


# --- variants ---------------------------------------------------------------------------------------


def load_mutants(assignment: Assignment) -> list[Mutant]:
    """Raises ManifestError with file and path of the entry that is wrong."""
    mutants: list[Mutant] = []
    for path in sorted(assignment.mutants.glob("*.toml")):
        try:
            mutants += msgspec.toml.decode(path.read_bytes(), type=MutantFile).mutant
        except msgspec.MsgspecError as error:
            raise ManifestError(f"{path.name}: {error}") from None
    return mutants


def mutated(mutant: Mutant, assignment: Assignment) -> bytes:
    """What the mutant hands in for its file. Raises ManifestError for one that does not fit the reference."""
    if bool(mutant.instead) == bool(mutant.find):
        raise ManifestError(f"mutant {mutant.id}: either `find` and `replace`, or `instead`")
    if mutant.instead:
        try:
            return (assignment.mutants / mutant.instead).read_bytes()
        except OSError as error:
            raise ManifestError(f"mutant {mutant.id}: {mutant.instead}: {error.strerror}") from None
    source = (assignment.reference / mutant.file).read_text(encoding="utf-8")
    finds = (mutant.find,) if isinstance(mutant.find, str) else mutant.find
    replaces = (mutant.replace,) if isinstance(mutant.replace, str) else mutant.replace
    if len(finds) != len(replaces):
        raise ManifestError(f"mutant {mutant.id}: as many `replace` as `find` are needed")
    for find, replace in zip(finds, replaces, strict=True):
        source = replace_once(source, find, replace, f"mutant {mutant.id}, {mutant.file}")
    return source.encode()


def variants(assignment: Assignment, manifest: Manifest, parts: Sequence[str]) -> list[Variant]:
    wanted = tuple(part.id for part in manifest.parts if not parts or part.id in parts)

    def parts_of(files: Iterable[str]) -> tuple[str, ...]:
        touched = {question.part for question in manifest.questions if {*files} & {*question.files}}
        return tuple(part for part in wanted if part in touched)

    own = {*manifest.submitted, *manifest.notebook_files}
    stubs = {name: content for name, content in student_files(assignment).items() if name in own}
    found = [
        Variant(kind="reference", id="reference", files={}, parts=wanted),
        Variant(kind="stubs", id="stubs", files=stubs, parts=wanted),
    ]
    for folder in sorted(path for path in assignment.alternatives.glob("*") if path.is_dir()):
        files = {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in folder.rglob("*.py")
            if "__pycache__" not in file.parts
        }
        slow = declared_slow(folder, manifest)
        found.append(Variant(kind="alternative", id=folder.name, files=files, parts=parts_of(files), slow=slow))
    for mutant in load_mutants(assignment):
        if mutant.file not in (*manifest.submitted, *manifest.optional):
            raise ManifestError(f"mutant {mutant.id}: {mutant.file} is not a submitted file")
        files = {mutant.file: mutated(mutant, assignment)}
        found.append(Variant(kind="mutant", id=mutant.id, files=files, parts=parts_of(files), mutant=mutant))
    ids = [variant.id for variant in found]
    if twice := {id_ for id_ in ids if ids.count(id_) > 1}:
        raise ManifestError(f"two things to audit are called {', '.join(sorted(twice))}")
    return [variant for variant in found if variant.parts]


def declared_slow(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """The checks of speed that an alternative says it fails. Raises ManifestError for a wrong audit.toml."""
    path = folder / "audit.toml"
    if not path.exists():
        return ()
    try:
        slow = msgspec.toml.decode(path.read_bytes(), type=Declared).slow
    except msgspec.MsgspecError as error:
        raise ManifestError(f"{folder.name}/{path.name}: {error}") from None
    if unknown := {*slow} - {limit.check for limit in manifest.speeds}:
        raise ManifestError(f"{folder.name}/{path.name}: {', '.join(sorted(unknown))} is no check of speed")
    return slow


def fewest(mutants: Sequence[Mutant]) -> list[Mutant]:
    """About as few of them as name every check that is named by any: each time the one that adds most."""
    left = {id_ for mutant in mutants for id_ in mutant.caught_by}
    kept = []
    while left:
        best = max(mutants, key=lambda mutant: len(left.intersection(mutant.caught_by)))
        kept.append(best)
        left.difference_update(best.caught_by)
    return kept


def slow_checks(variant: Variant, few: bool) -> tuple[str, ...]:
    """What takes long is judged on a mutant that names it, and on everything that is no mutant, or only on the
    reference where there is to be little of all."""
    if variant.mutant is None:
        return () if few and variant.kind == "alternative" else ("*",)
    return (*variant.mutant.also, *(pattern for id_ in variant.mutant.caught_by for pattern in (id_, f"{id_}.*")))


def write_variant(variant: Variant, assignment: Assignment, manifest: Manifest, folder: Path) -> None:
    """The variant as a student would hand it in: the submitted files in one folder."""
    names = variant.files if variant.kind == "stubs" else (*manifest.submitted, *manifest.optional)
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in variant.files:
            target.write_bytes(variant.files[name])
        else:
            shutil.copyfile(assignment.reference / name, target)


# --- judgement --------------------------------------------------------------------------------------


def failing(card: Scorecard) -> list[CheckScore]:
    return [check for check in card.checks if check.status not in NOT_FAILED]


NUMBER = re.compile(r"\d\.\d|\de[-+]\d")  # a measured value; indices, sizes and check ids have no such form


def telling(card: Scorecard) -> list[str]:
    """Hidden checks whose message for the student holds a number from which a right value could follow."""
    hidden = [c for c in card.checks if c.visibility is not Visibility.VISIBLE and c.status is Status.FAILED]
    return [f"the hidden {c.id} tells a number: {c.message}" for c in hidden if NUMBER.search(c.message)]


def judge(variant: Variant, card: Scorecard) -> list[str]:
    """What is not as it should be with this variant's scorecard."""
    failed = failing(card)
    complaints = [f"{c.id} is UNGRADED: {c.staff}" for c in failed if c.status is Status.UNGRADED]
    if complaints:
        return complaints
    if variant.mutant is None:
        if variant.kind == "stubs":
            scoring = [c.id for c in card.checks if c.score > 0]
            return [f"the stubs score in {', '.join(scoring)}"] if scoring else []
        left = NOT_RUN, LEFT_OUT
        judged = [c for c in card.checks if c.status is not Status.AWAITING and c.message not in left and c.device]
        fast = [c for c in judged if c.id not in variant.slow]
        complaints = [f"{c.id} did not pass ({c.status}): {c.message} {c.staff}" for c in fast if c.status != "passed"]
        unseen = [c for c in judged if c.id in variant.slow and c.status in NOT_FAILED]
        return complaints + [f"{c.id} was to find it slow ({c.status}): {c.message}" for c in unseen]
    mutant = variant.mutant
    names = {check.id for check in failed}
    if unknown := set(mutant.caught_by) - {check.id for check in card.checks}:
        return [f"there is no check {', '.join(sorted(unknown))}"]
    if missed := set(mutant.caught_by) - names:
        complaints.append(f"not caught by {', '.join(sorted(missed))}; failing: {', '.join(sorted(names)) or 'none'}")
    allowed = [*mutant.also, *(pattern for id_ in mutant.caught_by for pattern in (id_, f"{id_}.*"))]
    stray = [c for c in failed if not any(fnmatch.fnmatchcase(c.id, pattern) for pattern in allowed)]
    complaints += [f"also fails in {c.id}: {c.message}" for c in stray]
    complaints += telling(card)
    if any(check.max_score > 0 for check in failed) == mutant.diagnostic:
        complaints.append("costs points" if mutant.diagnostic else "costs no points")
    messages = "\n".join(check.message for check in failed if check.id in mutant.caught_by)
    if mutant.says and mutant.says not in messages:
        complaints.append(f"no message says {mutant.says!r}, but: {messages}")
    return complaints


def never_failed(cards: Sequence[tuple[Variant, Scorecard]]) -> list[str]:
    """Checks with points that no mutant made fail."""
    worth = {check.id for _variant, card in cards for check in card.checks if check.max_score > 0}
    seen = {check.id for variant, card in cards if variant.mutant for check in failing(card)}
    return sorted(worth - seen)


# --- the run ----------------------------------------------------------------------------------------


def audit(
    assignment: Assignment,
    *,
    parts: Sequence[str] = (),
    only: Sequence[str] = (),
    few: bool = False,
    notebooks: bool = False,
    jobs: int = 1,
    required: str = STANDARD,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Grades every variant, `jobs` at a time, each in a process with a zygote of its own.

    few: no more mutants than are needed for each check that one of them names to fail once, and slow checks only on
        those and on the reference; checks that none names may never fail.
    notebooks: they are run beside the alternatives, too.
    Raises ManifestError for mutants that do not fit the reference, GraderError when a job dies.
    """
    manifest = load_manifest(assignment.manifest)
    only_parts(manifest, parts)  # refuses unknown ones
    every = variants(assignment, manifest, parts)
    if unknown := set(only) - {variant.id for variant in every}:
        raise ManifestError(f"nothing to audit is called {', '.join(sorted(unknown))}")
    if few:
        kept = {mutant.id for mutant in fewest([variant.mutant for variant in every if variant.mutant])}
        every = [variant for variant in every if variant.mutant is None or variant.id in kept]
    todo = [variant for variant in every if not only or variant.id in only]
    context = multiprocessing.get_context("spawn")
    tasks, results = context.Queue(), context.Queue()
    # The longest first, so that no job is left alone with one at the end.
    for variant in sorted(todo, key=lambda v: v.kind == "mutant"):
        tasks.put(msgspec.msgpack.encode(variant))
    replies = Scratch(0o700)  # of the reference, which is asked once for all variants
    job = assignment, tasks, results, required, notebooks, few, replies.path
    workers = [
        context.Process(target=_grade_all, args=job, daemon=True)
        for _ in range(max(1, min(jobs, len(todo))))
    ]
    for worker in workers:
        tasks.put(None)
        worker.start()
    cards: list[tuple[Variant, Scorecard]] = []
    findings: list[Finding] = []
    try:
        for done in range(len(todo)):
            progress(done, len(todo))
            id_, card = _next_result(results, workers)
            variant = next(v for v in todo if v.id == id_)
            if isinstance(card, str):
                findings.append(Finding(variant=id_, text=card))
                continue
            cards.append((variant, card))
            findings += [Finding(variant=id_, text=text) for text in judge(variant, card)]
    finally:
        for worker in workers:  # those that are done end by themselves
            worker.join(timeout=10)
            worker.kill()
        replies.remove()
    progress(len(todo), len(todo))
    if not only and not few:
        findings += [Finding(variant="suite", text=f"no mutant fails in {id_}") for id_ in never_failed(cards)]
    kinds = [variant.kind for variant, _card in cards]
    return Report(
        graded={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
        findings=tuple(findings),
        scores={variant.id: (card.score, card.max_score) for variant, card in cards},
    )


def _next_result(results: Any, workers: Sequence[Any]) -> tuple[str, Scorecard | str]:
    while True:
        try:
            id_, data = results.get(timeout=5)
        except queue.Empty:
            if not any(worker.is_alive() for worker in workers):
                raise GraderError("an audit job ended without a result") from None
            continue
        return id_, data if isinstance(data, str) else msgspec.msgpack.decode(data, type=Scorecard)


def _grade_all(
    assignment: Assignment, tasks: Any, results: Any, required: str, notebooks: bool, few: bool, replies: Path
) -> None:
    """One job: grades variants until there are none left, or it is interrupted."""
    launcher = default_launcher()
    with closing(launcher), Desk(assignment, launcher, required=required, replies=replies) as desk:
        while not desk.interrupted and (data := tasks.get()) is not None:
            variant = msgspec.msgpack.decode(data, type=Variant)
            with tempfile.TemporaryDirectory(prefix="torchgrade-") as place:
                folder = Path(place) / variant.id
                folder.mkdir()
                write_variant(variant, assignment, desk.manifest, folder)
                run_them: HowToRun = "off" if variant.kind == "alternative" and not notebooks else "run"
                try:
                    # Hidden companions are judged even where their visible check failed: they must fail, too.
                    card = desk.grade(
                        folder,
                        parts=variant.parts,
                        companions=True,
                        slow=slow_checks(variant, few),
                        notebooks=run_them,
                        inputs=MUTANT_INPUTS if variant.mutant else COUNT,
                    )
                    results.put((variant.id, msgspec.msgpack.encode(card)))
                except GraderError as error:
                    results.put((variant.id, f"could not be graded: {error}"))


def summary(report: Report) -> str:
    lines = [f"{count:4} {kind}" for kind, count in report.graded.items()]
    for id_ in ("reference", "stubs"):
        if id_ in report.scores:
            score, worth = report.scores[id_]
            lines.append(f"{id_}: {score:g} / {worth:g}")
    lines += [f"{finding.variant}: {finding.text}" for finding in report.findings]
    lines.append("The suite is sound." if report.good else f"{len(report.findings)} findings.")
    return "\n".join(lines)
