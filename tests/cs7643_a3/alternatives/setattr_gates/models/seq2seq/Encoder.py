"""Layers by name out of torch.nn; activations as methods."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super().__init__()
        if model_type not in ("RNN", "LSTM"):
            raise ValueError(f"unknown model type {model_type}")
        self.model_type = model_type
        sizes = {"input": input_size, "emb": emb_size, "enc": encoder_hidden_size, "dec": decoder_hidden_size}
        layers = [
            ("embedding", nn.Embedding, ("input", "emb"), {}),
            ("recurrent", getattr(nn, model_type), ("emb", "enc"), {"batch_first": True}),
            ("hidden1", nn.Linear, ("enc", "enc"), {}),
            ("hidden2", nn.Linear, ("enc", "dec"), {}),
        ]
        for name, kind, which, options in layers:
            setattr(self, name, kind(*[sizes[w] for w in which], **options))
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, input):
        output, state = self.recurrent(self.dropout(self.embedding(input)))
        is_lstm = self.model_type == "LSTM"
        h = state[0] if is_lstm else state
        h = self.hidden2(self.hidden1(h).relu()).tanh()
        return output, (h, state[1]) if is_lstm else h
