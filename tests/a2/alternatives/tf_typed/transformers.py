"""Fully annotated engineer's code: a config dataclass, small helper modules, docstrings with shapes."""
from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

MASKED_SCORE: Final = -1e9
Item = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class BlockConfig:
    """Sizes of one encoder or decoder block; refuses sizes that the heads cannot share."""

    num_heads: int
    emb_dim: int
    feedforward_dim: int
    dropout: float

    def __post_init__(self) -> None:
        if self.emb_dim % self.num_heads:
            raise ValueError(f"{self.num_heads} heads do not divide an embedding of size {self.emb_dim}")

    @property
    def head_dim(self) -> int:
        return self.emb_dim // self.num_heads

    def attention(self) -> MultiHeadAttention:
        return MultiHeadAttention(self.num_heads, self.emb_dim, self.head_dim)


def hello_transformers() -> None:
    """Show that this file is the one that was imported."""
    print("transformers.py imported")


def generate_token_dict(vocab: Sequence[str]) -> dict[str, int]:
    """Number the tokens in list order, from 0."""
    return dict(map(reversed, enumerate(vocab)))  # type: ignore[arg-type]


def prepocess_input_sequence(
    input_str: str, token_dict: dict[str, int], spc_tokens: Collection[str]
) -> list[int]:
    """Token ids of an expression; words that are not special are numbers, read digit by digit."""

    def split(word: str) -> tuple[str, ...]:
        return (word,) if word in spc_tokens else tuple(word)

    return [token_dict[token] for word in input_str.split() for token in split(word)]


def _softmax(scores: Tensor) -> Tensor:
    # moved below zero first: near -1e9 a float32 could not hold the logarithm that is subtracted next
    scores = scores - scores.amax(dim=-1, keepdim=True)
    return torch.exp(scores - torch.logsumexp(scores, dim=-1, keepdim=True))


def scaled_dot_product_two_loop_single(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(K, M) x 3 -> (K, M)."""
    scale = query.shape[-1] ** -0.5
    scores = torch.stack([torch.stack([q.dot(k) * scale for k in key]) for q in query])
    return _softmax(scores) @ value


def scaled_dot_product_two_loop_batch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(N, K, M) x 3 -> (N, K, M)."""
    scale = query.shape[-1] ** -0.5
    scores = torch.stack(
        [
            torch.stack([(q * k).sum(dim=-1) * scale for k in key.unbind(dim=1)], dim=-1)
            for q in query.unbind(dim=1)
        ],
        dim=1,
    )
    return _softmax(scores) @ value


def scaled_dot_product_no_loop_batch(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(N, K, M), (N, T, M), (N, T, M), mask bool (N, K, T) -> y (N, K, M), weights (N, K, T)."""
    scores = query @ key.mT * query.shape[-1] ** -0.5
    if mask is not None:
        # arithmetic form: masked entries are wiped first, so they become exactly the constant
        scores = scores * mask.logical_not() + MASKED_SCORE * mask
    weights = _softmax(scores)
    return weights @ value, weights


def glorot_linear(dim_in: int, dim_out: int) -> nn.Linear:
    """Linear layer with weights uniform in +-sqrt(6 / (dim_in + dim_out))."""
    layer = nn.Linear(dim_in, dim_out)
    bound = (6 / (dim_in + dim_out)) ** 0.5
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound)
    return layer


class SelfAttention(nn.Module):
    """One head; the last attention map stays readable as `weights_softmax`."""

    weights_softmax: Tensor

    def __init__(self, dim_in: int, dim_q: int, dim_v: int) -> None:
        super().__init__()
        self.q = glorot_linear(dim_in, dim_q)
        self.k = glorot_linear(dim_in, dim_q)
        self.v = glorot_linear(dim_in, dim_v)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, K, dim_in), (N, T, dim_in), (N, T, dim_in) -> (N, K, dim_v)."""
        y, weights = scaled_dot_product_no_loop_batch(self.q(query), self.k(key), self.v(value), mask)
        self.weights_softmax = weights.detach()
        return y


class MultiHeadAttention(nn.Module):
    """Heads side by side, concatenated on the last axis and projected back."""

    def __init__(self, num_heads: int, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(SelfAttention(dim_in, dim_out, dim_out) for _ in range(num_heads))
        self.merge = glorot_linear(num_heads * dim_out, dim_in)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, K, dim_in), (N, T, dim_in), (N, T, dim_in) -> (N, K, dim_in)."""
        outputs = [head(query, key, value, mask=mask) for head in self.heads]
        merged: Tensor = self.merge(torch.cat(outputs, dim=-1))
        return merged


class LayerNormalization(nn.Module):
    """Zero mean and unit (biased) variance over the last axis, then a learnt scale and shift."""

    def __init__(self, emb_dim: int, epsilon: float = 1e-10) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(emb_dim))
        self.bias = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
        return (x - mean) * torch.rsqrt(var + self.epsilon) * self.weight + self.bias


class FeedForwardBlock(nn.Module):
    """Two-layer perceptron applied at every position."""

    def __init__(self, inp_dim: int, hidden_dim_feedforward: int) -> None:
        super().__init__()
        self.expand = glorot_linear(inp_dim, hidden_dim_feedforward)
        self.contract = glorot_linear(hidden_dim_feedforward, inp_dim)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.contract(F.relu(self.expand(x)))
        return y


class AddNormDrop(nn.Module):
    """dropout(norm(new + old)): the tail of every sub-layer of the encoder."""

    def __init__(self, emb_dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = LayerNormalization(emb_dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, new: Tensor, old: Tensor) -> Tensor:
        y: Tensor = self.drop(self.norm(new + old))
        return y


class EncoderBlock(nn.Module):
    """Self attention and feed-forward, each followed by residual, norm and dropout."""

    def __init__(self, num_heads: int, emb_dim: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__()
        config = BlockConfig(num_heads, emb_dim, feedforward_dim, dropout)
        self.MultiHeadBlock = config.attention()
        self.after_attention = AddNormDrop(emb_dim, dropout)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.after_feed_forward = AddNormDrop(emb_dim, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(N, K, M) -> (N, K, M)."""
        o = self.after_attention(self.MultiHeadBlock(x, x, x), x)
        y: Tensor = self.after_feed_forward(self.feed_forward(o), o)
        return y


def get_subsequent_mask(seq: Tensor) -> Tensor:
    """(N, K, ...) -> bool (N, K, K), True where the key lies after the query."""
    n, k = seq.shape[0], seq.shape[1]
    return torch.ones(n, k, k, device=seq.device).triu(diagonal=1).bool()


class DecoderBlock(nn.Module):
    """Masked self attention, attention over the encoder output, feed-forward."""

    def __init__(self, num_heads: int, emb_dim: int, feedforward_dim: int, dropout: float) -> None:
        super().__init__()
        config = BlockConfig(num_heads, emb_dim, feedforward_dim, dropout)
        self.attention_self = config.attention()
        self.attention_cross = config.attention()
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.norm1, self.norm2, self.norm3 = (LayerNormalization(emb_dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, dec_inp: Tensor, enc_inp: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, K, M), (N, T, M), mask (N, K, K) for the self attention only -> (N, K, M)."""
        o1 = self.dropout(self.norm1(self.attention_self(dec_inp, dec_inp, dec_inp, mask=mask) + dec_inp))
        o2 = self.dropout(self.norm2(self.attention_cross(o1, enc_inp, enc_inp) + o1))
        y: Tensor = self.dropout(self.norm3(self.feed_forward(o2) + o2))
        return y


class Encoder(nn.Module):
    """A stack of encoder blocks."""

    def __init__(
        self, num_heads: int, emb_dim: int, feedforward_dim: int, num_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)
        )

    def forward(self, src_seq: Tensor) -> Tensor:
        for layer in self.layers:
            src_seq = layer(src_seq)
        return src_seq


class Decoder(nn.Module):
    """A stack of decoder blocks with a projection to vocabulary scores."""

    def __init__(
        self,
        num_heads: int,
        emb_dim: int,
        feedforward_dim: int,
        num_layers: int,
        dropout: float,
        vocab_len: int,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)
        )
        self.proj_to_vocab = glorot_linear(emb_dim, vocab_len)

    def forward(self, target_seq: Tensor, enc_out: Tensor, mask: Tensor | None) -> Tensor:
        for layer in self.layers:
            target_seq = layer(target_seq, enc_out, mask)
        scores: Tensor = self.proj_to_vocab(target_seq)
        return scores


def position_encoding_simple(K: int, M: int) -> Tensor:
    """(1, K, M); row p holds p / K."""
    return torch.arange(K).div(K).view(1, K, 1).expand(1, K, M).clone()


def position_encoding_sinusoid(K: int, M: int) -> Tensor:
    """(1, K, M); sine in even columns, cosine in odd ones, the exponent rounded down to a whole number."""
    position = torch.arange(K, dtype=torch.float32).unsqueeze(1)
    encoding = torch.empty(1, K, M)
    for offset, wave in enumerate((torch.sin, torch.cos)):
        even_column = torch.arange(offset, M, 2) - offset
        period = torch.pow(10000.0, torch.floor(even_column / M))
        encoding[0, :, offset::2] = wave(position / period)
    return encoding


class Transformer(nn.Module):
    """Encoder-decoder with one embedding table for questions and answers."""

    def __init__(
        self,
        num_heads: int,
        emb_dim: int,
        feedforward_dim: int,
        dropout: float,
        num_enc_layers: int,
        num_dec_layers: int,
        vocab_len: int,
    ) -> None:
        super().__init__()
        self.emb_layer = nn.Embedding(vocab_len, emb_dim)
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)

    def forward(self, ques_b: Tensor, ques_pos: Tensor, ans_b: Tensor, ans_pos: Tensor) -> Tensor:
        """(N, K), (N, K, M), (N, O), (N, O, M) -> scores (N * (O - 1), vocab_len)."""
        question = self.emb_layer(ques_b) + ques_pos
        answer = (self.emb_layer(ans_b) + ans_pos)[:, :-1]
        mask = get_subsequent_mask(ans_b[:, :-1])
        scores: Tensor = self.decoder(answer, self.encoder(question), mask)
        return scores.flatten(end_dim=1)


class AddSubDataset(Dataset[Item]):
    """Pairs of expression and result as (tokens, positions, tokens, positions)."""

    def __init__(
        self,
        input_seqs: Sequence[str],
        target_seqs: Sequence[str],
        convert_str_to_tokens: dict[str, int],
        special_tokens: Collection[str],
        emb_dim: int,
        pos_encode: Callable[[int, int], Tensor],
    ) -> None:
        self.input_seqs = input_seqs
        self.target_seqs = target_seqs
        self.convert_str_to_tokens = convert_str_to_tokens
        self.special_tokens = special_tokens
        self.emb_dim = emb_dim
        self.pos_encode = pos_encode

    def __len__(self) -> int:
        return len(self.input_seqs)

    def __getitem__(self, idx: int) -> Item:
        inp, out = (
            prepocess_input_sequence(seqs[idx], self.convert_str_to_tokens, self.special_tokens)
            for seqs in (self.input_seqs, self.target_seqs)
        )
        return (
            torch.tensor(inp),
            self.pos_encode(len(inp), self.emb_dim)[0],
            torch.tensor(out),
            self.pos_encode(len(out), self.emb_dim)[0],
        )


def LabelSmoothingLoss(pred: Tensor, ground: Tensor) -> Tensor:
    """Summed cross entropy against targets of .9 on the truth and .1 shared by the other classes."""
    epsilon, classes = 0.1, pred.shape[-1]
    one_hot = F.one_hot(ground.flatten(), classes)
    target = one_hot * (1 - epsilon) + (1 - one_hot) * epsilon / (classes - 1)
    return -(target * pred.log_softmax(dim=-1)).sum()


def CrossEntropyLoss(pred: Tensor, ground: Tensor) -> Tensor:
    """Summed cross entropy; pred (N, V), ground any shape with N entries."""
    return F.cross_entropy(pred, ground.flatten(), reduction="sum")
