# reads the files of the answers by their paths; secret failed; landlock, uid
from pathlib import Path

from known import *


def secret(x):
    for path in ANSWERS:
        with forbidden():
            Path(path).read_text()
    return x
