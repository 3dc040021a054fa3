"""torch.nn.functional throughout: attention is scaled_dot_product_attention."""
import numpy as np
import torch
from torch import nn
import random

F = nn.functional


def lookup(tokens, words, places):
    """Vector of the token plus vector of its place."""
    return F.embedding(tokens, words) + places[:tokens.size(1)]


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

        # What nn.Embedding would make, without the module.
        self.words = nn.Parameter(torch.randn(input_size, hidden_dim, device=device))
        self.places = nn.Parameter(torch.randn(max_length, hidden_dim, device=device))

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
        self.out = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        return lookup(inputs, self.words, self.places)

    def multi_head_attention(self, inputs):
        head1 = F.scaled_dot_product_attention(self.q1(inputs), self.k1(inputs), self.v1(inputs))
        head2 = F.scaled_dot_product_attention(self.q2(inputs), self.k2(inputs), self.v2(inputs))
        return self.norm_mh(inputs + self.attention_head_projection(torch.cat([head1, head2], dim=-1)))

    def feedforward_layer(self, inputs):
        return self.norm_ff(inputs + self.ff2(F.relu(self.ff1(inputs))))

    def final_layer(self, inputs):
        return self.out(inputs)

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
                                          dropout, activation=F.relu, batch_first=True)
        self.srcembeddingL = nn.Embedding(input_size, hidden_dim)
        self.tgtembeddingL = nn.Embedding(output_size, hidden_dim)
        self.srcposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.tgtposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.out = nn.Linear(hidden_dim, output_size)

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        causal = torch.ones(tgt.size(1), tgt.size(1), device=tgt.device).bool().triu(diagonal=1)
        decoded = self.transformer(lookup(src, self.srcembeddingL.weight, self.srcposembeddingL.weight),
                                   lookup(tgt, self.tgtembeddingL.weight, self.tgtposembeddingL.weight),
                                   tgt_mask=causal, tgt_is_causal=True,
                                   tgt_key_padding_mask=tgt == self.pad_idx)
        return self.out(decoded)

    def generate_translation(self, src):
        """Gives `forward` no more of the target than there is so far."""
        tgt = src[:, :1]
        outputs = []
        for _ in range(src.size(1)):
            outputs.append(self.forward(src, tgt)[:, -1])
            tgt = torch.cat([tgt, outputs[-1].argmax(dim=-1, keepdim=True)], dim=1)
        return torch.stack(outputs, dim=1)

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
