"""A transformer encoder by hand and a translator round nn.Transformer.

Vaswani et al., "Attention Is All You Need", 2017.
"""

import numpy as np
import torch
from torch import nn
import random

Tensor = torch.Tensor


class TransformerTranslator(nn.Module):
    """Embedding, two heads, feed-forward layer, scores."""

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

        self.token_embedding: nn.Embedding = nn.Embedding(self.input_size, self.hidden_dim)
        self.position_embedding: nn.Embedding = nn.Embedding(self.max_length, self.hidden_dim)

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

        self.linear1: nn.Linear = nn.Linear(self.hidden_dim, self.dim_feedforward)
        self.linear2: nn.Linear = nn.Linear(self.dim_feedforward, self.hidden_dim)
        self.relu: nn.ReLU = nn.ReLU()
        self.norm_ff: nn.LayerNorm = nn.LayerNorm(self.hidden_dim)

        self.linear3: nn.Linear = nn.Linear(self.hidden_dim, self.output_size)
        self.to(self.device)

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, T) tokens -> (N, T, output_size) scores"""
        embedded: Tensor = self.embed(inputs)
        attended: Tensor = self.multi_head_attention(embedded)
        fed: Tensor = self.feedforward_layer(attended)
        return self.final_layer(fed)

    def embed(self, inputs: Tensor) -> Tensor:
        """(N, T) -> (N, T, hidden_dim)"""
        positions: Tensor = torch.arange(inputs.size(1), device=inputs.device).unsqueeze(0).expand(inputs.size(0), -1)
        return self.token_embedding(inputs) + self.position_embedding(positions)

    def _head(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(N, T, dim_q), (N, T, dim_k), (N, T, dim_v) -> (N, T, dim_v)"""
        scores: Tensor = torch.bmm(query, key.transpose(1, 2)) / np.sqrt(self.dim_k)
        return torch.bmm(self.softmax(scores), value)

    def multi_head_attention(self, inputs: Tensor) -> Tensor:
        """(N, T, hidden_dim) -> (N, T, hidden_dim)"""
        head1: Tensor = self._head(self.q1(inputs), self.k1(inputs), self.v1(inputs))
        head2: Tensor = self._head(self.q2(inputs), self.k2(inputs), self.v2(inputs))
        projected: Tensor = self.attention_head_projection(torch.cat((head1, head2), dim=2))
        return self.norm_mh(inputs + projected)

    def feedforward_layer(self, inputs: Tensor) -> Tensor:
        """(N, T, hidden_dim) -> (N, T, hidden_dim)"""
        return self.norm_ff(inputs + self.linear2(self.relu(self.linear1(inputs))))

    def final_layer(self, inputs: Tensor) -> Tensor:
        """(N, T, hidden_dim) -> (N, T, output_size)"""
        return self.linear3(inputs)


class FullTransformerTranslator(nn.Module):
    """nn.Transformer between embeddings and a linear layer."""

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

        self.transformer: nn.Transformer = nn.Transformer(
            d_model=self.hidden_dim,
            nhead=self.num_heads,
            num_encoder_layers=self.num_layers_enc,
            num_decoder_layers=self.num_layers_dec,
            dim_feedforward=self.dim_feedforward,
            dropout=dropout,
            batch_first=True,
            device=device,
        )
        self.srcembeddingL: nn.Embedding = nn.Embedding(self.input_size, self.hidden_dim, device=device)
        self.tgtembeddingL: nn.Embedding = nn.Embedding(self.output_size, self.hidden_dim, device=device)
        self.srcposembeddingL: nn.Embedding = nn.Embedding(self.max_length, self.hidden_dim, device=device)
        self.tgtposembeddingL: nn.Embedding = nn.Embedding(self.max_length, self.hidden_dim, device=device)
        self.linear: nn.Linear = nn.Linear(self.hidden_dim, self.output_size, device=device)

    @staticmethod
    def _positions(tokens: Tensor) -> Tensor:
        return torch.arange(tokens.size(1), device=tokens.device).expand(tokens.size())

    @staticmethod
    def _causal_mask(length: int, device: torch.device) -> Tensor:
        """(length, length), True above the diagonal"""
        return torch.triu(torch.ones((length, length), dtype=torch.bool, device=device), diagonal=1)

    def forward(self, src: Tensor, tgt: Tensor) -> Tensor:
        """(N, S), (N, T) -> (N, T, output_size)"""
        shifted: Tensor = self.add_start_token(tgt)
        src_vectors: Tensor = self.srcembeddingL(src) + self.srcposembeddingL(self._positions(src))
        tgt_vectors: Tensor = self.tgtembeddingL(shifted) + self.tgtposembeddingL(self._positions(shifted))
        decoded: Tensor = self.transformer(
            src_vectors,
            tgt_vectors,
            tgt_mask=self._causal_mask(shifted.size(1), shifted.device),
            tgt_key_padding_mask=shifted == self.pad_idx,
        )
        return self.linear(decoded)

    def generate_translation(self, src: Tensor) -> Tensor:
        """(N, T) -> (N, T, output_size), greedily"""
        batch_size, length = src.shape
        outputs: Tensor = torch.zeros((batch_size, length, self.output_size), device=src.device)
        tgt: Tensor = torch.full((batch_size, length), self.pad_idx, dtype=torch.long, device=src.device)
        tgt[:, 0] = src[:, 0]
        for step in range(length):
            scores: Tensor = self.forward(src, tgt)[:, step, :]
            outputs[:, step, :] = scores
            if step + 1 < length:
                tgt[:, step + 1] = scores.argmax(dim=1)
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
