# has a model that hides its parameter, so that nothing can be set or asked for; model not_implemented; values
import torch

from known import *


class Model(torch.nn.Module):
    def forward(self, x):
        return x * 1.5
