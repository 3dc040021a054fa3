"""A gate is a module of its own, with a ParameterDict."""
import numpy as np
import torch
import torch.nn as nn


class Gate(nn.Module):
    """activation(x W_x + b_x + h W_h + b_h)"""

    def __init__(self, input_size, hidden_size, activation):
        super().__init__()
        self.p = nn.ParameterDict()
        self.p["W_x"] = nn.Parameter(torch.empty(input_size, hidden_size))
        self.p["b_x"] = nn.Parameter(torch.empty(hidden_size))
        self.p["W_h"] = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.p["b_h"] = nn.Parameter(torch.empty(hidden_size))
        self.activation = activation

    def forward(self, x, h):
        return self.activation(x @ self.p["W_x"] + self.p["b_x"] + h @ self.p["W_h"] + self.p["b_h"])


class State:
    """Hidden and cell state of all rows."""

    def __init__(self, rows, size, device):
        self.h = torch.zeros(rows, size, device=device)
        self.c = torch.zeros(rows, size, device=device)

    def update(self, i, f, g, o):
        self.c = f * self.c + i * g
        self.h = o * self.c.tanh()


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.input_gate = Gate(input_size, hidden_size, torch.sigmoid)
        self.forget_gate = Gate(input_size, hidden_size, torch.sigmoid)
        self.cell_gate = Gate(input_size, hidden_size, torch.tanh)
        self.output_gate = Gate(input_size, hidden_size, torch.sigmoid)
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        state = State(len(x), self.hidden_size, x.device)
        for x_t in x.transpose(0, 1):
            state.update(*[gate(x_t, state.h) for gate in self.children()])
        return state.h, state.c
