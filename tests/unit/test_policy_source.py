"""What the text of a module shows of rules: honest code is never accused, and what cannot be proven is a doubt."""

# ruff: noqa: E501  (tables with one case a line)
from __future__ import annotations

import contextlib
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from grader.checks.source import Remark, calls, definitions, has, imports

HANDED_OUT = '''\
"""An encoder."""
import random

import numpy as np
import torch
import torch.nn as nn
from helpers import load, save


class Encoder(nn.Module):
    def __init__(self, size, dropout=0.2):
        super().__init__()
        # TODO: layers
        raise NotImplementedError("Encoder.__init__")

    def forward(self, x, *, mask=None):
        raise NotImplementedError("Encoder.forward")

    def given(self, a, b):
        return a + b


def step(x, /, h, *more, k, **rest):
    raise NotImplementedError("step")


if torch.cuda.is_available():
    def on_gpu(x):
        raise NotImplementedError("on_gpu")
else:
    def on_gpu(x):
        raise NotImplementedError("on_gpu")
'''
LSTM = ("torch.nn.LSTM", "torch.nn.L*Cell", "torch.lstm", "sum")


def swapped(*pairs: tuple[str, str]) -> str:
    """HANDED_OUT with some of it replaced."""
    text = HANDED_OUT
    for old, new in pairs:
        assert text.count(old) >= 1, old
        text = text.replace(old, new)
    return text


def said(remarks: list[Remark], *, certain: bool = True) -> list[tuple[int, str]]:
    return [(remark.line, remark.text) for remark in remarks if remark.certain is certain]


# --- imports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        HANDED_OUT,
        swapped(("import torch.nn as nn", "from torch import nn")),
        swapped(("import random\n\nimport numpy as np\nimport torch\n", "import torch, random, numpy as np\n")),
        swapped(("from helpers import load, save", "from helpers import (\n    save,\n    load,\n)")),
        swapped(("from helpers import load, save", "from helpers import load\nfrom helpers import save")),
        swapped(('"""An encoder."""', "from __future__ import annotations")),
        swapped(("        # TODO: layers", "        import random")),
        swapped(('"""An encoder."""', '"""import os: exec(open(x)), __import__ and eval are but words."""')),
        swapped(("        # TODO: layers", "        # import os\n        self.eval(); self.train().eval(); torch.compile")),
        swapped(("def given(self, a, b)", "def given(self, a, eval=False, compile=None)"), ("a + b", "a if eval else a")),
        swapped(("a + b", "re.compile(a), model.eval(), b.exec")),
        swapped(("\n", "\r\n")),
        "\ufeff" + HANDED_OUT,
    ],
    ids=range(13),
)
def test_imports_may_be_written_in_any_way(text: str) -> None:
    """Order, grouping, place and style of imports are free; words and methods that look like exec are no doubt."""
    assert imports(text.encode(), HANDED_OUT) == []


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("import os", "import os"),
        ("import os.path", "import os.path"),
        ("import torch as t", "import torch as t"),
        ("import torch.nn.functional as F", "import torch.nn.functional as F"),
        ("from torch.nn import functional as F", "from torch.nn import functional as F"),
        ("import random, math", "import math"),
        ("from helpers import load, other", "from helpers import other"),
        ("from helpers import *", "from helpers import *"),
        ("from . import secrets", "from . import secrets"),
        ("from ..up import one", "from ..up import one"),
    ],
)
def test_an_added_import_is_quoted_with_its_line(line: str, shown: str) -> None:
    """At the top, in a method, under a condition: what was added is told as it stands there, in its first line."""
    text = f"`{shown}` was not among its imports; take it out, and do without"
    assert said(imports(HANDED_OUT + line, HANDED_OUT)) == [(HANDED_OUT.count("\n") + 1, text)]
    for before in ("        # TODO: layers\n        ", "        # TODO: layers\n        if size:\n            "):
        nested = swapped(("        # TODO: layers", before + line))
        [(at, told)] = said(imports(nested, HANDED_OUT))
        assert (nested.splitlines()[at - 1].strip(), told) == (line, text)


def test_an_import_that_is_gone_is_told() -> None:
    """An import that is missing, or binds another name, is told as the hand-out has it."""
    found = said(imports(swapped(("import random\n", ""), ("import numpy as np", "import numpy")), HANDED_OUT))
    assert found == [
        (3, "`import numpy` was not among its imports; take it out, and do without"),
        (0, "`import random` is gone; put it back"),
        (0, "`import numpy as np` is gone; put it back"),
    ]


def test_allowed_statements_are_fine_and_not_asked_for() -> None:
    """What the manifest allows may be imported, in any style, and need not be."""
    allow = ("from torch import nn", "import math, os", "from torch.nn import functional as F")
    assert imports(HANDED_OUT, HANDED_OUT, allow) == []
    more = HANDED_OUT + "import math\ndef f():\n    import torch.nn.functional as F\n"
    assert imports(more, HANDED_OUT, allow) == []
    assert len(said(imports(more + "import sys", HANDED_OUT, allow))) == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("__import__('os')", "`__import__` imports a module out of sight; take it out"),
        ("__import__('torch')", "`__import__` imports a module out of sight; take it out"),
        ("get = __import__", "`__import__` imports a module out of sight; take it out"),
        ("exec('import os')", "`import os` was not among its imports; take it out, and do without"),
        ("exec('  import os  ')", "`import os` was not among its imports; take it out, and do without"),
        ("run = exec\nrun('import os')", "`import os` was not among its imports; take it out, and do without"),
        ("eval('__import__(\"os\")')", "`__import__` imports a module out of sight; take it out"),
        ("exec(compile('from os import path', '', 'exec'))", "`from os import path` was not among its imports; "
         "take it out, and do without"),
        ("exec('exec(\"import os\")')", "`import os` was not among its imports; take it out, and do without"),
    ],
)  # fmt: skip
def test_imports_by_other_means_are_found(line: str, text: str) -> None:
    """`__import__`, and code in a constant text, are breaches like an import, in the line in which they stand."""
    found = said(imports(HANDED_OUT + line, HANDED_OUT))
    assert found == [(HANDED_OUT.count("\n") + 1 + line.count("\n"), text)]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("exec('im' + 'port os')", "`exec`"),
        ("eval(input())", "`eval`"),
        ("exec(f'import {name}')", "`exec`"),
        ("exec('this is no Python')", "`exec`"),
        ("exec(b'import os')", "`exec`"),
        ("map(exec, texts)", "`exec`"),
        ("torch.__builtins__['__import__']('os')", "`__builtins__`"),
        ("save.__globals__", "`__globals__`"),
        ("getattr(torch, '__builtins__')", "`__builtins__`"),
        ("torch.importlib.import_module('os')", "`import_module`"),
        ("__loader__.load_module('os')", "`__loader__`"),
        ("def exec(text): ...\nexec('import os')", "`exec`"),
    ],
)
def test_what_cannot_be_proven_is_a_doubt(line: str, what: str) -> None:
    """Code out of sight, and ways that may lead to a module, are told as doubts and are no breach."""
    found = imports(HANDED_OUT + line, HANDED_OUT)
    assert said(found) == []
    assert any(what in text for _line, text in said(found, certain=False))


def test_code_in_a_text_that_imports_what_is_there_is_fine() -> None:
    """A constant text is looked at as if it stood there: it may import what the file imports."""
    assert imports(HANDED_OUT + "exec('import torch; eval(\"1 + 1\")')", HANDED_OUT) == []


# --- definitions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        HANDED_OUT,
        swapped(("size, dropout=0.2", "size: int, dropout: float = 0.5"), ("x, *, mask=None", "x, *, mask")),
        swapped(("mask=None):", "mask=None) -> torch.Tensor:"), ("    def forward", "    @torch.no_grad()\n    def forward")),
        swapped(("def given(self, a, b)", "def given(self, one, two=2)"), ("a + b", "one")),
        swapped(("class Encoder(nn.Module):", "class Extra: ...\n\n\nclass Encoder(nn.Module):\n    def more(self): ...")),
        swapped(("def step(x, /,", "def helper(): ...\n\n\ndef step(x, /,")),
        swapped(("if torch.cuda.is_available():", "for _ in range(1):")).replace("else:", "if True:"),
        swapped(("if torch.cuda.is_available():", "try:"), ("else:", "except ImportError:")),
        swapped(("class Encoder(nn.Module):", "if True:\n  class Encoder(nn.Module):")).replace("\n    def", "\n     def")
        .replace("\n        ", "\n         "),
    ],
    ids=range(9),
)  # fmt: skip
def test_definitions_may_be_filled_in_any_way(text: str) -> None:
    """Defaults, annotations, decorators, parameters of given functions, and what is added, are free."""
    assert definitions(text, HANDED_OUT) == []


@pytest.mark.parametrize(
    ("old", "new", "at", "text"),
    [
        ("class Encoder", "class MyEncoder", 0, "the class `Encoder` is gone; give it back its name"),
        ("def forward", "def forwards", "class Encoder", "the function `Encoder.forward` is gone; give it back its name"),
        ("def given", "def _given", "class Encoder", "the function `Encoder.given` is gone; give it back its name"),
        ("def step", "def Step", 0, "the function `step` is gone; give it back its name"),
        ("self, size, dropout", "self, dim, dropout", "def __init__",
         "`Encoder.__init__(self, dim, dropout)` was handed out as `Encoder.__init__(self, size, dropout)`"),
        ("self, x, *, mask", "self, x, mask", "def forward",
         "`Encoder.forward(self, x, mask)` was handed out as `Encoder.forward(self, x, *, mask)`"),
        ("self, x, *, mask", "self, *x, mask", "def forward",
         "`Encoder.forward(self, *x, mask)` was handed out as `Encoder.forward(self, x, *, mask)`"),
        ("x, /, h, *more, k, **rest", "x, h, *more, k, **rest", "def step",
         "`step(x, h, *more, k, **rest)` was handed out as `step(x, /, h, *more, k, **rest)`"),
        ("dropout=0.2)", "dropout=0.2, debug=False)", "def __init__",
         "`Encoder.__init__(self, size, dropout, debug)` was handed out as `Encoder.__init__(self, size, dropout)`"),
        ("def step(x, /, h, *more, k, **rest):", "class step:\n  def no(x): ...\n  def nor(x):", "class step",
         "`step` was handed out as a function; make it one again"),
    ],
)  # fmt: skip
def test_a_changed_definition_is_told(old: str, new: str, at: int | str, text: str) -> None:
    """What is gone, is another kind of thing or takes other parameters is told once, with its line if it has one."""
    changed = swapped((old, new))
    line = next((n for n, row in enumerate(changed.splitlines(), 1) if isinstance(at, str) and at in row), 0)
    assert said(definitions(changed, HANDED_OUT)) == [(line, text)]


def test_names_that_may_change_are_not_asked_for() -> None:
    """What the manifest allows to change may change, or go."""
    changed = swapped(("def step", "def stride"), ("self, x, *, mask", "self, y"))
    assert definitions(changed, HANDED_OUT, ("step", "Encoder.forward")) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def step(", "step = torch.compile(lambda x: x)\n\n\ndef stride("),
        ("def step(", "from helpers import step\n\n\ndef stride("),
        ("def step(", "from helpers import *\n\n\ndef stride("),
        ("    def forward(", "    forward = None\n\n    def onward("),
        ("class Encoder(nn.Module):\n    def __init__", "class Encoder(Base):\n    def init"),
    ],
)
def test_names_that_come_from_elsewhere_are_a_doubt(old: str, new: str) -> None:
    """A name that is assigned, imported or perhaps inherited may still be right: a doubt, no breach."""
    found = definitions(swapped((old, new)), HANDED_OUT)
    assert said(found) == [] and len(found) == 1


def test_a_local_variable_does_not_stand_in_for_a_function() -> None:
    """That some function has a variable of that name says nothing of a function that is gone."""
    changed = swapped(("def step(", "def stride("), ("return a + b", "step = a + b\n        return step"))
    assert said(definitions(changed, HANDED_OUT)) == [(0, "the function `step` is gone; give it back its name")]


@pytest.mark.parametrize(
    ("mark", "there"),
    [
        ("Encoder", True), ("Encoder.forward", True), ("Encoder.forward(mask)", True), ("step(k)", True),
        ("step(more)", False), ("on_gpu", True), ("forward", False), ("Encoder.forward(masks)", False),
        ("Encoder(size)", False), ("Decoder", False),
    ],
)  # fmt: skip
def test_marks_of_other_editions(mark: str, there: bool) -> None:
    """A mark names a class, a function or a parameter, by its qualified name and exactly."""
    assert has(HANDED_OUT, mark) is there


# --- calls --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "import torch.nn as nn\nx = nn.LSTM(1, 2)",
        "import torch\nx = torch.nn.LSTM",
        "from torch import nn\nclass Mine(nn.LSTM): ...",
        "from torch import nn as n\nn.LSTM",
        "import torch as t\nlayers = [t.nn.LSTM]",
        "import torch\nnn = torch.nn\nnn.LSTM()",
        "import torch\na, b = 1, torch.nn\nb.LSTM()",
        "import torch\nif (b := torch.nn): ...\nb.LSTM()",
        "from torch import nn\nclass A:\n    def f(self):\n        self.nn = nn\n        return self.nn.LSTM(1)",
        "import torch\ngetattr(torch.nn, 'LSTM')",
        "import torch\ngetattr(getattr(torch, 'nn'), 'LSTM', None)",
        "import torch\nvars(torch.nn)['LSTM']",
        "import torch\ntorch.nn.__dict__['LSTM']",
        "import torch\neval('torch.nn.LSTM')(1, 2)",
        "from torch.nn import *\nLSTM(1, 2)",
        "import torch\ndef f(layer=torch.nn.LSTM): ...",
        "import torch\ntorch.nn.LSTM.forward",
        "import torch\ntorch.nn.ＬSTM",
    ],
)
def test_a_forbidden_layer_is_found_under_any_name(text: str) -> None:
    """Whatever it is called there, and whether or not it is called at once, the breach has its full name and a line."""
    *_rest, (line, told) = said(calls(text, LSTM))
    assert line == text.count("\n") + 1
    assert told == "`torch.nn.LSTM` is not to be used here"


def test_patterns_and_builtins() -> None:
    """A pattern stands for all that fits, an import of it is enough, and a built-in function has its bare name."""
    text = "from torch.nn import LSTMCell as cell\nimport torch\ntorch.lstm(sum(x))\nimport builtins\nbuiltins.sum"
    shown = [(line, told.split("`")[1]) for line, told in said(calls(text, LSTM))]
    assert shown == [(1, "torch.nn.LSTMCell"), (3, "sum"), (3, "torch.lstm"), (5, "sum")]


@pytest.mark.parametrize(
    "text",
    [
        "from torch import nn\nclass LSTM(nn.Module): ...\nmodel = LSTM()",
        "from torch.nn import *\nclass LSTM(Module): ...\nmodel = LSTM()",
        "from models import naive\nmodel = naive.LSTM(1, 2)",
        "import torch.nn as nn\ndef f(x: nn.LSTM, y: 'nn.LSTM' = None) -> nn.LSTM | None:\n    z: nn.LSTM",
        "import torch.nn as nn\nfor m in mods:\n    if isinstance(m, (nn.LSTM, nn.Linear)): ...",
        "class A:\n    def f(self):\n        self.LSTM = 1\n        self.lstm = 2\n        return self.LSTM, self.sum",
        "import numpy as np\nnp.sum(x), x.sum(), df.sum, x.lstm(), f().lstm",
        "'nn.LSTM is not to be used: torch.nn.LSTM'  # torch.nn.LSTM",
        "def f(layers, name):\n    return getattr(layers, name), getattr(f, f'{name}_1')",
        "from torch import nn\nnn.LSTMS, nn.lstm, nn.Linear(1, 2)",
        "x = x.a.b\nx = y\ny = x",
    ],
)
def test_honest_code_uses_nothing_forbidden(text: str) -> None:
    """Own classes of that name, annotations, isinstance, attributes and words are no use, and not even a doubt."""
    assert calls(text, LSTM) == []


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ngetattr(torch.nn, 'LS' + 'TM')",
        "import torch\ngetattr(torch, name)",
        "import torch\n(lambda: torch.nn)().LSTM()",
        "import torch\nfor n in (torch.nn,):\n    n.LSTM()",
        "__import__('torch').nn.LSTM()",
        "def f(nn):\n    return nn.LSTM()",
        "import torch.nn as nn\nclass mine: LSTM = 1\ndef f(nn=mine):\n    return nn.LSTM",
        "(lambda: torch)().torch.lstm(x)",
        "exec(text)",
        "def f(x, sum=0):\n    return sum + x",
    ],
)
def test_what_may_be_forbidden_is_a_doubt(text: str) -> None:
    """What a name stands for cannot always be told without running the code: that is a doubt, no breach."""
    found = calls(text, LSTM)
    assert found and said(found) == []


# --- hostile text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"x{i} = x{j}.a" for i in range(60) for j in range(60)),
        "x = " + ".".join(["a"] * 800) + ".LSTM",
        "\n".join(f"a{i} = a{i + 1}.b" for i in range(4000)),
        "x = [" + "torch.nn.LSTM, " * 20_000 + "]",
        "exec('" * 40 + "",
        "x = " + "+".join(["f(a.b)"] * 900),
    ],
    ids=["assigned in circles", "long name", "long chain", "many uses", "quotes", "deep"],
)
def test_no_text_keeps_the_grader_busy(text: str) -> None:
    """However names are tangled up, a look ends soon: by an answer, or by what parsing itself may raise."""
    start = time.process_time()
    for look in (lambda: imports(text, ""), lambda: definitions(text, ""), lambda: calls(text, LSTM)):
        with contextlib.suppress(SyntaxError, RecursionError):
            look()
    assert time.process_time() - start < 20


def test_a_long_name_does_not_hide_a_use() -> None:
    """A name too long to be followed is told as a doubt by its last part."""
    found = calls("import torch as a\nx = a" + ".a" * 100 + ".LSTM", LSTM)
    assert [(remark.line, remark.certain) for remark in found] == [(2, False)]


def test_warnings_for_its_author_are_nobody_elses() -> None:
    r"""A text with "\d" outside a raw string is looked at without a warning of Python's, which may be an error here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert imports("x = '\\d'\nimport os", "")
        assert calls("x = '\\d'\nsum(x)", LSTM)
        assert definitions("x = '\\d'", "def f(): ...")


def test_nothing_is_executed(tmp_path: Path) -> None:
    """Looking at code that writes a file, in decorators, defaults and at its top, leaves no file behind."""
    mark = tmp_path / "ran"
    write = f"open({str(mark)!r}, 'w')"
    text = f"{write}\n@{write}\ndef f(x={write}): ...\nexec({write!r})\n"
    looks = "imports(t, t); definitions(t, t); calls(t, 'a')"
    code = f"import sys; from grader.checks.source import *; t = sys.argv[1]; {looks}"
    subprocess.run([sys.executable, "-c", code, text], check=True, timeout=60)
    assert not mark.exists()
