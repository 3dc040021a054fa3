# has a model that is a function which returns a number; model failed; values
from known import *


def Model():
    return 5
