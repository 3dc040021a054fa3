"""The portable dropout rule, in a real worker: the masks of the published values, on any processor.

The rule is computed here once more, number by number, from numpy's own Mersenne twister, which yields the
same raw 32-bit outputs as torch's generator for the same seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from grader.intake import stage
from grader.manifest import load_manifest
from grader.paths import Assignment
from grader.remote import Remote
from grader.stored import Stored
from grader.subject import Subject
from grader.worker.dropout import NAME, A, M, powers
from grader.worker.launch import Zygote

PROBE = """
    import torch
    from torch import nn
    from torch.nn import functional as F

    def encoder_block(x):
        import transformers
        block = transformers.EncoderBlock(2, 4, 8, 0.2)
        with torch.no_grad():
            for parameter in block.parameters():
                parameter.copy_(torch.linspace(-1.4, 1.3, parameter.numel()).view(parameter.shape))
        return block(x)

    def mask(shape, q, dtype="float32", how="bernoulli_"):
        '''True where an element is kept.'''
        ones = torch.ones(*shape, dtype=getattr(torch, dtype))
        if how == "bernoulli_":
            return ones.bernoulli_(q) != 0
        if how == "bernoulli":
            return torch.bernoulli(ones, q) != 0
        if how == "module":
            return nn.Dropout(1 - q)(ones) != 0
        if how == "inplace":
            return F.dropout(ones, 1 - q, inplace=True) != 0
        if how == "native":
            return torch.native_dropout(ones, 1 - q, True)[1]
        if how == "transposed":
            return torch.empty(*reversed(shape)).permute(*reversed(range(len(shape)))).bernoulli_(q) != 0
        return F.dropout(ones, 1 - q) != 0

    def raw(n):
        '''What is left of the next n outputs in float32: the lowest 24 bits of each.'''
        return (torch.rand(n).double() * 2**24).long()

    def raw_after(shape, q, n=4):
        torch.empty(*shape).bernoulli_(q)
        return raw(n)

    def raw_after_dropout(p, training=True):
        F.dropout(torch.ones(3), p, training)
        return raw(4)

    def own_generator(shape, q, seed):
        generator = torch.Generator().manual_seed(seed)
        before = raw(0)
        drawn = torch.empty(*shape).bernoulli_(q, generator=generator) != 0
        return drawn, raw(2)

    def values(p):
        return F.dropout(torch.arange(1.0, 9.0), p)

    def gradient():
        x = torch.ones(50, requires_grad=True)
        y = F.dropout(x, 0.5)
        y.sum().backward()
        return y.detach(), x.grad

    def attention(q):
        x = torch.ones(1, 1, 4, 4)
        weights = nn.functional.scaled_dot_product_attention(x, x, torch.eye(4)[None, None], dropout_p=1 - q)
        return weights != 0
"""

# Published for a seeded EncoderBlock(2, 4, 8, .2) in training mode; five decimals.
U11 = [
    [
        [0.00000, -0.31357, 0.69126, 0.00000],
        [0.42630, -0.25859, 0.72412, 3.87013],
        [0.00000, -0.31357, 0.69126, 3.89884],
        [0.47986, -0.30568, 0.69082, 3.90563],
    ],
    [
        [0.00000, -0.31641, 0.69000, 3.89921],
        [0.47986, -0.30568, 0.69082, 3.90563],
        [0.47986, -0.30568, 0.69082, 3.90563],
        [0.51781, -0.30853, 0.71598, 3.85171],
    ],
]


def outputs(seed: int, count: int) -> list[int]:
    """The first raw 32-bit outputs of the generator for a seed."""
    return np.random.RandomState(seed).randint(0, 2**32, count, dtype=np.uint32).tolist()


def low(raw: list[int]) -> list[int]:
    return [number % 2**24 for number in raw]


def rule(raw: int, count: int, q: float) -> list[bool]:
    """MKL's generator, one element after the other."""
    x = raw % M or 1
    kept = []
    for _ in range(count):
        kept.append(x / M < q)
        x = x * A % M
    return kept


@pytest.fixture(scope="module")
def subject(zygote: Zygote, stage_files: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Subject]:
    a2 = Assignment("a2")
    manifest = load_manifest(a2.manifest)
    folder = tmp_path_factory.mktemp("probes")
    (folder / "drop.py").write_text(dedent(PROBE))
    staged = stage(a2.reference, manifest, a2.reference, stage_files({}))
    subject = Subject(staged, zygote, manifest.limits, probes=folder, reference=True)
    yield subject
    subject.close()


@pytest.fixture(scope="module")
def drop(subject: Subject) -> Remote:
    return subject.probes.drop


def test_a_published_train_mode_value_comes_out(drop: Remote) -> None:
    """From seed 0 alone, construction and forward pass give the encoder block's published output."""
    x = np.linspace(-0.4, 0.6, 32, dtype=np.float32).reshape(2, 4, 4)
    found = drop.encoder_block.using(seed=0)(x)
    assert np.abs(found - np.array(U11)).max() < 2e-5


def test_the_published_value_is_the_stored_one() -> None:
    """The numbers above are those that the suite compares with."""
    a2 = Assignment("a2")
    assert Stored(a2.published, a2.generated)["U11"] == U11


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("q", [0.8, 0.5, 0.1])
def test_masks_follow_the_rule(drop: Remote, seed: int, q: float) -> None:
    """Every element is what the rule says, for the generator's first output."""
    found = drop.mask.using(seed=seed)([500], q)
    assert found.tolist() == rule(outputs(seed, 1)[0], 500, q)


@pytest.mark.parametrize("how", ["bernoulli", "module", "functional", "inplace", "native"])
def test_every_way_to_drop_agrees(drop: Remote, how: str) -> None:
    """nn.Dropout, F.dropout, bernoulli and the native kernel draw the same mask."""
    expected = drop.mask.using(seed=3)([7, 9], 0.75)
    assert np.array_equal(drop.mask.using(seed=3)([7, 9], 0.75, how=how), expected)
    assert 0 < expected.sum() < 63


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "bool"])
def test_masks_do_not_depend_on_the_dtype(drop: Remote, dtype: str) -> None:
    """One mask for every dtype."""
    expected = drop.mask.using(seed=5)([100], 0.7, "float64")
    assert np.array_equal(drop.mask.using(seed=5)([100], 0.7, dtype), expected)


@pytest.mark.parametrize("shape", [[120], [2, 60], [4, 5, 6], [1, 120, 1, 1], [2, 2, 2, 3, 5]])
def test_masks_do_not_depend_on_the_shape(drop: Remote, shape: list[int]) -> None:
    """Elements are numbered in C order, whatever the shape, and whatever the layout in memory."""
    expected = drop.mask.using(seed=6)([120], 0.7)
    assert np.array_equal(drop.mask.using(seed=6)(shape, 0.7).reshape(-1), expected)
    assert np.array_equal(drop.mask.using(seed=6)(shape, 0.7, how="transposed").reshape(-1), expected)


def test_a_smaller_mask_is_the_beginning_of_a_larger_one(drop: Remote) -> None:
    """Also beyond the table of powers that is made beforehand."""
    large = drop.mask.using(seed=9)([10_000], 0.6)
    for count in (1, 2, 4095, 4096, 4097):
        assert np.array_equal(drop.mask.using(seed=9)([count], 0.6), large[:count])


@pytest.mark.parametrize("shape", [[1], [3, 5], [5000], [0], [2, 0]])
def test_a_mask_takes_one_output_of_the_generator(drop: Remote, shape: list[int]) -> None:
    """Whatever the size, what is drawn afterwards starts at the second output."""
    assert drop.raw.using(seed=2)(5).tolist() == low(outputs(2, 5))
    assert drop.raw_after.using(seed=2)(shape, 0.5).tolist() == low(outputs(2, 5))[1:]


def test_nothing_is_drawn_where_nothing_is_dropped(drop: Remote) -> None:
    """Rates 0 and 1 and evaluation mode leave the generator alone, as torch does."""
    untouched = low(outputs(4, 4))
    for p, training in ((0.0, True), (1.0, True), (0.5, False)):
        assert drop.raw_after_dropout.using(seed=4)(p, training).tolist() == untouched
    assert drop.raw_after_dropout.using(seed=4)(0.5).tolist() != untouched


def test_rates_0_and_1(drop: Remote) -> None:
    """Rate 0 keeps everything as it is, rate 1 drops everything; the sampler itself agrees."""
    assert drop.values(0.0).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert drop.values(1.0).tolist() == [0] * 8
    assert drop.mask([1000], 1.0).all() and not drop.mask([1000], 0.0).any()


def test_kept_values_are_scaled(drop: Remote) -> None:
    """What is kept is divided by the share that is kept."""
    found = drop.values.using(seed=1)(0.2)
    kept = np.array(rule(outputs(1, 1)[0], 8, 0.8))
    assert np.allclose(found, np.where(kept, np.arange(1.0, 9.0) / 0.8, 0))
    assert 0 < kept.sum() < 8


def test_empty_tensors(drop: Remote) -> None:
    """A tensor without elements stays one."""
    assert drop.mask([0, 3], 0.5).shape == (0, 3)


@pytest.mark.parametrize("q", [0.05, 0.3, 0.5, 0.8, 0.99])
def test_rates_are_met(drop: Remote, q: float) -> None:
    """Of 2^18 elements the share that is kept is within four standard deviations."""
    for seed in range(3):
        share = drop.mask.using(seed=seed)([64, 64, 64], q).mean()
        assert abs(share - q) < 4 * np.sqrt(q * (1 - q) / 2**18)


def test_masks_differ_from_call_to_call(drop: Remote) -> None:
    """Other seeds, other masks."""
    masks = {drop.mask.using(seed=seed)([64], 0.5).tobytes() for seed in range(20)}
    assert len(masks) == 20


def test_gradients_pass_through_what_is_kept(drop: Remote) -> None:
    """Autograd sees the same mask."""
    output, gradient = drop.gradient.using(seed=8)()
    assert np.array_equal(output, gradient) and set(gradient.tolist()) == {0.0, 2.0}


def test_a_generator_of_ones_own(drop: Remote) -> None:
    """A generator that is passed is used, and the default one is left alone."""
    drawn, rest = drop.own_generator.using(seed=1)([200], 0.5, 42)
    assert drawn.tolist() == rule(outputs(42, 1)[0], 200, 0.5)
    assert rest.tolist() == low(outputs(1, 2))


def test_attention_drops_by_the_same_rule(drop: Remote) -> None:
    """torch's own attention draws the mask of its weights like any other."""
    found = drop.attention.using(seed=12)(0.5)
    assert found.reshape(-1).tolist() == rule(outputs(12, 1)[0], 16, 0.5)


def test_powers() -> None:
    """The table by doubling is the table by multiplication; a power of two or not."""
    for count in (1, 2, 3, 100, 1024):
        table = powers(count)
        assert table.tolist() == [pow(A, n, M) for n in range(count)]


def test_versions_name_the_rule(subject: Subject, zygote: Zygote) -> None:
    """A scorecard can say which rule a value was made with."""
    subject.probes.drop.raw(0)
    assert zygote.versions["dropout"] == NAME
