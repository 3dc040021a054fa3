"""Outputs grow by concatenation."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super(Seq2Seq, self).__init__()
        self.device = device
        self.decoder = decoder.to(device)
        self.encoder = encoder.to(device)

    def forward(self, source):
        source = source.to(self.device)
        outputs = None
        encoder_outputs, hidden = self.encoder(source)
        next_input = source[:, 0].reshape(-1, 1)
        for _ in range(source.size(1)):
            if self.decoder.attention:
                output, hidden = self.decoder(next_input, hidden, encoder_outputs=encoder_outputs)
            else:
                output, hidden = self.decoder(next_input, hidden)
            output = output.view(source.size(0), 1, -1)
            outputs = output if outputs is None else torch.cat((outputs, output), dim=1)
            _, next_input = torch.max(output, dim=2)
        return outputs
