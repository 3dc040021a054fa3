"""The encoder of a sequence-to-sequence model: tokens in, one state per token and a first state for the decoder out.

Paper
    Sutskever, Vinyals & Le 2014, Sequence to Sequence Learning      one network reads, another one writes

Equations
    e       = dropout(embedding(tokens))
    states  = recurrent layer over e                 output holds its state after every step
    hidden  = tanh(W_2 relu(W_1 h_T))                h_T is the state after the last step
    cell    = c_T                                    LSTM only, as it is

Dimensions
    N batch   T time steps   V input_size   M emb_size   H encoder_hidden_size   K decoder_hidden_size
"""

import random

import torch
import torch.nn as nn
import torch.optim as optim


class Encoder(nn.Module):
    """An embedding, one recurrent layer, and two linear layers that make the decoder's first hidden state."""

    def __init__(self, input_size, emb_size, encoder_hidden_size, decoder_hidden_size, dropout=0.2, model_type="RNN"):
        """
        input_size           V, size of the source vocabulary
        emb_size             M, width of a token's vector
        encoder_hidden_size  H, width of the recurrent layer
        decoder_hidden_size  K, width of the decoder's hidden state
        dropout              probability with which an entry of the embedded tokens becomes zero
        model_type           "RNN" or "LSTM"

        Layers in this order, since random weights follow it: embedding V -> M; recurrent layer M -> H;
        linear H -> H; linear H -> K; dropout.
        """
        super().__init__()
        self.input_size = input_size
        self.emb_size = emb_size
        self.encoder_hidden_size = encoder_hidden_size
        self.decoder_hidden_size = decoder_hidden_size
        self.model_type = model_type

        # TODO: make the layers in the order given above
        raise NotImplementedError("Encoder.__init__")

    def forward(self, input):
        """Reads a batch of token sequences.

        input (N,T), int64

        Returns (output, hidden):
            output (N,T,H)  what the recurrent layer gives at every step
            hidden (1,N,K)  the decoder's first hidden state; for an LSTM the tuple of it and the cell state (1,N,H)
        """
        # TODO: embed, drop out once, run the recurrent layer, then transform its last hidden state
        raise NotImplementedError("Encoder.forward")
