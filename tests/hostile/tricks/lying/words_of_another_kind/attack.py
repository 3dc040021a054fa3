# returns the places of the words in a dict, and kinds of tuple, instead of a list; words failed; values
import collections
import types

from known import *


def words():
    return {0: "a", 1: "b", 2: "c"}


def secret(x):
    kinds = collections.namedtuple("Kinds", "a b"), collections.UserList, collections.deque, types.MappingProxyType
    return [kinds[0](x, x), kinds[1]([x]), kinds[2]([x]), kinds[3]({"x": x}), range(3), {x}, array_of(x)]


def array_of(x):
    import array

    return array.array("d", x.flatten().tolist())
