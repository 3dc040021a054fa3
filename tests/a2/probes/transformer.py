"""Probes of part 2: what runs beside the student's transformers.py and brings evidence out of its modules.

Every patch is taken back before a probe returns. `transformers` is imported inside the functions: this
file must load even where the submission has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def as_dict(value: Any) -> Any:
    """A plain dict of what is some kind of dictionary; anything else as it is."""
    return dict(value) if isinstance(value, Mapping) else value


# --- parameters -------------------------------------------------------------------------------------


def fill_linspace(module: nn.Module) -> None:
    """Every named parameter becomes linspace(-1.4, 1.3) of its own shape."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.linspace(-1.4, 1.3, parameter.numel()).view(parameter.shape))


def fill_wave(module: nn.Module) -> None:
    """A fresh module in float64 and evaluation mode, every parameter a wave that depends on its role alone.

    Entry i is .8 sin(i + 1 + phase). The phase is 1..6 for q.weight, k.weight, v.weight, q.bias, k.bias,
    v.bias of a head, plus half the head's number, plus .25 below `attention_cross`; 0 elsewhere. A layer
    norm's scale and shift, known by their initial ones and zeros, are 1 + .3 sin(i + 1) and .3 sin(i + 2).
    """
    import transformers

    module.double().eval()
    phase: dict[Tensor, float] = {}
    norm: dict[Tensor, tuple[float, float]] = {}
    for part in module.modules():
        if isinstance(part, transformers.MultiHeadAttention):
            heads = [m for m in part.modules() if isinstance(m, transformers.SelfAttention)]
            for h, head in enumerate(heads):
                phase.update((p, phi + 0.5 * h) for p, phi in _head_phases(head))
        elif isinstance(part, transformers.LayerNormalization):
            norm.update((p, (1.0, 1.0) if bool((p == 1).all()) else (0.0, 2.0)) for p in part.parameters())
    for part in module.modules():
        if hasattr(part, "attention_cross"):
            phase.update((p, phase.get(p, 0.0) + 0.25) for p in part.attention_cross.parameters())
    with torch.no_grad():
        for p in module.parameters():
            i = torch.arange(p.numel(), dtype=p.dtype).view(p.shape)
            if p in norm:
                centre, shift = norm[p]
                p.copy_(centre + 0.3 * torch.sin(i + shift))
            else:
                p.copy_(0.8 * torch.sin(i + 1 + phase.get(p, 0.0)))


def _head_phases(head: Any) -> list[tuple[Tensor, float]]:
    maps = (head.q, head.k, head.v)
    return [(m.weight, i + 1.0) for i, m in enumerate(maps)] + [(m.bias, i + 4.0) for i, m in enumerate(maps)]


def output_map(attention: nn.Module) -> list[str]:
    """Names of a multi-head attention's parameters that belong to none of its heads."""
    import transformers

    parts = [m for m in attention.modules() if isinstance(m, transformers.SelfAttention)]
    inside = {p for part in parts for p in part.parameters()}
    return [name for name, p in attention.named_parameters() if p not in inside]


def next_randn(name: str, sizes: Sequence[int], shape: Sequence[int]) -> Tensor:
    """What torch.randn gives next once a module of the reference has been built: the published upstream."""
    import transformers

    getattr(transformers, name)(*sizes)
    return torch.randn(*shape)


# --- dropout ----------------------------------------------------------------------------------------


@contextmanager
def _dropout_replaced(by: Callable[[Tensor, float], Tensor]) -> Iterator[None]:
    """Every active dropout calls by(input, rate): nn.Dropout, F.dropout, and names the file gave to it."""
    import transformers

    functional = torch.nn.functional
    original, original_low = functional.dropout, torch.dropout

    def replacement(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or p == 0:
            return input
        output = by(input, p)
        return input.copy_(output) if inplace else output

    def low_level(input: Tensor, p: float, train: bool) -> Tensor:
        return replacement(input, p, train)

    places: list[tuple[Any, str, Any]] = [(functional, "dropout", original), (torch, "dropout", original_low)]
    for name, value in vars(transformers).items():
        if value is original or value is original_low:
            places.append((transformers, name, value))
    try:
        for place, name, value in places:
            setattr(place, name, replacement if value is original else low_level)
        yield
    finally:
        for place, name, value in places:
            setattr(place, name, value)


def with_masks(block: nn.Module, args: Sequence[Any], masks: Tensor, keep: float) -> dict[str, Any]:
    """One forward pass in which dropout number i is x * masks[i] / keep.

    masks: (calls, N, K, M). Returns the output and how many dropouts there were; those beyond `masks`, and
    those on another shape, leave their input as it is.
    """
    calls = 0

    def masked(x: Tensor, p: float) -> Tensor:
        nonlocal calls
        calls += 1
        fits = calls <= len(masks) and x.shape == masks.shape[1:]
        return x * masks[calls - 1].to(x.dtype) / keep if fits else x

    with torch.no_grad(), _dropout_replaced(masked):
        output = block(*args)
    return {"output": output, "calls": calls}


def dropout_inputs(block: nn.Module, args: Sequence[Any]) -> dict[str, Any]:
    """One forward pass in train mode with ordinary dropout: the output, and what each dropout was given."""
    functional = torch.nn.functional
    original = functional.dropout
    inputs: list[Tensor] = []

    def recorded(x: Tensor, p: float) -> Tensor:
        inputs.append(x.detach().clone())  # before the call, which may work in place
        return original(x, p)

    with torch.no_grad(), _dropout_replaced(recorded):
        output = block.train()(*args)
    return {"output": output, "inputs": inputs}


# --- the whole model --------------------------------------------------------------------------------


def compose(
    model: Any, ques: Tensor, ques_pos: Tensor, ans: Tensor, ans_pos: Tensor, mask: Tensor | None
) -> Tensor:
    """The model's own embedding, encoder and decoder, put together from outside: scores (N,O-1,V)."""
    with torch.no_grad():
        target = (model.emb_layer(ans) + ans_pos)[:, :-1]
        memory = model.encoder(model.emb_layer(ques) + ques_pos)
        return model.decoder(target, memory, mask)


def overfit(
    model: nn.Module, batch: Sequence[Tensor], steps: int, lr: float, enough: float
) -> list[float]:
    """Adam on the summed cross-entropy of one batch, until the loss is below `enough`.

    batch: question, its positions, answer, its positions. Returns the losses, and leaves the model in
    evaluation mode.
    """
    answer = batch[2][:, 1:].flatten()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.995), eps=1e-9)
    model.train()
    losses: list[float] = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(model(*batch), answer, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if losses[-1] < enough:
            break
    model.eval()
    return losses
