"""As short as it goes."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.H = hidden_size
        for k in range(16):
            shape = [(input_size, hidden_size), (hidden_size,), (hidden_size, hidden_size), (hidden_size,)][k % 4]
            self.register_parameter(f"p{k:02}", nn.Parameter(torch.empty(shape)))
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        p = [*self.parameters()]
        W, B, U, C = (torch.cat(p[k::4], -1) for k in range(4))
        h = c = x.new_zeros(len(x), self.H)
        for v in x.unbind(1):
            i, f, g, o = (v @ W + B + h @ U + C).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return h, c
