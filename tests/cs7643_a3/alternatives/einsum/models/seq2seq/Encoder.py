"""The linear layers are applied as einsums of their weights."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        self.embedding = nn.Embedding(input_size, emb_size)
        match model_type:
            case "RNN":
                self.rnn = nn.RNN(emb_size, encoder_hidden_size, batch_first=True)
            case "LSTM":
                self.rnn = nn.LSTM(emb_size, encoder_hidden_size, batch_first=True)
            case _:
                raise NotImplementedError(model_type)
        self.inner = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.outer = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.dropout = nn.Dropout(dropout)

    def transform(self, h):
        h = torch.relu(torch.einsum("lne,fe->lnf", h, self.inner.weight) + self.inner.bias)
        return torch.tanh(torch.einsum("lne,de->lnd", h, self.outer.weight) + self.outer.bias)

    def forward(self, input):
        output, state = self.rnn(self.dropout(self.embedding(input)))
        if torch.is_tensor(state):
            return output, self.transform(state)
        h, c = state
        return output, (self.transform(h), c)
