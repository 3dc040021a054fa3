"""Outputs are kept time first and transposed at the end."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        self.device = device
        self.encoder = encoder.to(self.device)
        self.decoder = decoder.to(self.device)

    def forward(self, source):
        source_t = source.transpose(0, 1)
        T, N = source_t.shape
        outputs = torch.zeros(T, N, self.decoder.output_size, device=source.device)
        encoder_outputs, hidden = self.encoder(source)
        token = source_t[0]
        for t in range(T):
            if self.decoder.attention:
                outputs[t], hidden = self.decoder(token.view(-1, 1), hidden, encoder_outputs)
            else:
                outputs[t], hidden = self.decoder(token.view(-1, 1), hidden)
            token = outputs[t].argmax(-1)
        return outputs.permute(1, 0, 2)
