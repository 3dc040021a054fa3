"""Step 0 apart from the others."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        self.device = device
        self.encoder = encoder.to(device)
        self.decoder = decoder.to(device)

    def forward(self, source):
        encoder_outputs, hidden = self.encoder(source)
        if not self.decoder.attention:
            encoder_outputs = None
        outputs = torch.zeros(source.size(0), source.size(1), self.decoder.output_size, device=self.device)
        output, hidden = self.decoder(torch.unsqueeze(source[:, 0], 1), hidden, encoder_outputs)
        outputs[:, 0] = output
        for t in range(1, source.size(1)):
            output, hidden = self.decoder(outputs[:, t - 1].argmax(dim=1).unsqueeze(1), hidden, encoder_outputs)
            outputs[:, t] = output
        return outputs
