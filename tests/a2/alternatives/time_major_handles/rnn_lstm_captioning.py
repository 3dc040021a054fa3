"""Time-major inside, opaque handles as caches (tensors sit in a weak table), unfinished rows re-packed."""

from __future__ import annotations

import math
import warnings
import weakref

import torch
import torchvision
from torch import nn
from torchvision.models import feature_extraction as fx

_SAVED: weakref.WeakKeyDictionary[Handle, tuple] = weakref.WeakKeyDictionary()
_SIGMOID_GATES = 3  # i, f, o come before the candidate g


class Handle:
    """Names one forward pass; its tensors are dropped together with the handle."""

    def __init__(self, *saved):
        _SAVED[self] = saved

    def open(self):
        return _SAVED[self]


def hello_rnn_lstm_captioning():
    print("Hello from rnn_lstm_captioning.py!")


class ImageEncoder(nn.Module):
    """Returns c5 (B, 400, H/32, W/32) for images (B, 3, H, W)."""

    def __init__(self, pretrained=True, verbose=True):
        super().__init__()
        try:
            self.cnn = torchvision.models.regnet_x_400mf(
                weights=torchvision.models.RegNet_X_400MF_Weights.DEFAULT if pretrained else None
            )
        except OSError as error:
            warnings.warn(f"no pretrained weights ({error}); starting from random ones", stacklevel=2)
            self.cnn = torchvision.models.regnet_x_400mf(weights=None)
        self.backbone = fx.create_feature_extractor(self.cnn, return_nodes={"trunk_output.block4": "c5"})
        shape = self.backbone(torch.randn(2, 3, 224, 224))["c5"].shape
        self.__dict__["_width"] = shape[1]
        if verbose:
            print(f"(2, 3, 224, 224) -> {tuple(shape)}")
        self.normalize = torchvision.transforms.Normalize(
            mean=torch.tensor([0.485, 0.456, 0.406]), std=torch.tensor([0.229, 0.224, 0.225])
        )

    @property
    def out_channels(self):
        return self._width

    def forward(self, images):
        if not images.is_floating_point():
            images = images.to(self.cnn.stem[0].weight.dtype) * (1 / 255)
        return self.backbone(self.normalize(images))["c5"]


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = torch.tanh(torch.matmul(x, Wx) + torch.matmul(prev_h, Wh) + b.view(1, -1))
    return next_h, Handle(x, prev_h, Wx, Wh, next_h)


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache.open()
    # cosh(a)^-2 = 1 - tanh(a)^2
    delta = torch.addcmul(dnext_h, dnext_h, next_h * next_h, value=-1)
    return (
        torch.matmul(Wx, delta.T).T,
        torch.matmul(Wh, delta.T).T,
        torch.matmul(delta.T, x).T,
        torch.matmul(delta.T, prev_h).T,
        delta.sum(0),
    )


def rnn_forward(x, h0, Wx, Wh, b):
    xs = x.transpose(0, 1)  # (T, N, D)
    T, N, _ = xs.shape
    drive = torch.baddbmm(b.expand(T, N, -1), xs, Wx.expand(T, -1, -1))
    states = [h0]
    for a in drive:
        states.append(torch.tanh(torch.addmm(a, states[-1], Wh)))
    hs = torch.stack(states)  # (T + 1, N, H), h0 first
    return hs[1:].transpose(0, 1), Handle(xs, hs, Wx, Wh)


def rnn_backward(dh, cache):
    xs, hs, Wx, Wh = cache.open()
    slopes = 1 - hs[1:] ** 2
    deltas = torch.zeros_like(slopes)
    dprev_h = torch.zeros_like(hs[0])
    for t in torch.arange(len(slopes)).flip(0).tolist():
        deltas[t].copy_((dh[:, t] + dprev_h).mul_(slopes[t]))
        dprev_h = deltas[t] @ Wh.T
    dWx = torch.bmm(xs.transpose(1, 2), deltas).sum(0)
    dWh = torch.bmm(hs[:-1].transpose(1, 2), deltas).sum(0)
    return (deltas @ Wx.T).transpose(0, 1), dprev_h, dWx, dWh, deltas.sum((0, 1))


class RNN(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(hidden_dim))

    def forward(self, x, h0):
        hn, _ = rnn_forward(x, h0, self.Wx, self.Wh, self.b)
        return hn

    def step_forward(self, x, prev_h):
        next_h, _ = rnn_step_forward(x, prev_h, self.Wx, self.Wh, self.b)
        return next_h


class WordEmbedding(nn.Module):
    def __init__(self, vocab_size, embed_size):
        super().__init__()
        self.W_embed = nn.Parameter(torch.randn(vocab_size, embed_size) / math.sqrt(vocab_size))

    def forward(self, x):
        return self.W_embed.index_select(0, x.flatten()).view(*x.shape, self.W_embed.size(1))


def temporal_softmax_loss(x, y, ignore_index=None):
    logp = x - x.logsumexp(dim=-1, keepdim=True)
    n, t = torch.meshgrid(*(torch.arange(k, device=y.device) for k in y.shape), indexing="ij")
    if ignore_index is not None:
        kept = y != ignore_index
        n, t, y = n[kept], t[kept], y[kept]
    return logp[n, t, y].sum().neg() / len(x)


def _squash(a, prev_c):
    blocks = a.view(a.size(0), 4, -1)
    i, f, o = torch.sigmoid(blocks[:, :_SIGMOID_GATES]).unbind(1)
    g = torch.tanh(blocks[:, _SIGMOID_GATES])
    next_c = f * prev_c + i * g
    return o * torch.tanh(next_c), next_c


class LSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c):
        return _squash(torch.addmm(x @ self.Wx + self.b, prev_h, self.Wh), prev_c)

    def forward(self, x, h0):
        drive = torch.tensordot(x.transpose(0, 1), self.Wx, dims=1) + self.b
        h, c, rows = h0, h0.new_zeros(h0.shape), []
        for a in drive:
            h, c = _squash(a + h @ self.Wh, c)
            rows.append(h)
        return torch.stack(rows).transpose(0, 1)


def dot_product_attention(prev_h, A):
    keys = A.permute(0, 2, 3, 1)  # (N, 4, 4, H)
    m = (keys @ prev_h[:, None, :, None]).squeeze(-1) / math.sqrt(prev_h.size(-1))
    weights = torch.exp(m - m.logsumexp(dim=(1, 2), keepdim=True))
    return (keys * weights.unsqueeze(-1)).sum((1, 2)), weights


class AttentionLSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) / math.sqrt(hidden_dim))
        self.Wattn = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c, attn):
        return _squash(x @ self.Wx + prev_h @ self.Wh + attn @ self.Wattn + self.b, prev_c)

    def forward(self, x, A):
        drive = torch.tensordot(x.transpose(0, 1), self.Wx, dims=1) + self.b
        h = A.mean(dim=(2, 3))
        c, rows = h, []
        for a in drive:
            attn, _ = dot_product_attention(h, A)
            h, c = _squash(a + h @ self.Wh + attn @ self.Wattn, c)
            rows.append(h)
        return torch.stack(rows).transpose(0, 1)


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
            raise ValueError(f"Invalid cell_type: {cell_type!r}")
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word = {i: w for w, i in word_to_idx.items()}
        self._null = word_to_idx["<NULL>"]
        self._start = word_to_idx.get("<START>")
        self._end = word_to_idx.get("<END>")
        self.ignore_index = ignore_index

        self.img_net = ImageEncoder(image_encoder_pretrained, verbose=False)
        self.W_proj = nn.Parameter(torch.empty(hidden_dim, input_dim))
        self.b_proj = nn.Parameter(torch.zeros(hidden_dim))
        self.W_vocab = nn.Parameter(torch.empty(len(word_to_idx), hidden_dim))
        self.b_vocab = nn.Parameter(torch.zeros(len(word_to_idx)))
        for weight in (self.W_proj, self.W_vocab):
            nn.init.normal_(weight, std=1 / math.sqrt(weight.size(1)))
        self.table = WordEmbedding(len(word_to_idx), wordvec_dim)
        if cell_type == "rnn":
            self.net = RNN(wordvec_dim, hidden_dim)
        elif cell_type == "lstm":
            self.net = LSTM(wordvec_dim, hidden_dim)
        else:
            self.net = AttentionLSTM(wordvec_dim, hidden_dim)

    def _image_state(self, images):
        cells = self.img_net(images).flatten(2)  # (N, 400, 16)
        if self.cell_type != "attn":
            return cells.mean(2) @ self.W_proj.T + self.b_proj
        return (self.W_proj @ cells + self.b_proj[:, None]).view(len(images), -1, 4, 4)

    def _scores(self, h):
        return nn.functional.linear(h, self.W_vocab, self.b_vocab)

    def forward(self, images, captions):
        states = self.net(self.table(captions[:, :-1]), self._image_state(images))
        return temporal_softmax_loss(self._scores(states), captions[:, 1:], self.ignore_index)

    def sample(self, images, max_length=15):
        was = torch.is_grad_enabled()
        torch.set_grad_enabled(False)
        try:
            return self._greedy(images, max_length)
        finally:
            torch.set_grad_enabled(was)

    def _greedy(self, images, max_length):
        N = images.size(0)
        captions = torch.full((N, max_length), self._null, dtype=torch.int64, device=images.device)
        maps = torch.zeros(N, max_length, 4, 4)
        A = self._image_state(images)
        h = A.mean((2, 3)) if self.cell_type == "attn" else A
        c = h.clone() if self.cell_type == "attn" else torch.zeros_like(h)
        rows = torch.arange(N, device=images.device)  # captions still being written
        word = torch.full_like(rows, self._start)
        for t in range(max_length):
            x = self.table(word)
            if self.cell_type == "rnn":
                h = self.net.step_forward(x, h)
            elif self.cell_type == "lstm":
                h, c = self.net.step_forward(x, h, c)
            else:
                attn, weights = dot_product_attention(h, A)
                maps[rows.cpu(), t] = weights.cpu()
                h, c = self.net.step_forward(x, h, c, attn)
            word = self._scores(h).argmax(1)
            captions[rows, t] = word
            going = word != self._end if self._end is not None else torch.ones_like(word, dtype=torch.bool)
            rows, word, h, c, A = rows[going], word[going], h[going], c[going], A[going]
            if rows.numel() == 0:
                break
        return captions if self.cell_type != "attn" else (captions, maps)
