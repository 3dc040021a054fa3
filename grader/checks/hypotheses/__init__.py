"""Why a tensor may be wrong: each hypothesis is one small function from `Evidence` to a `Diagnosis` or None.

A hypothesis mends the actual tensor in its own way (swaps two axes, divides by a factor, …) and fits when the mended
tensor is within the check's tolerance and far better than before. It must rest on three entries at least, and on values
that differ from each other: a constant tensor is its own transpose, its own reverse and a multiple of any other. Only
mistakes and factors that the caller names may rest on less, since a scalar loss has nothing more to show.
"""
