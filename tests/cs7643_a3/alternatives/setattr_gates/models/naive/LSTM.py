"""Parameters made with setattr in a loop over the gates, read back with getattr."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    GATES = "ifgo"

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        for gate in self.GATES:
            setattr(self, "W_i" + gate, nn.Parameter(torch.zeros(input_size, hidden_size)))
            setattr(self, "b_i" + gate, nn.Parameter(torch.zeros(hidden_size)))
            setattr(self, "W_h" + gate, nn.Parameter(torch.zeros(hidden_size, hidden_size)))
            setattr(self, "b_h" + gate, nn.Parameter(torch.zeros(hidden_size)))
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def gate(self, name, x, h):
        W_i, b_i, W_h, b_h = [getattr(self, prefix + name) for prefix in ("W_i", "b_i", "W_h", "b_h")]
        return x.matmul(W_i).add(b_i).add(h.matmul(W_h)).add(b_h)

    def forward(self, x):
        N, T, _ = x.shape
        h = torch.zeros((N, self.hidden_size), device=x.device)
        c = torch.zeros_like(h)
        for t in range(T):
            pre = {name: self.gate(name, x[:, t], h) for name in self.GATES}
            i, f, o = [torch.sigmoid(pre[name]) for name in "ifo"]
            g = torch.tanh(pre["g"])
            c = torch.add(f * c, i * g)
            h = o * torch.tanh(c)
        return h, c
