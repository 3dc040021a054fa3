"""Row by row, position by position."""
import numpy as np
import torch
from torch import nn
import random


class TransformerTranslator(nn.Module):
    def __init__(self, input_size, output_size, device, hidden_dim=128, num_heads=2, dim_feedforward=2048,
                 dim_k=96, dim_v=96, dim_q=96, max_length=43):
        super(TransformerTranslator, self).__init__()
        assert hidden_dim % num_heads == 0
        self.num_heads = num_heads
        self.word_embedding_dim = hidden_dim
        self.hidden_dim = hidden_dim
        self.dim_feedforward = dim_feedforward
        self.max_length = max_length
        self.input_size = input_size
        self.output_size = output_size
        self.device = device
        self.dim_k = dim_k
        self.dim_v = dim_v
        self.dim_q = dim_q
        seed_torch(0)

        self.token_embedding = nn.Embedding(input_size, hidden_dim)
        self.position_embedding = nn.Embedding(max_length, hidden_dim)

        # Head 1
        self.k1 = nn.Linear(self.hidden_dim, self.dim_k)
        self.v1 = nn.Linear(self.hidden_dim, self.dim_v)
        self.q1 = nn.Linear(self.hidden_dim, self.dim_q)
        # Head 2
        self.k2 = nn.Linear(self.hidden_dim, self.dim_k)
        self.v2 = nn.Linear(self.hidden_dim, self.dim_v)
        self.q2 = nn.Linear(self.hidden_dim, self.dim_q)
        self.softmax = nn.Softmax(dim=2)
        self.attention_head_projection = nn.Linear(self.dim_v * self.num_heads, self.hidden_dim)
        self.norm_mh = nn.LayerNorm(self.hidden_dim)

        self.w1 = nn.Linear(hidden_dim, dim_feedforward)
        self.w2 = nn.Linear(dim_feedforward, hidden_dim)
        self.norm2 = nn.LayerNorm(hidden_dim)
        self.w3 = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        rows = []
        for row in inputs:
            vectors = []
            for t in range(len(row)):
                place = torch.tensor(t, device=row.device)
                vectors.append(self.token_embedding(row[t]) + self.position_embedding(place))
            rows.append(torch.stack(vectors))
        return torch.stack(rows)

    def attend(self, q, k, v):
        vectors = []
        for t in range(len(q)):
            scores = []
            for s in range(len(k)):
                scores.append(torch.sum(q[t] * k[s]) / np.sqrt(self.dim_k))
            weights = torch.softmax(torch.stack(scores), dim=0)
            vector = 0
            for s in range(len(k)):
                vector = vector + weights[s] * v[s]
            vectors.append(vector)
        return torch.stack(vectors)

    def multi_head_attention(self, inputs):
        rows = []
        for x in inputs:
            head1 = self.attend(self.q1(x), self.k1(x), self.v1(x))
            head2 = self.attend(self.q2(x), self.k2(x), self.v2(x))
            rows.append(self.norm_mh(x + self.attention_head_projection(torch.cat([head1, head2], dim=1))))
        return torch.stack(rows)

    def feedforward_layer(self, inputs):
        return torch.stack([self.norm2(x + self.w2(torch.relu(self.w1(x)))) for x in inputs])

    def final_layer(self, inputs):
        return torch.stack([self.w3(x) for x in inputs])

    def forward(self, inputs):
        x = self.embed(inputs)
        x = self.multi_head_attention(x)
        x = self.feedforward_layer(x)
        return self.final_layer(x)


class FullTransformerTranslator(nn.Module):
    def __init__(self, input_size, output_size, device, hidden_dim=128, num_heads=2, dim_feedforward=2048,
                 num_layers_enc=2, num_layers_dec=2, dropout=0.2, max_length=43, ignore_index=1):
        super(FullTransformerTranslator, self).__init__()
        self.num_heads = num_heads
        self.word_embedding_dim = hidden_dim
        self.hidden_dim = hidden_dim
        self.dim_feedforward = dim_feedforward
        self.num_layers_enc = num_layers_enc
        self.num_layers_dec = num_layers_dec
        self.dropout = dropout
        self.max_length = max_length
        self.input_size = input_size
        self.output_size = output_size
        self.device = device
        self.pad_idx = ignore_index
        seed_torch(0)

        self.transformer = nn.Transformer(hidden_dim, num_heads, num_layers_enc, num_layers_dec, dim_feedforward,
                                          dropout, batch_first=True)
        self.srcembeddingL = nn.Embedding(input_size, hidden_dim)
        self.tgtembeddingL = nn.Embedding(output_size, hidden_dim)
        self.srcposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.tgtposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.linear = nn.Linear(hidden_dim, output_size)

    def embed(self, tokens, words, places):
        rows = []
        for row in tokens:
            vectors = []
            for t, token in enumerate(row):
                vectors.append(words(token) + places(torch.tensor(t, device=tokens.device)))
            rows.append(torch.stack(vectors))
        return torch.stack(rows)

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        T = tgt.shape[1]
        causal = torch.tensor([[j > i for j in range(T)] for i in range(T)], device=tgt.device)
        padding = torch.tensor([[token == self.pad_idx for token in row] for row in tgt.tolist()], device=tgt.device)
        decoded = self.transformer(self.embed(src, self.srcembeddingL, self.srcposembeddingL),
                                   self.embed(tgt, self.tgtembeddingL, self.tgtposembeddingL),
                                   tgt_mask=causal, tgt_key_padding_mask=padding)
        return self.linear(decoded)

    def generate_translation(self, src):
        N, T = src.shape
        outputs = torch.zeros(N, T, self.output_size, device=src.device)
        rows = [[token] + [self.pad_idx] * (T - 1) for token in src[:, 0].tolist()]
        for t in range(T):
            scores = self.forward(src, torch.tensor(rows, dtype=torch.long, device=src.device))
            for n in range(N):
                outputs[n, t] = scores[n, t]
                if t < T - 1:
                    rows[n][t + 1] = int(torch.argmax(scores[n, t]))
        return outputs

    def add_start_token(self, batch_sequences, start_token=2):
        """Shifts the batch right behind a start token, unless every row begins with two of them."""
        first_two = torch.tensor([start_token, start_token], dtype=batch_sequences.dtype,
                                 device=batch_sequences.device)
        if (batch_sequences[:, :2] == first_two).all():
            return batch_sequences
        shifted = batch_sequences.clone()
        shifted[:, 1:] = batch_sequences[:, :-1]
        shifted[:, 0] = start_token
        return shifted


def seed_torch(seed=0):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
