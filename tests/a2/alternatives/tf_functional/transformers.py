"""Functional flavour: map, reduce, partial and generators; F.linear, F.dropout and F.threshold."""
from __future__ import annotations

from functools import partial, reduce
from itertools import chain, count, pairwise, starmap

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import Dataset

head_softmax = partial(F.softmax, dim=-1)


def hello_transformers():
    print("hello from the transformer file")


def generate_token_dict(vocab):
    return dict(zip(vocab, count()))


def prepocess_input_sequence(input_str, token_dict, spc_tokens):
    def pieces(word):
        return [word] if word in spc_tokens else word

    tokens = chain.from_iterable(map(pieces, input_str.split(" ")))
    return list(map(token_dict.__getitem__, tokens))


def scaled_dot_product_two_loop_single(query, key, value):
    def attend(q):
        row = torch.stack([torch.dot(q, k) for k in key])
        return head_softmax(row / len(q) ** 0.5) @ value

    return torch.stack([attend(q) for q in query])


def scaled_dot_product_two_loop_batch(query, key, value):
    def attend(q, k, v):
        return head_softmax(k @ q / q.numel() ** 0.5) @ v

    items = zip(query, key, value, strict=True)
    return torch.stack([torch.stack([attend(q, k, v) for q in queries]) for queries, k, v in items])


def scaled_dot_product_no_loop_batch(query, key, value, mask=None):
    raw = torch.matmul(query / query.size(-1) ** 0.5, key.transpose(-1, -2))
    scores = raw if mask is None else torch.where(mask, raw.new_tensor(-1e9), raw)
    weights_softmax = head_softmax(scores)
    return torch.matmul(weights_softmax, value), weights_softmax


def scaled_uniform(linear):
    fan = sum(linear.weight.shape)
    nn.init.uniform_(linear.weight, a=-((6 / fan) ** 0.5), b=(6 / fan) ** 0.5)
    return linear


class SelfAttention(nn.Module):
    def __init__(self, dim_in, dim_q, dim_v):
        super().__init__()
        self.q, self.k, self.v = (scaled_uniform(nn.Linear(dim_in, d)) for d in (dim_q, dim_q, dim_v))

    def forward(self, query, key, value, mask=None):
        pairs = zip((query, key, value), (self.q, self.k, self.v), strict=True)
        projected = (F.linear(x, layer.weight, layer.bias) for x, layer in pairs)
        y, self.weights_softmax = scaled_dot_product_no_loop_batch(*projected, mask=mask)
        return y


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, dim_in, dim_out):
        super().__init__()
        self.heads = nn.ModuleList(starmap(SelfAttention, [(dim_in, dim_out, dim_out)] * num_heads))
        self.project = scaled_uniform(nn.Linear(num_heads * dim_out, dim_in))

    def forward(self, query, key, value, mask=None):
        # (heads, N, K, dim_out) -> (N, K, heads, dim_out) -> (N, K, heads * dim_out)
        stacked = torch.stack([head(query, key, value, mask) for head in self.heads])
        return self.project(stacked.permute(1, 2, 0, 3).flatten(2))


class LayerNormalization(nn.Module):
    def __init__(self, emb_dim, epsilon=1e-10):
        super().__init__()
        self.epsilon = epsilon
        self.gain = nn.Parameter(torch.ones(emb_dim))
        self.offset = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x):
        average = partial(torch.mean, dim=-1, keepdim=True)
        centred = x - average(x)
        return torch.addcmul(self.offset, self.gain, centred * (average(centred**2) + self.epsilon) ** -0.5)


class FeedForwardBlock(nn.Module):
    def __init__(self, inp_dim, hidden_dim_feedforward):
        super().__init__()
        sizes = (inp_dim, hidden_dim_feedforward, inp_dim)
        self.linears = nn.ModuleList(scaled_uniform(nn.Linear(a, b)) for a, b in pairwise(sizes))

    def forward(self, x):
        first, second = self.linears
        return second(F.threshold(first(x), 0.0, 0.0))


def check_heads(num_heads, emb_dim):
    if emb_dim % num_heads != 0:
        raise ValueError(f"{emb_dim} is not a multiple of {num_heads}")


class EncoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        check_heads(num_heads, emb_dim)
        self.rate = dropout
        self.MultiHeadBlock = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.mlp = FeedForwardBlock(emb_dim, feedforward_dim)
        self.norms = nn.ModuleList([LayerNormalization(emb_dim), LayerNormalization(emb_dim)])

    def forward(self, x):
        sublayers = (lambda z: self.MultiHeadBlock(z, z, z), self.mlp)
        for sublayer, norm in zip(sublayers, self.norms, strict=True):
            x = F.dropout(norm(sublayer(x) + x), p=self.rate, training=self.training)
        return x


def get_subsequent_mask(seq):
    K = seq.shape[1]
    lower = torch.tril(torch.ones((K, K), dtype=torch.bool, device=seq.device))
    return torch.stack([~lower] * seq.shape[0])


class DecoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        check_heads(num_heads, emb_dim)
        make_attention = partial(MultiHeadAttention, num_heads, emb_dim, emb_dim // num_heads)
        self.attention_self = make_attention()
        self.attention_cross = make_attention()
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        for name in ("norm1", "norm2", "norm3"):
            setattr(self, name, LayerNormalization(emb_dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, dec_inp, enc_inp, mask=None):
        stages = (
            (self.norm1, lambda z: self.attention_self(z, z, z, mask)),
            (self.norm2, lambda z: self.attention_cross(z, enc_inp, enc_inp)),
            (self.norm3, self.feed_forward),
        )
        return reduce(lambda z, stage: self.dropout(stage[0](stage[1](z) + z)), stages, dec_inp)


class Encoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout):
        super().__init__()
        make = partial(EncoderBlock, num_heads, emb_dim, feedforward_dim, dropout)
        self.layers = nn.ModuleList(make() for _ in range(num_layers))

    def forward(self, src_seq):
        return reduce(lambda x, layer: layer(x), self.layers, src_seq)


class Decoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout, vocab_len):
        super().__init__()
        make = partial(DecoderBlock, num_heads, emb_dim, feedforward_dim, dropout)
        self.layers = nn.ModuleList(make() for _ in range(num_layers))
        self.proj_to_vocab = scaled_uniform(nn.Linear(emb_dim, vocab_len))

    def forward(self, target_seq, enc_out, mask):
        return self.proj_to_vocab(reduce(lambda x, layer: layer(x, enc_out, mask), self.layers, target_seq))


def position_encoding_simple(K, M):
    return torch.tensor([[[p / K] * M for p in range(K)]])


def position_encoding_sinusoid(K, M):
    def column(c):
        exponent = (c - c % 2) // M
        return (torch.sin, torch.cos)[c % 2](torch.arange(float(K)) / 10000**exponent)

    return torch.stack([column(c) for c in range(M)], dim=-1)[None]


class Transformer(nn.Module):
    def __init__(
        self, num_heads, emb_dim, feedforward_dim, dropout, num_enc_layers, num_dec_layers, vocab_len
    ):
        super().__init__()
        self.emb_layer = nn.Embedding(vocab_len, emb_dim)
        sizes = (num_heads, emb_dim, feedforward_dim)
        self.encoder = Encoder(*sizes, num_enc_layers, dropout)
        self.decoder = Decoder(*sizes, num_dec_layers, dropout, vocab_len)

    def forward(self, ques_b, ques_pos, ans_b, ans_pos):
        q_emb_inp, a_emb_inp = (
            self.emb_layer(tokens) + pos for tokens, pos in ((ques_b, ques_pos), (ans_b, ans_pos))
        )
        logits = self.decoder(
            a_emb_inp[:, :-1], self.encoder(q_emb_inp), mask=get_subsequent_mask(ans_b[:, :-1])
        )
        return torch.cat(list(logits), dim=0)


class AddSubDataset(Dataset):
    def __init__(self, input_seqs, target_seqs, convert_str_to_tokens, special_tokens, emb_dim, pos_encode):
        self.pairs = list(zip(input_seqs, target_seqs, strict=True))
        self.to_tokens = partial(
            prepocess_input_sequence, token_dict=convert_str_to_tokens, spc_tokens=special_tokens
        )
        self.emb_dim, self.pos_encode = emb_dim, pos_encode

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, idx):
        inp, out = map(self.to_tokens, self.pairs[idx])
        inp_pos, out_pos = (self.pos_encode(len(tokens), self.emb_dim)[0] for tokens in (inp, out))
        return torch.tensor(inp), inp_pos, torch.tensor(out), out_pos


def LabelSmoothingLoss(pred, ground):
    V, eps = pred.shape[1], 0.1
    one_hot = torch.eye(V, dtype=pred.dtype, device=pred.device)[ground.reshape(-1)]
    target = one_hot * (1 - eps) + (1 - one_hot) * eps / (V - 1)
    return F.cross_entropy(pred, target, reduction="sum")


def CrossEntropyLoss(pred, ground):
    return F.nll_loss(F.log_softmax(pred, dim=1), ground.reshape(-1), reduction="sum")
