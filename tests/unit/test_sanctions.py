"""What broken rules cost: what the manifest says, never more than there is, and nothing where no rule was broken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from test_scoring import build, grade, outcomes

from grader.records import (
    CheckResult,
    CheckSpec,
    Manifest,
    Mark,
    Policy,
    Question,
    Rule,
    Scorecard,
    Severity,
    Status,
    Visibility,
    Written,
)
from grader.sanctions import sanctions
from grader.scoring import with_marks

WHY = Written(notebook="n.ipynb", cell="c", heading="Why", rubric=("It is right.",))


def policy(severity: Severity, check: str = "rule", rule: Rule = Rule.IMPORTS, **fields: object) -> Policy:
    return Policy(check=check, rule=rule, severity=severity, **fields)  # type: ignore[arg-type]


def course(*policies: Policy) -> tuple[Manifest, list[CheckSpec]]:
    """Two parts of 6 and 5 points: p0 has questions q0 (4, of a.py; its second check is hidden) and q2 (2, of b.py), p1
    has q1 (3, of b.py), a written one (2) and one without points that the policies' checks are in."""
    manifest, specs = build((1.0, 3.0), (3.0,), (2.0,))
    files = {"q0": ("a.py",), "q1": ("a.py", "b.py"), "q2": ("b.py",)}
    questions = (
        *(structs.replace(question, files=files[question.id]) for question in manifest.questions),
        Question(id="why", part="p1", title="Why", points=2.0, files=("a.py",), written=WHY),
        Question(id="rules", part="p1", title="Rules", points=0.0),
    )
    parts = (manifest.parts[0], structs.replace(manifest.parts[1], points=5.0))
    specs[1] = structs.replace(specs[1], visibility=Visibility.AFTER_PUBLISHED)
    specs += [
        CheckSpec(id=one.check, title="A rule", question="rules", points=0.0, visibility=Visibility.VISIBLE)
        for one in policies
    ]
    return structs.replace(manifest, questions=questions, parts=parts, policies=policies), specs


def graded(
    *policies: Policy,
    broken: dict[str, CheckResult | Status] | None = None,
    status: Status = Status.PASSED,
) -> Scorecard:
    """The card of a submission with that status in every check, but for the policies' that are named."""
    manifest, specs = course(*policies)
    results = []
    for spec, result in zip(specs, outcomes(specs, *[status] * len(specs)), strict=True):
        own = (broken or {}).get(spec.id, Status.PASSED if spec.question == "rules" else status)
        results.append(own if isinstance(own, CheckResult) else structs.replace(result, status=own))
    return grade(manifest, specs, results)


def refused(check: str = "rule", *files: str) -> CheckResult:
    return CheckResult(id=check, status=Status.REFUSED, message="a.py, line 3: `import os`", files=files)


def points(card: Scorecard) -> dict[str, float]:
    return {entry.id: entry.score for entry in (*card.parts, *card.questions) if entry.max_score}


FULL = {"p0": 6.0, "p1": 3.0, "q0": 4.0, "q1": 3.0, "q2": 2.0}


def test_a_report_costs_nothing() -> None:
    """A broken rule that is only reported leaves every point, and no finding beside its own check's."""
    card = graded(policy(Severity.REPORT), broken={"rule": refused()})
    assert (points(card), card.score, card.complete) == (FULL, 9.0, True)
    assert card.findings == ("a.py lay in a folder of its own.",)
    [rule] = [check for check in card.checks if check.id == "rule"]
    assert (rule.status, rule.message) == (Status.REFUSED, "a.py, line 3: `import os`")


def test_a_cap_keeps_a_share_of_the_parts_points() -> None:
    """The part's score is at most its share, its questions keep theirs, and the card adds up the parts."""
    card = graded(policy(Severity.CAP, keeps=0.5, parts=("p0",)), broken={"rule": refused()})
    assert points(card) == {**FULL, "p0": 3.0}
    assert [(part.score, part.max_score, part.cap) for part in card.parts] == [(3.0, 6.0, 3.0), (3.0, 3.0, None)]
    assert (card.score, card.max_score) == (6.0, 9.0)
    assert card.findings[-1] == "Rule rule was broken, which costs all points of part p0 above 50 %"


def test_a_cap_raises_nothing() -> None:
    """Who has less than the share, or nothing, keeps exactly that."""
    least = graded(policy(Severity.CAP, keeps=0.5), broken={"rule": refused()}, status=Status.FAILED)
    assert (least.score, [part.cap for part in least.parts]) == (0.0, [3.0, 2.5])


def test_a_cap_holds_for_what_staff_give_later() -> None:
    """Marks that come after the grading count up to the cap, whenever and however often they are given."""
    card = graded(policy(Severity.CAP, keeps=0.7), broken={"rule": refused()})
    assert [(part.score, part.max_score, part.awaiting) for part in card.parts] == [(4.2, 6.0, 0.0), (3.0, 3.0, 2.0)]
    for _ in range(2):
        card = with_marks(card, [Mark(question="why", score=1.5, remark="", fingerprint="f")])
        assert [(part.score, part.max_score) for part in card.parts] == [(4.2, 6.0), (3.5, 5.0)]
        assert (card.score, card.max_score, card.awaiting) == (7.7, 11.0, 0.0)
    less = with_marks(card, [Mark(question="why", score=0.0, remark="", fingerprint="f")])
    assert less.parts[1].score == 3.0


def test_a_files_points_are_those_of_all_questions_that_rest_on_it() -> None:
    """Checks that pass are refused with the reason, hidden ones too; others and written answers stay as they are."""
    card = graded(policy(Severity.ZERO_FILE), broken={"rule": refused("rule", "a.py")})
    assert points(card) == {"p0": 2.0, "p1": 0.0, "q0": 0.0, "q1": 0.0, "q2": 2.0}
    taken = [check for check in card.checks if check.question in ("q0", "q1")]
    assert {(check.status, check.message, check.score) for check in taken} == {
        (Status.REFUSED, "It passes, but rule rule was broken, which costs the points of the file.", 0.0)
    }
    assert [check.max_score for check in taken] == [1.0, 3.0, 3.0]
    assert card.awaiting == 2.0
    marked = with_marks(card, [Mark(question="why", score=2.0, remark="", fingerprint="f")])
    assert marked.score == 4.0


@pytest.mark.parametrize(("files", "left"), [((), 9.0), (("c.py",), 9.0), (("b.py",), 4.0), (("a.py", "b.py"), 0.0)])
def test_only_the_files_that_break_a_rule_lose(files: tuple[str, ...], left: float) -> None:
    """What is lost depends on the files that the result names, and on nothing else."""
    assert graded(policy(Severity.ZERO_FILE), broken={"rule": refused("rule", *files)}).score == left


@pytest.mark.parametrize(
    ("parts", "left", "what"),
    [
        ((), 0.0, "the assignment"),
        (("p0",), 3.0, "part p0"),
        (("p1",), 6.0, "part p1"),
        (("p0", "p1"), 0.0, "parts p0 and p1"),
    ],
)
def test_parts_lose_all(parts: tuple[str, ...], left: float, what: str) -> None:
    """All points of the parts that the policy names, of all parts when it names none."""
    card = graded(policy(Severity.ZERO_PART, parts=parts), broken={"rule": refused()})
    assert card.score == left
    assert card.findings[-1] == f"Rule rule was broken, which costs all points of {what}"
    assert card.max_score == 9.0 and card.complete


def test_checks_that_failed_anyway_keep_their_own_reason() -> None:
    """Who fails a check reads why, and not that a rule took its points."""
    card = graded(policy(Severity.ZERO_PART), broken={"rule": refused()}, status=Status.FAILED)
    assert {check.status for check in card.checks if check.max_score} == {Status.FAILED}


def test_several_broken_rules_cost_what_each_costs() -> None:
    """The lowest cap counts, what is taken is taken once and for the first reason, and each is a finding."""
    rules = (
        policy(Severity.CAP, "c1", keeps=0.9, parts=("p0",)),
        policy(Severity.CAP, "c2", keeps=0.25),
        policy(Severity.ZERO_FILE, "file"),
        policy(Severity.ZERO_PART, "part", parts=("p1",)),
        policy(Severity.ZERO_PART, "kept"),
    )
    broken = {check: refused(check, "b.py") for check in ("c1", "c2", "file", "part")}
    card = graded(*rules, broken=broken)
    assert points(card) == {"p0": 1.5, "p1": 0.0, "q0": 4.0, "q1": 0.0, "q2": 0.0}
    assert [part.cap for part in card.parts] == [1.5, 1.25]
    assert "rule file was broken" in next(check.message for check in card.checks if check.question == "q1")
    assert [finding.split()[1] for finding in card.findings[1:]] == ["c1", "c2", "file", "part"]


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.REFUSED}))
@pytest.mark.parametrize("severity", Severity)
def test_only_a_refused_check_costs(severity: Severity, status: Status) -> None:
    """A rule that could not be judged, whoever's fault that is, takes nothing; ours leaves the card incomplete."""
    rule = policy(severity, keeps=0.5 if severity is Severity.CAP else 0.0)
    outcome = CheckResult(id="rule", status=status, files=("a.py", "b.py"))
    card = graded(rule, broken={"rule": outcome})
    assert (points(card), card.complete) == (FULL, status is not Status.UNGRADED)


def test_a_rule_that_was_not_reached_costs_nothing() -> None:
    """Without a result of its check, a policy takes nothing."""
    manifest, _specs = course(policy(Severity.ZERO_PART))
    assert sanctions(manifest, {}) == ({}, {}, ())


def test_what_checks_remark_becomes_findings() -> None:
    """Remarks of checks stand between those of intake and what rules cost, each once and in the order of the suite."""
    passed = CheckResult(id="one", status=Status.PASSED, remarks=("A doubt.", "Another."))
    broken = structs.replace(refused("two"), remarks=("Another.", "A third."))
    rules = policy(Severity.REPORT, "one"), policy(Severity.ZERO_PART, "two")
    card = graded(*rules, broken={"two": broken, "one": passed})
    assert card.findings[1:4] == ("A doubt.", "Another.", "A third.")
    assert card.findings[4].startswith("Rule two was broken")


rules_drawn = st.lists(
    st.builds(
        lambda severity, parts, keeps, files: (severity, parts, keeps, files),
        st.sampled_from(Severity),
        st.sampled_from([(), ("p0",), ("p1",), ("p0", "p1")]),
        st.floats(0.01, 0.99),
        st.sampled_from([(), ("a.py",), ("b.py",), ("a.py", "b.py")]),
    ),
    max_size=4,
)


@given(rules_drawn, st.lists(st.sampled_from(Status), min_size=4, max_size=4), st.floats(0, 2))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_rule_ever_raises_points(drawn: list, statuses: list[Status], mark: float) -> None:
    """Whatever is broken and whatever staff give: no score rises by it, none is negative, none is above its maximum."""
    rules = tuple(
        policy(
            severity,
            f"r{number}",
            parts=() if severity is Severity.ZERO_FILE else parts,
            keeps=keeps if severity is Severity.CAP else 0.0,
        )
        for number, (severity, parts, keeps, _files) in enumerate(drawn)
    )
    manifest, specs = course(*rules)
    results = outcomes(specs[:4], *statuses)
    kept = [CheckResult(id=rule.check, status=Status.PASSED) for rule in rules]
    broken = [refused(rule.check, *files) for rule, (*_rest, files) in zip(rules, drawn, strict=True)]
    marks = [Mark(question="why", score=mark, remark="", fingerprint="f")]
    honest, caught = (with_marks(grade(manifest, specs, [*results, *more]), marks) for more in (kept, broken))
    for card in (honest, caught):
        for entry in (card, *card.parts, *card.questions, *card.checks):
            assert 0 <= entry.score <= entry.max_score
    assert caught.max_score == honest.max_score
    pairs = [(caught, honest), *zip(caught.parts, honest.parts, strict=True)]
    pairs += zip(caught.questions, honest.questions, strict=True)
    assert all(now.score <= before.score for now, before in pairs)
