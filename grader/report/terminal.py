"""Scorecard -> the text a person reads in a terminal after a run."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from grader.records import NOT_FAILED, CheckScore, PartScore, QuestionScore, Scorecard, Status, Visibility
from grader.report.gradescope import (
    awaiting_text,
    by_staff,
    cap_text,
    clean_text,
    count_text,
    is_hidden,
    outcome_counts,
    outcome_text,
    points_text,
    team_text,
    visible_points,
)
from grader.report.timing import speed_text

_BAR = 12  # columns
_MAX_MESSAGE = 4_000  # characters of one message; the reports on disk have more
_NARROWEST = 40  # columns; below, nothing is legible

_STYLES = {Status.SKIPPED: "dim", Status.UNGRADED: "bold magenta"}


def render(card: Scorecard, *, hidden: bool, width: int | None = None, color: bool) -> str:
    """The whole card as text that ends with a newline.

    hidden: True for staff, who see every check. False for students: hidden checks are counted, but neither
    their outcome nor their points enter any figure.
    width: columns; 80 when None.
    color: with ANSI colours, or plain text.
    """
    shown = [check for check in card.checks if hidden or not is_hidden(check)]
    concealed = [check for check in card.checks if not hidden and is_hidden(check)]
    blocks: list[RenderableType] = [
        _heading(card),
        _points_table(card, shown, concealed),
        *_not_passed(shown),
        *_faults(shown if hidden else ()),
        *_scored(shown),
        *_speed(shown),
        *_findings(card),
        _closing(card, shown, concealed),
    ]
    return _print(blocks, max(width or 80, _NARROWEST), color)


def render_summary(cards: Sequence[Scorecard], *, color: bool) -> str:
    """One line per submission: points, and what kept the checks that did not pass from passing."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title, justify in (("Submission", "left"), ("Points", "right"), ("Time", "right"), ("Checks", "left")):
        table.add_column(title, justify=justify, style="", header_style="bold")  # type: ignore[arg-type]
    for card in cards:
        words = ", ".join(f"{count} {outcome}" for outcome, count in outcome_counts(card.checks))
        share = _share(card.score, card.max_score, card.awaiting)
        table.add_row(clean_text(card.submission, 40), share, Text(f"{card.seconds:.1f} s"), Text(words))
    return _print([table], 100, color)


def _print(blocks: Sequence[RenderableType], columns: int, color: bool) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=columns,
        height=100,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for block in blocks:
        console.print(block)
    # rich fills lines up to the width, which wraps badly when the text is pasted elsewhere.
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()).rstrip("\n") + "\n"


def _heading(card: Scorecard) -> RenderableType:
    submission = " ".join(clean_text(card.submission, 200).split())
    lines = [_text(card.title, "bold"), Text(f"Submission: {submission}", style="dim")]
    if card.team:
        lines.append(Text(f"Team: {clean_text(team_text(card), 200)}", style="dim"))
    return Group(*lines, Rule(style="dim"))


def _points_table(
    card: Scorecard, shown: Sequence[CheckScore], concealed: Sequence[CheckScore]
) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 2, 0, 0))
    table.add_column(ratio=1)
    table.add_column(width=_BAR)
    table.add_column(justify="right", no_wrap=True)
    for part in card.parts:
        questions = [question for question in card.questions if question.part == part.id]
        earned, possible = _whole(part, card, [part], shown, concealed)
        table.add_row(_text(part.title, "bold"), Text(), _share(earned, possible, part.awaiting, "bold"))
        if part.cap is not None:
            table.add_row(Padding(_text(cap_text(part.cap), "red"), (0, 0, 0, 2)))
        for question in questions:
            earned, possible = _points(question, shown, concealed, {question.id})
            name = Padding(_text(question.title), (0, 0, 0, 2))
            table.add_row(name, _bar(earned, possible), _share(earned, possible, question.awaiting))
    return Padding(table, (1, 0, 0, 0))


def _points(
    entry: PartScore | QuestionScore | Scorecard,
    shown: Sequence[CheckScore],
    concealed: Sequence[CheckScore],
    questions: Collection[str],
) -> tuple[float, float]:
    """Points earned and possible: the card's own figures, or the visible checks' where they would tell
    about concealed ones."""
    if not any(check.question in questions for check in concealed):
        return entry.score, entry.max_score
    visible = [check for check in shown if check.question in questions]
    return math.fsum(check.score for check in visible), math.fsum(check.max_score for check in visible)


def _whole(
    entry: PartScore | Scorecard,
    card: Scorecard,
    parts: Sequence[PartScore],
    shown: Sequence[CheckScore],
    concealed: Sequence[CheckScore],
) -> tuple[float, float]:
    """The same of whole parts, whose points a broken rule may have capped."""
    places = {part.id for part in parts}
    mine = {question.id for question in card.questions if question.part in places}
    earned, possible = _points(entry, shown, concealed, mine)
    return visible_points(card, parts, shown) if concealed else earned, possible


def _share(earned: float, possible: float, awaiting: float, style: str = "") -> Text:
    if awaiting and not possible:  # 0 / 0 would tell nothing
        return Text(awaiting_text(awaiting).lstrip(", "), style=style)
    if not possible:
        return Text("no points", style="dim")
    return Text(f"{points_text(earned)} / {points_text(possible)}{awaiting_text(awaiting)}", style=style)


def _bar(earned: float, possible: float) -> Text:
    if not possible:
        return Text()
    # A full bar means full points and an empty one none at all, whatever rounding says.
    filled = 0 if earned == 0 else max(1, math.floor(_BAR * earned / possible + 1e-9))
    return Text("━" * filled, style="green") + Text("╌" * (_BAR - filled), style="dim")


def _not_passed(shown: Sequence[CheckScore]) -> list[RenderableType]:
    """One block per failed check; skipped ones follow from those and come last, grouped by their reason."""
    failed = [check for check in shown if check.status not in NOT_FAILED]
    skipped = [check for check in shown if check.status is Status.SKIPPED]
    blocks: list[RenderableType] = []
    if failed:
        blocks.append(Text("\nChecks that did not pass", style="bold"))
        alike: dict[tuple[Status, str], list[CheckScore]] = {}
        for check in failed:
            alike.setdefault((check.status, check.message), []).append(check)
        blocks += [block for checks in alike.values() for block in _alike(checks)]
    if skipped:
        blocks.append(Text("\nSkipped, because a check they build on did not pass", style="bold"))
        blocks.append(Padding(Group(*_skipped(skipped, {check.id for check in shown})), (1, 0, 0, 2)))
    return blocks


def _alike(checks: Sequence[CheckScore]) -> list[RenderableType]:
    """Checks with one message: a block each, or one for all when a single cause (a module that cannot be
    imported) keeps many from passing."""
    if len(checks) < 4:
        return [_failed(check) for check in checks]
    others = ", ".join(check.id for check in checks[1:])
    same = _text(f"The same holds for {len(checks) - 1} more: {others}", "dim")
    return [_failed(checks[0]), Padding(same, (0, 0, 0, 6))]


def _failed(check: CheckScore) -> RenderableType:
    first = _text(check.id, "bold")
    first.append("  ")
    first.append(outcome_text(check), style=_STYLES.get(check.status, "red"))
    if is_hidden(check):
        first.append("  (hidden)", style="dim")
    lines: list[RenderableType] = [Padding(first, (0, 0, 0, 2)), Padding(_text(check.title), (0, 0, 0, 4))]
    if check.message.strip():
        message = clean_text(check.message, _MAX_MESSAGE).strip("\n").expandtabs(4)
        lines += [Padding(Text(line), (0, 0, 0, 6)) for line in message.split("\n")]
    return Padding(Group(*lines), (1, 0, 0, 0))


def _faults(shown: Sequence[CheckScore]) -> list[RenderableType]:
    """For staff, the last words of what could not be graded, each once; whoever writes a suite looks here first."""
    last = {
        lines[-1]: check.id
        for check in reversed(shown)
        if check.status is Status.UNGRADED and (lines := clean_text(check.staff, _MAX_MESSAGE).strip().splitlines())
    }
    if not last:
        return []
    words = [_text(id_, "bold") + Text(f"  {text.strip()}") for text, id_ in reversed(last.items())]
    return [Text("\nWhat went wrong in the grader", style="bold"), Padding(Group(*words), (1, 0, 0, 2))]


def _skipped(checks: Sequence[CheckScore], known: Collection[str]) -> list[Text]:
    """A line for each reason, with the checks that it kept from being judged. Companions of a check go
    without saying."""
    reasons: dict[str, list[str]] = {}
    for check in checks:
        if check.id.rpartition(".")[0] in known:
            continue
        reasons.setdefault(" ".join(clean_text(check.message, 300).split()), []).append(check.id)
    return [_text(", ".join(ids)) + Text(f"  {reason}", style="dim") for reason, ids in reasons.items()]


def _scored(shown: Sequence[CheckScore]) -> list[RenderableType]:
    """What staff wrote about the answers that they scored."""
    remarked = [check for check in shown if check.status is Status.SCORED and check.message.strip()]
    if not remarked:
        return []
    blocks: list[RenderableType] = [Text("\nRemarks of course staff", style="bold")]
    for check in remarked:
        lines = [Padding(_text(check.title), (0, 0, 0, 2)), Padding(_text(check.message), (0, 0, 0, 4))]
        blocks.append(Padding(Group(*lines), (1, 0, 0, 0)))
    return blocks


def _speed(shown: Sequence[CheckScore]) -> list[RenderableType]:
    """What was measured, of those that passed too."""
    lines = []
    for check in shown:
        if check.timing:
            lines += [Padding(_text(check.id), (0, 0, 0, 2)), Padding(Text(speed_text(check.timing)), (0, 0, 0, 4))]
    return [Text("\nSpeed", style="bold"), Padding(Group(*lines), (1, 0, 0, 0))] if lines else []


def _findings(card: Scorecard) -> list[RenderableType]:
    if not card.findings:
        return []
    rows = Table.grid(padding=(0, 1, 0, 0))
    for finding in card.findings:
        rows.add_row("-", Text(clean_text(finding, 500)))
    return [Text("\nAbout the submitted files", style="bold"), Padding(rows, (0, 0, 0, 2))]


def _closing(card: Scorecard, shown: Sequence[CheckScore], concealed: Sequence[CheckScore]) -> RenderableType:
    lines: list[RenderableType] = [Text()]
    judged = [check for check in shown if not by_staff(check)]
    if judged and all(check.status is Status.PASSED for check in judged):
        what = "Every visible check passed." if concealed else "Every check passed."
        lines.append(Text(what, style="green"))
    if concealed:
        lines.append(Text(_about_concealed(concealed)))
    if not card.complete:
        lines.append(
            Text(
                "Not complete: something could not be graded, through no fault of the submission. "
                "Grade it again; this score is not final.",
                style="bold magenta",
            )
        )
    lines.append(_text(_isolation(card.isolation), "dim"))
    earned, possible = _whole(card, card, card.parts, shown, concealed)
    lines.append(Text("Score: ", style="bold") + _share(earned, possible, card.awaiting, "bold"))
    return Group(*lines)


def _about_concealed(concealed: Sequence[CheckScore]) -> str:
    whose = "its result is" if len(concealed) == 1 else "their results are"
    never = any(check.visibility is Visibility.HIDDEN for check in concealed)
    when = "for course staff only" if never else "shown after grading"
    worth = points_text(math.fsum(check.max_score for check in concealed))
    points = "point" if worth == "1" else "points"
    return (
        f"{count_text(len(concealed), 'hidden check')}: {whose} {when} "
        f"({worth} {points}, not in the figures here)."
    )


def _isolation(layers: dict[str, bool]) -> str:
    held = [name for name, is_on in layers.items() if is_on]
    missing = [name for name, is_on in layers.items() if not is_on]
    text = f"Isolation: {', '.join(held) or 'none'}"
    return f"{text}; not in force: {', '.join(missing)}" if missing else text


def _text(text: str, style: str = "") -> Text:
    """Literal text: no markup is read from what a suite or a student wrote."""
    return Text(clean_text(text, _MAX_MESSAGE), style=style)
