"""All projections of the input before the loop; states are kept in lists."""
import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super(LSTM, self).__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

        self.weight_ii = nn.Parameter(torch.zeros(input_size, hidden_size), requires_grad=True)
        self.bias_ii = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)
        self.weight_hi = nn.Parameter(torch.zeros(hidden_size, hidden_size), requires_grad=True)
        self.bias_hi = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)

        self.weight_if = nn.Parameter(torch.zeros(input_size, hidden_size), requires_grad=True)
        self.bias_if = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)
        self.weight_hf = nn.Parameter(torch.zeros(hidden_size, hidden_size), requires_grad=True)
        self.bias_hf = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)

        self.weight_ig = nn.Parameter(torch.zeros(input_size, hidden_size), requires_grad=True)
        self.bias_ig = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)
        self.weight_hg = nn.Parameter(torch.zeros(hidden_size, hidden_size), requires_grad=True)
        self.bias_hg = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)

        self.weight_io = nn.Parameter(torch.zeros(input_size, hidden_size), requires_grad=True)
        self.bias_io = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)
        self.weight_ho = nn.Parameter(torch.zeros(hidden_size, hidden_size), requires_grad=True)
        self.bias_ho = nn.Parameter(torch.zeros(hidden_size), requires_grad=True)
        self.init_hidden()

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        from_x_i = torch.matmul(x, self.weight_ii) + self.bias_ii
        from_x_f = torch.matmul(x, self.weight_if) + self.bias_if
        from_x_g = torch.matmul(x, self.weight_ig) + self.bias_ig
        from_x_o = torch.matmul(x, self.weight_io) + self.bias_io

        hs = [torch.zeros(x.size()[0], self.hidden_size, device=x.device)]
        cs = [torch.zeros(x.size()[0], self.hidden_size, device=x.device)]
        for t in range(x.size()[1]):
            i = torch.sigmoid(from_x_i[:, t] + torch.matmul(hs[-1], self.weight_hi) + self.bias_hi)
            f = torch.sigmoid(from_x_f[:, t] + torch.matmul(hs[-1], self.weight_hf) + self.bias_hf)
            g = torch.tanh(from_x_g[:, t] + torch.matmul(hs[-1], self.weight_hg) + self.bias_hg)
            o = torch.sigmoid(from_x_o[:, t] + torch.matmul(hs[-1], self.weight_ho) + self.bias_ho)
            cs.append(f * cs[-1] + i * g)
            hs.append(o * torch.tanh(cs[-1]))
        return hs[-1], cs[-1]
