"""Both heads at once in einsums over stacked weights."""
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

        self.word_table = nn.Embedding(input_size, hidden_dim)
        self.place_table = nn.Embedding(max_length, hidden_dim)

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

        self.ff1 = nn.Linear(hidden_dim, dim_feedforward)
        self.ff2 = nn.Linear(dim_feedforward, hidden_dim)
        self.norm_ff = nn.LayerNorm(hidden_dim)
        self.scorer = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        places = torch.arange(inputs.shape[1], device=inputs.device).expand_as(inputs)
        return self.word_table(inputs) + self.place_table(places)

    @staticmethod
    def project(inputs, *layers):
        weight = torch.stack([layer.weight for layer in layers])
        bias = torch.stack([layer.bias for layer in layers])
        return torch.einsum("nth,adh->natd", inputs, weight) + bias[:, None, :]

    def multi_head_attention(self, inputs):
        k = self.project(inputs, self.k1, self.k2)
        v = self.project(inputs, self.v1, self.v2)
        q = self.project(inputs, self.q1, self.q2)
        scores = torch.einsum("naqd,nakd->naqk", q, k) / np.sqrt(self.dim_k)
        heads = torch.einsum("naqk,nakd->nqad", scores.softmax(dim=-1), v)
        return self.norm_mh(inputs + self.attention_head_projection(heads.flatten(2)))

    def feedforward_layer(self, inputs):
        inner = torch.einsum("nth,fh->ntf", inputs, self.ff1.weight) + self.ff1.bias
        outer = torch.einsum("ntf,hf->nth", torch.relu(inner), self.ff2.weight) + self.ff2.bias
        return self.norm_ff(outer + inputs)

    def final_layer(self, inputs):
        return torch.einsum("nth,oh->nto", inputs, self.scorer.weight) + self.scorer.bias

    def forward(self, inputs):
        attended = self.multi_head_attention(self.embed(inputs))
        return self.final_layer(self.feedforward_layer(attended))


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

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        src_places = torch.arange(src.shape[1], device=src.device).expand_as(src)
        tgt_places = torch.arange(tgt.shape[1], device=tgt.device).expand_as(tgt)
        blocked = ~torch.tril(torch.ones(tgt.shape[1], tgt.shape[1], device=tgt.device)).bool()
        y = self.transformer(
            src=self.srcembeddingL(src) + self.srcposembeddingL(src_places),
            tgt=self.tgtembeddingL(tgt) + self.tgtposembeddingL(tgt_places),
            tgt_mask=blocked,
            tgt_key_padding_mask=torch.eq(tgt, self.pad_idx),
        )
        return torch.einsum("nth,oh->nto", y, self.linear.weight) + self.linear.bias

    def generate_translation(self, src):
        N, T = src.shape
        outputs = torch.zeros(N, T, self.output_size, device=src.device)
        tgt = torch.full((N, T), self.pad_idx, dtype=src.dtype, device=src.device)
        tgt[:, 0] = src[:, 0]
        for t in range(T):
            at_t = torch.nn.functional.one_hot(torch.tensor(t), T).float().to(src.device)
            scores = torch.einsum("nto,t->no", self(src, tgt), at_t)
            outputs = outputs + torch.einsum("no,t->nto", scores, at_t)
            if t < T - 1:
                tgt[:, t + 1] = torch.topk(scores, 1).indices[:, 0]
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
