"""Batched matrix calls (baddbmm, bmm, addmm), softmax written by hand, torch.where masks and F.dropout."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset


def hello_transformers():
    print("Hello, transformers.py speaking")


def generate_token_dict(vocab):
    return dict(zip(vocab, range(len(vocab)), strict=True))


def prepocess_input_sequence(input_str, token_dict, spc_tokens):
    pieces = []
    for word in input_str.split(" "):
        pieces += [word] if word in spc_tokens else list(word)
    return [token_dict[piece] for piece in pieces]


def stable_softmax(scores):
    # the largest score only keeps exp() from overflowing, so no gradient has to pass through it
    shifted = scores - scores.amax(dim=-1, keepdim=True).detach()
    numerator = shifted.exp()
    return numerator / numerator.sum(dim=-1, keepdim=True)


def scaled_dot_product_two_loop_single(query, key, value):
    out = torch.empty_like(query)
    root_m = query.shape[1] ** 0.5
    for i in range(query.shape[0]):
        row = query.new_empty(key.shape[0])
        for j in range(key.shape[0]):
            row[j] = torch.dot(query[i], key[j]) / root_m
        out[i] = stable_softmax(row) @ value
    return out


def scaled_dot_product_two_loop_batch(query, key, value):
    N, K, M = query.shape
    out = torch.empty_like(query)
    for n in range(N):
        for i in range(K):
            row = torch.mv(key[n], query[n, i]) / M**0.5
            out[n, i] = torch.mv(value[n].t(), stable_softmax(row))
    return out


def scaled_dot_product_no_loop_batch(query, key, value, mask=None):
    N, K, M = query.shape
    base = query.new_zeros(N, K, key.shape[1])
    scores = torch.baddbmm(base, query, key.transpose(1, 2), beta=0, alpha=M**-0.5)
    if mask is not None:
        scores = torch.where(mask, torch.full_like(scores, -1e9), scores)
    weights_softmax = stable_softmax(scores)
    return torch.bmm(weights_softmax, value), weights_softmax


def uniform_weight(linear):
    bound = (6.0 / (linear.in_features + linear.out_features)) ** 0.5
    linear.weight.data.uniform_(-bound, bound)


class SelfAttention(nn.Module):
    def __init__(self, dim_in, dim_q, dim_v):
        nn.Module.__init__(self)
        self.q = nn.Linear(dim_in, dim_q)
        uniform_weight(self.q)
        self.k = nn.Linear(dim_in, dim_q)
        uniform_weight(self.k)
        self.v = nn.Linear(dim_in, dim_v)
        uniform_weight(self.v)
        self.weights_softmax = None

    def forward(self, query, key, value, mask=None):
        Q, K, V = self.q(query), self.k(key), self.v(value)
        y, self.weights_softmax = scaled_dot_product_no_loop_batch(Q, K, V, mask)
        return y


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, dim_in, dim_out):
        nn.Module.__init__(self)
        self.dim_out = dim_out
        self.heads = nn.ModuleList()
        for _ in range(num_heads):
            self.heads.append(SelfAttention(dim_in, dim_out, dim_out))
        self.linear = nn.Linear(num_heads * dim_out, dim_in)
        uniform_weight(self.linear)

    def forward(self, query, key, value, mask=None):
        N, K, _ = query.shape
        d = self.dim_out
        joined = query.new_empty(N, K, d * len(self.heads))
        for h, head in enumerate(self.heads):
            joined[:, :, h * d : (h + 1) * d] = head(query, key, value, mask)
        flat = torch.addmm(self.linear.bias, joined.view(N * K, -1), self.linear.weight.t())
        return flat.view(N, K, -1)


class LayerNormalization(nn.Module):
    def __init__(self, emb_dim, epsilon=1e-10):
        nn.Module.__init__(self)
        self.epsilon = epsilon
        self.scale = nn.Parameter(torch.ones(emb_dim))
        self.shift = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x):
        mean = x.sum(-1, keepdim=True) / x.size(-1)
        centred = x - mean
        var = centred.pow(2).sum(-1, keepdim=True) / x.size(-1)
        return centred / (var + self.epsilon).sqrt() * self.scale + self.shift


class FeedForwardBlock(nn.Module):
    def __init__(self, inp_dim, hidden_dim_feedforward):
        nn.Module.__init__(self)
        self.up = nn.Linear(inp_dim, hidden_dim_feedforward)
        self.down = nn.Linear(hidden_dim_feedforward, inp_dim)
        uniform_weight(self.up)
        uniform_weight(self.down)

    def forward(self, x):
        return self.down(self.up(x).clamp(min=0))


class EncoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        nn.Module.__init__(self)
        if emb_dim % num_heads:
            raise ValueError("the embedding size has to be a multiple of the number of heads")
        self.p = dropout
        self.MultiHeadBlock = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.ln_attention = LayerNormalization(emb_dim)
        self.ff = FeedForwardBlock(emb_dim, feedforward_dim)
        self.ln_ff = LayerNormalization(emb_dim)

    def forward(self, x):
        o = self.ln_attention(self.MultiHeadBlock(x, x, x) + x)
        o = F.dropout(o, self.p, self.training)
        y = self.ln_ff(self.ff(o) + o)
        return F.dropout(y, self.p, self.training)


def get_subsequent_mask(seq):
    position = torch.arange(seq.shape[1], device=seq.device)
    later = position[None, :] > position[:, None]
    return later.expand(seq.shape[0], -1, -1)


class DecoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        nn.Module.__init__(self)
        if emb_dim % num_heads:
            raise ValueError("the embedding size has to be a multiple of the number of heads")
        self.attention_self = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.attention_cross = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.norm1 = LayerNormalization(emb_dim)
        self.norm2 = LayerNormalization(emb_dim)
        self.norm3 = LayerNormalization(emb_dim)
        self.dropout = nn.Dropout(dropout)

    def drop(self, x):
        return F.dropout(x, self.dropout.p, self.training)

    def forward(self, dec_inp, enc_inp, mask=None):
        o1 = self.drop(self.norm1(self.attention_self(dec_inp, dec_inp, dec_inp, mask) + dec_inp))
        o2 = self.drop(self.norm2(self.attention_cross(o1, enc_inp, enc_inp) + o1))
        return self.drop(self.norm3(self.feed_forward(o2) + o2))


class Encoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(EncoderBlock(num_heads, emb_dim, feedforward_dim, dropout))

    def forward(self, x):
        for block in self.layers:
            x = block(x)
        return x


class Decoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout, vocab_len):
        nn.Module.__init__(self)
        self.layers = nn.ModuleList()
        for _ in range(num_layers):
            self.layers.append(DecoderBlock(num_heads, emb_dim, feedforward_dim, dropout))
        self.proj_to_vocab = nn.Linear(emb_dim, vocab_len)
        uniform_weight(self.proj_to_vocab)

    def forward(self, x, memory, mask):
        for block in self.layers:
            x = block(x, memory, mask)
        return self.proj_to_vocab(x)


def position_encoding_simple(K, M):
    out = torch.zeros(1, K, M)
    for p in range(K):
        out[0, p, :] = p / K
    return out


def position_encoding_sinusoid(K, M):
    out = torch.zeros(1, K, M)
    p = torch.arange(K, dtype=torch.float32)
    for column in range(M):
        two_i = column - column % 2
        angle = p / 10000 ** (two_i // M)
        out[0, :, column] = angle.cos() if column % 2 else angle.sin()
    return out


class Transformer(nn.Module):
    def __init__(
        self, num_heads, emb_dim, feedforward_dim, dropout, num_enc_layers, num_dec_layers, vocab_len
    ):
        nn.Module.__init__(self)
        self.emb_layer = nn.Embedding(num_embeddings=vocab_len, embedding_dim=emb_dim)
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)

    def forward(self, ques_b, ques_pos, ans_b, ans_pos):
        q_emb_inp = torch.add(self.emb_layer(ques_b), ques_pos)
        a_emb_inp = torch.add(self.emb_layer(ans_b), ans_pos)[:, :-1]
        enc_out = self.encoder(q_emb_inp)
        dec_out = self.decoder(a_emb_inp, enc_out, get_subsequent_mask(ans_b[:, :-1]))
        N, steps, vocab_len = dec_out.shape
        return dec_out.view(N * steps, vocab_len)


class AddSubDataset(Dataset):
    def __init__(self, input_seqs, target_seqs, convert_str_to_tokens, special_tokens, emb_dim, pos_encode):
        self.input_seqs, self.target_seqs = input_seqs, target_seqs
        self.token_dict, self.special_tokens = convert_str_to_tokens, special_tokens
        self.emb_dim, self.pos_encode = emb_dim, pos_encode

    def __len__(self):
        return len(self.input_seqs)

    def __getitem__(self, idx):
        inp = prepocess_input_sequence(self.input_seqs[idx], self.token_dict, self.special_tokens)
        out = prepocess_input_sequence(self.target_seqs[idx], self.token_dict, self.special_tokens)
        inp_pos = self.pos_encode(len(inp), self.emb_dim).squeeze(0)
        out_pos = self.pos_encode(len(out), self.emb_dim).squeeze(0)
        return torch.LongTensor(inp), inp_pos, torch.LongTensor(out), out_pos


def LabelSmoothingLoss(pred, ground):
    smoothing = 0.1
    classes = pred.size(1)
    target = torch.full_like(pred, smoothing / (classes - 1))
    target.scatter_(1, ground.reshape(-1, 1), 1 - smoothing)
    return -(target * F.log_softmax(pred, dim=1)).sum()


def CrossEntropyLoss(pred, ground):
    return F.cross_entropy(pred, ground.reshape(-1), reduction="sum")
