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

        # TODO: keep encoder and decoder on the device
        raise NotImplementedError("Seq2Seq.__init__")

    def forward(self, source):
        """Translates greedily.

        source (N,T), int64

        Returns log-probabilities (N,T,V); those at position t are the decoder's at its step t, position 0 included.
        """
        # TODO: encode once, then T steps of the decoder, each fed with the likeliest token of the one before
        raise NotImplementedError("Seq2Seq.forward")
