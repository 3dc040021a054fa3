"""As short as it goes."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super().__init__()
        self.output_size, self.attention, self.model_type = output_size, attention, model_type
        self.emb = nn.Embedding(output_size, emb_size)
        self.rec = getattr(nn, model_type)(emb_size, decoder_hidden_size, batch_first=True)
        self.out = nn.Sequential(nn.Linear(decoder_hidden_size, output_size), nn.LogSoftmax(-1))
        self.drop = nn.Dropout(dropout)
        if attention: self.mix = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        q, k = hidden.transpose(0, 1), encoder_outputs.mT
        return (q @ k / q.norm(dim=2, keepdim=True) / k.norm(dim=1, keepdim=True)).softmax(2)

    def forward(self, input, hidden, encoder_outputs=None):
        x = self.drop(self.emb(input))
        if self.attention:
            h = hidden[0] if self.model_type == "LSTM" else hidden
            x = self.mix(torch.cat([self.compute_attention(h, encoder_outputs) @ encoder_outputs, x], -1))
        y, hidden = self.rec(x, hidden)
        return self.out(y[:, -1]), hidden
