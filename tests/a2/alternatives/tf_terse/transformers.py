"""As short as it gets: @, in-place dropout, OrderedDict in Sequential, walrus, scaled keys."""
from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.utils.data import Dataset


def hello_transformers():
    print("o/ transformers.py")


def generate_token_dict(vocab):
    return {t: i for i, t in enumerate(vocab)}


def prepocess_input_sequence(input_str, token_dict, spc_tokens):
    return [token_dict[t] for w in input_str.split() for t in ([w] if w in spc_tokens else w)]


def scaled_dot_product_two_loop_single(query, key, value):
    s = torch.stack([q @ k for q in query for k in key]).view(len(query), len(key))
    return (s / query.shape[1] ** 0.5).softmax(1) @ value


def scaled_dot_product_two_loop_batch(query, key, value):
    qkv = zip(query, key, value, strict=True)
    out = [[(k @ q / len(q) ** 0.5).softmax(0) @ v for q in qs] for qs, k, v in qkv]
    return torch.stack([torch.stack(rows) for rows in out])


def scaled_dot_product_no_loop_batch(query, key, value, mask=None):
    s = query @ (key / key.shape[-1] ** 0.5).transpose(1, 2)
    w = (s if mask is None else s.masked_fill(mask, -1e9)).log_softmax(-1).exp()
    return w @ value, w


def glorot(d_in, d_out):
    fc = nn.Linear(d_in, d_out)
    fc.weight.data = nn.init.xavier_uniform_(torch.empty(d_out, d_in))
    return fc


class SelfAttention(nn.Module):
    def __init__(self, dim_in, dim_q, dim_v):
        super().__init__()
        self.q, self.k, self.v = glorot(dim_in, dim_q), glorot(dim_in, dim_q), glorot(dim_in, dim_v)

    def forward(self, query, key, value, mask=None):
        y, w = scaled_dot_product_no_loop_batch(self.q(query), self.k(key), self.v(value), mask)
        self.weights_softmax = w
        return y


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, dim_in, dim_out):
        super().__init__()
        self.heads = nn.ModuleList(SelfAttention(dim_in, dim_out, dim_out) for _ in range(num_heads))
        self.o = glorot(num_heads * dim_out, dim_in)

    def forward(self, query, key, value, mask=None):
        return self.o(torch.cat([h(query, key, value, mask) for h in self.heads], 2))


class LayerNormalization(nn.Module):
    def __init__(self, emb_dim, epsilon=1e-10):
        super().__init__()
        self.e = epsilon
        self.g, self.b = nn.Parameter(torch.ones(emb_dim)), nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x):
        return self.b + self.g * (c := x - x.mean(-1, True)) * (c.square().mean(-1, True) + self.e).rsqrt()


class FeedForwardBlock(nn.Module):
    def __init__(self, inp_dim, hidden_dim_feedforward):
        super().__init__()
        a, b = glorot(inp_dim, hidden_dim_feedforward), glorot(hidden_dim_feedforward, inp_dim)
        self.net = nn.Sequential(OrderedDict(a=a, relu=nn.ReLU(), b=b))

    def forward(self, x):
        return self.net(x)


class EncoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads:
            raise ValueError("emb_dim % num_heads != 0")
        self.MultiHeadBlock = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.ff = FeedForwardBlock(emb_dim, feedforward_dim)
        self.tail1 = nn.Sequential(LayerNormalization(emb_dim), nn.Dropout(dropout, inplace=True))
        self.tail2 = nn.Sequential(LayerNormalization(emb_dim), nn.Dropout(dropout, inplace=True))

    def forward(self, x):
        return self.tail2(self.ff(o := self.tail1(self.MultiHeadBlock(x, x, x) + x)) + o)


def get_subsequent_mask(seq):
    return torch.ones(*seq.shape[:2], seq.shape[1], dtype=torch.bool, device=seq.device).triu(1)


class DecoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads:
            raise ValueError("emb_dim % num_heads != 0")
        self.attention_self = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.attention_cross = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.norm1, self.norm2, self.norm3 = map(LayerNormalization, [emb_dim] * 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, dec_inp, enc_inp, mask=None):
        x = self.dropout(self.norm1(self.attention_self(dec_inp, dec_inp, dec_inp, mask) + dec_inp))
        x = self.dropout(self.norm2(self.attention_cross(x, enc_inp, enc_inp) + x))
        return self.dropout(self.norm3(self.feed_forward(x) + x))


class Encoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout):
        super().__init__()
        blocks = (EncoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers))
        self.layers = nn.ModuleList(blocks)

    def forward(self, x):
        for f in self.layers:
            x = f(x)
        return x


class Decoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout, vocab_len):
        super().__init__()
        blocks = (DecoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers))
        self.layers = nn.ModuleList(blocks)
        self.proj_to_vocab = glorot(emb_dim, vocab_len)

    def forward(self, x, enc_out, mask):
        for f in self.layers:
            x = f(x, enc_out, mask)
        return self.proj_to_vocab(x)


def position_encoding_simple(K, M):
    return (torch.arange(K) / K)[None, :, None].repeat(1, 1, M)


def position_encoding_sinusoid(K, M):
    p, c = torch.meshgrid(torch.arange(K), torch.arange(M), indexing="ij")
    # cos x = sin(x + pi/2): odd columns are sines a quarter turn ahead; float64 hides the rounding
    angle = p.double() / 10000.0 ** ((c - c % 2) // M)
    return (angle + (c % 2).double() * torch.pi / 2).sin().float()[None]


class Transformer(nn.Module):
    def __init__(
        self, num_heads, emb_dim, feedforward_dim, dropout, num_enc_layers, num_dec_layers, vocab_len
    ):
        super().__init__()
        self.emb_layer = nn.Embedding(vocab_len, emb_dim)
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)

    def forward(self, ques_b, ques_pos, ans_b, ans_pos):
        q, a = self.emb_layer(ques_b) + ques_pos, (self.emb_layer(ans_b) + ans_pos)[:, :-1]
        return self.decoder(a, self.encoder(q), get_subsequent_mask(a)).flatten(0, 1)


class AddSubDataset(Dataset):
    def __init__(self, input_seqs, target_seqs, convert_str_to_tokens, special_tokens, emb_dim, pos_encode):
        def item(s):
            t = prepocess_input_sequence(s, convert_str_to_tokens, special_tokens)
            return torch.tensor(t), pos_encode(len(t), emb_dim)[0]

        self.items = [item(a) + item(b) for a, b in zip(input_seqs, target_seqs, strict=True)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, idx):
        return self.items[idx]


def LabelSmoothingLoss(pred, ground, eps=0.1):
    hot = nn.functional.one_hot(ground.flatten(), V := pred.shape[1])
    return -((hot * (1 - eps) + (1 - hot) * eps / (V - 1)) * pred.log_softmax(1)).sum()


def CrossEntropyLoss(pred, ground):
    return nn.functional.cross_entropy(pred, ground.flatten(), reduction="sum")
