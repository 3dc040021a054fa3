"""`assignment.toml` -> Manifest, and whether a suite of checks fits it.

Every complaint is one line: the file, the place as a path (`$.questions[0].points`) and what is wrong.
"""

from __future__ import annotations

import ast
import graphlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath

import msgspec

from grader.errors import ManifestError
from grader.records import CheckSpec, Manifest, Policy, Question, Rule, Severity, SpeedLimit, Visibility

_MAX_SEED = 2**32 - 1  # numpy's legacy seeding accepts no more


def load_manifest(path: Path) -> Manifest:
    """Read, decode and cross-check one manifest.

    Raises ManifestError with a one-line text for an unreadable file, broken TOML, an unknown key, a wrong
    type, or entries that contradict each other.
    """
    try:
        manifest = msgspec.toml.decode(path.read_bytes(), type=Manifest)
    except OSError as error:
        raise ManifestError(f"{path.name}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path.name}: is not UTF-8 text (byte {error.start})") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ManifestError(f"{path.name}: {_one_line(str(error))}") from error
    for complaint in _contradictions(manifest):
        raise ManifestError(f"{path.name}: {_one_line(complaint)}")
    return manifest


def check_suite(manifest: Manifest, specs: Sequence[CheckSpec], *, partly: bool = False) -> None:
    """Refuse a suite that does not fit the manifest; the order of `specs` plays no role.

    partly: it is cut down to some parts, so that checks of policies and limits, and those that others need, may be
    missing.
    Raises ManifestError: repeated id, unknown question, unknown or cyclic `needs`, points that are negative
    or not finite, a check in the place of a question that staff judge, another question that no check grades or
    whose checks' points do not add up to its points, a policy without a check, with one that has points, or
    with a hidden one though it costs points; a place for a check that is not there, a check that builds on one which
    needs a GPU and needs none itself.
    """
    specs = sorted(specs, key=lambda spec: spec.id)
    for spec_id in _repeated(spec.id for spec in specs):
        raise ManifestError(f"check {spec_id!r} is declared twice")
    known_questions = {question.id for question in manifest.questions}
    of_staff = {question.id for question in manifest.questions if question.written}
    known_checks = {spec.id for spec in specs}
    hidden = {spec.id for spec in specs if spec.visibility is not Visibility.VISIBLE}
    for spec in specs:
        if spec.question not in known_questions:
            raise ManifestError(f"check {spec.id!r} names the unknown question {spec.question!r}")
        if spec.question in of_staff or spec.id in of_staff:
            raise ManifestError(f"check {spec.id!r} stands in the place of a question that staff judge")
        if not _is_amount(spec.points):
            raise ManifestError(f"check {spec.id!r} has {spec.points} points; expected a number from 0 up")
        for needed in spec.needs:
            if needed not in known_checks and not partly:
                raise ManifestError(f"check {spec.id!r} needs the unknown check {needed!r}")
            if spec.visibility is Visibility.VISIBLE and needed in hidden:
                raise ManifestError(f"the visible check {spec.id!r} needs {needed!r}, which students cannot see")
    try:
        graphlib.TopologicalSorter({spec.id: sorted(spec.needs) for spec in specs}).prepare()
    except graphlib.CycleError as error:
        # graphlib lists a cycle from prerequisite to dependent; people read "a needs b".
        chain = " needs ".join(repr(spec_id) for spec_id in reversed(error.args[1]))
        raise ManifestError(f"checks wait for each other: {chain}") from error
    for_gpus = {id_ for id_, placement in manifest.devices.items() if placement.device == "cuda"}
    for id_ in manifest.devices:
        if id_ not in known_checks and not partly:
            raise ManifestError(f"the check {id_!r} is not in the suite (at `$.devices`)")
    for spec in specs:
        # Where there is no GPU, nobody could tell how the check ended that it builds on.
        if spec.id not in for_gpus and (needed_there := sorted(for_gpus.intersection(spec.needs))):
            raise ManifestError(
                f"check {spec.id!r} needs {needed_there[0]!r}, which needs a GPU: give it device = \"cuda\", too "
                "(at `$.devices`)"
            )
    for index, limit in enumerate(manifest.speeds):
        if limit.check not in known_checks and not partly:
            raise ManifestError(f"the check {limit.check!r} is not in the suite (at `$.speeds[{index}].check`)")
    points_of = {spec.id: spec.points for spec in specs}
    for index, policy in enumerate(manifest.policies):
        here = f"(at `$.policies[{index}].check`)"
        if policy.check not in points_of:
            if not partly:
                raise ManifestError(f"the check {policy.check!r} is not in the suite {here}")
        elif points_of[policy.check] != 0:
            raise ManifestError(f"the check {policy.check!r} has points; a policy's has none {here}")
        elif policy.check in hidden and policy.severity is not Severity.REPORT:
            raise ManifestError(f"the check {policy.check!r} is hidden, and students see what it costs {here}")
    for index, question in enumerate(manifest.questions):
        if question.written:
            continue
        points = [spec.points for spec in specs if spec.question == question.id]
        if not points:
            raise ManifestError(f"question {question.id!r} has no check (at `$.questions[{index}]`)")
        if not same_points(math.fsum(points), question.points):
            raise ManifestError(
                f"question {question.id!r}: its checks add up to {math.fsum(points):g} points, the manifest "
                f"says {question.points:g} (at `$.questions[{index}].points`)"
            )


def same_points(left: float, right: float) -> bool:
    """Whether two amounts of points are equal but for the rounding of thirds and tenths."""
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=2e-6)


def _contradictions(manifest: Manifest) -> Iterator[str]:
    """Sentences about what the types alone cannot rule out, in the order of the file."""
    if not manifest.id.strip():
        yield "an id must not be empty - at `$.id`"
    if not 0 <= manifest.seed <= _MAX_SEED:
        yield f"seed must lie in 0 … {_MAX_SEED}, got {manifest.seed} - at `$.seed`"
    for name, value in msgspec.structs.asdict(manifest.limits).items():
        if not (math.isfinite(value) and value > 0):
            yield f"a limit must be positive, got {value} - at `$.limits.{name}`"
    for name in ("cell_s", "total_s"):
        value = getattr(manifest.notebooks, name)
        if not (math.isfinite(value) and value > 0):
            yield f"a limit must be positive, got {value} - at `$.notebooks.{name}`"
    yield from _bad_paths(manifest)
    yield from _bad_ids("parts", [part.id for part in manifest.parts])
    yield from _bad_ids("questions", [question.id for question in manifest.questions])

    part_ids = {part.id for part in manifest.parts}
    handed_in = {*manifest.submitted, *manifest.optional}
    for file in manifest.elsewhere.keys() - handed_in:
        yield f"{file!r} is neither submitted nor optional - at `$.elsewhere`"
    for index, question in enumerate(manifest.questions):
        here = f"$.questions[{index}]"
        if question.part not in part_ids:
            yield f"question {question.id!r} names the unknown part {question.part!r} - at `{here}.part`"
        if not _is_amount(question.points):
            yield f"points must be a number from 0 up, got {question.points} - at `{here}.points`"
        for position, file in enumerate(question.files):
            if file not in handed_in:
                yield f"{file!r} is neither submitted nor optional - at `{here}.files[{position}]`"
        if question.written:
            yield from _bad_written(question, handed_in, here)
    yield from _bad_ids("speeds", [limit.check for limit in manifest.speeds], "check")
    for index, limit in enumerate(manifest.speeds):
        yield from _bad_speed(limit, f"$.speeds[{index}]")
    for id_, placement in manifest.devices.items():
        if placement.without == "wait" and placement.device != "cuda":
            yield f"'wait' is for checks that need a GPU (device = \"cuda\") - at `$.devices.{id_}.without`"
    yield from _bad_ids("policies", [policy.check for policy in manifest.policies], "check")
    for index, policy in enumerate(manifest.policies):
        yield from _bad_policy(policy, manifest, f"$.policies[{index}]")
    for index, part in enumerate(manifest.parts):
        here = f"$.parts[{index}].points"
        if not _is_amount(part.points):
            yield f"points must be a number from 0 up, got {part.points} - at `{here}`"
        total = math.fsum(question.points for question in manifest.questions if question.part == part.id)
        if not same_points(total, part.points):
            yield (
                f"part {part.id!r} has {part.points:g} points, its questions add up to {total:g}"
                f" - at `{here}`"
            )


def _bad_written(question: Question, handed_in: set[str], here: str) -> Iterator[str]:
    written = question.written
    assert written is not None
    if not re.fullmatch(r"\w[\w.-]*", question.id, re.ASCII):
        yield f"{question.id!r} names a page, so it takes letters, digits, '_', '-' and '.' only - at `{here}.id`"
    if not question.points > 0:
        yield f"a written answer must be worth points, got {question.points} - at `{here}.points`"
    if written.notebook not in handed_in:
        yield f"{written.notebook!r} is neither submitted nor optional - at `{here}.written.notebook`"
    for name in ("cell", "heading", "placeholder"):
        if not getattr(written, name).strip():
            yield f"a text is needed - at `{here}.written.{name}`"
    if not written.rubric or not all(key.strip() for key in written.rubric):
        yield f"staff need at least one key, and none that is empty - at `{here}.written.rubric`"


def _bad_speed(limit: SpeedLimit, here: str) -> Iterator[str]:
    for name in ("allowed", "within"):
        value = getattr(limit, name)
        if not (math.isfinite(value) and value > 0):
            yield f"a limit must be positive, got {value} - at `{here}.{name}`"
    if not _is_amount(limit.points):
        yield f"points must be a number from 0 up, got {limit.points} - at `{here}.points`"
    if not limit.measured.strip():
        yield f"say what was measured when the limit was set - at `{here}.measured`"


def _bad_policy(policy: Policy, manifest: Manifest, here: str) -> Iterator[str]:
    known = manifest.given if policy.rule is Rule.GIVEN else (*manifest.submitted, *manifest.optional)
    folders = tuple(f"{given.rstrip('/')}/" for given in manifest.given) if policy.rule is Rule.GIVEN else ()
    for position, file in enumerate(policy.files):
        fits = file.endswith(".py") or policy.rule in (Rule.FILES, Rule.GIVEN, Rule.EDITION)
        if not fits or (file not in known and not f"{file.rstrip('/')}/".startswith(folders)):
            yield f"{file!r} is no file that this rule can be about - at `{here}.files[{position}]`"
    for position, part in enumerate(policy.parts):
        if part not in {part.id for part in manifest.parts}:
            yield f"{part!r} is no part of the assignment - at `{here}.parts[{position}]`"
    if policy.severity is Severity.ZERO_FILE and policy.rule in (Rule.OUTPUT, Rule.EDITION, Rule.GIVEN):
        yield f"nobody can say whose points a breach of {policy.rule.value!r} costs; name parts - at `{here}.severity`"
    if policy.severity is Severity.ZERO_FILE and policy.parts:
        yield f"'zero_file' takes the points of a file, not of parts - at `{here}.parts`"
    if not 0 <= policy.keeps < 1 or bool(policy.keeps) != (policy.severity is Severity.CAP):
        yield f"'keeps' belongs to 'cap': a share between 0 and 1 - at `{here}.keeps`"
    needed = {"forbid": Rule.CALLS, "editions": Rule.EDITION}
    for key, rule in needed.items():
        if bool(getattr(policy, key)) != (policy.rule is rule):
            yield f"{key!r} belongs to the rule {rule.value!r}, and to no other - at `{here}.{key}`"
    if policy.allow and policy.rule not in (Rule.IMPORTS, Rule.DEFINITIONS):
        yield f"'allow' belongs to the rules 'imports' and 'definitions' - at `{here}.allow`"
    for position, statement in enumerate(policy.allow if policy.rule is Rule.IMPORTS else ()):
        if not _is_import(statement):
            yield f"{statement!r} is no import statement - at `{here}.allow[{position}]`"


def _is_import(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return bool(body) and all(isinstance(statement, ast.Import | ast.ImportFrom) for statement in body)


def _bad_ids(key: str, ids: Sequence[str], field: str = "id") -> Iterator[str]:
    for index, text in enumerate(ids):
        if not text.strip():
            yield f"an id must not be empty - at `$.{key}[{index}].{field}`"
        if text in ids[:index]:
            yield f"the id {text!r} is used twice - at `$.{key}[{index}].{field}`"


def _bad_paths(manifest: Manifest) -> Iterator[str]:
    seen: set[str] = set()
    for key in ("submitted", "optional", "given"):
        paths: tuple[str, ...] = getattr(manifest, key)
        for index, text in enumerate(paths):
            here = f"$.{key}[{index}]"
            # Only what we give may be a folder, so only there a closing slash is fine.
            plain = text.removesuffix("/") if key == "given" else text
            if text.startswith("/") or PureWindowsPath(text).anchor:
                yield f"{text!r} is an absolute path; expected one relative to the assignment - at `{here}`"
            elif "\\" in text or any(step in ("", ".", "..") for step in plain.split("/")):
                yield f"{text!r} is not a plain path (no '..', '.', '\\' or empty step) - at `{here}`"
            elif plain in seen:
                yield f"{text!r} is listed twice - at `{here}`"
            seen.add(plain)


def _is_amount(points: float) -> bool:
    return math.isfinite(points) and points >= 0


def _repeated(ids: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(ids).items() if count > 1)


def _one_line(text: str) -> str:
    """Keys and values of a broken file may hold line breaks; the message must not."""
    return " ".join(text.split())
