"""Both networks in a ModuleDict."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    def __init__(self, encoder, decoder, device):
        super(Seq2Seq, self).__init__()
        self.nets = nn.ModuleDict({"encoder": encoder, "decoder": decoder}).to(device)
        self.device = device

    def forward(self, source):
        encoder, decoder = self.nets["encoder"], self.nets["decoder"]
        encoder_outputs, hidden = encoder(source)
        outputs = []
        tokens = [source[:, 0:1]]
        while len(outputs) < source.shape[1]:
            if decoder.attention:
                output, hidden = decoder(tokens[-1], hidden, encoder_outputs)
            else:
                output, hidden = decoder(tokens[-1], hidden)
            outputs.append(output.unsqueeze(1))
            tokens.append(outputs[-1].argmax(dim=-1))
        return torch.cat(outputs, dim=1)
