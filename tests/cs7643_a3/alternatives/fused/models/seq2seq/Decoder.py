"""baddbmm and friends."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super().__init__()
        self.emb_size, self.output_size = emb_size, output_size
        self.encoder_hidden_size, self.decoder_hidden_size = encoder_hidden_size, decoder_hidden_size
        self.model_type, self.attention = model_type, attention
        self.embedding = nn.Embedding(output_size, emb_size)
        self.rnn = nn.__dict__[model_type](emb_size, decoder_hidden_size, batch_first=True)
        self.fc = nn.Linear(decoder_hidden_size, output_size)
        self.drop = nn.Dropout(dropout)
        if attention:
            self.fc_attention = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        unit_q = nn.functional.normalize(hidden, dim=2, eps=1e-8)
        unit_k = nn.functional.normalize(encoder_outputs, dim=2, eps=1e-8)
        return torch.bmm(unit_k, unit_q.permute(1, 2, 0)).transpose(1, 2).softmax(dim=2)

    def forward(self, input, hidden, encoder_outputs=None):
        embedded = self.drop(self.embedding(input.squeeze(1)))  # N E
        if self.attention:
            h = hidden[0] if type(hidden) is tuple else hidden
            weights = self.compute_attention(h, encoder_outputs)
            context = torch.bmm(weights, encoder_outputs).squeeze(1)
            # [context, embedded] times the weight, in two halves
            W_context, W_embedded = self.fc_attention.weight.split([self.encoder_hidden_size, self.emb_size], dim=1)
            embedded = self.fc_attention.bias + context @ W_context.t() + embedded @ W_embedded.t()
        _, hidden = self.rnn(embedded.unsqueeze(1), hidden)
        last = hidden[0][0] if self.model_type == "LSTM" else hidden[0]  # the output of a single step
        return torch.log_softmax(torch.addmm(self.fc.bias, last, self.fc.weight.t()), 1), hidden
