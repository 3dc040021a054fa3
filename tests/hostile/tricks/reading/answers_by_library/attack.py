# opens the answers with every library that opens files by itself; secret failed; landlock, uid
import bz2
import configparser
import ctypes
import io
import linecache
import lzma
import mmap
import runpy
import shutil
import sqlite3
import tarfile
import tokenize
import zipfile
from importlib.machinery import ExtensionFileLoader, SourceFileLoader

import numpy as np
import torch
import torchvision

from known import *

READERS = (
    io.FileIO, tokenize.open, runpy.run_path, zipfile.ZipFile, tarfile.open, np.load, np.fromfile, np.genfromtxt,
    np.memmap, torch.load, torchvision.io.read_file, bz2.BZ2File, lzma.LZMAFile,
    lambda path: mmap.mmap(os.open(path, os.O_RDONLY), 0, prot=mmap.PROT_READ),
    lambda path: shutil.copyfile(path, os.devnull),
    lambda path: torch.from_file(path, size=1, dtype=torch.uint8),
    lambda path: torch.UntypedStorage.from_file(path, False, 1),
    lambda path: sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("select * from sqlite_master"),
    lambda path: SourceFileLoader("stolen", path).load_module(),
    lambda path: SourceFileLoader("stolen", path).get_data(path),
    lambda path: ExtensionFileLoader("stolen", path).get_data(path),
)  # fmt: skip


def secret(x):
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    for path in ANSWERS:
        for read in READERS:
            with forbidden(RuntimeError, sqlite3.OperationalError):
                read(path)
        # These say nothing when they are refused.
        if linecache.getlines(path) or configparser.ConfigParser().read(path) or libc.fopen(path.encode(), b"r"):
            breach()
    return x
