# breaks what the worker needs in order to answer at all; secret crashed; process
import builtins
import sys

from known import *


def secret(x):
    box = sys.modules["grader.worker.box"]
    box.traceback.extract_tb = builtins.isinstance = lambda *args: 1 / 0
    box.Box._report = box.wire.Packer.frame = None
    raise ValueError("passed")
