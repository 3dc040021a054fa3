"""Norms clamped away from zero; the two kinds written out on their own."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super(Decoder, self).__init__()
        self.output_size = output_size
        self.attention = attention
        self.model_type = model_type
        self.embed = nn.Embedding(output_size, emb_size)
        if model_type == "RNN":
            self.rnn = nn.RNN(emb_size, decoder_hidden_size, batch_first=True)
        else:
            self.lstm = nn.LSTM(emb_size, decoder_hidden_size, batch_first=True)
        self.fc_out = nn.Linear(decoder_hidden_size, output_size)
        self.activation = nn.LogSoftmax(dim=1)
        self.drop = nn.Dropout(dropout)
        if attention:
            self.fc_att = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        N, T, H = encoder_outputs.shape
        query = hidden.view(N, 1, H).repeat(1, T, 1)
        dot = (query * encoder_outputs).sum(dim=2)
        norms = torch.clamp(query.norm(dim=2) * encoder_outputs.norm(dim=2), min=1e-8)
        scores = (dot / norms).view(N, 1, T)
        exp = torch.exp(scores)
        return exp / torch.sum(exp, dim=2, keepdim=True)

    def forward(self, input, hidden, encoder_outputs=None):
        emb = self.drop(self.embed(input))
        if self.model_type == "RNN":
            if self.attention:
                weights = self.compute_attention(hidden, encoder_outputs)
                context = (weights.transpose(1, 2) * encoder_outputs).sum(dim=1, keepdim=True)
                emb = self.fc_att(torch.cat([context, emb], dim=2))
            output, hidden = self.rnn(emb, hidden)
        else:
            h, c = hidden
            if self.attention:
                weights = self.compute_attention(h, encoder_outputs)
                context = (weights.transpose(1, 2) * encoder_outputs).sum(dim=1, keepdim=True)
                emb = self.fc_att(torch.cat([context, emb], dim=2))
            output, hidden = self.lstm(emb, (h, c))
        output = self.activation(self.fc_out(output.flatten(start_dim=1)))
        return output, hidden
