"""Fully typed: dataclass caches and one strategy object per cell type behind a common protocol."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

Gradients = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def hello_rnn_lstm_captioning() -> None:
    """Greets."""
    print("Hello from rnn_lstm_captioning.py!")


class ImageEncoder(nn.Module):
    """Image features of a RegNet-X 400MF, 400 channels at 1/32 of the resolution."""

    MEAN: ClassVar[list[float]] = [0.485, 0.456, 0.406]
    STD: ClassVar[list[float]] = [0.229, 0.224, 0.225]

    def __init__(self, pretrained: bool = True, verbose: bool = True) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.cnn = torchvision.models.regnet_x_400mf(pretrained=pretrained)
        self.backbone = create_feature_extractor(self.cnn, return_nodes={"trunk_output.block4": "c5"})
        dummy: Tensor = self.backbone(torch.randn(2, 3, 224, 224))["c5"]
        self._out_channels: int = dummy.shape[1]
        if verbose:
            print("ImageEncoder output:", dummy.shape)
        self.normalize = torchvision.transforms.Normalize(mean=self.MEAN, std=self.STD)

    @property
    def out_channels(self) -> int:
        return self._out_channels

    def forward(self, images: Tensor) -> Tensor:
        if images.dtype == torch.uint8:
            images = images.to(dtype=self.cnn.stem[0].weight.dtype) / 255.0
        features: Tensor = self.backbone(self.normalize(images))["c5"]
        return features


@dataclass(frozen=True, slots=True)
class RNNStep:
    """One step as it happened: inputs, parameters, and the state it produced."""

    x: Tensor
    prev_h: Tensor
    Wx: Tensor
    Wh: Tensor
    next_h: Tensor

    def pull_back(self, dnext_h: Tensor) -> Gradients:
        delta = dnext_h.mul(1.0 - self.next_h.pow(2))
        dx = torch.matmul(delta, self.Wx.transpose(0, 1))
        dprev_h = torch.matmul(delta, self.Wh.transpose(0, 1))
        dWx = torch.matmul(self.x.transpose(0, 1), delta)
        dWh = torch.matmul(self.prev_h.transpose(0, 1), delta)
        return dx, dprev_h, dWx, dWh, delta.sum(dim=0)


@dataclass(slots=True)
class RNNTape:
    """The steps of one sequence, oldest first."""

    steps: list[RNNStep] = field(default_factory=list)

    def __reversed__(self) -> Iterator[RNNStep]:
        return reversed(self.steps)


def rnn_step_forward(x: Tensor, prev_h: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> tuple[Tensor, RNNStep]:
    """One vanilla step, (N, D) and (N, H) to (N, H)."""
    next_h = torch.addmm(torch.addmm(b, x, Wx), prev_h, Wh).tanh()
    return next_h, RNNStep(x=x, prev_h=prev_h, Wx=Wx, Wh=Wh, next_h=next_h)


def rnn_step_backward(dnext_h: Tensor, cache: RNNStep) -> Gradients:
    """Gradients of one vanilla step."""
    return cache.pull_back(dnext_h)


def rnn_forward(x: Tensor, h0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> tuple[Tensor, RNNTape]:
    """Runs (N, T, D) through the cell, giving all states (N, T, H)."""
    tape = RNNTape()
    h = h0
    for t in range(x.shape[1]):
        h, step = rnn_step_forward(x[:, t, :], h, Wx, Wh, b)
        tape.steps.append(step)
    return torch.stack([step.next_h for step in tape.steps], dim=1), tape


def rnn_backward(dh: Tensor, cache: RNNTape) -> Gradients:
    """Back-propagation through time of upstream (N, T, H)."""
    total: Gradients | None = None
    slices: list[Tensor] = []
    for offset, step in enumerate(reversed(cache), start=1):
        upstream = dh[:, -offset] if total is None else dh[:, -offset] + total[1]
        now = rnn_step_backward(upstream, step)
        slices.insert(0, now[0])
        if total is not None:
            now = (now[0], now[1], total[2] + now[2], total[3] + now[3], total[4] + now[4])
        total = now
    assert total is not None
    return torch.stack(slices, dim=1), *total[1:]


class RNN(nn.Module):
    """Vanilla recurrent layer."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.Wx = nn.Parameter(torch.empty(input_dim, hidden_dim).normal_(std=input_dim**-0.5))
        self.Wh = nn.Parameter(torch.empty(hidden_dim, hidden_dim).normal_(std=hidden_dim**-0.5))
        self.b = nn.Parameter(torch.zeros(hidden_dim))

    def forward(self, x: Tensor, h0: Tensor) -> Tensor:
        return rnn_forward(x, h0, self.Wx, self.Wh, self.b)[0]

    def step_forward(self, x: Tensor, prev_h: Tensor) -> Tensor:
        return rnn_step_forward(x, prev_h, self.Wx, self.Wh, self.b)[0]


class WordEmbedding(nn.Module):
    """Table of word vectors."""

    def __init__(self, vocab_size: int, embed_size: int) -> None:
        super().__init__()
        self.W_embed = nn.Parameter(torch.empty(vocab_size, embed_size).normal_(std=vocab_size**-0.5))

    @property
    def vocab_size(self) -> int:
        return self.W_embed.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        return F.embedding(x.long(), self.W_embed)


def temporal_softmax_loss(x: Tensor, y: Tensor, ignore_index: int | None = None) -> Tensor:
    """Negative log likelihood of y (N, T) under x (N, T, V), summed over kept targets, averaged over N."""
    per_target = F.cross_entropy(
        x.flatten(end_dim=1), y.flatten(), ignore_index=-100 if ignore_index is None else ignore_index,
        reduction="none",
    )
    return per_target.view_as(y).sum(dim=1).mean()


@dataclass(frozen=True)
class Gates:
    """Activated gates, each (N, H)."""

    i: Tensor
    f: Tensor
    o: Tensor
    g: Tensor

    @classmethod
    def from_scores(cls, a: Tensor) -> Gates:
        i, f, o, g = a.unflatten(1, (4, -1)).unbind(dim=1)
        return cls(i.sigmoid(), f.sigmoid(), o.sigmoid(), g.tanh())

    def apply(self, prev_c: Tensor) -> tuple[Tensor, Tensor]:
        next_c = self.f * prev_c + self.i * self.g
        return self.o * next_c.tanh(), next_c


class LSTM(nn.Module):
    """LSTM layer with gates i, f, o, g."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.Wx = nn.Parameter(torch.empty(input_dim, hidden_dim * 4).normal_(std=input_dim**-0.5))
        self.Wh = nn.Parameter(torch.empty(hidden_dim, hidden_dim * 4).normal_(std=hidden_dim**-0.5))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x: Tensor, prev_h: Tensor, prev_c: Tensor) -> tuple[Tensor, Tensor]:
        return Gates.from_scores(torch.addmm(torch.addmm(self.b, x, self.Wx), prev_h, self.Wh)).apply(prev_c)

    def forward(self, x: Tensor, h0: Tensor) -> Tensor:
        h, c = h0, torch.zeros_like(h0)
        states: list[Tensor] = []
        for t in range(x.shape[1]):
            h, c = self.step_forward(x[:, t, :], h, c)
            states.append(h.unsqueeze(1))
        return torch.cat(states, dim=1)


def dot_product_attention(prev_h: Tensor, A: Tensor) -> tuple[Tensor, Tensor]:
    """Attention of (N, H) over the cells of (N, H, 4, 4); returns (N, H) and weights (N, 4, 4)."""
    N, H, height, width = A.shape
    keys = A.reshape(N, H, height * width).permute(0, 2, 1)
    scores = torch.matmul(keys, prev_h.unsqueeze(2)).squeeze(2) / H**0.5
    weights = torch.softmax(scores, dim=1)
    attn = torch.matmul(weights.unsqueeze(1), keys).squeeze(1)
    return attn, weights.reshape(N, height, width)


class AttentionLSTM(nn.Module):
    """LSTM layer that also reads an attention vector at every step."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.Wx = nn.Parameter(torch.empty(input_dim, hidden_dim * 4).normal_(std=input_dim**-0.5))
        self.Wh = nn.Parameter(torch.empty(hidden_dim, hidden_dim * 4).normal_(std=hidden_dim**-0.5))
        self.Wattn = nn.Parameter(torch.empty(hidden_dim, hidden_dim * 4).normal_(std=hidden_dim**-0.5))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x: Tensor, prev_h: Tensor, prev_c: Tensor, attn: Tensor) -> tuple[Tensor, Tensor]:
        a = torch.addmm(torch.addmm(self.b, x, self.Wx), prev_h, self.Wh)
        return Gates.from_scores(torch.addmm(a, attn, self.Wattn)).apply(prev_c)

    def forward(self, x: Tensor, A: Tensor) -> Tensor:
        h0 = A.mean(dim=(2, 3))
        h, c = h0, h0.clone()
        states: list[Tensor] = []
        for t in range(x.shape[1]):
            attn, _ = dot_product_attention(h, A)
            h, c = self.step_forward(x[:, t, :], h, c, attn)
            states.append(h.unsqueeze(1))
        return torch.cat(states, dim=1)


@dataclass(frozen=True)
class DecoderState:
    """What a strategy carries from word to word; fields a cell does not use stay None."""

    h: Tensor
    c: Tensor | None = None
    A: Tensor | None = None
    weights: Tensor | None = None


class Strategy(Protocol):
    cell: nn.Module

    def context(self, features: Tensor, project: nn.Module) -> Tensor: ...
    def begin(self, context: Tensor) -> DecoderState: ...
    def advance(self, x: Tensor, state: DecoderState) -> DecoderState: ...


class VanillaStrategy(nn.Module):
    """Pooled image as first state of a vanilla layer."""

    layer: ClassVar[type[nn.Module]] = RNN

    def __init__(self, wordvec_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.cell = self.layer(wordvec_dim, hidden_dim)

    def context(self, features: Tensor, project: nn.Module) -> Tensor:
        return project(features.flatten(2).mean(dim=2))

    def begin(self, context: Tensor) -> DecoderState:
        return DecoderState(context)

    def advance(self, x: Tensor, state: DecoderState) -> DecoderState:
        return replace(state, h=self.cell.step_forward(x, state.h))


class MemoryStrategy(VanillaStrategy):
    """Pooled image as first state of an LSTM, empty memory."""

    layer = LSTM

    def begin(self, context: Tensor) -> DecoderState:
        return DecoderState(context, torch.zeros_like(context))

    def advance(self, x: Tensor, state: DecoderState) -> DecoderState:
        h, c = self.cell.step_forward(x, state.h, state.c)
        return replace(state, h=h, c=c)


class AttentionStrategy(VanillaStrategy):
    """All image cells stay available; state and memory start from their mean."""

    layer = AttentionLSTM

    def context(self, features: Tensor, project: nn.Module) -> Tensor:
        N, _, height, width = features.shape
        cells = project(features.permute(0, 2, 3, 1).reshape(N * height * width, -1))
        return cells.reshape(N, height, width, -1).permute(0, 3, 1, 2).contiguous()

    def begin(self, context: Tensor) -> DecoderState:
        mean = context.mean(dim=(2, 3))
        return DecoderState(mean, mean, context)

    def advance(self, x: Tensor, state: DecoderState) -> DecoderState:
        attn, weights = dot_product_attention(state.h, state.A)
        h, c = self.cell.step_forward(x, state.h, state.c, attn)
        return replace(state, h=h, c=c, weights=weights)


STRATEGIES: dict[str, type[VanillaStrategy]] = {
    "rnn": VanillaStrategy,
    "lstm": MemoryStrategy,
    "attn": AttentionStrategy,
}


class CaptioningRNN(nn.Module):
    """Image captioner; `cell_type` chooses the strategy."""

    def __init__(
        self,
        word_to_idx: Mapping[str, int],
        input_dim: int = 512,
        wordvec_dim: int = 128,
        hidden_dim: int = 128,
        cell_type: str = "rnn",
        image_encoder_pretrained: bool = True,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        if cell_type not in STRATEGIES:
            raise ValueError(f"Invalid cell_type {cell_type!r}; choose one of {sorted(STRATEGIES)}")
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word: dict[int, str] = {index: word for word, index in word_to_idx.items()}
        self._null: int = word_to_idx["<NULL>"]
        self._start: int | None = word_to_idx.get("<START>")
        self._end: int | None = word_to_idx.get("<END>")
        self.ignore_index = ignore_index

        self.backbone = ImageEncoder(pretrained=image_encoder_pretrained, verbose=False)
        self.project = nn.Linear(input_dim, hidden_dim)
        self.embed = WordEmbedding(len(word_to_idx), wordvec_dim)
        self.strategy: Strategy = STRATEGIES[cell_type](wordvec_dim, hidden_dim)
        self.classify = nn.Linear(hidden_dim, len(word_to_idx))

    @property
    def attentive(self) -> bool:
        return self.cell_type == "attn"

    def forward(self, images: Tensor, captions: Tensor) -> Tensor:
        captions_in, captions_out = captions[:, :-1], captions[:, 1:]
        context = self.strategy.context(self.backbone(images), self.project)
        states = self.strategy.cell(self.embed(captions_in), context)
        return temporal_softmax_loss(self.classify(states), captions_out, self.ignore_index)

    @torch.no_grad()
    def sample(self, images: Tensor, max_length: int = 15) -> Tensor | tuple[Tensor, Tensor]:
        assert self._start is not None, "the vocabulary has no <START>"
        N = images.shape[0]
        captions = torch.full((N, max_length), self._null, dtype=torch.int64, device=images.device)
        attention = torch.zeros(N, max_length, 4, 4)
        state = self.strategy.begin(self.strategy.context(self.backbone(images), self.project))
        word = captions.new_full((N,), self._start)
        ended = torch.zeros_like(word, dtype=torch.bool)
        for t in range(max_length):
            state = self.strategy.advance(self.embed(word), state)
            word = self.classify(state.h).argmax(dim=-1).masked_fill(ended, self._null)
            captions[:, t] = word
            if state.weights is not None:
                attention[:, t] = state.weights.masked_fill(ended[:, None, None], 0.0).cpu()
            if self._end is not None:
                ended |= word == self._end
        return (captions, attention) if self.attentive else captions
