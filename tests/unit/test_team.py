"""students.txt: who handed in, from whatever editor the file comes."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake import stage
from grader.intake.archive import EntryError
from grader.intake.team import Team, read_team
from grader.records import Manifest, Member

ADA, ZOE = Member(name="Ada Lovelace", number="123456789"), Member(name="Zoë Müller-Lüdenscheidt", number="001234567")
LINES = "Ada_Lovelace 123456789\nZoë_Müller-Lüdenscheidt 001234567\n"
MEND = "write one line First_Last 123456789 for each of you"


@pytest.mark.parametrize(
    "data",
    [
        LINES.encode(),
        codecs.BOM_UTF8 + LINES.encode(),
        LINES.encode("utf-16"),
        codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "\r").encode(),
        f"\n \t\n{LINES}\n\n".encode(),
        LINES.replace("\n", "  \n").replace(" ", "\t ").encode().rstrip(),
        LINES.replace("ü", "u\N{COMBINING DIAERESIS}").encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-be", "dos", "mac", "blank lines", "blanks", "accents"],
)
def test_every_editor_s_text_is_read(data: bytes) -> None:
    """Encodings with their marks, line ends and blanks make no difference."""
    assert read_team(data) == Team(members=(ADA, ZOE))


@pytest.mark.parametrize("name", ["O'Neil_Jean-Luc", "हिन्दी_देवी", "李_明", "St._John_Smith"])
def test_one_member_of_any_name(name: str) -> None:
    """Letters of every script, hyphens, apostrophes and full stops belong to names."""
    assert read_team(f"{name} 1234".encode()).members == (Member(name=name.replace("_", " "), number="1234"),)


def test_what_is_understood_with_a_remark() -> None:
    """An old encoding and a hyphen for the underscore are read, and mentioned."""
    found = read_team("Zoë-Müller 123456789".encode("latin-1"))
    assert found.members == (Member(name="Zoë Müller", number="123456789"),)
    assert found.remarks == (
        "students.txt is not UTF-8 text and was read as Windows-1252; save it as UTF-8",
        "students.txt: Zoë-Müller was read as Zoë_Müller; join names by underscores",
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", f"students.txt has 0 lines of text, not 1 or 2; {MEND}"),
        (b"A_B 1234\nC_D 1235\nE_F 1236", f"students.txt has 3 lines of text, not 1 or 2; {MEND}"),
        (b"Ada Lovelace 123456789", f'students.txt holds the line "Ada Lovelace 123456789"; {MEND}'),
        (b"Ada_Lovelace", f'students.txt holds the line "Ada_Lovelace"; {MEND}'),
        (b"Ada_Lovelace s123456", f'students.txt holds the line "Ada_Lovelace s123456"; {MEND}'),
        (b"___ 123456", f'students.txt holds the line "___ 123456"; {MEND}'),
        (b"=cmd|' 123456", f"""students.txt holds the line "=cmd|' 123456"; {MEND}"""),
        ("A_B ١٢٣٤٥٦".encode(), f'students.txt holds the line "A_B ١٢٣٤٥٦"; {MEND}'),
        ("A\u202e_B 123456".encode(), rf'students.txt holds the line "A\u202e_B 123456"; {MEND}'),
        (b"A\x1b[2J_B 123456", rf'students.txt holds the line "A\x1b[2J_B 123456"; {MEND}'),
        (b"A_B 1234\nC_D 1234", f"students.txt names the number 1234 twice; {MEND}"),
        (b"A_B 1234\x81", f'students.txt holds the line "A_B 1234\ufffd"; {MEND}'),
        (b"A_B 1234\0", "students.txt is no plain text; save it as UTF-8"),
        (codecs.BOM_UTF8 + b"\xff", "students.txt is damaged text; save it as UTF-8"),
        (codecs.BOM_UTF16_LE + b"A\xd8", "students.txt is damaged text; save it as UTF-8"),
        (b"A_B 1234\n" * 500, f"students.txt is larger than 4 KiB; {MEND}"),
    ],
)
def test_anything_else_is_one_sentence(data: bytes, words: str) -> None:
    """The sentence shows the line that is meant, made visible, and how to write it."""
    with pytest.raises(EntryError) as caught:
        read_team(data)
    assert str(caught.value) == words
    assert str(caught.value).isprintable()


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: f"{text} 1234".encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_team_or_a_sentence(data: bytes) -> None:
    """Whatever the bytes, names and remarks are printable and numbers are digits."""
    try:
        found = read_team(data)
    except EntryError as error:
        assert str(error).isprintable()
    else:
        assert all(member.name.isprintable() and member.number.isdecimal() for member in found.members)
        assert all(remark.isprintable() for remark in found.remarks)


def test_it_is_read_where_the_manifest_names_it(tmp_path: Path) -> None:
    """A remark is a finding; a fault is a problem of the file, which is then not staged."""
    manifest = Manifest(
        id="a", title="", submitted=("x.py",), optional=("students.txt",), given=(), parts=(), questions=()
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.py").write_bytes(b"")
    (tmp_path / "in" / "students.txt").write_bytes("Zoë_M 1234".encode("cp1252"))
    good = stage(tmp_path / "in", manifest, tmp_path, tmp_path / "good")
    assert good.findings == ("students.txt is not UTF-8 text and was read as Windows-1252; save it as UTF-8",)
    assert set(good.hashes) == {"x.py", "students.txt"}
    assert good.team == (Member(name="Zoë M", number="1234"),)
    (tmp_path / "in" / "students.txt").write_bytes(b"me and you")
    bad = stage(tmp_path / "in", manifest, tmp_path, tmp_path / "bad")
    assert bad.problems == {"students.txt": f'students.txt holds the line "me and you"; {MEND}'}
    assert bad.findings == tuple(bad.problems.values())
    assert set(bad.hashes) == {"x.py"}
