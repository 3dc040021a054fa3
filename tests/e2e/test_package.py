"""What students of a2 upload, as their own packer makes it: the code archive, the PDF, students.txt."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader

from grader.grading import Desk
from grader.paths import find_assignment
from grader.records import Scorecard
from grader.samples import build, load_samples
from grader.worker.launch import Launcher

A2 = find_assignment("a2")
CODE = "a2_code_submission.zip"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The complete sample, packed."""
    complete = next(sample for sample in load_samples(A2) if sample.name == "complete")
    return build(complete, A2, tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def desk(launcher: Launcher) -> Iterator[Desk]:
    with Desk(A2, launcher) as found:
        yield found


@pytest.fixture
def part4(desk: Desk) -> Callable[[Path], Scorecard]:
    """Grades the part that has modules below dl/, a notebook and written answers."""
    return lambda source: desk.grade(source, parts=("p4",), notebooks="off")


def unpacked(package: Path, folder: Path) -> Path:
    with zipfile.ZipFile(package / CODE) as archive:
        archive.extractall(folder)
    return folder


def test_the_package_has_three_files(package: Path) -> None:
    """The code archive holds modules, those below dl/ too, notebooks and results; the PDF shows all notebooks."""
    assert sorted(path.name for path in package.iterdir()) == [CODE, "a2_inline_submission.pdf", "students.txt"]
    names = set(zipfile.ZipFile(package / CODE).namelist())
    assert {"transformers.py", "CLIP_DINO.ipynb", "dl/clip_dino.py", "dl/simclr/utils.py"} <= names
    pages = [page.extract_text() for page in PdfReader(package / "a2_inline_submission.pdf").pages]
    text = "\n".join(pages)
    assert "Final Model accuracy: 0.95" in text and "Mean IoU on all test frames" in text
    assert sum(len(page.images) for page in PdfReader(package / "a2_inline_submission.pdf").pages) >= 15


def test_the_package_gets_full_marks(
    package: Path, grade_py: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Through the real command: everything that can be judged, five answers for staff, the team in the report; and
    staff find their five pages."""
    done = grade_py("run", "a2", package, "--out", tmp_path / "out" / "one", "--notebooks", "off")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Score: 95 / 95, 5 awaiting staff\n" in done.stdout
    assert "Team: Ada Lovelace (123456789), Alan Turing (987654321)\n" in done.stdout
    assert "took the files in a2_code_submission.zip and those beside it together" in done.stdout
    done = grade_py("written", "a2", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted(path.name for path in (tmp_path / "out" / "written").glob("*.html"))
    assert pages == [f"inline_{number}.html" for number in range(1, 6)]


def test_the_archive_alone_is_enough(package: Path, part4: Callable[[Path], Scorecard]) -> None:
    """The archive has a copy of students.txt, so the team is known, too."""
    card = part4(package / CODE)
    assert (card.score, card.max_score, card.awaiting, len(card.team)) == (20.0, 20.0, 5.0, 2)


@pytest.mark.parametrize("place", ["dl/clip_dino.py", "clip_dino.py"])
def test_an_archive_without_dl_and_the_file_beside_it(
    place: str, package: Path, part4: Callable[[Path], Scorecard], tmp_path: Path
) -> None:
    """What the archive lacks is taken from beside it."""
    files = unpacked(package, tmp_path / "files")
    folder = tmp_path / "submission"
    (folder / place).parent.mkdir(parents=True)
    shutil.move(files / "dl/clip_dino.py", folder / place)
    shutil.rmtree(files / "dl")
    shutil.make_archive(str(folder / "a2_code_submission"), "zip", files)
    assert part4(folder).score == 20.0


def test_an_archive_without_dl(package: Path, part4: Callable[[Path], Scorecard], tmp_path: Path) -> None:
    """The modules below dl/ are reported as not handed in, and the evidence that rests on them counts nothing."""
    files = unpacked(package, tmp_path / "files")
    shutil.rmtree(files / "dl")
    card = part4(files)
    assert card.score == 0.0 and card.awaiting == 5.0
    messages = {check.message for check in card.checks if check.status == "not_implemented"}
    assert "dl/clip_dino.py was not found in the submission" in messages


def test_a_nested_upload_of_all_three(package: Path, part4: Callable[[Path], Scorecard], tmp_path: Path) -> None:
    """The three files in one more archive, as some course systems export them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in package.iterdir():
            archive.write(path, f"submission_17/{path.name}")
    (tmp_path / "export.zip").write_bytes(buffer.getvalue())
    card = part4(tmp_path / "export.zip")
    assert card.score == 20.0
    assert [member.name for member in card.team] == ["Ada Lovelace", "Alan Turing"]
