"""Part 2, layer normalisation and the feed-forward block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, gradient_close, rel, tensor
from grader.errors import Verdict
from grader.records import Status
from grader.remote import Remote, Vjp
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

TOL = rel(1e-5)
SEEDS = st.integers(0, 2**32 - 1)
PUBLISHED = np.linspace(-0.4, 0.6, 8, dtype=np.float32).reshape(2, 4)


def sines(*shape: int) -> Array:
    return np.sin(np.arange(1, math.prod(shape) + 1)).reshape(shape).astype(np.float32)


# --- LayerNormalization -----------------------------------------------------------------------------------


def normalised(x: Array, gamma: Array | float = 1.0, beta: Array | float = 0.0, eps: float = 1e-10) -> Array:
    x = x.astype(np.float64)
    centred = x - x.mean(-1, keepdims=True)
    return gamma * centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + eps) + beta


def mistaken_norms(
    x: Array, gamma: Array | float = 1.0, beta: Array | float = 0.0, eps: float = 1e-10
) -> dict[str, Array]:
    x = x.astype(np.float64)
    centred = x - x.mean(-1, keepdims=True)
    var = np.square(centred).mean(-1, keepdims=True)
    M = x.shape[-1]
    found = {
        "Epsilon is added after the square root; it belongs under it.": centred / (np.sqrt(var) + eps),
        "The variance must not be divided by M - 1 (Bessel's correction), but by M.": (
            centred / np.sqrt(var * M / max(M - 1, 1) + eps)
        ),
        "The square root of the variance is missing.": centred / (var + eps),
        "The variance is a sum, not a mean.": centred / np.sqrt(var * M + eps),
        "Mean and variance run over the batch, not over the last axis.": normalised(
            np.moveaxis(x, 0, -1), eps=eps
        ).transpose(x.ndim - 1, *range(x.ndim - 1)),
        "Mean and variance run over all axes but the first; only the last one is right.": normalised(
            x.reshape(len(x), -1), eps=eps
        ).reshape(x.shape),
        "Mean and variance run over the whole tensor.": normalised(x.reshape(-1), eps=eps).reshape(x.shape),
    }
    right = normalised(x, eps=eps)
    return {text: gamma * y + beta for text, y in found.items()} | {
        "Scale and shift are exchanged.": beta * right + gamma,
        "Scale and shift are not applied.": right,
        "The shift is not applied.": gamma * right,
        "The shift is added before the scale is applied.": gamma * (right + beta),
    }


def listed(parameters: Mapping[str, Array]) -> str:
    """Names and shapes, for staff: names of a student's choice can say what a hidden check asked."""
    return ", ".join(f"{name} {p.shape}" for name, p in parameters.items())[:400] or "none"


def others(module: str, parameters: Mapping[str, Array], wanted: str) -> Verdict:
    return Verdict(
        Status.FAILED,
        f"{module} has the parameters {listed(parameters)}; wanted {wanted}.",
        hidden_text=f"{module} has other parameters than the task says, {len(parameters)} in all; wanted {wanted}.",
    )


def gradients_of(found: Vjp, names: list[str]) -> list[Any]:
    """The gradients of these parameters, where there are no others."""
    if found.parameters.keys() != set(names):
        text = "the module has other parameters after a forward pass than before"
        raise Verdict(Status.FAILED, f"{text}; all of them belong into the constructor.")
    return [found.parameters[name] for name in names]


def sampled_norm(student: Subject, seed: int, M: int, eps: float) -> tuple[Remote, Array, Array, list[str]]:
    """A layer norm with random scale and shift, told apart by their initial ones and zeros, and their names."""
    norm: Remote = student.transformers.LayerNormalization(M, eps)
    named = norm.parameters()
    scales = [name for name, p in named.items() if p.shape == (M,) and (p == 1).all()]
    shifts = [name for name, p in named.items() if p.shape == (M,) and (p == 0).all()]
    if len(named) != 2 or not (scales and shifts):
        wanted = f"two nn.Parameter of shape ({M},), a scale that starts at ones and a shift that starts at zeros"
        raise others(f"LayerNormalization({M})", named, wanted)
    rng = np.random.default_rng(seed)
    gamma, beta = rng.normal(1, 0.5, M), rng.normal(0, 0.5, M)
    norm.fill({scales[0]: gamma, shifts[0]: beta})
    return norm, gamma, beta, [scales[0], shifts[0]]


@pytest.mark.check("p2.layernorm_fwd", question="norm_feedforward", points=0.5)
def test_layernorm(student: Subject, stored: Stored) -> None:
    """LayerNormalization normalises each row of a matrix"""
    y = student.transformers.LayerNormalization(4)(PUBLISHED)
    close(y, stored.array("U7"), name="y", dims="N M", tol=TOL, alternatives=mistaken_norms(PUBLISHED))


@pytest.mark.check(
    "p2.layernorm_fwd.sizes", question="norm_feedforward", points=0.5, needs="p2.layernorm_fwd", hidden=True
)
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), M=st.integers(2, 9), power=st.sampled_from([-10, -2, -1]))
def test_layernorm_sizes(student: Subject, seed: int, N: int, M: int, power: int) -> None:
    """LayerNormalization on other matrices, with another scale, shift and epsilon"""
    eps = 10.0**power
    norm, gamma, beta, _ = sampled_norm(student, seed, M, eps)
    x = np.random.default_rng(seed + 1).normal(0.5, 1.5, (N, M)).astype(np.float32)
    close(norm(x), normalised(x, gamma, beta, eps), name="y", dims="N M", tol=TOL,
          case=f"N={N}, M={M}, epsilon=10^{power}", alternatives=mistaken_norms(x, gamma, beta, eps))  # fmt: skip


def double_norm(student: Subject, *args: float) -> Remote:
    """A layer norm in float64."""
    norm: Remote = student.transformers.LayerNormalization(*args)
    norm.double()
    return norm


@pytest.mark.check("p2.layernorm_3d", question="norm_feedforward", points=0.25)
def test_layernorm_3d(student: Subject) -> None:
    """LayerNormalization on a batch of sequences; epsilon is under the root; equal entries do no harm"""
    x = np.linspace(-1, 2, 30).reshape(2, 3, 5) ** 3
    y = double_norm(student, 5)(x)
    close(y, normalised(x), name="y", dims="N K M", tol=rel(1e-6), alternatives=mistaken_norms(x))

    row = np.array([[0.0, 1.0, 2.0, 3.0]])
    y = double_norm(student, 4, 1.0)(row)
    close(y, [[-1, -1 / 3, 1 / 3, 1]], name="y", dims="N M", tol=rel(1e-6), case="epsilon=1, row 0 1 2 3",
          alternatives=mistaken_norms(row, eps=1.0))  # fmt: skip

    flat = double_norm(student, 4).vjp([np.full((2, 4), 3.0)], sines(2, 4), wrt=(0,))
    case = "all entries of a row are equal"
    close(flat.output, np.zeros((2, 4)), name="y", dims="N M", tol=rel(1e-6), case=case)
    gradient = flat.inputs[0]
    if gradient is None or not np.isfinite(tensor(gradient, name="the gradient of x", case=case)).all():
        text = f"the gradient of x is {'missing' if gradient is None else 'not finite'} ({case})."
        raise Verdict(Status.FAILED, f"{text} The root has no slope at 0: epsilon belongs under it.")


@pytest.mark.check(
    "p2.layernorm_3d.sizes", question="norm_feedforward", points=0.25, needs="p2.layernorm_3d", hidden=True
)
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 5), M=st.integers(2, 9),
       power=st.sampled_from([-10, -2, -1]))  # fmt: skip
def test_layernorm_3d_sizes(student: Subject, seed: int, N: int, K: int, M: int, power: int) -> None:
    """LayerNormalization on other batches of sequences, with another scale, shift and epsilon"""
    eps = 10.0**power
    norm, gamma, beta, _ = sampled_norm(student, seed, M, eps)
    x = np.random.default_rng(seed + 1).normal(0.5, 1.5, (N, K, M)).astype(np.float32)
    close(norm(x), normalised(x, gamma, beta, eps), name="y", dims="N K M", tol=TOL,
          case=f"N={N}, K={K}, M={M}, epsilon=10^{power}",
          alternatives=mistaken_norms(x, gamma, beta, eps))  # fmt: skip


@pytest.mark.check(
    "p2.layernorm_grad_seeded", question="norm_feedforward", points=0.25, needs="p2.layernorm_fwd"
)
def test_layernorm_grad_seeded(student: Subject, stored: Stored) -> None:
    """the gradient of LayerNormalization's input, for the notebook's upstream gradient"""
    upstream = stored.generated("seeded_upstreams")["layernorm"]
    found = student.transformers.LayerNormalization(4).vjp([PUBLISHED], upstream, wrt=(0,))
    gradient_close(found.inputs[0], stored.array("U8"), name="the gradient of x", dims="N M", tol=TOL)


@pytest.mark.check(
    "p2.layernorm_grad_sin", question="norm_feedforward", points=0.125, needs="p2.layernorm_fwd"
)
def test_layernorm_grad_sin(student: Subject, stored: Stored) -> None:
    """the gradient of LayerNormalization's input, for the upstream gradient sin 1, sin 2, …"""
    found = student.transformers.LayerNormalization(4).vjp([PUBLISHED], sines(2, 4), wrt=(0,))
    gradient_close(found.inputs[0], stored.array("W3"), name="the gradient of x", dims="N M", tol=TOL)


@pytest.mark.check(
    "p2.layernorm_grad_sin.sizes", question="norm_feedforward", points=0.125,
    needs="p2.layernorm_grad_sin", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 5), M=st.integers(3, 9))
def test_layernorm_grad_sizes(student: Subject, seed: int, N: int, K: int, M: int) -> None:
    """gradients of LayerNormalization's input, scale and shift on other sizes"""
    norm, gamma, _beta, names = sampled_norm(student, seed, M, 0.01)
    rng = np.random.default_rng(seed + 1)
    x, upstream = rng.normal(0.5, 1.5, (2, N, K, M)).astype(np.float32)
    found = norm.vjp([x], upstream, wrt=(0,), parameters=True)

    x, upstream = x.astype(np.float64), upstream.astype(np.float64)
    centred = x - x.mean(-1, keepdims=True)
    root = np.sqrt(np.square(centred).mean(-1, keepdims=True) + 0.01)
    unit, inner = centred / root, gamma * upstream
    inner_x = (inner * unit).mean(-1, keepdims=True)
    right = (inner - inner.mean(-1, keepdims=True) - unit * inner_x) / root
    case = f"N={N}, K={K}, M={M}"
    gradient_close(found.inputs[0], right, name="the gradient of x", dims="N K M", tol=TOL, case=case)
    of_scale, of_shift = gradients_of(found, names)
    right = (upstream * unit).sum((0, 1))
    gradient_close(of_scale, right, name="the gradient of the scale", dims="M", tol=TOL, case=case)
    gradient_close(of_shift, upstream.sum((0, 1)), name="the gradient of the shift", dims="M", tol=TOL, case=case)


# --- FeedForwardBlock -------------------------------------------------------------------------------------


def filled_block(subject: Subject) -> Remote:
    block: Remote = subject.transformers.FeedForwardBlock(4, 8)
    subject.probes.transformer.fill_linspace(block)
    return block


def two_maps(x: Array, w1: Array, b1: Array, w2: Array, b2: Array) -> tuple[Array, dict[str, Array]]:
    """The right output, and what the usual mistakes give. Weights are (outputs, inputs)."""
    inner = x @ w1.T + b1
    right = np.maximum(inner, 0) @ w2.T + b2
    return right, {
        "There is no ReLU between the two maps.": inner @ w2.T + b2,
        "There is another ReLU after the second map.": np.maximum(right, 0),
        "The result contains x: the residual is added by the blocks, not here.": right + x,
        "Between the maps stands a sigmoid, not a ReLU.": 1 / (1 + np.exp(-inner)) @ w2.T + b2,
    }


def published_maps() -> tuple[Array, dict[str, Array]]:
    w1, b1, w2, b2 = (
        np.linspace(-1.4, 1.3, math.prod(shape)).reshape(shape) for shape in ((8, 4), (8,), (4, 8), (4,))
    )
    return two_maps(PUBLISHED, w1, b1, w2, b2)


@pytest.mark.check("p2.feedforward_fwd", question="norm_feedforward", points=0.5)
def test_feedforward(student: Subject, stored: Stored) -> None:
    """FeedForwardBlock is Linear, ReLU, Linear"""
    y = filled_block(student)(PUBLISHED)
    close(y, stored.array("U9"), name="y", dims="N M", tol=TOL, alternatives=published_maps()[1])


def sampled_block(student: Subject, seed: int, M: int, H: int) -> tuple[Remote, list[Array], list[str]]:
    """A block with random parameters, which their shapes tell apart (M and H differ), and their names."""
    block: Remote = student.transformers.FeedForwardBlock(M, H)
    rng = np.random.default_rng(seed)
    values = [rng.normal(0, 1, shape) for shape in ((H, M), (H,), (M, H), (M,))]
    parameters = block.parameters()
    named = {p.shape: name for name, p in parameters.items()}
    if len(parameters) != 4 or set(named) != {v.shape for v in values}:
        raise others(f"FeedForwardBlock({M}, {H})", parameters, f"those of two Linear, from {M} to {H} and back")
    names = [named[value.shape] for value in values]
    block.fill(dict(zip(names, values, strict=True)))
    return block, values, names


@pytest.mark.check(
    "p2.feedforward_fwd.sizes", question="norm_feedforward", points=0.5, needs="p2.feedforward_fwd", hidden=True
)
@few_examples
@given(seed=SEEDS, shape=st.lists(st.integers(1, 4), min_size=1, max_size=2), M=st.integers(1, 6),
       more=st.sampled_from([-1, 1, 5]))  # fmt: skip
def test_feedforward_sizes(student: Subject, seed: int, shape: list[int], M: int, more: int) -> None:
    """FeedForwardBlock on other sizes, for matrices and batches of sequences"""
    H = M + more or M + 1
    block, values, _ = sampled_block(student, seed, M, H)
    x = np.random.default_rng(seed + 1).normal(0, 1, (*shape, M)).astype(np.float32)
    right, mistaken = two_maps(x, *values)
    close(block(x), right, name="y", dims="N M" if x.ndim == 2 else "N K M", tol=TOL,
          case=f"x of shape {x.shape}, hidden size {H}", alternatives=mistaken)  # fmt: skip


@pytest.mark.check(
    "p2.feedforward_grad_seeded", question="norm_feedforward", points=0.25, needs="p2.feedforward_fwd"
)
def test_feedforward_grad_seeded(student: Subject, stored: Stored) -> None:
    """the gradient of FeedForwardBlock's input, for the notebook's upstream gradient"""
    upstream = stored.generated("seeded_upstreams")["feedforward"]
    found = filled_block(student).vjp([PUBLISHED], upstream, wrt=(0,))
    gradient_close(found.inputs[0], stored.array("U10"), name="the gradient of x", dims="N M", tol=TOL)


@pytest.mark.check(
    "p2.feedforward_grad_sin", question="norm_feedforward", points=0.125, needs="p2.feedforward_fwd"
)
def test_feedforward_grad_sin(student: Subject, stored: Stored) -> None:
    """the gradient of FeedForwardBlock's input, for the upstream gradient sin 1, sin 2, …"""
    found = filled_block(student).vjp([PUBLISHED], sines(2, 4), wrt=(0,))
    gradient_close(found.inputs[0], stored.array("W4"), name="the gradient of x", dims="N M", tol=TOL)


@pytest.mark.check(
    "p2.feedforward_grad_sin.sizes", question="norm_feedforward", points=0.125,
    needs="p2.feedforward_grad_sin", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(1, 4), K=st.integers(1, 5), M=st.integers(1, 6))
def test_feedforward_grad_sizes(student: Subject, seed: int, N: int, K: int, M: int) -> None:
    """gradients of FeedForwardBlock's input and parameters on other sizes"""
    block, (w1, b1, w2, _), names = sampled_block(student, seed, M, M + 3)
    rng = np.random.default_rng(seed + 1)
    x, upstream = rng.normal(0, 1, (2, N, K, M)).astype(np.float32)
    found = block.vjp([x], upstream, wrt=(0,), parameters=True)

    inner = x @ w1.T + b1
    back = upstream @ w2 * (inner > 0)
    rows, row_upstream = back.reshape(-1, M + 3), upstream.reshape(-1, M)
    right = {
        "the first map's weight": rows.T @ x.reshape(-1, M),
        "the first map's bias": rows.sum(0),
        "the second map's weight": row_upstream.T @ np.maximum(inner, 0).reshape(-1, M + 3),
        "the second map's bias": row_upstream.sum(0),
    }
    case = f"N={N}, K={K}, M={M}, hidden size {M + 3}"
    gradient_close(found.inputs[0], back @ w1, name="the gradient of x", dims="N K M", tol=TOL, case=case)
    for (what, expected), gradient in zip(right.items(), gradients_of(found, names), strict=True):
        gradient_close(gradient, expected, name=f"the gradient of {what}", tol=TOL, case=case)
