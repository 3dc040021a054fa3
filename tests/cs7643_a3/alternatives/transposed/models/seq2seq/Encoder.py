"""Recurrent layers run time first; transposed before and after."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        self.model_type = model_type
        self.embedding = nn.Embedding(input_size, emb_size)
        if model_type == "LSTM":
            self.recurrent = nn.LSTM(emb_size, encoder_hidden_size, num_layers=1)
        elif model_type == "RNN":
            self.recurrent = nn.RNN(emb_size, encoder_hidden_size, num_layers=1, nonlinearity="tanh")
        else:
            raise KeyError(model_type)
        self.fc1 = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.fc2 = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input):
        embedded = self.dropout(self.embedding(input)).permute(1, 0, 2)
        if self.model_type == "LSTM":
            output, (hidden, cell) = self.recurrent(embedded)
        else:
            output, hidden = self.recurrent(embedded)
        hidden = torch.tanh(self.fc2(torch.relu(self.fc1(hidden[-1])))).unsqueeze(0)
        output = output.permute(1, 0, 2)
        return (output, (hidden, cell)) if self.model_type == "LSTM" else (output, hidden)
