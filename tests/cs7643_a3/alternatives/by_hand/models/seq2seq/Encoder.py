"""The recurrent layer is stepped by hand, token by token."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        self.model_type = model_type
        self.embedding = nn.Embedding(input_size, emb_size)
        self.recurrent = nn.RNN(emb_size, encoder_hidden_size, batch_first=True) if model_type == "RNN" else \
            nn.LSTM(emb_size, encoder_hidden_size, batch_first=True)
        self.linear_a = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.linear_b = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input):
        embedded = self.embedding(input)
        embedded = self.dropout(embedded)
        state, outputs = None, []
        for step in embedded.split(1, dim=1):
            output, state = self.recurrent(step, state)
            outputs.append(output)
        output = torch.cat(outputs, dim=1)
        hidden = state if self.model_type == "RNN" else state[0]
        hidden = self.linear_a(hidden).clamp_min(0)
        hidden = self.linear_b(hidden)
        hidden = 2 / (1 + torch.exp(-2 * hidden)) - 1
        if self.model_type == "RNN":
            return output, hidden
        return output, (hidden, state[1])
