"""The audit holds a suite to its word: what it must complain about, and that assignment a2 leaves it nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from mini_assignment import EXTRAS, SOLUTION, SUITE_P2, swap, write_mini

from grader.audit import audit
from grader.errors import ManifestError

MUTANTS = '''\
[[mutant]]
id = "adds"
title = "the factor is added"
file = "solution.py"
find = "return FACTOR * x"
replace = "return FACTOR + x"
caught_by = ["p1.scale", "p1.scale.sizes"]
also = ["p1.total"]

[[mutant]]
id = "mean"
title = "the mean is taken, not the sum"
file = "solution.py"
find = ".sum()"
replace = ".mean()"
caught_by = ["p1.total"]
says = "off by"

[[mutant]]
id = "no-odds"
title = "the kind is not looked at"
file = "solution.py"
find = """ + (kind == "odd")"""
replace = ""
caught_by = ["p1.sample_odd"]

[[mutant]]
id = "from-one"
title = "counting starts at two"
file = "solution.py"
find = "torch.arange(n)"
replace = "torch.arange(1, n + 1)"
caught_by = ["p1.sample_even", "p1.sample_odd"]

[[mutant]]
id = "whisper"
title = "lower case"
file = "extras.py"
find = "word.upper()"
replace = "word.lower()"
caught_by = ["p2.shout"]
'''

SOUND = {
    "tests/mini/mutants/mini.toml": MUTANTS,
    "tests/mini/alternatives/sums_by_hand/solution.py": swap(SOLUTION, "scale(x).sum()", "sum(scale(x))"),
}


def findings(root: Path, files: dict[str, str], **options: object) -> list[tuple[str, str]]:
    report = audit(write_mini(root, {**SOUND, **files}), jobs=1, **options)  # type: ignore[arg-type]
    return [(finding.variant, finding.text) for finding in report.findings]


def test_a_sound_suite_leaves_nothing_to_say(tmp_path: Path) -> None:
    """Reference full marks, stubs none, mutants caught, alternatives right: no finding."""
    report = audit(write_mini(tmp_path, {**SOUND}), jobs=2)
    assert report.good
    assert report.graded == {"reference": 1, "stubs": 1, "alternative": 1, "mutant": 5}
    assert report.scores["reference"] == (8, 8)
    assert report.scores["stubs"] == (0, 8)
    assert report.scores["sums_by_hand"][0] == 6  # of part 1, all that its file belongs to


def test_weaknesses_of_a_suite_are_found(tmp_path: Path) -> None:
    """A missed mutant, a stray failure, a silent message, a wrong alternative, an idle check: all are named."""
    changed = swap(MUTANTS, 'also = ["p1.total"]\n', "")  # p1.total is SKIPPED then, which is always allowed
    changed = swap(changed, 'says = "off by"', 'says = "the average"')
    changed = swap(changed, 'caught_by = ["p1.sample_even", "p1.sample_odd"]', 'caught_by = ["p1.sample_even"]')
    changed = swap(changed, 'replace = "word.lower()"', 'replace = "word.upper().upper()"')
    found = findings(
        tmp_path,
        {
            "tests/mini/mutants/mini.toml": changed,
            "tests/mini/alternatives/sums_by_hand/solution.py": swap(SOLUTION, "2 * torch", "3 * torch"),
        },
    )
    texts = {variant: text for variant, text in found}
    assert texts.keys() == {"mean", "from-one", "whisper", "sums_by_hand", "suite"}
    assert "no message says 'the average'" in texts["mean"]
    assert "also fails in p1.sample_odd" in texts["from-one"]
    assert ("whisper", "not caught by p2.shout; failing: none") in found
    assert "did not pass" in texts["sums_by_hand"]
    assert texts["suite"] == "no mutant fails in p2.shout"


def test_a_wrong_reference_and_scoring_stubs_are_found(tmp_path: Path) -> None:
    """A reference that fails and a stub that earns points are findings."""
    found = dict(
        findings(
            tmp_path,
            {
                "reference/mini/extras.py": "def shout(word):\n    return word.upper()\n",  # nothing is taken out
                "reference/mini/solution.py": swap(SOLUTION, "2 * torch", "3 * torch"),
                "tests/mini/mutants/mini.toml": MUTANTS[MUTANTS.index('[[mutant]]\nid = "whisper"') :],
            },
        )
    )
    assert "p1.sample_even did not pass" in found["reference"] or "p1.sample_odd" in found["reference"]
    assert found["stubs"] == "the stubs score in p2.shout"


DIAGNOSTIC = '''

@pytest.mark.check("p2.silence", question="words", points=0)
def test_silence(student):
    """nothing is said of nothing"""
    equal(student.extras.shout(""), "", name="word")
'''


@pytest.mark.parametrize(
    ("field", "complaints"),
    [("", [("noisy", "costs no points")]), ("diagnostic = true\n", [])],
)
def test_a_mutant_for_a_diagnostic_says_so(tmp_path: Path, field: str, complaints: list[tuple[str, str]]) -> None:
    """A mutant that only checks worth nothing see is a finding, unless it says that it is for them."""
    noisy = swap(MUTANTS[MUTANTS.index('[[mutant]]\nid = "whisper"') :], "word.lower()", "word.upper() or '!'")
    noisy = swap(swap(noisy, '"whisper"', '"noisy"'), '["p2.shout"]\n', f'["p2.silence"]\n{field}')
    files = {"tests/mini/mutants/mini.toml": noisy, "tests/mini/test_p2_words.py": SUITE_P2 + DIAGNOSTIC}
    assert findings(tmp_path, files, only=["noisy"]) == complaints


def test_a_diagnostic_mutant_costs_nothing(tmp_path: Path) -> None:
    """A mutant that says it is for checks worth nothing, and loses points, is a finding."""
    changed = swap(MUTANTS, 'caught_by = ["p2.shout"]', 'caught_by = ["p2.shout"]\ndiagnostic = true')
    found = findings(tmp_path, {"tests/mini/mutants/mini.toml": changed}, only=["whisper"])
    assert found == [("whisper", "costs points")]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('find = ".sum()"', 'find = ".product()"', "occurs 0 times, not once"),
        ('id = "mean"', 'id = "adds"', "two things to audit are called adds"),
        ('file = "extras.py"', 'file = "given_helper.py"', "is not a submitted file"),
        ('title = "lower case"', 'titel = "lower case"', "unknown field `titel`"),
    ],
)
def test_mutants_that_do_not_fit_are_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """A mutant that matches nothing, or is written wrongly, is one clear line, not a mutant that passes."""
    assignment = write_mini(tmp_path, {"tests/mini/mutants/mini.toml": swap(MUTANTS, old, new)})
    with pytest.raises(ManifestError, match=complaint):
        audit(assignment)


def test_only_some_variants_can_be_audited(tmp_path: Path) -> None:
    """`only` picks variants by id; a name that fits none is an error."""
    assignment = write_mini(tmp_path, {**SOUND})
    assert audit(assignment, only=["whisper"]).graded == {"mutant": 1}
    with pytest.raises(ManifestError, match="nothing to audit is called nobody"):
        audit(assignment, only=["nobody"])


def test_few_mutants_make_every_check_fail(tmp_path: Path) -> None:
    """One whose checks all fail on another is left out, and no check is left that never failed."""
    report = audit(write_mini(tmp_path, {**SOUND}), few=True)
    assert report.good and report.graded["mutant"] == 4
    assert "no-odds" not in report.scores


def test_extras_belong_to_their_part(tmp_path: Path) -> None:
    """A part's audit leaves the files of other parts alone."""
    report = audit(write_mini(tmp_path, {**SOUND, "reference/mini/extras.py": EXTRAS}), parts=["p2"])
    assert report.good and report.graded == {"reference": 1, "stubs": 1, "mutant": 1}
