"""Submissions as they really come: damaged, misnamed, careless. Each has one sentence and a score."""

# ruff: noqa: E501  (tables with one case a line)
from __future__ import annotations

import io
import re
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mini_assignment import CHECKS, EXTRAS, SOLUTION, check, statuses, swap, write_files

from grader.errors import IntakeError
from grader.grading import Desk
from grader.manifest import load_manifest
from grader.paths import find_assignment
from grader.records import Scorecard

Grade = Callable[..., Scorecard]


def zip_of(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def encrypted(data: bytes) -> bytes:
    """The zip with the flag of encryption on its one entry, in both of its headers."""
    changed = bytearray(data)
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = changed.index(mark) + offset
        changed[place : place + 2] = struct.pack("<H", 1)
    return bytes(changed)


# --- what cannot be read at all: the real command ----------------------------------------------------

WANTED = ", ".join(load_manifest(find_assignment("a2").manifest).submitted)
A2 = {"transformers.py": "x = 1\n" * 500, "rnn_lstm_captioning.py": "y = 2\n"}
UNREADABLE: dict[str, tuple[str, bytes | None, str]] = {
    "text.zip": ("a2", b"dear grader, my laptop broke", "is neither a zip nor a tar nor a folder; hand in a zip of your files"),
    "half.zip": ("a2", zip_of(A2)[:-60], "is a damaged or truncated zip (File is not a zip file); make the zip again"),
    "locked.zip": ("a2", encrypted(zip_of({"transformers.py": "x"})), "is encrypted; remove the password"),
    "bomb.zip": ("a2", zip_of({"transformers.py": bytes(40 << 20)}), "unpacks to more than 200 times its size, as only a zip bomb does; leave out large files"),
    "hollow.zip": ("a2", zip_of({}), f"is empty; hand in {WANTED}"),
    "folder": ("a2", None, f"is empty; hand in {WANTED}"),
    "missing.zip": ("a2", None, "cannot be opened (No such file or directory)"),
    "other.zip": ("a2", zip_of({"solution.py": "x = 1"}), f"holds none of {WANTED}; it holds solution.py; check the file names and that this is the right assignment"),
    "right.zip": ("a9", zip_of(A2), "there is no assignment 'a9'; there are: a2, cs7643_a3"),
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory, grade_py: Callable[..., subprocess.CompletedProcess[str]]
) -> dict[str, subprocess.CompletedProcess[str]]:
    """What the command says to each, two at a time."""
    place = tmp_path_factory.mktemp("unreadable")
    place.joinpath("folder").mkdir()
    for name, (_assignment, content, _words) in UNREADABLE.items():
        if content is not None:
            place.joinpath(name).write_bytes(content)
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda name: grade_py("run", UNREADABLE[name][0], place / name), UNREADABLE)
        return dict(zip(UNREADABLE, found, strict=True))


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_one_line_and_exit_code_2(
    name: str, answers: dict[str, subprocess.CompletedProcess[str]]
) -> None:
    """The command ends with 2 and one line on stderr that says what to do: no traceback, no path of ours."""
    assignment, _content, words = UNREADABLE[name]
    answer = answers[name]
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == (f"grade: {name} {words}\n" if assignment == "a2" else f"grade: {words}\n")
    assert not re.search(r"(?<![\w.])/\w", answer.stderr)


# --- odd archives ------------------------------------------------------------------------------------


def test_an_entry_outside_the_folder_is_left_out(desk: Desk, tmp_path: Path) -> None:
    """A path that climbs out of the zip is never written; the rest of the zip is graded."""
    files = {"solution.py": SOLUTION, "extras.py": EXTRAS, "../../../evil.py": "raise SystemExit"}
    archive = tmp_path / "climbing.zip"
    archive.write_bytes(zip_of(files))
    card = desk.grade(archive)
    assert card.score == 8.0
    assert [f for f in card.findings if '../../../evil.py was left out: its name leaves the folder ("..")' in f]
    assert not list(tmp_path.parent.rglob("evil.py"))


def test_a_symbolic_link_is_not_followed(desk: Desk, tmp_path: Path, hand_in: Callable[..., Path]) -> None:
    """A link in place of a file reads nothing of ours; the other file is graded."""
    folder = hand_in({})
    (folder / "solution.py").unlink()
    (folder / "solution.py").symlink_to(desk.assignment.reference / "solution.py")
    packed = tmp_path / "linked.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(folder, arcname=".")
    for source in (folder, packed):
        card = desk.grade(source)
        assert check(card, "p1.scale").status == "raised"
        assert "it is a symbolic link; hand in the file itself" in check(card, "p1.scale").message
        assert card.score == 2.0


def test_two_different_copies_are_nobody_s_choice(desk: Desk, tmp_path: Path) -> None:
    """Of two copies that differ neither is graded, and both are named; equal copies are one."""
    files = {f"{place}/{name}": text for place in ("a", "b") for name, text in (("solution.py", SOLUTION), ("extras.py", EXTRAS))}  # fmt: skip
    archive = tmp_path / "twice.zip"
    archive.write_bytes(zip_of(files))
    assert desk.grade(archive).score == 8.0
    archive.write_bytes(zip_of({**files, "b/extras.py": f"{EXTRAS}\n# later\n"}))
    card = desk.grade(archive)
    assert card.score == 6.0
    message = check(card, "p2.shout").message
    assert message == "extras.py cannot be used: two different copies: a/extras.py and b/extras.py; hand in one"


@pytest.mark.parametrize("packer", ["zip", "tar", "folder"])
def test_odd_names_are_graded_or_left_out_in_a_line(desk: Desk, tmp_path: Path, packer: str) -> None:
    """Names with marks, devices of Windows, 255 bytes or control characters cost no point; each finding is a line."""
    odd = ["aux.py", "CON.txt", "\u202eyp.live", "x\n[31m.py", "\x1b[2J.py", "n" * 252 + ".py", "=1+1.py", "<b>.py", "a. "]
    files: dict[str, str | bytes] = {f"\u200fhw \U0001f389/{name}": "raise SystemExit" for name in odd}
    files |= {"\u200fhw \U0001f389/solution.py": SOLUTION, "\u200fhw \U0001f389/extras.py": EXTRAS}
    source = tmp_path / "=odd\u202e.zip"
    if packer == "zip":
        source.write_bytes(zip_of(files))
    elif packer == "folder":
        write_files(source, files)
    else:
        write_files(tmp_path / "work", files)
        with tarfile.open(source, "w") as archive:
            archive.add(tmp_path / "work", arcname=".")
    card = desk.grade(source, out=tmp_path / "out")
    assert card.score == 8.0
    assert all(finding.isprintable() for finding in card.findings)
    assert any("\\u200fhw" in finding and "x\\n[31m.py was left out" in finding for finding in card.findings)
    assert any(finding.startswith("aux.py was not used") for finding in card.findings)
    assert "\n'=odd" in (tmp_path / "out" / "scores.csv").read_text(encoding="utf-8-sig")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "aux.py was not used" in page and "\u202e" not in page


def test_a_zip_in_a_zip_in_a_folder_is_graded(desk: Desk, tmp_path: Path) -> None:
    """Nesting of every kind costs nothing."""
    inner = zip_of({"my work/hw/solution.py": SOLUTION, "my work/hw/extras.py": EXTRAS})
    archive = tmp_path / "outer.zip"
    archive.write_bytes(zip_of({"upload/final.zip": inner, "__MACOSX/._final.zip": "junk"}))
    assert desk.grade(archive).score == 8.0


def test_a_missing_file_costs_its_own_questions(desk: Desk, tmp_path: Path) -> None:
    """Without extras.py its checks are "not implemented", with a hint when it has another name."""
    source = write_files(tmp_path / "work", {"solution.py": SOLUTION, "Extras (1).py": EXTRAS})
    card = desk.grade(source)
    assert card.score == 6.0
    assert check(card, "p2.shout").status == "not_implemented"
    assert check(card, "p2.shout").message == "extras.py was not found in the submission"
    assert card.findings == ("found Extras (1).py; the file must be called extras.py",)


def test_an_unreadable_submission_does_not_end_the_desk(desk: Desk, tmp_path: Path, grade: Grade) -> None:
    """After a submission that cannot be read the next one is graded as usual."""
    (tmp_path / "bad.zip").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(IntakeError, match=r"^bad.zip is a damaged or truncated zip"):
        desk.grade(tmp_path / "bad.zip")
    assert grade({}).score == 8.0


# --- modules that misbehave when they are imported ---------------------------------------------------

HARMLESS = {
    "prints": "print('loss', 0.1)\nimport sys\nsys.stderr.write('training ...\\n')",
    "prints_garbage": "import sys\nsys.stdout.buffer.write(bytes(range(256)) * 64)\nprint('\\x1b[2J{\"score\": 99}')",
    "prints_a_lot": "for _ in range(20000): print('epoch' * 20)",
    "warns": "import warnings\nwarnings.warn('do not do this')\nprint('\\d' == '\\\\d')",
    "warns_as_errors": "import warnings\nwarnings.simplefilter('error')",
    "opens_a_window": "import matplotlib.pyplot as plt\nplt.figure()\nplt.plot([1, 2])\nplt.show()",
    "changes_the_folder": "import os\nos.chdir('/')",
    "sets_a_seed": "import random, numpy\nrandom.seed(7)\nnumpy.random.seed(7)\ntorch.manual_seed(7)",
    "changes_print_options": "torch.set_grad_enabled(True)\ntorch.set_printoptions(precision=2)",
    "replaces_print": "import builtins\nbuiltins.print = None",
    "closes_its_output": "import sys\nsys.stdout.close()\nsys.stderr.close()",
    "starts_a_daemon_thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "asks_only_when_run": "if __name__ == '__main__':\n    input('press enter')",
    "registers_an_exit": "import atexit, time\natexit.register(time.sleep, 60)",
    "an_encoding_of_its_own": "name = 'Grüße, 世界'",
}  # fmt: skip


@pytest.mark.parametrize("lines", HARMLESS.values(), ids=HARMLESS)
def test_what_harms_nobody_costs_nothing(grade: Grade, lines: str) -> None:
    """Printing, warning, plotting and changing the working directory do not matter."""
    card = grade({"solution.py": swap(SOLUTION, "import torch\n", f"import torch\n{lines}\n")})
    assert statuses(card) == dict.fromkeys(CHECKS, "passed"), [c.message for c in card.checks]
    assert card.complete


HARMFUL = {
    "raises": ("raise ValueError('no data here')", "raised", "importing solution.py raised ValueError: no data here\n  solution.py, line 4, in <module>"),
    "syntax_error": ("def broken(:", "raised", "solution.py cannot be used: line 4: invalid syntax: def broken(:"),
    "tab_error": ("if True:\n        x = 1\n\ty = 2", "raised", "solution.py cannot be used: line 6: "),
    "unknown_import": ("import tensorflow", "raised", "No module named 'tensorflow'"),
    "opens_a_file": ("open('/etc/passwd')", "raised", "importing solution.py raised PermissionError"),
    "opens_a_missing_file": ("open('data/train.csv')", "raised", "importing solution.py raised FileNotFoundError"),
    "asks": ("name = input('your name? ')", "raised", "the code waits for keyboard input, and there is no keyboard while grading"),
    "forks": ("import os\nos.fork()", "raised", "starting processes"),
    "connects": ("import urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/')", "raised", "importing solution.py raised "),
    "exits": ("import sys\nsys.exit(0)", "raised", "the code asks the interpreter to exit"),
    "exits_at_once": ("import os\nos._exit(0)", "crashed", "importing solution.py: the code ended the process (exit code 0)"),
    "kills_itself": ("import os\nos.kill(os.getpid(), 9)", "raised", "importing solution.py raised PermissionError"),
    "aborts": ("import os\nos.abort()", "crashed", "importing solution.py: the process crashed (SIGABRT)"),
    "downloads": ("import torchvision\ntorchvision.models.regnet_x_400mf(weights='DEFAULT')", "raised", "importing solution.py raised "),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "status", "words"), HARMFUL.values(), ids=HARMFUL)
def test_a_module_that_cannot_be_imported_costs_its_questions(
    grade: Grade, lines: str, status: str, words: str
) -> None:
    """Every check of the module has the same status and sentence; the other module is graded."""
    card = grade({"solution.py": swap(SOLUTION, "import torch\n", f"import torch\n{lines}\n")})
    assert check(card, "p1.scale").status == status
    assert words in check(card, "p1.scale").message
    assert check(card, "p1.sample_odd").message == check(card, "p1.scale").message
    assert (card.score, card.complete) == (2.0, True)


def test_a_hang_at_import_costs_one_limit(hasty_desk: Desk, hand_in: Callable[..., Path]) -> None:
    """A module that never finishes importing is waited for once, and the other module is graded."""
    source = hand_in({"solution.py": swap(SOLUTION, "import torch\n", "import torch\nwhile True: pass\n")})
    card = hasty_desk.grade(source)
    assert check(card, "p1.scale").status == "timed_out"
    assert check(card, "p1.scale").message == "importing solution.py: it did not return within 2 s"
    assert check(card, "p1.sample_even").status == "timed_out"
    assert check(card, "p1.sample_even").seconds < 1.0
    assert card.score == 2.0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SOLUTION.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (SOLUTION.replace("count in twos", "zähle zu zweit").encode("latin-1"), "is not UTF-8 text (line 24); save it as UTF-8"),
        (b"\0" + SOLUTION.encode(), "holds NUL bytes, so it is no Python source; save it again as plain text"),
        (f"# coding: klingon\n{SOLUTION}".encode(), "is not UTF-8 text, or names an encoding that does not exist; save it as UTF-8"),
        (b"", None),
    ],
    ids=["utf_16", "latin_1", "nul", "unknown", "empty"],
)  # fmt: skip
def test_a_file_that_is_no_text_is_explained(grade: Grade, content: bytes, words: str | None) -> None:
    """Source that is not UTF-8 is said with the line; an empty file has nothing implemented."""
    card = grade({"solution.py": content})
    found = check(card, "p1.scale")
    if words is None:
        assert (found.status, found.message) == ("not_implemented", "solution.py has no scale")
    else:
        assert (found.status, found.message) == ("raised", f"solution.py {words}")
    assert card.score == 2.0


def test_latin_1_that_says_so_is_graded(grade: Grade) -> None:
    """A declared encoding is Python's own rule, and ours."""
    text = f"# -*- coding: latin-1 -*-\n{SOLUTION.replace('Two ways', 'Zwei Möglichkeiten')}"
    assert grade({"solution.py": text.encode("latin-1")}).score == 8.0


# --- files that nobody asked for ---------------------------------------------------------------------


def test_files_that_run_unasked_are_ignored(grade: Grade) -> None:
    """conftest.py, sitecustomize.py, a pytest.ini or a folder called torch change nothing."""
    boom = "raise SystemExit('ran unasked')\n"
    card = grade(
        {
            **dict.fromkeys(("conftest.py", "sitecustomize.py", "usercustomize.py", "numpy.py", "grader.py"), boom),
            **dict.fromkeys(("torch/__init__.py", "dl/__init__.py", "test_p1_numbers.py"), boom),
            "pytest.ini": "[pytest]\naddopts = --collect-only\n",
            "setup.cfg": "[tool:pytest]\naddopts = --collect-only\n",
            "given_helper.py": "FACTOR = 1\n",
            ".git/hooks/post-checkout": boom,
        }
    )
    assert statuses(card) == dict.fromkeys(CHECKS, "passed")
    assert any("conftest.py was not used" in finding for finding in card.findings)
    assert any("given_helper.py differs from the given given_helper.py" in finding for finding in card.findings)


def test_a_helper_module_of_one_s_own_is_used(grade: Grade) -> None:
    """Students may split their code over files of their own."""
    files = {
        "solution.py": swap(SOLUTION, "import torch\n", "import torch\nfrom my_tools import double\n"),
        "my_tools.py": "def double(x):\n    return 2 * x\n",
    }
    assert grade(files).score == 8.0
