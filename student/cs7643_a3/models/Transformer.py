"""Two translators without recurrence: an encoder written by hand, and a full model around nn.Transformer.

Paper
    Vaswani et al. 2017, Attention Is All You Need      norms stand after the residuals

Equations
    embedding    x[n,t] = token[ids[n,t]] + position[t]                 both tables are learned
    head h       Y_h = softmax(Q K^T / sqrt(dim_k)) V                   softmax over the keys
    attention    y = norm([Y_1 Y_2] W + b + x)
    feed-forward y = norm(relu(x W1 + b1) W2 + b2 + x)

Dimensions
    N batch   T length of a sentence   H hidden size   V output vocabulary

Reserved ids: 0 unknown, 1 padding, 2 start, 3 end of a sentence.
"""

import random

import numpy as np
import torch
from torch import nn


def seed_torch(seed: int = 0) -> None:
    """Seed every generator that could be asked for a number (given)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


class TransformerTranslator(nn.Module):
    """One encoder layer with two attention heads, and scores for every position."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        device: torch.device | str,
        hidden_dim: int = 128,
        num_heads: int = 2,
        dim_feedforward: int = 2048,
        dim_k: int = 96,
        dim_v: int = 96,
        dim_q: int = 96,
        max_length: int = 43,
    ) -> None:
        """The layers, in the order of the deliverables: the seeded numbers hang on it.

        input_size   number of source words         output_size   number of target words
        max_length   longest sentence               dim_q         equals dim_k

        There is no dropout. The three tasks below can be done one after the other: while you are at an earlier
        deliverable, take away the `raise` of those that are still to come.
        """
        super().__init__()
        assert hidden_dim % num_heads == 0
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.dim_feedforward = dim_feedforward
        self.dim_k, self.dim_v, self.dim_q = dim_k, dim_v, dim_q
        self.max_length = max_length
        self.input_size, self.output_size = input_size, output_size
        self.device = device
        seed_torch(0)

        # TODO: Deliverable 1: a table of token vectors, then a table of position vectors, both of width H
        raise NotImplementedError("TransformerTranslator.__init__")

        # Deliverable 2 (given): keys, values and queries of two heads, and what brings the heads together.
        self.k1 = nn.Linear(hidden_dim, dim_k)
        self.v1 = nn.Linear(hidden_dim, dim_v)
        self.q1 = nn.Linear(hidden_dim, dim_q)
        self.k2 = nn.Linear(hidden_dim, dim_k)
        self.v2 = nn.Linear(hidden_dim, dim_v)
        self.q2 = nn.Linear(hidden_dim, dim_q)
        self.softmax = nn.Softmax(dim=2)
        self.attention_head_projection = nn.Linear(dim_v * num_heads, hidden_dim)
        self.norm_mh = nn.LayerNorm(hidden_dim)

        # TODO: Deliverable 3: a linear layer to dim_feedforward, one back to H, and a LayerNorm of its own
        raise NotImplementedError("TransformerTranslator.__init__")

        # TODO: Deliverable 4: a linear layer to one score for each target word
        raise NotImplementedError("TransformerTranslator.__init__")
        self.to(device)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The four deliverables in a row: ids (N,T) -> scores (N,T,V)."""
        # TODO: embed, attend, feed forward, score
        raise NotImplementedError("TransformerTranslator.forward")

    def embed(self, inputs: torch.Tensor) -> torch.Tensor:
        """Deliverable 1: the sum of token vector and position vector.

        inputs (N,T) int64, T <= max_length -> (N,T,H). Positions count from 0.
        """
        # TODO: look up both tables and add
        raise NotImplementedError("TransformerTranslator.embed")

    def multi_head_attention(self, inputs: torch.Tensor) -> torch.Tensor:
        """Deliverable 2: two heads of self-attention, residual and self.norm_mh.

        Every position sees every position: there is no mask. inputs (N,T,H) -> (N,T,H).
        """
        # TODO: both heads, their outputs side by side, projection, residual, norm
        raise NotImplementedError("TransformerTranslator.multi_head_attention")

    def feedforward_layer(self, inputs: torch.Tensor) -> torch.Tensor:
        """Deliverable 3: linear, ReLU, linear, residual, and a norm that is not self.norm_mh.

        inputs (N,T,H) -> (N,T,H).
        """
        # TODO: widen, cut below zero, narrow, residual, norm
        raise NotImplementedError("TransformerTranslator.feedforward_layer")

    def final_layer(self, inputs: torch.Tensor) -> torch.Tensor:
        """Deliverable 4: a score for every target word, without a softmax. inputs (N,T,H) -> (N,T,V)."""
        # TODO: one linear layer
        raise NotImplementedError("TransformerTranslator.final_layer")


class FullTransformerTranslator(nn.Module):
    """Encoder and decoder of nn.Transformer, between embeddings and scores."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        device: torch.device | str,
        hidden_dim: int = 128,
        num_heads: int = 2,
        dim_feedforward: int = 2048,
        num_layers_enc: int = 2,
        num_layers_dec: int = 2,
        dropout: float = 0.2,
        max_length: int = 43,
        ignore_index: int = 1,
    ) -> None:
        """The layers, in the order below: the seeded numbers hang on it.

        nn.Transformer           of these sizes, batch first, with its defaults otherwise
        self.srcembeddingL       source words -> H          self.tgtembeddingL      target words -> H
        self.srcposembeddingL    position -> H              self.tgtposembeddingL   position -> H
        a linear layer           H -> a score for each target word

        ignore_index is the id of padding in targets, kept as self.pad_idx.
        """
        super().__init__()
        assert hidden_dim % num_heads == 0
        self.num_heads = num_heads
        self.hidden_dim = hidden_dim
        self.max_length = max_length
        self.input_size, self.output_size = input_size, output_size
        self.device = device
        self.pad_idx = ignore_index
        seed_torch(0)

        # TODO: nn.Transformer, the four tables under the names above, the linear layer
        raise NotImplementedError("FullTransformerTranslator.__init__")
        self.to(device)

    def forward(self, src: torch.Tensor, tgt: torch.Tensor) -> torch.Tensor:
        """Scores of the target words, each from the source and the target words before it (teacher forcing).

        src (N,S), tgt (N,T) int64, neither longer than max_length -> (N,T,V). First of all `add_start_token` shifts
        tgt. Inside nn.Transformer no position of the shifted tgt sees a later one, and none sees padding.
        """
        # TODO: shift, embed both sides, causal and padding mask of the shifted target, model, scores
        raise NotImplementedError("FullTransformerTranslator.forward")

    def generate_translation(self, src: torch.Tensor) -> torch.Tensor:
        """A translation word by word, always the one with the highest score.

        The target begins as padding, with src's first column in front. For t = 0..T-1 the scores that `forward`
        gives at position t are kept, and the best word goes into column t+1 of the target, if there is one.

        src (N,T) int64 -> scores (N,T,V). Mode and gradients stay as the caller has them.
        """
        # TODO: T forward passes, each with the words found so far
        raise NotImplementedError("FullTransformerTranslator.generate_translation")

    def add_start_token(self, batch_sequences: torch.Tensor, start_token: int = 2) -> torch.Tensor:
        """The target as the decoder gets it (given): start token in front, the last column gone.

        A batch in which every row has two start tokens in front has been shifted before, and is returned as it is.
        batch_sequences (N,T) -> (N,T), a new tensor unless it is returned as it is.
        """
        if bool((batch_sequences[:, :2] == start_token).all()):
            return batch_sequences
        shifted = batch_sequences.roll(1, dims=1)
        shifted[:, 0] = start_token
        return shifted
