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

        # TODO: register the parameters of the gates i, f, g, o in this order
        raise NotImplementedError("LSTM.__init__")

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
        # TODO: start from zeros and apply the equations above once for every time step
        raise NotImplementedError("LSTM.forward")
