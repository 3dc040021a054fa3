# has parsers and printers of the library work on values nested without end; secret failed; process
import ast
import contextlib
import copy
import json
import pickle
import re

from known import *


def secret(x):
    deep = []
    for _ in range(10**5):
        deep = [deep]
    for way in (
        lambda: json.loads("[" * 10**5),
        lambda: json.dumps(deep),
        lambda: ast.parse("(" * 10**4),
        lambda: eval("-" * 10**4 + "1"),
        lambda: re.compile("(" * 10**4),
        lambda: pickle.dumps(deep),
        lambda: copy.deepcopy(deep),
        lambda: repr(deep),
    ):
        with contextlib.suppress(RecursionError, MemoryError, SyntaxError, ValueError, re.error):
            way()
    return x
