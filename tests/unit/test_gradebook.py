"""Scores into a gradebook of Canvas or Moodle: whose row gets one, whose is left alone, and who is missing."""

from __future__ import annotations

import pytest
from gradebooks import A2, CANVAS, EMMY, MARIE, MOODLE, WEI, canvas_with, fill, graded, moodle_with, scores

from grader.records import HandedIn, Identity, Member

# --- whose row it is --------------------------------------------------------------------------------


def test_canvas_as_a_whole() -> None:
    """Scores go to their people's rows, old numbers are replaced, and the rest of the file is what it was."""
    filled = fill(
        CANVAS,
        graded("one", 38.5, Identity(canvas="501")),
        graded("two", 40, EMMY),
        graded("three", 3, Identity(name="Nobody Here", sid="9")),
    )
    expected = CANVAS.replace("S1,7.50,,", "S1,7.50,38.5,").replace("8.00,12.00", "8.00,40")
    assert filled.content == expected.encode()
    assert (filled.heading, filled.written) == (A2, 2)
    assert filled.missing == ("Zhang, Wei (503)",)
    assert filled.unmatched == ("three: Nobody Here (9)",)
    assert filled.left == ()


def test_moodle_as_a_whole() -> None:
    """Grades go to participants, a row that cannot be changed is left, dates and comments are what they were."""
    filled = fill(
        MOODLE,
        graded("one", 38.5, Identity(name="M C", participant="9001")),
        graded("two", 0, EMMY),
        graded("three", 7, WEI),
    )
    expected = MOODLE.replace('grading - ",,40.00,Yes', 'grading - ",38.5,40.00,Yes').replace("12.00", "0")
    assert filled.content == expected.encode()
    assert (filled.heading, filled.written, filled.missing, filled.unmatched) == ("Grade", 2, (), ())
    assert filled.left == ("Wei Zhang (Participant 9003) has a grade that cannot be changed in Moodle",)


@pytest.mark.parametrize(
    "person",
    [
        Identity(canvas="501"),
        Identity(sid="0123"),
        Identity(email="Marie@Uni.test "),
        Identity(name="marie  CURIE"),
        Identity(name="Curie, Marié"),
        Identity(name="Emmy Noether", canvas="501"),
        Identity(name="Emmy Noether", sid="0123", email="emmy@uni.test"),
    ],
    ids=["id", "sis id", "login", "name", "sortable name", "id against name", "sis id against login and name"],
)
def test_canvas_knows_people_by_the_surest_key(person: Identity) -> None:
    """Canvas's id counts before the university's number, that before the login, and the name comes last."""
    filled = fill(CANVAS, graded("one", 31, person))
    assert scores(filled, A2)[2:] == ["31", "12.00", "", ""]
    assert (filled.unmatched, filled.left) == ((), ())


@pytest.mark.parametrize(
    "person",
    [
        Identity(participant="9002"),
        Identity(email="EMMY@uni.test"),
        Identity(sid="0456"),
        Identity(name="noether, EMMY"),
        Identity(name="Marie Curie", participant="9002", email="marie@uni.test"),
        Identity(name="Marie Curie", sid="0123", email="emmy@uni.test"),
    ],
    ids=["participant", "e-mail", "number", "name", "participant against the rest", "e-mail against number"],
)
def test_moodle_knows_people_by_the_surest_key(person: Identity) -> None:
    """The participant's number counts before the e-mail, that before the ID number, and the name comes last."""
    filled = fill(MOODLE, graded("one", 31, person))
    assert scores(filled, "Grade") == ["", "31", ""]


@pytest.mark.parametrize(
    "person",
    [
        Identity(name="Marie Curie", canvas="777"),
        Identity(sid="123"),
        Identity(name="Curie Marie"),
        Identity(name="Curie"),
        Identity(participant="501"),
        Identity(sid="501"),
        Identity(canvas="0123"),
    ],
    ids=["another id", "lost zeros", "swapped words", "half a name", "Moodle's number", "no sid", "no Canvas id"],
)
def test_nobody_is_guessed(person: Identity) -> None:
    """Who is only like somebody of the gradebook, or has that number for something else, is not that person."""
    filled = fill(CANVAS, graded("one", 31, person), graded("two", 5, EMMY))
    assert scores(filled, A2)[2:] == ["", "5", "", ""]
    assert [line.partition(":")[0] for line in filled.unmatched] == ["one"]
    assert filled.missing == ("Curie, Marie (501)", "Zhang, Wei (503)")


def test_names_in_two_columns() -> None:
    """A gradebook with LastName and FirstName is known, and a name is put together from both."""
    table = "LastName,FirstName,ID,Section,A2 (77)\n    Points Possible,,,,40\nCurie,Marie,501,S1,\nStudent,Test,9,S,\n"
    filled = fill(table, graded("one", 2, Identity(name="Marie Curie")))
    assert filled.content.decode() == table.replace("501,S1,", "501,S1,2")
    assert filled.missing == ()


@pytest.mark.parametrize("book", [CANVAS, MOODLE], ids=["canvas", "moodle"])
def test_everybody_of_a_team(book: str) -> None:
    """The platform's people and those of students.txt all get the score, the same person once."""
    team = (Member(name="Marie Curie", number="0123"), Member(name="Emmy Noether", number="4444"))
    filled = fill(book, graded("one", 31, MARIE, team=team))
    assert filled.written == 2
    assert filled.unmatched == filled.left == ()


def test_one_person_under_two_spellings_is_not_missed() -> None:
    """A name in students.txt that the gradebook lacks goes unmentioned when the platform's person was found."""
    team = (Member(name="M Curie Sklodowska", number="5555"),)
    filled = fill(CANVAS, graded("one", 31, Identity(canvas="501"), team=team))
    assert (filled.written, filled.unmatched) == (1, ())
    filled = fill(CANVAS, graded("one", 31, Identity(canvas="501"), team=(*team, Member(name="X Y", number="6666"))))
    assert filled.unmatched == ("one: M Curie Sklodowska (5555), X Y (6666)",)


def test_students_txt_moves_no_score_away_from_the_platforms_person() -> None:
    """Another's number beside one's own name leaves one's score in one's own row, and gives the other nothing."""
    team = (Member(name="Marie Curie", number="0456"),)
    for person in (Identity(name="Marie Curie", participant="9001"), Identity(name="Marie Curie", sid="0123")):
        assert scores(fill(MOODLE, graded("one", 31, person, team=team)), "Grade") == ["31", "12.00", ""]


def test_who_is_unknown_is_named_once() -> None:
    """Somebody of the platform and of students.txt is one person in the list of those whom the gradebook lacks."""
    team = (Member(name="Grace H", number="0999"), Member(name="Ada L", number="0998"))
    person = Identity(name="Grace Hopper", sid="0999")
    filled = fill(CANVAS, graded("one", 31, person, team=team), graded("two", 3, MARIE))
    assert filled.unmatched == ("one: Grace Hopper (0999), Ada L (0998)",)


def test_a_row_without_canvas_id() -> None:
    """Where the row has no id of Canvas, the university's number finds its person."""
    filled = fill(canvas_with("A B,,u1,,S,"), graded("one", 31, Identity(canvas="1", sid="u1")))
    assert filled.written == 1


def test_several_submissions_of_one_person() -> None:
    """Two submissions with the same score are filled in; with different ones the row is left, and both are named."""
    same = fill(CANVAS, graded("one", 31, MARIE), graded("two", 31.001, Identity(canvas="501")))
    assert (scores(same, A2)[2], same.written, same.left) == ("31", 1, ())
    other = fill(CANVAS, graded("one", 31, MARIE), graded("two", 32, Identity(canvas="501")))
    assert other.content == CANVAS.encode()
    assert other.left == ("Curie, Marie (501) is in several submissions with different scores: one (31), two (32)",)


def test_namesakes_in_the_gradebook() -> None:
    """A name in two rows finds nobody: both rows are left, unless somebody's id has found them."""
    rows = ("Wei Zhang,1,,,S,", "Wei Zhang,2,,,S,", "Marie Curie,3,,,S,")
    filled = fill(canvas_with(*rows), graded("one", 31, Identity(name="Wei Zhang")))
    assert filled.written == 0
    assert [line.partition(")")[0] for line in filled.left] == ["Wei Zhang (1", "Wei Zhang (2"]
    assert filled.missing == ("Marie Curie (3)",)
    filled = fill(
        canvas_with(*rows), graded("one", 31, Identity(name="Wei Zhang")), graded("two", 8, Identity(canvas="2"))
    )
    assert scores(filled, "A2 (77)") == ["40.00", "", "8", ""]
    assert len(filled.left) == 1 and filled.left[0].startswith("Wei Zhang (1) may be Wei Zhang or not")


def test_namesakes_in_the_submissions() -> None:
    """A name that two people handed in under finds nobody, and takes no row from the one whose id is known."""
    one, two = graded("one", 31, Identity(name="Marie Curie")), graded("two", 9, Identity(name="Marie Curie", sid="77"))
    filled = fill(CANVAS, one, two)
    assert filled.content == CANVAS.encode()
    assert len(filled.left) == 1 and filled.left[0].startswith("Curie, Marie (501) may be")
    filled = fill(CANVAS, one, two, graded("three", 8, MARIE))
    assert scores(filled, A2)[2] == "8"
    assert filled.left == ()
    assert filled.unmatched == ("one: Marie Curie", "two: Marie Curie (77)")


def test_one_person_twice_in_a_plain_folder() -> None:
    """Two submissions under one name and one number are one person's, also where only the name finds the row."""
    team = (Member(name="Marie Curie", number="5555"),)
    filled = fill(CANVAS, graded("one", 31, team=team), graded("two", 31, team=team))
    assert (scores(filled, A2)[2], filled.left) == ("31", ())


@pytest.mark.parametrize(
    ("book", "person"),
    [
        (canvas_with("A B,1,,,S1,", "A B,1,,,S2,", "C D,2,,,S1,"), Identity(canvas="1")),
        (canvas_with("A B,1,u1,,S1,", "A B,3,u1,,S2,", "C D,2,,,S1,"), Identity(sid="u1")),
        (canvas_with("A B,1,u1,,S1,", "E F,3,u2,,S2,", "C D,2,,,S1,"), Identity(sid="u1", email="u2")),
        (moodle_with("Participant 1,A B,,,,40,Yes", "Participant 1,E F,,,,40,Yes"), Identity(participant="1")),
    ],
    ids=["id", "sis id", "two keys", "participant"],
)
def test_two_rows_of_one_person_are_left(book: str, person: Identity) -> None:
    """When an id fits two rows, neither gets a score and both are named."""
    filled = fill(book, graded("one", 31, person))
    assert filled.content == book.encode()
    assert len(filled.left) == 2
    assert "C D (2)" not in filled.left


def test_submissions_of_nobody() -> None:
    """A submission that names nobody, or a group and none of its people, is listed."""
    filled = fill(
        CANVAS,
        graded("one", 31),
        graded("two", 3, Identity(team="Group 7")),
        graded("three", 5, Identity(canvas="501")),
    )
    assert filled.unmatched == ("one names nobody", "two names nobody")


def test_hostile_names_stay_on_their_line() -> None:
    """Escape sequences and line ends in names are written out in what staff read."""
    filled = fill(
        canvas_with('"\x1b[2J\nEvil",1,,,S,', "A B,2,,,S,"),
        graded("\x1b]one", 3, Identity(name="x\ny\x1b")),
        graded("two", 3, Identity(canvas="2")),
    )
    lines = (*filled.missing, *filled.unmatched, *filled.left)
    assert len(lines) == 2 and all(line.isprintable() for line in lines)


def test_a_large_class_is_quick() -> None:
    """Two thousand people, half of them only in students.txt and all with a submission, are filled in one go."""
    rows = [f"P{index} Q,{index},{index:08},,S," for index in range(2000)]
    submissions = [
        graded(
            f"s{index}", index % 40, Identity(canvas=str(2 * index)),
            team=(Member(name=f"P{2 * index + 1} Q", number=f"{2 * index + 1:08}"),),
        )
        for index in range(1000)
    ]  # fmt: skip
    filled = fill(canvas_with(*rows), *submissions)
    assert (filled.written, filled.missing, filled.unmatched, filled.left) == (2000, (), (), ())
    assert scores(filled, "A2 (77)")[1:] == [str(index // 2 % 40) for index in range(2000)]


def test_ids_of_the_class_are_not_needed() -> None:
    """A submission of a plain folder, which names nobody, is known by its students.txt."""
    one = graded("plain", 31, team=(Member(name="Curie Marie", number="0123"),))
    assert one.handed == HandedIn(id="plain")
    assert scores(fill(CANVAS, one), A2)[2] == "31"


# --- what is left alone -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("EX", "excused"), ("ex", "excused"), ("N/A", "not assigned"), ("complete", "“complete”"), ("85%", "“85%”")],
)
def test_words_in_cells_are_kept(cell: str, reason: str) -> None:
    """Excused, not assigned, and whatever is no number stays, with the reason."""
    book = canvas_with(f"A B,1,,,S,{cell}", "C D,2,,,S,1")
    filled = fill(book, graded("one", 31, Identity(canvas="1")), graded("two", 30, Identity(canvas="2")))
    assert scores(filled, "A2 (77)") == ["40.00", cell, "30"]
    assert len(filled.left) == 1 and reason in filled.left[0]


@pytest.mark.parametrize("cell", ["", "-", " ", "0", "12", "12.00", "12,5", "-1", ".5", "1,038.50"])
def test_numbers_in_cells_are_replaced(cell: str) -> None:
    """A number, a dash or nothing gives way to the score."""
    filled = fill(canvas_with(f'A B,1,,,S,"{cell}"'), graded("one", 31, Identity(canvas="1")))
    assert filled.content.decode().endswith('S,"31"\n')


def test_the_same_number_stays_as_it_is_written() -> None:
    """A score that stands there already is counted and not written anew."""
    book = canvas_with("A B,1,,,S,31.00")
    filled = fill(book, graded("one", 31, Identity(canvas="1")))
    assert (filled.content, filled.written) == (book.encode(), 1)


def test_what_is_not_final_waits() -> None:
    """The row of a submission that staff have yet to judge keeps its cell; its smaller maximum is no contradiction."""
    filled = fill(CANVAS, graded("one", 31, EMMY, max_score=35, final=False), graded("two", 3, MARIE))
    assert scores(filled, A2)[2:4] == ["3", "12.00"]
    assert filled.left == ("Noether, Emmy (502) has no final score yet: one (31)",)
    assert fill(MOODLE, graded("one", 31, EMMY, max_score=35, final=False)).written == 0


def test_a_final_and_an_open_submission_of_one_person() -> None:
    """Which of the two counts is left to staff, also when the points so far are the same."""
    filled = fill(CANVAS, graded("one", 31, EMMY), graded("two", 31, EMMY, final=False))
    assert filled.written == 0
    assert "several submissions" in filled.left[0]


@pytest.mark.parametrize("score", [-0.5, 40.5, float("nan"), float("inf")])
def test_scores_out_of_range_are_left(score: float) -> None:
    """What is not between 0 and the maximum is not filled in."""
    filled = fill(CANVAS, graded("one", score, MARIE))
    assert filled.content == CANVAS.encode()
    assert "out of range" in filled.left[0]


def test_short_rows_are_left() -> None:
    """A row that ends before the column of scores is not made longer."""
    book = canvas_with("A B,1,,", "C D,2,,,S,")
    filled = fill(book, graded("one", 31, Identity(canvas="1")), graded("two", 31, Identity(canvas="2")))
    assert filled.content == (book[:-1] + "31\n").encode()
    assert filled.left == ("A B (1) has a row that ends before the column of scores",)
