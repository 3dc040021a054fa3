"""Probes of part 2: what runs beside the student's models/Transformer.py and brings evidence out of its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchgrade_probes import filling


def numbered(model: nn.Module) -> dict[str, Tensor]:
    """The parameters outside layer norms, each named by its shape and which one of this shape it is: "9x14 1"."""
    seen: dict[str, int] = {}
    found = {}
    for parameter in filling.own_parameters(model):
        shape = "x".join(map(str, parameter.shape))
        seen[shape] = seen.get(shape, 0) + 1
        found[f"{shape} {seen[shape]}"] = parameter
    return found


def drawn(model: nn.Module, seed: int, matrices: float, vectors: float) -> None:
    """Normal weights of these standard deviations. They hang on a parameter's shape and on which one of this shape
    it is, but neither on torch's generator nor on what the layers are called."""
    with torch.no_grad():
        for name, parameter in numbered(model).items():
            shape = tuple(parameter.shape)
            rng = np.random.default_rng([seed, int(name.split()[1]), *shape])
            parameter.copy_(torch.from_numpy(rng.normal(0, matrices if len(shape) > 1 else vectors, shape)))


def gradients(model: nn.Module, method: str, inputs: Sequence[Tensor], upstream: Tensor) -> dict[str, Any]:
    """The output of a method, and the gradients of <output, upstream> for the parameters outside layer norms: None
    where none arrives, and everywhere when the output has another shape than `upstream`."""
    output = getattr(model, method)(*inputs)
    leaves = numbered(model)
    found: Sequence[Tensor | None] = [None] * len(leaves)
    if isinstance(output, Tensor) and output.requires_grad and output.shape == upstream.shape:
        found = torch.autograd.grad(output, list(leaves.values()), upstream.to(output.dtype), allow_unused=True)
    return {"output": output, "gradients": dict(zip(leaves, found, strict=True))}


def built_and_called(
    build: Callable[..., Any],
    sizes: Sequence[int],
    options: dict[str, Any],
    method: str,
    inputs: Sequence[Tensor],
    training: bool = True,
) -> Any:
    """A method of a new model, in the random stream of its constructor: two calls would seed in between."""
    return getattr(build(*sizes, "cpu", **options).train(training), method)(*inputs)
