"""[x, 1, h, 1] times one matrix of all sixteen parameters."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        for gate in "ifgo":
            for name, rows in ((f"W_i{gate}", input_size), (f"b_i{gate}", 0),
                               (f"W_h{gate}", hidden_size), (f"b_h{gate}", 0)):
                shape = (rows, hidden_size) if rows else (hidden_size,)
                setattr(self, name, nn.Parameter(torch.zeros(shape)))
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def matrix(self):
        """(input_size + 1 + hidden_size + 1, 4 hidden_size)"""
        blocks = []
        for gate in "ifog":
            rows = [getattr(self, name + gate) for name in ("W_i", "b_i", "W_h", "b_h")]
            blocks.append(torch.vstack([row if row.dim() == 2 else row.unsqueeze(0) for row in rows]))
        return torch.hstack(blocks)

    def forward(self, x):
        H, M = self.hidden_size, self.matrix()
        one = torch.ones(x.size(0), 1, device=x.device)
        h = torch.zeros(x.size(0), H, device=x.device)
        c = torch.zeros(x.size(0), H, device=x.device)
        for t in range(x.size(1)):
            gates = torch.hstack([x[:, t], one, h, one]) @ M
            i, f, o = gates[:, :3 * H].sigmoid().split(H, dim=1)
            c = f.mul(c).addcmul(i, gates[:, 3 * H:].tanh())
            h = o.mul(c.tanh())
        return h, c
