"""Which files are gradebooks, which of their columns has the scores, and how a score is written there."""

from __future__ import annotations

from pathlib import Path

import pytest
from gradebooks import A2, CANVAS, EMMY, MARIE, MOODLE, canvas_with, fill, graded, moodle_with, scores

from grader.errors import GraderError
from grader.gradebook import fill_gradebook
from grader.records import Identity

# --- numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.0, "0"), (-0.0, "0"), (38.0, "38"), (37.5, "37.5"), (1 / 3, "0.33"), (2 / 3, "0.67"), (39.999, "40")],
)
def test_scores_as_a_person_writes_them(score: float, text: str) -> None:
    """At most two decimals, and none that say nothing."""
    assert scores(fill(CANVAS, graded("one", score, MARIE)), A2)[2] == text


@pytest.mark.parametrize(
    ("book", "text"),
    [
        ("Student;ID;Section;A2 (77)\n    Points Possible;;;40,00\nA B;1;S;\n", "A B;1;S;7,5\n"),
        ("Student;ID;Section;A2 (77)\n    Points Possible;;;40\nA B;1;S;\n", "A B;1;S;7,5\n"),
        ("Student;ID;Section;A2 (77)\n    Points Possible;;;40.00\nA B;1;S;\n", "A B;1;S;7.5\n"),
        ("Student,ID,Section,A2 (77)\n    Points Possible,,,40\nA B,1,S,\n", "A B,1,S,7.5\n"),
        ('Student,ID,Section,A2 (77)\n    Points Possible,,,"40,00"\nA B,1,S,\n', 'A B,1,S,"7,5"\n'),
        ("Student\tID\tSection\tA2 (77)\n    Points Possible\t\t\t40,0\nA B\t1\tS\t\n", "A B\t1\tS\t7,5\n"),
        ("Student;ID;Section;Q1, Q2, Q3, Q4, Q5 (77)\n    Points Possible;;;40\nA B;1;S;\n", "A B;1;S;7,5\n"),
        ("Student;ID;Section;B (1);A2 (77)\n    Points Possible;;;9.50;40\nA B;1;S;;\n", "A B;1;S;;7.5\n"),
    ],
)
def test_the_files_own_decimal_mark(book: str, text: str) -> None:
    """The mark of the numbers in the file is used, quoted where it also separates columns."""
    filled = fill(book, graded("one", 7.5, Identity(canvas="1")))
    assert filled.content.decode().endswith(text)
    again = fill(filled.content, graded("one", 7.5, Identity(canvas="1")))
    assert again.content == filled.content


# --- which column -----------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["77", A2, "A2: Networks", " a2:  networks", ""])
def test_the_assignment_of_canvas(column: str) -> None:
    """An assignment is named by its id, its title or both; without a name it is the one with as many points."""
    assert fill(CANVAS, graded("one", 3, MARIE), column=column).heading == A2


@pytest.mark.parametrize(
    ("heading", "column", "words"),
    [
        ("A (1),B (2)", "", ["more than one", "40 points", "“A (1)”, “B (2)”"]),
        ("A (1),A (2)", "A", ["more than one", "“A (1)”, “A (2)”"]),
        ("A (1),1 (2)", "1", ["more than one", "“A (1)”, “1 (2)”"]),
        ("A (1),B (2)", "C", ["no assignment", "“C”", "“A (1)”, “B (2)”"]),
        ("A (1),B (2)", "Current Score", ["no assignment"]),
        ("Notes,Final Score", "", ["no column of an assignment"]),
    ],
)
def test_a_column_that_nobody_can_tell(heading: str, column: str, words: list[str]) -> None:
    """None or several that fit is refused, with those that could have been meant."""
    book = f"Student,ID,Section,{heading},Current Score\n    Points Possible,,,40,40,\nA B,1,S,,,\n"
    with pytest.raises(GraderError) as caught:
        fill(book, graded("one", 3, Identity(canvas="1")), column=column)
    assert all(word in str(caught.value) for word in words)


def test_columns_before_the_section_are_no_assignments() -> None:
    """Only what stands after the section may be filled in, however it is called."""
    book = "Student,ID,Root (5),Section,A2 (77)\n    Points Possible,,40,,40\nA B,1,,S,\n"
    assert fill(book, graded("one", 3, Identity(canvas="1"))).heading == "A2 (77)"


def test_columns_of_the_teachers_own() -> None:
    """A custom column under a heading that Canvas has as well is nobody's id."""
    book = "Student,ID,Section,ID,A2 (77)\n    Points Possible,,,,40\nA B,1,S,2,\nC D,2,S,1,\n"
    assert scores(fill(book, graded("one", 3, Identity(canvas="1"))), "A2 (77)") == ["40", "3", ""]


def test_text_after_a_quoted_part_belongs_to_the_cell() -> None:
    """A cell that is quoted in part is read as spreadsheets read it, and replaced as a whole."""
    book = canvas_with('A B,"5"1,,,S,"1"2', "C D,5,,,S,")
    filled = fill(book, graded("one", 3, Identity(canvas="51")))
    assert filled.content.decode() == book.replace('"1"2', '"3"')


def test_moodles_participants_are_found_wherever_they_stand() -> None:
    """A column before them whose cells are no word and number, or several words, is not taken for theirs."""
    head = "Room,Group,Identifier,Grade,Maximum Grade,Grade can be changed"
    book = f"{head}\nA1,,Participant 7,,40,Yes\nB2,x,Participant 8,,40,Yes\n"
    filled = fill(book, graded("one", 3, Identity(participant="8")))
    assert scores(filled, "Grade") == ["", "3"]
    assert filled.missing == ("Participant 7",)


def test_maxima_of_many_decimals() -> None:
    """A maximum with more decimals than the gradebook has is the same maximum."""
    assert fill(canvas_with("A B,1,,,S,"), graded("one", 3, Identity(canvas="1"), max_score=40.004)).written == 1


@pytest.mark.parametrize("points", ["50.00", "400", "pass", "40.02"])
def test_other_points_are_refused(points: str) -> None:
    """When Canvas or Moodle has another maximum, nothing is scaled; both numbers are named."""
    for book in (canvas_with("A B,1,,,S,", points=points), moodle_with(f"Participant 1,A B,,,,{points},Yes")):
        with pytest.raises(GraderError, match=rf"{points}.*out of 40;"):
            fill(book, graded("one", 3, Identity(canvas="1", participant="1")))


@pytest.mark.parametrize("points", ["", "40", "40.0", "40,00"])
def test_points_that_are_the_same_or_empty(points: str) -> None:
    """However the same maximum is written, or where there is none, scores are filled in."""
    book = canvas_with("A B,1,,,S,", points=f'"{points}"')
    assert fill(book, graded("one", 3, Identity(canvas="1"))).written == 1
    book = moodle_with(f'Participant 1,A B,,,,"{points}",Yes')
    assert fill(book, graded("one", 3, Identity(participant="1"))).written == 1


def test_submissions_with_different_maxima_are_refused() -> None:
    """Two final scores out of different numbers of points do not belong into one column."""
    with pytest.raises(GraderError, match=r"one was graded out of 40 and two out of 38"):
        fill(CANVAS, graded("one", 3, MARIE), graded("two", 3, EMMY, max_score=38))


# --- which file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "participant", "yes", "no"),
    [
        ("ID,Vollständiger Name,Bewertung,Bestwertung,Bewertung kann geändert werden", "Teilnehmer/in", "Ja", "Nein"),
        ("Identifiant,Nom complet,Note,Note maximale,La note peut être modifiée", "Participant ", "Oui", "Non"),
        ("Identificador,Nombre completo,Calificación,Calificación máxima,La calificación puede ser cambiada",
         "Participante ", "Sí", "No"),
    ],
    ids=["de", "fr", "es"],
)  # fmt: skip
def test_worksheets_in_other_languages(head: str, participant: str, yes: str, no: str) -> None:
    """Participants are known by their numbers, columns by the headings of some languages, also decomposed ones."""
    for heading in (head, head.replace("ä", "a\u0308").replace("é", "e\u0301")):
        book = f'{heading}\n{participant}41,A B,,"40,00",{yes}\n{participant}42,C D,,"40,00",{no}\n'
        filled = fill(book, graded("a", 7.5, Identity(participant="41")), graded("b", 3, Identity(name="C D")))
        assert filled.content.decode() == book.replace("A B,", 'A B,"7,5"')
        assert len(filled.left) == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a;b\n1;2\n", ["“a”, “b”", "Canvas", "Moodle", "English"]),
        ("", ["Canvas", "Moodle"]),
        ("Identyfikator,Imię,Ocena\nUczestnik 41,A B,\n", ["“Identyfikator”", "Canvas", "English"]),
        ("submission,team,score\nsubmission_1,,3\n", ["“submission”", "no gradebook of Canvas"]),
        ("Identifier,Full name,Grade\nParticipant 41,A B,\n", ["no column “Maximum Grade”", "“Full name”"]),
        ("Identifier,Grade,Grade,Maximum Grade\nParticipant 41,,,40\n", ["more than one column “Grade”"]),
        ("Identifier,Grade,Scale,Grade can be changed\nParticipant 41,,good,Yes\n", ["“Maximum Grade”", "scale"]),
        ("First Name,Last Name,SID,Email,Total Score,Max Points\nA,B,1,a@b,3,40\n", ["Gradescope", "results.json"]),
        ("Name,SID,Email,A2,A2 - Max Points,A2 - Submission Time\nA B,1,a@b,3,40,x\n", ["Gradescope"]),
        ('Student,ID,Section,A2 (77)\n\r\nA B,1,"S,\n', ["line 3", "never closed"]),
        (b"PK\x03\x04rest", ["workbook", "CSV UTF-8"]),
        (b"S\0t\0u\0", ["no plain text"]),
        (b"\xff\xfeS\0t", ["damaged"]),
        (b"\xef\xbb\xbfStudent\xff", ["damaged"]),
    ],
)
def test_other_files_are_refused(content: str | bytes, words: list[str]) -> None:
    """What is no gradebook is refused with one line that says what was found and what to do."""
    with pytest.raises(GraderError) as caught:
        fill(content, graded("one", 3, MARIE), name="scores\x1b.csv")
    text = str(caught.value)
    assert text.isprintable() and all(word in text for word in words)


def test_the_gradebook_of_another_course_is_refused() -> None:
    """When nobody in the file handed in anything, that is said and nothing filled."""
    for book in (CANVAS, MOODLE):
        with pytest.raises(GraderError, match=r"gradebook\.csv holds none of the people of 1 submission"):
            fill(book, graded("one", 3, Identity(name="Nobody Here")))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """A file that cannot be opened is named with the system's reason."""
    with pytest.raises(GraderError, match=r"^none\.csv cannot be read: No such file"):
        fill_gradebook(tmp_path / "none.csv", [])


def test_one_column_of_moodle() -> None:
    """A worksheet has one assignment: its own heading is accepted, another is refused."""
    assert fill(MOODLE, graded("one", 3, MARIE), column="grade").written == 1
    with pytest.raises(GraderError, match=r"“Grade” and not under “A2”"):
        fill(MOODLE, graded("one", 3, MARIE), column="A2")
