"""The optional layer is None without attention; cosine of broadcast vectors."""
import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    def __init__(self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size, dropout=0.2, model_type="RNN",
                 attention=False):
        super().__init__()
        assert model_type in {"RNN", "LSTM"}, "only RNN and LSTM"
        rnn_class = nn.LSTM if model_type == "LSTM" else nn.RNN
        self.output_size = output_size
        self.attention = attention
        self.model_type = model_type
        self.emb = nn.Embedding(output_size, emb_size)
        self.rnn = rnn_class(emb_size, decoder_hidden_size, batch_first=True)
        self.lin = nn.Linear(decoder_hidden_size, output_size)
        self.logsm = nn.LogSoftmax(dim=2)
        self.do = nn.Dropout(dropout)
        self.lin_att = None
        if attention:
            self.lin_att = nn.Linear(encoder_hidden_size + emb_size, emb_size)

    def compute_attention(self, hidden, encoder_outputs):
        a, b = torch.broadcast_tensors(hidden.transpose(0, 1), encoder_outputs)
        cosine = torch.linalg.vecdot(a, b) / (torch.linalg.norm(a, dim=2) * torch.linalg.norm(b, dim=2))
        return torch.softmax(cosine.unsqueeze(1), -1)

    def forward(self, input, hidden, encoder_outputs=None):
        emb = self.do(self.emb(input))
        if self.lin_att is not None:
            (h, _) = hidden if self.model_type == "LSTM" else (hidden, None)
            att = self.compute_attention(h, encoder_outputs)
            context = torch.sum(att.mT * encoder_outputs, dim=1)
            emb = self.lin_att(torch.column_stack((context, emb.squeeze(dim=1)))).unsqueeze(1)
        out, hidden = self.rnn(emb, hidden)
        return self.logsm(self.lin(out)).squeeze(1), hidden
