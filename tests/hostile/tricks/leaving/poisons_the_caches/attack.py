# puts files where the next process looks for settings and cached results; secret failed; landlock, uid
import os
from pathlib import Path

import matplotlib
import torch

from known import *

TORCH = os.path.dirname(torch.__file__)
HOMES = (matplotlib.get_cachedir(), matplotlib.get_configdir(), os.path.expanduser("~"), TORCH)


def secret(x):
    for place in map(Path, HOMES):
        with forbidden():
            (place / f"fontlist-{MARK}.json").write_text("{}")
        for folder in (".cache", "stylelib", "__pycache__", ".config"):
            with forbidden():
                (place / folder).mkdir(exist_ok=True)
                (place / folder / MARK).write_text("")
        for file in place.glob("*"):
            with forbidden():
                file.rename(place / MARK)
    with forbidden():
        os.makedirs(f"{torch.hub.get_dir()}/{MARK}")
    with forbidden(RuntimeError):
        torch.save({}, f"{matplotlib.get_cachedir()}/{MARK}.pt")
    return x
