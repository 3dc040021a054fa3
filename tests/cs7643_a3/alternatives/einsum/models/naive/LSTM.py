"""Every product is an einsum; the four gates are one stacked tensor."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        D, self.H = input_size, hidden_size
        weight = lambda rows: nn.Parameter(torch.randn(rows, hidden_size))
        bias = lambda: nn.Parameter(torch.randn(hidden_size))
        self.W_ii, self.b_ii, self.W_hi, self.b_hi = weight(D), bias(), weight(self.H), bias()
        self.W_if, self.b_if, self.W_hf, self.b_hf = weight(D), bias(), weight(self.H), bias()
        self.W_ig, self.b_ig, self.W_hg, self.b_hg = weight(D), bias(), weight(self.H), bias()
        self.W_io, self.b_io, self.W_ho, self.b_ho = weight(D), bias(), weight(self.H), bias()
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        W_x = torch.stack([self.W_ii, self.W_if, self.W_ig, self.W_io])
        W_h = torch.stack([self.W_hi, self.W_hf, self.W_hg, self.W_ho])
        b = torch.stack([self.b_ii + self.b_hi, self.b_if + self.b_hf, self.b_ig + self.b_hg, self.b_io + self.b_ho])
        from_x = torch.einsum("ntd,gdh->tgnh", x, W_x) + b[:, None]
        h = c = torch.zeros(x.shape[0], self.H, device=x.device)
        for step in from_x:
            i, f, g, o = step + torch.einsum("nk,gkh->gnh", h, W_h)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return h, c
