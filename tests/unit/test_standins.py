"""Stand-ins: found where the real package is missing, and never in its place."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.errors import Verdict
from grader.paths import find_assignment
from grader.records import Limits, Status, Submission
from grader.subject import Subject
from grader.worker.inline import Inline
from grader.worker.launch import Launcher, Zygote
from grader.worker.standins import offer, sources_below

LIMITS = Limits(import_s=5.0, call_s=5.0, memory_mib=256)

USER = """
import json
import absent_package
import absent_package.inner
import taken

def absent(): return absent_package.NAME, absent_package.inner.NAME, absent_package.inner.origin()
def own(): return taken.NAME
def installed(): return json.dumps([1])
def read(path): return open(path).read()
"""
STANDINS = {
    "absent_package/__init__.py": "NAME = 'stand-in'\nfrom absent_package.inner import NAME as again\n",
    "absent_package/inner.py": (
        "from . import NAME as outer\nNAME = 'inner of ' + outer\ndef origin(): return __spec__.origin\n"
    ),
    "taken.py": "NAME = 'stand-in'\n",
    "json.py": "def dumps(value): return 'stand-in'\n",
    "failing.py": "raise RuntimeError('no data here')\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("standins")
    for name, text in STANDINS.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture
def make(zygote: Zygote, stage_files: Any, folder: Path) -> Iterator[Callable[..., Subject]]:
    made: list[Subject] = []

    def build(*, standins: Path | None = folder, launcher: Launcher | None = None) -> Subject:
        root = stage_files({"user.py": USER, "taken.py": "NAME = 'own'\n", "asking.py": "import failing\n"})
        submission = Submission(name="someone", root=str(root), hashes={})
        made.append(Subject(submission, launcher or zygote, LIMITS, standins=standins))
        return made[-1]

    yield build
    for subject in made:
        subject.close()


def test_a_standin_is_used_where_nothing_else_has_its_name(make: Callable[..., Subject]) -> None:
    """A package and a module in it are imported from the folder's sources."""
    found = make().user.absent()
    assert found == ["stand-in", "inner of stand-in", "<stand-in absent_package.inner>"]


def test_what_is_installed_wins(make: Callable[..., Subject]) -> None:
    """A stand-in of an installed module's name, or of a file of the submission, is never used."""
    student = make()
    assert student.user.installed() == "[1]"
    assert student.user.own() == "own"


def test_without_standins_the_import_fails(make: Callable[..., Subject]) -> None:
    """An assignment without the folder leaves missing packages missing."""
    with pytest.raises(Verdict) as caught:
        make(standins=None).user.absent()
    assert caught.value.status is Status.RAISED
    assert "absent_package" in caught.value.text


def test_a_standins_own_error_reaches_the_student(make: Callable[..., Subject]) -> None:
    """What a stand-in says it cannot do is the message."""
    with pytest.raises(Verdict) as caught:
        make().asking.anything()
    assert "no data here" in caught.value.text


def test_every_worker_has_them(make: Callable[..., Subject]) -> None:
    """A worker that is started later has the stand-ins, too."""
    student = make()
    student.user.absent()
    student.fresh()
    assert student.user.absent()[0] == "stand-in"


def test_no_right_comes_with_them(make: Callable[..., Subject], folder: Path) -> None:
    """The folder itself stays out of a worker's reach: sources are sent, nothing is opened."""
    student = make()
    student.ready()
    if student.isolation.get("landlock") == "":
        with pytest.raises(Verdict) as caught:
            student.user.read(str(folder / "taken.py"))
        assert "PermissionError" in caught.value.text
    assert student.user.absent()[0] == "stand-in"


def test_in_this_process_they_are_replaced(
    make: Callable[..., Subject], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offered again, to a debugger's worker, only the last sources count, and modules of the first are forgotten."""
    monkeypatch.chdir(tmp_path)  # an inline worker changes it
    (tmp_path / "absent_thing.py").write_text("VALUE = 1\n")
    meta_path = list(sys.meta_path)
    try:
        offer(sources_below(tmp_path))
        assert importlib.import_module("absent_thing").VALUE == 1
        (tmp_path / "absent_thing.py").write_text("VALUE = 2\n")
        offer(sources_below(tmp_path))
        assert importlib.import_module("absent_thing").VALUE == 2
        assert len(sys.meta_path) == len(meta_path) + 1
        assert make(launcher=Inline()).user.absent()[0] == "stand-in"
        assert len(sys.meta_path) == len(meta_path) + 1
    finally:
        sys.meta_path[:] = meta_path
        for name in ("absent_thing", "absent_package", "absent_package.inner", "user", "taken"):
            sys.modules.pop(name, None)


# --- those of a2 --------------------------------------------------------------------------------------

A2_USER = """
import clip, cv2, imageio, imageio.v2, tensorflow_datasets as tfds, thop
import numpy as np
import torch
from clip import clip as inner, tokenize

def load(): clip.load("ViT-B/32", device="cpu")
def tokens(): tokenize(["a"])
def data(): tfds.load("davis/480p", split="validation")
def video(): imageio.get_reader("film.mp4")
def rest(): cv2.CascadeClassifier("faces.xml")
def operations(): thop.profile_origin(torch.nn.Linear(2, 3))
def small(x): return cv2.resize(x.numpy(), (2, 3), interpolation=cv2.INTER_NEAREST)
def swapped(x): return cv2.cvtColor(x.numpy(), cv2.COLOR_BGR2RGB)
def counted(): return thop.clever_format(thop.profile(torch.nn.Linear(2, 3), (torch.ones(1, 2),))[1], "%.1f")
"""


@pytest.fixture
def a2(zygote: Zygote, stage_files: Any) -> Iterator[Subject]:
    submission = Submission(name="someone", root=str(stage_files({"user.py": A2_USER})), hashes={})
    subject = Subject(submission, zygote, LIMITS, standins=find_assignment("a2").standins)
    yield subject
    subject.close()


@pytest.mark.parametrize(
    ("function", "word"),
    [
        ("load", "weights"), ("tokens", "vocabulary"), ("data", "data"), ("video", "imageio"), ("rest", "OpenCV"),
        ("operations", "thop"),
    ],
)  # fmt: skip
def test_what_needs_the_real_package_says_so(a2: Subject, function: str, word: str) -> None:
    """Weights, data and films are not made up: the message names what is missing."""
    with pytest.raises(Verdict) as caught:
        getattr(a2.user, function)()
    assert caught.value.status is Status.RAISED
    assert word in caught.value.text and "here" in caught.value.text


def test_the_simple_things_work(a2: Subject) -> None:
    """Resizing, colour orders and counts of parameters are right."""
    image = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    np.testing.assert_array_equal(a2.user.small(image), image[::2, ::2])
    np.testing.assert_array_equal(a2.user.swapped(image), image[..., ::-1])
    assert a2.user.counted() == "9.0B"


REAL_CLIP = """
from clip.clip import load, tokenize
"""
REAL_CLIP_INNER = """
def load(name): raise OSError("a download")
def tokenize(texts): raise AssertionError("the real vocabulary")
"""
TILES = [np.full((9, 9, 3), colour, np.uint8) for colour in ([250, 0, 0], [0, 0, 250])]
WORDS = {"red": [1.0, 0.0, 0.0, 0.0], "blue": [0.0, 0.0, 9.0, 0.0]}


@pytest.mark.parametrize("style", ["clip_handout", "clip_broadcast", "clip_logits", "clip_centroids"])
@pytest.mark.parametrize("installed", [False, True])
def test_checks_of_clip_do_not_depend_on_clip(zygote: Zygote, stage_files: Any, style: str, installed: bool) -> None:
    """With a real `clip` or without, and however it was imported, the fake's tokens are used and then taken back."""
    a2 = find_assignment("a2")
    source = (a2.alternatives / style / "dl/clip_dino.py").read_text()
    files = {"dl/__init__.py": "", "dl/clip_dino.py": source}
    files["after.py"] = "import clip\ndef tokens(): clip.tokenize(['a'])\n"
    if installed:
        files |= {"clip/__init__.py": REAL_CLIP, "clip/clip.py": REAL_CLIP_INNER}
    submission = Submission(name="someone", root=str(stage_files(files)), hashes={})
    subject = Subject(submission, zygote, Limits(memory_mib=1024), probes=a2.probes, standins=a2.standins)
    try:
        found = subject.probes.clip_dino.classify(WORDS, [0.0, 0.0, 0.0, 1.0], TILES, ["blue", "red"])
        assert found == ["red", "blue"]
        found = subject.probes.clip_dino.retrieve(WORDS, [0.0, 0.0, 0.0, 1.0], TILES, [["blue", None]])
        assert [np.asarray(answer).tolist() for answer in found["answers"]] == [[1, 0]] and found["encoded"] == 0
        with pytest.raises(Verdict, match="the real vocabulary" if installed else "not installed"):
            subject.after.tokens()
    finally:
        subject.close()
