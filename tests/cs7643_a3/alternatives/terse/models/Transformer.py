"""As short as it goes."""
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
        self.tok = nn.Embedding(input_size, hidden_dim)
        self.pos = nn.Embedding(max_length, hidden_dim)
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
        F, H = dim_feedforward, hidden_dim
        self.ff = nn.Sequential(nn.Linear(H, F), nn.ReLU(), nn.Linear(F, H))
        self.norm_ff = nn.LayerNorm(hidden_dim)
        self.final = nn.Linear(hidden_dim, output_size)
        self.to(device)

    def embed(self, inputs):
        return self.tok(inputs) + self.pos.weight[:inputs.shape[1]]

    def multi_head_attention(self, inputs):
        head = lambda q, k, v: self.softmax(q(inputs) @ k(inputs).mT / self.dim_k**0.5) @ v(inputs)
        heads = [head(self.q1, self.k1, self.v1), head(self.q2, self.k2, self.v2)]
        return self.norm_mh(inputs + self.attention_head_projection(torch.cat(heads, 2)))

    def feedforward_layer(self, inputs):
        return self.norm_ff(inputs + self.ff(inputs))

    def final_layer(self, inputs):
        return self.final(inputs)

    def forward(self, inputs):
        return self.final_layer(self.feedforward_layer(self.multi_head_attention(self.embed(inputs))))


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
        self.net = nn.Transformer(hidden_dim, num_heads, num_layers_enc, num_layers_dec, dim_feedforward, dropout,
                                  batch_first=True)
        self.srcembeddingL = nn.Embedding(input_size, hidden_dim)
        self.tgtembeddingL = nn.Embedding(output_size, hidden_dim)
        self.srcposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.tgtposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.out = nn.Linear(hidden_dim, output_size)
        self.to(device)

    def forward(self, src, tgt):
        tgt, S = self.add_start_token(tgt), src.shape[1]
        T = tgt.shape[1]
        return self.out(self.net(
            self.srcembeddingL(src) + self.srcposembeddingL.weight[:S],
            self.tgtembeddingL(tgt) + self.tgtposembeddingL.weight[:T],
            tgt_mask=torch.ones(T, T, dtype=bool, device=tgt.device).triu(1), tgt_key_padding_mask=tgt == self.pad_idx))

    def generate_translation(self, src):
        (N, T), outs = src.shape, []
        tgt = torch.full_like(src, self.pad_idx)
        tgt[:, 0] = src[:, 0]
        for t in range(T):
            outs += [self(src, tgt)[:, t]]
            tgt[:, t + 1:t + 2] = outs[-1].argmax(1, True)[:, :T - t - 1]
        return torch.stack(outs, 1)

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
