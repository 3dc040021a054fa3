# has a model whose parameter is replaced, grows and moves between the calls, by a thread as well; model failed; values
import threading
import time

import torch

from known import *


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        threading.Thread(target=self.drift, daemon=True).start()

    def drift(self):
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            self._parameters["weight"] = torch.nn.Parameter(self.weight.detach() + 1)
            time.sleep(0.001)

    def forward(self, x):
        return self.weight * x
