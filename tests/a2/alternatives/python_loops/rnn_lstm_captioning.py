"""Plain Python loops over rows, steps, gates, and attention cells wherever speed still allows them."""

from __future__ import annotations

import torch
import torchvision
from torch import nn
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor


def hello_rnn_lstm_captioning():
    print("Hello from rnn_lstm_captioning.py!")


class ImageEncoder(nn.Module):
    """(B, 3, H, W) images to (B, 400, H/32, W/32) features."""

    def __init__(self, pretrained=True, verbose=True):
        super().__init__()
        self.cnn = models.regnet_x_400mf(pretrained=pretrained)
        self.backbone = create_feature_extractor(self.cnn, {"trunk_output.block4": "c5"})
        out = self.backbone(torch.randn(2, 3, 224, 224))["c5"]
        self._channels = out.size(1)
        if verbose:
            print("encoder output for a 224x224 image:", list(out.shape[1:]))
        self.normalize = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    @property
    def out_channels(self):
        return self._channels

    def forward(self, images):
        if images.dtype == torch.uint8:
            images = images.to(self.cnn.stem[0].weight.dtype)
            images = images / 255.0
        images = self.normalize(images)
        return self.backbone(images)["c5"]


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    rows = []
    for n in range(x.shape[0]):
        rows.append(torch.tanh(x[n] @ Wx + prev_h[n] @ Wh + b))
    next_h = torch.stack(rows)
    cache = [x, prev_h, Wx, Wh, b, next_h]
    return next_h, cache


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, b, next_h = cache
    dx = torch.zeros_like(x)
    dprev_h = torch.zeros_like(prev_h)
    dWx = torch.zeros_like(Wx)
    dWh = torch.zeros_like(Wh)
    db = torch.zeros_like(b)
    for n in range(x.shape[0]):
        delta = dnext_h[n] * (1 - next_h[n] ** 2)
        dx[n] = Wx @ delta
        dprev_h[n] = Wh @ delta
        dWx += torch.outer(x[n], delta)
        dWh += torch.outer(prev_h[n], delta)
        db += delta
    return dx, dprev_h, dWx, dWh, db


def rnn_forward(x, h0, Wx, Wh, b):
    hs = []
    cache = []
    prev = h0
    for t in range(x.shape[1]):
        prev, step_cache = rnn_step_forward(x[:, t, :], prev, Wx, Wh, b)
        hs.append(prev)
        cache.append(step_cache)
    h = torch.stack(hs).transpose(0, 1)
    return h, cache


def rnn_backward(dh, cache):
    N, T = dh.shape[:2]
    x, prev_h, Wx, Wh, b, _ = cache[0]
    dx = torch.zeros(N, T, x.shape[1], dtype=x.dtype, device=x.device)
    dh0 = torch.zeros_like(prev_h)
    dWx = torch.zeros_like(Wx)
    dWh = torch.zeros_like(Wh)
    db = torch.zeros_like(b)
    t = T - 1
    while t >= 0:
        grads = rnn_step_backward(dh[:, t, :] + dh0, cache[t])
        dx[:, t, :] = grads[0]
        dh0 = grads[1]
        dWx += grads[2]
        dWh += grads[3]
        db += grads[4]
        t -= 1
    return dx, dh0, dWx, dWh, db


class RNN(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim).div(input_dim**0.5))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim).div(hidden_dim**0.5))
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
        self.W_embed = nn.Parameter(torch.randn(vocab_size, embed_size).div(vocab_size**0.5))

    def forward(self, x):
        sentences = []
        for sentence in x:
            words = []
            for token in sentence.tolist():
                words.append(self.W_embed[token])
            sentences.append(torch.stack(words))
        return torch.stack(sentences)


def temporal_softmax_loss(x, y, ignore_index=None):
    N, T, V = x.shape
    total = x.sum() * 0
    for t in range(T):
        for v in range(V):
            if v == ignore_index:
                continue
            chosen = y[:, t] == v
            if chosen.any():
                scores = x[chosen, t, :]
                total = total + (torch.logsumexp(scores, dim=1) - scores[:, v]).sum()
    return total / N


class LSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4).div(input_dim**0.5))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4).div(hidden_dim**0.5))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c):
        H = prev_h.shape[1]
        gates = []
        for k in range(4):
            block = slice(k * H, (k + 1) * H)
            gates.append(x @ self.Wx[:, block] + prev_h @ self.Wh[:, block] + self.b[block])
        i = torch.sigmoid(gates[0])
        f = torch.sigmoid(gates[1])
        o = torch.sigmoid(gates[2])
        g = torch.tanh(gates[3])
        next_c = f * prev_c + i * g
        next_h = o * torch.tanh(next_c)
        return next_h, next_c

    def forward(self, x, h0):
        c = torch.zeros_like(h0)
        h = h0
        out = []
        for t in range(x.shape[1]):
            h, c = self.step_forward(x[:, t], h, c)
            out.append(h)
        return torch.stack(out, 1)


def dot_product_attention(prev_h, A):
    N, H, rows, cols = A.shape
    scores = []
    for r in range(rows):
        for s in range(cols):
            scores.append((prev_h * A[:, :, r, s]).sum(dim=1) / H**0.5)
    weights = torch.softmax(torch.stack(scores, dim=1), dim=1)
    attn = torch.zeros_like(prev_h)
    for r in range(rows):
        for s in range(cols):
            attn = attn + weights[:, r * cols + s].unsqueeze(1) * A[:, :, r, s]
    return attn, weights.reshape(N, rows, cols)


class AttentionLSTM(nn.Module):
    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim * 4).div(input_dim**0.5))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4).div(hidden_dim**0.5))
        self.Wattn = nn.Parameter(torch.randn(hidden_dim, hidden_dim * 4).div(hidden_dim**0.5))
        self.b = nn.Parameter(torch.zeros(hidden_dim * 4))

    def step_forward(self, x, prev_h, prev_c, attn):
        H = prev_h.shape[1]
        gates = []
        for k in range(4):
            block = slice(k * H, (k + 1) * H)
            a = x @ self.Wx[:, block] + prev_h @ self.Wh[:, block]
            a = a + attn @ self.Wattn[:, block] + self.b[block]
            gates.append(a)
        i = torch.sigmoid(gates[0])
        f = torch.sigmoid(gates[1])
        o = torch.sigmoid(gates[2])
        g = torch.tanh(gates[3])
        next_c = f * prev_c + i * g
        next_h = o * torch.tanh(next_c)
        return next_h, next_c

    def forward(self, x, A):
        h0 = A.mean(dim=(2, 3))
        h, c = h0, h0
        out = []
        for t in range(x.shape[1]):
            attn, _ = dot_product_attention(h, A)
            h, c = self.step_forward(x[:, t], h, c, attn)
            out.append(h)
        return torch.stack(out, 1)


class CaptioningRNN(nn.Module):
    def __init__(self, word_to_idx, input_dim=512, wordvec_dim=128, hidden_dim=128, cell_type="rnn",
                 image_encoder_pretrained=True, ignore_index=None):
        super().__init__()
        if cell_type not in ["rnn", "lstm", "attn"]:
            raise ValueError("Invalid cell_type " + repr(cell_type))
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word = {}
        for word in word_to_idx:
            self.idx_to_word[word_to_idx[word]] = word
        self._null = word_to_idx["<NULL>"]
        self._start = word_to_idx.get("<START>", None)
        self._end = word_to_idx.get("<END>", None)
        self.ignore_index = ignore_index

        V = len(word_to_idx)
        self.image_encoder = ImageEncoder(image_encoder_pretrained)
        self.feature_layer = nn.Linear(input_dim, hidden_dim)
        self.word_embedding = WordEmbedding(V, wordvec_dim)
        if cell_type == "rnn":
            self.rnn = RNN(wordvec_dim, hidden_dim)
        if cell_type == "lstm":
            self.lstm = LSTM(wordvec_dim, hidden_dim)
        if cell_type == "attn":
            self.attention_lstm = AttentionLSTM(wordvec_dim, hidden_dim)
        self.output_layer = nn.Linear(hidden_dim, V)

    def project_cells(self, features):
        lines = []
        for r in range(features.shape[2]):
            cells = []
            for s in range(features.shape[3]):
                cells.append(self.feature_layer(features[:, :, r, s]))
            lines.append(torch.stack(cells, dim=2))
        return torch.stack(lines, dim=2)

    def forward(self, images, captions):
        captions_in = captions[:, :-1]
        captions_out = captions[:, 1:]
        features = self.image_encoder(images)
        vectors = self.word_embedding(captions_in)
        if self.cell_type == "rnn":
            hidden = self.rnn(vectors, self.feature_layer(features.mean(3).mean(2)))
        if self.cell_type == "lstm":
            hidden = self.lstm(vectors, self.feature_layer(features.mean(3).mean(2)))
        if self.cell_type == "attn":
            hidden = self.attention_lstm(vectors, self.project_cells(features))
        scores = []
        for t in range(hidden.shape[1]):
            scores.append(self.output_layer(hidden[:, t]))
        return temporal_softmax_loss(torch.stack(scores, dim=1), captions_out, self.ignore_index)

    def sample(self, images, max_length=15):
        captions, maps = [], []
        with torch.no_grad():
            features = self.image_encoder(images)
            # One image after the other; each caption ends early once <END> has been said.
            for n in range(images.shape[0]):
                cells = features[n : n + 1]
                if self.cell_type == "attn":
                    A = self.project_cells(cells)
                    h = A.mean(dim=(2, 3))
                    c = h
                else:
                    h = self.feature_layer(cells.mean(3).mean(2))
                    c = torch.zeros_like(h)
                word = self._start
                said = [self._null] * max_length
                looked = torch.zeros(max_length, 4, 4)
                for t in range(max_length):
                    vector = self.word_embedding(torch.tensor([[word]], device=images.device))[:, 0]
                    if self.cell_type == "rnn":
                        h = self.rnn.step_forward(vector, h)
                    if self.cell_type == "lstm":
                        h, c = self.lstm.step_forward(vector, h, c)
                    if self.cell_type == "attn":
                        attn, weights = dot_product_attention(h, A)
                        looked[t] = weights[0].cpu()
                        h, c = self.attention_lstm.step_forward(vector, h, c, attn)
                    word = int(self.output_layer(h)[0].argmax())
                    said[t] = word
                    if word == self._end:
                        break
                captions.append(said)
                maps.append(looked)
        captions = torch.tensor(captions, dtype=torch.int64, device=images.device)
        if self.cell_type == "attn":
            return captions, torch.stack(maps)
        return captions
