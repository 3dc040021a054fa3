"""Activations and dropout out of torch.nn.functional."""
import random

import torch
import torch.nn as nn
import torch.optim as optim

F = nn.functional


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        self.p = dropout
        self.embedding = nn.Embedding(input_size, emb_size)
        self.recurrent = (nn.RNN if model_type == "RNN" else nn.LSTM)(emb_size, encoder_hidden_size, batch_first=True)
        self.linear1 = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.linear2 = nn.Linear(encoder_hidden_size, decoder_hidden_size)

    def forward(self, input):
        embedded = F.dropout(F.embedding(input, self.embedding.weight), p=self.p, training=self.training)
        output, state = self.recurrent(embedded)
        plain = torch.is_tensor(state)
        hidden = F.tanh(self.linear2(F.relu(self.linear1(state if plain else state[0]))))
        return output, hidden if plain else (hidden, state[1])
