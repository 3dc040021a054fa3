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

        # TODO: make the layers in the order given above
        raise NotImplementedError("Decoder.__init__")

    def compute_attention(self, hidden, encoder_outputs):
        """Attention probabilities from cosine similarities.

        hidden           (1,N,K)  the decoder's hidden state
        encoder_outputs  (N,T,H)  with H = K

        Returns (N,1,T), which sums to one over T. No parameters, no scaling, no mask.
        """
        # TODO: cosine of the hidden state and every encoder output, then softmax over the time steps
        raise NotImplementedError("Decoder.compute_attention")

    def forward(self, input, hidden, encoder_outputs=None):
        """One step.

        input            (N,1)    tokens, int64
        hidden           (1,N,K)  state before the step; for an LSTM the tuple of hidden and cell state
        encoder_outputs  (N,T,H)  looked at with attention only

        Returns (output, hidden): log-probabilities (N,V), and the state as the recurrent layer gives it.
        """
        # TODO: embed and drop out; with attention replace that by W [context, embedded]; one recurrent step
        raise NotImplementedError("Decoder.forward")
