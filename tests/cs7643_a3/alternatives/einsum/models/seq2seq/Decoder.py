"""Cosines and context as einsums."""
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
        kinds = {"RNN": nn.RNN, "LSTM": nn.LSTM}
        self.rnn = kinds[model_type](emb_size, decoder_hidden_size, batch_first=True)
        self.out = nn.Linear(decoder_hidden_size, output_size)
        self.dropout = nn.Dropout(dropout)
        if attention:
            self.reduce = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        dot = torch.einsum("lnh,nth->nlt", hidden, encoder_outputs)
        square_q = torch.einsum("lnh,lnh->nl", hidden, hidden)[:, :, None]
        square_k = torch.einsum("nth,nth->nt", encoder_outputs, encoder_outputs)[:, None, :]
        return torch.softmax(dot * torch.rsqrt(square_q) * torch.rsqrt(square_k), dim=-1)

    def forward(self, input, hidden, encoder_outputs=None):
        x = self.dropout(self.embedding(input))
        if self.attention:
            h, *_ = hidden if self.model_type == "LSTM" else (hidden,)
            context = torch.einsum("nqt,nte->nqe", self.compute_attention(h, encoder_outputs), encoder_outputs)
            x = self.reduce(torch.cat((context, x), dim=2))
        y, hidden = self.rnn(x, hidden)
        scores = torch.einsum("nth,vh->nv", y, self.out.weight) + self.out.bias
        return scores - torch.logsumexp(scores, dim=1, keepdim=True), hidden
