"""Recurrent layers run time first: a token is (1, N)."""
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
        if model_type == "LSTM":
            self.recurrent = nn.LSTM(emb_size, decoder_hidden_size)
        elif model_type == "RNN":
            self.recurrent = nn.RNN(emb_size, decoder_hidden_size)
        else:
            raise KeyError(model_type)
        self.fc = nn.Linear(decoder_hidden_size, output_size)
        self.log_softmax = nn.LogSoftmax(dim=-1)
        self.dropout = nn.Dropout(dropout)
        if attention:
            self.downsize = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        keys = encoder_outputs.transpose(0, 1)  # T N H
        scores = torch.cosine_similarity(hidden, keys, dim=-1)  # T N
        return scores.softmax(dim=0).t().unsqueeze(1)

    def forward(self, input, hidden, encoder_outputs=None):
        embedded = self.dropout(self.embedding(input.t()))  # 1 N E
        if self.attention:
            query = hidden[0] if self.model_type == "LSTM" else hidden
            probabilities = self.compute_attention(query, encoder_outputs)  # N 1 T
            context = (probabilities.permute(2, 0, 1) * encoder_outputs.transpose(0, 1)).sum(0, keepdim=True)
            embedded = self.downsize(torch.cat((context, embedded), dim=-1))
        output, hidden = self.recurrent(embedded, hidden)
        return self.log_softmax(self.fc(output))[0], hidden
