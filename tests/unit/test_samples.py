"""Sample submissions: every one of every assignment can be built, and holds what its description says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from grader.errors import ManifestError
from grader.manifest import load_manifest
from grader.paths import Assignment, find_assignment
from grader.samples import build, load_samples

COURSE = find_assignment("cs7643_a3")
SUBMITTED = load_manifest(COURSE.manifest).submitted


def files(source: Path) -> dict[str, bytes]:
    """What a sample hands in, by the names in its archive."""
    if source.is_dir():
        return {p.relative_to(source).as_posix(): p.read_bytes() for p in source.rglob("*") if p.is_file()}
    with zipfile.ZipFile(source) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def built(name: str, place: Path) -> dict[str, bytes]:
    return files(build(next(s for s in load_samples(COURSE) if s.name == name), COURSE, place))


def test_right_ones_hold_the_reference(tmp_path: Path) -> None:
    """The one file that the students' packer makes, and an archive with folders: the reference's files, unchanged."""
    wanted = {name: (COURSE.reference / name).read_bytes() for name in (*SUBMITTED, "Machine_Translation.ipynb")}
    assert built("complete", tmp_path) == wanted
    nested = built("in_folder", tmp_path)
    assert {name.removeprefix("in_folder/cs7643_a3/"): content for name, content in nested.items()} == wanted


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("extra_import", {"models/seq2seq/Encoder.py"}),
        ("prints_in_forward", {"models/seq2seq/Decoder.py"}),
        ("renamed_method", {"models/seq2seq/Decoder.py"}),
        ("edition_2021", {"models/naive/LSTM.py", "models/seq2seq/Seq2Seq.py", "models/naive/RNN.py"}),
        ("nothing_done", {*SUBMITTED, "Machine_Translation.ipynb"}),
    ],
)
def test_wrong_ones_differ_where_they_say(name: str, changed: set[str], tmp_path: Path) -> None:
    """Every file but the changed ones is the reference's; a file may be one that the reference lacks."""
    found = built(name, tmp_path)
    assert found.keys() >= {*SUBMITTED}
    for file, content in found.items():
        if file.endswith(".py"):
            compile(content, file, "exec")
        ours = COURSE.reference / file
        same = ours.exists() and ours.read_bytes() == content
        assert same == (file not in changed), file


def test_a_wrong_description_is_named(tmp_path: Path) -> None:
    """An unknown key in samples.toml is an error with the place of the key."""
    course = Assignment("cs7643_a3", root=tmp_path)
    course.samples.parent.mkdir(parents=True)
    course.samples.write_text('[[sample]]\nname = "x"\ntitle = "x"\nform = "zip"\n[[sample.added]]\nfiel = "a.py"\n')
    with pytest.raises(ManifestError, match=r"samples\.toml: .*sample\[0\]\.added\[0\]"):
        load_samples(course)
