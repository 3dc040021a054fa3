"""Sequential for all that is one after the other."""
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
        self.embed = nn.Sequential(nn.Embedding(output_size, emb_size), nn.Dropout(dropout))
        self.cell = nn.ModuleList([(nn.LSTM if model_type == "LSTM" else nn.RNN)(emb_size, decoder_hidden_size,
                                                                                batch_first=True)])
        self.classify = nn.Sequential(nn.Flatten(), nn.Linear(decoder_hidden_size, output_size), nn.LogSoftmax(dim=1))
        self.combine = nn.ModuleList()
        if attention:
            self.combine.append(nn.Linear(encoder_hidden_size + emb_size, emb_size))
        self.cosine = nn.CosineSimilarity(dim=2)
        self.softmax = nn.Softmax(dim=1)

    def compute_attention(self, hidden, encoder_outputs):
        hidden = hidden.transpose(0, 1).expand_as(encoder_outputs)
        return self.softmax(self.cosine(hidden, encoder_outputs)).unsqueeze(1)

    def forward(self, input, hidden, encoder_outputs=None):
        embedded = self.embed(input)
        for layer in self.combine:
            query = hidden if self.model_type == "RNN" else hidden[0]
            context = torch.matmul(self.compute_attention(query, encoder_outputs), encoder_outputs)
            embedded = layer(torch.cat([context, embedded], 2))
        output, hidden = self.cell[0](embedded, hidden)
        return self.classify(output), hidden
