"""One line per thing: masks filled by loops, heads written out twice."""
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

        # Deliverable 1
        self.word_embedding = nn.Embedding(input_size, hidden_dim)
        self.position_embedding = nn.Embedding(max_length, hidden_dim)

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

        # Deliverable 3
        self.linear1 = nn.Linear(hidden_dim, dim_feedforward)
        self.linear2 = nn.Linear(dim_feedforward, hidden_dim)
        self.relu = nn.ReLU()
        self.norm_ff = nn.LayerNorm(hidden_dim)

        # Deliverable 4
        self.linear_final = nn.Linear(hidden_dim, output_size)

    def forward(self, inputs):
        x = self.embed(inputs)
        x = self.multi_head_attention(x)
        x = self.feedforward_layer(x)
        outputs = self.final_layer(x)
        return outputs

    def embed(self, inputs):
        batch_size = inputs.shape[0]
        seq_len = inputs.shape[1]
        positions = torch.zeros(batch_size, seq_len, dtype=torch.long).to(inputs.device)
        for n in range(batch_size):
            for t in range(seq_len):
                positions[n, t] = t
        word_vectors = self.word_embedding(inputs)
        position_vectors = self.position_embedding(positions)
        return word_vectors + position_vectors

    def multi_head_attention(self, inputs):
        # head 1
        key1 = self.k1(inputs)
        value1 = self.v1(inputs)
        query1 = self.q1(inputs)
        scores1 = torch.matmul(query1, key1.transpose(1, 2))
        scores1 = scores1 / np.sqrt(self.dim_k)
        weights1 = self.softmax(scores1)
        head1 = torch.matmul(weights1, value1)

        # head 2
        key2 = self.k2(inputs)
        value2 = self.v2(inputs)
        query2 = self.q2(inputs)
        scores2 = torch.matmul(query2, key2.transpose(1, 2))
        scores2 = scores2 / np.sqrt(self.dim_k)
        weights2 = self.softmax(scores2)
        head2 = torch.matmul(weights2, value2)

        both = torch.cat((head1, head2), dim=2)
        projected = self.attention_head_projection(both)
        return self.norm_mh(inputs + projected)

    def feedforward_layer(self, inputs):
        x = self.linear1(inputs)
        x = self.relu(x)
        x = self.linear2(x)
        return self.norm_ff(inputs + x)

    def final_layer(self, inputs):
        return self.linear_final(inputs)


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

    def forward(self, src, tgt):
        tgt = self.add_start_token(tgt)

        batch_size = tgt.shape[0]
        src_len = src.shape[1]
        tgt_len = tgt.shape[1]

        src_positions = torch.arange(src_len).to(src.device)
        tgt_positions = torch.arange(tgt_len).to(tgt.device)
        src_embedded = self.srcembeddingL(src) + self.srcposembeddingL(src_positions)
        tgt_embedded = self.tgtembeddingL(tgt) + self.tgtposembeddingL(tgt_positions)

        # True means: do not look there
        tgt_mask = torch.zeros(tgt_len, tgt_len, dtype=torch.bool).to(tgt.device)
        for i in range(tgt_len):
            for j in range(tgt_len):
                if j > i:
                    tgt_mask[i, j] = True
        tgt_padding_mask = torch.zeros(batch_size, tgt_len, dtype=torch.bool).to(tgt.device)
        for n in range(batch_size):
            for t in range(tgt_len):
                if tgt[n, t] == self.pad_idx:
                    tgt_padding_mask[n, t] = True

        out = self.transformer(src_embedded, tgt_embedded, tgt_mask=tgt_mask,
                               tgt_key_padding_mask=tgt_padding_mask)
        out = self.linear(out)
        return out

    def generate_translation(self, src):
        batch_size = src.shape[0]
        seq_len = src.shape[1]
        outputs = torch.zeros(batch_size, seq_len, self.output_size).to(src.device)
        tgt = torch.zeros(batch_size, seq_len, dtype=torch.long).to(src.device)
        for n in range(batch_size):
            for t in range(seq_len):
                tgt[n, t] = self.pad_idx
        tgt[:, 0] = src[:, 0]
        for t in range(seq_len):
            scores = self.forward(src, tgt)
            outputs[:, t, :] = scores[:, t, :]
            if t + 1 < seq_len:
                best = torch.argmax(scores[:, t, :], dim=1)
                tgt[:, t + 1] = best
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
