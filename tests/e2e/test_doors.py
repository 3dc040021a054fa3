"""The doors of the product as people use them: the command, the console script, plain pytest."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mini_assignment import swap

from grader.paths import ROOT, assignments, find_assignment
from grader.records import Scorecard, Status
from grader.report.files import REPORTS

GradePy = Callable[..., subprocess.CompletedProcess[str]]
ValidReports = Callable[[Path], Scorecard]
A2 = find_assignment("a2")
RNN = "tests/a2/test_p1_1_rnn.py"


def run_pytest(*args: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *map(str, args)],
        capture_output=True, text=True, cwd=cwd, timeout=240, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def slip(tmp_path: Path) -> Path:
    """A submission like the reference with two mistakes: no tanh in the RNN, no root in the attention."""
    folder = tmp_path / "slip"
    folder.mkdir()
    for name in ("rnn_lstm_captioning.py", "transformers.py"):
        shutil.copy(A2.reference / name, folder)
    path = folder / "rnn_lstm_captioning.py"
    path.write_text(swap(path.read_text(), "next_h = torch.tanh(", "next_h = ("))
    path = folder / "transformers.py"
    path.write_text(
        swap(path.read_text(), "@ key.transpose(-2, -1) / math.sqrt(query.shape[-1])", "@ key.transpose(-2, -1)")
    )
    return folder


# --- the command -------------------------------------------------------------------------------------


def test_help_names_every_subcommand(grade_py: GradePy) -> None:
    """`--help` lists the subcommands with a sentence each."""
    answer = grade_py("--help")
    assert (answer.returncode, answer.stderr) == (0, "")
    for name in ("run", "audit", "fixtures", "stubs", "doctor", "list"):
        assert re.search(rf"^  {name}  +[A-Z]\w+ .*$", answer.stdout, re.MULTILINE), name


def test_a_wrong_option_is_a_usage_error(grade_py: GradePy) -> None:
    """An option that does not exist is named, with exit code 2."""
    answer = grade_py("run", "a2", "x.zip", "--ouput", "y")
    assert answer.returncode == 2
    assert "No such option '--ouput'" in answer.stderr
    assert "--out" in answer.stderr


def test_list_shows_assignments_and_points(grade_py: GradePy) -> None:
    """`list` shows each assignment with its parts and their points."""
    answer = grade_py("list")
    assert answer.returncode == 0
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("a2  ")
    assert [line.split()[0] for line in lines[1:3]] == ["p1", "p2"]
    assert all(line.endswith(": 25 points") for line in lines[1:3])


def test_doctor_says_what_holds(grade_py: GradePy) -> None:
    """`doctor` has a line for every layer, yes or no, the reason for a no, and a verdict at the end."""
    answer = grade_py("doctor")
    assert (answer.returncode, answer.stderr) == (0, "")
    marks = re.findall(r"^  (yes|no ) +(\w+) +\S", answer.stdout, re.MULTILINE)
    assert {"rlimits", "landlock", "seccomp", "uid"} <= {name for _mark, name in marks}
    assert answer.stdout.count("not in force: ") == [mark for mark, _name in marks].count("no ")
    assert re.search(r"^A worker is ready \d+ ms after it is asked for\.$", answer.stdout, re.MULTILINE)
    assert "work of others" in answer.stdout.splitlines()[-1]


def test_the_console_script_is_the_same_command(grade_py: GradePy) -> None:
    """`grade`, as installed, answers as `grade.py` does."""
    script = Path(sys.executable).with_name("grade")
    answer = subprocess.run([script, "list"], capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stdout) == (0, grade_py("list").stdout)


def test_stubs_are_in_step_in_the_repository(grade_py: GradePy) -> None:
    """`stubs --check` finds student/ in step with reference/."""
    answer = grade_py("stubs", "--check")
    lines = [f"student/{assignment.id} is in step with reference/{assignment.id}" for assignment in assignments()]
    assert (answer.returncode, answer.stdout.splitlines()) == (0, lines)


def test_the_command_does_not_need_the_repository_as_its_folder(grade_py: GradePy, tmp_path: Path) -> None:
    """It can be started from anywhere."""
    assert grade_py("list", cwd=tmp_path).returncode == 0


# --- grade.py run ------------------------------------------------------------------------------------


def test_run_grades_and_reports(grade_py: GradePy, slip: Path, tmp_path: Path, valid_reports: ValidReports) -> None:
    """A graded submission is exit code 0, whatever its score: points per question, messages, two reports."""
    out = tmp_path / "new/out"
    answer = grade_py("run", "a2", slip, "--out", out, "--part", "p2", cwd=tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    card = valid_reports(out)
    assert card.complete
    assert 0 < card.score < card.max_score == 25
    failed = {check.id for check in card.checks if check.status is Status.FAILED}
    assert "p2.sdp_no_loop" in failed
    assert {question.id: question.score for question in card.questions}["norm_feedforward"] == 3.5
    assert "The scores are not\n      divided by √M" in answer.stdout
    assert answer.stdout.startswith("Assignment 2: Captioning, transformers, SimCLR, CLIP and DINO\nSubmission: slip\n")
    assert f"Score: {card.score:g} / 25\n" in answer.stdout
    reports = "results.json, scorecard.json, report.html, feedback.html, scores.csv"
    assert answer.stdout.endswith(f"Reports in {out}: {reports}\n")
    assert "\x1b" not in answer.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "slip"]  # nothing left in the folder
    tests = json.loads((out / "results.json").read_bytes())["tests"]
    assert sum(test.get("score", 0) for test in tests) == pytest.approx(card.score)


def test_run_of_the_stubs_is_no_points_and_no_surprise(
    grade_py: GradePy, tmp_path: Path, valid_reports: ValidReports
) -> None:
    """What students start from scores nothing, and no check ends in another way than "not implemented"."""
    answer = grade_py("run", "a2", A2.student, "--out", tmp_path)
    assert (answer.returncode, answer.stderr) == (0, "")
    card = valid_reports(tmp_path)
    assert (card.score, card.max_score, card.complete) == (0.0, 95.0, True)
    expected = (Status.NOT_IMPLEMENTED, Status.SKIPPED, Status.AWAITING)
    odd = [c for c in card.checks if c.status not in expected]
    assert [(c.id, c.status, c.message) for c in odd] == []


def test_run_into_a_place_that_cannot_be_written_is_one_line(grade_py: GradePy, tmp_path: Path) -> None:
    """A folder for reports that cannot be made is said before anything is graded."""
    (tmp_path / "file").write_text("not a folder")
    answer = grade_py("run", "a2", A2.reference, "--out", tmp_path / "file/out")
    assert answer.returncode == 2
    assert answer.stderr == f"grade: {tmp_path}/file/out cannot be written to: Not a directory\n"
    assert answer.stdout == ""


def test_run_out_of_time_is_exit_code_3(grade_py: GradePy, tmp_path: Path, valid_reports: ValidReports) -> None:
    """With no time for a single check everything is UNGRADED, in valid reports, with exit code 3."""
    answer = grade_py("run", "a2", A2.reference, "--out", tmp_path, "--total-limit", "0.01")
    assert answer.returncode == 3, answer.stderr
    card = valid_reports(tmp_path)
    assert (card.score, card.max_score, card.complete) == (0.0, 95.0, False)
    assert {check.status for check in card.checks} == {Status.UNGRADED, Status.AWAITING}
    assert "Not complete: something could not be graded" in answer.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_in_the_middle_leaves_valid_reports(number: int, tmp_path: Path, valid_reports: ValidReports) -> None:
    """Ended from outside, a run still reports: what was judged counts, the rest is UNGRADED, exit code 3."""
    command = [sys.executable, str(ROOT / "grade.py"), "run", "a2", str(A2.reference), "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        journal = tmp_path / "journal.jsonl"
        while time.monotonic() < deadline and not (journal.exists() and journal.read_bytes().count(b"\n") > 5):
            time.sleep(0.02)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (3, "")
    card = valid_reports(tmp_path)
    found = [check.status for check in card.checks]
    assert {Status.PASSED, Status.UNGRADED, Status.AWAITING} == set(found)
    assert 0 < card.score < card.max_score
    assert not card.complete
    assert f"Score: {card.score:g} / {card.max_score:g}, 5 awaiting staff\n" in stdout
    assert len(journal.read_text().splitlines()) == found.count(Status.PASSED)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["journal.jsonl", "written.json", *REPORTS])


# --- pytest, as a student uses it --------------------------------------------------------------------


def table(stdout: str) -> str:
    """What the student reads: from the title to the isolation, which differs between the ways to run."""
    begin = stdout.index("Assignment 2: Captioning")
    return stdout[begin : stdout.index("Isolation: ")]


def test_pytest_in_the_student_folder_grades_it() -> None:
    """In student/a2, `pytest -k rnn` prints points per question, says what is hidden, and ends with 1."""
    answer = run_pytest("-k", "rnn", cwd=A2.student)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    text = table(answer.stdout)
    assert re.search(r"^  Vanilla RNN, forward and backward +╌+ +0 / 3$", text, re.MULTILINE)
    assert "p1.rnn_forward  not implemented\n" in text
    assert "rnn_step_forward is not implemented yet" in text
    assert "sizes" not in text
    assert re.search(r"^\d+ hidden checks: their results are shown after grading", text, re.MULTILINE)
    possible = [float(number) for number in re.findall(r"╌ +0 / ([\d.]+)$", text, re.MULTILINE)]
    assert re.search(rf"^Score: 0 / {sum(possible):g}$", answer.stdout, re.MULTILINE)
    # What -k left out is neither counted nor called hidden.
    assert "Transformers" not in text
    assert "p1.overfit_standin.lstm" not in text
    assert "Traceback" not in answer.stdout


def test_pytest_grades_the_reference_with_full_marks() -> None:
    """`pytest tests/a2/<file> --subject=reference/a2` passes, with exit code 0."""
    answer = run_pytest(RNN, "--subject=reference/a2")
    assert answer.returncode == 0, answer.stdout
    assert "Every visible check passed." in answer.stdout
    assert re.search(r"^Score: 3 / 3$", answer.stdout, re.MULTILINE)


def test_pytest_runs_a_zip_without_a_sandbox_and_says_the_same(slip: Path, tmp_path: Path) -> None:
    """--plain and --inline differ from the sandboxed worker in the note on top and in nothing else; what lies
    in the folder where pytest is started is not imported by the grader."""
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", slip)
    (tmp_path / "torch.py").write_text("raise SystemExit('the folder was imported')\n")
    answers = {
        way: run_pytest(ROOT / RNN, f"--subject={packed}", *way.split(), cwd=tmp_path)
        for way in ("", "--plain", "--inline")
    }
    assert {way: answer.returncode for way, answer in answers.items()} == dict.fromkeys(answers, 1)
    texts = {way: table(answer.stdout) for way, answer in answers.items()}
    assert texts[""].startswith("Assignment 2: Captioning, transformers, SimCLR, CLIP and DINO\nSubmission: packed\n")
    assert "p1.rnn_step_forward  wrong values" in texts[""]
    assert texts["--plain"] == texts[""]
    assert texts["--inline"] == texts[""]
    assert "torchgrade: Your code runs in a sandboxed worker process" in answers[""].stdout
    assert "nothing isolates it" in answers["--plain"].stdout
    assert "debuggers work" in answers["--inline"].stdout
    assert "Isolation: none" in answers["--plain"].stdout


def test_a_subject_without_the_equals_sign_is_refused(slip: Path) -> None:
    """pytest would take the folder for tests; the sentence says how to write it."""
    answer = run_pytest("--subject", slip, cwd=A2.student)
    assert answer.returncode == 4
    assert (
        answer.stderr.strip() == "ERROR: write --subject=DIR, with the equals sign, beside an assignment's pytest.ini"
    )


def test_a_subject_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    """Neither a traceback nor a table for a folder that is not there."""
    answer = run_pytest(f"--subject={tmp_path / 'nowhere'}", cwd=A2.student)
    assert answer.returncode == 4
    assert answer.stderr.strip() == "ERROR: nowhere cannot be opened (No such file or directory)"


def test_pytest_elsewhere_is_left_alone(tmp_path: Path) -> None:
    """The plugin is loaded by every pytest of this environment and changes nothing without an assignment."""
    (tmp_path / "test_own.py").write_text("def test_own():\n    assert True\n")
    answer = run_pytest("-p", "no:cacheprovider", cwd=tmp_path)
    assert answer.returncode == 0
    assert "torchgrade:" not in answer.stdout
