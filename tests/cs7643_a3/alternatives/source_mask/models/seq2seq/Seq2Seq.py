"""A while loop; the next token is the first of the sorted classes."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        self.device = device
        self.encoder = encoder
        self.decoder = decoder
        self.encoder.to(self.device)
        self.decoder.to(self.device)

    def step(self, token, state, memory):
        if not self.decoder.attention:
            return self.decoder(token, state)
        return self.decoder(token, state, memory)

    def forward(self, source):
        memory, state = self.encoder(source)
        outputs = memory.new_zeros((source.shape[0], source.shape[1], self.decoder.output_size))
        t, token = 0, source[:, 0, None]
        while t < source.shape[1]:
            scores, state = self.step(token, state, memory)
            outputs[:, t, :] = scores
            token = scores.argsort(dim=1, descending=True)[:, 0, None]
            t += 1
        return outputs
