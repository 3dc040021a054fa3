"""Rules of a hand-out, kept and broken: what a submission is told, what it costs, and that honest code is left alone."""

# ruff: noqa: E501  (tables with one case a line)
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from classes import RIGHT, Class, reports
from commands import PYTEST_INI, Place, finished
from mini_assignment import (
    CHECKS,
    EXTRAS,
    HELPER,
    POLICY_FILES,
    POLICY_MANIFEST,
    RULES,
    SOLUTION,
    SUITE_RULES,
    check,
    statuses,
    swap,
    write_files,
    write_mini,
)

from grader.grading import Desk
from grader.records import Scorecard
from grader.solutions import strip_solutions
from grader.subject import ON_CPU
from grader.worker.launch import Launcher, Zygote

Files = Mapping[str, str | bytes | None]
Grade = Callable[..., Scorecard]
RULE_CHECKS = tuple(f"p1.{rule}" for rule in RULES)
BODY = "return FACTOR * x"


@pytest.fixture(scope="module")
def ruled(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Iterator[Desk]:
    """A desk for the mini assignment with rules."""
    with Desk(write_mini(tmp_path_factory.mktemp("ruled"), {**POLICY_FILES}), launcher) as desk:
        yield desk


@pytest.fixture
def grade(ruled: Desk, hand_in: Callable[..., Path]) -> Grade:
    """Grades the right files but for those that are given."""
    return lambda files: ruled.grade(hand_in(files))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A repository with the program and the rules."""
    return Place(tmp_path_factory.mktemp("place"), POLICY_FILES)


Run = Callable[..., tuple[int, Scorecard, Path, str]]


@pytest.fixture
def run(place: Place, tmp_path: Path, zygote: Zygote, valid_reports: Callable[[Path], Scorecard]) -> Run:
    """`grade.py run` of the right files but for those that are given (None: left out): its exit code, card, reports and
    what it says."""

    def graded(files: Files, *options: str) -> tuple[int, Scorecard, Path, str]:
        wanted = {"solution.py": SOLUTION, "extras.py": EXTRAS, **files}
        place.submission = write_files(tmp_path / "handed in", {k: v for k, v in wanted.items() if v is not None})
        command = [*place.run(tmp_path / "out"), *options]
        code, stdout, stderr = finished(command, place, tmp_path / "temporary", zygote)
        assert stderr == ""
        return code, valid_reports(tmp_path / "out"), tmp_path / "out", stdout

    return graded


def broken(card: Scorecard) -> set[str]:
    """Rules whose checks did not pass."""
    return {found.id.partition(".")[2] for found in card.checks if found.question == "rules" and found.status != "passed"}


def points(card: Scorecard) -> tuple[float, float]:
    return card.parts[0].score, card.parts[1].score


# --- the real command ---------------------------------------------------------------------------------

def test_who_keeps_the_rules_loses_nothing(run: Run) -> None:
    """Right files pass every rule, whatever they say on stderr, and the reports say nothing of costs."""
    code, card, out, stdout = run({"given_helper.py": HELPER.replace("\n", "\r\n"), **KEPT["stderr"]})
    assert (code, points(card), card.complete) == (0, (6.0, 2.0), True)
    assert statuses(card) == dict.fromkeys((*CHECKS, *RULE_CHECKS), "passed")
    assert card.findings == () and all(part.cap is None for part in card.parts)
    for text in (stdout, *(path.read_text() for path in out.iterdir() if path.suffix != ".csv")):
        assert "was broken" not in text


# rule -> files, points of both parts, what its check says, what the finding says
BROKEN: dict[str, tuple[Files, tuple[float, float], str, str]] = {
    "files": ({"extras.py": None}, (6.0, 0.0), "extras.py: was not found; hand it in under this name", ""),
    "runs": (
        {"extras.py": EXTRAS + "1 / 0\n"}, (6.0, 0.0),
        "extras.py: importing extras.py raised ZeroDivisionError: division by zero\n  extras.py, line 9, in <module>: 1 / 0; mend this before anything else", "",
    ),
    "imports": (
        {"extras.py": "import os\n" + EXTRAS}, (6.0, 0.0),
        "extras.py, line 1: `import os` was not among its imports; take it out, and do without",
        "Rule p1.imports was broken, which costs the points of the file",
    ),
    "definitions": (
        {"solution.py": swap(SOLUTION, "def sample(kind, n)", "def sample(kind, n, start=0)")}, (0.0, 2.0),
        "solution.py, line 22: `sample(kind, n, start)` was handed out as `sample(kind, n)`",
        "Rule p1.definitions was broken, which costs the points of the file",
    ),
    "calls": (
        {"solution.py": swap(SOLUTION, "scale(x).sum()", "torch.sum(scale(x))")}, (1.5, 2.0),
        "solution.py, line 18: `torch.sum` is not to be used here",
        "Rule p1.calls was broken, which costs all points of part p1 above 25 %",
    ),
    "given": (
        {"given_helper.py": "FACTOR = 1\n"}, (6.0, 2.0),
        "given_helper.py: is a given file and was changed; hand it in as it was, or not at all", "",
    ),
    "output": (
        {"extras.py": swap(EXTRAS, "return word", "print('now', word); return word")}, (6.0, 0.0),
        "importing, constructing or calling the modules prints (now quiet); take out every print\nextras.py, line 7: this prints, whenever it is reached",
        "Rule p1.output was broken, which costs all points of part p2",
    ),
    "edition": (
        {"vowels.py": "", "extras.py": swap(EXTRAS, "def shout(word)", "def shout(word, *, loud=1)"), }, (0.0, 0.0),
        "this looks like work for Spring 2021 (it has vowels.py, extras.py:shout(loud)), which asks for other things than this assignment; hand in your work for this one",
        "Rule p1.edition was broken, which costs all points of the assignment",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_told_and_costs_what_the_manifest_says(run: Run, rule: str) -> None:
    """Its check alone is refused, with file, line and mend; points go as far as its severity goes; and the student reads
    both in every report."""
    files, left, said, cost = BROKEN[rule]
    code, card, out, stdout = run(files)
    also = {"edition": {"definitions"}}.get(rule, set())
    assert broken(card) == {rule} | also
    assert (code, points(card), card.score, card.complete) == (0, left, sum(left), True)
    assert check(card, f"p1.{rule}").message == said
    results = json.loads((out / "results.json").read_bytes())
    assert results["score"] == sum(left)
    texts = [stdout, results["output"], *((out / f"{name}.html").read_text() for name in ("report", "feedback"))]
    told = [" ".join(re.sub(r"<[^>]*>|━|╌", " ", text).replace("&#39;", "'").split()) for text in texts]
    if cost:
        assert [finding for finding in card.findings if finding.startswith("Rule p1." + rule)] == [cost]
        assert all(cost in text for text in told)
    else:
        assert not any(finding.startswith("Rule p1." + rule) for finding in card.findings)
    [test] = [test for test in results["tests"] if test["extra_data"]["check"] == f"p1.{rule}"]
    assert (test["status"], test["output"], test["visibility"]) == ("failed", said, "visible")
    first = said.split("\n")[0].split("; ")[0]
    assert all(" ".join(first.split()) in text for text in (told[0], told[2], told[3]))


def test_a_cap_is_told_where_the_points_are(run: Run) -> None:
    """A part whose points are fewer than its questions' says so beside them, in each report, and the sums agree; that
    some of its checks are hidden changes nothing."""
    code, card, out, stdout = run(BROKEN["calls"][0])
    assert code == 0 and card.parts[0].cap == 1.5
    assert re.search(r"Numbers +1.5 / 6\n +at most 1.5, because a rule was broken\n", stdout)
    assert "Score: 3.5 / 8\n" in stdout
    results = json.loads((out / "results.json").read_bytes())
    assert results["score"] == 3.5
    assert "Score: 3.5 / 6 points" in results["output"]  # of the checks that may be seen
    assert "Numbers: at most 1.5, because a rule was broken." in results["output"]
    for name, share in (("report", "1.5 / 6"), ("feedback", "1.5 / 4")):
        text = " ".join(re.sub(r"<[^>]*>", " ", (out / f"{name}.html").read_text()).split())
        assert f"Numbers {share} at most 1.5, because a rule was broken Scaling" in text


def test_one_part_is_graded_without_the_rules_of_another(run: Run) -> None:
    """With --part, checks of rules that belong to another part are neither run nor missed."""
    code, card, _out, _stdout = run(BROKEN["output"][0], "--part", "p2")
    assert (code, card.score, statuses(card)) == (0, 2.0, {"p2.shout": "passed"})


NO_CHECK = swap(SUITE_RULES, '"edition"]', "]").replace(', ]', "]")
NO_ENTRY = swap(POLICY_MANIFEST, 'check = "p1.files"\nrule = "files"\n\n[[policies]]\n', "")
FAULTS = {
    "a policy without a check": (
        {"tests/mini/test_p1_rules.py": NO_CHECK},
        "the check 'p1.edition' is not in the suite (at `$.policies[7].check`)",
    ),
    "a check without a policy": (
        {"reference/mini/assignment.toml": NO_ENTRY},
        "check 'p1.files' judges a policy, and the manifest has none for it (`$.policies`)",
    ),
    "exercises for another rule": (
        {"tests/mini/test_p1_rules.py": swap(SUITE_RULES, "policy.judge()", "policy.judge(words)")},
        "p1.files: exercises belong to the rule `output`, and to no other",
    ),
    "no exercises": (
        {"tests/mini/test_p1_rules.py": swap(SUITE_RULES, "policy.judge(numbers, words)", "policy.judge()")},
        "p1.output: exercises belong to the rule `output`, and to no other",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_rules_that_do_not_fit_are_one_line(tmp_path: Path, zygote: Zygote, fault: str) -> None:
    """A manifest and a suite that disagree about rules are a fault of ours: one clear line, and exit code 2."""
    changed, line = FAULTS[fault]
    place = Place(tmp_path, {**POLICY_FILES, **changed})
    code, stdout, stderr = finished(place.run(tmp_path / "out"), place, tmp_path / "temporary", zygote)
    assert (code, stdout, stderr) == (2, "", f"grade: {line}\n")


# --- kept, in many styles -----------------------------------------------------------------------------


def in_scale(*lines: str) -> dict[str, str | bytes]:
    """The right files, with lines of code in the function that is called first."""
    return {"solution.py": swap(SOLUTION, BODY, "\n    ".join([*lines, BODY]))}


def at_import(*lines: str) -> dict[str, str | bytes]:
    return {"solution.py": "\n".join([SOLUTION, *lines, ""])}


KEPT: dict[str, dict[str, str | bytes]] = {
    "stderr": in_scale("torch.os.write(2, b'words')", "print('words', file=torch.sys.stderr)"),
    "warning": {**in_scale("torch.warnings.warn('take care')"), "extras.py": EXTRAS + "\nassert (1, 'is always true')\n"},
    "log": at_import("torch._logging._internal.logging.getLogger(__name__).warning('take care')"),
    "blank": in_scale("print()", "torch.os.write(1, b'  \\n')"),
    "main": at_import("if __name__ == '__main__':", "    print('words')"),
    "not reached": in_scale("if x is None:", "    print('words')"),
    "future": {"solution.py": "from __future__ import annotations\n" + SOLUTION.replace("def scale(x)", "def scale(x: torch.Tensor) -> torch.Tensor")},
    "order": {"solution.py": swap(swap(SOLUTION, "import torch\n\n", ""), "import FACTOR\n", "import FACTOR\nimport torch\n")},
    "allowed": {"extras.py": "import math\n" + EXTRAS},
    "nested": in_scale("import torch", "from given_helper import FACTOR"),
    "helpers": at_import("def _own(x):", "    return x", "class Own(torch.nn.Module):", "    def sum(self): ..."),
    "methods": in_scale("torch.nn.Identity().eval()", "x.sum", "torch.compile"),
    "stub": {"solution.py": strip_solutions(SOLUTION, "solution.py"), "extras.py": strip_solutions(EXTRAS, "extras.py")},
    "line ends": {"solution.py": SOLUTION.replace("\n", "\r\n"), "given_helper.py": HELPER.replace("\n", "\r\n")},
    "byte order mark": {"solution.py": "\ufeff" + SOLUTION},
    "raw strings": {"extras.py": EXTRAS + "\nPLACE = 'a\\d'\n"},
    "own module": {"own_layers.py": "import os\nprint\n"},
    "replaced stdout": at_import("torch.sys.stdout = torch.sys.stderr", "print('words')"),
    "own threads": in_scale("torch.set_num_threads(1)"),
}  # fmt: skip


@pytest.mark.parametrize("style", KEPT)
def test_honest_code_keeps_every_rule(grade: Grade, style: str) -> None:
    """Whatever the style, code that does what the hand-out asks breaks no rule and loses no point."""
    card = grade(KEPT[style])
    assert broken(card) == set(), [check.message for check in card.checks if check.question == "rules"]
    assert not any("was broken" in finding for finding in card.findings)
    assert card.complete and (style == "stub" or card.score == 8.0)


def test_the_reference_and_the_stubs_keep_the_rules(ruled: Desk, tmp_path: Path) -> None:
    """Our own solution keeps every rule, and so does what students start from."""
    assert broken(ruled.grade(ruled.assignment.reference)) == set()


def test_code_that_asks_for_a_gpu_breaks_no_rule(grade: Grade) -> None:
    """A module that asks for CUDA as it is imported is judged on the CPU, like all else of it."""
    card = grade(at_import("HERE = torch.ones(1).cuda()"))
    assert (broken(card), card.score, card.findings.count(ON_CPU)) == (set(), 8.0, 1)


def test_a_warning_is_a_finding_and_no_breach(grade: Grade, ruled: Desk, hand_in: Callable[..., Path], tmp_path: Path) -> None:
    """What cannot be proven is told to the student and to staff, and costs nothing."""
    files = in_scale("eval('1' + '1')", "x.sum")
    remark = "p1.imports: solution.py, line 11: what `eval` runs cannot be seen here; this is a warning, no more"
    card = ruled.grade(hand_in(files), out=tmp_path / "out")
    assert (broken(card), card.score) == (set(), 8.0)
    assert remark in card.findings
    assert remark in json.loads((tmp_path / "out/results.json").read_bytes())["output"]
    for name in ("report", "feedback"):
        assert remark in (tmp_path / f"out/{name}.html").read_text()


# --- broken, in many ways -----------------------------------------------------------------------------

BREACHES: dict[str, tuple[dict[str, str | bytes], str, int]] = {  # files, rule, line
    "extra import": (at_import("import os"), "imports", 28),
    "nested import": (in_scale("if x is None:", "    import os"), "imports", 12),
    "renamed import": ({"solution.py": SOLUTION.replace("import torch\n", "import torch as torch_\ntorch = torch_\n")}, "imports", 3),
    "__import__": (in_scale("__import__('math')"), "imports", 11),
    "exec": (in_scale("exec('import math as m')"), "imports", 11),
    "eval": (in_scale("eval(\"__import__('math')\")"), "imports", 11),
    "renamed function": ({"solution.py": swap(SOLUTION, "def sample(", "def samples(")}, "definitions", 0),
    "another function": ({"extras.py": EXTRAS.replace("def shout", "class shout:\n  def one(word): ...\n  def it")}, "definitions", 4),
    "changed parameter": ({"extras.py": EXTRAS.replace("word", "text").replace("with text", "with words")}, "definitions", 4),
    "alias": ({"solution.py": swap(SOLUTION, "scale(x).sum()", "(lambda t=torch.sum: t(scale(x)))()")}, "calls", 18),
    "assigned": ({"solution.py": swap(SOLUTION, "return scale(x).sum()", "T = torch; return T.sum(scale(x))")}, "calls", 18),
    "getattr": ({"solution.py": swap(SOLUTION, "scale(x).sum()", "getattr(torch, 'sum')(scale(x))")}, "calls", 18),
    "module": (in_scale("torch.nn.Linear(1, 1)"), "calls", 11),
}  # fmt: skip


@pytest.mark.parametrize("way", BREACHES)
def test_sources_that_break_a_rule(grade: Grade, way: str) -> None:
    """However a rule about sources is broken, that rule and no other is, and the line is told."""
    files, rule, line = BREACHES[way]
    card = grade(files)
    assert broken(card) == {rule}
    message = check(card, f"p1.{rule}").message
    assert re.match(rf"\w+\.py{f', line {line}' if line else ''}: ", message), message


PRINTED: dict[str, dict[str, str | bytes]] = {
    "at import": at_import("print('words')"),
    "in a function": in_scale("print('words')"),
    "in a function that is called later": {"solution.py": swap(SOLUTION, "return 2 *", "print('words'); return 2 *")},
    "in another module": {"extras.py": EXTRAS + "\nprint('words')\n"},
    "without a line end": in_scale("print('words', end='')"),
    "os.write": in_scale("torch.os.write(1, b'words')"),
    "sys.stdout": in_scale("torch.sys.stdout.write('words')"),
    "sys.stdout.buffer": in_scale("torch.sys.stdout.buffer.write(b'words')"),
    "sys.__stdout__": in_scale("print('words', file=torch.sys.__stdout__)"),
    "another descriptor": in_scale("torch.os.write(torch.os.dup(1), b'words')"),
    "a file": in_scale("open(1, 'w', closefd=False).write('words')"),
    "and ends its process": in_scale("print('words', end='')", "torch.os._exit(0)"),
    "and raises": in_scale("print('words')", "raise ValueError"),
    "at import, and raises": at_import("print('words')", "1 / 0"),
    "at import, and ends its process": at_import("print('words')", "torch.os._exit(0)"),
    "and hides it": in_scale("print('words')", "print('\\033[2J')"),
    "and asks for a GPU": in_scale("torch.ones(1).cuda()", "print('words')"),
    "in a constructor": at_import("class Own:", "    def __init__(self):", "        print('words')", "OWN = Own()"),
    "much": in_scale("print('words ' * 100_000)"),
}


@pytest.mark.parametrize("way", PRINTED)
def test_whatever_is_printed_is_heard(grade: Grade, way: str) -> None:
    """Nothing that reaches stdout goes unnoticed, by whatever way it does and whatever becomes of the worker then."""
    card = grade(PRINTED[way])
    message = check(card, "p1.output").message
    assert check(card, "p1.output").status == "refused"
    assert message.startswith("importing, constructing or calling the modules prints (words"), message
    assert len(message) < 600
    assert points(card)[1] == 0.0
    assert broken(card) <= {"output", "runs"}


def test_a_module_that_hangs_is_not_held_against_the_others(hasty_ruled: Desk, hand_in: Callable[..., Path]) -> None:
    """One whose import takes all the time breaks the rule about imports that run; the others are not accused, and what
    they print cannot be told."""
    card = hasty_ruled.grade(hand_in({"extras.py": EXTRAS + "while True: ...\n"}))
    assert check(card, "p1.runs").message.startswith("extras.py: importing extras.py")
    assert "solution.py" not in check(card, "p1.runs").message


@pytest.fixture(scope="module")
def hasty_ruled(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Iterator[Desk]:
    """The desk with rules, and little time for imports."""
    text = swap(POLICY_MANIFEST, "import_s = 20.0", "import_s = 2.0")
    files = {**POLICY_FILES, "reference/mini/assignment.toml": text}
    with Desk(write_mini(tmp_path_factory.mktemp("hasty"), files), launcher) as desk:
        yield desk


def test_what_a_module_does_to_libraries_stays_with_its_own_checks(
    launcher: Launcher, hand_in: Callable[..., Path], tmp_path: Path
) -> None:
    """A file that changes torch as it is imported takes no points from another file whose checks come after the rules."""
    manifest = POLICY_MANIFEST[: POLICY_MANIFEST.index("[[policies]]")] + '[[policies]]\ncheck = "p1.runs"\nrule = "runs"\n'
    rules = re.sub(r'\["files".*\]', '["runs"]', SUITE_RULES[: SUITE_RULES.index('@pytest.mark.check("p1.output"')])
    changed = {"reference/mini/assignment.toml": manifest, "tests/mini/test_p1_rules.py": rules}
    with Desk(write_mini(tmp_path / "repository", changed), launcher) as desk:
        card = desk.grade(hand_in({"extras.py": EXTRAS + "import torch\ntorch.Tensor.__rmul__ = None\n"}))
    assert statuses(card) == dict.fromkeys((*CHECKS, "p1.runs"), "passed")


# --- a class ------------------------------------------------------------------------------------------


def test_another_severity_grades_nothing_again(new_class: Callable[..., Class]) -> None:
    """What a broken rule costs may change after a class was graded: the points change, and no check is run again."""
    handed = {"right": RIGHT, "broken": {**RIGHT, **BROKEN["output"][0]}, "doubtful": {**RIGHT, **in_scale("eval('1' + '1')")}}
    found = new_class(handed, POLICY_FILES)
    found.grade()
    before = found.cards()
    assert {id_: card.score for id_, card in before.items()} == {"right": 8.0, "broken": 6.0, "doubtful": 8.0}
    assert any("what `eval` runs" in finding for finding in before["doubtful"].findings)
    found.stamp()
    manifest = swap(POLICY_MANIFEST, 'severity = "zero_part"\nparts = ["p2"]', 'severity = "cap"\nkeeps = 0.5')
    found.change({"reference/mini/assignment.toml": manifest})
    assert found.grade().judged == 0
    assert found.fresh() == set()
    after = found.cards()
    assert {id_: card.score for id_, card in after.items()} == {"right": 8.0, "broken": 4.0, "doubtful": 8.0}
    assert [part.cap for part in after["broken"].parts] == [3.0, 1.0]
    assert after["doubtful"].findings == before["doubtful"].findings


def test_a_warning_outlives_a_second_grading(new_class: Callable[..., Class]) -> None:
    """A check that is judged again leaves what other checks had to remark where it was."""
    found = new_class({"doubtful": {**RIGHT, **in_scale("eval('1' + '1')")}}, POLICY_FILES)
    found.grade()
    first = reports(found.out)
    assert b"what `eval` runs cannot be seen here" in first["doubtful/scorecard.json"]
    assert found.grade(only=("p2.shout",)).judged == 1
    assert reports(found.out) == first


# --- the student's door -------------------------------------------------------------------------------


@pytest.mark.parametrize("option", [(), ("--plain",)], ids=["worker", "plain"])
def test_students_see_broken_rules_before_they_hand_in(tmp_path: Path, option: tuple[str, ...]) -> None:
    """Plain pytest says the same of rules as a grading does, in a plain process too."""
    place = Place(tmp_path, {**POLICY_FILES, "tests/mini/pytest.ini": PYTEST_INI})
    place.submission = write_files(tmp_path / "own", {**RIGHT, **in_scale("print('words', end='')", "torch.warnings.warn('x')")})
    command = [*place.pytest(), *option, "-k", "p1.output or p2.shout"]
    code, stdout, _stderr = finished(command, place, tmp_path / "temporary")
    assert code == 1
    assert "the modules prints (wordswords); take out" in " ".join(stdout.split())
    assert "Rule p1.output was broken, which costs all points of part p2" in " ".join(stdout.split())
