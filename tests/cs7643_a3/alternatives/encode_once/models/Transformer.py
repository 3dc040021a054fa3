"""The source is encoded once for all steps of a translation."""
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

        self.token = nn.Embedding(input_size, hidden_dim)
        self.place = nn.Embedding(max_length, hidden_dim)

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

        self.up = nn.Linear(hidden_dim, dim_feedforward)
        self.down = nn.Linear(dim_feedforward, hidden_dim)
        self.norm_ff = nn.LayerNorm(hidden_dim)
        self.classify = nn.Linear(hidden_dim, output_size)

    def embed(self, inputs):
        places = [[t for t in range(inputs.shape[1])] for _ in range(inputs.shape[0])]
        return self.token(inputs) + self.place(torch.LongTensor(places).to(inputs.device))

    def multi_head_attention(self, inputs):
        heads = torch.zeros(inputs.shape[0], inputs.shape[1], 2 * self.dim_v, device=inputs.device)
        for number, (q, k, v) in enumerate([(self.q1, self.k1, self.v1), (self.q2, self.k2, self.v2)]):
            scores = torch.matmul(q(inputs), k(inputs).swapaxes(1, 2)) / (self.dim_k ** (1 / 2))
            powers = torch.exp(scores - scores.amax(dim=2, keepdim=True))
            weights = powers / powers.sum(dim=2, keepdim=True)
            heads[:, :, number * self.dim_v:(number + 1) * self.dim_v] = torch.matmul(weights, v(inputs))
        return self.norm_mh(inputs + self.attention_head_projection(heads))

    def feedforward_layer(self, inputs):
        inner = self.up(inputs)
        inner = (inner + inner.abs()) / 2
        return self.norm_ff(inputs + self.down(inner))

    def final_layer(self, inputs):
        return self.classify(inputs)

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

        self.transformer = nn.Transformer(d_model=hidden_dim, nhead=num_heads, num_encoder_layers=num_layers_enc,
                                          num_decoder_layers=num_layers_dec, dim_feedforward=dim_feedforward,
                                          dropout=dropout, batch_first=True)
        self.srcembeddingL = nn.Embedding(input_size, hidden_dim)
        self.tgtembeddingL = nn.Embedding(output_size, hidden_dim)
        self.srcposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.tgtposembeddingL = nn.Embedding(max_length, hidden_dim)
        self.linear = nn.Linear(hidden_dim, output_size)

    def encode(self, src):
        places = torch.LongTensor([list(range(src.shape[1]))]).to(src.device)
        return self.transformer.encoder(self.srcembeddingL(src) + self.srcposembeddingL(places))

    def decode(self, tgt, memory):
        tgt = self.add_start_token(tgt)
        places = torch.LongTensor([list(range(tgt.shape[1]))]).to(tgt.device)
        future = torch.zeros(tgt.shape[1], tgt.shape[1], dtype=torch.bool, device=tgt.device)
        for i in range(tgt.shape[1]):
            future[i, i + 1:] = True
        decoded = self.transformer.decoder(self.tgtembeddingL(tgt) + self.tgtposembeddingL(places), memory,
                                           tgt_mask=future, tgt_key_padding_mask=tgt == self.pad_idx)
        return self.linear(decoded)

    def forward(self, src, tgt):
        return self.decode(tgt, self.encode(src))

    def generate_translation(self, src):
        outputs = torch.zeros(src.shape[0], src.shape[1], self.output_size, device=src.device)
        memory = self.encode(src)  # the same at every step
        tgt = torch.zeros_like(src) + self.pad_idx
        tgt[:, 0] = src[:, 0]
        for t in range(src.shape[1]):
            outputs[:, t] = self.decode(tgt, memory)[:, t]
            if t + 1 == src.shape[1]:
                continue
            tgt[:, t + 1] = outputs[:, t].argmax(dim=1)
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
