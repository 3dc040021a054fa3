"""Greedy translation by encoder and decoder."""

import random

import torch
import torch.nn as nn
import torch.optim as optim

Tensor = torch.Tensor


class Seq2Seq(nn.Module):
    """As many steps as the source has tokens."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, device: torch.device | str) -> None:
        super().__init__()
        self.device: torch.device | str = device
        self.encoder: nn.Module = encoder.to(device)
        self.decoder: nn.Module = decoder.to(device)

    def forward(self, source: Tensor) -> Tensor:
        """(N, T) tokens -> (N, T, output_size) log-probabilities"""
        batch_size, length = source.shape
        outputs: Tensor = torch.zeros(batch_size, length, self.decoder.output_size, device=self.device)
        encoder_outputs, state = self.encoder(source)
        memory: Tensor | None = encoder_outputs if self.decoder.attention else None
        token: Tensor = source[:, :1]
        for step in range(length):
            log_probabilities, state = self.decoder(token, state, memory)
            outputs[:, step, :] = log_probabilities
            token = torch.argmax(log_probabilities, dim=1, keepdim=True)
        return outputs
