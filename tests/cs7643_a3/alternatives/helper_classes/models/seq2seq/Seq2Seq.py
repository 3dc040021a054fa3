"""Decoding is a generator of steps."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class GreedyDecoding:
    """Yields one step's log-probabilities after the other."""

    def __init__(self, decoder, memory, state):
        self.decoder, self.memory, self.state = decoder, memory, state

    def __call__(self, token, steps):
        while steps:
            arguments = (self.memory,) if self.decoder.attention else ()
            output, self.state = self.decoder(token, self.state, *arguments)
            yield output
            token = output.max(1).indices.view(-1, 1)
            steps -= 1


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        self.encoder, self.decoder, self.device = encoder, decoder, device
        self.encoder.to(device)
        self.decoder.to(device)

    def forward(self, source):
        greedy = GreedyDecoding(self.decoder, *self.encoder(source))
        return torch.stack(tuple(greedy(source[:, :1], source.shape[1])), dim=1)
