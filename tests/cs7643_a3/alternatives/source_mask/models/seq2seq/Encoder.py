"""Layers under one name for both kinds; early returns."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        assert model_type in {"RNN", "LSTM"}, "only RNN and LSTM"
        rnn_class = nn.LSTM if model_type == "LSTM" else nn.RNN
        self.emb = nn.Embedding(input_size, emb_size)
        self.rnn = rnn_class(input_size=emb_size, hidden_size=encoder_hidden_size, bias=True, batch_first=True,
                             dropout=0.0, bidirectional=False)
        self.lin1 = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.lin2 = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.do = nn.Dropout(dropout)

    def forward(self, input):
        out, state = self.rnn(self.do(self.emb(input)))
        if isinstance(self.rnn, nn.LSTM):
            h, c = state
            return out, (self.squash(h), c)
        return out, self.squash(state)

    def squash(self, h):
        h = self.lin1(h)
        h = h * (h > 0)
        return self.lin2(h).tanh()
