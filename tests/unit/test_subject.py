"""What a check sees of a submission: calls and values, and a verdict in plain words for whatever goes wrong."""

from __future__ import annotations

import gc
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from grader.errors import GraderError, SandboxUnavailable, Verdict, WorkerError
from grader.records import Gpu, Limits, Reply, Returned, Status, Submission
from grader.remote import Prepared, Remote
from grader.subject import Subject
from grader.worker.client import PLAIN, Objects
from grader.worker.launch import AnyWorker, Launcher, Zygote
from grader.worker.sandbox import LAYERS

LIMITS = Limits(import_s=5.0, call_s=5.0, memory_mib=256)

GOOD = '''
import gc
import time
import torch
from torch import nn

WIDTH = 4
TABLE = {"a": [1, 2.5], "b": torch.arange(3)}

class Model(nn.Module):
    """A linear layer, an unused parameter and a list of layers."""
    def __init__(self, width=2, *, bias=True):
        super().__init__()
        self.W = nn.Parameter(torch.ones(width, width, dtype=torch.float64))
        self.unused = nn.Parameter(torch.zeros(1))
        self.layers = [nn.Linear(1, 1), nn.ReLU()]
        self.width, self.bias = width, bias
        self.calls = 0
    def forward(self, x):
        self.calls += 1
        return x @ self.W
    @property
    def broken(self): return self.nothing

class Group(nn.ModuleList):
    def __init__(self): super().__init__([nn.Identity(), nn.ReLU()])

def add(a, b=1, *, scale=1): return (a + b) * scale
def step(x, h): return x * h, {"x": x, "h": h}, "third"
def backward(cache): return cache["x"] * 10
def one(x): return x
def nothing(x): pass
def noise(n): return torch.rand(n)
def slow(t):
    time.sleep(t)
    return t
def in_place(x, y):
    y += 1
    return x
def resizing(x): return x.unsqueeze_(0)
def swaps(model): return model.width
def product(x, w): return x * w
def detached(x): return x.detach() * 2
def total(x): return x.sum()
def to_list(x): return x.tolist()
def alive(): return sum(isinstance(o, Model) for o in gc.get_objects())
def fails(): raise ZeroDivisionError("by zero")
def stub(x): raise NotImplementedError
def named_stub(x): raise NotImplementedError("Model.forward")
def own(): import os; return os.getpid()
def dies(): import os; os._exit(1)
def hoard(): return torch.ones(1 << 30)
def escape(): return open("/etc/passwd").read()
def here(): return open("data.txt").read()
def echoes(count): return "x" * count
def named(word): return type(word, (), {"__call__": lambda self, x: 1 / x})()
def tells(file, line): exec(compile("\\n" * (line - 1) + "1 / 0", __file__.replace("good.py", file), "exec"))
def own_path(): raise OSError(__file__ + " in " + __file__.rpartition("/")[0])
'''
FILES = {
    "good.py": GOOD,
    "data.txt": "data",
    "folder/__init__.py": "",
    "folder/inner.py": "def f(): return 'inner'",
    "syntax.py": "def f(:\n    pass\n",
    "broken.py": "import good\nvalue = good.fails()\n",
    "misnamed.py": "from torch import no_such_name",
    "foreign.py": "import pandas\n",
    "hanging.py": "while True: pass\n",
    "asking.py": "name = input('name? ')\n",
    "moving.py": "import os\nos.chdir('/')\ndef f(): return open('data.txt').read()\n",
    "forking.py": "import os\nif os.fork() == 0: os._exit(0)\n",
    "starting.py": "import subprocess\nsubprocess.run(['true'])\n",
    "calling.py": "import socket\nsocket.create_connection(('127.0.0.1', 9))\n",
    "ending.py": "import sys\nsys.exit()\n",
    "crashing.py": "import os\nos._exit(0)\n",
    "hoarding.py": "import torch\nx = torch.ones(1 << 30)\n",
}
PROBE = """
    def fill_ones(model):
        import torch
        with torch.no_grad():
            model.W.fill_(1.0)
        return [model.W, model.calls]

    def use_student():
        import good
        return good.add(1)
"""


class Counting:
    """A launcher that counts the workers it starts."""

    def __init__(self, inner: Launcher) -> None:
        self._inner = inner
        self.versions: dict[str, str] = {}
        self.started = 0

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> AnyWorker:
        self.started += 1
        return self._inner.start(root, memory_mib, gpu)

    def close(self) -> None:
        raise AssertionError("whoever makes a launcher closes it")


@pytest.fixture(scope="module")
def root(stage_files: Any) -> Path:
    folder: Path = stage_files(FILES)
    return folder


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probes")
    (folder / "tools.py").write_text(dedent(PROBE))
    (folder / "more.py").write_text("from torchgrade_probes import tools\ntwice = lambda: 2 * tools.use_student()\n")
    (folder / "unfit.py").write_text("import absent_library\n")
    return folder


Make = Callable[..., Subject]


@pytest.fixture(scope="module")
def make(zygote: Zygote, root: Path) -> Iterator[Make]:
    """Builds subjects of the staged folder; all are closed at the end."""
    made: list[Subject] = []

    def build(*, launcher: Launcher | None = None, limits: Limits = LIMITS, **options: Any) -> Subject:
        submission = Submission(
            name="someone",
            root=str(root),
            hashes={"good.py": "", "calling.py": ""},
            missing=("absent.py",),
            problems={"unreadable.py": "line 3: invalid syntax: def f(:"},
        )
        made.append(Subject(submission, launcher or zygote, limits, **options))
        return made[-1]

    yield build
    for subject in made:
        subject.close()


@pytest.fixture(scope="module")
def student(make: Make, probes: Path) -> Subject:
    return make(probes=probes)


def verdict_of(call: Callable[[], Any]) -> Verdict:
    """The verdict that `call` ends with; no text of it may name a path of this machine."""
    with pytest.raises(Verdict) as caught:
        call()
    found = caught.value
    for text in (found.text, found.hidden_text):
        assert not re.search(r"(?<![\w.])/\w+", text), f"an absolute path in {text!r}"
    return found


# --- calls and values ---------------------------------------------------------------------------------


def test_calls_with_positions_and_keywords(student: Subject) -> None:
    """Arguments go by position and by name, as the call was written."""
    assert student.good.add(1) == 2
    assert student.good.add(1, 4) == 5
    assert student.good.add(1, b=2, scale=10) == 30
    assert np.array_equal(student.good.add(np.ones(2), scale=np.array(3.0)), [6, 6])


def test_modules_by_dotted_name(student: Subject) -> None:
    """A module inside a folder is reached by its dotted name."""
    assert student["folder.inner"].f() == "inner"


def test_get_brings_plain_values(student: Subject) -> None:
    """Constants, containers and arrays come as they are, objects as Remotes."""
    assert student.good.WIDTH.get() == 4
    table = student.good.TABLE.get()
    assert table["a"] == [1, 2.5] and np.array_equal(table["b"], [0, 1, 2])
    assert isinstance(student.good.Model.get(), Remote)


def test_attribute_paths_and_items(student: Subject) -> None:
    """A path leads into an object, by attributes and by list positions."""
    model = student.good.Model(3, bias=False)
    assert model.width.get() == 3 and model.bias.get() is False
    assert model.layers[0].weight.get().shape == (1, 1)
    assert isinstance(model.layers.get()[1], Remote)
    assert model.layers[1](np.array([-1.0, 2.0])).tolist() == [0.0, 2.0]
    assert student.good.Group()[1](np.array([-1.0, 2.0])).tolist() == [0.0, 2.0]


def test_objects_are_passed_back(student: Subject) -> None:
    """An object of the worker's goes back as an argument, also inside lists and dicts."""
    model = student.good.Model(3)
    assert student.good.swaps(model) == 3
    held = student.good.one([{"m": model}])
    assert student.good.swaps(held[0]["m"]) == 3


def test_names_are_not_values(student: Subject) -> None:
    """Passing a name instead of a value is a mistake of the suite's."""
    model = student.good.Model()
    with pytest.raises(GraderError, match="fetch it with"):
        student.good.one(model.width)
    with pytest.raises(GraderError):
        student.good.one(student.good.add)


def test_private_names_are_no_requests(student: Subject) -> None:
    """Underscore names are plain attribute errors, so that copying and formatting stay local."""
    with pytest.raises(AttributeError):
        student._private  # noqa: B018
    with pytest.raises(AttributeError):
        student.good.__array__  # noqa: B018


def test_only_one_item_is_sent(student: Subject) -> None:
    """`only` picks an item of the returned tuple in the worker."""
    x = np.arange(3.0)
    assert np.array_equal(student.good.step.using(only=0)(x, x + 1), x * (x + 1))
    assert student.good.step.using(only=2)(x, x) == "third"


def test_kept_items_stay(student: Subject) -> None:
    """`keep` leaves items in the worker, as objects that can be passed back."""
    x = np.arange(3.0)
    value, cache, third = student.good.step.using(keep=(1,))(x, x)
    assert np.array_equal(value, x * x) and third == "third"
    assert isinstance(cache, Remote)
    assert np.array_equal(student.good.backward(cache), x * 10)


def test_seeds(make: Make, student: Subject) -> None:
    """Each call is seeded: by `seed`, else by the subject's own seed."""
    seven = student.good.noise.using(seed=7)(3)
    assert np.array_equal(seven, student.good.noise.using(seed=7)(3))
    assert not np.array_equal(seven, student.good.noise.using(seed=8)(3))
    assert np.array_equal(student.good.noise(3), student.good.noise(3))
    assert np.array_equal(seven, make(seed=7).good.noise(3))


def test_options_add_up(student: Subject) -> None:
    """`using` leaves the original name as it was, and further options are added."""
    name = student.good.step
    first = name.using(only=0).using(seed=3)
    assert first(2, 3) == 6 and name(2, 3)[2] == "third"


def test_parameters_and_fill(student: Subject) -> None:
    """Named parameters are read as arrays and overwritten; a wrong name or shape ends the check."""
    model = student.good.Model(2)
    assert {k: v.shape for k, v in model.parameters().items()} == {"W": (2, 2), "unused": (1,)}
    model.fill({"W": np.array([[1.0, 2], [3, 4]])})
    assert np.array_equal(model(np.eye(2)), [[1, 2], [3, 4]])
    missing = verdict_of(lambda: model.fill({"V": np.ones(2)}))
    assert missing.status is Status.NOT_IMPLEMENTED and "no parameter named V" in missing.text
    wrong = verdict_of(lambda: model.fill({"W": np.ones((3, 3))}))
    assert wrong.status is Status.RAISED


def test_probes_run_beside_the_students_code(student: Subject) -> None:
    """A function of the suite takes the student's objects, imports the student's modules, and may change
    its arguments in place."""
    model = student.good.Model(2)
    model.fill({"W": np.zeros((2, 2))})
    assert student.probes.tools.fill_ones(model)[0].tolist() == [[1, 1], [1, 1]]
    assert student.probes.tools.use_student() == 2


def test_a_probe_module_is_loaded_when_it_is_asked_for(student: Subject) -> None:
    """One module may use another, one that cannot be loaded does no harm to the others, and what is not there is said
    to be missing."""
    assert student.probes.more.twice() == 4
    unfit = verdict_of(lambda: student.probes.unfit.anything())
    assert unfit.status is Status.RAISED and "absent_library" in unfit.text
    assert verdict_of(lambda: student.probes.nowhere.anything()).status is Status.NOT_IMPLEMENTED
    assert student.probes.tools.use_student() == 2


# --- gradients, sweeps, batches -----------------------------------------------------------------------


def test_vjp_for_inputs(student: Subject) -> None:
    """The output, and the gradient of <output, upstream> for each argument asked for, in that order."""
    x, w, upstream = np.arange(3.0), np.array([2.0, 3, 4]), np.array([1.0, 10, 100])
    found = student.good.product.vjp([x, w], upstream, wrt=(1, 0))
    assert np.array_equal(found.output, x * w)
    assert np.array_equal(found.inputs[0], upstream * x) and np.array_equal(found.inputs[1], upstream * w)
    assert found.parameters == {}


def test_vjp_for_parameters(student: Subject) -> None:
    """Of a module, gradients come by parameter name; one that takes no part has none."""
    model = student.good.Model(2)
    found = model.vjp([np.eye(2)], np.array([[1.0, 2], [3, 4]]), wrt=(0,), parameters=True)
    assert np.array_equal(found.parameters["W"], [[1, 2], [3, 4]]) and found.parameters["unused"] is None
    assert np.array_equal(found.inputs[0], [[3, 3], [7, 7]])


def test_vjp_of_a_detached_output(student: Subject) -> None:
    """Where the graph was cut, the output comes without any gradient."""
    found = student.good.detached.vjp([np.ones(2)], np.ones(2), wrt=(0,))
    assert np.array_equal(found.output, [2, 2]) and found.inputs == [None]


def test_vjp_with_an_output_of_another_shape(student: Subject) -> None:
    """When the output has not the upstream's shape, it comes without gradients, to be judged."""
    found = student.good.total.vjp([np.ones(2)], np.ones(2), wrt=(0,))
    assert found.output == 2.0 and found.inputs == [None]
    assert student.good.to_list.vjp([np.ones(2)], np.ones(2), wrt=(0,)).output == [1.0, 1.0]


def test_vjp_without_anything_to_differentiate(student: Subject) -> None:
    """Nothing asked for is nothing found, and no error."""
    found = student.good.product.vjp([np.ones(2), np.ones(2)], np.ones(2))
    assert found.inputs == [] and found.parameters == {}


def test_sweep(student: Subject) -> None:
    """One call for each slice of the stack, in place of one argument; outputs come stacked."""
    stack = np.arange(6.0).reshape(3, 2)
    found = student.good.product.sweep([np.array([1.0, 2]), None], 1, stack)
    assert np.array_equal(found, stack * [1, 2])
    picked = student.good.step.using(only=0).sweep([None, 10.0], 0, stack)
    assert np.array_equal(picked, stack * 10)


def test_sweep_of_something_that_returns_no_tensor(student: Subject) -> None:
    """A function that returns a list or nothing is blamed for that, not for its signature."""
    for name in ("nothing", "to_list"):
        function = getattr(student.good, name)
        found = verdict_of(lambda function=function: function.sweep([None], 0, np.ones((2, 2))))
        assert found.status is Status.FAILED and "instead of a tensor" in found.text


def test_prepared_calls(student: Subject) -> None:
    """Of functions and of objects; they are made when they are run, and their values fetched afterwards, once."""
    model = student.good.Model(2)
    calls = Prepared([(student.good.add, (1,)), (student.good.step.using(only=0), (2.0, 3)), (model, (np.eye(2),))])
    calls.run()
    found = calls.values()
    assert found[:2] == [2, 6] and found[2].tolist() == [[1, 1], [1, 1]]
    assert verdict_of(calls.values).status is Status.REFUSED


def test_prepared_calls_that_fail(student: Subject) -> None:
    """A name that is missing is told when the calls are prepared, and the first failure when they are run."""
    missing = verdict_of(lambda: Prepared([(student.good.add, (1,)), (student.good.missing, ())]))
    assert missing.status is Status.NOT_IMPLEMENTED
    failed = verdict_of(Prepared([(student.good.add, (1,)), (student.good.fails, ())]).run)
    assert failed.status is Status.RAISED and "ZeroDivisionError" in failed.text


# --- verdicts of calls --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args", "status", "words"),
    [
        ("missing", (), Status.NOT_IMPLEMENTED, "good.py has no missing"),
        ("Model.missing", (), Status.NOT_IMPLEMENTED, "good.py has no Model.missing"),
        ("stub", (1,), Status.NOT_IMPLEMENTED, "stub is not implemented yet"),
        ("named_stub", (1,), Status.NOT_IMPLEMENTED, "Model.forward is not implemented yet"),
        ("add", (), Status.RAISED, "add cannot be called as the task says: add() missing 1 required"),
        ("add", (1, 2, 3), Status.RAISED, "cannot be called as the task says"),
        ("fails", (), Status.RAISED, "fails raised ZeroDivisionError: by zero\n  good.py, line"),
        ("dies", (), Status.CRASHED, "dies: the code ended the process (exit code 1)"),
        ("hoard", (), Status.OUT_OF_MEMORY, "hoard ran out of memory"),
        ("own_path", (), Status.RAISED, "good.py in ."),
    ],
)
def test_failures_of_calls(student: Subject, name: str, args: tuple[Any, ...], status: Status, words: str) -> None:
    """Every way in which a call fails has its status and a sentence that helps."""
    remote = student.good
    for part in name.split("."):
        remote = getattr(remote, part)
    found = verdict_of(lambda: remote(*args))
    assert found.status is status and words in found.text
    assert student.good.add(1) == 2 and student.good.here() == "data"


def test_files_elsewhere_are_out_of_reach(student: Subject) -> None:
    """Reading outside the submission fails with a hint; the path in the text is the student's own."""
    with pytest.raises(Verdict) as caught:
        student.good.escape()
    assert caught.value.status is Status.RAISED
    assert "PermissionError" in caught.value.text and "not possible while grading" in caught.value.text


def test_hidden_messages_hold_names_of_the_suite_alone(student: Subject) -> None:
    """A hidden check calls an object what the suite called it: the submission's own names could carry hidden inputs."""
    spy = student.good.named("It_was_42")
    for found in (verdict_of(lambda: spy(0)), verdict_of(lambda: spy.absent.get()), verdict_of(lambda: spy(1, 2, 3))):
        assert "It_was_42" in found.text
        assert "It_was_42" not in found.hidden_text and "named" in found.hidden_text


def test_hidden_messages_hold_lines_of_submitted_files_alone(student: Subject) -> None:
    """A place in a traceback is told where the student's files have such a line; others could carry hidden inputs."""
    true = verdict_of(lambda: student.good.tells("good.py", 2))
    assert "\n  good.py, line 2" in true.hidden_text
    for file, line in (("good.py", 4242), ("It_was_42.py", 1), ("data.txt.py", 1)):
        found = verdict_of(lambda file=file, line=line: student.good.tells(file, line))  # type: ignore[misc]
        assert f"{file}, line {line}" in found.text
        assert f"{file}, line {line}" not in found.hidden_text and "good.py, line" in found.hidden_text


def test_what_comes_back_may_be_too_large_to_be_sent_again(make: Make, student: Subject) -> None:
    """A value that just fits a reply does not fit the next request: that is the submission's doing, never ours."""
    text = student.good.echoes((1 << 20) - 200)
    found = verdict_of(lambda: student.good.add(text, text))
    assert found.status is Status.REFUSED and "more plain data" in found.text
    assert student.good.add(1) == 2
    with pytest.raises(GraderError, match="the grader tried to send more plain data"):
        make(reference=True).good.add(text, text)
    with pytest.raises(GraderError, match="the grader tried to send a value of type set"):
        student.good.add({1, 2})


def test_a_single_value_where_several_are_expected(student: Subject) -> None:
    """`only` of a function that returned one value, or nothing, or too few, says what was returned."""
    for call, words in (
        (lambda: student.good.one.using(only=0)(np.ones(2)), "a single Tensor instead of several values"),
        (lambda: student.good.nothing.using(only=0)(1), "a single NoneType instead of several values"),
        (lambda: student.good.step.using(only=3)(1, 1), "too few values (3)"),
    ):
        found = verdict_of(call)
        assert found.status is Status.FAILED and words in found.text


def test_changes_in_place_fail_the_check(student: Subject) -> None:
    """A call that changes an argument fails with the argument's number, unless it may."""
    found = verdict_of(lambda: student.good.in_place(np.ones(2), np.ones(2)))
    assert found.status is Status.FAILED and "argument number 2 in place" in found.text
    found = verdict_of(lambda: student.good.in_place(np.ones(2), y=np.ones(2)))
    assert "argument number 2" in found.text
    assert verdict_of(lambda: student.good.resizing(np.ones(2))).status is Status.FAILED
    assert np.array_equal(student.good.in_place.using(changes=True)(np.ones(2), np.ones(2)), [1, 1])


def test_arguments_with_nan_are_not_called_changed(student: Subject) -> None:
    """NaN differs from itself, yet an untouched argument is untouched."""
    assert np.isnan(student.good.one(np.array([np.nan, 1.0]))[0])
    assert np.isnan(student.good.one(np.full(20_000, np.nan))[0])


def test_the_arrays_of_a_check_stay_as_they_are(student: Subject) -> None:
    """What a call does in place happens to the worker's copy."""
    mine = np.ones(2)
    student.good.in_place.using(changes=True)(np.ones(2), mine)
    assert np.array_equal(mine, [1, 1])


def test_attribute_errors_inside_a_property_are_the_students(student: Subject) -> None:
    """An AttributeError from the student's own lines is an error there, not a missing name."""
    model = student.good.Model()
    found = verdict_of(lambda: model.broken.get())
    assert found.status is not Status.PASSED and "broken" in found.text + found.staff


def test_calls_have_a_limit(student: Subject) -> None:
    """`limit_s` bounds one call; the next one goes to a fresh worker."""
    found = verdict_of(lambda: student.good.slow.using(limit_s=0.3)(30))
    assert found.status is Status.TIMED_OUT and "slow: it did not return within 0.3 s" in found.text
    assert student.good.slow(0) == 0


def test_checks_have_a_limit(make: Make) -> None:
    """All calls of a check together may take its limit, however long each one may; the next check starts
    with its own."""
    subject = make()
    subject.good.add(1)
    subject.begin_check(0.4)
    assert subject.good.slow(0.01) == 0.01
    assert verdict_of(lambda: subject.good.slow(30)).status is Status.TIMED_OUT
    found = verdict_of(lambda: subject.good.add(1))
    assert found.status is Status.TIMED_OUT and "calls of this check together" in found.text
    subject.begin_check(10)
    assert subject.good.add(1) == 2


def test_processor_time_adds_up_over_workers(make: Make) -> None:
    """The seconds of workers that are gone still count."""
    subject = make()
    subject.good.add(1)
    before = subject.cpu_now_s()
    subject.fresh()
    subject.good.add(1)
    assert 0 < before < subject.cpu_now_s() < 60


# --- verdicts of imports ------------------------------------------------------------------------------

IMPORTS = [
    ("absent", Status.NOT_IMPLEMENTED, "absent.py was not found in the submission"),
    ("unreadable", Status.RAISED, "unreadable.py cannot be used: line 3: invalid syntax: def f(:"),
    ("syntax", Status.RAISED, "importing syntax.py raised SyntaxError: invalid syntax\n  syntax.py, line 1: def f(:"),
    ("broken", Status.RAISED, "importing broken.py raised ZeroDivisionError: by zero\n  broken.py, line 2"),
    ("foreign", Status.RAISED, "No module named 'pandas'"),
    ("foreign", Status.RAISED, "only Python, torch, torchvision, numpy, matplotlib and the given files"),
    ("misnamed", Status.RAISED, "cannot import name 'no_such_name' from 'torch' (.../lib/"),
    ("unknown", Status.RAISED, "No module named 'unknown'"),
    ("hanging", Status.TIMED_OUT, "importing hanging.py: it did not return within 0.5 s"),
    ("asking", Status.RAISED, "keyboard"),
    ("forking", Status.RAISED, "starting processes, opening connections"),
    ("starting", Status.RAISED, "starting processes, opening connections"),
    ("calling", Status.RAISED, "starting processes, opening connections"),
    ("ending", Status.RAISED, "asks the interpreter to exit"),
    ("crashing", Status.CRASHED, "importing crashing.py: the code ended the process (exit code 0)"),
    ("hoarding", Status.OUT_OF_MEMORY, "importing hoarding.py ran out of memory"),
]


@pytest.mark.parametrize(("module", "status", "words"), IMPORTS)
def test_failures_of_imports(make: Make, module: str, status: Status, words: str) -> None:
    """A file that cannot be imported ends each of its checks with the same verdict; other files are judged."""
    subject = make(limits=structs.replace(LIMITS, import_s=0.5))
    first = verdict_of(lambda: subject[module].f())
    assert first.status is status and words in first.text
    again = verdict_of(lambda: subject[module].g())
    assert (again.status, again.text) == (first.status, first.text)
    assert subject.good.add(1) == 2


def test_a_failed_import_is_paid_for_once(make: Make, zygote: Zygote) -> None:
    """A file that hangs takes its limit once, and not once for every check."""
    launcher = Counting(zygote)
    subject = make(launcher=launcher, limits=structs.replace(LIMITS, import_s=0.5))
    verdict_of(lambda: subject.hanging.f())
    began = time.monotonic()
    for _ in range(5):
        verdict_of(lambda: subject.hanging.f())
    assert time.monotonic() - began < 0.2
    assert launcher.started == 1


def test_an_import_that_a_check_had_no_time_for_is_tried_again(make: Make) -> None:
    """What was left of a check's limit says nothing about a module: the next check imports it."""
    subject = make()
    subject.begin_check(0)
    assert verdict_of(lambda: subject.good.add(1)).status is Status.TIMED_OUT
    subject.begin_check(10)
    assert subject.good.add(1) == 2


def test_a_module_may_change_the_folder(make: Make) -> None:
    """After a chdir at import, calls still run in the submission's folder."""
    assert make().moving.f() == "data"


def test_modules_are_imported_once_for_each_worker(make: Make, zygote: Zygote) -> None:
    """Calls share one worker until `fresh`, which brings a new one with nothing left of the old."""
    launcher = Counting(zygote)
    subject = make(launcher=launcher)
    subject.good.add(1)
    subject.good.Model()
    assert launcher.started == 1
    subject.fresh()
    assert subject.good.alive() == 0 and launcher.started == 2


# --- objects and their worker -------------------------------------------------------------------------


def test_dropped_objects_are_dropped_in_the_worker(make: Make) -> None:
    """What nothing here refers to any more is forgotten by the worker before the next check."""
    subject = make()

    def alive() -> Any:
        gc.collect()
        subject.let_go()
        return subject.good.alive()

    models = [subject.good.Model() for _ in range(3)]
    assert alive() == 3
    del models[0]
    assert subject.good.alive() == 3, "not in the middle of a check"
    assert alive() == 2
    inner = models[0].layers
    del models
    assert alive() == 1, "a path into an object keeps it"
    del inner
    assert alive() == 0


@pytest.mark.parametrize("how", ["died", "fresh"])
def test_objects_do_not_outlive_their_worker(make: Make, how: str) -> None:
    """Using an object after its worker's end is a fault of ours, whatever the way; others are not mistaken
    for it."""
    subject = make()
    model = subject.good.Model(3)
    if how == "died":
        verdict_of(lambda: subject.good.dies())
    else:
        subject.fresh()
    with pytest.raises(WorkerError, match="after its worker had ended"):
        model.width.get()
    with pytest.raises(WorkerError):
        subject.good.one(model)
    other = subject.good.Model(5)
    del model
    gc.collect()
    assert subject.good.swaps(other) == 5


def test_objects_of_one_subject_are_not_anothers(make: Make) -> None:
    """Two submissions' objects are not mixed up."""
    mine, other = make(), make()
    model = mine.good.Model()
    other.good.Model()
    with pytest.raises(WorkerError):
        other.good.swaps(model)


# --- faults of the machine ----------------------------------------------------------------------------


class Stumbling(Counting):
    """A launcher that fails a number of times before it starts a worker."""

    def __init__(self, inner: Launcher, failures: int) -> None:
        super().__init__(inner)
        self.failures = failures

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> AnyWorker:
        self.failures -= 1
        if self.failures >= 0:
            raise WorkerError("no worker today")
        return super().start(root, memory_mib, gpu)


def test_a_worker_that_does_not_start_gets_a_second_try(make: Make, zygote: Zygote) -> None:
    """One failed start costs nothing, two are told; the next request tries again."""
    assert make(launcher=Stumbling(zygote, 1)).good.add(1) == 2
    subject = make(launcher=Stumbling(zygote, 2))
    with pytest.raises(WorkerError, match="no worker today"):
        subject.ready()
    assert subject.good.add(1) == 2


@pytest.mark.parametrize("reference", [False, True])
def test_a_worker_killed_from_outside_is_nobody_s_failure(make: Make, reference: bool) -> None:
    """It is a WorkerError, of a submission as of the reference, and the next call goes to a fresh worker."""
    subject = make(reference=reference)
    os.kill(subject.good.own(), signal.SIGKILL)
    with pytest.raises(WorkerError, match="killed from outside"):
        subject.good.add(1)
    assert subject.good.add(1) == 2


# --- the reference ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["good", "syntax", "absent"])
def test_failures_of_the_reference_are_ours(make: Make, module: str) -> None:
    """What would be a student's failure is a GraderError when our own solution fails."""
    subject = make(reference=True)
    try:
        subject[module].fails()
    except GraderError as error:
        assert "reference" in str(error)
    except Verdict as verdict:
        pytest.fail(f"the reference was judged: {verdict.text}")
    else:
        pytest.fail("no failure")
    assert subject.good.add(1) == 2


# --- replies that no honest worker sends --------------------------------------------------------------


class FakeWorker:
    """Answers everything with one value."""

    def __init__(self, value: Any, layers: dict[str, str]) -> None:
        self._value = value
        self.layers = layers
        self.alive = True
        self.charged_s = 0.0
        self.asked: list[str] = []

    def ask(self, request: list[Any], limit_s: float, objects: Objects = PLAIN) -> Reply:
        self.asked.append(request[0])
        return Returned(value=self._value)

    def cpu_now_s(self) -> float:
        return 0.0

    def log(self) -> str:
        return ""

    def close(self) -> None:
        self.alive = False


class FakeLauncher:
    """Starts workers with a given report of layers."""

    def __init__(self, *held: str, value: Any = None) -> None:
        self.layers = {layer: "" if layer in held else "not here" for layer in LAYERS}
        self.value = value
        self.versions: dict[str, str] = {}
        self.workers: list[FakeWorker] = []

    def start(self, root: str, memory_mib: int, gpu: Gpu | None = None) -> FakeWorker:
        self.workers.append(FakeWorker(self.value, self.layers))
        return self.workers[-1]

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "value",
    [
        None,
        1,
        "text",
        np.ones(3),
        [1, 2, 3],
        {"output": 1},
        {"output": 1, "inputs": 2, "parameters": {}},
        {"output": 1, "inputs": [], "parameters": {}},
        {"output": 1, "inputs": [1], "parameters": []},
    ],
)
def test_forms_that_no_honest_worker_sends(make: Make, value: Any) -> None:
    """A reply of another form than the verb's is tampering and REFUSED; nothing else is raised."""
    name = make(launcher=FakeLauncher(value=value)).good.f
    calls: list[Callable[[], Any]] = [lambda: name.vjp([np.ones(1)], np.ones(1), wrt=(0,))]
    if type(value) is not dict:
        calls.append(name.parameters)
    calls.append(lambda: Prepared([(name, ())]))
    if not isinstance(value, np.ndarray):
        calls.append(lambda: name.sweep([None], 0, np.ones((3, 2))))
    for call in calls:
        assert verdict_of(call).status is Status.REFUSED


def test_a_sweep_of_the_wrong_length_is_refused(make: Make) -> None:
    """As many outputs as slices, or it is tampering."""
    name = make(launcher=FakeLauncher(value=np.ones((4, 2)))).good.f
    assert verdict_of(lambda: name.sweep([None], 0, np.ones((3, 2)))).status is Status.REFUSED


# --- no answers within reach --------------------------------------------------------------------------


@pytest.fixture
def answers(stage_files: Any) -> dict[str, Path]:
    """An answer that every user of the machine can read, and one that only we can."""
    folder: Path = stage_files({"open/answer.txt": "42", "shut/answer.txt": "42"})
    (folder / "shut").chmod(0o700)
    return {"open": folder / "open", "shut": folder / "shut"}


@pytest.mark.parametrize(
    ("held", "where", "refused"),
    [
        (("landlock", "uid"), "open", ""),
        (("landlock",), "open", ""),
        (("uid",), "shut", ""),
        (("uid",), "open", "every user can read open"),
        ((), "shut", "nothing keeps graded code from reading the answers"),
        (("seccomp", "rlimits", "no_new_privs"), "shut", "--require-isolation"),
    ],
)
def test_nothing_is_graded_where_the_answers_can_be_read(
    make: Make, answers: dict[str, Path], held: tuple[str, ...], where: str, refused: str
) -> None:
    """Landlock hides the answers by itself, another uid hides what is private; without either no request is
    sent, not even at the second try."""
    launcher = FakeLauncher(*held, value=1)
    subject = make(launcher=launcher, required="answers", answers=[answers[where]])
    if not refused:
        assert subject.good.f() == 1
        return
    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match=re.escape(refused)):
            subject.good.f()
    assert all(not worker.asked and not worker.alive for worker in launcher.workers)


def test_a_subject_that_requires_nothing_runs_anywhere(make: Make) -> None:
    """The reference and a student's own code need no protection."""
    subject = make(launcher=FakeLauncher(value=1))
    assert subject.good.f() == 1
    assert subject.isolation["landlock"] == "not here"
