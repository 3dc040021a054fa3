"""Masks are floats with -inf; scales are tensors."""
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

        self.embedding = nn.Embedding(self.input_size, self.hidden_dim)
        self.pos_embedding = nn.Embedding(self.max_length, self.hidden_dim)

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

        self.ff_in = nn.Linear(self.hidden_dim, self.dim_feedforward)
        self.ff_out = nn.Linear(self.dim_feedforward, self.hidden_dim)
        self.ff_norm = nn.LayerNorm(self.hidden_dim)
        self.final = nn.Linear(self.hidden_dim, self.output_size)

    def embed(self, inputs):
        positions = torch.cumsum(torch.ones_like(inputs), dim=1) - 1
        embeddings = self.embedding(inputs)
        embeddings += self.pos_embedding(positions)
        return embeddings

    def multi_head_attention(self, inputs):
        root = torch.sqrt(torch.tensor(self.dim_k, dtype=inputs.dtype, device=inputs.device))
        weights1 = self.softmax(torch.matmul(self.q1(inputs) / root, self.k1(inputs).transpose(-2, -1)))
        weights2 = self.softmax(torch.matmul(self.q2(inputs) / root, self.k2(inputs).transpose(-2, -1)))
        head1 = torch.matmul(weights1, self.v1(inputs))
        head2 = torch.matmul(weights2, self.v2(inputs))
        outputs = self.attention_head_projection(torch.cat((head1, head2), -1))
        outputs += inputs
        return self.norm_mh(outputs)

    def feedforward_layer(self, inputs):
        outputs = self.ff_in(inputs)
        outputs = torch.maximum(outputs, torch.zeros_like(outputs))
        outputs = self.ff_out(outputs)
        outputs += inputs
        return self.ff_norm(outputs)

    def final_layer(self, inputs):
        return self.final(inputs)

    def forward(self, inputs):
        outputs = self.embed(inputs)
        outputs = self.multi_head_attention(outputs)
        outputs = self.feedforward_layer(outputs)
        outputs = self.final_layer(outputs)
        return outputs


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

        self.transformer = nn.Transformer(d_model=self.hidden_dim, nhead=self.num_heads,
                                          num_encoder_layers=self.num_layers_enc,
                                          num_decoder_layers=self.num_layers_dec,
                                          dim_feedforward=self.dim_feedforward, dropout=self.dropout,
                                          batch_first=True)
        self.srcembeddingL = nn.Embedding(self.input_size, self.hidden_dim)
        self.tgtembeddingL = nn.Embedding(self.output_size, self.hidden_dim)
        self.srcposembeddingL = nn.Embedding(self.max_length, self.hidden_dim)
        self.tgtposembeddingL = nn.Embedding(self.max_length, self.hidden_dim)
        self.final = nn.Linear(self.hidden_dim, self.output_size)

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        src_pos = torch.cumsum(torch.ones_like(src), dim=1) - 1
        tgt_pos = torch.cumsum(torch.ones_like(tgt), dim=1) - 1
        src_emb = self.srcembeddingL(src) + self.srcposembeddingL(src_pos)
        tgt_emb = self.tgtembeddingL(tgt) + self.tgtposembeddingL(tgt_pos)
        tgt_mask = nn.Transformer.generate_square_subsequent_mask(tgt.size(1), device=tgt.device)
        padding_mask = torch.zeros(tgt.size(), device=tgt.device).masked_fill(tgt == self.pad_idx, float("-inf"))
        outputs = self.transformer(src_emb, tgt_emb, tgt_mask=tgt_mask, tgt_key_padding_mask=padding_mask)
        return self.final(outputs)

    def generate_translation(self, src):
        N, T = src.shape
        outputs = torch.zeros(N, T, self.output_size).to(src.device)
        tgt = torch.full((N, T), fill_value=self.pad_idx).to(src.device)
        tgt[:, 0] = src[:, 0]
        for t in range(T):
            scores = self.forward(src, tgt)
            outputs[:, t] += scores[:, t]
            _, best = torch.topk(scores[:, t], k=1, dim=1)
            if t != T - 1:
                tgt[:, t + 1] = best.squeeze(1)
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
