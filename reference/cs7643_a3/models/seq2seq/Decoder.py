"""The decoder of a sequence-to-sequence model: one token and the state before it in, log-probabilities of the next out.

Papers
    Sutskever, Vinyals & Le 2014, Sequence to Sequence Learning      one network reads, another one writes
    Graves, Wayne & Danihelka 2014, Neural Turing Machines           attention by cosine similarity

Equations
    e          = dropout(embedding(token))
    score_t    = <q, k_t> / (|q| |k_t|)              q hidden state before the step, k_t encoder output of step t
    context    = sum over t of softmax(score)_t k_t
    e'         = W [context, e]                      with attention only; without, e' = e
    state'     = recurrent layer of e' and state
    output     = log softmax(U h')                   h' is the hidden part of state'

Dimensions
    N batch   T source time steps   V output_size   M emb_size   H encoder_hidden_size   K decoder_hidden_size
"""

import random

import torch
import torch.nn as nn
import torch.optim as optim


class Decoder(nn.Module):
    """One step: an embedding, attention if it is wanted, one recurrent layer, and scores for every token."""

    def __init__(
        self, emb_size, encoder_hidden_size, decoder_hidden_size, output_size,
        dropout=0.2, model_type="RNN", attention=False,
    ):
        """
        emb_size             M, width of a token's vector
        encoder_hidden_size  H, width of the encoder's outputs; with attention the same as K
        decoder_hidden_size  K, width of the recurrent layer
        output_size          V, size of the target vocabulary
        dropout              probability with which an entry of the embedded token becomes zero
        model_type           "RNN" or "LSTM"
        attention            whether every step looks at the encoder's outputs

        Layers in this order, since random weights follow it: embedding V -> M; recurrent layer M -> K;
        linear K -> V; dropout; and only with attention linear H + M -> M.
        """
        super().__init__()
        self.emb_size = emb_size
        self.encoder_hidden_size = encoder_hidden_size
        self.decoder_hidden_size = decoder_hidden_size
        self.output_size = output_size
        self.model_type = model_type
        self.attention = attention

        # BEGIN SOLUTION  make the layers in the order given above
        if model_type not in ("RNN", "LSTM"):
            raise ValueError(f'model_type is {model_type!r}, wanted "RNN" or "LSTM"')
        recurrent = nn.LSTM if model_type == "LSTM" else nn.RNN
        self.embedding = nn.Embedding(output_size, emb_size)
        self.recurrent = recurrent(emb_size, decoder_hidden_size, batch_first=True)
        self.scores = nn.Linear(decoder_hidden_size, output_size)
        self.log_softmax = nn.LogSoftmax(dim=-1)
        self.dropout = nn.Dropout(dropout)
        if attention:
            self.downsize = nn.Linear(encoder_hidden_size + emb_size, emb_size)
        # END SOLUTION

    def compute_attention(self, hidden, encoder_outputs):
        """Attention probabilities from cosine similarities.

        hidden           (1,N,K)  the decoder's hidden state
        encoder_outputs  (N,T,H)  with H = K

        Returns (N,1,T), which sums to one over T. No parameters, no scaling, no mask.
        """
        # BEGIN SOLUTION  cosine of the hidden state and every encoder output, then softmax over the time steps
        query = hidden.transpose(0, 1)                                                      # (N,1,K)
        products = query @ encoder_outputs.transpose(1, 2)                                  # (N,1,T)
        lengths = encoder_outputs.norm(dim=2).unsqueeze(1)                                  # (N,1,T)
        cosines = products / (query.norm(dim=2, keepdim=True) * lengths)
        return torch.softmax(cosines, dim=2)
        # END SOLUTION

    def forward(self, input, hidden, encoder_outputs=None):
        """One step.

        input            (N,1)    tokens, int64
        hidden           (1,N,K)  state before the step; for an LSTM the tuple of hidden and cell state
        encoder_outputs  (N,T,H)  looked at with attention only

        Returns (output, hidden): log-probabilities (N,V), and the state as the recurrent layer gives it.
        """
        # BEGIN SOLUTION  embed and drop out; with attention replace that by W [context, embedded]; one recurrent step
        embedded = self.dropout(self.embedding(input))                                      # (N,1,M)
        if self.attention:
            query = hidden[0] if self.model_type == "LSTM" else hidden                      # (1,N,K)
            probabilities = self.compute_attention(query, encoder_outputs)                  # (N,1,T)
            context = probabilities @ encoder_outputs                                       # (N,1,H)
            embedded = self.downsize(torch.cat([context, embedded], dim=2))                 # (N,1,M)
        output, hidden = self.recurrent(embedded, hidden)                                   # (N,1,K)
        return self.log_softmax(self.scores(output[:, 0])), hidden
        # END SOLUTION
