# returns lone surrogates, zeros, escapes and marks that turn the reading round; words failed; frames, values, log
from known import *

ODD = "\ud800\udfff", "\x00", "\x1b]0;title\x07\x1b[2J", "\u202epassed\u202c", "<script>alert(1)</script>", "\r\x08"


def words():
    return ["".join(ODD[1:]), *ODD[1:3]]


def secret(x):
    return ODD[0] if x.ndim == 1 else {ODD[0]: ODD[0], "".join(ODD[1:]): 1}
