"""Constructors spend extra random numbers (trial passes, redrawn weights and biases); map in a buffer."""
from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset


def hello_transformers():
    print("Greetings from transformers.py")


def generate_token_dict(vocab):
    return {vocab[i]: i for i in range(len(vocab))}


def prepocess_input_sequence(input_str, token_dict, spc_tokens):
    out = []
    for part in input_str.split():
        is_special = part in spc_tokens
        for token in [part] if is_special else part:
            out.append(token_dict[token])
    return out


def scaled_dot_product_two_loop_single(query, key, value):
    K, M = query.shape
    out = torch.zeros_like(query)
    for i in range(K):
        score = (key * query[i]).sum(1) / np.sqrt(M)
        weight = torch.softmax(score, dim=0)
        for j in range(key.shape[0]):
            out[i] = out[i] + weight[j] * value[j]
    return out


def scaled_dot_product_two_loop_batch(query, key, value):
    _, K, M = query.shape
    out = torch.zeros_like(query)
    for i in range(K):
        score = (key * query[:, i : i + 1]).sum(2) / np.sqrt(M)
        weight = torch.softmax(score, dim=1)
        for j in range(key.shape[1]):
            out[:, i] = out[:, i] + weight[:, j, None] * value[:, j]
    return out


def scaled_dot_product_no_loop_batch(query, key, value, mask=None):
    M = query.shape[-1]
    scores = torch.bmm(query, key.permute(0, 2, 1)) / np.sqrt(M)
    if mask is not None:
        scores = scores.masked_fill(mask, -1e9)
    weights_softmax = scores.softmax(dim=-1)
    return torch.bmm(weights_softmax, value), weights_softmax


def redraw(linear):
    """Weights from the prescribed range; biases drawn a second time from the usual one."""
    limit = float(np.sqrt(6.0 / (linear.in_features + linear.out_features)))
    linear.weight = nn.Parameter((torch.rand(linear.out_features, linear.in_features) * 2 - 1) * limit)
    usual = linear.in_features**-0.5
    nn.init.uniform_(linear.bias, -usual, usual)


class SelfAttention(nn.Module):
    def __init__(self, dim_in, dim_q, dim_v):
        super().__init__()
        self.q = nn.Linear(dim_in, dim_q)
        self.k = nn.Linear(dim_in, dim_q)
        self.v = nn.Linear(dim_in, dim_v)
        redraw(self.q)
        redraw(self.k)
        redraw(self.v)
        self.register_buffer("weights_softmax", None, persistent=False)
        # a trial on noise shows a wrong size here rather than in the middle of training
        with torch.no_grad():
            x = torch.randn(2, 3, dim_in)
            assert self.forward(x, x, x).shape == (2, 3, dim_v)

    def forward(self, query, key, value, mask=None):
        y, self.weights_softmax = scaled_dot_product_no_loop_batch(
            self.q(query), self.k(key), self.v(value), mask=mask
        )
        return y


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, dim_in, dim_out):
        super().__init__()
        self.heads = nn.ModuleList([SelfAttention(dim_in, dim_out, dim_out) for _ in range(num_heads)])
        self.fc = nn.Linear(num_heads * dim_out, dim_in)
        redraw(self.fc)

    def forward(self, query, key, value, mask=None):
        outs = []
        for head in self.heads:
            outs.append(head(query, key, value, mask))
        return self.fc(torch.concat(outs, dim=-1))


class LayerNormalization(nn.Module):
    def __init__(self, emb_dim, epsilon=1e-10):
        super().__init__()
        self.eps = epsilon
        self.gamma = nn.Parameter(torch.ones(emb_dim))
        self.beta = nn.Parameter(torch.zeros(emb_dim))
        assert self(torch.rand(2, emb_dim)).shape == (2, emb_dim)

    def forward(self, x):
        mu = x.mean(-1, keepdim=True)
        sigma = torch.sqrt(((x - mu) ** 2).mean(-1, keepdim=True) + self.eps)
        return (x - mu) / sigma * self.gamma + self.beta


class FeedForwardBlock(nn.Module):
    def __init__(self, inp_dim, hidden_dim_feedforward):
        super().__init__()
        self.block = nn.Sequential()
        self.block.add_module("fc1", nn.Linear(inp_dim, hidden_dim_feedforward))
        self.block.add_module("act", nn.ReLU())
        self.block.add_module("fc2", nn.Linear(hidden_dim_feedforward, inp_dim))
        self.block.apply(lambda m: redraw(m) if isinstance(m, nn.Linear) else None)

    def forward(self, x):
        return self.block(x)


class EncoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError(f"num_heads={num_heads} must divide emb_dim={emb_dim}")
        self.drop = nn.Dropout(dropout)
        self.ffn = FeedForwardBlock(emb_dim, feedforward_dim)
        self.ln1 = LayerNormalization(emb_dim)
        self.ln2 = LayerNormalization(emb_dim)
        self.MultiHeadBlock = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)

    def forward(self, x):
        h = self.drop(self.ln1(x + self.MultiHeadBlock(x, x, x)))
        return self.drop(self.ln2(h + self.ffn(h)))


def get_subsequent_mask(seq):
    N, K = seq.shape[0], seq.shape[1]
    allowed = torch.tril(torch.ones(N, K, K, device=seq.device))
    return allowed == 0


class DecoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError(f"num_heads={num_heads} must divide emb_dim={emb_dim}")
        head_dim = emb_dim // num_heads
        self.dropout = nn.Dropout(dropout)
        self.norm3 = LayerNormalization(emb_dim)
        self.norm2 = LayerNormalization(emb_dim)
        self.norm1 = LayerNormalization(emb_dim)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.attention_cross = MultiHeadAttention(num_heads, emb_dim, head_dim)
        self.attention_self = MultiHeadAttention(num_heads, emb_dim, head_dim)

    def forward(self, dec_inp, enc_inp, mask=None):
        h = self.dropout(self.norm1(dec_inp + self.attention_self(dec_inp, dec_inp, dec_inp, mask)))
        h = self.dropout(self.norm2(h + self.attention_cross(h, enc_inp, enc_inp)))
        return self.dropout(self.norm3(h + self.feed_forward(h)))


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
        a = (6 / (emb_dim + vocab_len)) ** 0.5
        nn.init.uniform_(self.proj_to_vocab.weight, -a, a)

    def forward(self, target_seq, enc_out, mask):
        for layer in self.layers:
            target_seq = layer(target_seq, enc_out, mask)
        return self.proj_to_vocab(target_seq)


def position_encoding_simple(K, M):
    column = torch.from_numpy((np.arange(K) / K).astype(np.float32))
    return column.reshape(1, K, 1).repeat(1, 1, M)


def position_encoding_sinusoid(K, M):
    pairs = (M + 1) // 2
    exponent = np.floor(2 * np.arange(pairs) / M)
    angle = np.arange(K)[:, None] / np.power(10000.0, exponent)[None, :]
    # (K, pairs, 2) -> sin, cos, sin, cos ... ; an odd M drops the last cosine
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(K, 2 * pairs)[:, :M]
    return torch.tensor(waves, dtype=torch.float32).unsqueeze(0)


class Transformer(nn.Module):
    def __init__(
        self, num_heads, emb_dim, feedforward_dim, dropout, num_enc_layers, num_dec_layers, vocab_len
    ):
        super().__init__()
        self.emb_layer = nn.Embedding(vocab_len, emb_dim)
        nn.init.uniform_(self.emb_layer.weight, -0.5, 0.5)
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)

    def forward(self, ques_b, ques_pos, ans_b, ans_pos):
        q_emb_inp = self.emb_layer(ques_b) + ques_pos
        a_emb_inp = (self.emb_layer(ans_b) + ans_pos)[:, :-1]
        enc_out = self.encoder(q_emb_inp)
        dec_out = self.decoder(a_emb_inp, enc_out, get_subsequent_mask(a_emb_inp))
        return dec_out.reshape(-1, self.emb_layer.num_embeddings)


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

    def __getitem__(self, idx):
        sample = []
        for text in (self.input_seqs[idx], self.target_seqs[idx]):
            tokens = prepocess_input_sequence(text, self.convert_str_to_tokens, self.special_tokens)
            sample += [torch.tensor(tokens), self.pos_encode(len(tokens), self.emb_dim).squeeze(0)]
        return tuple(sample)


def LabelSmoothingLoss(pred, ground):
    eps = 0.1
    V = pred.shape[1]
    one_hot = F.one_hot(ground.reshape(-1), num_classes=V).float()
    soft = one_hot * (1 - eps) + (1 - one_hot) * eps / (V - 1)
    return -(soft * F.log_softmax(pred, dim=1)).sum()


def CrossEntropyLoss(pred, ground):
    return nn.CrossEntropyLoss(reduction="sum")(pred, ground.reshape(-1))
