"""A 1x1 convolution projects the image map, inputs meet Wx for all steps at once, caches are NamedTuples."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
import torchvision.models
from torch import nn
from torchvision import transforms
from torchvision.models.feature_extraction import create_feature_extractor

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def hello_rnn_lstm_captioning():
    print("Hello from rnn_lstm_captioning.py!")


class ImageEncoder(nn.Module):
    """RegNet-X 400MF trunk; images (B, 3, H, W), uint8 or float, become (B, 400, H/32, W/32)."""

    def __init__(self, pretrained: bool = True, verbose: bool = True):
        super().__init__()
        weights = torchvision.models.RegNet_X_400MF_Weights.IMAGENET1K_V2 if pretrained else None
        self.cnn = torchvision.models.regnet_x_400mf(weights=weights)
        self.backbone = create_feature_extractor(self.cnn, return_nodes={"trunk_output.block4": "c5"})
        self.normalize = transforms.Normalize(**IMAGENET)
        features = self.backbone(torch.randn(2, 3, 224, 224))["c5"]
        self._out_channels = features.shape[1]
        if verbose:
            print(f"ImageEncoder: (2, 3, 224, 224) -> {tuple(features.shape)}")

    @property
    def out_channels(self):
        return self._out_channels

    def forward(self, images):
        if images.dtype is torch.uint8:
            images = images.to(self.cnn.stem[0].weight.dtype).div(255.0)
        return self.backbone(self.normalize(images))["c5"]


class StepCache(NamedTuple):
    x: torch.Tensor
    prev_h: torch.Tensor
    Wx: torch.Tensor
    Wh: torch.Tensor
    slope: torch.Tensor  # derivative of tanh at this step, (N, H)


class SequenceCache(NamedTuple):
    x: torch.Tensor
    h0: torch.Tensor
    h: torch.Tensor
    Wx: torch.Tensor
    Wh: torch.Tensor


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = torch.tanh(torch.addmm(b, x, Wx) + torch.mm(prev_h, Wh))
    return next_h, StepCache(x, prev_h, Wx, Wh, slope=1 - next_h * next_h)


def rnn_step_backward(dnext_h, cache):
    delta = dnext_h * cache.slope
    return (
        delta.mm(cache.Wx.t()),
        delta.mm(cache.Wh.t()),
        cache.x.t().mm(delta),
        cache.prev_h.t().mm(delta),
        delta.sum(dim=0),
    )


def rnn_forward(x, h0, Wx, Wh, b):
    drive = x @ Wx + b  # (N, T, H): the part that does not depend on the state
    h = drive.new_empty(drive.shape)
    state = h0
    for t in range(x.size(1)):
        state = torch.tanh(drive[:, t] + state @ Wh)
        h[:, t] = state
    return h, SequenceCache(x, h0, h, Wx, Wh)


def rnn_backward(dh, cache):
    x, h0, h, Wx, Wh = cache
    delta = torch.empty_like(dh)
    carry = torch.zeros_like(h0)
    for t in range(dh.size(1) - 1, -1, -1):
        delta[:, t] = (dh[:, t] + carry) * (1 - h[:, t] ** 2)
        carry = delta[:, t] @ Wh.t()
    # Once every delta is known the parameter gradients are single products over all (n, t).
    before = torch.cat((h0.unsqueeze(1), h[:, :-1]), dim=1)
    flat = delta.flatten(0, 1)
    return (
        delta @ Wx.t(),
        carry,
        x.flatten(0, 1).t() @ flat,
        before.flatten(0, 1).t() @ flat,
        flat.sum(dim=0),
    )


class RNN(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim) * input_dim**-0.5)
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim) * hidden_dim**-0.5)
        self.b = nn.Parameter(torch.zeros(hidden_dim))

    def forward(self, x, h0):
        h, _ = rnn_forward(x, h0, self.Wx, self.Wh, self.b)
        return h

    def step_forward(self, x, prev_h):
        h, _ = rnn_step_forward(x, prev_h, self.Wx, self.Wh, self.b)
        return h


class WordEmbedding(nn.Module):
    def __init__(self, vocab_size, embed_size):
        super().__init__()
        self.W_embed = nn.Parameter(torch.randn(vocab_size, embed_size) * vocab_size**-0.5)

    def forward(self, x):
        return self.W_embed[x]


def temporal_softmax_loss(x, y, ignore_index=None):
    logp = F.log_softmax(x.flatten(0, 1), dim=1)
    ignore_index = -100 if ignore_index is None else ignore_index
    return F.nll_loss(logp, y.flatten(), ignore_index=ignore_index, reduction="sum").div(len(x))


def _gates(a, c):
    """Applies the gates in a (N, 4H) to the cell state c (N, H)."""
    i, f, o, g = torch.chunk(a, 4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class LSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4) * input_dim**-0.5)
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) * hidden_dim**-0.5)
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c):
        return _gates(torch.addmm(self.b, x, self.Wx) + prev_h @ self.Wh, prev_c)

    def forward(self, x, h0):
        drive = x @ self.Wx + self.b
        h, c = h0, torch.zeros_like(h0)
        out = x.new_empty(x.size(0), x.size(1), h0.size(1))
        for t in range(x.size(1)):
            h, c = _gates(drive[:, t] + h @ self.Wh, c)
            out[:, t] = h
        return out


def dot_product_attention(prev_h, A):
    n, dim, rows, cols = A.shape
    scores = (A * prev_h[..., None, None]).sum(dim=1) * dim**-0.5
    weights = torch.softmax(scores.view(n, -1), dim=-1).view(n, rows, cols)
    return (A * weights[:, None]).sum(dim=(-2, -1)), weights


class AttentionLSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4) * input_dim**-0.5)
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) * hidden_dim**-0.5)
        self.Wattn = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) * hidden_dim**-0.5)
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c, attn):
        return _gates(torch.addmm(self.b, x, self.Wx) + prev_h @ self.Wh + attn @ self.Wattn, prev_c)

    def forward(self, x, A):
        drive = x @ self.Wx + self.b
        h = A.mean(dim=(2, 3))
        c = h.clone()
        out = x.new_empty(x.size(0), x.size(1), h.size(1))
        for t in range(x.size(1)):
            attn, _ = dot_product_attention(h, A)
            h, c = _gates(drive[:, t] + h @ self.Wh + attn @ self.Wattn, c)
            out[:, t] = h
        return out


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
        if cell_type not in ("rnn", "lstm", "attn"):
            raise ValueError(f"Invalid cell_type {cell_type!r}")
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word = dict(zip(word_to_idx.values(), word_to_idx.keys(), strict=True))
        self._null = word_to_idx["<NULL>"]
        self._start = word_to_idx.get("<START>", None)
        self._end = word_to_idx.get("<END>", None)
        self.ignore_index = ignore_index

        # Encoder and 1x1 convolution in one pipeline: (N, 3, 112, 112) -> (N, hidden_dim, 4, 4).
        self.vision = nn.Sequential(
            ImageEncoder(pretrained=image_encoder_pretrained, verbose=False),
            nn.Conv2d(input_dim, hidden_dim, kernel_size=1),
        )
        self.words = WordEmbedding(len(word_to_idx), wordvec_dim)
        cell = {"rnn": RNN, "lstm": LSTM, "attn": AttentionLSTM}[cell_type]
        self.decoder = cell(wordvec_dim, hidden_dim)
        self.to_vocab = nn.Linear(hidden_dim, len(word_to_idx))

    def forward(self, images, captions):
        A = self.vision(images)
        # Pooling after an affine map of every cell equals the affine map of the pooled features.
        context = A if self.cell_type == "attn" else F.adaptive_avg_pool2d(A, 1)[:, :, 0, 0]
        h = self.decoder(self.words(captions[:, :-1]), context)
        return temporal_softmax_loss(self.to_vocab(h), captions[:, 1:], self.ignore_index)

    @torch.no_grad()
    def sample(self, images, max_length=15):
        N = images.shape[0]
        captions = torch.full((N, max_length), self._null, dtype=torch.long, device=images.device)
        A = self.vision(images)
        weights_all = torch.zeros(N, max_length, *A.shape[2:])
        h = F.adaptive_avg_pool2d(A, 1)[:, :, 0, 0]
        c = h if self.cell_type == "attn" else torch.zeros_like(h)
        previous = torch.full((N,), self._start, dtype=torch.long, device=images.device)
        alive = torch.ones(N, dtype=torch.bool, device=images.device)
        for t in range(max_length):
            x = self.words(previous)
            if self.cell_type == "rnn":
                h = self.decoder.step_forward(x, h)
            elif self.cell_type == "lstm":
                h, c = self.decoder.step_forward(x, h, c)
            else:
                attn, weights = dot_product_attention(h, A)
                weights_all[:, t] = (weights * alive[:, None, None]).cpu()
                h, c = self.decoder.step_forward(x, h, c, attn)
            previous = self.to_vocab(h).max(dim=1).indices
            captions[:, t] = torch.where(alive, previous, captions[:, t])
            alive = alive & (previous != self._end)
            if not alive.any():
                break
        if self.cell_type == "attn":
            return captions, weights_all
        return captions
