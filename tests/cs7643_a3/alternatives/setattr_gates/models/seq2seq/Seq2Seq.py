"""One list of arguments for every step, emptied where the decoder does not attend."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super().__init__()
        for name, net in (("encoder", encoder), ("decoder", decoder)):
            setattr(self, name, net)
        self.device = device
        self.to(device)

    def forward(self, source):
        memory, hidden = self.encoder(source)
        extra = [memory] if self.decoder.attention else []
        outputs = torch.empty(*source.size(), self.decoder.output_size, device=source.device)
        token = source[:, [0]]
        for t in range(source.size(1)):
            outputs[:, t], hidden = self.decoder(token, hidden, *extra)
            token = outputs[:, t].max(dim=1, keepdim=True)[1]
        return outputs
