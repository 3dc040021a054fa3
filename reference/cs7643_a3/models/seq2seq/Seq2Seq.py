"""A sequence-to-sequence model: the encoder reads the source once, the decoder writes as many tokens, one by one.

Paper
    Sutskever, Vinyals & Le 2014, Sequence to Sequence Learning      one network reads, another one writes

Equations
    outputs, state_0     = encoder(source)
    token_0              = source's first column
    scores_t, state_t+1  = decoder(token_t, state_t, outputs)
    token_t+1            = arg max of scores_t       the decoder hears itself: no teacher

Dimensions
    N batch   T time steps   V output_size of the decoder
"""

import random

import torch
import torch.nn as nn
import torch.optim as optim


class Seq2Seq(nn.Module):
    """An encoder and a decoder."""

    def __init__(self, encoder, decoder, device):
        """Keeps both, moved to `device`."""
        super().__init__()
        self.device = device

        # BEGIN SOLUTION  keep encoder and decoder on the device
        self.encoder = encoder.to(device)
        self.decoder = decoder.to(device)
        # END SOLUTION

    def forward(self, source):
        """Translates greedily.

        source (N,T), int64

        Returns log-probabilities (N,T,V); those at position t are the decoder's at its step t, position 0 included.
        """
        # BEGIN SOLUTION  encode once, then T steps of the decoder, each fed with the likeliest token of the one before
        encoder_outputs, hidden = self.encoder(source)
        token = source[:, :1]                                                               # (N,1)
        outputs = []
        for _ in range(source.shape[1]):
            output, hidden = self.decoder(token, hidden, encoder_outputs if self.decoder.attention else None)
            outputs.append(output)                                                          # (N,V)
            token = output.argmax(dim=1, keepdim=True)
        return torch.stack(outputs, dim=1)
        # END SOLUTION
