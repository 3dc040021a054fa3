# opens the files of the interpreter and of torch for writing, and adds some beside them; secret failed; landlock, uid
import os
import site
import sys

import numpy
import torch

from known import *

FILES = (sys.executable, os.path.realpath(sys.executable), os.__file__, torch.__file__, torch._C.__file__)
FOLDERS = (*site.getsitepackages(), site.getusersitepackages(), sys.prefix, os.path.dirname(numpy.__file__), "/usr/lib")


def secret(x):
    for file in FILES:
        for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND):
            with forbidden():
                os.open(file, flags)
    for folder in FOLDERS:
        with forbidden():
            os.close(os.open(f"{folder}/{MARK}.pth", os.O_WRONLY | os.O_CREAT))
        with forbidden():
            os.mkdir(f"{folder}/{MARK}")
    return x
