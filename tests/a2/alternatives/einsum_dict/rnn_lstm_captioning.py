"""Every contraction is an einsum, caches are dicts, and time steps are collected in lists and stacked."""

from __future__ import annotations

import math

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import feature_extraction


def hello_rnn_lstm_captioning() -> None:
    print("Hello from rnn_lstm_captioning.py!")


class ImageEncoder(nn.Module):
    """RegNet-X 400MF up to its last stage: (B, 3, H, W) -> (B, 400, H/32, W/32)."""

    def __init__(self, pretrained: bool = True, verbose: bool = True) -> None:
        super().__init__()
        self.cnn = torchvision.models.regnet_x_400mf(weights="DEFAULT" if pretrained else None)
        self.backbone = feature_extraction.create_feature_extractor(
            self.cnn, return_nodes={"trunk_output.block4": "c5"}
        )
        probe = self.backbone(torch.randn(2, 3, 224, 224))["c5"]
        self._out_channels = probe.shape[1]
        if verbose:
            print("c5 of a (2, 3, 224, 224) batch:", tuple(probe.shape))
        self.normalize = torchvision.transforms.Normalize(
            mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
        )

    @property
    def out_channels(self) -> int:
        return self._out_channels

    def forward(self, images: Tensor) -> Tensor:
        if images.dtype == torch.uint8:
            images = images.to(dtype=self.cnn.stem[0].weight.dtype) / 255.0
        return self.backbone(self.normalize(images))["c5"]


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    """tanh step: x (N, D), prev_h (N, H) -> next_h (N, H) and a dict of what backward needs."""
    score = torch.einsum("nd,dh->nh", x, Wx) + torch.einsum("nk,kh->nh", prev_h, Wh) + b
    next_h = score.tanh()
    return next_h, {"x": x, "prev_h": prev_h, "Wx": Wx, "Wh": Wh, "next_h": next_h}


def rnn_step_backward(dnext_h, cache):
    """Gradients (dx, dprev_h, dWx, dWh, db) of one step."""
    delta = torch.einsum("nh,nh->nh", dnext_h, 1 - cache["next_h"].square())
    return (
        torch.einsum("nh,dh->nd", delta, cache["Wx"]),
        torch.einsum("nh,kh->nk", delta, cache["Wh"]),
        torch.einsum("nd,nh->dh", cache["x"], delta),
        torch.einsum("nk,nh->kh", cache["prev_h"], delta),
        torch.einsum("nh->h", delta),
    )


def rnn_forward(x, h0, Wx, Wh, b):
    """Unrolls over x (N, T, D) from h0 (N, H); the states come back as (N, T, H)."""
    states, caches, h = [], {}, h0
    for t, x_t in enumerate(x.unbind(dim=1)):
        h, caches[t] = rnn_step_forward(x_t, h, Wx, Wh, b)
        states.append(h)
    return torch.stack(states, dim=1), caches


def rnn_backward(dh, cache):
    """Backward through time for upstream dh (N, T, H)."""
    dx = []
    dprev_h, dWx, dWh, db = 0, 0, 0, 0
    for t in sorted(cache, reverse=True):
        dx_t, dprev_h, dWx_t, dWh_t, db_t = rnn_step_backward(dh[:, t] + dprev_h, cache[t])
        dx.append(dx_t)
        dWx, dWh, db = dWx + dWx_t, dWh + dWh_t, db + db_t
    return torch.stack(dx[::-1], dim=1), dprev_h, dWx, dWh, db


class RNN(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(hidden_dim))

    def forward(self, x, h0):
        return rnn_forward(x, h0, self.Wx, self.Wh, self.b)[0]

    def step_forward(self, x, prev_h):
        return rnn_step_forward(x, prev_h, self.Wx, self.Wh, self.b)[0]


class WordEmbedding(nn.Module):
    def __init__(self, vocab_size, embed_size):
        super().__init__()
        self.W_embed = nn.Parameter(torch.randn(vocab_size, embed_size) / math.sqrt(vocab_size))

    def forward(self, x):
        return F.embedding(x, self.W_embed)


def temporal_softmax_loss(x, y, ignore_index=None):
    """Summed cross entropy of x (N, T, V) against y (N, T), divided by the batch size N."""
    skip = {} if ignore_index is None else {"ignore_index": ignore_index}
    return F.cross_entropy(torch.einsum("ntv->nvt", x), y, reduction="sum", **skip) / x.shape[0]


class LSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c):
        a = torch.einsum("nd,dg->ng", x, self.Wx) + torch.einsum("nh,hg->ng", prev_h, self.Wh) + self.b
        i, f, o, g = torch.einsum("nkh->knh", a.reshape(a.shape[0], 4, -1))
        c = f.sigmoid() * prev_c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def forward(self, x, h0):
        h, c = h0, torch.zeros_like(h0)
        states = []
        for x_t in x.unbind(dim=1):
            h, c = self.step_forward(x_t, h, c)
            states.append(h)
        return torch.stack(states, dim=1)


def dot_product_attention(prev_h, A):
    """Scaled dot-product attention of prev_h (N, H) over A (N, H, 4, 4) -> (N, H), (N, 4, 4)."""
    scores = torch.einsum("nh,nhyx->nyx", prev_h, A) / math.sqrt(A.shape[1])
    weights = scores.flatten(1).softmax(dim=1).view_as(scores)
    return torch.einsum("nyx,nhyx->nh", weights, A), weights


class AttentionLSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) / math.sqrt(hidden_dim))
        self.Wattn = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c, attn):
        a = (
            torch.einsum("nd,dg->ng", x, self.Wx)
            + torch.einsum("nh,hg->ng", prev_h, self.Wh)
            + torch.einsum("nh,hg->ng", attn, self.Wattn)
            + self.b
        )
        i, f, o, g = torch.einsum("nkh->knh", a.reshape(a.shape[0], 4, -1))
        c = f.sigmoid() * prev_c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def forward(self, x, A):
        h = c = A.mean(dim=(2, 3))
        states = []
        for x_t in x.unbind(dim=1):
            attn, _ = dot_product_attention(h, A)
            h, c = self.step_forward(x_t, h, c, attn)
            states.append(h)
        return torch.stack(states, dim=1)


class CaptioningRNN(nn.Module):
    def __init__(
        self,
        word_to_idx,
        input_dim=512,
        wordvec_dim=128,
        hidden_dim=128,
        cell_type="rnn",
        image_encoder_pretrained=True,
        ignore_index=None,
    ):
        super().__init__()
        if cell_type not in {"rnn", "lstm", "attn"}:
            raise ValueError(f'Invalid cell_type "{cell_type}"')
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word = {i: w for w, i in word_to_idx.items()}
        self._null = word_to_idx["<NULL>"]
        self._start = word_to_idx.get("<START>")
        self._end = word_to_idx.get("<END>")
        self.ignore_index = ignore_index

        self.eye = ImageEncoder(pretrained=image_encoder_pretrained, verbose=False)
        self.bridge = nn.Linear(input_dim, hidden_dim)
        self.lexicon = WordEmbedding(len(word_to_idx), wordvec_dim)
        self.cell = {"rnn": RNN, "lstm": LSTM, "attn": AttentionLSTM}[cell_type](wordvec_dim, hidden_dim)
        self.mouth = nn.Linear(hidden_dim, len(word_to_idx))

    def _look(self, images):
        """Projected map (N, H, 4, 4) for the attention cell, its pooled (N, H) version otherwise."""
        c5 = self.eye(images)
        bias = self.bridge.bias
        if self.cell_type == "attn":
            return torch.einsum("nchw,kc->nkhw", c5, self.bridge.weight) + bias[:, None, None]
        pooled = torch.einsum("nchw->nc", c5) / (c5.shape[2] * c5.shape[3])
        return torch.einsum("nc,kc->nk", pooled, self.bridge.weight) + bias

    def _speak(self, h):
        return torch.einsum("...h,vh->...v", h, self.mouth.weight) + self.mouth.bias

    def forward(self, images, captions):
        captions_in, captions_out = captions[:, :-1], captions[:, 1:]
        h = self.cell(self.lexicon(captions_in), self._look(images))
        return temporal_softmax_loss(self._speak(h), captions_out, self.ignore_index)

    def sample(self, images, max_length=15):
        # Gradients stay switched on here; the maps are cut loose one by one.
        N = images.shape[0]
        captions = self._null * images.new(N, max_length).fill_(1).long()
        maps = torch.zeros(N, max_length, 4, 4)
        seen = self._look(images)
        h = seen.mean(dim=(2, 3)) if self.cell_type == "attn" else seen
        c = h if self.cell_type == "attn" else torch.zeros_like(h)
        word = captions.new_full((N,), self._start)
        for t in range(max_length):
            vec = self.lexicon(word)
            if self.cell_type == "rnn":
                h = self.cell.step_forward(vec, h)
            elif self.cell_type == "lstm":
                h, c = self.cell.step_forward(vec, h, c)
            else:
                attn, weights = dot_product_attention(h, seen)
                maps[:, t] = weights.detach().cpu()
                h, c = self.cell.step_forward(vec, h, c, attn)
            word = self._speak(h).argmax(dim=1)
            captions[:, t] = word
        return (captions, maps) if self.cell_type == "attn" else captions
