"""Object-oriented: the attention cell extends the LSTM, and concatenation makes each step one product."""

from __future__ import annotations

import torch
import torchvision
from torch import nn
from torch.nn import functional as F
from torchvision.models.feature_extraction import create_feature_extractor


def hello_rnn_lstm_captioning():
    print("Hello from rnn_lstm_captioning.py!")


class ImageEncoder(nn.Module):
    """Features c5 of a RegNet-X 400MF."""

    def __init__(self, pretrained=True, verbose=True):
        super().__init__()
        self.cnn = torchvision.models.regnet_x_400mf(pretrained=pretrained, progress=False)
        self.backbone = create_feature_extractor(self.cnn, return_nodes={"trunk_output.block4": "c5"})
        dummy = self.backbone(torch.randn(2, 3, 224, 224))["c5"]
        self._out_channels = dummy.shape[1]
        self.normalize = torchvision.transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        if verbose:
            print("c5:", tuple(dummy.shape))

    @property
    def out_channels(self):
        return self._out_channels

    def forward(self, images):
        if images.dtype == torch.uint8:
            images = images.type(self.cnn.stem[0].weight.dtype) / 255.0
        return self.backbone(self.normalize(images))["c5"]


class Cache:
    """Bag of what a forward pass left behind; the backward pass reads it attribute by attribute."""

    __slots__ = ("W", "joint", "out", "steps", "widths")

    def __init__(self, **items):
        for name, value in items.items():
            setattr(self, name, value)


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    # [x, h, 1] @ [Wx; Wh; b]: a single product for the whole step.
    joint = torch.cat([x, prev_h, x.new_ones(x.shape[0], 1)], dim=1)
    W = torch.cat([Wx, Wh, b[None]], dim=0)
    out = torch.tanh(joint @ W)
    return out, Cache(joint=joint, W=W, out=out, widths=(x.shape[1], prev_h.shape[1], 1))


def rnn_step_backward(dnext_h, cache):
    delta = dnext_h * (1 - cache.out**2)
    dx, dprev_h, _ = (delta @ cache.W.T).split(cache.widths, dim=1)
    dWx, dWh, db = (cache.joint.T @ delta).split(cache.widths, dim=0)
    return dx, dprev_h, dWx, dWh, db[0]


def rnn_forward(x, h0, Wx, Wh, b):
    out, steps = [h0], []
    for t in range(x.shape[1]):
        h, step = rnn_step_forward(x[:, t], out[-1], Wx, Wh, b)
        out.append(h)
        steps.append(step)
    return torch.stack(out[1:], dim=1), Cache(steps=steps)


def rnn_backward(dh, cache):
    dprev_h = torch.zeros_like(dh[:, 0])
    per_step = []
    for t, step in reversed(list(enumerate(cache.steps))):
        dx, dprev_h, dWx, dWh, db = rnn_step_backward(dh[:, t] + dprev_h, step)
        per_step.append((dx, dWx, dWh, db))
    dxs, dWxs, dWhs, dbs = zip(*per_step[::-1], strict=True)
    return torch.stack(dxs, 1), dprev_h, sum(dWxs), sum(dWhs), sum(dbs)


class Recurrent(nn.Module):
    """Base of all cells: parameters by name, states by iteration."""

    gates = 1

    def __init__(self, input_dim, hidden_dim):
        super().__init__()
        self.add_weight("Wx", input_dim, hidden_dim)
        self.add_weight("Wh", hidden_dim, hidden_dim)
        self.register_parameter("b", nn.Parameter(torch.zeros(self.gates * hidden_dim)))

    def add_weight(self, name, rows, hidden_dim):
        value = torch.randn(rows, self.gates * hidden_dim) / rows**0.5
        self.register_parameter(name, nn.Parameter(value))

    @property
    def hidden_dim(self):
        return self.Wh.shape[0]

    def states(self, x, image):
        raise NotImplementedError

    def unroll(self, x, image):
        return torch.stack(list(self.states(x, image)), dim=1)


class RNN(Recurrent):
    def forward(self, x, h0):
        return rnn_forward(x, h0, self.Wx, self.Wh, self.b)[0]

    def step_forward(self, x, prev_h):
        return rnn_step_forward(x, prev_h, self.Wx, self.Wh, self.b)[0]


class LSTM(Recurrent):
    gates = 4

    def stacked(self):
        return torch.cat([self.Wx, self.Wh], dim=0)

    def step_forward(self, x, prev_h, prev_c):
        return self.update(torch.cat([x, prev_h], dim=1), self.stacked(), prev_c)

    def update(self, joint, W, prev_c):
        H = self.hidden_dim
        a = joint @ W + self.b
        i, f, o = a[:, :H].sigmoid(), a[:, H : 2 * H].sigmoid(), a[:, 2 * H : 3 * H].sigmoid()
        next_c = torch.lerp(torch.zeros_like(prev_c), prev_c, f) + i * a[:, 3 * H :].tanh()
        return o * next_c.tanh(), next_c

    def forward(self, x, h0):
        return self.unroll(x, h0)

    def states(self, x, image):
        h, c = image, torch.zeros_like(image)
        for x_t in torch.unbind(x, dim=1):
            h, c = self.step_forward(x_t, h, c)
            yield h


def dot_product_attention(prev_h, A):
    N, H, rows, cols = A.shape
    cells = A.reshape(N, H, rows * cols)
    scores = torch.matmul(cells.transpose(1, 2), prev_h[:, :, None]).div(H**0.5)
    weights = scores.softmax(dim=1)
    return torch.matmul(cells, weights)[:, :, 0], weights.reshape(N, rows, cols)


class AttentionLSTM(LSTM):
    def __init__(self, input_dim, hidden_dim):
        super().__init__(input_dim, hidden_dim)
        self.add_weight("Wattn", hidden_dim, hidden_dim)

    def stacked(self):
        return torch.cat([super().stacked(), self.Wattn], dim=0)

    def step_forward(self, x, prev_h, prev_c, attn):
        return self.update(torch.cat([x, prev_h, attn], dim=1), self.stacked(), prev_c)

    def forward(self, x, A):
        return self.unroll(x, A)

    def states(self, x, image):
        h = c = image.mean(dim=(2, 3))
        for x_t in torch.unbind(x, dim=1):
            h, c = self.step_forward(x_t, h, c, dot_product_attention(h, image)[0])
            yield h


class WordEmbedding(nn.Module):
    def __init__(self, vocab_size, embed_size):
        super().__init__()
        table = torch.randn(vocab_size, embed_size) / vocab_size**0.5
        self.register_parameter("W_embed", nn.Parameter(table))

    def forward(self, x):
        flat = x.reshape(-1, 1).expand(-1, self.W_embed.shape[1]).long()
        return torch.gather(self.W_embed, 0, flat).reshape(*x.shape, -1)


def temporal_softmax_loss(x, y, ignore_index=None):
    kept = slice(None) if ignore_index is None else y.flatten() != ignore_index
    return F.cross_entropy(x.flatten(0, 1)[kept], y.flatten()[kept], reduction="sum") / y.shape[0]


CELLS = {"rnn": RNN, "lstm": LSTM, "attn": AttentionLSTM}


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
        if cell_type not in CELLS:
            raise ValueError(f'Invalid cell_type "{cell_type}"')
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word = {index: word for word, index in word_to_idx.items()}
        self._null = word_to_idx["<NULL>"]
        self._start = word_to_idx.get("<START>", None)
        self._end = word_to_idx.get("<END>", None)
        self.ignore_index = ignore_index

        self.parts = nn.ModuleDict(
            {
                "see": ImageEncoder(pretrained=image_encoder_pretrained),
                "project": nn.Conv2d(input_dim, hidden_dim, 1),
                "pool": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1)),
                "embed": WordEmbedding(len(word_to_idx), wordvec_dim),
                "cell": CELLS[cell_type](wordvec_dim, hidden_dim),
                "score": nn.Sequential(nn.Identity(), nn.Linear(hidden_dim, len(word_to_idx))),
            }
        )
        if cell_type == "attn":
            self.parts["pool"] = nn.Identity()

    def look(self, images):
        parts = self.parts
        return parts["pool"](parts["project"](parts["see"](images)))

    def forward(self, images, captions):
        captions_in, captions_out = captions[:, :-1], captions[:, 1:]
        h = self.parts["cell"](self.parts["embed"](captions_in), self.look(images))
        return temporal_softmax_loss(self.parts["score"](h), captions_out, self.ignore_index)

    def steps(self, image, word):
        """Yields (word, weights) for ever, one greedy step after the other."""
        cell = self.parts["cell"]
        h = image.mean(dim=(2, 3)) if self.cell_type == "attn" else image
        c = h if self.cell_type == "attn" else h * 0
        weights = None
        while True:
            x = self.parts["embed"](word)
            if self.cell_type == "attn":
                attn, weights = dot_product_attention(h, image)
                h, c = cell.step_forward(x, h, c, attn)
            elif self.cell_type == "lstm":
                h, c = cell.step_forward(x, h, c)
            else:
                h = cell.step_forward(x, h)
            word = self.parts["score"](h).topk(1, dim=1).indices[:, 0]
            yield word, weights

    def sample(self, images, max_length=15):
        captions = torch.full([len(images), max_length], self._null, dtype=torch.int64, device=images.device)
        maps = torch.zeros(len(images), max_length, 4, 4)
        first = torch.full([len(images)], self._start, dtype=torch.int64, device=images.device)
        with torch.no_grad():
            steps = self.steps(self.look(images), first)
            for t in range(max_length):
                word, weights = next(steps)
                captions[:, t] = word
                if weights is not None:
                    maps[:, t].copy_(weights)
        # Whatever follows the first <END> is wiped afterwards.
        over = (captions == self._end).long().cumsum(dim=1) - (captions == self._end).long() > 0
        captions[over] = self._null
        maps[over.cpu()] = 0.0
        return (captions, maps) if self.cell_type == "attn" else captions
