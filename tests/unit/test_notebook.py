"""Notebooks: what a grader needs of them is read, whatever else they hold, and never more than the limits."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.intake import stage
from grader.intake.archive import EntryError
from grader.intake.notebook import Cell, Notebook, Output, read_notebook
from grader.records import Manifest, Submission

KIB, MIB = 1024, 1024 * 1024
QUICK = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def encoded(**fields: Any) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [], **fields}).encode()


def code(source: Any = "x = 1", outputs: Any = (), **fields: Any) -> dict[str, Any]:
    return {
        "cell_type": "code", "id": "a", "execution_count": 3, "metadata": {}, "source": source,
        "outputs": list(outputs), **fields,
    }  # fmt: skip


def stream(text: Any) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


PICTURE = {
    "output_type": "display_data",
    "data": {"text/plain": ["<Figure", " size>"], "image/png": "iVBORw0KGgo=", "application/vnd.x+json": {"a": [1]}},
    "metadata": {},
}
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "bad shape", "traceback": ["\x1b[31mline"]}
RESULT = {"output_type": "execute_result", "execution_count": 3, "data": {"text/plain": "5"}, "metadata": {}}


@contextmanager
def within(limit: int, seconds: float) -> Iterator[None]:
    """Fails when more than `limit` bytes were held at any moment, or it took longer than `seconds`."""
    tracemalloc.start()
    started = time.perf_counter()
    try:
        yield
        took = time.perf_counter() - started
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit
    assert took < seconds


# --- what is read ------------------------------------------------------------------------------------


def test_a_notebook_of_format_4() -> None:
    """Kinds, sources, counts, tags and outputs are kept; pictures only by their type."""
    tags = {"tags": ["intro", "x"]}
    title = {"cell_type": "markdown", "id": "t-1", "metadata": tags, "source": ["# One\n", "two"]}
    data = encoded(cells=[title, code(["a\n", "b"], [stream("1\n"), PICTURE, ERROR, RESULT])])
    assert read_notebook(data) == Notebook(
        cells=(
            Cell(kind="markdown", source="# One\ntwo", tags=("intro", "x"), id="t-1"),
            Cell(
                kind="code",
                source="a\nb",
                execution_count=3,
                outputs=(
                    Output(kind="stream", text="1\n"),
                    Output(kind="display_data", text="<Figure size>", mime=("text/plain", "image/png")),
                    Output(kind="error", name="ValueError", value="bad shape"),
                    Output(kind="execute_result", text="5", mime=("text/plain",)),
                ),
                id="a",
            ),
        )
    )


def test_a_notebook_of_format_3() -> None:
    """Worksheets, prompts and outputs of the old format read as the new one's."""
    result = {"output_type": "pyout", "prompt_number": 2, "text": ["5"], "png": "iVBOR", "metadata": {}}
    failure = {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": []}
    sheet = [
        {"cell_type": "heading", "level": 1, "source": "Title", "metadata": {}},
        {
            "cell_type": "code", "language": "python", "input": ["1 +\n", " 4"], "prompt_number": 2,
            "outputs": [result, failure], "collapsed": False, "metadata": {},
        },
    ]  # fmt: skip
    data = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": sheet}]})
    assert read_notebook(data.encode()).cells == (
        Cell(kind="markdown", source="Title"),
        Cell(
            kind="code",
            source="1 +\n 4",
            execution_count=2,
            outputs=(
                Output(kind="execute_result", text="5", mime=("text/plain", "image/png")),
                Output(kind="error", name="E", value="v"),
            ),
        ),
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + encoded(cells=[code()]),
        encoded(cells=[code(extra={"a": [1, {"b": 2}]}, attachments={"x.png": {"image/png": "AAAA"}})], colab={}),
        encoded(cells=[code()]).replace(b'"nbformat"', b'"cells": [], "nbformat": 3, "nbformat"', 1),
        encoded(cells=[code()], x=0).replace(b"0}", b"9" * 5000 + b"}") + b"\n\n",
    ],
    ids=["byte order mark", "unknown fields", "keys twice", "huge number"],
)
def test_oddities_that_do_no_harm(data: bytes) -> None:
    """What is around the parts that are read may be odd; of a key that is there twice the last one counts."""
    assert [cell.source for cell in read_notebook(data).cells] == ["x = 1"]


@pytest.mark.parametrize("id_", [None, 5, ["a"], {}, "x" * 300, ""])
def test_an_id_that_is_none_is_left_out(id_: Any) -> None:
    """A cell is worth reading without an id, or with one that the format does not allow."""
    (cell,) = read_notebook(encoded(cells=[code(id=id_)])).cells
    assert cell.id == "" and cell.source == "x = 1"


def test_hostile_content_stays_text() -> None:
    """Script, HTML and escape sequences are kept as the plain text they are, for reports to clean."""
    nasty = "<script>alert(1)</script>\x1b[2J"
    data = encoded(cells=[code(nasty, [stream(nasty), {**PICTURE, "data": {"text/html": nasty}}])])
    [cell] = read_notebook(data).cells
    assert (cell.source, cell.outputs[0].text) == (nasty, nasty)
    assert cell.outputs[1] == Output(kind="display_data", mime=("text/html",))


def test_long_texts_of_outputs_are_left_out() -> None:
    """A training log or a pasted picture that is too long costs its text and not the notebook."""
    long = "x" * MIB
    picture = {"cell_type": "markdown", "metadata": {}, "source": f"![]({long})"}
    found = read_notebook(encoded(cells=[code("print()", [stream(long), stream("kept")]), picture]))
    assert [output.text for output in found.cells[0].outputs] == ["", "kept"]
    assert found.cells[1].source == ""
    assert found.left_out == 2


# --- what is refused ---------------------------------------------------------------------------------

REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the notebook is damaged ("),
    "text": (b"print('hello')", "the notebook is damaged ("),
    "cut": (encoded(cells=[code()])[:-9], "the notebook is damaged ("),
    "utf-16": (encoded().decode().encode("utf-16"), "the notebook is UTF-16 text; save it as UTF-8"),
    "latin-1": (encoded(cells=[{"cell_type": "@"}]).replace(b"@", b"\xe9"), "the notebook is damaged ("),
    "NaN": (encoded().replace(b"{}", b"NaN"), "the notebook is damaged ("),
    "surrogate": (encoded(cells=[code("\ud800")]), "the notebook is damaged ("),
    "list": (b"[]", "the notebook is of no known form (Expected `object`, got `array`)"),
    "no format": (b'{"cells": []}', "the notebook is of no known form (Object missing required field `nbformat`)"),
    "format 2": (encoded(nbformat=2), "the notebook is of format 2, not 3 or 4; open it in Jupyter"),
    "huge format": (encoded(nbformat=10**40), "the notebook is of format 1000000000…0000000000, not 3 or 4"),
    "endless format": (
        encoded(nbformat=0).replace(b"0,", b"9" * 5000 + b",", 1),
        "the notebook is of no known form (Integer value out of range",
    ),
    "no cells": (b'{"nbformat": 4}', "the notebook has no list of cells; open it in Jupyter"),
    "cells of 4 in 3": (encoded(nbformat=3, cells=7), "the notebook is of no known form (Expected `array | null`"),
    "unknown cell": (encoded(cells=[{"cell_type": "b\nc"}]), r"the notebook's cell 1 is of the unknown kind b\nc; "),
    "unknown output": (
        encoded(cells=[code(), code(outputs=[{"output_type": "smell"}])]),
        "the notebook's cell 2 has an output of the unknown kind smell; ",
    ),
    "source": (encoded(cells=[code(7)]), "the notebook is of no known form (Expected `str | array`, got `int`)"),
    "count": (encoded(cells=[code(execution_count="3")]), "the notebook is of no known form (Expected `int | null`"),
    "tags": (encoded(cells=[code(metadata={"tags": "x"})]), "the notebook is of no known form ("),
    "deep": (encoded(x=0).replace(b"0}", b"[" * 100_000), "the notebook is nested too deeply; "),
    "deep output": (
        encoded(cells=[code(outputs=[stream(0)])]).replace(b": 0}", b": " + b'{"a":' * 90_000),
        "the notebook is nested too deeply; ",
    ),
    "many cells": (encoded(cells=[code()] * 2001), "the notebook has more than 2000 cells; hand in a shorter one"),
    "long code": (encoded(cells=[code("#" * MIB)]), "the notebook's cell 1 holds too much code; move data out of it"),
    "much code": (
        encoded(cells=[code("#" * 900 * KIB)] * 20),
        "the notebook's cell 19 holds too much code; move data out of it",
    ),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_notebook_is_refused_in_one_sentence(data: bytes, words: str) -> None:
    """Each fault has a line that says what it is and, wherever the student can mend it, how."""
    with pytest.raises(EntryError) as caught:
        read_notebook(data)
    assert str(caught.value).startswith(words)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


def filled(piece: bytes, count: int) -> bytes:
    return b'{"nbformat":4,"metadata":{},"cells":[' + b",".join([piece] * count) + b"]}"


def one_output(data: bytes) -> bytes:
    return filled(b'{"cell_type":"code","source":"","outputs":[{"output_type":"display_data",' + data + b"}]}", 1)


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "over the limit": (lambda: bytes(120 * MIB), "the notebook is larger than 100 MiB"),
    "a million cells": (lambda: filled(b'{"cell_type":"raw","source":""}', 1_000_000), "too many cells and outputs"),
    "cells of two bytes": (lambda: filled(b"0", 10_000_000), "Expected `object`, got `int`"),
    "a list of pieces": (
        lambda: filled(b'{"cell_type":"code","source":[' + b'"",' * 10_000_000 + b'""]}', 1),
        "holds too much code",
    ),
    "90 MiB of base64": (lambda: one_output(b'"data":{"image/png":"' + b"A" * (90 * MIB) + b'"}'), ""),
    "a million types": (
        lambda: one_output(b'"data":{' + b",".join(b'"%07x":0' % i for i in range(1_000_000)) + b"}"),
        "",
    ),
    "numbers nobody reads": (lambda: b'{"nbformat":4,"cells":[],"x":[' + b"0," * 10_000_000 + b"0]}", ""),
}


@pytest.mark.parametrize(("make", "words"), BOMBS.values(), ids=BOMBS)
def test_bombs_cost_no_memory(make: Callable[[], bytes], words: str) -> None:
    """However large or numerous, nothing is decoded that is not kept: a megabyte and two seconds are enough."""
    data = make()
    with within(MIB, seconds=2.0):
        if words:
            with pytest.raises(EntryError, match=words):
                read_notebook(data)
        else:
            assert len(read_notebook(data).cells) <= 1


def test_cells_that_pass_the_first_count_cost_little() -> None:
    """What is under the bound of braces and still too much is decoded at 300 bytes a cell, and then refused."""
    data = filled(b'{"cell_type":"raw"}', 50_000)
    with within(300 * 50_000, seconds=10.0), pytest.raises(EntryError, match="more than 2000 cells"):
        read_notebook(data)


# --- properties --------------------------------------------------------------------------------------

words = st.sampled_from(
    ["nbformat", "cells", "cell_type", "code", "markdown", "source", "outputs", "output_type", "stream", "error",
     "data", "text/plain", "text", "metadata", "tags", "worksheets", "input", "ename", "execution_count"]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words | st.just(4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=4), inner, max_size=5),
    max_leaves=20,
)
json_cells = st.fixed_dictionaries(
    {"cell_type": st.just("code") | words | st.text(max_size=4)},
    optional={
        "source": json_values,
        "metadata": st.fixed_dictionaries({"tags": json_values}),
        "outputs": st.lists(
            st.dictionaries(st.just("output_type"), st.just("error") | words | st.text(max_size=4)), max_size=2
        ),
    },
)
SEED = encoded(
    cells=[
        {"cell_type": "markdown", "metadata": {"tags": ["t"]}, "source": ["a", "b"]},
        code("c", [PICTURE, ERROR, RESULT]),
    ]
)
changes = st.lists(
    st.tuples(
        st.integers(0, len(SEED) - 1),
        st.integers(0, 6),
        st.sampled_from([b"", b"{", b"[", b"]", b'"', b",", b"null", b"1e9", b"\xff", b"\\ud800"]),
    ),
    min_size=1,
    max_size=4,
)


def read_or_refused(data: bytes) -> Notebook | None:
    try:
        found = read_notebook(data)
    except EntryError as error:
        assert str(error).isprintable() and str(error).startswith("the notebook")
        return None
    assert isinstance(found, Notebook)
    for cell in found.cells:
        cell.source.encode()
        assert all(isinstance(tag, str) for tag in cell.tags)
        assert all(len(output.mime) <= 9 for output in cell.outputs)
    return found


@QUICK
@given(json_values, st.lists(json_cells, max_size=3))
def test_any_json_is_read_or_refused(value: Any, cells: Any) -> None:
    """Any JSON document, and any in the place of cells and of what is in them, gives a Notebook or one sentence."""
    read_or_refused(json.dumps(value).encode())
    read_or_refused(encoded(cells=value))
    read_or_refused(encoded(cells=cells))


@QUICK
@given(changes)
def test_any_damage_is_read_or_refused(changes: list[tuple[int, int, bytes]]) -> None:
    """A notebook with bytes taken out and put in gives a Notebook or one sentence."""
    data = bytearray(SEED)
    for place, length, put in changes:
        data[place : place + length] = put
    read_or_refused(bytes(data))


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    """Bytes that are no notebook are one sentence."""
    assert read_or_refused(data) is None


# --- at the door -------------------------------------------------------------------------------------


@pytest.fixture
def staged(tmp_path: Path) -> Callable[[dict[str, bytes]], Submission]:
    """Stages a folder with these files for an assignment of one module and one optional notebook."""
    manifest = Manifest(
        id="a", title="", submitted=("rnn.py",), optional=("rnn.ipynb",), given=(), parts=(), questions=()
    )

    def run(files: dict[str, bytes]) -> Submission:
        (tmp_path / "in").mkdir()
        for name, data in {"rnn.py": b"x = 1\n", **files}.items():
            (tmp_path / "in" / name).write_bytes(data)
        return stage(tmp_path / "in", manifest, tmp_path, tmp_path / "out")

    return run


def test_a_good_notebook_is_staged(staged: Callable[[dict[str, bytes]], Submission]) -> None:
    """A notebook that the manifest names is staged byte for byte; others are not looked at."""
    submission = staged({"rnn.ipynb": encoded(cells=[code()]), "scratch.ipynb": b"no notebook"})
    assert (submission.problems, submission.findings) == ({}, ())
    assert (Path(submission.root) / "rnn.ipynb").read_bytes() == encoded(cells=[code()])
    assert not (Path(submission.root) / "scratch.ipynb").exists()


def test_a_bad_notebook_is_a_problem_of_its_own(staged: Callable[[dict[str, bytes]], Submission]) -> None:
    """A notebook that cannot be read is named with the reason and not staged; the module is."""
    submission = staged({"rnn.ipynb": b"{}"})
    problem = submission.problems["rnn.ipynb"]
    assert problem.startswith("the notebook is of no known form")
    assert submission.findings == (f"rnn.ipynb: {problem}",)
    assert list(submission.hashes) == ["rnn.py"]
    assert not (Path(submission.root) / "rnn.ipynb").exists()


def test_a_notebook_over_the_limit_is_not_even_read(tmp_path: Path) -> None:
    """The size in the folder is enough to refuse a notebook of half a gigabyte."""
    manifest = Manifest(id="a", title="", submitted=("rnn.ipynb",), given=(), parts=(), questions=())
    (tmp_path / "in").mkdir()
    with (tmp_path / "in" / "rnn.ipynb").open("wb") as file:
        file.truncate(500 * MIB)
    with within(MIB, seconds=2.0):
        submission = stage(tmp_path / "in", manifest, tmp_path, tmp_path / "out")
    assert submission.findings == ("rnn.ipynb is larger than 100 MiB; hand in a smaller file",)
    assert submission.hashes == {}
