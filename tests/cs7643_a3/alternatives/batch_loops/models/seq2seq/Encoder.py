"""Row by row behind the dropout, unbatched recurrent layers."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super(Encoder, self).__init__()
        self.model_type = model_type
        self.embedding = nn.Embedding(input_size, emb_size)
        if model_type == "RNN":
            self.recurrent = nn.RNN(emb_size, encoder_hidden_size)
        if model_type == "LSTM":
            self.recurrent = nn.LSTM(emb_size, encoder_hidden_size)
        self.linear1 = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.linear2 = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input):
        embedded = self.dropout(self.embedding(input))
        outputs, hiddens, cells = [], [], []
        for n in range(len(input)):
            output, hidden = self.recurrent(embedded[n])
            if self.model_type == "LSTM":
                hidden, cell = hidden
                cells.append(cell)
            outputs.append(output)
            hiddens.append(torch.tanh(self.linear2(torch.relu(self.linear1(hidden)))))
        output = torch.stack(outputs, dim=0)
        hidden = torch.stack(hiddens, dim=1)
        if self.model_type == "LSTM":
            return output, (hidden, torch.stack(cells, dim=1))
        return output, hidden
