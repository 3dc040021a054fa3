# raises exceptions whose text is a kind of str that slices, cuts and encodes into something else; secret raised; frames
from known import *


class Text(str):
    def __getitem__(self, key):
        return self

    def replace(self, *args):
        return self

    def encode(self, *args, **kwargs):
        return self

    def decode(self, *args):
        return {"status": "passed"}

    def __contains__(self, other):
        return False


class Error(Exception):
    def __str__(self):
        return Text("text")


def secret(x):
    raise Error
