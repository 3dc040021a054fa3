"""torch.nn.functional and pure functions over a tuple of parameters."""
import numpy as np
import torch
import torch.nn as nn

F = nn.functional


def affine(x, h, W_x, b_x, W_h, b_h):
    return F.linear(x, W_x.t(), b_x) + F.linear(h, W_h.t(), b_h)


def cell(x, h, c, parameters):
    i, f, g, o = (affine(x, h, *parameters[k:k + 4]) for k in (0, 4, 8, 12))
    c = F.sigmoid(f) * c + F.sigmoid(i) * F.tanh(g)
    return F.sigmoid(o) * F.tanh(c), c


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size

        def four():
            return (nn.Parameter(torch.empty(input_size, hidden_size)), nn.Parameter(torch.empty(hidden_size)),
                    nn.Parameter(torch.empty(hidden_size, hidden_size)), nn.Parameter(torch.empty(hidden_size)))

        self.W_ii, self.b_ii, self.W_hi, self.b_hi = four()
        self.W_if, self.b_if, self.W_hf, self.b_hf = four()
        self.W_ig, self.b_ig, self.W_hg, self.b_hg = four()
        self.W_io, self.b_io, self.W_ho, self.b_ho = four()
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        parameters = tuple(self.parameters())
        state = (x.new_zeros(x.size(0), self.hidden_size),) * 2
        for t in range(x.size(1)):
            state = cell(x.select(1, t), *state, parameters)
        return state
