"""As short as it goes."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        self.emb = nn.Embedding(input_size, emb_size)
        self.rec = {"RNN": nn.RNN, "LSTM": nn.LSTM}[model_type](emb_size, encoder_hidden_size, batch_first=True)
        self.l1 = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.l2 = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.drop = nn.Dropout(dropout)

    def forward(self, input):
        out, h = self.rec(self.drop(self.emb(input)))
        f = lambda v: self.l2(self.l1(v).relu()).tanh()
        return out, ((f(h[0]), h[1]) if isinstance(h, tuple) else f(h))
