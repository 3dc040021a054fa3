"""Pads of the source are masked, too, in encoder and memory."""
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

        self.emb_word = nn.Embedding(input_size, hidden_dim)
        self.emb_place = nn.Embedding(max_length, hidden_dim)
        self.positions = torch.arange(max_length, device=device)

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

        self.hidden_to_ff = nn.Linear(hidden_dim, dim_feedforward)
        self.ff_to_hidden = nn.Linear(dim_feedforward, hidden_dim)
        self.norm_ff = nn.LayerNorm(hidden_dim)
        self.hidden_to_out = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        return self.emb_word(inputs) + self.emb_place(self.positions[: inputs.shape[1]])

    def multi_head_attention(self, inputs):
        z = []
        for head in (1, 2):
            q = self.__getattr__(f"q{head}")(inputs)
            k = self.__getattr__(f"k{head}")(inputs)
            v = self.__getattr__(f"v{head}")(inputs)
            scores = torch.bmm(q, torch.transpose(k, 1, 2)) / torch.tensor(self.dim_k).sqrt().item()
            z.append(torch.bmm(scores.softmax(-1), v))
        return self.norm_mh(self.attention_head_projection(torch.concat(z, dim=2)) + inputs)

    def feedforward_layer(self, inputs):
        x = self.hidden_to_ff(inputs)
        x = torch.where(x > 0, x, 0.0)
        return self.norm_ff(self.ff_to_hidden(x) + inputs)

    def final_layer(self, inputs):
        return self.hidden_to_out(inputs)

    def forward(self, inputs):
        x = self.embed(inputs)
        x = self.multi_head_attention(x)
        x = self.feedforward_layer(x)
        x = self.final_layer(x)
        return x


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
        self.hidden_to_out = nn.Linear(hidden_dim, output_size)

    def embed_source(self, src):
        return self.srcembeddingL(src) + self.srcposembeddingL.weight[: src.shape[1]].unsqueeze(0)

    def embed_target(self, tgt):
        return self.tgtembeddingL(tgt) + self.tgtposembeddingL.weight[: tgt.shape[1]].unsqueeze(0)

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        T = tgt.shape[1]
        rows, columns = torch.meshgrid(torch.arange(T), torch.arange(T), indexing="ij")
        no_peeking = (columns > rows).to(tgt.device)
        src_pads = src == self.pad_idx
        tgt_pads = tgt == self.pad_idx
        out = self.net(
            self.embed_source(src),
            self.embed_target(tgt),
            tgt_mask=no_peeking,
            src_key_padding_mask=src_pads,
            tgt_key_padding_mask=tgt_pads,
            memory_key_padding_mask=src_pads,
        )
        return self.hidden_to_out(out)

    def generate_translation(self, src):
        N, T = src.shape
        outputs = []
        tgt = torch.full((N, T), self.pad_idx, device=src.device)
        tgt = tgt.index_fill(1, torch.arange(1, device=src.device), 0)
        tgt = tgt.scatter(1, torch.zeros(N, 1, dtype=torch.long, device=src.device), src[:, :1])
        for t in range(T):
            where = torch.full((N, 1, self.output_size), t, dtype=torch.long, device=src.device)
            scores = torch.gather(self.forward(src, tgt), 1, where)
            outputs.append(scores)
            if t + 1 < T:
                at = torch.full((N, 1), t + 1, dtype=torch.long, device=src.device)
                tgt = tgt.scatter(1, at, scores.argmax(dim=2))
        return torch.cat(outputs, dim=1)

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
