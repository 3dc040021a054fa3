"""One line per thing."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super(Decoder, self).__init__()

        self.emb_size = emb_size
        self.encoder_hidden_size = encoder_hidden_size
        self.decoder_hidden_size = decoder_hidden_size
        self.output_size = output_size
        self.model_type = model_type
        self.attention = attention

        self.embedding = nn.Embedding(output_size, emb_size)

        if model_type == "RNN":
            self.rnn = nn.RNN(emb_size, decoder_hidden_size, batch_first=True)
        elif model_type == "LSTM":
            self.rnn = nn.LSTM(emb_size, decoder_hidden_size, batch_first=True)
        else:
            raise Exception("model_type must be RNN or LSTM")

        self.linear = nn.Linear(decoder_hidden_size, output_size)
        self.log_softmax = nn.LogSoftmax(dim=1)
        self.dropout = nn.Dropout(dropout)

        if attention:
            self.downsize = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        batch_size = encoder_outputs.shape[0]
        seq_len = encoder_outputs.shape[1]

        query = hidden[0]  # N x H
        query_norm = torch.sqrt(torch.sum(query * query, dim=1))

        scores = []
        for t in range(seq_len):
            key = encoder_outputs[:, t, :]
            key_norm = torch.sqrt(torch.sum(key * key, dim=1))
            dot_product = torch.sum(query * key, dim=1)
            score = dot_product / (query_norm * key_norm)
            scores.append(score.reshape(batch_size, 1, 1))
        scores = torch.cat(scores, dim=2)

        attention_prob = torch.softmax(scores, dim=2)
        return attention_prob

    def forward(self, input, hidden, encoder_outputs=None):
        embedded = self.embedding(input)
        embedded = self.dropout(embedded)

        if self.attention:
            if self.model_type == "LSTM":
                attention_prob = self.compute_attention(hidden[0], encoder_outputs)
            else:
                attention_prob = self.compute_attention(hidden, encoder_outputs)
            context = torch.bmm(attention_prob, encoder_outputs)
            both = torch.cat((context, embedded), dim=2)
            embedded = self.downsize(both)

        output, hidden = self.rnn(embedded, hidden)
        output = output[:, 0, :]
        output = self.linear(output)
        output = self.log_softmax(output)

        return output, hidden
