"""Naive LSTM: sixteen parameters, four gates, one loop over time.

Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997.
"""

import numpy as np
import torch
import torch.nn as nn

Tensor = torch.Tensor


class LSTM(nn.Module):
    """Gates i, f, o = sigmoid(x W_x + b_x + h W_h + b_h), candidate g likewise with tanh."""

    W_ii: nn.Parameter
    b_ii: nn.Parameter
    W_hi: nn.Parameter
    b_hi: nn.Parameter

    def __init__(self, input_size: int, hidden_size: int) -> None:
        """Makes the parameters in the order of the gates i, f, g, o.

        Args:
            input_size: features of a step
            hidden_size: features of the states
        """
        super().__init__()
        self.input_size: int = input_size
        self.hidden_size: int = hidden_size
        self._add_gate("i")
        self._add_gate("f")
        self._add_gate("g")
        self._add_gate("o")
        self.init_hidden()

    def _add_gate(self, name: str) -> None:
        shapes: dict[str, tuple[int, ...]] = {
            f"W_i{name}": (self.input_size, self.hidden_size),
            f"b_i{name}": (self.hidden_size,),
            f"W_h{name}": (self.hidden_size, self.hidden_size),
            f"b_h{name}": (self.hidden_size,),
        }
        for key, shape in shapes.items():
            self.register_parameter(key, nn.Parameter(torch.empty(*shape)))

    def init_hidden(self):
        for p in self.parameters():
            if p.data.ndimension() >= 2:
                nn.init.xavier_uniform_(p.data)
            else:
                nn.init.zeros_(p.data)

    def _pre_activation(self, name: str, x_t: Tensor, h: Tensor) -> Tensor:
        """(N, D), (N, H) -> (N, H)"""
        from_input: Tensor = torch.addmm(self.get_parameter(f"b_i{name}"), x_t, self.get_parameter(f"W_i{name}"))
        from_hidden: Tensor = torch.addmm(self.get_parameter(f"b_h{name}"), h, self.get_parameter(f"W_h{name}"))
        return from_input + from_hidden

    def _initial_state(self, x: Tensor) -> tuple[Tensor, Tensor]:
        size: tuple[int, int] = (x.size(0), self.hidden_size)
        return torch.zeros(size, device=x.device), torch.zeros(size, device=x.device)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Runs over the whole sequence.

        Args:
            x: (N, T, input_size)

        Returns:
            hidden and cell state of the last step, each (N, hidden_size)
        """
        h, c = self._initial_state(x)
        for x_t in torch.unbind(x, dim=1):
            i: Tensor = torch.sigmoid(self._pre_activation("i", x_t, h))
            f: Tensor = torch.sigmoid(self._pre_activation("f", x_t, h))
            g: Tensor = torch.tanh(self._pre_activation("g", x_t, h))
            o: Tensor = torch.sigmoid(self._pre_activation("o", x_t, h))
            c = torch.addcmul(f * c, i, g)
            h = o * torch.tanh(c)
        return h, c
