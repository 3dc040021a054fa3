"""A long short-term memory network made of plain parameters.

Paper
    Hochreiter & Schmidhuber 1997, LSTM             gates keep gradients alive over many steps

Equations, rows are samples; s is the logistic sigmoid
    i  = s(x W_ii + b_ii + h W_hi + b_hi)           how much of the candidate comes in
    f  = s(x W_if + b_if + h W_hf + b_hf)           how much of the old cell state stays
    g  = tanh(x W_ig + b_ig + h W_hg + b_hg)        the candidate
    o  = s(x W_io + b_io + h W_ho + b_ho)           how much of the cell state shows
    c' = f * c + i * g
    h' = o * tanh(c')

Dimensions
    N batch   T time steps   D input_size   H hidden_size
"""

import numpy as np
import torch
import torch.nn as nn


class LSTM(nn.Module):
    """Reads a sequence and returns the hidden and the cell state after its last step."""

    def __init__(self, input_size, hidden_size):
        """
        input_size   D, width of the inputs
        hidden_size  H, width of both states

        Registers sixteen nn.Parameters, for the gates in the order i, f, g, o, and for each of them: weight of the
        input (D,H), its bias (H,), weight of the hidden state (H,H), its bias (H,). Neither nn.Linear nor nn.LSTM.
        """
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size

        # BEGIN SOLUTION  register the parameters of the gates i, f, g, o in this order
        self.W_ii = nn.Parameter(torch.empty(input_size, hidden_size))
        self.b_ii = nn.Parameter(torch.empty(hidden_size))
        self.W_hi = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.b_hi = nn.Parameter(torch.empty(hidden_size))

        self.W_if = nn.Parameter(torch.empty(input_size, hidden_size))
        self.b_if = nn.Parameter(torch.empty(hidden_size))
        self.W_hf = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.b_hf = nn.Parameter(torch.empty(hidden_size))

        self.W_ig = nn.Parameter(torch.empty(input_size, hidden_size))
        self.b_ig = nn.Parameter(torch.empty(hidden_size))
        self.W_hg = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.b_hg = nn.Parameter(torch.empty(hidden_size))

        self.W_io = nn.Parameter(torch.empty(input_size, hidden_size))
        self.b_io = nn.Parameter(torch.empty(hidden_size))
        self.W_ho = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.b_ho = nn.Parameter(torch.empty(hidden_size))
        # END SOLUTION

        self.init_hidden()

    def init_hidden(self):
        """Draws the weights Xavier-uniform and sets the biases to zero (given)."""
        for parameter in self.parameters():
            if parameter.dim() < 2:
                nn.init.zeros_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)

    def forward(self, x):
        """Runs over all time steps, from states that are zero.

        x (N,T,D), float32

        Returns (h, c), the states after the last step, each (N,H).
        """
        # BEGIN SOLUTION  start from zeros and apply the equations above once for every time step
        h = c = x.new_zeros(x.shape[0], self.hidden_size)                                  # (N,H)
        for t in range(x.shape[1]):
            x_t = x[:, t]                                                                  # (N,D)
            i = torch.sigmoid(x_t @ self.W_ii + self.b_ii + h @ self.W_hi + self.b_hi)
            f = torch.sigmoid(x_t @ self.W_if + self.b_if + h @ self.W_hf + self.b_hf)
            g = torch.tanh(x_t @ self.W_ig + self.b_ig + h @ self.W_hg + self.b_hg)
            o = torch.sigmoid(x_t @ self.W_io + self.b_io + h @ self.W_ho + self.b_ho)
            c = f * c + i * g
            h = o * torch.tanh(c)
        return h, c
        # END SOLUTION
