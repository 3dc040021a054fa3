"""Probes of part 1: modules called with tuples, in a seeded random stream, and asked for gradients.

Classes of the submission come in as arguments: this file must load even where one is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torchgrade_probes import filling

Build = Callable[..., Any]

# --- calls ------------------------------------------------------------------------------------------


def with_tuples(args: list[Any]) -> list[Any]:
    """Arguments as the course passes them: a list that came in a message becomes the tuple that it stands for."""
    return [tuple(value) if isinstance(value, list) else value for value in args]


def call(module: nn.Module, args: list[Any]) -> Any:
    return module(*with_tuples(args))


def seeded(build: Build, args: list[Any], inputs: list[Any], training: bool) -> Any:
    """Build a module and call it, both in the random stream that the notebook's seed begins."""
    filling.set_seed_nb()
    return call(build(*args).train(training), inputs)


def seeded_seq2seq(
    builds: list[Build],
    encoder_args: list[Any],
    decoder_args: list[Any],
    source: Tensor,
    attention: bool,
    training: bool,
) -> Any:
    """Output of a Seq2Seq without attention; or, in the same random stream, of a second one after it, made of the
    first one's encoder and a new decoder with attention."""
    Encoder, Decoder, Seq2Seq = builds
    filling.set_seed_nb()
    encoder = Encoder(*encoder_args)
    output = assemble(Seq2Seq, encoder, Decoder(*decoder_args)).train(training)(source.clone())
    if not attention:
        return output
    return assemble(Seq2Seq, encoder, Decoder(*decoder_args, attention=True)).train(training)(source)


def assemble(Seq2Seq: Build, encoder: nn.Module, decoder: nn.Module) -> Any:
    return Seq2Seq(encoder, decoder, torch.device("cpu"))


# --- evidence ---------------------------------------------------------------------------------------


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def changed(module: nn.Module, args: list[Any]) -> list[int]:
    """Which of the tensors among the arguments, numbered as they stand, a call changes in place."""
    tensors = [value for value in leaves(args) if isinstance(value, Tensor)]
    before = [tensor.clone() for tensor in tensors]
    call(module, args)
    return [i for i, (old, new) in enumerate(zip(before, tensors, strict=True)) if not torch.equal(old, new)]


def gradients(
    module: nn.Module, args: list[Any], upstreams: list[Tensor], owners: list[nn.Module] | None = None
) -> dict[str, Any]:
    """Gradients of the sum of <output, upstream> by the name of what they belong to, None where none arrives:
    "input 1", …, the float arguments, and "parameter 1 of shape (4, 3)", …, counted within a shape over `owners`, or
    over the module itself. No gradient is taken where the outputs do not fit `upstreams`."""
    inputs = [v.requires_grad_() for v in leaves(args) if isinstance(v, Tensor) and v.is_floating_point()]
    wanted = {f"input {k}": tensor for k, tensor in enumerate(inputs, 1)}
    count: dict[tuple[int, ...], int] = {}
    for parameter in filling.own_parameters(*(owners or [module])):
        shape = tuple(parameter.shape)
        count[shape] = count.get(shape, 0) + 1
        wanted[f"parameter {count[shape]} of shape {shape}"] = parameter
    outputs = list(leaves(call(module, args)))
    fit = len(outputs) == len(upstreams) and all(
        isinstance(o, Tensor) and o.shape == u.shape for o, u in zip(outputs, upstreams, strict=True)
    )
    if not fit or not any(output.requires_grad for output in outputs):
        return dict.fromkeys(wanted)
    total = sum((o * u).sum() for o, u in zip(outputs, upstreams, strict=True))
    return dict(zip(wanted, torch.autograd.grad(total, list(wanted.values()), allow_unused=True), strict=True))
