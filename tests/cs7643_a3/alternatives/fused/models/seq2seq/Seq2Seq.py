"""Outputs are scattered into their place."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        self.encoder, self.decoder, self.device = encoder.to(device), decoder.to(device), device

    def forward(self, source):
        (N, T), V = source.shape, self.decoder.output_size
        memory, state = self.encoder(source)
        outputs = torch.zeros(N, T, V).to(source.device)
        token = source[:, 0].view(N, 1)
        for t in range(T):
            output, state = self.decoder(token, state, *([memory] * bool(self.decoder.attention)))
            outputs = outputs.index_copy(1, torch.tensor([t], device=source.device), output.view(N, 1, V))
            token = torch.sort(output, dim=1, descending=True)[1][:, :1]
        return outputs
