"""Time first and columns: every state is (hidden_size, N)."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        for gate in ("i", "f", "g", "o"):
            self.register_parameter(f"W_i{gate}", nn.Parameter(torch.zeros(input_size, hidden_size)))
            self.register_parameter(f"b_i{gate}", nn.Parameter(torch.zeros(hidden_size)))
            self.register_parameter(f"W_h{gate}", nn.Parameter(torch.zeros(hidden_size, hidden_size)))
            self.register_parameter(f"b_h{gate}", nn.Parameter(torch.zeros(hidden_size)))
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        columns = x.permute(1, 2, 0)  # T D N
        h = torch.zeros(self.hidden_size, x.shape[0], device=x.device)
        c = torch.zeros(self.hidden_size, x.shape[0], device=x.device)
        for v in columns:
            i = torch.sigmoid(self.W_ii.t() @ v + self.b_ii[:, None] + self.W_hi.t() @ h + self.b_hi[:, None])
            f = torch.sigmoid(self.W_if.t() @ v + self.b_if[:, None] + self.W_hf.t() @ h + self.b_hf[:, None])
            g = torch.tanh(self.W_ig.t() @ v + self.b_ig[:, None] + self.W_hg.t() @ h + self.b_hg[:, None])
            o = torch.sigmoid(self.W_io.t() @ v + self.b_io[:, None] + self.W_ho.t() @ h + self.b_ho[:, None])
            c = f * c + i * g
            h = o * torch.tanh(c)
        return h.t(), c.t()
