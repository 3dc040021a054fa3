"""The sixteen parameters lie in one ParameterList."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super(LSTM, self).__init__()
        self.hidden_size = hidden_size
        self.weights = nn.ParameterList()
        for _ in ("input", "forget", "cell", "output"):
            self.weights.append(nn.Parameter(torch.ones(input_size, hidden_size)))
            self.weights.append(nn.Parameter(torch.ones(hidden_size)))
            self.weights.append(nn.Parameter(torch.ones(hidden_size, hidden_size)))
            self.weights.append(nn.Parameter(torch.ones(hidden_size)))
        self.activations = nn.ModuleList([nn.Sigmoid(), nn.Sigmoid(), nn.Tanh(), nn.Sigmoid()])
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        h_t = torch.zeros(x.shape[0], self.hidden_size, device=x.device, dtype=x.dtype)
        c_t = torch.zeros(x.shape[0], self.hidden_size, device=x.device, dtype=x.dtype)
        for t in range(x.shape[1]):
            gates = []
            for number, activation in enumerate(self.activations):
                W_x, b_x, W_h, b_h = self.weights[4 * number: 4 * number + 4]
                gates.append(activation(torch.mm(x[:, t], W_x) + b_x + torch.mm(h_t, W_h) + b_h))
            c_t = gates[1] * c_t + gates[0] * gates[2]
            h_t = gates[3] * torch.tanh(c_t)
        return h_t, c_t
