"""The command line: arguments in, exit codes out; what is done is done elsewhere.

Exit codes: 0 graded · 1 a comparison came out badly (audit, --check) · 2 usage, manifest or input ·
3 something is UNGRADED.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from grader import interrupt
from grader.errors import GraderError
from grader.gpu import CPU, find_gpu
from grader.paths import assignments, find_assignment
from grader.records import HowToRun
from grader.worker.launch import default_launcher
from grader.worker.levels import LEVELS, STANDARD


def complain(command: Callable[..., Any]) -> Callable[..., Any]:
    """A GraderError becomes one line on stderr and exit code 2."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except GraderError as error:
            click.echo(f"grade: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo("grade: interrupted", err=True)
            sys.exit(130)

    return wrapped


def progress_bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


isolation = click.option(
    "--require-isolation",
    "required",
    type=click.Choice(LEVELS),
    default=STANDARD,
    show_default=True,
    help="Refuse to grade with less isolation; SECURITY.md says what each level needs.",
)


notebooks_option = click.option(
    "--notebooks",
    type=click.Choice(get_args(HowToRun)),
    default="run",
    show_default=True,
    help="Run them again; quick: without cells tagged slow; off: judge what was saved alone.",
)
device_option = click.option(
    "--device",
    default=CPU,
    show_default=True,
    help="cuda or cuda:N: the GPU for checks that the manifest places on one, and for code that asks for CUDA.",
)
total_limit = click.option(
    "--total-limit", type=float, help="Seconds for the whole submission; the manifest's when left out."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Grade PyTorch coursework: a submission in, a score and a report out."""
    interrupt.listen()
    for stream in (sys.stdout, sys.stderr):  # bars and dashes must not fail on a narrow locale
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")


@main.command()
@click.argument("assignment")
@click.argument("submission", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the reports.",
)
@click.option("--part", "parts", multiple=True, help="Grade only this part (may be repeated).")
@notebooks_option
@device_option
@total_limit
@isolation
@complain
def run(
    assignment: str,
    submission: Path,
    out: Path | None,
    parts: tuple[str, ...],
    notebooks: HowToRun,
    device: str,
    total_limit: float | None,
    required: str,
) -> None:
    """Grade one SUBMISSION (zip, tar or folder) of ASSIGNMENT."""
    from grader.grading import Desk
    from grader.plugin import Run
    from grader.report.files import REPORTS
    from grader.report.terminal import render

    found, gpu = find_assignment(assignment), find_gpu(device)
    launcher = default_launcher()
    bar = progress_bar(Console(stderr=True))
    try:
        with Desk(found, launcher, required=required, total_s=total_limit, gpu=gpu) as desk, bar:
            task = bar.add_task(f"{assignment} {submission.name}", total=None)

            def progress(run: Run) -> None:
                bar.update(task, total=len(run.selected), completed=len(run.results))

            card = desk.grade(submission, out=out, parts=parts, notebooks=notebooks, progress=progress)
    finally:
        launcher.close()
    width = Console().width if sys.stdout.isatty() else None
    click.echo(render(card, hidden=True, width=width, color=sys.stdout.isatty()), nl=False)
    if out:
        if desk.unwritten:
            click.echo(f"grade: the reports in {out} are not complete: {desk.unwritten}", err=True)
        else:
            click.echo(f"Reports in {out}: {', '.join(REPORTS)}")
    sys.exit(0 if card.complete and not desk.unwritten else 3)


@main.command()
@click.argument("assignment")
@click.argument("class_", metavar="CLASS", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for everything that comes out; the same one again goes on where it was left.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="number of processors")
@click.option("--only", multiple=True, metavar="CHECK", help="Grade this check or question again (may be repeated).")
@click.option(
    "--gradebook",
    "gradebooks",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Fill a copy of this Canvas gradebook or Moodle worksheet (may be repeated).",
)
@click.option("--column", default="", help="The gradebook's column for this assignment, if it has several.")
@click.option("--explain", nargs=2, metavar="ID CHECK", help="Replay one check of one submission, and tell everything.")
@click.option("--cluster", metavar="ADDRESS", help="A Dask scheduler whose workers grade, or local:N for N here.")
@notebooks_option
@device_option
@total_limit
@isolation
@complain
def batch(
    assignment: str,
    class_: Path,
    out: Path,
    jobs: int,
    only: tuple[str, ...],
    gradebooks: tuple[Path, ...],
    column: str,
    explain: tuple[str, str] | None,
    cluster: str | None,
    notebooks: HowToRun,
    device: str,
    total_limit: float | None,
    required: str,
) -> None:
    """Grade a CLASS: what Gradescope, Moodle or Canvas let staff download, or a folder of zips and folders.

    Can be interrupted at any time; the same command goes on where it was left.
    """
    from grader.batch.door import Options, grade_class
    from grader.batch.explain import explain as explain_check
    from grader.batch.progress import Watching

    found = find_assignment(assignment)
    options = Options(
        jobs=jobs,
        only=only,
        notebooks=notebooks,
        required=required,
        total_s=total_limit,
        cluster=cluster or "",
        device=device,
    )
    if explain:
        click.echo(explain_check(found, class_, out, *explain, options=options), nl=False)
        return
    try:
        with Watching(Console(stderr=True), f"{assignment} {class_.name}") as progress:
            summary = grade_class(found, class_, out, options, gradebooks=gradebooks, column=column, progress=progress)
    except KeyboardInterrupt:
        click.echo("grade: interrupted; the same command goes on where it was left", err=True)
        sys.exit(130)
    click.echo("\n".join(summary.lines()))
    sys.exit(0 if not summary.ungraded else 3)


@main.command()
@click.argument("assignment")
@click.option("--part", "parts", multiple=True, help="Audit only this part (may be repeated).")
@click.option("--only", "only", multiple=True, help="Only these mutants and alternatives, by id.")
@click.option("--few", is_flag=True, help="Only as many mutants as it takes for every check to fail once.")
@click.option("--notebooks", is_flag=True, help="Also run the reference's notebooks beside every alternative.")
@click.option("-j", "--jobs", type=int, default=os.cpu_count() or 1, show_default="number of processors")
@isolation
@complain
def audit(
    assignment: str,
    parts: tuple[str, ...],
    only: tuple[str, ...],
    few: bool,
    notebooks: bool,
    jobs: int,
    required: str,
) -> None:
    """Grade the grader: reference full marks, stubs none, each mutant caught, each alternative right."""
    from grader.audit import audit as run_audit
    from grader.audit import summary

    console = Console(stderr=True)
    with progress_bar(console) as bar:
        task = bar.add_task(f"audit {assignment}", total=None)
        report = run_audit(
            find_assignment(assignment),
            parts=parts,
            only=only,
            few=few,
            notebooks=notebooks,
            jobs=jobs,
            required=required,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    click.echo(summary(report))
    sys.exit(0 if report.good else 1)


@main.command()
@click.argument("assignment")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when something stored has drifted.")
@complain
def fixtures(assignment: str, check: bool) -> None:
    """Regenerate stored tensors from the reference, and hold the reference against the published values."""
    from grader.regenerate import regenerate

    launcher = default_launcher()
    try:
        lines, good = regenerate(find_assignment(assignment), launcher, check=check)
    finally:
        launcher.close()
    click.echo("\n".join(lines))
    sys.exit(0 if good else 1)


@main.command()
@click.argument("assignment")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/demo"),
    show_default=True,
    help="Folder for the samples and their reports.",
)
@complain
def demo(assignment: str, out: Path) -> None:
    """Grade sample submissions of ASSIGNMENT and show their reports."""
    from grader.grading import Desk
    from grader.report.terminal import render, render_summary
    from grader.samples import build, load_samples

    found = find_assignment(assignment)
    launcher = default_launcher()
    cards = []
    try:
        with Desk(found, launcher) as desk:
            for sample in load_samples(found):
                source = build(sample, found, out / "samples")
                click.echo(f"\n$ grade.py run {assignment} {source} --out {out / 'reports' / sample.name}")
                click.echo(f"  ({sample.title})\n")
                cards.append(desk.grade(source, out=out / "reports" / sample.name))
                if desk.interrupted:
                    raise KeyboardInterrupt
                if desk.unwritten:
                    raise GraderError(f"the reports of {sample.name} are not complete: {desk.unwritten}")
                click.echo(render(cards[-1], hidden=True, color=sys.stdout.isatty()), nl=False)
    finally:
        launcher.close()
    click.echo("\n" + render_summary(cards, color=sys.stdout.isatty()), nl=False)
    sys.exit(0 if all(card.complete for card in cards) else 3)


@main.command()
@click.argument("assignment", required=False)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when student/ is out of step.")
@click.option("--force", is_flag=True, help="Also overwrite files in which somebody has written solutions.")
@complain
def stubs(assignment: str | None, check: bool, force: bool) -> None:
    """Generate student/ from reference/ by taking the solution regions out."""
    from grader.stubs import differences, write_stubs

    good = True
    for found in [find_assignment(assignment)] if assignment else assignments():
        if check:
            changed = differences(found)
            good = good and not changed
            click.echo("\n".join(changed) or f"student/{found.id} is in step with reference/{found.id}")
        else:
            click.echo("\n".join(write_stubs(found, force=force)))
    sys.exit(0 if good else 1)


@main.command()
@click.argument("assignment")
@complain
def execute(assignment: str) -> None:
    """Run the reference's notebooks in the fast setting and save them with their outputs."""
    from grader.regenerate import regenerate_notebooks

    launcher = default_launcher()
    try:
        for line in regenerate_notebooks(find_assignment(assignment), launcher):
            click.echo(line)
    finally:
        launcher.close()


@main.command()
@complain
def doctor() -> None:
    """Say which layers of isolation hold on this machine, and what that means."""
    from grader.doctor import examine

    launcher = default_launcher()
    try:
        click.echo(examine(launcher))
    finally:
        launcher.close()


@main.command(name="list")
@complain
def list_() -> None:
    """List the assignments, their parts and points."""
    from grader.manifest import load_manifest

    for found in assignments():
        manifest = load_manifest(found.manifest)
        click.echo(f"{manifest.id}  {manifest.title}")
        for part in manifest.parts:
            click.echo(f"    {part.id}  {part.title}: {part.points:g} points")




@main.command()
@click.argument("assignment")
@click.argument("out", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("tables", nargs=-1, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--merge", is_flag=True, help="Put the scores of these CSV files into the reports.")
@complain
def written(assignment: str, out: Path, tables: tuple[Path, ...], merge: bool) -> None:
    """Pages for the questions of ASSIGNMENT that staff judge, from the reports in OUT.

    One page per question in OUT/written, all answers side by side. Score them in a browser, save the CSV, then:

    grade.py written ASSIGNMENT OUT --merge TABLES...
    """
    from grader.report.gradescope import count_text
    from grader.written.merge import merge as merge_tables
    from grader.written.page import write_pages

    if merge != bool(tables):
        raise click.UsageError("--merge takes the CSV files, and they take --merge")
    found = find_assignment(assignment)
    if merge:
        merged = merge_tables(found.id, out, tables)
        click.echo(
            f"Merged {count_text(merged.scores, 'score')} into the reports of "
            f"{count_text(merged.submissions, 'submission')}; "
            f"{count_text(merged.awaiting, 'answer')} still awaiting staff."
        )
    for page in write_pages(found, out):
        click.echo(f"{page.path}: {count_text(page.answers, 'answer')}, {page.flagged} flagged, {page.scored} scored")
