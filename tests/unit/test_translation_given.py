"""The given code of cs7643_a3: the toy language, and the loops in which notebooks train."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from grader.paths import find_assignment

REFERENCE = find_assignment("cs7643_a3").reference


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"given_{name}", REFERENCE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def toy() -> ModuleType:
    return load("toy_language")


@pytest.fixture(scope="module")
def utils() -> ModuleType:
    return load("utils")


# --- the language -------------------------------------------------------------------------------------


def test_a_sentence(toy: ModuleType) -> None:
    """Start, two to seven words, end, padding to ten; int64; the same ones for the same seed."""
    source, target = toy.sentences(200, 3)
    assert source.shape == target.shape == (200, 10) and source.dtype == target.dtype == np.int64
    counts = [int((row > 3).sum()) for row in source]
    assert {*counts} == {2, 3, 4, 5, 6, 7}
    for row, count in zip(source, counts, strict=True):
        assert row[0] == 2 and (row[1 : count + 1] > 3).all() and row[count + 1] == 3 and (row[count + 2 :] == 1).all()
    assert source.max() == 23 == toy.VOCABULARY - 1
    assert np.array_equal(toy.sentences(200, 3)[0], source) and not np.array_equal(toy.sentences(200, 4)[0], source)


def test_a_translation(toy: ModuleType) -> None:
    """Pairs are swapped, an odd last word stays, words become their counterparts, special tokens stay."""
    words = 4 + np.random.RandomState(7).permutation(20)
    a, b, c, d, e = (words[n - 4] for n in (4, 9, 14, 19, 23))
    source = np.array([[2, 4, 9, 14, 19, 23, 3, 1, 1, 1], [2, 4, 9, 3, 1, 1, 1, 1, 1, 1]])
    wanted = [[2, b, a, d, c, e, 3, 1, 1, 1], [2, b, a, 3, 1, 1, 1, 1, 1, 1]]
    before = source.copy()
    assert toy.translated(source).tolist() == wanted and np.array_equal(source, before)
    assert toy.as_text([2, 4, 9, 3, 1], toy.SOURCE_WORDS) == "a f" and toy.as_text([2, 5, 3, 6]) == "B"


def test_batches_have_time_first(toy: ModuleType) -> None:
    """(T,N) pairs; training and validation share no draw; nobody else's random numbers are used up."""
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    training, validation = toy.loaders(100, 40, batch_size=32)
    batches = list(training)
    assert torch.equal(torch.rand(1), wanted)
    assert [tuple(source.shape) for source, _ in batches] == [(10, 32), (10, 32), (10, 32), (10, 4)]
    assert not torch.equal(batches[0][0], next(iter(training))[0])
    source, target = (torch.cat(parts, dim=1).t().numpy() for parts in zip(*validation, strict=True))
    assert np.array_equal(toy.translated(source), target)
    assert not np.array_equal(source, toy.sentences(100, 0)[0][:40])


# --- the loops ----------------------------------------------------------------------------------------


def test_fixed_weights(utils: ModuleType) -> None:
    """Matrices of one shape are equal and inside Xavier's bound, everything else is zero; numpy's seed is 1."""
    net = nn.Sequential(nn.Linear(3, 5), nn.Linear(3, 5), nn.LayerNorm(4))
    utils.deterministic_init(net)
    assert torch.equal(net[0].weight, net[1].weight) and 0 < net[0].weight.abs().max() <= (6 / 8) ** 0.5
    assert not net[0].bias.any() and not net[2].weight.any()
    utils.set_seed_nb()
    assert (np.random.rand(), torch.initial_seed()) == (np.random.RandomState(1).rand(), 0)


class Recorder(nn.Module):
    """Scores that are a parameter, and what forward was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(24))
        self.seen: list[tuple[torch.Tensor, ...]] = []

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        self.seen.append(inputs)
        return self.scores.expand(*inputs[0].shape, -1)


class FullTransformerTranslator(Recorder):
    """It is known by its name."""


@pytest.mark.parametrize("kind", [Recorder, FullTransformerTranslator])
def test_what_a_model_is_given(kind: type[Recorder], utils: ModuleType, toy: ModuleType) -> None:
    """Sources as (N,T), and the targets, too, for a FullTransformerTranslator alone."""
    loader = toy.loaders(8, 8, batch_size=8)[1]
    model, criterion = kind(), nn.CrossEntropyLoss(ignore_index=1)
    loss = utils.evaluate(model, loader, criterion)
    assert loss == pytest.approx(np.log(24)) and not model.training
    source, target = (part.t() for part in next(iter(loader)))
    given = model.seen[0]
    assert len(given) == (2 if kind is FullTransformerTranslator else 1) and torch.equal(given[0], source)
    assert kind is Recorder or torch.equal(given[1], target)


def test_one_epoch(utils: ModuleType, toy: ModuleType) -> None:
    """One step per batch with the gradient cut to the norm 0.5, in training mode; the mean of the losses comes back."""
    model = Recorder().eval()
    batches = list(toy.loaders(128, 8)[0])
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    criterion = lambda scores, target: 100 * nn.functional.cross_entropy(scores, target, ignore_index=1)  # noqa: E731
    utils.train(model, batches[:1], optimizer, criterion)
    assert model.training and model.scores.norm().item() == pytest.approx(0.5, rel=1e-4)
    losses = [100 * np.log(24), utils.evaluate(model, batches, criterion)]
    assert losses[1] < losses[0]
    frozen = torch.optim.SGD(model.parameters(), lr=0.0)
    assert utils.train(model, batches, frozen, criterion) == pytest.approx(losses[1])


def test_perplexity(utils: ModuleType) -> None:
    """The number of words among which it hesitates; a loss beyond measure is no error."""
    assert utils.perplexity(np.log(24)) == pytest.approx(24) and np.isfinite(utils.perplexity(1e6))
