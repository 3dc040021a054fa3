# returns a list of 400000 empty lists, which grow where they are decoded; secret failed; frames, values
from known import *


def secret(x):
    return [[]] * 400_000


def words():
    return {number: None for number in range(200_000)}
