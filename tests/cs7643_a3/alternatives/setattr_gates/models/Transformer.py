"""The heads are looked up by number; positions are a buffer."""
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

        for name, rows in (("tokens", input_size), ("positions", max_length)):
            setattr(self, name, nn.Embedding(rows, hidden_dim))
        self.register_buffer("index", torch.arange(max_length))

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

        for number, (inner, outer) in enumerate([(hidden_dim, dim_feedforward), (dim_feedforward, hidden_dim)]):
            setattr(self, f"w{number + 1}", nn.Linear(inner, outer))
        self.norm_ff = nn.LayerNorm(self.hidden_dim)
        self.scores = nn.Linear(hidden_dim, output_size)
        self.to(device)

    def embed(self, inputs):
        return self.tokens(inputs).add(self.positions(self.index[:inputs.size(1)]))

    def head(self, number, inputs):
        k, v, q = [getattr(self, f"{letter}{number}")(inputs) for letter in "kvq"]
        return self.softmax(q.bmm(k.permute(0, 2, 1)).div(self.dim_k ** 0.5)).bmm(v)

    def multi_head_attention(self, inputs):
        heads = torch.cat([self.head(number, inputs) for number in range(1, self.num_heads + 1)], dim=-1)
        return self.norm_mh(self.attention_head_projection(heads).add(inputs))

    def feedforward_layer(self, inputs):
        return self.norm_ff(self.w2(self.w1(inputs).clamp(min=0)).add(inputs))

    def final_layer(self, inputs):
        return self.scores(inputs)

    def forward(self, inputs):
        for stage in ("embed", "multi_head_attention", "feedforward_layer", "final_layer"):
            inputs = getattr(self, stage)(inputs)
        return inputs


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

        self.transformer = nn.Transformer(nhead=num_heads, d_model=hidden_dim, dropout=dropout, batch_first=True,
                                          num_encoder_layers=num_layers_enc, num_decoder_layers=num_layers_dec,
                                          dim_feedforward=dim_feedforward)
        for side, words in (("src", input_size), ("tgt", output_size)):
            setattr(self, f"{side}embeddingL", nn.Embedding(words, hidden_dim))
        for side in ("src", "tgt"):
            setattr(self, f"{side}posembeddingL", nn.Embedding(max_length, hidden_dim))
        self.out = nn.Linear(hidden_dim, output_size)

    def vectors(self, side, tokens):
        positions = torch.arange(tokens.size(1), device=tokens.device)
        return getattr(self, side + "embeddingL")(tokens) + getattr(self, side + "posembeddingL")(positions)

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)
        order = torch.arange(tgt.size(1), device=tgt.device)
        masks = {"tgt_mask": order[None, :] > order[:, None], "tgt_key_padding_mask": tgt.eq(self.pad_idx)}
        return self.out(self.transformer(self.vectors("src", src), self.vectors("tgt", tgt), **masks))

    def generate_translation(self, src):
        N, T = src.size()
        outputs = src.new_zeros(N, T, self.output_size, dtype=torch.float32)
        tgt = src.new_full((N, T), self.pad_idx)
        tgt.select(1, 0).copy_(src.select(1, 0))
        for t in range(T):
            outputs.select(1, t).copy_(self.forward(src, tgt).select(1, t))
            if t < T - 1:
                tgt.select(1, t + 1).copy_(outputs.select(1, t).argmax(1))
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
