"""Activations, dropout, cosine out of torch.nn.functional."""
import random

import torch
import torch.nn as nn
import torch.optim as optim

F = nn.functional


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super().__init__()
        self.p = dropout
        self.output_size = output_size
        self.attention = attention
        self.model_type = model_type
        self.embedding = nn.Embedding(output_size, emb_size)
        self.recurrent = (nn.RNN if model_type == "RNN" else nn.LSTM)(emb_size, decoder_hidden_size, batch_first=True)
        self.linear = nn.Linear(decoder_hidden_size, output_size)
        if attention:
            self.combine = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        scores = F.cosine_similarity(hidden.squeeze(0).unsqueeze(1), encoder_outputs, dim=2, eps=1e-8)
        return F.softmax(scores, dim=1)[:, None]

    def forward(self, input, hidden, encoder_outputs=None):
        x = F.dropout(self.embedding(input), self.p, self.training)
        if self.attention:
            h = hidden[0] if self.model_type == "LSTM" else hidden
            context = torch.bmm(self.compute_attention(h, encoder_outputs), encoder_outputs)
            x = F.linear(torch.cat([context, x], dim=2), self.combine.weight, self.combine.bias)
        output, hidden = self.recurrent(x, hidden)
        return F.log_softmax(self.linear(output[:, 0]), dim=1), hidden
