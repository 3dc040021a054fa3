"""One line per thing."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super(Encoder, self).__init__()

        self.input_size = input_size
        self.emb_size = emb_size
        self.encoder_hidden_size = encoder_hidden_size
        self.decoder_hidden_size = decoder_hidden_size
        self.model_type = model_type

        # 1) embedding
        self.embedding = nn.Embedding(input_size, emb_size)

        # 2) recurrent layer
        if model_type == "RNN":
            self.rnn = nn.RNN(emb_size, encoder_hidden_size, batch_first=True)
        elif model_type == "LSTM":
            self.rnn = nn.LSTM(emb_size, encoder_hidden_size, batch_first=True)
        else:
            raise Exception("model_type must be RNN or LSTM")

        # 3) linear layers and their activations
        self.linear1 = nn.Linear(encoder_hidden_size, encoder_hidden_size)
        self.linear2 = nn.Linear(encoder_hidden_size, decoder_hidden_size)
        self.relu = nn.ReLU()
        self.tanh = nn.Tanh()

        # 4) dropout
        self.dropout = nn.Dropout(dropout)

    def forward(self, input):
        embedded = self.embedding(input)
        embedded = self.dropout(embedded)

        output, hidden = self.rnn(embedded)

        if self.model_type == "LSTM":
            hidden_state, cell_state = hidden
            hidden_state = self.linear1(hidden_state)
            hidden_state = self.relu(hidden_state)
            hidden_state = self.linear2(hidden_state)
            hidden_state = self.tanh(hidden_state)
            hidden = (hidden_state, cell_state)
        else:
            hidden = self.linear1(hidden)
            hidden = self.relu(hidden)
            hidden = self.linear2(hidden)
            hidden = self.tanh(hidden)

        return output, hidden
