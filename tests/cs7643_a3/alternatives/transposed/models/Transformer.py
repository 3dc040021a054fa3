"""Scores are taken as K Q^T and normalised over the other axis; outputs time first."""
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

        self.embeddingL = nn.Embedding(input_size, hidden_dim)
        self.posembeddingL = nn.Embedding(max_length, hidden_dim)

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

        self.linear1 = nn.Linear(hidden_dim, dim_feedforward)
        self.linear2 = nn.Linear(dim_feedforward, hidden_dim)
        self.norm_ff = nn.LayerNorm(hidden_dim)
        self.linear3 = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        words = self.embeddingL(inputs.t())  # T N H
        places = self.posembeddingL(torch.arange(inputs.shape[1], device=inputs.device)).unsqueeze(1)  # T 1 H
        return (words + places).transpose(0, 1)

    @staticmethod
    def attend(q, k, v):
        weights = torch.softmax(k.matmul(q.transpose(1, 2)) * k.size(-1) ** -0.5, dim=1)  # N K Q
        return v.transpose(1, 2).matmul(weights)  # N V Q

    def multi_head_attention(self, inputs):
        columns = torch.cat([
            self.attend(self.q1(inputs), self.k1(inputs), self.v1(inputs)),
            self.attend(self.q2(inputs), self.k2(inputs), self.v2(inputs)),
        ], dim=1)
        return self.norm_mh(inputs + self.attention_head_projection(columns.transpose(1, 2)))

    def feedforward_layer(self, inputs):
        return self.norm_ff(inputs + self.linear2(torch.relu(self.linear1(inputs))))

    def final_layer(self, inputs):
        return self.linear3(inputs)

    def forward(self, inputs):
        outputs = self.embed(inputs)
        outputs = self.multi_head_attention(outputs)
        outputs = self.feedforward_layer(outputs)
        return self.final_layer(outputs)


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
                                          dropout, activation="relu", batch_first=True, norm_first=False)
        self.srcembeddingL = nn.Embedding(input_size, hidden_dim)
        self.tgtembeddingL = nn.Embedding(output_size, hidden_dim)
        self.srcposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.tgtposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.linear = nn.Linear(hidden_dim, output_size)

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        S, T = src.size(1), tgt.size(1)
        s = (self.srcembeddingL(src.t()) + self.srcposembeddingL(torch.arange(S, device=src.device)).unsqueeze(1))
        t = (self.tgtembeddingL(tgt.t()) + self.tgtposembeddingL(torch.arange(T, device=tgt.device)).unsqueeze(1))
        allowed = torch.ones(T, T, dtype=torch.bool, device=tgt.device).triu().t()
        decoded = self.transformer(s.transpose(0, 1), t.transpose(0, 1), tgt_mask=allowed.logical_not(),
                                   tgt_key_padding_mask=(tgt.t() == self.pad_idx).t())
        return self.linear(decoded)

    def generate_translation(self, src):
        N, T = src.shape
        outputs = torch.zeros(T, N, self.output_size, device=src.device)
        tgt = torch.full((T, N), self.pad_idx, device=src.device)
        tgt[0] = src.t()[0]
        for t in range(T):
            outputs[t] = self.forward(src, tgt.t())[:, t]
            if t + 1 < T:
                tgt[t + 1] = outputs[t].argmax(-1)
        return outputs.transpose(0, 1)

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
