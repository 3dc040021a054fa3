"""Notebooks from hand-in to score: what they show, what a run of them says, and what is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mini_assignment import EXTRAS, MANIFEST, SOLUTION, check, statuses, swap, write_files, write_mini

from grader.grading import Desk
from grader.paths import Assignment
from grader.records import Scorecard
from grader.regenerate import regenerate_notebooks
from grader.stubs import student_files
from grader.worker.launch import Launcher

LAB_QUESTION = """
[[questions]]
id = "lab"
part = "p2"
title = "Lab"
points = 3.0
files = ["lab.ipynb"]
"""
LIMITS = """
[notebooks]
given = { FAST = true }
leave_out = ["slow"]
cell_s = 3.0
total_s = 20.0
"""
SUITE = '''\
import pytest

from grader.checks.notebooks import evidence, runs, saved_whole


@pytest.mark.check("p2.lab_saved", question="lab", points=1)
def test_saved(notebooks):
    """lab.ipynb was saved after one run from top to bottom"""
    saved_whole("lab.ipynb", notebooks["lab.ipynb"])


@pytest.mark.check("p2.lab_runs", question="lab", points=1, slow=True)
def test_runs(notebooks):
    """lab.ipynb runs from top to bottom"""
    runs("lab.ipynb", notebooks.run("lab.ipynb"))


@pytest.mark.check("p2.lab_factor", question="lab", points=1, needs="p2.shout", slow=True)
def test_factor(notebooks):
    """lab.ipynb shows a factor of at least 3"""
    run = notebooks.run("lab.ipynb")
    evidence("lab.ipynb", notebooks["lab.ipynb"], "the factor", above=3, run=run, run_above=2)
'''

Cell = dict[str, Any]


def cell(id_: str, *lines: str, kind: str = "code", tags: tuple[str, ...] = ()) -> Cell:
    made: Cell = {"id": id_, "cell_type": kind, "metadata": {"tags": list(tags)} if tags else {}}
    made["source"] = [f"{line}\n" for line in lines[:-1]] + [lines[-1]]
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def ipynb(*cells: Cell) -> str:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}, indent=1)


LAB = (
    cell("title", "# A lab", kind="markdown"),
    cell("parameters", "FAST = False", tags=("parameters",)),
    cell("set-up", "%matplotlib inline", "import solution", "import matplotlib.pyplot as plt", tags=("given",)),
    cell("task", "# BEGIN SOLUTION  find the factor", "factor = float(solution.scale(1))", "# END SOLUTION"),
    cell("show", "assert FAST, 'the full data is not here'", "print('the factor:', factor)", tags=("given",)),
    cell("plot", "plt.plot([factor]);"),
    cell("training", "raise RuntimeError('takes a day')", tags=("slow",)),
    cell("inline-1", "**Your answer:** because.", kind="markdown", tags=("answer",)),
)


@pytest.fixture(scope="module")
def assignment(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Assignment:
    """The mini assignment with a notebook, whose reference has been executed."""
    manifest = swap(MANIFEST, 'given = ["given_helper.py"]', 'optional = ["lab.ipynb"]\ngiven = ["given_helper.py"]')
    manifest = swap(
        manifest, 'title = "Words"\npoints = 2.0\n\n[[questions]]', 'title = "Words"\npoints = 5.0\n\n[[questions]]'
    )
    files = {
        "reference/mini/assignment.toml": manifest + LAB_QUESTION + LIMITS,
        "reference/mini/lab.ipynb": ipynb(*LAB),
        "tests/mini/test_p2_zlab.py": SUITE,
    }
    made = write_mini(tmp_path_factory.mktemp("notebooks"), {name: text.encode() for name, text in files.items()})
    assert [line.partition(",")[0] for line in regenerate_notebooks(made, launcher)] == ["lab.ipynb: 6 cells"]
    return made


@pytest.fixture(scope="module")
def desk(assignment: Assignment, launcher: Launcher) -> Iterator[Desk]:
    with Desk(assignment, launcher) as found:
        yield found


@pytest.fixture
def grade(desk: Desk, assignment: Assignment, tmp_path: Path) -> Callable[..., Scorecard]:
    """Grades the right files with another notebook: the executed one, changed by a function of its cells."""

    def run(change: Callable[[list[Cell]], Any] = lambda cells: None, **files: str) -> Scorecard:
        book = json.loads((assignment.reference / "lab.ipynb").read_text())
        book["cells"] = change(book["cells"]) or book["cells"]
        named = {name.replace("_py", ".py"): text for name, text in files.items()}
        handed_in = {"solution.py": SOLUTION, "extras.py": EXTRAS, "lab.ipynb": json.dumps(book), **named}
        return desk.grade(write_files(tmp_path / "submission", handed_in), parts=("p2",))

    return run


def lab(card: Scorecard) -> list[str]:
    return [statuses(card)[f"p2.lab_{name}"] for name in ("saved", "runs", "factor")]


def find(cells: list[Cell], id_: str) -> Cell:
    return next(cell for cell in cells if cell["id"] == id_)


def test_the_executed_reference_has_what_its_cells_give(assignment: Assignment) -> None:
    """Outputs, pictures and counts are saved as Jupyter saves them; a cell that was left out has none."""
    cells = json.loads((assignment.reference / "lab.ipynb").read_text())["cells"]
    assert "".join(find(cells, "show")["outputs"][0]["text"]) == "the factor: 3.25\n"
    assert "image/png" in find(cells, "plot")["outputs"][0]["data"]
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == [1, 2, 3, 4, 5, None]


def test_students_get_the_notebook_without_solutions(assignment: Assignment) -> None:
    """Outputs, solution regions and answers are taken out; the rest stays."""
    text = student_files(assignment)["lab.ipynb"].decode()
    cells = json.loads(text)["cells"]
    assert "3.25" not in text and "because" not in text and "BEGIN SOLUTION" not in text
    assert "".join(find(cells, "task")["source"]) == '# TODO: find the factor\nraise NotImplementedError("task")'
    assert "".join(find(cells, "inline-1")["source"]) == "**Your answer:**\n"
    assert [cell["id"] for cell in cells] == [cell["id"] for cell in LAB]


def test_an_executed_notebook_earns_its_points(grade: Callable[..., Scorecard]) -> None:
    """The slow cell, which was not run anywhere, is the only thing said against the reference's own notebook."""
    card = grade(lambda cells: [cell for cell in cells if cell["id"] != "training"])
    assert lab(card) == ["passed"] * 3 and card.score == 5.0
    assert card.findings == ()


def test_a_stub_earns_nothing(grade: Callable[..., Scorecard], assignment: Assignment) -> None:
    """The notebook as it was given out shows nothing."""
    stub = json.loads(student_files(assignment)["lab.ipynb"])["cells"]
    assert lab(grade(lambda cells: stub)) == ["not_implemented"] * 3


def test_cleared_outputs_show_nothing(grade: Callable[..., Scorecard]) -> None:
    """Without outputs there is no evidence, though the cells would run."""

    def clear(cells: list[Cell]) -> None:
        for one in cells:
            if one["cell_type"] == "code":
                one.update(outputs=[], execution_count=None)

    card = grade(clear)
    assert lab(card) == ["not_implemented", "passed", "not_implemented"]
    assert "saved without outputs" in check(card, "p2.lab_saved").message


def test_forged_numbers_lose_against_the_code(grade: Callable[..., Scorecard]) -> None:
    """A saved number that the code does not give when it is run again is no evidence."""

    def forge(cells: list[Cell]) -> None:
        find(cells, "task")["source"] = "factor = 1.0"

    assert lab(grade(forge))[1:] == ["passed", "failed"]
    card = grade(lambda cells: find(cells, "show").update(source="print('the factor:', 1 / 0)"))
    assert lab(card)[1:] == ["failed", "failed"]
    message = check(card, "p2.lab_factor").message
    assert "shows the factor: 3.25, but when it is run again cell 5 raises ZeroDivisionError" in message


def test_evidence_counts_beside_the_code_it_rests_on(grade: Callable[..., Scorecard]) -> None:
    """Where the check of the code fails, the saved number is worth nothing."""
    card = grade(extras_py=swap(EXTRAS, "word.upper()", "word"))
    assert lab(card)[1:] == ["passed", "skipped"]


def test_a_cell_that_hangs_is_named(grade: Callable[..., Scorecard]) -> None:
    """It costs the check of the run; the evidence above it stays."""
    card = grade(lambda cells: find(cells, "plot").update(source="print('one moment')\nwhile True: pass"))
    assert lab(card)[1:] == ["failed", "passed"]
    message = check(card, "p2.lab_runs").message
    assert message.startswith("lab.ipynb, cell 6 (print('one moment')): it did not return within 3 s")
    assert message.endswith("it wrote at last:\none moment")


def test_what_was_changed_is_said(grade: Callable[..., Scorecard]) -> None:
    """Moved, copied, deleted and renamed cells, shell lines and foreign metadata are graded; a finding tells what is
    worth a look."""

    def shuffle(cells: list[Cell]) -> list[Cell]:
        task, show = find(cells, "task"), find(cells, "show")
        for one in cells:
            one["metadata"]["colab"] = {"base_uri": "https://example.org"}
            one["id"] = f"x{one['id']}"
        task["source"] = "!pip install torch\n" + "".join(task["source"]) + "\npath = '/content/drive/x'"
        rest = [one for one in cells if one not in (task, show) and one["id"] not in ("xtraining", "xset-up")]
        imports = cell("new", "import solution", "import matplotlib.pyplot as plt")
        return [rest[0], imports, task, {**task, "id": "again"}, show, *rest[1:]]

    card = grade(shuffle)
    assert lab(card)[1:] == ["passed", "passed"]
    assert card.findings == (
        "lab.ipynb: cells 3 and 4 were written with absolute paths, which exist on one machine only",
        "lab.ipynb: 1 given cells were changed or deleted (set-up)",
    )


def test_a_missing_or_broken_notebook_costs_its_own_checks(
    desk: Desk, tmp_path: Path, grade: Callable[..., Scorecard]
) -> None:
    """Without the notebook its checks are not implemented; one that cannot be read is named with the reason."""
    alone = write_files(tmp_path / "alone", {"solution.py": SOLUTION, "extras.py": EXTRAS})
    card = desk.grade(alone, parts=("p2",))
    assert lab(card) == ["not_implemented"] * 3 and statuses(card)["p2.shout"] == "passed"
    card = desk.grade(write_files(alone, {"lab.ipynb": "{"}), parts=("p2",))
    assert lab(card) == ["raised"] * 3
    assert "lab.ipynb cannot be used: the notebook is damaged" in check(card, "p2.lab_saved").message
