"""One line per thing."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super(Seq2Seq, self).__init__()
        self.device = device
        self.encoder = encoder.to(device)
        self.decoder = decoder.to(device)

    def forward(self, source):
        batch_size = source.shape[0]
        seq_len = source.shape[1]

        outputs = torch.zeros(batch_size, seq_len, self.decoder.output_size).to(self.device)

        encoder_outputs, hidden = self.encoder(source)
        input = source[:, 0].unsqueeze(1)

        for t in range(seq_len):
            if self.decoder.attention:
                output, hidden = self.decoder(input, hidden, encoder_outputs)
            else:
                output, hidden = self.decoder(input, hidden)
            outputs[:, t, :] = output
            best = output.argmax(dim=1)
            input = best.unsqueeze(1)

        return outputs
