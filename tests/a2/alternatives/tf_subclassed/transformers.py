"""Object-oriented: a self-initialising Linear, a common block base class, weights as a property."""
from __future__ import annotations

import math
from enum import Enum

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset


def hello_transformers():
    print("transformers.py here, at your service")


class Tokenizer:
    """Holds the dictionary and the special words of one vocabulary."""

    def __init__(self, token_dict, special):
        self.token_dict = token_dict
        self.special = frozenset(special)

    def encode(self, text):
        ids = []
        for word in text.split(" "):
            ids.extend(self.encode_word(word))
        return ids

    def encode_word(self, word):
        if word in self.special:
            yield self.token_dict[word]
        else:
            yield from (self.token_dict[digit] for digit in word)


def generate_token_dict(vocab):
    token_dict = {}
    for token in vocab:
        token_dict.setdefault(token, len(token_dict))
    return token_dict


def prepocess_input_sequence(input_str, token_dict, spc_tokens):
    return Tokenizer(token_dict, spc_tokens).encode(input_str)


class Softmax(torch.autograd.Function):
    """Softmax over the last axis with its own backward rule: s * (g - sum(g * s))."""

    @staticmethod
    def forward(ctx, scores):
        exps = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
        soft = exps / exps.sum(dim=-1, keepdim=True)
        ctx.save_for_backward(soft)
        return soft

    @staticmethod
    def backward(ctx, grad):
        (soft,) = ctx.saved_tensors
        return soft * (grad - (grad * soft).sum(dim=-1, keepdim=True))


def scaled_dot_product_two_loop_single(query, key, value):
    K, M = query.shape
    T = key.shape[0]
    scores = torch.empty(K, T, dtype=query.dtype, device=query.device)
    i = 0
    while i < K:
        j = 0
        while j < T:
            scores[i, j] = torch.inner(query[i], key[j])
            j += 1
        i += 1
    return torch.mm(Softmax.apply(scores.div(math.sqrt(M))), value)


def scaled_dot_product_two_loop_batch(query, key, value):
    N, K, M = query.shape
    y = []
    for n in range(N):
        rows = []
        for k in range(K):
            row = Softmax.apply(torch.mv(key[n], query[n, k]).div(math.sqrt(M)))
            rows.append((row.unsqueeze(1) * value[n]).sum(dim=0))
        y.append(torch.stack(rows))
    return torch.stack(y)


def scaled_dot_product_no_loop_batch(query, key, value, mask=None):
    # (N, K, 1, M) * (N, 1, T, M), summed over M
    scores = (query.unsqueeze(2) * key.unsqueeze(1)).sum(dim=-1).div(math.sqrt(query.size(-1)))
    if mask is not None:
        scores = scores.clone()
        scores.masked_fill_(mask, -1e9)
    weights = Softmax.apply(scores)
    return (weights.unsqueeze(-1) * value.unsqueeze(1)).sum(dim=2), weights


class UniformLinear(nn.Linear):
    """nn.Linear whose own reset draws from the wanted range, so the usual init never runs."""

    def reset_parameters(self):
        bound = math.sqrt(6 / (self.in_features + self.out_features))
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.constant_(self.bias, 0)


class SelfAttention(nn.Module):
    def __init__(self, dim_in, dim_q, dim_v):
        super().__init__()
        self.q = UniformLinear(dim_in, dim_q)
        self.k = UniformLinear(dim_in, dim_q)
        self.v = UniformLinear(dim_in, dim_v)
        self._last_weights = None

    @property
    def weights_softmax(self):
        return self._last_weights

    def forward(self, query, key, value, mask=None):
        y, self._last_weights = scaled_dot_product_no_loop_batch(
            self.q(query), self.k(key), self.v(value), mask
        )
        return y


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, dim_in, dim_out):
        super().__init__()
        self.heads = nn.ModuleList()
        self.heads.extend(SelfAttention(dim_in, dim_out, dim_out) for _ in range(num_heads))
        self.output = UniformLinear(num_heads * dim_out, dim_in)

    def forward(self, query, key, value, mask=None):
        return self.output(torch.cat([h(query, key, value, mask=mask) for h in self.heads], -1))


class LayerNormalization(nn.Module):
    def __init__(self, emb_dim, epsilon=1e-10):
        super().__init__()
        self.epsilon = epsilon
        self.register_parameter("alpha", nn.Parameter(torch.ones(emb_dim)))
        self.register_parameter("delta", nn.Parameter(torch.zeros(emb_dim)))

    def forward(self, x):
        return self.alpha * self.standardise(x) + self.delta

    def standardise(self, x):
        deviation = x - x.mean(dim=-1, keepdim=True)
        variance = torch.square(deviation).mean(dim=-1, keepdim=True)
        return deviation.div(torch.sqrt(variance.add(self.epsilon)))


class FeedForwardBlock(nn.Sequential):
    def __init__(self, inp_dim, hidden_dim_feedforward):
        super().__init__(
            UniformLinear(inp_dim, hidden_dim_feedforward),
            nn.ReLU(inplace=True),
            UniformLinear(hidden_dim_feedforward, inp_dim),
        )


class ResidualBlock(nn.Module):
    """What encoder and decoder blocks share: the size check and the add-norm-drop step."""

    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        quotient, remainder = divmod(emb_dim, num_heads)
        if remainder:
            raise ValueError(f"emb_dim={emb_dim} leaves {remainder} over for {num_heads} heads")
        self.head_dim = quotient
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.norm1 = LayerNormalization(emb_dim)
        self.norm2 = LayerNormalization(emb_dim)
        self.dropout = nn.Dropout(p=dropout)

    def join(self, norm, x, update):
        return self.dropout(norm(x + update))


class EncoderBlock(ResidualBlock):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__(num_heads, emb_dim, feedforward_dim, dropout)
        self.MultiHeadBlock = MultiHeadAttention(num_heads, emb_dim, self.head_dim)

    def forward(self, x):
        x = self.join(self.norm1, x, self.MultiHeadBlock(x, x, x))
        return self.join(self.norm2, x, self.feed_forward(x))


def get_subsequent_mask(seq):
    n, k, *_ = seq.shape
    row = torch.arange(k, device=seq.device).reshape(1, k, 1)
    column = torch.arange(k, device=seq.device).reshape(1, 1, k)
    return torch.lt(row, column).repeat(n, 1, 1)


class DecoderBlock(ResidualBlock):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__(num_heads, emb_dim, feedforward_dim, dropout)
        self.attention_self = MultiHeadAttention(num_heads, emb_dim, self.head_dim)
        self.attention_cross = MultiHeadAttention(num_heads, emb_dim, self.head_dim)
        self.norm3 = LayerNormalization(emb_dim)

    def forward(self, dec_inp, enc_inp, mask=None):
        x = self.join(self.norm1, dec_inp, self.attention_self(dec_inp, dec_inp, dec_inp, mask=mask))
        x = self.join(self.norm2, x, self.attention_cross(x, enc_inp, enc_inp))
        return self.join(self.norm3, x, self.feed_forward(x))


class Encoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout):
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)
        )

    def forward(self, src_seq):
        for layer in self.layers:
            src_seq = layer(src_seq)
        return src_seq


class Decoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout, vocab_len):
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)
        )
        self.proj_to_vocab = UniformLinear(emb_dim, vocab_len)

    def forward(self, target_seq, enc_out, mask):
        for layer in self.layers:
            target_seq = layer(target_seq, enc_out, mask)
        return self.proj_to_vocab(target_seq)


class Wave(Enum):
    SINE = 0
    COSINE = 1

    def __call__(self, angle):
        return math.sin(angle) if self is Wave.SINE else math.cos(angle)


def position_encoding_simple(K, M):
    return torch.cat([torch.full((1, 1, M), p / K) for p in range(K)], dim=1)


def position_encoding_sinusoid(K, M):
    def entry(p, column):
        i, parity = divmod(column, 2)
        return Wave(parity)(p / math.pow(10000, math.floor(2 * i / M)))

    return torch.tensor([[entry(p, column) for column in range(M)] for p in range(K)]).reshape(1, K, M)


class Transformer(nn.Module):
    def __init__(
        self, num_heads, emb_dim, feedforward_dim, dropout, num_enc_layers, num_dec_layers, vocab_len
    ):
        super().__init__()
        self.emb_layer = nn.Embedding(vocab_len, emb_dim)
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)

    def embed(self, tokens, positions):
        return self.emb_layer(tokens).add(positions)

    def forward(self, ques_b, ques_pos, ans_b, ans_pos):
        memory = self.encoder(self.embed(ques_b, ques_pos))
        shown = ans_b[:, :-1]
        logits = self.decoder(self.embed(shown, ans_pos[:, :-1]), memory, get_subsequent_mask(shown))
        return logits.flatten(0, 1)


class AddSubDataset(Dataset):
    def __init__(self, input_seqs, target_seqs, convert_str_to_tokens, special_tokens, emb_dim, pos_encode):
        super().__init__()
        self.tokenizer = Tokenizer(convert_str_to_tokens, special_tokens)
        self.input_seqs = input_seqs
        self.target_seqs = target_seqs
        self.emb_dim = emb_dim
        self.pos_encode = pos_encode

    def __len__(self):
        return len(self.input_seqs)

    def encode(self, text):
        ids = torch.tensor(self.tokenizer.encode(text), dtype=torch.int64)
        return ids, self.pos_encode(ids.numel(), self.emb_dim).squeeze(0)

    def __getitem__(self, idx):
        return self.encode(self.input_seqs[idx]) + self.encode(self.target_seqs[idx])


def LabelSmoothingLoss(pred, ground):
    eps = 0.1
    log_prob = F.log_softmax(pred, dim=1)
    truth = log_prob.gather(1, ground.reshape(-1, 1)).sum()
    others = log_prob.sum() - truth
    return -((1 - eps) * truth + eps / (pred.shape[1] - 1) * others)


def CrossEntropyLoss(pred, ground):
    return F.cross_entropy(pred, ground.flatten(), reduction="sum")
