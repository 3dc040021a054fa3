"""Manifests are read whole or refused in one line that says where; suites must fit them."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from grader.errors import ManifestError
from grader.manifest import check_suite, load_manifest
from grader.records import CheckSpec, Limits, Manifest, Policy, Rule, Severity, Visibility, Written

GOOD = """\
id = "a9"
title = "Assignment 9"
submitted = ["rnn.py", "nets/lstm.py"]
optional = ["notes.txt"]
given = ["helpers.py", "data/"]
hidden_visibility = "after_due_date"
seed = 7

[limits]
call_s = 5
memory_mib = 1024

[[parts]]
id = "p1"
title = "Part 1"
points = 3

[[parts]]
id = "p2"
title = "Part 2"
points = 1.5

[[questions]]
id = "step"
part = "p1"
title = "One step"
points = 1
files = ["rnn.py", "notes.txt"]

[[questions]]
id = "unroll"
part = "p1"
title = "All steps"
points = 2

[[questions]]
id = "lstm"
part = "p2"
title = "LSTM"
points = 1.5
files = ["nets/lstm.py"]
"""

# what is replaced in GOOD, by what, and what the message must say
BROKEN = {
    "syntax": ("seed = 7", "seed =", ["line 7"]),
    "unknown key": ("seed = 7", "sead = 7", ["unknown field `sead`"]),
    "unknown nested key": ('title = "LSTM"', 'title = "LSTM"\nbonus = 1', ["`bonus`", "$.questions[2]"]),
    "key with a line break": ("seed = 7", '"se\\ned" = 7', ["unknown field `se ed`"]),
    "missing key": ('id = "step"\n', "", ["missing required field `id`", "$.questions[0]"]),
    "wrong type": (
        "points = 1\n",
        'points = "one"\n',
        ["Expected `float`, got `str`", "$.questions[0].points"],
    ),
    "wrong word": ("after_due_date", "never", ["'never'", "$.hidden_visibility"]),
    "empty id": ('id = "a9"', 'id = " "', ["must not be empty", "`$.id`"]),
    "empty part id": ('id = "p2"', 'id = ""', ["must not be empty", "$.parts[1].id"]),
    "repeated part": ('id = "p2"', 'id = "p1"', ["'p1' is used twice", "$.parts[1].id"]),
    "repeated question": ('id = "lstm"', 'id = "step"', ["'step' is used twice", "$.questions[2].id"]),
    "unknown part": ('part = "p2"', 'part = "p3"', ["unknown part 'p3'", "$.questions[2].part"]),
    "part's sum": ("points = 3\n", "points = 4\n", ["'p1' has 4 points", "add up to 3", "$.parts[0].points"]),
    "negative points": ("points = 1\n", "points = -1\n", ["from 0 up, got -1", "$.questions[0].points"]),
    "points not a number": ("points = 3\n", "points = nan\n", ["got nan", "$.parts[0].points"]),
    "foreign file": ('"notes.txt"]\n\n', "", []),  # filled in below
    "absolute path": ('"rnn.py", "nets', '"/rnn.py", "nets', ["absolute path", "$.submitted[0]"]),
    "drive": ('"helpers.py"', '"C:/helpers.py"', ["absolute path", "$.given[0]"]),
    "parent folder": ('"helpers.py"', '"a/../helpers.py"', ["'a/../helpers.py'", "$.given[0]"]),
    "backslash": ('"helpers.py"', "'a\\helpers.py'", ["not a plain path", "$.given[0]"]),
    "folder handed in": ('["notes.txt"]', '["notes/"]', ["not a plain path", "$.optional[0]"]),
    "empty path": ('["notes.txt"]', '[""]', ["not a plain path", "$.optional[0]"]),
    "file listed twice": ('"helpers.py"', '"rnn.py"', ["listed twice", "$.given[0]"]),
    "zero limit": ("call_s = 5", "call_s = 0", ["must be positive, got 0", "$.limits.call_s"]),
    "endless limit": ("call_s = 5", "call_s = inf", ["must be positive, got inf", "$.limits.call_s"]),
    "negative memory": ("= 1024", "= -1", ["must be positive, got -1", "$.limits.memory_mib"]),
    "seed": ("seed = 7", "seed = -7", ["seed must lie in 0", "$.seed"]),
}
BROKEN["foreign file"] = (
    'files = ["nets/lstm.py"]',
    'files = ["nets/lstm.py", "helpers.py"]',
    ["'helpers.py' is neither submitted nor optional", "$.questions[2].files[1]"],
)


def load(tmp_path: Path, text: str) -> Manifest:
    path = tmp_path / "assignment.toml"
    path.write_text(text, encoding="utf-8")
    return load_manifest(path)


def suite() -> list[CheckSpec]:
    def spec(check_id: str, question: str, points: float, *needs: str) -> CheckSpec:
        return CheckSpec(
            id=check_id,
            title=check_id,
            question=question,
            points=points,
            visibility=Visibility.VISIBLE,
            needs=needs,
        )

    return [
        spec("a.forward", "step", 0.4),
        spec("a.backward", "step", 0.6, "a.forward"),
        spec("b.forward", "unroll", 2, "a.forward", "a.backward"),
        spec("c.one", "lstm", 0.5),
        spec("c.two", "lstm", 0.5),
        spec("c.three", "lstm", 0.5, "b.forward"),
        spec("c.note", "lstm", 0),
    ]


def test_a_sound_manifest_is_decoded(tmp_path: Path) -> None:
    """A manifest without fault comes back with its own values and the defaults for the rest."""
    manifest = load(tmp_path, GOOD)
    assert (manifest.id, manifest.seed, manifest.hidden_visibility) == ("a9", 7, Visibility.AFTER_DUE_DATE)
    assert [(question.id, question.points) for question in manifest.questions] == [
        ("step", 1.0),
        ("unroll", 2.0),
        ("lstm", 1.5),
    ]
    assert manifest.limits == Limits(call_s=5.0, memory_mib=1024)
    assert manifest.given == ("helpers.py", "data/")


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_manifest_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    """Every kind of fault gives one line with the file's name, the fault and its place."""
    old, new, fragments = BROKEN[case]
    assert GOOD.count(old) == 1
    with pytest.raises(ManifestError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    message = str(caught.value)
    assert message.startswith("assignment.toml: ")
    assert "\n" not in message
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are not UTF-8 are faults of the manifest, not tracebacks."""
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b'id = "\xff"')
    for path, fragment in [
        (tmp_path / "absent.toml", "absent.toml: cannot be read: No such file"),
        (tmp_path, f"{tmp_path.name}: cannot be read"),
        (binary, "binary.toml: is not UTF-8 text (byte 6)"),
    ]:
        with pytest.raises(ManifestError) as caught:
            load_manifest(path)
        assert fragment in str(caught.value)


def test_a_fitting_suite_is_accepted_in_any_order(tmp_path: Path) -> None:
    """A suite fits whether or not checks stand before those that need them; 0.4 + 0.6 makes 1."""
    manifest = load(tmp_path, GOOD)
    specs = suite()
    for seed in range(5):
        random.Random(seed).shuffle(specs)
        check_suite(manifest, specs)


def change(specs: list[CheckSpec], check_id: str, **fields: object) -> list[CheckSpec]:
    assert any(spec.id == check_id for spec in specs)
    return [msgspec.structs.replace(spec, **fields) if spec.id == check_id else spec for spec in specs]


UNFIT = {
    "unknown question": (
        change(suite(), "c.one", question="gru"),
        ["'c.one' names the unknown question 'gru'"],
    ),
    "repeated id": (change(suite(), "c.two", id="c.one"), ["'c.one' is declared twice"]),
    "unknown need": (change(suite(), "c.one", needs=("d",)), ["'c.one' needs the unknown check 'd'"]),
    "needs itself": (change(suite(), "c.one", needs=("c.one",)), ["'c.one' needs 'c.one'"]),
    "cycle": (
        change(suite(), "a.forward", needs=("b.forward",)),
        ["'a.forward' needs 'b.forward'", "'b.forward' needs 'a."],
    ),
    "too many points": (
        change(suite(), "c.one", points=0.75),
        ["'lstm': its checks add up to 1.75 points, the manifest says 1.5", "$.questions[2].points"],
    ),
    "too few points": (
        [spec for spec in suite() if spec.id != "c.three"],
        ["'lstm': its checks add up to 1 points, the manifest says 1.5"],
    ),
    "negative points": (change(suite(), "c.one", points=-0.5), ["'c.one' has -0.5 points"]),
    "points not a number": (change(suite(), "c.one", points=float("nan")), ["'c.one' has nan points"]),
    "question without a check": (
        [spec for spec in suite() if spec.question != "unroll" and spec.id != "c.three"],
        ["question 'unroll' has no check", "$.questions[1]"],
    ),
}


@pytest.mark.parametrize("case", UNFIT)
def test_an_unfit_suite_is_refused_whatever_its_order(tmp_path: Path, case: str) -> None:
    """A suite that contradicts the manifest is refused with the same one line in every order."""
    manifest = load(tmp_path, GOOD)
    specs, fragments = UNFIT[case]
    messages = set()
    for order in (specs, specs[::-1], random.Random(3).sample(specs, len(specs))):
        with pytest.raises(ManifestError) as caught:
            check_suite(manifest, order)
        messages.add(str(caught.value))
    assert len(messages) == 1
    message = messages.pop()
    assert "\n" not in message
    assert [fragment for fragment in fragments if fragment not in message] == [], message


# The same manifest with a fourth question, which staff judge, in the place of half of the third.
ASKED = GOOD.replace("points = 1.5\nfiles", "points = 0.5\nfiles") + """
[[questions]]
id = "why"
part = "p2"
title = "Why"
points = 1.0
written = { notebook = "notes.txt", cell = "c", heading = "H", rubric = ["It is right."] }
"""


def test_a_question_for_staff_needs_no_check(tmp_path: Path) -> None:
    """It is decoded with its place in the notebook, and a suite fits without a check for it, but not with one."""
    manifest = load(tmp_path, ASKED)
    asked = manifest.questions[-1]
    assert asked.written == Written(notebook="notes.txt", cell="c", heading="H", rubric=("It is right.",))
    assert asked.written.placeholder == "**Your answer:**"
    specs = change(change(suite(), "c.one", points=0), "c.two", points=0)
    check_suite(manifest, specs)
    for fields in ({"question": "why"}, {"id": "why"}):
        with pytest.raises(ManifestError, match="in the place of a question that staff judge"):
            check_suite(manifest, change(specs, "c.note", **fields))


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ('id = "why"', 'id = "a/b"', ["'a/b' names a page", "$.questions[3].id"]),
        ('id = "why"', 'id = ".why"', ["'.why' names a page", "$.questions[3].id"]),
        ("points = 1.0", "points = 0.0", ["must be worth points, got 0", "$.questions[3].points"]),
        ('"notes.txt", c', '"x.ipynb", c', ["'x.ipynb' is neither", "$.questions[3].written.notebook"]),
        ('"c"', '" "', ["a text is needed", "$.questions[3].written.cell"]),
        ('"H"', '""', ["a text is needed", "$.questions[3].written.heading"]),
        ('["It is right."]', "[]", ["at least one key", "$.questions[3].written.rubric"]),
        ('"It is right."', '""', ["at least one key", "$.questions[3].written.rubric"]),
        ("cell =", "sell =", ["unknown field `sell`", "$.questions[3].written"]),
    ],
)
def test_a_question_for_staff_is_checked(tmp_path: Path, old: str, new: str, fragments: list[str]) -> None:
    """What staff need to find and to judge an answer must be there, and the id must make a file name."""
    assert ASKED.count(old) == 1
    with pytest.raises(ManifestError) as caught:
        load(tmp_path, ASKED.replace(old, new))
    assert [fragment for fragment in fragments if fragment not in str(caught.value)] == [], str(caught.value)


# The same manifest with rules of the hand-out.
RULED = GOOD + """
[[policies]]
check = "rules.imports"
rule = "imports"
severity = "zero_file"
files = ["rnn.py"]
allow = ["import math"]

[[policies]]
check = "rules.calls"
rule = "calls"
severity = "cap"
keeps = 0.5
parts = ["p1"]
forbid = ["torch.nn.LSTM"]

[[policies]]
check = "rules.edition"
rule = "edition"
severity = "zero_part"
editions = { "2021" = ["gru.py", "rnn.py:Step(old)"] }

[[policies]]
check = "rules.given"
rule = "given"
files = ["data/", "data/a.csv", "helpers.py"]
"""


def ruled_suite() -> list[CheckSpec]:
    ids = "rules.imports", "rules.calls", "rules.edition", "rules.given"
    note = suite()[-1]
    return [*suite(), *(msgspec.structs.replace(note, id=id_) for id_ in ids)]


def test_policies_are_decoded(tmp_path: Path) -> None:
    """A rule costs nothing unless the manifest says so, and comes with its own settings."""
    manifest = load(tmp_path, RULED)
    assert manifest.policies[1] == Policy(
        check="rules.calls",
        rule=Rule.CALLS,
        severity=Severity.CAP,
        keeps=0.5,
        parts=("p1",),
        forbid=("torch.nn.LSTM",),
    )
    assert manifest.policies[3].severity is Severity.REPORT
    check_suite(manifest, ruled_suite())


@pytest.mark.parametrize(
    ("old", "new", "fragments"),
    [
        ('rule = "calls"', 'rule = "call"', ["'call'", "$.policies[1].rule"]),
        ('"cap"', '"half"', ["'half'", "$.policies[1].severity"]),
        ('check = "rules.calls"', 'check = ""', ["must not be empty", "$.policies[1].check"]),
        ('check = "rules.calls"', 'check = "rules.imports"', ["used twice", "$.policies[1].check"]),
        ('files = ["rnn.py"]\nallow', 'files = ["gru.py"]\nallow', ["'gru.py' is no file", "policies[0].files[0]"]),
        ('files = ["rnn.py"]\nallow', 'files = ["notes.txt"]\nallow', ["'notes.txt' is no file", "policies[0].files"]),
        ('files = ["rnn.py"]\nallow', 'files = ["helpers.py"]\nallow', ["'helpers.py' is no file that"]),
        ('"data/a.csv"', '"dataset.csv"', ["'dataset.csv' is no file that", "$.policies[3].files[1]"]),
        ('"data/a.csv"', '"rnn.py"', ["'rnn.py' is no file that", "$.policies[3].files[1]"]),
        ('parts = ["p1"]', 'parts = ["p3"]', ["'p3' is no part", "$.policies[1].parts[0]"]),
        ('severity = "zero_part"', 'severity = "zero_file"', ["of 'edition' costs", "$.policies[2].severity"]),
        ('files = ["rnn.py"]\nallow', 'parts = ["p1"]\nallow', ["not of parts", "$.policies[0].parts"]),
        ("keeps = 0.5", "keeps = 1.0", ["'keeps' belongs to 'cap'", "$.policies[1].keeps"]),
        ("keeps = 0.5", "keeps = nan", ["'keeps' belongs to 'cap'", "$.policies[1].keeps"]),
        ("keeps = 0.5", "keeps = -0.1", ["'keeps' belongs to 'cap'", "$.policies[1].keeps"]),
        ("keeps = 0.5\n", "", ["'keeps' belongs to 'cap'", "$.policies[1].keeps"]),
        ('"zero_file"', '"zero_file"\nkeeps = 0.5', ["'keeps' belongs to 'cap'", "$.policies[0].keeps"]),
        ('forbid = ["torch.nn.LSTM"]', "", ["'forbid' belongs to the rule 'calls'", "$.policies[1].forbid"]),
        ("allow =", "forbid =", ["'forbid' belongs to the rule 'calls'", "$.policies[0].forbid"]),
        ('editions = { "2021"', 'allow = ["step"]\neditions = { "2021"', ["'allow' belongs", "$.policies[2].allow"]),
        ('rule = "edition"', 'rule = "files"', ["'editions' belongs to the rule 'edition'", "$.policies[2].editions"]),
        ('"import math"', '"math"', ["'math' is no import statement", "$.policies[0].allow[0]"]),
        ('"import math"', '"import math as"', ["'import math as' is no import", "$.policies[0].allow[0]"]),
        ('"import math"', '""', ["'' is no import statement", "$.policies[0].allow[0]"]),
    ],
)
def test_a_policy_is_checked(tmp_path: Path, old: str, new: str, fragments: list[str]) -> None:
    """A rule that could never be judged, or whose cost nobody could tell, is refused in one line with its place."""
    assert RULED.count(old) == 1
    with pytest.raises(ManifestError) as caught:
        load(tmp_path, RULED.replace(old, new))
    message = str(caught.value)
    assert "\n" not in message
    assert [fragment for fragment in fragments if fragment not in message] == [], message


def test_policies_and_checks_belong_together(tmp_path: Path) -> None:
    """Each policy has a check without points, and one that students see if it costs any."""
    manifest, specs = load(tmp_path, RULED), ruled_suite()
    missing = [spec for spec in specs if spec.id != "rules.calls"]
    at = "(at `$.policies[1].check`)"
    with pytest.raises(ManifestError) as caught:
        check_suite(manifest, missing)
    assert str(caught.value) == f"the check 'rules.calls' is not in the suite {at}"
    check_suite(manifest, missing, partly=True)
    with pytest.raises(ManifestError) as caught:
        check_suite(manifest, change(change(specs, "rules.calls", points=0.5), "c.one", points=0), partly=True)
    assert str(caught.value) == f"the check 'rules.calls' has points; a policy's has none {at}"
    hidden = {"visibility": Visibility.AFTER_PUBLISHED}
    with pytest.raises(ManifestError) as caught:
        check_suite(manifest, change(specs, "rules.calls", **hidden))
    assert str(caught.value) == f"the check 'rules.calls' is hidden, and students see what it costs {at}"
    check_suite(manifest, change(specs, "rules.given", **hidden))
