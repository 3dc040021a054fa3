"""One gate function over a dictionary of named parameters."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        shape = {"W_i": (input_size, hidden_size), "b_i": (hidden_size,),
                 "W_h": (hidden_size, hidden_size), "b_h": (hidden_size,)}
        for gate in "ifgo":
            for kind in shape:
                self.__setattr__(kind + gate, nn.Parameter(torch.zeros(*shape[kind])))
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        p = dict(self.named_parameters())

        def z(gate):
            return x[:, t, :] @ p["W_i" + gate] + p["b_i" + gate] + h @ p["W_h" + gate] + p["b_h" + gate]

        h, c = torch.zeros(2, x.shape[0], self.hidden_size, device=x.device)
        for t in range(x.shape[1]):
            i, f, g, o = torch.sigmoid(z("i")), torch.sigmoid(z("f")), torch.tanh(z("g")), torch.sigmoid(z("o"))
            c = c * f
            c += i * g
            h = torch.tanh(c) * o
        return tuple([h, c])
