"""Outputs are stacked; the next token by sorting."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        self.encoder = encoder.to(device)
        self.decoder = decoder.to(device)
        self.device = device

    def forward(self, source):
        encoder_outputs, hidden = self.encoder(source)
        word = source.narrow(1, 0, 1)
        steps = []
        for _ in range(source.shape[-1]):
            output, hidden = self.decoder(word, hidden, encoder_outputs if self.decoder.attention else None)
            steps.append(output)
            word = torch.topk(output, k=1, dim=-1).indices
        return torch.stack(steps, dim=1)
