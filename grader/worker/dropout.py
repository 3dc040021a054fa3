"""Portable dropout: one rule for the CPU's dropout masks on every processor.

torch draws Bernoulli masks on the CPU with MKL's multiplicative congruential generator where MKL is in
use (Intel processors) and element by element elsewhere, so a seeded, train-mode value depends on the
machine. The rule here is MKL's (MCG31m1: L'Ecuyer 1999, "Tables of linear congruential generators of
different sizes and good lattice structure"), which is also the one behind the courses' published values:

    r    one raw 32-bit output of the default generator, whatever the number of elements
    x_0  = r mod M, 0 becoming 1;  x_(n+1) = A x_n mod M;  M = 2^31 - 1, A = 1132489760
    element n, in C order, is 1 if and only if x_n / M < q
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

M = 2**31 - 1
A = 1132489760
NAME = "mcg31m1"


def powers(count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """A^0 … A^(count-1) mod M, by doubling: the product of two residues fits 62 bits."""
    table = np.ones(1, np.int64)
    factor = A
    while len(table) < count:
        table = np.concatenate([table, table * factor % M])
        factor = factor * factor % M
    return table[:count]


def install(torch: ModuleType) -> Any:
    """Replaces the CPU kernel of `aten::bernoulli_.float`, on which nn.Dropout, F.dropout and attention's
    own dropout rest. Returns the registration, which holds as long as it is kept."""
    table = powers(1 << 12)

    def bernoulli_(self: Any, p: float = 0.5, *, generator: Any = None) -> Any:
        nonlocal table
        count = self.numel()
        if count > len(table):
            table = powers(1 << (count - 1).bit_length())
        # No draw yields all 32 bits of one output: a 64-bit integer is made of two, the first one on top. So
        # the integer comes from a copy, and a float32, which takes one, moves the generator on.
        source = generator or torch.default_generator
        pair = torch.empty((), dtype=torch.int64).random_(-(2**63), None, generator=source.clone_state()).item()
        torch.empty(()).uniform_(generator=source)
        start = (pair >> 32) % 2**32 % M or 1
        kept = (table[:count] * start % M) < p * M
        return self.copy_(torch.from_numpy(kept).view(self.shape))

    library = torch.library.Library("aten", "IMPL")
    library.impl("bernoulli_.float", bernoulli_, "CPU", allow_override=True)
    return library
