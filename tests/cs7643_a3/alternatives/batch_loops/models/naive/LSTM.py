"""Row by row: every vector on its own."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super(LSTM, self).__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        names = []
        for gate in ["i", "f", "g", "o"]:
            names += ["W_i" + gate, "b_i" + gate, "W_h" + gate, "b_h" + gate]
        for name in names:
            if name.startswith("W_i"):
                p = torch.rand(input_size, hidden_size)
            elif name.startswith("W_h"):
                p = torch.rand(hidden_size, hidden_size)
            else:
                p = torch.rand(hidden_size)
            self.register_parameter(name, nn.Parameter(p))
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def one_row(self, sequence):
        h = torch.zeros(self.hidden_size, device=sequence.device)
        c = torch.zeros(self.hidden_size, device=sequence.device)
        for v in sequence:
            i = torch.sigmoid(self.W_ii.T.mv(v) + self.b_ii + self.W_hi.T.mv(h) + self.b_hi)
            f = torch.sigmoid(self.W_if.T.mv(v) + self.b_if + self.W_hf.T.mv(h) + self.b_hf)
            g = torch.tanh(self.W_ig.T.mv(v) + self.b_ig + self.W_hg.T.mv(h) + self.b_hg)
            o = torch.sigmoid(self.W_io.T.mv(v) + self.b_io + self.W_ho.T.mv(h) + self.b_ho)
            c = f * c + i * g
            h = o * torch.tanh(c)
        return h, c

    def forward(self, x):
        hs = []
        cs = []
        for n in range(x.shape[0]):
            h, c = self.one_row(x[n])
            hs.append(h)
            cs.append(c)
        return torch.stack(hs), torch.stack(cs)
