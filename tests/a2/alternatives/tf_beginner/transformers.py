"""Step-by-step beginner code: index loops everywhere, zeroed biases, one shared dropout, talkative prints."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset


def hello_transformers():
    print("Hi! This is transformers.py")


def generate_token_dict(vocab):
    token_dict = {}
    i = 0
    for v in vocab:
        token_dict[v] = i
        i = i + 1
    print("number of tokens:", len(token_dict))
    return token_dict


def prepocess_input_sequence(input_str, token_dict, spc_tokens):
    out = []
    words = input_str.split(" ")
    for w in range(len(words)):
        if words[w] in spc_tokens:
            out.append(token_dict[words[w]])
        else:
            for d in range(len(words[w])):
                out.append(token_dict[words[w][d]])
    return out


def scaled_dot_product_two_loop_single(query, key, value):
    print("two loops, single item", tuple(query.shape))
    K = query.shape[0]
    M = query.shape[1]
    rows = []
    for i in range(K):
        row = []
        for j in range(key.shape[0]):
            row.append((query[i] * key[j]).sum() / math.sqrt(M))
        rows.append(torch.stack(row))
    weights = torch.softmax(torch.stack(rows), dim=1)
    return torch.matmul(weights, value)


def scaled_dot_product_two_loop_batch(query, key, value):
    print("two loops, batch", tuple(query.shape))
    M = query.shape[2]
    rows = []
    for i in range(query.shape[1]):
        row = []
        for j in range(key.shape[1]):
            row.append((query[:, i] * key[:, j]).sum(dim=1) / math.sqrt(M))
        rows.append(torch.stack(row, dim=1))
    weights = torch.softmax(torch.stack(rows, dim=1), dim=2)
    return torch.matmul(weights, value)


def scaled_dot_product_no_loop_batch(query, key, value, mask=None):
    M = query.shape[2]
    key_t = key.permute(0, 2, 1)
    scores = torch.matmul(query, key_t)
    scores = scores / math.sqrt(M)
    if mask is not None:
        scores[mask] = -1e9
    weights_softmax = torch.softmax(scores, dim=2)
    y = torch.matmul(weights_softmax, value)
    return y, weights_softmax


class SelfAttention(nn.Module):
    def __init__(self, dim_in, dim_q, dim_v):
        super().__init__()
        self.q = nn.Linear(dim_in, dim_q)
        self.k = nn.Linear(dim_in, dim_q)
        self.v = nn.Linear(dim_in, dim_v)

        c_qk = math.sqrt(6 / (dim_in + dim_q))
        nn.init.uniform_(self.q.weight, -c_qk, c_qk)
        nn.init.uniform_(self.k.weight, -c_qk, c_qk)
        c_v = math.sqrt(6 / (dim_in + dim_v))
        nn.init.uniform_(self.v.weight, -c_v, c_v)
        nn.init.zeros_(self.q.bias)
        nn.init.zeros_(self.k.bias)
        nn.init.zeros_(self.v.bias)

    def forward(self, query, key, value, mask=None):
        q = self.q(query)
        k = self.k(key)
        v = self.v(value)
        y, weights_softmax = scaled_dot_product_no_loop_batch(q, k, v, mask)
        self.weights_softmax = weights_softmax
        return y


class MultiHeadAttention(nn.Module):
    def __init__(self, num_heads, dim_in, dim_out):
        super().__init__()
        self.num_heads = num_heads
        heads = []
        for _ in range(num_heads):
            heads.append(SelfAttention(dim_in, dim_out, dim_out))
        self.heads = nn.ModuleList(heads)
        self.out_layer = nn.Linear(num_heads * dim_out, dim_in)
        c = math.sqrt(6 / (num_heads * dim_out + dim_in))
        nn.init.uniform_(self.out_layer.weight, -c, c)
        nn.init.zeros_(self.out_layer.bias)

    def forward(self, query, key, value, mask=None):
        y = self.heads[0](query, key, value, mask)
        for i in range(1, self.num_heads):
            y = torch.cat((y, self.heads[i](query, key, value, mask)), dim=2)
        y = self.out_layer(y)
        return y


class LayerNormalization(nn.Module):
    def __init__(self, emb_dim, epsilon=1e-10):
        super().__init__()
        self.epsilon = epsilon
        self.gamma = nn.Parameter(torch.ones(emb_dim))
        self.beta = nn.Parameter(torch.zeros(emb_dim))

    def forward(self, x):
        mean = torch.mean(x, dim=-1, keepdim=True)
        var = x.var(dim=-1, unbiased=False, keepdim=True)
        x_norm = (x - mean) / torch.sqrt(var + self.epsilon)
        return self.gamma * x_norm + self.beta


class FeedForwardBlock(nn.Module):
    def __init__(self, inp_dim, hidden_dim_feedforward):
        super().__init__()
        self.linear1 = nn.Linear(inp_dim, hidden_dim_feedforward)
        self.relu = nn.ReLU()
        self.linear2 = nn.Linear(hidden_dim_feedforward, inp_dim)
        c = math.sqrt(6 / (inp_dim + hidden_dim_feedforward))
        nn.init.uniform_(self.linear1.weight, -c, c)
        nn.init.uniform_(self.linear2.weight, -c, c)
        nn.init.zeros_(self.linear1.bias)
        nn.init.zeros_(self.linear2.bias)

    def forward(self, x):
        y = self.linear1(x)
        y = self.relu(y)
        y = self.linear2(y)
        return y


class EncoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError("emb_dim must be divisible by num_heads")
        self.MultiHeadBlock = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.norm1 = LayerNormalization(emb_dim)
        self.norm2 = LayerNormalization(emb_dim)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        attention = self.MultiHeadBlock(x, x, x)
        o = self.norm1(attention + x)
        o = self.dropout(o)
        ff = self.feed_forward(o)
        y = self.norm2(ff + o)
        y = self.dropout(y)
        return y


def get_subsequent_mask(seq):
    N = seq.shape[0]
    K = seq.shape[1]
    mask = torch.zeros((N, K, K), dtype=torch.bool, device=seq.device)
    for i in range(K):
        for j in range(K):
            if j > i:
                mask[:, i, j] = True
    return mask


class DecoderBlock(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, dropout):
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError("emb_dim must be divisible by num_heads")
        self.attention_self = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.attention_cross = MultiHeadAttention(num_heads, emb_dim, emb_dim // num_heads)
        self.feed_forward = FeedForwardBlock(emb_dim, feedforward_dim)
        self.norm1 = LayerNormalization(emb_dim)
        self.norm2 = LayerNormalization(emb_dim)
        self.norm3 = LayerNormalization(emb_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, dec_inp, enc_inp, mask=None):
        if mask is None:
            attention = self.attention_self(dec_inp, dec_inp, dec_inp)
        else:
            attention = self.attention_self(dec_inp, dec_inp, dec_inp, mask)
        out1 = self.dropout(self.norm1(attention + dec_inp))
        cross = self.attention_cross(out1, enc_inp, enc_inp)
        out2 = self.dropout(self.norm2(cross + out1))
        ff = self.feed_forward(out2)
        y = self.dropout(self.norm3(ff + out2))
        return y


class Encoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout):
        super().__init__()
        layers = []
        for _ in range(num_layers):
            layers.append(EncoderBlock(num_heads, emb_dim, feedforward_dim, dropout))
        self.layers = nn.ModuleList(layers)

    def forward(self, src_seq):
        out = src_seq
        for i in range(len(self.layers)):
            out = self.layers[i](out)
        return out


class Decoder(nn.Module):
    def __init__(self, num_heads, emb_dim, feedforward_dim, num_layers, dropout, vocab_len):
        super().__init__()
        layers = []
        for _ in range(num_layers):
            layers.append(DecoderBlock(num_heads, emb_dim, feedforward_dim, dropout))
        self.layers = nn.ModuleList(layers)
        self.proj_to_vocab = nn.Linear(emb_dim, vocab_len)
        c = math.sqrt(6 / (emb_dim + vocab_len))
        nn.init.uniform_(self.proj_to_vocab.weight, -c, c)

    def forward(self, target_seq, enc_out, mask):
        out = target_seq
        for i in range(len(self.layers)):
            out = self.layers[i](out, enc_out, mask)
        return self.proj_to_vocab(out)


def position_encoding_simple(K, M):
    y = torch.zeros(1, K, M)
    for p in range(K):
        for m in range(M):
            y[0, p, m] = p / K
    return y


def position_encoding_sinusoid(K, M):
    y = torch.zeros(1, K, M)
    for p in range(K):
        for i in range((M + 1) // 2):
            a = math.floor(2 * i / M)
            y[0, p, 2 * i] = math.sin(p / 10000**a)
            if 2 * i + 1 < M:
                y[0, p, 2 * i + 1] = math.cos(p / 10000**a)
    return y


class Transformer(nn.Module):
    def __init__(
        self, num_heads, emb_dim, feedforward_dim, dropout, num_enc_layers, num_dec_layers, vocab_len
    ):
        super().__init__()
        self.emb_layer = nn.Embedding(vocab_len, emb_dim)
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)
        print("transformer with", num_enc_layers, "encoder and", num_dec_layers, "decoder layers")

    def forward(self, ques_b, ques_pos, ans_b, ans_pos):
        q_emb = self.emb_layer(ques_b)
        a_emb = self.emb_layer(ans_b)
        q_emb_inp = q_emb + ques_pos
        a_emb_inp = a_emb[:, :-1] + ans_pos[:, :-1]
        mask = get_subsequent_mask(ans_b[:, :-1])
        enc_out = self.encoder(q_emb_inp)
        dec_out = self.decoder(a_emb_inp, enc_out, mask)
        dec_out = dec_out.reshape(dec_out.shape[0] * dec_out.shape[1], dec_out.shape[2])
        return dec_out


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
        inp = self.input_seqs[idx]
        inp = prepocess_input_sequence(inp, self.convert_str_to_tokens, self.special_tokens)
        inp_pos = self.pos_encode(len(inp), self.emb_dim)
        inp_pos = inp_pos[0]
        out = self.target_seqs[idx]
        out = prepocess_input_sequence(out, self.convert_str_to_tokens, self.special_tokens)
        out_pos = self.pos_encode(len(out), self.emb_dim)
        out_pos = out_pos[0]
        return torch.tensor(inp), inp_pos, torch.tensor(out), out_pos


def LabelSmoothingLoss(pred, ground):
    ground = ground.contiguous().view(-1)
    eps = 0.1
    n_class = pred.size(1)
    one_hot = F.one_hot(ground, num_classes=n_class)
    one_hot = one_hot * (1 - eps) + (1 - one_hot) * eps / (n_class - 1)
    log_prob = F.log_softmax(pred, dim=1)
    loss = -(one_hot * log_prob).sum(dim=1)
    return loss.sum()


def CrossEntropyLoss(pred, ground):
    ground = ground.contiguous().view(-1)
    loss = F.cross_entropy(pred, ground, reduction="sum")
    return loss
