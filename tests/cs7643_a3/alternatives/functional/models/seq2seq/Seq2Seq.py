"""A recursion over the steps."""
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

    def decode(self, token, state, memory, steps):
        if steps == 0:
            return []
        output, state = self.decoder(token, state, encoder_outputs=memory if self.decoder.attention else None)
        return [output] + self.decode(output.argmax(1).unsqueeze(1), state, memory, steps - 1)

    def forward(self, source):
        memory, state = self.encoder(source)
        return torch.stack(self.decode(source[:, 0].unsqueeze(1), state, memory, source.size(1)), dim=1)
