"""Softmaxes and norms written out."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super().__init__()
        self.output_size = output_size
        self.attention = attention
        self.model_type = model_type
        self.embedding = nn.Embedding(output_size, emb_size)
        self.recurrent = nn.RNN(emb_size, decoder_hidden_size, batch_first=True) if model_type == "RNN" else \
            nn.LSTM(emb_size, decoder_hidden_size, batch_first=True)
        self.linear = nn.Linear(decoder_hidden_size, output_size)
        self.dropout = nn.Dropout(dropout)
        if attention:
            self.linear_attention = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        q = hidden[0, :, None, :]
        cosines = (q * encoder_outputs).sum(-1) / ((q ** 2).sum(-1) ** 0.5 * (encoder_outputs ** 2).sum(-1) ** 0.5)
        powers = torch.exp(cosines - cosines.max(dim=1, keepdim=True).values)
        return (powers / powers.sum(dim=1, keepdim=True))[:, None, :]

    def forward(self, input, hidden, encoder_outputs=None):
        embedded = self.dropout(self.embedding(input))
        if self.attention:
            h = hidden
            if self.model_type == "LSTM":
                h = hidden[0]
            probabilities = self.compute_attention(h, encoder_outputs)
            context = torch.zeros_like(encoder_outputs[:, :1])
            for t in range(encoder_outputs.shape[1]):
                context = context + probabilities[:, :, t:t + 1] * encoder_outputs[:, t:t + 1]
            embedded = self.linear_attention(torch.cat((context, embedded), dim=-1))
        output, hidden = self.recurrent(embedded, hidden)
        scores = self.linear(output).reshape(input.shape[0], -1)
        scores = scores - scores.max(dim=1, keepdim=True)[0]
        return scores - torch.log(torch.sum(torch.exp(scores), dim=1, keepdim=True)), hidden
