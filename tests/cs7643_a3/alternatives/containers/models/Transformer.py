"""ModuleList and Sequential wherever they fit."""
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

        self.tables = nn.ModuleList([nn.Embedding(input_size, hidden_dim), nn.Embedding(max_length, hidden_dim)])

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

        self.feedforward = nn.Sequential(
            nn.Linear(hidden_dim, dim_feedforward),
            nn.ReLU(inplace=True),
            nn.Linear(dim_feedforward, hidden_dim),
        )
        self.norms = nn.ModuleDict({"feedforward": nn.LayerNorm(hidden_dim)})
        self.final = nn.Sequential(nn.Linear(hidden_dim, output_size))

    def forward(self, inputs):
        return self.final_layer(self.feedforward_layer(self.multi_head_attention(self.embed(inputs))))

    def embed(self, inputs):
        positions = torch.arange(0, inputs.shape[1], device=inputs.device).repeat(inputs.shape[0], 1)
        return sum(table(ids) for table, ids in zip(self.tables, (inputs, positions)))

    def multi_head_attention(self, inputs):
        heads = []
        for k, v, q in ((self.k1, self.v1, self.q1), (self.k2, self.v2, self.q2)):
            scores = torch.bmm(q(inputs), k(inputs).transpose(-1, -2)) / float(self.dim_k) ** 0.5
            heads.append(torch.bmm(self.softmax(scores), v(inputs)))
        return self.norm_mh(torch.add(inputs, self.attention_head_projection(torch.cat(heads, dim=-1))))

    def feedforward_layer(self, inputs):
        return self.norms["feedforward"](torch.add(inputs, self.feedforward(inputs)))

    def final_layer(self, inputs):
        return self.final(inputs)


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

        encoder_layer = dict(d_model=hidden_dim, nhead=num_heads, dim_feedforward=dim_feedforward, dropout=dropout)
        self.trans = nn.Transformer(num_encoder_layers=num_layers_enc, num_decoder_layers=num_layers_dec,
                                    batch_first=True, **encoder_layer)
        self.srcembeddingL, self.tgtembeddingL = [nn.Embedding(n, hidden_dim) for n in (input_size, output_size)]
        self.srcposembeddingL, self.tgtposembeddingL = [nn.Embedding(max_length, hidden_dim) for _ in range(2)]
        self.head = nn.Sequential(nn.Linear(hidden_dim, output_size))

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        T = tgt.shape[1]
        tgt_mask = torch.triu(torch.full((T, T), True, device=tgt.device), diagonal=1)
        src_positions = torch.arange(src.shape[1], device=src.device).unsqueeze(0)
        tgt_positions = torch.arange(T, device=tgt.device).unsqueeze(0)
        src_vectors = torch.add(self.srcembeddingL(src), self.srcposembeddingL(src_positions))
        tgt_vectors = torch.add(self.tgtembeddingL(tgt), self.tgtposembeddingL(tgt_positions))
        decoded = self.trans(src_vectors, tgt_vectors, tgt_mask=tgt_mask, tgt_key_padding_mask=(tgt == self.pad_idx))
        return self.head(decoded)

    def generate_translation(self, src):
        tgt = torch.ones_like(src) * self.pad_idx
        tgt[:, 0] = src[:, 0]
        outputs = torch.zeros(src.shape + (self.output_size,), device=src.device)
        for t in range(src.shape[1]):
            outputs[:, t] = self.forward(src, tgt)[:, t]
            try:
                tgt[:, t + 1] = outputs[:, t].argmax(dim=-1)
            except IndexError:
                break
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
