"""Layers by name out of torch.nn; the attention is chosen once, as a bound method."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super().__init__()
        if model_type not in ("RNN", "LSTM"):
            raise ValueError(f"unknown model type {model_type}")
        for name, value in dict(emb_size=emb_size, encoder_hidden_size=encoder_hidden_size, attention=attention,
                                decoder_hidden_size=decoder_hidden_size, output_size=output_size,
                                model_type=model_type).items():
            setattr(self, name, value)
        self.embedding = nn.Embedding(self.output_size, self.emb_size)
        self.recurrent = getattr(nn, model_type)(input_size=emb_size, hidden_size=decoder_hidden_size, num_layers=1,
                                                 batch_first=True)
        self.classes = nn.Linear(in_features=decoder_hidden_size, out_features=output_size)
        self.logsoftmax = nn.LogSoftmax(dim=2)
        self.dropout = nn.Dropout(p=dropout)
        if self.attention:
            self.narrow = nn.Linear(in_features=encoder_hidden_size + emb_size, out_features=emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        query = hidden.permute(1, 2, 0)  # N H 1
        dots = torch.bmm(encoder_outputs, query)  # N T 1
        norms = encoder_outputs.pow(2).sum(-1, keepdim=True).sqrt() * query.pow(2).sum(1, keepdim=True).sqrt()
        return dots.div(norms).softmax(1).permute(0, 2, 1)

    def attend(self, embedded, state, memory):
        query = state[0] if self.model_type == "LSTM" else state
        context = self.compute_attention(query, memory).bmm(memory)
        return self.narrow(torch.cat([context, embedded], dim=-1))

    def forward(self, input, hidden, encoder_outputs=None):
        step = self.dropout(self.embedding(input))
        if self.attention:
            step = self.attend(step, hidden, encoder_outputs)
        step, hidden = self.recurrent(step, hidden)
        return self.logsoftmax(self.classes(step)).squeeze(1), hidden
