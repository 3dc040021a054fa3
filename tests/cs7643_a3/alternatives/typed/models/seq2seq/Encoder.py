"""Encoder of a recurrent sequence-to-sequence model."""

import random

import torch
import torch.nn as nn
import torch.optim as optim

Tensor = torch.Tensor
State = Tensor | tuple[Tensor, Tensor]


class Encoder(nn.Module):
    """Embedding, dropout, recurrent layer; the last hidden state is made fit for the decoder."""

    def __init__(
        self,
        input_size: int,
        emb_size: int,
        encoder_hidden_size: int,
        decoder_hidden_size: int,
        dropout: float = 0.2,
        model_type: str = "RNN",
    ) -> None:
        """Raises ValueError for a model type that is neither RNN nor LSTM."""
        super().__init__()
        self.model_type: str = model_type
        self.embedding: nn.Embedding = nn.Embedding(num_embeddings=input_size, embedding_dim=emb_size)
        self.recurrent: nn.RNNBase = self._recurrent(model_type, emb_size, encoder_hidden_size)
        self.linear1: nn.Linear = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.linear2: nn.Linear = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.dropout: nn.Dropout = nn.Dropout(dropout)

    @staticmethod
    def _recurrent(model_type: str, size_in: int, size_out: int) -> nn.RNNBase:
        if model_type == "RNN":
            return nn.RNN(size_in, size_out, batch_first=True)
        if model_type == "LSTM":
            return nn.LSTM(size_in, size_out, batch_first=True)
        raise ValueError(f"{model_type}: neither RNN nor LSTM")

    def _to_decoder(self, hidden: Tensor) -> Tensor:
        """(1, N, encoder_hidden_size) -> (1, N, decoder_hidden_size)"""
        return torch.tanh(self.linear2(torch.relu(self.linear1(hidden))))

    def forward(self, input: Tensor) -> tuple[Tensor, State]:
        """(N, T) tokens -> (N, T, encoder_hidden_size) outputs and the state for the decoder."""
        embedded: Tensor = self.dropout(self.embedding(input))
        if self.model_type == "LSTM":
            output, (hidden, cell) = self.recurrent(embedded)
            return output, (self._to_decoder(hidden), cell)
        output, hidden = self.recurrent(embedded)
        return output, self._to_decoder(hidden)
