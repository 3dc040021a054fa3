"""What broken rules cost, as the manifest says: pure, like scoring, which asks here.

Only a check that is REFUSED costs anything: a rule that could not be judged leaves all points where they are, and the
card incomplete.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from grader.records import CheckResult, Manifest, Policy, Question, Severity, Status


class Sanctions(NamedTuple):
    """taken: question -> why none of its points count. caps: part -> the most it can be worth. findings: one sentence
    for each broken rule that costs something."""

    taken: dict[str, str]
    caps: dict[str, float]
    findings: tuple[str, ...]


def sanctions(manifest: Manifest, results: Mapping[str, CheckResult]) -> Sanctions:
    """What the results of the policies' checks cost. Questions that staff judge keep their points, but for a cap on
    their part."""
    found = Sanctions({}, {}, ())
    for policy in manifest.policies:
        result = results.get(policy.check)
        if result is None or result.status is not Status.REFUSED or policy.severity is Severity.REPORT:
            continue
        if policy.severity is Severity.CAP:
            for part in manifest.parts:
                if _reaches(policy, part.id):
                    most = min(found.caps.get(part.id, math.inf), round(policy.keeps * part.points, 6))
                    found.caps[part.id] = most
        hit = [question for question in manifest.questions if _takes(policy, question, result)]
        why = f"rule {policy.check} was broken, which costs {_what(policy)}"
        for question in hit:
            found.taken.setdefault(question.id, why)
        if not hit and policy.severity is not Severity.CAP:
            continue  # a file on which no points rest
        found = found._replace(findings=(*found.findings, f"R{why[1:]}"))
    return found


def _takes(policy: Policy, question: Question, result: CheckResult) -> bool:
    if question.written:
        return False
    if policy.severity is Severity.ZERO_FILE:
        return not set(question.files).isdisjoint(result.files)
    return policy.severity is Severity.ZERO_PART and _reaches(policy, question.part)


def _reaches(policy: Policy, part: str) -> bool:
    return not policy.parts or part in policy.parts


def _what(policy: Policy) -> str:
    if policy.severity is Severity.ZERO_FILE:
        return "the points of the file"
    parts = f"part{'s' * (len(policy.parts) > 1)} {' and '.join(policy.parts)}" if policy.parts else "the assignment"
    if policy.severity is Severity.CAP:
        return f"all points of {parts} above {100 * policy.keeps:g} %"
    return f"all points of {parts}"
