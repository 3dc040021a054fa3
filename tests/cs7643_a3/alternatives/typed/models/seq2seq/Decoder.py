"""Decoder of a recurrent sequence-to-sequence model, with cosine attention on request."""

import random

import torch
import torch.nn as nn
import torch.optim as optim

Tensor = torch.Tensor
State = Tensor | tuple[Tensor, Tensor]


class Decoder(nn.Module):
    """One step: a token and a state give log-probabilities and the next state."""

    EPSILON: float = 1e-8

    def __init__(
        self,
        emb_size: int,
        encoder_hidden_size: int,
        decoder_hidden_size: int,
        output_size: int,
        dropout: float = 0.2,
        model_type: str = "RNN",
        attention: bool = False,
    ) -> None:
        """Raises ValueError for a model type that is neither RNN nor LSTM."""
        super().__init__()
        self.emb_size: int = emb_size
        self.output_size: int = output_size
        self.model_type: str = model_type
        self.attention: bool = attention
        self.embedding: nn.Embedding = nn.Embedding(output_size, emb_size)
        self.recurrent: nn.RNNBase
        if model_type == "RNN":
            self.recurrent = nn.RNN(emb_size, decoder_hidden_size, batch_first=True)
        elif model_type == "LSTM":
            self.recurrent = nn.LSTM(emb_size, decoder_hidden_size, batch_first=True)
        else:
            raise ValueError(f"{model_type}: neither RNN nor LSTM")
        self.linear: nn.Linear = nn.Linear(decoder_hidden_size, output_size)
        self.log_softmax: nn.LogSoftmax = nn.LogSoftmax(dim=-1)
        self.dropout: nn.Dropout = nn.Dropout(dropout)
        if self.attention:
            self.attention_linear: nn.Linear = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden: Tensor, encoder_outputs: Tensor) -> Tensor:
        """Softmax over T of the cosines of hidden state and encoder outputs.

        Args:
            hidden: (1, N, H)
            encoder_outputs: (N, T, H)

        Returns:
            (N, 1, T)
        """
        query: Tensor = hidden.transpose(0, 1)
        dots: Tensor = torch.bmm(query, encoder_outputs.transpose(1, 2))
        lengths: Tensor = torch.norm(query, dim=2, keepdim=True) * torch.norm(encoder_outputs, dim=2).unsqueeze(1)
        return torch.softmax(dots / (lengths + self.EPSILON), dim=2)

    def _with_context(self, embedded: Tensor, state: State, encoder_outputs: Tensor) -> Tensor:
        hidden: Tensor = state[0] if isinstance(state, tuple) else state
        context: Tensor = torch.bmm(self.compute_attention(hidden, encoder_outputs), encoder_outputs)
        return self.attention_linear(torch.cat((context, embedded), dim=2))

    def forward(self, input: Tensor, hidden: State, encoder_outputs: Tensor | None = None) -> tuple[Tensor, State]:
        """(N, 1) tokens and a state -> (N, output_size) log-probabilities and the next state."""
        embedded: Tensor = self.dropout(self.embedding(input))
        if self.attention:
            embedded = self._with_context(embedded, hidden, encoder_outputs)
        output, new_state = self.recurrent(embedded, hidden)
        return self.log_softmax(self.linear(output)).reshape(-1, self.output_size), new_state
