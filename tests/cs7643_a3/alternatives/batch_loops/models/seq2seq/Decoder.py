"""Row by row behind the dropout; cosines one by one."""
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
        self.embedding = nn.Embedding(output_size, emb_size)
        if model_type == "RNN":
            self.recurrent = nn.RNN(emb_size, decoder_hidden_size)
        if model_type == "LSTM":
            self.recurrent = nn.LSTM(emb_size, decoder_hidden_size)
        self.linear = nn.Linear(decoder_hidden_size, output_size)
        self.dropout = nn.Dropout(dropout)
        if attention:
            self.squash = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        rows = []
        for q, keys in zip(hidden[0], encoder_outputs):
            scores = []
            for k in keys:
                scores.append(torch.dot(q, k) / (torch.norm(q) * torch.norm(k)))
            rows.append(torch.softmax(torch.stack(scores), dim=0).unsqueeze(0))
        return torch.stack(rows)

    def forward(self, input, hidden, encoder_outputs=None):
        embedded = self.dropout(self.embedding(input))
        if self.attention:
            query = hidden[0] if self.model_type == "LSTM" else hidden
            probabilities = self.compute_attention(query, encoder_outputs)
            rows = []
            for n in range(len(input)):
                context = probabilities[n].mm(encoder_outputs[n])
                rows.append(self.squash(torch.cat([context, embedded[n]], dim=1)))
            embedded = torch.stack(rows)
        outputs, hs, cs = [], [], []
        for n in range(len(input)):
            if self.model_type == "LSTM":
                output, (h, c) = self.recurrent(embedded[n], (hidden[0][:, n], hidden[1][:, n]))
                cs.append(c)
            else:
                output, h = self.recurrent(embedded[n], hidden[:, n])
            hs.append(h)
            outputs.append(torch.log_softmax(self.linear(output[0]), dim=0))
        h = torch.stack(hs, dim=1)
        if self.model_type == "LSTM":
            return torch.stack(outputs), (h, torch.stack(cs, dim=1))
        return torch.stack(outputs), h
