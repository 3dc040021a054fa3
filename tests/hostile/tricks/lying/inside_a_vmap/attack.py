# leaves the process inside a vmap that never ends; secret failed; process, values
from torch._C import _functorch

from known import *


def secret(x):
    level = _functorch._vmap_increment_nesting(3, "error")
    return _functorch._add_batch_dim(x.clone(), 0, level)
