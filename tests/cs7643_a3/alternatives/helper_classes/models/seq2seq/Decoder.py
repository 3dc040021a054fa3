"""Attention is a module of its own, made last."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class CosineAttention(nn.Module):
    def forward(self, query, keys):
        query, keys = self.unit(query), self.unit(keys)
        return nn.functional.softmax(torch.bmm(query, keys.transpose(1, 2)), dim=-1)

    @staticmethod
    def unit(v):
        return v / torch.linalg.vector_norm(v, dim=-1, keepdim=True)


class ContextMixer(nn.Module):
    """Linear layer over [context, embedded]."""

    def __init__(self, enc, emb):
        super().__init__()
        self.linear = nn.Linear(enc + emb, emb)

    def forward(self, probabilities, memory, embedded):
        return self.linear(torch.cat([probabilities @ memory, embedded], dim=2))


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super().__init__()
        self.output_size, self.attention, self.model_type = output_size, attention, model_type
        self.embedding = nn.Embedding(output_size, emb_size)
        self.recurrent = {"RNN": nn.RNN, "LSTM": nn.LSTM}[model_type](emb_size, decoder_hidden_size, batch_first=True)
        self.linear = nn.Linear(decoder_hidden_size, output_size)
        self.dropout = nn.Dropout(dropout)
        self.cosine = CosineAttention()
        self.mixer = ContextMixer(encoder_hidden_size, emb_size) if attention else None

    def compute_attention(self, hidden, encoder_outputs):
        return self.cosine(hidden.transpose(0, 1), encoder_outputs)

    @staticmethod
    def hidden_part(state):
        return state[0] if isinstance(state, tuple) else state

    def forward(self, input, hidden, encoder_outputs=None):
        embedded = self.dropout(self.embedding(input))
        if self.mixer is not None:
            probabilities = self.compute_attention(self.hidden_part(hidden), encoder_outputs)
            embedded = self.mixer(probabilities, encoder_outputs, embedded)
        output, hidden = self.recurrent(embedded, hidden)
        return torch.log_softmax(self.linear(output.squeeze(1)), dim=-1), hidden
