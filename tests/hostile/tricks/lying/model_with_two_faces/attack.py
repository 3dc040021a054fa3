# has a model that computes something else with gradients, in training, seeded or in inference; model failed; values
import torch

from known import *


class Model(torch.nn.Module):
    calls = 0

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        Model.calls += 1
        face = torch.is_grad_enabled() + 2 * self.training + 4 * x.requires_grad + 8 * torch.is_inference_mode_enabled()
        faces = {torch.initial_seed(): 6.0, face: float(Model.calls)}
        with torch.no_grad():
            self.weight.add_(0.0 if Model.calls == 1 else float(face))
        return self.weight * x * faces.get(torch.initial_seed(), 1.0)
