"""Running a notebook's cells in a worker: what they give out, how they end, and what the others notice of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from grader.checks.notebooks import figure, runs
from grader.errors import Verdict
from grader.execution import CellRun, Execution, execute
from grader.intake.notebook import Cell, Notebook
from grader.records import Limits, Status, Submission
from grader.subject import Subject
from grader.worker.launch import Zygote

HELPER = "def half(x):\n    return x / 2\n\ndef inverse(x):\n    return 1 / x\n"

Run = Callable[..., Execution]


@pytest.fixture(scope="module")
def subject(zygote: Zygote, stage_files: Any) -> Iterator[Subject]:
    root: Path = stage_files({"helper.py": HELPER, "data.txt": "7"})
    submission = Submission(name="someone", root=str(root), hashes={"helper.py": ""})
    found = Subject(submission, zygote, Limits(memory_mib=1024))
    yield found
    found.close()


@pytest.fixture
def run(subject: Subject) -> Run:
    """Runs cells: a source, or a source with tags."""

    def build(*cells: str | tuple[str, str], given: dict[str, Any] | None = None, **options: Any) -> Execution:
        pairs = [(cell,) if isinstance(cell, str) else cell for cell in cells]
        made = [Cell(kind="code", source=source, tags=tuple(tags)) for source, *tags in pairs]
        limits = {"cell_s": 20.0, "total_s": 60.0, **options}
        return execute(subject, Notebook(cells=tuple(made)), given or {}, **limits)

    return build


def ended(run: Execution) -> list[str]:
    return [cell.ended for cell in run.cells.values()]


def text(cell: CellRun) -> str:
    return "".join(one.text or one.data.get("text/plain", "") for one in cell.shown)


def test_cells_share_one_session(run: Run) -> None:
    """What a cell defines the next ones find; the student's modules can be imported and files beside them read."""
    found = run("from helper import half\nx = half(7)", "x", "print(open('data.txt').read())", "y = x + 1; y")
    assert ended(found) == ["ran"] * 4
    assert [text(cell) for cell in found.cells.values()] == ["", "3.5", "7\n", "4.5"]
    assert [cell.execution_count for cell in found.notebook.cells] == [1, 2, 3, 4]


def test_what_jupyter_users_write_works(run: Run) -> None:
    """Magics, `await`, rich display and matplotlib give what they give in Jupyter; other programs are left out."""
    found = run(
        "%load_ext autoreload\n%autoreload 2\n%matplotlib inline",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'))",
        "%%time\nsum(range(4))",
        "!pip install something\nnames = !ls\nlen(names)",
        "async def f():\n    return 5\nawait f()",
    )
    assert ended(found) == ["ran"] * 6, found.table()
    cells = list(found.cells.values())
    assert cells[0].shown == ()
    assert found.notebook.cells[1].outputs[0].mime == ("text/plain", "image/png")
    assert cells[2].shown[0].data["text/html"] == "<b>bold</b>"
    assert cells[3].shown[-1].data["text/plain"] == "6"
    assert text(cells[4]).endswith("(not run: no other programs while grading)\n0")
    assert text(cells[5]) == "5"


def test_pictures_are_kept_on_request(run: Run) -> None:
    """They are bytes then; else it is only known that there was one."""
    cell = "import matplotlib.pyplot as plt\n%matplotlib inline\nplt.plot([1, 2]);"
    assert bytes(run(cell, pictures=True).cells[1].shown[0].data["image/png"][:4]) == b"\x89PNG"
    assert run(cell).cells[1].shown[0].data["image/png"] == ""


def test_a_cell_that_would_not_fit_a_request_says_so(run: Run) -> None:
    """A pasted megabyte of code raises, and costs no worker."""
    found = run(f"x = '{'x' * 1_000_000}'", "print('on')")
    assert ended(found) == ["raised", "ran"] and "too much code" in found.cells[1].why


def test_given_names_keep_their_values(run: Run) -> None:
    """A parameter has its value in every cell, also after a cell that sets it, and without any such cell."""
    found = run("print(FAST)", "FAST = False", "print(FAST)", given={"FAST": True})
    assert [text(cell) for cell in found.cells.values()] == ["True\n", "", "True\n"]


def test_a_cell_that_raises_is_named_and_the_others_run(run: Run) -> None:
    """The exception comes with the lines of the cell and of the student's files; the cells after it are run."""
    found = run("from helper import inverse", "print('so far')\ninverse(0)", "1 +", "print('on')")
    assert ended(found) == ["ran", "raised", "raised", "ran"]
    assert found.cells[2].why.splitlines() == [
        "ZeroDivisionError: division by zero",
        "  cell 2, line 2, in <module>: inverse(0)",
        "  helper.py, line 5, in inverse: return 1 / x",
    ]
    assert text(found.cells[2]) == "so far\n" and found.cells[3].why.startswith("SyntaxError: invalid syntax")
    with pytest.raises(Verdict) as caught:
        runs("my.ipynb", found)
    assert caught.value.status is Status.FAILED
    assert caught.value.text.startswith("my.ipynb, cell 2 (print('so far')): ZeroDivisionError: division by zero\n")
    assert "(and 1 more cells fail)" in caught.value.text and "so far" in caught.value.text


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("import time\ntime.sleep(30)", "it did not return within 0.7 s"),
        ("import os\nos._exit(3)", "the code ended the process (exit code 3)"),
        ("import ctypes\nctypes.string_at(0)", "the process crashed (SIGSEGV)"),
        ("exit()", "it asks the kernel to end"),
    ],
)
def test_a_cell_that_ends_the_kernel_costs_what_rests_on_it(run: Run, cell: str, why: str) -> None:
    """The cells before are run again without it, those after it follow; what needs its names is left unsettled."""
    found = run("x = 1", f"y = 2\n{cell}", "print(x + 1)", "print(y)", cell_s=0.7)
    assert ended(found) == ["ran", "stopped", "ran", "unsettled"]
    assert found.cells[2].why == why
    assert text(found.cells[3]) == "2\n"
    assert found.cells[4].why == "it rests on cell 2, which was stopped (name 'y' is not defined)"


def test_memory_without_end_stops_or_raises(run: Run) -> None:
    """A cell that takes all memory fails by itself, within the worker's limit."""
    found = run("x = bytearray(1 << 33)", "print('on')")
    assert ended(found) == ["raised", "ran"] and found.cells[1].why.startswith("MemoryError")


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("import pandas_of_mine", "a package that is not installed here"),
        ("open('/content/drive/data')", "a file that is not here (FileNotFoundError"),
        ("open('results.csv', 'w')", "out of reach while grading"),
        ("import torch\ntorch.save({}, 'best.pt')", "files that are out of reach while grading"),
        ("import urllib.request\nurllib.request.urlopen('http://localhost')", "(URLError"),
    ],
)
def test_what_is_not_here_says_nothing_about_the_code(run: Run, cell: str, word: str) -> None:
    """A missing package, file or network leaves a cell unsettled, and what rests on it too; neither is a fault."""
    found = run(f"{cell}\nz = 3", "print(z)", "print('on')")
    assert ended(found) == ["unsettled", "unsettled", "ran"], found.table()
    assert word in found.cells[1].why
    assert found.faults() == []
    runs("my.ipynb", found)


def test_cells_are_left_out_by_their_tags(run: Run) -> None:
    """A tagged cell is not run; what would need it is unsettled."""
    found = run(("x = 1", "slow"), "print(x)", leave_out=("slow",))
    assert ended(found) == ["left out", "unsettled"]


def test_the_whole_notebook_has_a_limit(run: Run) -> None:
    """When the time of all cells is used up, those that are left are not run."""
    found = run("import time\ntime.sleep(0.5)", "time.sleep(30)", "print('on')", total_s=1.0)
    assert ended(found) == ["ran", "unsettled", "unsettled"]
    assert {found.cells[2].why, found.cells[3].why} == {"the notebook's time was used up"}


def test_three_cells_that_end_the_kernel_end_the_run(run: Run) -> None:
    """There are two new starts and no more; what is not reached then fails, too."""
    found = run("exit()", "exit()", "exit()", "print('on')")
    assert ended(found) == ["stopped"] * 4
    assert found.cells[4].why == "it was not reached: cells above end the kernel"


def test_outputs_are_bounded(run: Run) -> None:
    """Of a long log the beginning and the end are kept, and too many pictures are dropped."""
    pictures = """
        from IPython.display import Image, display
        for i in range(3):
            display(Image(data=bytes(4 << 20), format="png"))
    """
    found = run("for i in range(60000): print(i)", dedent(pictures))
    log = text(found.cells[1])
    assert len(log) < 70_000 and log.startswith("0\n1\n") and log.endswith("59999\n")
    assert sum("image/png" in one.data for one in found.cells[2].shown) == 2


def test_clearing_outputs_clears_them(run: Run) -> None:
    """A progress line that replaces itself is there once."""
    cell = """
        from IPython.display import clear_output
        for i in range(3):
            clear_output()
            print("loss:", i)
    """
    assert text(run(dedent(cell)).cells[1]) == "loss: 2\n"


def test_figures_are_read_from_what_was_run(run: Run) -> None:
    """The numbers of a run are found like those of saved outputs: the last one counts."""
    found = run("print('accuracy: 0.5')", "print('accuracy: 0.75')")
    assert figure(found.notebook, "accuracy") == (0.75, 2)


def test_cells_that_ask_for_cuda_run_on_the_cpu(run: Run, subject: Subject) -> None:
    """Where there is no GPU the notebook is run from the start once more, redirected, and that is remarked; what
    cannot be redirected is unsettled."""
    cells = ["import torch\nx = torch.ones(2).cuda()", "print(x.sum().item())", "torch.cuda.get_device_properties(0)"]
    found = run(*cells)
    assert ended(found) == ["ran", "ran", "unsettled"], found.table()
    assert text(found.cells[2]) == "2.0\n" and "it needs a GPU" in found.cells[3].why
    assert any("asks for CUDA" in remark for remark in subject.remarks)


def test_many_small_outputs_are_bounded(run: Run) -> None:
    """Streams that take turns without end, and displays by the thousand, fit a reply."""
    turns = "import sys\nfor i in range(3000):\n    print('x' * 999)\n    print('y' * 999, file=sys.stderr)"
    found = run(turns, "from IPython.display import display\nfor i in range(3000): display(i)", "print('on')")
    assert ended(found) == ["ran"] * 3
    assert [len(cell.shown) <= 101 for cell in found.cells.values()] == [True] * 3
    assert found.cells[1].shown[-1].text.endswith("y" * 999 + "\n")


@pytest.mark.parametrize(
    "reply",
    [
        "{'outputs': 5}",
        "{'outputs': [], 'error': None}",
        "{'outputs': [{'kind': 'error'}], 'error': None, 'left': False}",
        "{'outputs': [{'kind': 'stream', 'data': {'x': 5}}], 'error': None, 'left': False}",
        "{'outputs': [{'kind': 'stream', 'data': {'x': numpy.zeros(3)}}], 'error': None, 'left': False}",
        "{'outputs': [{'kind': 'stream', 'data': {'x': numpy.zeros(9 << 20, 'u1')}}], 'error': None, 'left': False}",
        "{'outputs': [], 'error': {'type': 5, 'text': ''}, 'left': False}",
        "{'outputs': [{'kind': 'stream'}] * 200, 'error': None, 'left': False}",
        "{'outputs': [{'kind': 'stream', 'data': object()}], 'error': None, 'left': False}",
        "{'outputs': [{'kind': 'stream', 'data': {'x': object()}}], 'error': None, 'left': False}",
        "object()",
    ],
)
def test_a_forged_reply_is_refused(run: Run, reply: str) -> None:
    """A worker that answers a cell in another form, or with more than a worker keeps, has been tampered with."""
    with pytest.raises(Verdict) as caught:
        run(f"import numpy\ntype(get_ipython()).run = lambda self, *a: {reply}", "print(1)")
    assert caught.value.status is Status.REFUSED
