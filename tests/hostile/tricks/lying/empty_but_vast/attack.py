# returns a tensor without a byte that has sixteen million rows, to be taken for a list; words failed; values
import torch

from known import *

ROWS = 1 << 24  # whoever makes a list of lists of 1 << 40 rows needs 70 TB


def words():
    return torch.empty(ROWS, 0)
