"""States with explicit zeros at the start; the transform in one expression per line."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super(Encoder, self).__init__()
        self.encoder_hidden_size = encoder_hidden_size
        self.model_type = model_type.upper()
        self.embed = nn.Embedding(input_size, emb_size)
        if self.model_type == "RNN":
            self.rnn = nn.RNN(emb_size, encoder_hidden_size, batch_first=True)
        else:
            self.lstm = nn.LSTM(emb_size, encoder_hidden_size, batch_first=True)
        self.linear_1 = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.linear_2 = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.drop = nn.Dropout(dropout)

    def forward(self, input):
        emb = self.drop(self.embed(input))
        h0 = torch.zeros(1, input.size(0), self.encoder_hidden_size, device=input.device)
        if self.model_type == "RNN":
            output, h_n = self.rnn(emb, h0)
        else:
            output, (h_n, c_n) = self.lstm(emb, (h0, h0.clone()))
        # One layer, one direction: the last output is the last hidden state.
        last = output[:, -1:, :].transpose(0, 1)
        hidden = torch.relu(self.linear_1(last))
        hidden = torch.tanh(self.linear_2(hidden))
        if self.model_type == "RNN":
            return output, hidden
        return output, (hidden, c_n)
