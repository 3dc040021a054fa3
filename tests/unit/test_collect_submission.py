"""The given packer of cs7643_a3: what it puts into the zip, and everything it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.intake import stage
from grader.manifest import load_manifest
from grader.paths import find_assignment
from grader.stubs import student_files

COURSE = find_assignment("cs7643_a3")
PACKER = COURSE.reference / "collect_submission.py"
NOTEBOOK = "Machine_Translation.ipynb"
ZIP = "assignment3_nlp_submission.zip"
SUBMITTED = load_manifest(COURSE.manifest).submitted
PRINTED = [{"output_type": "stream", "name": "stdout", "text": "1\n"}]

Pack = Callable[..., "subprocess.CompletedProcess[str]"]


def save(file: Path, outputs: list[object] = PRINTED, answer: str = "**Your answer:**\n\nBecause.") -> None:
    code = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "print(1)", "outputs": outputs}
    text = {"cell_type": "markdown", "metadata": {}, "source": answer}
    file.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [code, text]}))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An assignment's folder in which everything is done, with files that are not to be handed in."""
    root = tmp_path / "my work"
    others = "utils.py", "data/words.py", "models/__pycache__/Transformer.cpython-311.pyc", "models/notes.txt"
    for name in (*SUBMITTED, *others):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x = 1\n")
    save(root / NOTEBOOK)
    return root


@pytest.fixture
def pack(work: Path) -> Pack:
    """Runs the packer as students do."""
    return lambda *arguments: subprocess.run(
        [sys.executable, PACKER, *arguments], cwd=work, capture_output=True, text=True, timeout=60
    )


def test_the_zip_holds_the_models_and_the_notebook(work: Path, pack: Pack) -> None:
    """Nothing else is packed: no given file, no data, no cache; and intake finds every file."""
    done = pack()
    assert (done.returncode, done.stderr) == (0, "") and "Warning" not in done.stdout
    assert sorted(zipfile.ZipFile(work / ZIP).namelist()) == sorted([*SUBMITTED, NOTEBOOK])
    staged = stage(work / ZIP, load_manifest(COURSE.manifest), COURSE.reference, work / "staged")
    assert staged.hashes.keys() == {*SUBMITTED, NOTEBOOK} and not staged.missing and not staged.findings


def test_modules_of_the_students_own_are_packed(work: Path, pack: Pack) -> None:
    """A module beside the asked ones may be imported by them."""
    (work / "models/seq2seq/heads.py").write_text("HEADS = 2\n")
    assert pack().returncode == 0
    assert "models/seq2seq/heads.py" in zipfile.ZipFile(work / ZIP).namelist()


def test_a_folder_can_be_named(work: Path, tmp_path: Path) -> None:
    """From elsewhere, with the folder as the one argument; two arguments show how it is used."""
    command = [sys.executable, PACKER, work]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=60).returncode == 0
    assert (work / ZIP).is_file() and not (tmp_path / ZIP).exists()
    usage = subprocess.run([*command, "x"], capture_output=True, timeout=60).stderr
    assert b"python collect_submission.py FOLDER" in usage


def test_all_that_is_wrong_is_said_at_once(work: Path, pack: Pack) -> None:
    """One sentence for each file; the zip of an earlier day stays as it was."""
    (work / ZIP).write_bytes(b"earlier")
    (work / SUBMITTED[0]).unlink()
    (work / SUBMITTED[1]).write_bytes(b"")
    (work / SUBMITTED[2]).write_text("x = 1\ndef f(:\n")
    (work / SUBMITTED[3]).write_bytes(b"x\0y")
    (work / NOTEBOOK).write_text("{")
    done = pack()
    assert (done.returncode, done.stdout) == (1, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "this cannot be handed in yet:"
    assert lines[1] == "  - models/naive/LSTM.py is missing"
    assert lines[2] == "  - models/seq2seq/Encoder.py is empty; save it again"
    assert lines[3].startswith("  - models/seq2seq/Decoder.py, line 2: ")
    assert lines[4].startswith("  - models/seq2seq/Seq2Seq.py")
    assert lines[5] == f"  - {NOTEBOOK} is no notebook that can be read; open it in Jupyter and save it again"
    assert len(lines) == 6 and (work / ZIP).read_bytes() == b"earlier"


def test_another_folder_is_refused(pack: Pack, tmp_path: Path) -> None:
    """One that holds none of the files: it says which folder is meant, instead of six missing files."""
    (tmp_path / "empty").mkdir()
    done = pack(tmp_path / "empty")
    assert done.returncode == 1 and "give the folder that holds models/" in done.stderr and "missing" not in done.stderr


@pytest.mark.parametrize(
    ("outputs", "answer", "words"),
    [
        ([], "**Your answer:**\n\nBecause.", "has no outputs: run all of its cells"),
        (PRINTED, "**Your answer:**\n", "still has 1 empty answer."),
    ],
)
def test_what_is_unfinished_can_be_handed_in(
    outputs: list[object], answer: str, words: str, work: Path, pack: Pack
) -> None:
    """A notebook that was not run, or an empty answer, is a warning."""
    save(work / NOTEBOOK, outputs, answer)
    done = pack()
    assert done.returncode == 0 and f"Warning: {NOTEBOOK} {words}" in done.stdout
    assert (work / ZIP).is_file()


def test_stubs_are_warned_about(tmp_path: Path) -> None:
    """The hand-out itself can be packed, with a word about four empty answers and a notebook that was not run."""
    for name, content in student_files(COURSE).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "collect_submission.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stdout.count("Warning") == 2 and "4 empty answers" in done.stdout
