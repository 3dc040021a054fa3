"""Functional style: a cache is a closure from upstream to gradients, weights come from a small factory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor


def hello_rnn_lstm_captioning():
    print("Hello from rnn_lstm_captioning.py!")


class ImageEncoder(nn.Module):
    """Convolutional features (B, 400, H/32, W/32) of images (B, 3, H, W)."""

    def __init__(self, pretrained=True, verbose=True):
        super().__init__()
        self.cnn = torchvision.models.regnet_x_400mf(weights="IMAGENET1K_V2" if pretrained else None)
        self.backbone = create_feature_extractor(self.cnn, return_nodes={"trunk_output.block4": "c5"})
        dummy_out = self.backbone(torch.randn(2, 3, 224, 224))["c5"]
        self._out_channels = int(dummy_out.shape[1])
        self.normalize = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        if verbose:
            print("For input (2, 3, 224, 224) the encoder returns", tuple(dummy_out.shape))

    out_channels = property(lambda self: self._out_channels)

    def forward(self, images):
        dtype = self.cnn.stem[0].weight.dtype
        scaled = images.to(dtype) / 255 if images.dtype == torch.uint8 else images
        return self.backbone(self.normalize(scaled))["c5"]


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = torch.tanh(F.linear(x, Wx.T, b) + F.linear(prev_h, Wh.T))

    def grads(dnext_h):
        d = dnext_h - dnext_h * next_h**2
        return F.linear(d, Wx), F.linear(d, Wh), x.T @ d, prev_h.T @ d, d.sum(0)

    return next_h, grads


def rnn_step_backward(dnext_h, cache: Callable):
    return cache(dnext_h)


def rnn_forward(x, h0, Wx, Wh, b):
    step = partial(rnn_step_forward, Wx=Wx, Wh=Wh, b=b)
    trail = [(h0, lambda d: ())]
    for x_t in x.split(1, dim=1):
        trail.append(step(x_t.squeeze(1), trail[-1][0]))
    states, backs = zip(*trail[1:], strict=True)

    def grads(dh):
        pulled = []
        carry = torch.zeros_like(h0)
        for d, back in zip(reversed(dh.unbind(1)), reversed(backs), strict=True):
            dx_t, carry, *parameters = rnn_step_backward(d + carry, back)
            pulled.append((dx_t, *parameters))
        dxs, *parameters = zip(*reversed(pulled), strict=True)
        return torch.stack(dxs, 1), carry, *(torch.stack(p).sum(0) for p in parameters)

    return torch.stack(states, 1), grads


def rnn_backward(dh, cache: Callable):
    return cache(dh)


def _scaled(rows, columns):
    return nn.Parameter(torch.randn(rows, columns) / torch.tensor(float(rows)).sqrt())


class RNN(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx, self.Wh = _scaled(input_dim, hidden_dim), _scaled(hidden_dim, hidden_dim)
        self.b = nn.Parameter(torch.zeros(hidden_dim))

    def forward(self, x, h0):
        return rnn_forward(x, h0, self.Wx, self.Wh, self.b)[0]

    def step_forward(self, x, prev_h):
        return rnn_step_forward(x, prev_h, self.Wx, self.Wh, self.b)[0]


class WordEmbedding(nn.Module):
    def __init__(self, vocab_size, embed_size):
        super().__init__()
        self.W_embed = _scaled(vocab_size, embed_size)

    def forward(self, x):
        return torch.index_select(self.W_embed, 0, x.reshape(-1)).unflatten(0, x.shape)


def temporal_softmax_loss(x, y, ignore_index=None):
    keep = torch.ones_like(y, dtype=torch.bool) if ignore_index is None else y.ne(ignore_index)
    picked = x.log_softmax(-1).gather(2, y.masked_fill(~keep, 0).unsqueeze(2)).squeeze(2)
    return -(picked * keep).sum() / y.shape[0]


def _lstm_update(a, prev_c):
    sigma, tanh = torch.sigmoid, torch.tanh
    parts = zip((sigma, sigma, sigma, tanh), a.tensor_split(4, -1), strict=True)
    i, f, o, g = (act(part) for act, part in parts)
    next_c = torch.addcmul(f * prev_c, i, g)
    return o * tanh(next_c), next_c


class LSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx, self.Wh = _scaled(input_dim, 4 * hidden_dim), _scaled(hidden_dim, 4 * hidden_dim)
        self.b = nn.Parameter(torch.zeros(4 * hidden_dim))

    def step_forward(self, x, prev_h, prev_c):
        return _lstm_update(F.linear(x, self.Wx.T, self.b) + F.linear(prev_h, self.Wh.T), prev_c)

    def forward(self, x, h0):
        history = [(h0, h0 - h0)]
        for x_t in x.unbind(1):
            history.append(self.step_forward(x_t, *history[-1]))
        return torch.stack([h for h, _ in history[1:]], 1)


def dot_product_attention(prev_h, A):
    cells = A.flatten(2)  # (N, H, 16)
    weights = F.softmax((prev_h.unsqueeze(1) @ cells) / cells.shape[1] ** 0.5, dim=-1)
    attn = (cells @ weights.mT).squeeze(-1)
    return attn, weights.squeeze(1).unflatten(1, A.shape[2:])


class AttentionLSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx, self.Wh = _scaled(input_dim, 4 * hidden_dim), _scaled(hidden_dim, 4 * hidden_dim)
        self.Wattn = _scaled(hidden_dim, 4 * hidden_dim)
        self.b = nn.Parameter(torch.zeros(4 * hidden_dim))

    def step_forward(self, x, prev_h, prev_c, attn):
        pieces = F.linear(prev_h, self.Wh.T), F.linear(attn, self.Wattn.T)
        return _lstm_update(sum(pieces, F.linear(x, self.Wx.T, self.b)), prev_c)

    def forward(self, x, A):
        h0 = A.mean((-1, -2))
        history = [(h0, h0)]
        for x_t in x.unbind(1):
            attn, _ = dot_product_attention(history[-1][0], A)
            history.append(self.step_forward(x_t, *history[-1], attn))
        return torch.stack([h for h, _ in history[1:]], 1)


class CaptioningRNN(nn.Module):
    def __init__(self, word_to_idx, input_dim=512, wordvec_dim=128, hidden_dim=128, cell_type="rnn",
                 image_encoder_pretrained=True, ignore_index=None):
        super().__init__()
        if cell_type not in {"rnn", "lstm", "attn"}:
            raise ValueError(f"Invalid cell_type: {cell_type}")
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word = {i: w for w, i in word_to_idx.items()}
        self._null = word_to_idx["<NULL>"]
        self._start, self._end = map(word_to_idx.get, ("<START>", "<END>"))
        self.ignore_index = ignore_index

        self.enc = ImageEncoder(image_encoder_pretrained, verbose=False)
        self.fc = nn.Linear(input_dim, hidden_dim)
        self.emb = WordEmbedding(len(word_to_idx), wordvec_dim)
        self.core = {"rnn": RNN, "lstm": LSTM, "attn": AttentionLSTM}[cell_type](wordvec_dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, len(word_to_idx))

    def context(self, images):
        grid = self.fc(self.enc(images).movedim(1, -1)).movedim(-1, 1)
        return grid if self.cell_type == "attn" else grid.mean((-1, -2))

    def forward(self, images, captions):
        return temporal_softmax_loss(
            self.out(self.core(self.emb(captions[:, :-1]), self.context(images))),
            captions[:, 1:],
            self.ignore_index,
        )

    def stepper(self, images):
        """Returns a function from the last words (N,) to (next words (N,), attention maps or None)."""
        seen = self.context(images)
        if self.cell_type == "rnn":
            state = (seen,)
        elif self.cell_type == "lstm":
            state = (seen, torch.zeros_like(seen))
        else:
            state = (seen.mean((-1, -2)),) * 2

        def advance(words):
            nonlocal state
            x, maps, extra = self.emb(words), None, ()
            if self.cell_type == "attn":
                attn, maps = dot_product_attention(state[0], seen)
                extra = (attn,)
            result = self.core.step_forward(x, *state, *extra)
            state = (result,) if self.cell_type == "rnn" else result
            return self.out(state[0]).argmax(-1), maps

        return advance

    @torch.inference_mode()
    def sample(self, images, max_length=15):
        advance = self.stepper(images)
        words = torch.full((len(images),), self._start, dtype=torch.int64, device=images.device)
        columns, maps = [], []
        for _ in range(max_length):
            words, weights = advance(words)
            columns.append(words)
            maps.append(weights)
        captions = torch.stack(columns, 1)
        return captions if maps[0] is None else (captions, torch.stack(maps, 1).cpu())
