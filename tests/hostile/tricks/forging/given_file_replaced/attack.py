# hands in the given file in a version of its own; secret failed; intake
import given

from known import *


def secret(x):
    if given.GIVEN is not True:
        breach()
    return x
