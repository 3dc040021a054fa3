"""All six projections in one product, both heads in one batch."""
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

        self.emb = nn.Embedding(input_size, hidden_dim)
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

        self.fc1 = nn.Linear(hidden_dim, dim_feedforward)
        self.fc2 = nn.Linear(dim_feedforward, hidden_dim)
        self.norm_ff = nn.LayerNorm(hidden_dim)
        self.fc3 = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        T = inputs.shape[1]
        ids = torch.cat([inputs, torch.arange(T, device=inputs.device)[None] + self.input_size])
        table = torch.cat([self.emb.weight, self.pos.weight])
        vectors = table[ids]
        return vectors[:-1] + vectors[-1]

    def multi_head_attention(self, inputs):
        layers = self.q1, self.q2, self.k1, self.k2, self.v1, self.v2
        W = torch.cat([layer.weight for layer in layers])
        b = torch.cat([layer.bias for layer in layers])
        sizes = [layer.out_features for layer in layers]
        q1, q2, k1, k2, v1, v2 = (inputs @ W.t() + b).split(sizes, dim=-1)
        q, k, v = torch.cat([q1, q2]), torch.cat([k1, k2]), torch.cat([v1, v2])  # 2N T d
        scores = torch.baddbmm(torch.zeros(1, 1, 1, device=q.device), q, k.transpose(1, 2), alpha=self.dim_k ** -0.5)
        head1, head2 = torch.bmm(self.softmax(scores), v).chunk(2)
        return self.norm_mh(inputs + self.attention_head_projection(torch.cat([head1, head2], 2)))

    def feedforward_layer(self, inputs):
        N, T, H = inputs.shape
        flat = inputs.reshape(N * T, H)
        inner = torch.addmm(self.fc1.bias, flat, self.fc1.weight.t()).relu()
        return self.norm_ff(torch.addmm(self.fc2.bias, inner, self.fc2.weight.t()).add(flat)).view(N, T, H)

    def final_layer(self, inputs):
        return inputs @ self.fc3.weight.t() + self.fc3.bias

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

        self.transformer = nn.Transformer(hidden_dim, num_heads, num_layers_enc, num_layers_dec, dim_feedforward,
                                          dropout, batch_first=True)
        self.srcembeddingL = nn.Embedding(input_size, hidden_dim)
        self.tgtembeddingL = nn.Embedding(output_size, hidden_dim)
        self.srcposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.tgtposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.fc = nn.Linear(hidden_dim, output_size)
        order = torch.arange(max_length)
        self.register_buffer("order", order)
        self.register_buffer("later", order > order.view(-1, 1))

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        S, T = src.shape[1], tgt.shape[1]
        hidden = self.transformer(
            self.srcembeddingL.weight[src] + self.srcposembeddingL(self.order[:S]),
            self.tgtembeddingL.weight[tgt] + self.tgtposembeddingL(self.order[:T]),
            tgt_mask=self.later[:T, :T], tgt_key_padding_mask=tgt == self.pad_idx,
        )
        return hidden @ self.fc.weight.t() + self.fc.bias

    def generate_translation(self, src):
        N, T = src.shape
        outputs = torch.zeros(N, T, self.output_size, device=src.device)
        # One column more than needed takes the last token, which nobody reads.
        room = torch.full((N, T + 1), self.pad_idx, device=src.device)
        room[:, 0] = src[:, 0]
        for t in range(T):
            outputs[:, t] = self(src, room[:, :T])[:, t]
            room[:, t + 1] = outputs[:, t].argmax(1)
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
