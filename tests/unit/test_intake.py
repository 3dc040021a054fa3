"""Intake: real zips, tars and folders, honest and hostile, staged through the one door."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import socket
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from grader.errors import IntakeError, ManifestError
from grader.intake import archive as limits
from grader.intake import stage
from grader.records import Manifest, Submission

Files = Mapping[str, bytes]
MIB = 1024 * 1024
RNN, NETS, LOSS = "rnn.py", "nets.py", "dl/simclr/loss.py"
GOOD: dict[str, bytes] = {RNN: b"def rnn():\n    return 1\n", NETS: b"x = 2\n", LOSS: b"y = 3\n"}
MANIFEST = Manifest(
    id="a9",
    title="A tiny assignment",
    submitted=(RNN, NETS, LOSS),
    optional=("results.pt",),
    given=("helper.py", "dl"),
    parts=(),
    questions=(),
)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Our tree: given files, and solutions in the places of submitted files."""
    files = {
        "helper.py": b"given = True\n",
        "dl/__init__.py": b"",
        "dl/utils.py": b"ours = True\n",
        LOSS: b"SOLUTION = 1\n",
        "dl/simclr/__init__.py": b"",
        "dl/simclr/__pycache__/loss.cpython-311.pyc": b"SOLUTION",
        RNN: b"SOLUTION = 1\n",
        "assignment.toml": b"",
    }
    return folder_of(tmp_path / "ours", files)


@pytest.fixture
def staged(tmp_path: Path, given: Path) -> Callable[..., Submission]:
    """stage() with the tiny manifest."""

    def run(source: Path, manifest: Manifest = MANIFEST) -> Submission:
        return stage(source, manifest, given, tmp_path / "staged")

    return run


def folder_of(path: Path, files: Files) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def zip_of(path: Path, files: Files, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return path


def tar_of(path: Path, files: Files, mode: str = "w:", form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, mode, format=form) as file:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return path


def under(root: str, files: Files = GOOD) -> dict[str, bytes]:
    return {f"{root}/{name}": data for name, data in files.items()}


def content(submission: Submission) -> dict[str, bytes]:
    root = Path(submission.root)
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def said(submission: Submission) -> str:
    return "\n".join(submission.findings)


# --- honest submissions -----------------------------------------------------------------------------

PACKERS: dict[str, Callable[[Path, Files], Path]] = {
    "folder": lambda path, files: folder_of(path / "hand_in", files),
    "zip": lambda path, files: zip_of(path / "hand_in.zip", files),
    "stored zip": lambda path, files: zip_of(path / "hand_in.zip", files, zipfile.ZIP_STORED),
    "tar": lambda path, files: tar_of(path / "hand_in.tar", files),
    "old tar": lambda path, files: tar_of(path / "hand_in.tar", files, form=tarfile.USTAR_FORMAT),
    "gnu tar": lambda path, files: tar_of(path / "hand_in.tar", files, form=tarfile.GNU_FORMAT),
    "tar.gz": lambda path, files: tar_of(path / "hand_in.tar.gz", files, "w:gz"),
    "tar.xz": lambda path, files: tar_of(path / "hand_in.tar.xz", files, "w:xz"),
}


@pytest.mark.parametrize("packer", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("root", ["", "a9", "Ünï côde/a9", f"{'n' * 60}/{'m' * 60}/{'o' * 60}"])
def test_every_format_and_nesting(
    packer: Callable[[Path, Files], Path], root: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """The files are found in each format, at the top, one folder deep, and under long or foreign names."""
    files = under(root) if root else GOOD
    submission = staged(packer(tmp_path, files))
    assert submission.name == "hand_in"
    assert (submission.missing, submission.findings, submission.problems) == ((), (), {})
    assert submission.hashes == {name: hashlib.sha256(data).hexdigest() for name, data in GOOD.items()}
    ours = {"helper.py": b"given = True\n", "dl/__init__.py": b"", "dl/utils.py": b"ours = True\n"}
    assert content(submission) == {**GOOD, **ours, "dl/simclr/__init__.py": b""}


def test_rights_of_what_is_staged(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Folders are 0755 and files 0644 whatever the umask and the rights in the submission."""
    source = folder_of(tmp_path / "in", GOOD)
    (source / RNN).chmod(0o4777)
    before = os.umask(0o077)
    try:
        root = Path(staged(source).root)
    finally:
        os.umask(before)
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in [root, *root.rglob("*")]}
    assert modes == {(True, 0o755), (False, 0o644)}


def test_litter_is_ignored(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """What macOS, git, Jupyter, Python and environments leave behind is neither used nor mentioned."""
    litter = ["__MACOSX/a9/._rnn.py", "a9/.DS_Store", "a9/.git/rnn.py", "a9/__pycache__/rnn.py",
              "a9/.ipynb_checkpoints/rnn.py", "a9/venv/lib/rnn.py", "rnn/.rnn.py"]  # fmt: skip
    submission = staged(zip_of(tmp_path / "in.zip", {**{name: b"\0" for name in litter}, **under("a9")}))
    assert submission.findings == ()
    assert content(submission)[RNN] == GOOD[RNN]


def test_optional_files(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """An optional file is staged byte for byte when it is there, and not missed when it is not."""
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, "results.pt": b"\0\xff\0"}))
    assert content(submission)["results.pt"] == b"\0\xff\0"
    assert submission.hashes["results.pt"] == hashlib.sha256(b"\0\xff\0").hexdigest()


def test_missing_files_stay_missing(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A file that was not handed in is named, and our own version of it never takes its place."""
    submission = staged(zip_of(tmp_path / "in.zip", {NETS: b"x = 2\n"}))
    assert submission.missing == (RNN, LOSS)
    assert not any(b"SOLUTION" in data for data in content(submission).values())


def test_nothing_else_is_staged(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Notebooks, data and Python files in other folders of the submission stay behind."""
    others = {
        "notes.txt": b"x",
        "a9.ipynb": b"{}",
        "old/tool.py": b"",
        "dl/data/big.npy": b"",
        "rnn (1).py": b"",
    }
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, **others}))
    assert not set(others) & set(content(submission))


# --- the student's own modules, and copies of ours --------------------------------------------------


def test_helper_modules(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Python files beside the submitted ones are staged in the same place."""
    own = {"layers.py": b"a = 1\n", "dl/simclr/views.py": b"b = 1\n"}
    submission = staged(zip_of(tmp_path / "in.zip", under("a9", {**GOOD, **own})))
    assert submission.findings == ()
    assert {name: content(submission)[name] for name in own} == own


@pytest.mark.parametrize(
    "name",
    ["torch.py", "numpy.py", "torchvision.py", "random.py", "conftest.py", "sitecustomize.py",
     "usercustomize.py", "dl/simclr/conftest.py", "dl.py"],
)  # fmt: skip
def test_modules_that_would_hide_others(name: str, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A module that would take the place of one the worker needs is mentioned and never staged."""
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, name: b"evil = 1\n"}))
    assert name not in content(submission)
    assert f"{name} was not used" in said(submission)


def test_unreadable_helper_modules(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A module of the student's own that is no text is mentioned and not staged."""
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, "layers.py": b"a = 1\0"}))
    assert "layers.py" not in content(submission)
    assert "layers.py was not used: layers.py holds NUL bytes" in said(submission)


def test_too_many_helper_modules(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Only a bounded number of modules of the student's own is staged."""
    own = {f"own_{index:02}.py": b"" for index in range(60)}
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, **own}))
    assert len(set(own) & set(content(submission))) == 50
    assert "own_59.py was not used" in said(submission)


def test_given_files_win(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Our version of a given file is used; a changed copy is mentioned, an equal one is not."""
    copies = {"helper.py": b"given = True\n", "dl/utils.py": b"cheat = True\n"}
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, **copies}))
    assert content(submission)["dl/utils.py"] == b"ours = True\n"
    assert submission.findings == ("dl/utils.py differs from the given dl/utils.py; the given one was used",)


def test_altered_given_files_are_named(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A given file with another content is named by its place, wherever it lay; a missing or an equal one is not."""
    copies = {"helper.py": b"given = True\n", "dl/utils.py": b"ours = True  \n", "dl/__init__.py": b"import os\n"}
    submission = staged(zip_of(tmp_path / "in.zip", under("top", {**GOOD, **copies})))
    assert sorted(submission.altered) == ["dl/__init__.py", "dl/utils.py"]
    shutil.rmtree(tmp_path / "staged")
    assert staged(zip_of(tmp_path / "in.zip", {**GOOD, "dl/other.py": b"x = 1\n"})).altered == ()


@pytest.mark.parametrize("copy", [b"ours = True\r\n", b"ours = True\n"])
def test_the_ends_of_lines_alter_no_given_file(
    tmp_path: Path, staged: Callable[..., Submission], given: Path, copy: bytes
) -> None:
    """A given file whose lines end as on another system is the same file, whichever of the two ends ours has."""
    for ours in (b"ours = True\n", b"ours = True\r\n"):
        (given / "dl/utils.py").write_bytes(ours)
        submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, "dl/utils.py": copy}))
        assert (submission.altered, submission.findings) == ((), ())
        assert content(submission)["dl/utils.py"] == ours
        shutil.rmtree(tmp_path / "staged")


def test_given_file_that_we_lack(tmp_path: Path, given: Path) -> None:
    """A given file that is not in our tree is a fault of the manifest, found before anything is written."""
    (given / "helper.py").unlink()
    with pytest.raises(ManifestError, match=r"\$\.given: helper\.py"):
        stage(zip_of(tmp_path / "in.zip", GOOD), MANIFEST, given, tmp_path / "staged")
    assert not (tmp_path / "staged").exists()


def test_destination_must_be_empty(tmp_path: Path, given: Path) -> None:
    """An earlier student's files are never mixed with this one's."""
    folder_of(tmp_path / "staged", {"old.py": b""})
    with pytest.raises(IntakeError, match="staged is not empty"):
        stage(zip_of(tmp_path / "in.zip", GOOD), MANIFEST, given, tmp_path / "staged")


# --- finding the root -------------------------------------------------------------------------------


def test_root_with_most_files_wins(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """The folder that holds most of the files is the root, even when another one is shallower."""
    submission = staged(zip_of(tmp_path / "in.zip", {RNN: b"old = 1\n", **under("x/y/a9")}))
    assert content(submission)[RNN] == GOOD[RNN]


def test_shallowest_of_equal_roots_wins(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Of two folders with equally many files the shallower one is the root."""
    backup = under("a9/backup", dict.fromkeys(GOOD, b"old = 1\n"))
    submission = staged(zip_of(tmp_path / "in.zip", {**backup, **under("a9")}))
    assert submission.problems == {}
    assert content(submission)[RNN] == GOOD[RNN]


def test_two_different_copies(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Of two equal roots, a file with two contents is not staged; equal copies and single ones are."""
    files = {"a/rnn.py": b"v = 1\n", "b/rnn.py": b"v = 2\n", "a/nets.py": b"v = 3\n", "b/nets.py": b"v = 3\n"}
    submission = staged(zip_of(tmp_path / "in.zip", files))
    assert submission.problems == {RNN: "two different copies: a/rnn.py and b/rnn.py; hand in one"}
    assert list(submission.hashes) == [NETS]
    assert RNN not in content(submission)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("Rnn.py", "found Rnn.py; the file must be called rnn.py"),
        ("rnn (1).py", "found rnn (1).py; the file must be called rnn.py"),
        ("rnn - Copy.py", "found rnn - Copy.py; the file must be called rnn.py"),
        ("rnn.py.txt", "found rnn.py.txt; the file must be called rnn.py"),
        ("rnn.py ", 'found "rnn.py "; the file must be called rnn.py'),
        ("rnn.py.", 'found "rnn.py."; the file must be called rnn.py'),
        ("rnn\N{RIGHT-TO-LEFT MARK}.py", r"found rnn\u200f.py; the file must be called rnn.py"),
        ("part1/rnn.py", "found part1/rnn.py; the file must lie at rnn.py, beside the others"),
    ],
)
def test_near_misses(found: str, words: str, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A file under nearly the right name is not used, and a finding says what it must be called."""
    submission = staged(zip_of(tmp_path / "in.zip", {NETS: b"", LOSS: b"", found: b"v = 1\n"}))
    assert submission.missing == (RNN,)
    assert words in submission.findings
    assert RNN not in content(submission)


def test_given_files_are_no_near_misses(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A file of ours is not taken for a misplaced one of the same name; another copy in that folder is."""
    manifest = structs.replace(MANIFEST, submitted=(RNN, "dl/simclr/utils.py"))
    files = {RNN: b"", "dl/utils.py": b"ours = True\n"}
    assert staged(zip_of(tmp_path / "in.zip", files), manifest).findings == ()
    shutil.rmtree(tmp_path / "staged")
    submission = staged(zip_of(tmp_path / "in.zip", {**files, "dl/more/utils.py": b""}), manifest)
    words = "found dl/more/utils.py; the file must lie at dl/simclr/utils.py, beside the others"
    assert (submission.missing, submission.findings) == (("dl/simclr/utils.py",), (words,))


def test_files_inside_a_given_folder(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A submitted file inside a folder of ours is the student's, its neighbours are ours."""
    theirs = {LOSS: b"y = 4\n", "dl/simclr/__init__.py": b"import os\n", "dl/utils.py": b"ours = False\n"}
    submission = staged(zip_of(tmp_path / "in.zip", under("a9", {**GOOD, **theirs})))
    found = content(submission)
    assert (found[LOSS], found["dl/simclr/__init__.py"], found["dl/utils.py"]) == (b"y = 4\n", b"", b"ours = True\n")
    for name in ("dl/simclr/__init__.py", "dl/utils.py"):
        assert f"a9/{name} differs from the given {name}; the given one was used" in submission.findings


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"knn.py": b"", "svm.py": b""},
            "holds none of rnn.py, nets.py, dl/simclr/loss.py; it holds knn.py, svm.py",
        ),
        ({f"{i}.txt": b"" for i in range(9)}, "4.txt and 4 more; check the file names"),
        ({}, "in.zip is empty; hand in rnn.py, nets.py"),
        ({".DS_Store": b"x"}, "in.zip is empty"),
        ({"../x.txt": b""}, r"\.\./x.txt was left out"),
    ],
)
def test_none_of_the_files(
    files: Files, words: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """A submission without any of the files is refused, saying what it holds instead."""
    with pytest.raises(IntakeError, match=words):
        staged(zip_of(tmp_path / "in.zip", files))
    assert not (tmp_path / "staged").exists()


def test_empty_folder(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """An empty folder is refused like an empty zip."""
    (tmp_path / "ada").mkdir()
    with pytest.raises(IntakeError, match=r"^ada is empty; hand in rnn\.py"):
        staged(tmp_path / "ada")


# --- other places -----------------------------------------------------------------------------------


def test_a_file_may_lie_in_another_place_that_the_manifest_allows(
    tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """It is staged in its own place, and that is said; a file in its own place wins."""
    allowed = msgspec.structs.replace(MANIFEST, elsewhere={LOSS: ("simclr/loss.py", "loss.py")})
    flat = {RNN: GOOD[RNN], NETS: GOOD[NETS], "loss.py": GOOD[LOSS]}
    submission = staged(folder_of(tmp_path / "in", flat), allowed)
    assert content(submission)[LOSS] == GOOD[LOSS] and submission.missing == ()
    assert said(submission) == "loss.py was taken for dl/simclr/loss.py"


def test_the_right_place_wins_over_others(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """What lies in its own place is used, whatever else is there."""
    allowed = msgspec.structs.replace(MANIFEST, elsewhere={LOSS: ("loss.py",)})
    submission = staged(folder_of(tmp_path / "in", {**GOOD, "loss.py": b"other = 1\n"}), allowed)
    assert content(submission)[LOSS] == GOOD[LOSS] and submission.findings == ()


# --- an archive inside ------------------------------------------------------------------------------


@pytest.mark.parametrize("outer", ["folder", "zip", "tar.gz"])
def test_archive_inside(outer: str, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """The only archive of a submission that holds nothing else of use is opened, and that is said."""
    inner = zip_of(tmp_path / "inner.zip", under("a9")).read_bytes()
    submission = staged(PACKERS[outer](tmp_path, {"x/a9.zip": inner, "readme.txt": b"hello"}))
    assert submission.name == "hand_in"
    assert len(submission.hashes) == 3
    assert "opened x/a9.zip inside hand_in" in said(submission)


def test_archive_beside_a_whole_submission(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """An archive beside all of the submitted files is left alone."""
    inner = zip_of(tmp_path / "inner.zip", {RNN: b"v = 1\n"}).read_bytes()
    submission = staged(zip_of(tmp_path / "in.zip", {"a9.zip": inner, **GOOD}))
    assert content(submission)[RNN] == GOOD[RNN]
    assert submission.findings == ()


@pytest.mark.parametrize("outer", ["folder", "zip"])
@pytest.mark.parametrize(("inside", "beside"), [("", ""), ("code", ""), ("", "hand_in/x"), ("code", "x")])
def test_archive_and_files_beside_it(
    outer: str, inside: str, beside: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """A code archive and what was handed in beside it are one submission, whatever folders they lie in."""
    inner = zip_of(tmp_path / "inner.zip", {f"{inside}/{name}".strip("/"): GOOD[name] for name in (RNN, NETS)})
    rest = {LOSS: GOOD[LOSS], "results.pt": b"results", NETS: GOOD[NETS]}
    placed = {f"{beside}/{name}".strip("/"): data for name, data in rest.items()}
    submission = staged(PACKERS[outer](tmp_path, {"code.zip": inner.read_bytes(), **placed}))
    assert {name: content(submission)[name] for name in GOOD} == GOOD
    assert content(submission)["results.pt"] == b"results"
    assert said(submission) == "took the files in code.zip and those beside it together"
    assert submission.problems == {} and submission.missing == ()


def test_a_file_that_is_in_the_archive_and_beside_it(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Two copies of one content are one; of two different ones nobody knows which is meant."""
    inner = zip_of(tmp_path / "inner.zip", GOOD).read_bytes()
    submission = staged(zip_of(tmp_path / "in.zip", {"a9.zip": inner, RNN: b"v = 1\n", NETS: GOOD[NETS]}))
    assert submission.problems == {
        RNN: "rnn.py was left out: the one in a9.zip is another one; hand in one"
    }
    assert submission.hashes.keys() == {NETS, LOSS}


@pytest.mark.parametrize("data", [b"PK\x03\x04 broken", b"", b"not an archive"])
def test_a_broken_archive_beside_files(data: bytes, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Files beside an archive that cannot be opened are graded, and the archive's fault is said."""
    submission = staged(zip_of(tmp_path / "in.zip", {"a9.zip": data, RNN: GOOD[RNN]}))
    assert submission.hashes.keys() == {RNN} and submission.missing == (NETS, LOSS)
    assert "a9.zip is" in submission.findings[0] and submission.findings[0].endswith("beside it were used")


def test_archives_are_opened_one_level_deep(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A zip in a zip in a zip is refused."""
    data = zip_of(tmp_path / "inner.zip", GOOD).read_bytes()
    data = zip_of(tmp_path / "middle.zip", {"inner.zip": data}).read_bytes()
    with pytest.raises(IntakeError, match=r"middle\.zip holds none of"):
        staged(zip_of(tmp_path / "in.zip", {"middle.zip": data}))


# --- Python source ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"s = '\xe9'\n", "rnn.py is not UTF-8 text"),
        (b"a = 1\nb = 2\nc = 3\ns = '\xe9'\n", "rnn.py is not UTF-8 text (line 4)"),
        (b"# coding: ascii\ns = 1\ns = '\xe9'\n", "rnn.py is not ascii text (line 3)"),
        (b"# coding: klingon\n", "rnn.py is not UTF-8 text, or names an encoding that does not exist"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "rnn.py is not UTF-8 text"),
        (b"# coding: utf-7\n", "rnn.py declares the encoding utf-7"),
        (b"# coding: zlib\n", "rnn.py declares the encoding zlib"),
        ("x = 1\n".encode("utf-16"), "rnn.py is UTF-16 text"),
        (b"x = 1\0\n", "rnn.py holds NUL bytes"),
        (b"#" * (2 * MIB + 1), "rnn.py is larger than 2 MiB"),
    ],
)
def test_files_that_are_no_source(
    data: bytes, words: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """A file that is no text, or far too long, is a problem and is not staged."""
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, RNN: data}, zipfile.ZIP_STORED))
    assert submission.problems[RNN].startswith(words)
    assert RNN not in submission.hashes
    assert RNN not in content(submission)
    assert submission.missing == ()


@pytest.mark.parametrize(
    "data",
    [b"# coding: latin-1\ns = '\xe9'\n", b"\xef\xbb\xbfs = 1\n", b"# -*- coding: gbk -*-\ns = '\xc4\xe3'\n",
     b"s = 1\r\nt = 2\r\n", b"", b"s = '\\d'\n", b"raise SystemExit\n"],
)  # fmt: skip
def test_source_in_any_plain_encoding(data: bytes, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Cookies, byte order marks, DOS line ends and doubtful escapes are as fine as Python finds them."""
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, RNN: data}))
    assert submission.problems == {}
    assert content(submission)[RNN] == data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x = 1\ndef f(:\n    pass\n", "line 2: invalid syntax: def f(:"),
        (b"def f():\nx = 1\n", "line 2: expected an indented block"),
        (b"(" * 500, "line 1: too many nested parentheses"),
        (b"-" * 100_000 + b"1", "is nested too deeply"),
        (b"x" + b".x" * 50_000, "is nested too deeply"),
        (b"x = " + b"9" * 5_000, "line 1: Exceeds the limit"),
    ],
)
def test_syntax_errors(data: bytes, words: str, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A syntax error is told with its line, and the file is staged all the same."""
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, RNN: data}))
    assert submission.problems[RNN].startswith(words)
    assert "\n" not in submission.problems[RNN]
    assert content(submission)[RNN] == data
    assert submission.hashes[RNN] == hashlib.sha256(data).hexdigest()


# --- archives that cannot be read -------------------------------------------------------------------


def patched(path: Path, marker: bytes, offset: int, value: bytes) -> Path:
    """Overwrite bytes after each occurrence of a marker."""
    data = bytearray(path.read_bytes())
    position = data.find(marker)
    while position >= 0:
        data[position + offset : position + offset + len(value)] = value
        position = data.find(marker, position + 4)
    path.write_bytes(bytes(data))
    return path


def encrypted(path: Path) -> Path:
    return patched(zip_of(path, GOOD), b"PK\1\2", 8, b"\1\0")


def overlapping(path: Path) -> Path:
    """Every entry points at the first one's data."""
    return patched(zip_of(path, GOOD), b"PK\1\2", 42, b"\0\0\0\0")


def cut(path: Path, keep: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    return path


def noisy(size: int) -> bytes:
    return random.Random(0).randbytes(size)


def raw_tar(*entries: tuple[bytes, bytes, bytes, bytes]) -> bytes:
    """A tar of (name, kind, size field, data), without padding of the last entry."""
    result = b""
    for name, kind, size, data in entries:
        header = bytearray(512)
        header[: len(name)] = name
        header[124 : 124 + len(size)] = size
        header[156:157] = kind
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        result += bytes(header) + data + b"\0" * (-len(data) % 512)
    return result


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


UNREADABLE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no archive": (lambda p: written(p / "in.zip", b"hello, world"), "neither a zip nor a tar nor a folder"),
    "no bytes": (lambda p: written(p / "in.zip", b""), "in.zip is empty"),
    "rar": (lambda p: written(p / "in.rar", b"Rar!\x1a\x07\0"), "in.rar is a RAR archive; hand in a zip"),
    "not there": (lambda p: p / "in.zip", "in.zip cannot be opened"),
    "truncated zip": (lambda p: cut(zip_of(p / "in.zip", GOOD), 0.5), "damaged or truncated zip"),
    "encrypted": (lambda p: encrypted(p / "in.zip"), "in.zip is encrypted; remove the password"),
    "lzma zip": (lambda p: zip_of(p / "in.zip", GOOD, zipfile.ZIP_LZMA), "unsupported compression"),
    "overlap": (lambda p: overlapping(p / "in.zip"), "entries that overlap"),
    "truncated gzip": (lambda p: cut(tar_of(p / "in.tar.gz", GOOD, "w:gz"), 0.7), "damaged or truncated"),
    "truncated xz": (lambda p: cut(tar_of(p / "in.tar.xz", GOOD, "w:xz"), 0.7), "damaged or truncated"),
    "truncated tar": (
        lambda p: written(p / "in.tar", tar_of(p / "x.tar", {RNN: b"x" * 2000}).read_bytes()[:1500]),
        "damaged or truncated tar",
    ),
    "bad tar header": (
        lambda p: written(p / "in.tar", raw_tar((b"rnn.py", b"0", b"1", b"x")) + b"x" * 512),
        "checksum",
    ),
    "negative size": (
        lambda p: written(p / "in.tar", raw_tar((b"rnn.py", b"0", b"\xff" * 12, b""))),
        "damaged",
    ),
    "huge size": (
        lambda p: written(p / "in.tar", raw_tar((b"rnn.py", b"0", b"\x80" + b"\xff" * 11, b""))),
        "damaged",
    ),
    "long tar header": (
        lambda p: written(p / "in.tar", raw_tar((b"x", b"x", b"%o" % (64 * 1024), b"1" * 64 * 1024))),
        "a header is too long",
    ),
    "pax that goes back": (
        lambda p: written(p / "in.tar", raw_tar((b"x", b"x", b"%o" % 10, b"-3 path=x\n"))),
        "pax header is malformed",
    ),
}


@pytest.mark.parametrize(("make", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_archives(
    make: Callable[[Path], Path], words: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """An archive that cannot be read is refused with one line that names it without its folder."""
    with pytest.raises(IntakeError, match=words) as caught:
        staged(make(tmp_path))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert not (tmp_path / "staged").exists()


def test_named_pipe_as_submission(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A named pipe in the place of a submission is refused without waiting for a writer."""
    os.mkfifo(tmp_path / "in.zip")
    with pytest.raises(IntakeError, match="neither a file nor a folder"):
        staged(tmp_path / "in.zip")


@pytest.mark.parametrize("size", [b"\5\0\0\0", b"\377\0\0\0"])
def test_sizes_that_lie(size: bytes, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A zip entry whose content is longer or shorter than its header says is a problem of that file."""
    source = patched(zip_of(tmp_path / "in.zip", {RNN: b"x = 1  # a comment\n"}), b"PK\1\2", 24, size)
    submission = staged(source)
    assert submission.problems[RNN].startswith("rnn.py is damaged in in.zip")
    assert submission.hashes == {}


def test_bad_checksum(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A damaged entry is a problem of that file only."""
    source = zip_of(tmp_path / "in.zip", GOOD, zipfile.ZIP_STORED)
    source.write_bytes(source.read_bytes().replace(b"return 1", b"return 2"))
    submission = staged(source)
    assert submission.problems == {
        RNN: "rnn.py is damaged in in.zip (Bad CRC-32 for file 'rnn.py'); hand it in again"
    }
    assert set(submission.hashes) == {NETS, LOSS}


# --- bombs ------------------------------------------------------------------------------------------


def sparse_tar(path: Path, size: int) -> Path:
    path.write_bytes(raw_tar((b"rnn.py", b"0", b"%011o" % size, b"")))
    os.truncate(path, 512 + size)
    return path


def fat_zip(path: Path) -> Path:
    """Small entries that claim 400 MiB each."""
    claim = struct.pack("<I", 400 * MIB)
    return patched(zip_of(path, GOOD, zipfile.ZIP_STORED), b"PK\1\2", 24, claim)


BOMBS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "zip entries": (
        lambda p: zip_of(p / "in.zip", {f"{i}.txt": b"" for i in range(5_001)}),
        "more than 5000",
    ),
    "tar entries": (
        lambda p: tar_of(p / "in.tar", {f"{i}.txt": b"" for i in range(5_001)}),
        "more than 5000",
    ),
    "zip directory": (lambda p: written(p / "in.zip", b"PK\3\4" + b"PK\1\2" * 50_001), "more than 5000"),
    "files in a folder": (
        lambda p: folder_of(p / "in", {f"{i}.txt": b"" for i in range(5_001)}),
        "more than 5000",
    ),
    "zip ratio": (lambda p: zip_of(p / "in.zip", {RNN: b"\0" * (17 * MIB)}), "200 times its size"),
    "gzip ratio": (
        lambda p: tar_of(p / "in.tar.gz", {RNN: b"\0" * (17 * MIB)}, "w:gz"),
        "200 times its size",
    ),
    "xz ratio": (lambda p: tar_of(p / "in.tar.xz", {RNN: b"\0" * (17 * MIB)}, "w:xz"), "200 times its size"),
    "zip total": (lambda p: fat_zip(p / "in.zip"), "more than 512 MiB"),
    "tar total": (lambda p: sparse_tar(p / "in.tar", 600 * MIB), "more than 512 MiB"),
}


@pytest.mark.parametrize(("make", "words"), BOMBS.values(), ids=BOMBS)
def test_bombs(
    make: Callable[[Path], Path], words: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """What would unpack to far too much is refused before it does."""
    with pytest.raises(IntakeError, match=words):
        staged(make(tmp_path))


def test_total_is_counted_while_unpacking(
    tmp_path: Path, staged: Callable[..., Submission], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed tar that does not compress is stopped at the limit as well."""
    monkeypatch.setattr(limits, "MAX_TOTAL", MIB)
    with pytest.raises(IntakeError, match="more than 1 MiB"):
        staged(tar_of(tmp_path / "in.tar.gz", {RNN: noisy(2 * MIB)}, "w:gz"))


def test_one_large_file(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A single file above the limit is a problem of that file; the others are used."""
    source = folder_of(tmp_path / "in", GOOD)
    with (source / "results.pt").open("wb") as file:
        file.truncate(128 * MIB + 1)
    submission = staged(source)
    assert submission.problems == {"results.pt": "results.pt is larger than 128 MiB; hand in a smaller file"}
    assert set(submission.hashes) == set(GOOD)


# --- entries that are left out ----------------------------------------------------------------------


@pytest.mark.parametrize("packer", ["zip", "tar"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/etc/cron.d/x.py", "/etc/cron.d/x.py was left out: its name is an absolute path"),
        ("../../x.py", '../../x.py was left out: its name leaves the folder ("..")'),
        ("dl/../../x.py", "its name leaves the folder"),
        ("C:/x.py", "C:/x.py was left out: its name is an absolute path"),
        ("dl\\x.py", "its name holds a backslash"),
        ("x\n.py", r"x\n.py was left out: its name holds a NUL, a control character"),
        ("/".join(["d"] * 21) + "/x.py", "it lies more than 20 folders deep"),
        ("n" * 300 + ".py", "its name is too long"),
    ],
)
def test_bad_names(
    packer: str, name: str, words: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """An entry without a plain relative name is left out and named; the rest is used."""
    submission = staged(PACKERS[packer](tmp_path, {**GOOD, name: b"evil = 1\n"}))
    assert words in said(submission)
    assert set(submission.hashes) == set(GOOD)
    assert not any(b"evil" in path.read_bytes() for path in tmp_path.rglob("*.py"))


def test_names_with_nul_or_foreign_bytes(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A name that ends early at a NUL does not become the name before it."""
    source = zip_of(tmp_path / "in.zip", {NETS: b"x = 2\n", "rnn.py#.txt": b"evil = 1\n"})
    source.write_bytes(source.read_bytes().replace(b"rnn.py#", b"rnn.py\0"))
    submission = staged(source)
    assert submission.missing == (RNN, LOSS)
    assert "rnn.py\\x00.txt was left out" in said(submission)
    tar = written(
        tmp_path / "in.tar", raw_tar((b"nets.py", b"0", b"1", b"1"), (b"\xff.py", b"0", b"1", b"1"))
    )
    again = stage(tar, MANIFEST, tmp_path / "ours", tmp_path / "second")
    assert r"\udcff.py was left out" in said(again)


@pytest.mark.parametrize("packer", ["folder", "zip", "tar", "gnu tar"])
@pytest.mark.parametrize(
    "name",
    ["n" * 250 + "-1.py", "\N{RIGHT-TO-LEFT OVERRIDE}yp.nnr", "rnn\N{ZERO WIDTH SPACE}.py", "CON.py", "NUL", "aux.txt",
     "COM1.log", "trailing. ", "=cmd|x.py", "<script>.py", "💥.py", "a\N{LINE SEPARATOR}b.txt", "-rf",
     "\N{NO-BREAK SPACE}.py"],
)  # fmt: skip
def test_odd_names_do_no_harm(packer: str, name: str, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A file or folder of an odd name costs nothing, and is written as one line where it is mentioned."""
    files = {**under(f"{name}/hw"), f"{name}/hw/{name}": b"evil = 1\n"}
    submission = staged(PACKERS[packer](tmp_path, files))
    assert set(submission.hashes) == set(GOOD)
    assert all(finding.isprintable() for finding in submission.findings)
    assert not any(b"evil" in data for data in content(submission).values())


@pytest.mark.parametrize("name", ["aux.py", "NUL.py", "Com1.py", "dl/simclr/lpt9.py", "con.py"])
def test_names_of_windows_devices(name: str, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A module that Windows could not open is used nowhere, so that a submission is graded alike everywhere."""
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, name: b"x = 1\n"}))
    assert submission.findings == (f"{name} was not used: Windows keeps that name for a device; rename it",)
    assert name not in content(submission)


def test_bytes_that_are_no_name(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A name on disk that is not UTF-8 is left out and shown escaped; the rest is used."""
    source = folder_of(tmp_path / "in", GOOD)
    (Path(os.fsdecode(os.fsencode(source) + b"/caf\xe9.py"))).write_bytes(b"x = 1\n")
    submission = staged(source)
    assert set(submission.hashes) == set(GOOD)
    [finding] = submission.findings
    assert finding.startswith(r"caf\udce9.py was left out: its name holds a NUL, a control character or bytes")


def test_weights_are_never_opened(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A file of tensors is copied by its bytes: a pickle inside that would run code does not."""
    bomb = b"cos\nsystem\n(S'touch %s'\ntR." % str(tmp_path / "ran").encode()
    weights = zip_of(tmp_path / "pt", {"archive/data.pkl": bomb}).read_bytes()
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, "results.pt": weights}))
    assert submission.problems == {} and "results.pt" in submission.hashes
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("twin", "words"),
    [
        ("rnn.py", "rnn.py was left out: it is there more than once; hand in one"),
        ("./rnn.py", "rnn.py was left out: it is there more than once; hand in one"),
        ("RNN.py", "rnn.py was left out: RNN.py differs only in upper and lower case"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_twins(twin: str, words: str, tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Entries whose names are the same, or would be on another system, are not chosen between."""
    source = zip_of(tmp_path / "in.zip", {NETS: b"", LOSS: b"", RNN: b"v = 1\n"})
    with zipfile.ZipFile(source, "a") as file:
        file.writestr(twin, b"v = 2\n")
    submission = staged(source)
    assert submission.problems[RNN].startswith(words)
    assert RNN not in content(submission)


def test_twins_by_normal_form(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Names that differ only in how an accent is written count as the same."""
    names = ["caf\N{LATIN SMALL LETTER E WITH ACUTE}.py", "cafe\N{COMBINING ACUTE ACCENT}.py"]
    submission = staged(folder_of(tmp_path / "in", {**GOOD, **dict.fromkeys(names, b"")}))
    assert not set(names) & set(content(submission))
    assert len(submission.findings) == 2


def test_odd_entries_of_a_folder(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """Links, pipes and sockets in a folder are named and never followed or opened."""
    secret = written(tmp_path / "secret.py", b"SECRET = 1\n")
    source = folder_of(tmp_path / "in", {NETS: b"x = 2\n"})
    (source / RNN).symlink_to(secret)
    (source / "dl").symlink_to(folder_of(tmp_path / "else", {"simclr/loss.py": b"SECRET = 1\n"}))
    os.link(secret, source / "linked.py")
    os.mkfifo(source / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "s.py"))
        submission = staged(source)
    assert submission.problems == {RNN: "rnn.py was left out: it is a symbolic link; hand in the file itself"}
    assert submission.missing == (LOSS,)
    for name, kind in [
        ("dl", "symbolic link"),
        ("linked.py", "hard link"),
        ("pipe.py", "named pipe"),
        ("s.py", "socket"),
    ]:
        assert f"{name} was left out: it is a {kind}" in said(submission)
    assert not any(b"SECRET" in data for data in content(submission).values())


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (stat.S_IFLNK, "symbolic link"),
        (stat.S_IFIFO, "named pipe"),
        (stat.S_IFSOCK, "socket"),
        (stat.S_IFCHR, "device"),
        (stat.S_IFBLK, "device"),
    ],
)
def test_odd_entries_of_a_zip(
    kind: int, word: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """A zip entry that claims to be anything but a file is named and left out."""
    source = zip_of(tmp_path / "in.zip", {NETS: b"", LOSS: b""})
    member = zipfile.ZipInfo(RNN)
    member.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(source, "a") as file:
        file.writestr(member, b"/etc/passwd")
    submission = staged(source)
    assert submission.problems == {RNN: f"rnn.py was left out: it is a {word}; hand in the file itself"}
    assert RNN not in content(submission)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.FIFOTYPE, "named pipe"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
    ],
)
def test_odd_entries_of_a_tar(
    kind: bytes, word: str, tmp_path: Path, staged: Callable[..., Submission]
) -> None:
    """A tar entry that is anything but a file is named and left out."""
    source = tar_of(tmp_path / "in.tar", {NETS: b"", LOSS: b""})
    member = tarfile.TarInfo(RNN)
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(source, "a") as file:
        file.addfile(member)
    submission = staged(source)
    assert submission.problems == {RNN: f"rnn.py was left out: it is a {word}; hand in the file itself"}
    assert RNN not in content(submission)


def test_findings_are_bounded(tmp_path: Path, staged: Callable[..., Submission]) -> None:
    """A thousand bad entries do not make a thousand lines."""
    bad = {f"../{index}.py": b"" for index in range(1_000)}
    submission = staged(zip_of(tmp_path / "in.zip", {**GOOD, **bad}))
    assert len(submission.findings) == 41
    assert submission.findings[-1] == "and 960 more findings"


def test_a_folder_is_read_alike_without_directory_descriptors(tmp_path: Path) -> None:
    """Where folders have no descriptors, the same files are found and read, and links refused all the same."""
    (tmp_path / "hw" / "dl").mkdir(parents=True)
    (tmp_path / "hw" / "rnn.py").write_text("x = 1\n")
    (tmp_path / "hw" / "dl" / "grad.py").write_text("y = 2\n")
    (tmp_path / "hw" / "__pycache__").mkdir()
    (tmp_path / "secret").write_text("z = 3\n")
    (tmp_path / "hw" / "weights.pt").symlink_to(tmp_path / "secret")
    by_path = limits.PathFolderArchive("hw", tmp_path / "hw")
    with limits.open_archive(tmp_path / "hw") as by_descriptor:
        assert by_path.sizes == by_descriptor.sizes == {"dl/grad.py": 6, "rnn.py": 6}
        assert by_path.refused == by_descriptor.refused and "weights.pt" in by_path.refused
        assert by_path.read("dl/grad.py") == by_descriptor.read("dl/grad.py") == b"y = 2\n"
    (tmp_path / "hw" / "rnn.py").unlink()
    (tmp_path / "hw" / "rnn.py").symlink_to(tmp_path / "secret")
    with pytest.raises(limits.EntryError):
        by_path.read("rnn.py")
