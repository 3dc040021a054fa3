"""Every product is a torch.einsum with named letters; softmax and masks come from torch.nn.functional."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset

# n batch, q query position, t key position, d feature, v value feature


def hello_transformers():
    print("transformers.py is loaded")


def generate_token_dict(vocab):
    return {token: index for index, token in enumerate(vocab)}


def prepocess_input_sequence(input_str, token_dict, spc_tokens):
    out = []
    for word in input_str.split():
        if word in spc_tokens:
            out.append(token_dict[word])
        else:
            out.extend(token_dict[digit] for digit in word)
    return out


def scaled_dot_product_two_loop_single(query, key, value):
    K, M = query.shape
    scores = torch.zeros(K, key.shape[0], dtype=query.dtype, device=query.device)
    for q in range(K):
        for t in range(key.shape[0]):
            scores[q, t] = torch.einsum("d,d->", query[q], key[t])
    weights = F.softmax(scores / math.sqrt(M), dim=-1)
    return torch.einsum("qt,tv->qv", weights, value)


def scaled_dot_product_two_loop_batch(query, key, value):
    N, K, M = query.shape
    scores = torch.zeros(N, K, key.shape[1], dtype=query.dtype, device=query.device)
    for q in range(K):
        for t in range(key.shape[1]):
            scores[:, q, t] = torch.einsum("nd,nd->n", query[:, q], key[:, t])
    weights = F.softmax(scores / math.sqrt(M), dim=-1)
    return torch.einsum("nqt,ntv->nqv", weights, value)


def scaled_dot_product_no_loop_batch(query, key, value, mask=None):
    scores = torch.einsum("nqd,ntd->nqt", query, key) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask, -1e9)
    weights_softmax = F.softmax(scores, dim=-1)
    y = torch.einsum("nqt,ntv->nqv", weights_softmax, value)
    return y, weights_softmax


class SelfAttention(nn.Module):
    def __init__(self, dim_in, dim_q, dim_v):
        super().__init__()
        self.q = nn.Linear(dim_in, dim_q)
        self.k = nn.Linear(dim_in, dim_q)
        self.v = nn.Linear(dim_in, dim_v)
        for layer in (self.q, self.k, self.v):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, query, key, value, mask=None):
        y, self.weights_softmax = scaled_dot_product_no_loop_batch(
            self.q(query), self.k(key), self.v(value), mask
        )
        return y


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, dim_in, dim_out):
        super().__init__()
        self.heads = nn.ModuleList([SelfAttention(dim_in, dim_out, dim_out) for _ in range(num_heads)])
        self.proj = nn.Linear(num_heads * dim_out, dim_in)
        nn.init.xavier_uniform_(self.proj.weight)

    def forward(self, query, key, value, mask=None):
        joined = torch.cat([head(query, key, value, mask) for head in self.heads], dim=-1)
        return torch.einsum("nqh,oh->nqo", joined, self.proj.weight) + self.proj.bias


class LayerNormalization(nn.Module):
    def __init__(self, emb_dim, epsilon=1e-10):
        super().__init__()
        self.epsilon = epsilon
        self.gamma = nn.Parameter(torch.ones(emb_dim))
        self.beta = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x):
        centred = x - x.mean(dim=-1, keepdim=True)
        var = torch.einsum("...d,...d->...", centred, centred).unsqueeze(-1) / x.shape[-1]
        return torch.einsum("...d,d->...d", centred / torch.sqrt(var + self.epsilon), self.gamma) + self.beta


class FeedForwardBlock(nn.Module):
    def __init__(self, inp_dim, hidden_dim_feedforward):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(inp_dim, hidden_dim_feedforward),
            nn.ReLU(),
            nn.Linear(hidden_dim_feedforward, inp_dim),
        )
        nn.init.xavier_uniform_(self.mlp[0].weight)
        nn.init.xavier_uniform_(self.mlp[2].weight)

    def forward(self, x):
        return self.mlp(x)


class EncoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError(f"emb_dim {emb_dim} cannot be shared evenly by {num_heads} heads")
        self.MultiHeadBlock = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.norm1 = LayerNormalization(emb_dim)
        self.norm2 = LayerNormalization(emb_dim)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.dropout1 = nn.Dropout(dropout)
        self.dropout2 = nn.Dropout(dropout)

    def forward(self, x):
        o = self.dropout1(self.norm1(self.MultiHeadBlock(x, x, x) + x))
        return self.dropout2(self.norm2(self.feed_forward(o) + o))


def get_subsequent_mask(seq):
    N, K = seq.shape[:2]
    mask = torch.triu(torch.ones(K, K, dtype=torch.bool, device=seq.device), diagonal=1)
    return mask.unsqueeze(0).repeat(N, 1, 1)


class DecoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError(f"emb_dim {emb_dim} cannot be shared evenly by {num_heads} heads")
        self.attention_self = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.attention_cross = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.norm1 = LayerNormalization(emb_dim)
        self.norm2 = LayerNormalization(emb_dim)
        self.norm3 = LayerNormalization(emb_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, dec_inp, enc_inp, mask=None):
        o1 = self.dropout(self.norm1(self.attention_self(dec_inp, dec_inp, dec_inp, mask) + dec_inp))
        o2 = self.dropout(self.norm2(self.attention_cross(o1, enc_inp, enc_inp) + o1))
        return self.dropout(self.norm3(self.feed_forward(o2) + o2))


class Encoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout):
        super().__init__()
        self.layers = nn.ModuleList(
            [EncoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)]
        )

    def forward(self, src_seq):
        for layer in self.layers:
            src_seq = layer(src_seq)
        return src_seq


class Decoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout, vocab_len):
        super().__init__()
        self.layers = nn.ModuleList(
            [DecoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)]
        )
        self.proj_to_vocab = nn.Linear(emb_dim, vocab_len)
        bound = math.sqrt(6 / (emb_dim + vocab_len))
        nn.init.uniform_(self.proj_to_vocab.weight, -bound, bound)

    def forward(self, target_seq, enc_out, mask):
        for layer in self.layers:
            target_seq = layer(target_seq, enc_out, mask)
        return self.proj_to_vocab(target_seq)


def position_encoding_simple(K, M):
    return torch.einsum("k,m->km", torch.arange(K) / K, torch.ones(M)).unsqueeze(0)


def position_encoding_sinusoid(K, M):
    column = torch.arange(M)
    exponent = torch.div(2 * (column // 2), M, rounding_mode="floor").float()
    angle = torch.einsum("k,m->km", torch.arange(K).float(), 10000.0 ** -exponent)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).unsqueeze(0)


class Transformer(nn.Module):
    def __init__(
        self, num_heads, emb_dim, feedforward_dim, dropout, num_enc_layers, num_dec_layers, vocab_len
    ):
        super().__init__()
        self.emb_layer = nn.Embedding(vocab_len, emb_dim)
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)

    def forward(self, ques_b, ques_pos, ans_b, ans_pos):
        q_emb_inp = self.emb_layer(ques_b) + ques_pos
        a_emb_inp = (self.emb_layer(ans_b) + ans_pos)[:, :-1]
        mask = get_subsequent_mask(ans_b[:, :-1])
        logits = self.decoder(a_emb_inp, self.encoder(q_emb_inp), mask)
        return logits.reshape(-1, logits.shape[-1])


class AddSubDataset(Dataset):
    def __init__(self, input_seqs, target_seqs, convert_str_to_tokens, special_tokens, emb_dim, pos_encode):
        self.input_seqs = input_seqs
        self.target_seqs = target_seqs
        self.convert_str_to_tokens = convert_str_to_tokens
        self.special_tokens = special_tokens
        self.emb_dim = emb_dim
        self.pos_encode = pos_encode

    def __len__(self):
        return len(self.input_seqs)

    def _tokens_and_positions(self, text):
        tokens = prepocess_input_sequence(text, self.convert_str_to_tokens, self.special_tokens)
        return torch.tensor(tokens), self.pos_encode(len(tokens), self.emb_dim)[0]

    def __getitem__(self, idx):
        return (
            *self._tokens_and_positions(self.input_seqs[idx]),
            *self._tokens_and_positions(self.target_seqs[idx]),
        )


def LabelSmoothingLoss(pred, ground):
    eps, V = 0.1, pred.shape[1]
    one_hot = F.one_hot(ground.reshape(-1), V).to(pred.dtype)
    target = one_hot * (1 - eps) + (1 - one_hot) * eps / (V - 1)
    return -torch.einsum("nv,nv->", target, F.log_softmax(pred, dim=1))


def CrossEntropyLoss(pred, ground):
    return F.cross_entropy(pred, ground.reshape(-1), reduction="sum")
