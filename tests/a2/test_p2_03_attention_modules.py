"""Part 2, self-attention and multi-head attention: values, gradients, initial weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from grader.checks import close, few_examples, floats, gradient_close, rel
from grader.errors import Verdict
from grader.outcomes import forged
from grader.records import Status
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject

Array = NDArray[Any]

TOL = rel(1e-5)
SEEDS = st.integers(0, 2**32 - 1)
FLAT_WEIGHT = "Did .data, .detach or no_grad cut it off?"


def published() -> list[Array]:
    """Query, key and value of the published checks, (2,4,4) each."""
    ends = ((-0.4, 0.6), (-0.8, 0.5), (-0.3, 0.8))
    return [np.linspace(a, b, 32, dtype=np.float32).reshape(2, 4, 4) for a, b in ends]


def sines(*shape: int) -> Array:
    return np.sin(np.arange(1, math.prod(shape) + 1)).reshape(shape).astype(np.float32)


def filled(student: Subject, name: str, *sizes: int) -> Remote:
    module: Remote = getattr(student.transformers, name)(*sizes)
    student.probes.transformer.fill_linspace(module)
    return module


def listed(parameters: Mapping[str, Array]) -> str:
    """Names and shapes, for visible checks and staff: names of a student's choice can say what a hidden check asked."""
    return ", ".join(f"{name} {p.shape}" for name, p in parameters.items())[:400] or "none"


def judge_sampled_gradients(student: Remote, reference: Remote, args: list[Array], upstream: Array, case: str) -> None:
    """Gradients for query, key and value, and one for every parameter."""
    mine = student.vjp(args, upstream, wrt=(0, 1, 2), parameters=True)
    right = reference.vjp(args, upstream, wrt=(0, 1, 2), parameters=True)
    for what, actual, expected in zip(("query", "key", "value"), mine.inputs, right.inputs, strict=True):
        dims = f"N {'K' if what == 'query' else 'T'} M"
        gradient_close(actual, expected, name=f"the gradient of {what}", dims=dims, tol=TOL, case=case)
    for name, gradient in mine.parameters.items():
        if gradient is None:
            asked = name if name in right.parameters else "the output map"
            raise Verdict(
                Status.FAILED,
                f"no gradient reaches the parameter {name[:80]}. {FLAT_WEIGHT}",
                hidden_text=f"no gradient reaches a parameter of {asked}. {FLAT_WEIGHT}",
            )


# --- SelfAttention ----------------------------------------------------------------------------------------


@pytest.mark.check("p2.self_attention_fwd", question="attention_modules", points=0.5)
def test_self_attention(student: Subject, stored: Stored, reference: Subject) -> None:
    """SelfAttention maps query, key and value and attends"""
    q, k, v = args = published()
    y = filled(student, "SelfAttention", 4, 4, 4)(*args)
    right = filled(reference, "SelfAttention", 4, 4, 4)
    close(y, stored.array("U3"), name="y", dims="N K M", tol=TOL, alternatives={
        "The query is used for keys and values too.": right(q, q, q),
        "Keys and values are exchanged.": right(q, v, k),
        "The key is used for the values too.": right(q, k, k),
    })  # fmt: skip


def sampled_head(student: Subject, reference: Subject, seed: int, d: int, dq: int, dv: int) -> list[Remote]:
    """The student's head and ours, with the same weights."""
    rng = np.random.default_rng(seed)
    sizes = {"q": dq, "k": dq, "v": dv}
    values = {f"{name}.weight": rng.normal(0, 1, (size, d)) for name, size in sizes.items()}
    values |= {f"{name}.bias": rng.normal(0, 1, size) for name, size in sizes.items()}
    heads = [subject.transformers.SelfAttention(d, dq, dv) for subject in (student, reference)]
    for head in heads:
        head.fill(values)
    return heads


@pytest.mark.check(
    "p2.self_attention_fwd.sizes", question="attention_modules", points=0.5,
    needs="p2.self_attention_fwd", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(1, 3), K=st.integers(1, 5), T=st.integers(1, 5), d=st.integers(1, 6),
       dq=st.integers(1, 6), dv=st.integers(1, 6), masked=st.booleans())  # fmt: skip
def test_self_attention_sizes(
    student: Subject, reference: Subject,
    seed: int, N: int, K: int, T: int, d: int, dq: int, dv: int, masked: bool,
) -> None:  # fmt: skip
    """SelfAttention on other sizes, with keys of another length, with and without a mask"""
    mine, right = sampled_head(student, reference, seed, d, dq, dv)
    rng = np.random.default_rng(seed + 1)
    q, k, v = (rng.normal(0, 1, (N, n, d)).astype(np.float32) for n in (K, T, T))
    mask = rng.random((N, K, T)) < 0.4
    mask[..., 0] = False
    case = f"N={N}, K={K}, T={T}, dim_in={d}, dim_q={dq}, dim_v={dv}{', with a mask' if masked else ''}"
    args = (q, k, v, mask) if masked else (q, k, v)
    y, expected = mine(*args), right(*args)
    close(y, expected, name="y", dims="N K M", tol=TOL, case=case, alternatives={
        "The mask has no effect.": right(q, k, v),
        "The mask is inverted: True means hidden.": right(q, k, v, ~mask),
        "Keys and values are exchanged.": right(q, v, k),
    })  # fmt: skip


@pytest.mark.check(
    "p2.self_attention_grad_seeded", question="attention_modules", points=0.25, needs="p2.self_attention_fwd"
)
def test_self_attention_grad_seeded(student: Subject, stored: Stored) -> None:
    """the gradient of SelfAttention's query, for the notebook's upstream gradient"""
    upstream = stored.generated("seeded_upstreams")["self_attention"]
    found = filled(student, "SelfAttention", 4, 4, 4).vjp(published(), upstream, wrt=(0,))
    gradient_close(found.inputs[0], stored.array("U4"), name="the gradient of query", dims="N K M", tol=TOL)


@pytest.mark.check(
    "p2.self_attention_grad_sin", question="attention_modules", points=0.125, needs="p2.self_attention_fwd"
)
def test_self_attention_grad_sin(student: Subject, stored: Stored) -> None:
    """the gradient of SelfAttention's query, for the upstream gradient sin 1, sin 2, …"""
    found = filled(student, "SelfAttention", 4, 4, 4).vjp(published(), sines(2, 4, 4), wrt=(0,))
    gradient_close(found.inputs[0], stored.array("W1"), name="the gradient of query", dims="N K M", tol=TOL)


@pytest.mark.check(
    "p2.self_attention_grad_sin.sizes", question="attention_modules", points=0.125,
    needs="p2.self_attention_grad_sin", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(1, 3), K=st.integers(1, 5), T=st.integers(1, 5), d=st.integers(2, 6))
def test_self_attention_grad_sizes(
    student: Subject, reference: Subject, seed: int, N: int, K: int, T: int, d: int
) -> None:
    """gradients of SelfAttention's three inputs on other sizes"""
    mine, right = sampled_head(student, reference, seed, d, d + 1, d - 1)
    rng = np.random.default_rng(seed + 1)
    args = [rng.normal(0, 1, (N, n, d)).astype(np.float32) for n in (K, T, T)]
    upstream = rng.normal(0, 1, (N, K, d - 1)).astype(np.float32)
    judge_sampled_gradients(mine, right, args, upstream, f"N={N}, K={K}, T={T}, dim_in={d}")


# --- MultiHeadAttention -----------------------------------------------------------------------------------


@pytest.mark.check("p2.multihead_fwd", question="attention_modules", points=0.75)
def test_multihead(student: Subject, stored: Stored, reference: Subject) -> None:
    """MultiHeadAttention joins its heads and maps the result back"""
    q, k, v = args = published()
    y = filled(student, "MultiHeadAttention", 2, 4, 8)(*args)
    right = filled(reference, "MultiHeadAttention", 2, 4, 8)
    close(y, stored.array("U5"), name="y", dims="N K M", tol=TOL, alternatives={
        "The query is used for keys and values too.": right(q, q, q),
        "Keys and values are exchanged.": right(q, v, k),
        "The output map is missing: these are the heads side by side.": np.concatenate(
            [filled(reference, "SelfAttention", 4, 8, 8)(*args)] * 2, axis=-1
        ),
    })  # fmt: skip


def sampled_heads(
    student: Subject, reference: Subject, seed: int, heads: int, d: int, size: int
) -> list[Remote]:
    """The student's module and ours, with the same weights. The output map may have any name."""
    rng = np.random.default_rng(seed)
    mine, right = (subject.transformers.MultiHeadAttention(heads, d, size) for subject in (student, reference))
    values = {name: rng.normal(0, 1, p.shape) for name, p in right.parameters().items()}
    right.fill(values)
    parameters = mine.parameters()
    mapped = student.probes.transformer.output_map(mine)
    if type(mapped) is not list or not all(type(name) is str and name in parameters for name in mapped):
        raise forged()
    names = {n: n for n in values if n.startswith("heads.")}
    for name in mapped:
        names[name] = "proj.weight" if parameters[name].ndim == 2 else "proj.bias"
    wanted = {name: values[right_name].shape for name, right_name in names.items()}
    if len(names) != len(values) or {name: p.shape for name, p in parameters.items()} != wanted:
        module = f"MultiHeadAttention({heads}, {d}, {size})"
        task = (
            f"wanted are q, k, v of SelfAttention({d}, {size}, {size}) for each of heads.0 … heads.{heads - 1}, and "
            f"one Linear from {heads * size} to {d}."
        )
        raise Verdict(
            Status.FAILED,
            f"{module} has the parameters {listed(parameters)}; {task}",
            hidden_text=f"{module} has other parameters than the task says, {len(parameters)} in all; {task}",
        )
    mine.fill({name: values[right_name] for name, right_name in names.items()})
    return [mine, right]


@pytest.mark.check(
    "p2.multihead_fwd.sizes", question="attention_modules", points=0.75, needs="p2.multihead_fwd", hidden=True
)
@few_examples
@given(seed=SEEDS, N=st.integers(1, 3), K=st.integers(1, 5), T=st.integers(1, 5), heads=st.integers(1, 4),
       d=st.integers(1, 6), size=st.integers(1, 5), masked=st.booleans())  # fmt: skip
def test_multihead_sizes(
    student: Subject, reference: Subject,
    seed: int, N: int, K: int, T: int, heads: int, d: int, size: int, masked: bool,
) -> None:  # fmt: skip
    """MultiHeadAttention on other sizes, every head with its own weights, with and without a mask"""
    mine, right = sampled_heads(student, reference, seed, heads, d, size)
    rng = np.random.default_rng(seed + 1)
    q, k, v = (rng.normal(0, 1, (N, n, d)).astype(np.float32) for n in (K, T, T))
    mask = rng.random((N, K, T)) < 0.4
    mask[..., 0] = False
    case = f"N={N}, K={K}, T={T}, {heads} heads, dim_in={d}, dim_out={size}{', with a mask' if masked else ''}"
    args = (q, k, v, mask) if masked else (q, k, v)
    y, expected = mine(*args), right(*args)
    close(y, expected, name="y", dims="N K M", tol=TOL, case=case, alternatives={
        "The mask has no effect.": right(q, k, v),
        "The mask is inverted: True means hidden.": right(q, k, v, ~mask),
        "Keys and values are exchanged.": right(q, v, k),
    })  # fmt: skip


@pytest.mark.check(
    "p2.multihead_grad_seeded", question="attention_modules", points=0.25, needs="p2.multihead_fwd"
)
def test_multihead_grad_seeded(student: Subject, stored: Stored) -> None:
    """the gradient of MultiHeadAttention's query, for the notebook's upstream gradient"""
    upstream = stored.generated("seeded_upstreams")["multihead"]
    found = filled(student, "MultiHeadAttention", 2, 4, 8).vjp(published(), upstream, wrt=(0,))
    gradient_close(found.inputs[0], stored.array("U6"), name="the gradient of query", dims="N K M", tol=TOL)


@pytest.mark.check(
    "p2.multihead_grad_sin", question="attention_modules", points=0.125, needs="p2.multihead_fwd"
)
def test_multihead_grad_sin(student: Subject, stored: Stored) -> None:
    """the gradient of MultiHeadAttention's query, for the upstream gradient sin 1, sin 2, …"""
    found = filled(student, "MultiHeadAttention", 2, 4, 8).vjp(published(), sines(2, 4, 4), wrt=(0,))
    gradient_close(found.inputs[0], stored.array("W2"), name="the gradient of query", dims="N K M", tol=TOL)


@pytest.mark.check(
    "p2.multihead_grad_sin.sizes", question="attention_modules", points=0.125,
    needs="p2.multihead_grad_sin", hidden=True,
)  # fmt: skip
@few_examples
@given(seed=SEEDS, N=st.integers(1, 3), K=st.integers(1, 5), T=st.integers(1, 5), heads=st.integers(1, 4))
def test_multihead_grad_sizes(
    student: Subject, reference: Subject, seed: int, N: int, K: int, T: int, heads: int
) -> None:
    """gradients of MultiHeadAttention's three inputs on other sizes"""
    mine, right = sampled_heads(student, reference, seed, heads, 5, 3)
    rng = np.random.default_rng(seed + 1)
    args = [rng.normal(0, 1, (N, n, 5)).astype(np.float32) for n in (K, T, T)]
    upstream = rng.normal(0, 1, (N, K, 5)).astype(np.float32)
    judge_sampled_gradients(mine, right, args, upstream, f"N={N}, K={K}, T={T}, {heads} heads")


# --- initial weights --------------------------------------------------------------------------------------

# What students draw from instead: a name, and the bound that it gives for a weight of that shape.
OTHER_BOUNDS = {
    "PyTorch's default range, 1 / √inputs": lambda out, inp: inp**-0.5,
    "6 / (inputs + outputs), without the square root": lambda out, inp: 6 / (inp + out),
    "√(6 / (inputs · outputs)), with the product": lambda out, inp: math.sqrt(6 / (inp * out)),
    "√(6 / inputs)": lambda out, inp: math.sqrt(6 / inp),
    "√(2 / (inputs + outputs))": lambda out, inp: math.sqrt(2 / (inp + out)),
    "√(6 / inputs + outputs): a bracket is missing": lambda out, inp: math.sqrt(6 / inp + out),
}


def judge_ranges(module: Remote, shapes: list[tuple[int, int]], name: str) -> None:
    """shapes: (outputs, inputs) of all weights. The largest of n uniform draws is above .8 of the bound
    except with probability .8^n, 1e-7 for the smallest weight here."""
    weights = {n: p for n, p in module.parameters().items() if p.ndim == 2}
    if sorted(w.shape for w in weights.values()) != sorted(shapes):
        raise Verdict(
            Status.FAILED,
            f"{name} has the weights {listed(weights)}; wanted the shapes {shapes}.",
            hidden_text=f"{name} has {len(weights)} weights; wanted {len(shapes)}, of the shapes {shapes}.",
        )
    weights = {n: floats(w, name=f"a weight of {name}", shape=w.shape) for n, w in weights.items()}
    for at, w in weights.items():
        out, inp = w.shape
        c = math.sqrt(6 / (inp + out))
        if 0.8 * c <= np.abs(w).max() <= c * (1 + 1e-6) and w.min() < -0.5 * c and w.max() > 0.5 * c:
            continue
        like = (
            text
            for text, bound in OTHER_BOUNDS.items()
            if all(0.92 * bound(*x.shape) <= np.abs(x).max() <= bound(*x.shape) for x in weights.values())
        )
        found = next((f" It looks like {text}." for text in like), "")
        if w.min() >= 0:
            found = " There are no negative ones."
        elif not found and np.abs(w).max() > c:
            found = " Are they drawn from a normal distribution?"
        raise Verdict(
            Status.FAILED,
            f"{at[:80]} of {name} lies between {w.min():.3f} and {w.max():.3f}; wanted uniform values in (-c, c), "
            f"c = √(6 / (inputs + outputs)) = {c:.3f}.{found}",
            hidden_text=f"the initial values of a weight of {name} have another range than "
            f"√(6 / (inputs + outputs)).{found}",
        )


def judge_init(student: Subject, seed: int, d: int, dq: int, dv: int, heads: int, hidden: int) -> None:
    tf = student.transformers
    head = tf.SelfAttention.using(seed=seed)(d, dq, dv)
    judge_ranges(head, [(dq, d), (dq, d), (dv, d)], f"SelfAttention({d}, {dq}, {dv})")
    many = tf.MultiHeadAttention.using(seed=seed)(heads, d, dq)
    shapes = [(dq, d)] * (3 * heads) + [(d, heads * dq)]
    judge_ranges(many, shapes, f"MultiHeadAttention({heads}, {d}, {dq})")
    forward = tf.FeedForwardBlock.using(seed=seed)(d, hidden)
    judge_ranges(forward, [(hidden, d), (d, hidden)], f"FeedForwardBlock({d}, {hidden})")


@pytest.mark.check("p2.init_bounds", question="attention_modules", points=0.5)
def test_init_bounds(student: Subject) -> None:
    """weights are drawn uniformly from the range that their sizes prescribe"""
    for seed in range(3):
        judge_init(student, seed, 12, 6, 10, 2, 30)


@pytest.mark.check(
    "p2.init_bounds.sizes", question="attention_modules", points=0.5, needs="p2.init_bounds", hidden=True
)
@few_examples
@given(seed=st.integers(0, 2**31), d=st.integers(9, 24), dq=st.integers(8, 20), dv=st.integers(8, 20),
       heads=st.integers(1, 4), hidden=st.integers(10, 50))  # fmt: skip
def test_init_bounds_sizes(
    student: Subject, seed: int, d: int, dq: int, dv: int, heads: int, hidden: int
) -> None:
    """the ranges of the initial weights for other sizes"""
    judge_init(student, seed, d, dq, dv, heads, hidden)
