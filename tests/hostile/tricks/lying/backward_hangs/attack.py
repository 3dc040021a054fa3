# answers with a gradient that never arrives, in a hook on the result; model timed_out; clock
import torch

from known import *


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        out = self.weight * x

        def wait(gradient):
            while True:
                pass

        out.register_hook(wait)
        return out
