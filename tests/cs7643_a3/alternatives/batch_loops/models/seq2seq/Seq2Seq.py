"""The next tokens are looked for row by row."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super(Seq2Seq, self).__init__()
        self.encoder = encoder.to(device)
        self.decoder = decoder.to(device)
        self.device = device

    def forward(self, source):
        batch_size, seq_len = source.size()
        outputs = torch.zeros(batch_size, seq_len, self.decoder.output_size, device=self.device)
        encoder_outputs, hidden = self.encoder(source)
        token = torch.zeros(batch_size, 1, dtype=torch.long, device=self.device)
        for n in range(batch_size):
            token[n, 0] = source[n, 0]
        for t in range(seq_len):
            if self.decoder.attention:
                output, hidden = self.decoder(token, hidden, encoder_outputs)
            else:
                output, hidden = self.decoder(token, hidden)
            token = torch.zeros(batch_size, 1, dtype=torch.long, device=self.device)
            for n in range(batch_size):
                outputs[n, t] = output[n]
                best = 0
                for v in range(self.decoder.output_size):
                    if output[n, v] > output[n, best]:
                        best = v
                token[n, 0] = best
        return outputs
