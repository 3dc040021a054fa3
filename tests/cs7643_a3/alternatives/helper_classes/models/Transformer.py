"""Small modules for embedding, head, residual and generation."""
import numpy as np
import torch
from torch import nn
import random


class PositionalEmbedding(nn.Module):
    def __init__(self, words, places, width):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(places, width)

    def forward(self, ids):
        return self.words(ids) + self.places(torch.arange(ids.shape[1], device=ids.device))


class Residual(nn.Module):
    """LayerNorm(x + f(x))"""

    def __init__(self, inner, width):
        super().__init__()
        self.inner = inner
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(x + self.inner(x))


class Head:
    """One attention head over layers that belong to another module."""

    def __init__(self, q, k, v):
        self.q, self.k, self.v = q, k, v

    def __call__(self, x):
        q, k = self.q(x), self.k(x)
        return torch.softmax((q @ k.transpose(1, 2)) / np.sqrt(k.shape[-1]), dim=-1) @ self.v(x)


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

        self.embedding = PositionalEmbedding(input_size, max_length, hidden_dim)

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

        inner = nn.Sequential(nn.Linear(hidden_dim, dim_feedforward), nn.ReLU(), nn.Linear(dim_feedforward, hidden_dim))
        self.feedforward = Residual(inner, hidden_dim)
        self.final = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        return self.embedding(inputs)

    def multi_head_attention(self, inputs):
        heads = [Head(self.q1, self.k1, self.v1), Head(self.q2, self.k2, self.v2)]
        joined = torch.cat([head(inputs) for head in heads], dim=2)
        return self.norm_mh(inputs + self.attention_head_projection(joined))

    def feedforward_layer(self, inputs):
        return self.feedforward(inputs)

    def final_layer(self, inputs):
        return self.final(inputs)

    def forward(self, inputs):
        return self.final_layer(self.feedforward_layer(self.multi_head_attention(self.embed(inputs))))


class Masks:
    """Who may not be looked at, made of the target that the network is given."""

    def __init__(self, tgt, pad):
        length = tgt.shape[1]
        self.causal = torch.ones(length, length, device=tgt.device).triu(diagonal=1) == 1
        self.padding = tgt == pad


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
        self.classifier = nn.Linear(hidden_dim, output_size)

    @staticmethod
    def lookup(ids, words, places):
        return words(ids) + places(torch.arange(ids.shape[1], device=ids.device))

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        masks = Masks(tgt, self.pad_idx)
        decoded = self.transformer(self.lookup(src, self.srcembeddingL, self.srcposembeddingL),
                                   self.lookup(tgt, self.tgtembeddingL, self.tgtposembeddingL),
                                   tgt_mask=masks.causal, tgt_key_padding_mask=masks.padding, tgt_is_causal=False)
        return self.classifier(decoded)

    def generate_translation(self, src):
        tokens = [src[:, 0]]
        scores = []
        for t in range(src.shape[1]):
            padding = [torch.full_like(src[:, 0], self.pad_idx)] * (src.shape[1] - len(tokens))
            scores.append(self.forward(src, torch.stack(tokens + padding, dim=1))[:, t])
            if len(tokens) < src.shape[1]:
                tokens.append(scores[-1].argmax(dim=1))
        return torch.stack(scores, dim=1)

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
