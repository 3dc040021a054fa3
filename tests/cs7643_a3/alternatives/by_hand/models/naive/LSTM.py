"""Sigmoid and tanh written out; a generator makes the four parameters of a gate."""
import numpy as np
import torch
import torch.nn as nn


def sigmoid(z):
    return 1 / (1 + torch.exp(-z))


def tanh(z):
    return 2 * sigmoid(2 * z) - 1


class LSTM(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.Wi_x, self.bi_x, self.Wi_h, self.bi_h = self.new_gate()
        self.Wf_x, self.bf_x, self.Wf_h, self.bf_h = self.new_gate()
        self.Wg_x, self.bg_x, self.Wg_h, self.bg_h = self.new_gate()
        self.Wo_x, self.bo_x, self.Wo_h, self.bo_h = self.new_gate()
        self.init_hidden()

    def new_gate(self):
        for rows in (self.input_size, self.hidden_size):
            yield nn.Parameter(torch.FloatTensor(rows, self.hidden_size))
            yield nn.Parameter(torch.FloatTensor(self.hidden_size))

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def forward(self, x):
        N, T, D = x.shape
        ht = torch.zeros(N, self.hidden_size).type_as(x)
        ct = torch.zeros(N, self.hidden_size).type_as(x)
        for t in range(T):
            xt = x[:, t].reshape(N, D)
            it = sigmoid(torch.mm(xt, self.Wi_x) + self.bi_x + torch.mm(ht, self.Wi_h) + self.bi_h)
            ft = sigmoid(torch.mm(xt, self.Wf_x) + self.bf_x + torch.mm(ht, self.Wf_h) + self.bf_h)
            gt = tanh(torch.mm(xt, self.Wg_x) + self.bg_x + torch.mm(ht, self.Wg_h) + self.bg_h)
            ot = sigmoid(torch.mm(xt, self.Wo_x) + self.bo_x + torch.mm(ht, self.Wo_h) + self.bo_h)
            ct = torch.mul(ft, ct) + torch.mul(it, gt)
            ht = torch.mul(ot, tanh(ct))
        return ht, ct
