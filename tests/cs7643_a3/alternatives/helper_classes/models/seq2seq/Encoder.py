"""The transform of the hidden state is a class of its own; kinds are subclasses of a policy."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class HiddenTransform(nn.Module):
    def __init__(self, enc, dec):
        super().__init__()
        self.first = nn.Linear(enc, enc)
        self.second = nn.Linear(enc, dec)

    def forward(self, h):
        return torch.tanh(self.second(torch.relu(self.first(h))))


class PlainPolicy:
    layer = nn.RNN

    @staticmethod
    def apply(transform, state):
        return transform(state)


class CellPolicy:
    layer = nn.LSTM

    @staticmethod
    def apply(transform, state):
        h, c = state
        return transform(h), c


class Encoder(nn.Module):
    POLICIES = {"RNN": PlainPolicy, "LSTM": CellPolicy}

    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        self.policy = self.POLICIES[model_type]
        self.embedding = nn.Embedding(input_size, emb_size)
        self.recurrent = self.policy.layer(emb_size, encoder_hidden_size, batch_first=True)
        self.transform = HiddenTransform(encoder_hidden_size, decoder_hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input):
        output, state = self.recurrent(self.dropout(self.embedding(input)))
        return output, self.policy.apply(self.transform, state)
