"""Sequential for all that is one after the other, ModuleDict for what depends on the kind."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        super(Encoder, self).__init__()
        self.kind = model_type
        embedding = nn.Embedding(input_size, emb_size)
        self.layers = nn.ModuleDict()
        self.layers["embed"] = nn.Sequential(embedding, nn.Dropout(dropout))
        if model_type == "LSTM":
            self.layers["LSTM"] = nn.LSTM(emb_size, encoder_hidden_size, batch_first=True)
        else:
            assert model_type == "RNN"
            self.layers["RNN"] = nn.RNN(emb_size, encoder_hidden_size, batch_first=True)
        self.layers["hidden"] = nn.Sequential(
            nn.Linear(encoder_hidden_size, encoder_hidden_size),
            nn.ReLU(),
            nn.Linear(encoder_hidden_size, decoder_hidden_size),
            nn.Tanh(),
        )

    def forward(self, input):
        output, hidden = self.layers[self.kind](self.layers["embed"](input))
        if self.kind == "LSTM":
            hidden = (self.layers["hidden"](hidden[0]), hidden[1])
        else:
            hidden = self.layers["hidden"](hidden)
        return output, hidden
