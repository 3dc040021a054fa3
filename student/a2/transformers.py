"""A Transformer that learns to add and subtract, from strings of digits.

Papers
    Vaswani et al. 2017, Attention Is All You Need      the architecture, here with norms after the residuals
    Ba et al. 2016, Layer Normalization
    Glorot & Bengio 2010                                the range of the uniform initialisation

Equations
    attention    Y = softmax(Q K^T / sqrt(M)) V                       softmax over the keys
    multi-head   Y = [head_1 ... head_h] W + b                        heads side by side on the last axis
    layer norm   y = gamma * (x - mean) / sqrt(var + eps) + beta      mean and var over the last axis
    feed-forward y = relu(x W1 + b1) W2 + b2
    sub-layer    y = dropout(norm(f(x) + x))                          f is attention or feed-forward

Dimensions
    N batch   K length of the queries   T length of keys and values   M embedding   V vocabulary
    O length of the answers

The file has the name of a well-known package: keep the assignment's folder first on the path.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset


def hello_transformers() -> None:
    """Print a greeting; shows that the notebook finds this file."""
    print("Hello from transformers.py!")


# -----------------------------------------------------------------------------
# From text to integers


def generate_token_dict(vocab: Sequence[str]) -> dict[str, int]:
    """Number the tokens of a vocabulary in their order, from 0.

    ["0", "1", "add"] -> {"0": 0, "1": 1, "add": 2}
    """
    # TODO: map every token to its position in vocab
    raise NotImplementedError("generate_token_dict")


def prepocess_input_sequence(
    input_str: str, token_dict: dict[str, int], spc_tokens: Sequence[str]
) -> list[int]:
    """Turn an expression into a list of token numbers. (The name's spelling is kept on purpose.)

    The words of input_str are separated by spaces. A word in spc_tokens is one token; any other word is a
    number and becomes one token per digit, leading zeros included:

        "BOS POSITIVE 07 add ..." -> [BOS, POSITIVE, 0, 7, add, ...], each looked up in token_dict
    """
    # TODO: split at spaces, keep special words whole, take other words apart digit by digit
    raise NotImplementedError("prepocess_input_sequence")


# -----------------------------------------------------------------------------
# Scaled dot-product attention, three times


def scaled_dot_product_two_loop_single(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention inside one sequence, with two loops.

        score[i,j] = query[i] . key[j] / sqrt(M)
        y[i]       = sum over j of softmax(score[i])[j] value[j]

    query, key, value (K,M) -> (K,M). One loop over the queries, one over the keys; softmax over the keys.
    F.scaled_dot_product_attention and nn.MultiheadAttention may be used nowhere in this file.
    """
    # TODO: fill the table of scores in two loops, softmax its rows, average the values
    raise NotImplementedError("scaled_dot_product_two_loop_single")


def scaled_dot_product_two_loop_batch(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The same for a batch of sequences, still with two loops: over queries and keys, not over the batch.

    query, key, value (N,K,M) -> (N,K,M).
    """
    # TODO: the two loops of before, each entry for all sequences of the batch at once
    raise NotImplementedError("scaled_dot_product_two_loop_batch")


def scaled_dot_product_no_loop_batch(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The same without any loop, with an optional mask, and keys that may come from another sequence.

    query       (N,K,M)
    key, value  (N,T,M); T may differ from K (the decoder looks at the encoder's output)
    mask        (N,K,T), bool: where it is True, the score is replaced by -1e9 before the softmax;
                None: nothing is masked

    Returns (y, weights): y (N,K,M), weights (N,K,T) with rows that sum to 1. No argument is changed.
    """
    # TODO: scores by one batched product, mask, softmax over the keys, a second product
    raise NotImplementedError("scaled_dot_product_no_loop_batch")


# -----------------------------------------------------------------------------
# Layers. In every nn.Linear: weight uniform in (-c, c), c = sqrt(6 / (inputs + outputs)); bias as it comes


class SelfAttention(nn.Module):
    """One attention head. The name is the sheet's; it serves cross attention as well."""

    def __init__(self, dim_in: int, dim_q: int, dim_v: int) -> None:
        """Three affine maps that turn inputs into queries, keys and values.

        self.q   nn.Linear, dim_in -> dim_q
        self.k   nn.Linear, dim_in -> dim_q
        self.v   nn.Linear, dim_in -> dim_v

        Weights uniform in (-c, c) with c = sqrt(6 / (inputs + outputs)) of that map; biases stay as they are.
        """
        super().__init__()
        # TODO: build self.q, self.k and self.v and draw their weights
        raise NotImplementedError("SelfAttention.__init__")

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map the three inputs and attend with scaled_dot_product_no_loop_batch.

        query (N,K,dim_in); key, value (N,T,dim_in); mask (N,K,T) or None -> (N,K,dim_v).
        Keeps the attention weights (N,K,T) of this call in self.weights_softmax.
        """
        # TODO: attend with q(query), k(key), v(value), keep the weights, return the rest
        raise NotImplementedError("SelfAttention.forward")


class MultiHeadAttention(nn.Module):
    """Several heads side by side, and an affine map that mixes them."""

    def __init__(self, num_heads: int, dim_in: int, dim_out: int) -> None:
        """Heads and output map.

        self.heads   nn.ModuleList of num_heads SelfAttention(dim_in, dim_out, dim_out)
        one more nn.Linear, num_heads * dim_out -> dim_in, of any name, initialised as in SelfAttention
        """
        super().__init__()
        # TODO: build self.heads, then the output map, and draw its weights
        raise NotImplementedError("MultiHeadAttention.__init__")

    def forward(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
        """Ask every head, join the answers on the last axis in the order of the heads, map back to dim_in.

        query (N,K,dim_in); key, value (N,T,dim_in); mask (N,K,T) or None, the same for all heads
        -> (N,K,dim_in).
        """
        # TODO: concatenate the heads' outputs on the last axis and apply the output map
        raise NotImplementedError("MultiHeadAttention.forward")


class LayerNormalization(nn.Module):
    """Normalise every position by itself, then scale and shift. nn.LayerNorm may not be used."""

    def __init__(self, emb_dim: int, epsilon: float = 1e-10) -> None:
        """Keeps epsilon, and two nn.Parameter of shape (emb_dim,): a scale of ones and a shift of zeros."""
        super().__init__()
        # TODO: keep epsilon, make the scale and the shift
        raise NotImplementedError("LayerNormalization.__init__")

    def forward(self, x: Tensor) -> Tensor:
        """scale * (x - mean) / sqrt(var + epsilon) + shift, over the last axis.

        var is the biased variance, the mean of (x - mean)^2; epsilon stands inside the root.
        torch.std, torch.var and F.layer_norm may not be used.

        x (N,emb_dim) or (N,K,emb_dim) -> the same shape.
        """
        # TODO: mean and variance over the last axis, normalise, scale, shift
        raise NotImplementedError("LayerNormalization.forward")


class FeedForwardBlock(nn.Module):
    """A two-layer perceptron, applied to every position by itself."""

    def __init__(self, inp_dim: int, hidden_dim_feedforward: int) -> None:
        """Two nn.Linear, inp_dim -> hidden_dim_feedforward -> inp_dim, initialised as in SelfAttention."""
        super().__init__()
        # TODO: build both maps and draw their weights
        raise NotImplementedError("FeedForwardBlock.__init__")

    def forward(self, x: Tensor) -> Tensor:
        """Linear, ReLU, Linear: x (...,inp_dim) -> the same shape."""
        # TODO: first map, ReLU, second map
        raise NotImplementedError("FeedForwardBlock.forward")


# -----------------------------------------------------------------------------
# Encoder


class EncoderBlock(nn.Module):
    """Self-attention, then feed-forward, each with residual, norm and dropout."""

    def __init__(self, num_heads: int, emb_dim: int, feedforward_dim: int, dropout: float) -> None:
        """The parts of the block.

        self.MultiHeadBlock   MultiHeadAttention with heads of size emb_dim / num_heads
        two LayerNormalization, one FeedForwardBlock, dropout with rate `dropout`; their names are free

        Nothing is moved to another device in here.
        """
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError(f"emb_dim is {emb_dim}, must be a multiple of num_heads, which is {num_heads}")
        # TODO: build self.MultiHeadBlock, two norms, the feed-forward block and dropout
        raise NotImplementedError("EncoderBlock.__init__")

    def forward(self, x: Tensor) -> Tensor:
        """Two sub-layers.

            o = dropout(norm1(attention(x, x, x) + x))
            y = dropout(norm2(feed_forward(o) + o))

        x (N,K,M) -> (N,K,M).
        """
        # TODO: the two lines above
        raise NotImplementedError("EncoderBlock.forward")


class Encoder(nn.Module):
    """A stack of encoder blocks (given)."""

    def __init__(
        self, num_heads: int, emb_dim: int, feedforward_dim: int, num_layers: int, dropout: float
    ) -> None:
        """num_layers EncoderBlocks in self.layers."""
        super().__init__()
        self.layers = nn.ModuleList(
            EncoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (N,K,M) -> (N,K,M)."""
        for layer in self.layers:
            x = layer(x)
        return x


# -----------------------------------------------------------------------------
# Decoder


def get_subsequent_mask(seq: Tensor) -> Tensor:
    """The mask that hides the future: position i may look at j <= i only.

    seq (N,K) or (N,K,...), of any dtype; only its first two sizes and its device matter.
    Returns bool (N,K,K), True strictly above the diagonal.
    """
    # TODO: True above the diagonal, one K x K table for every sequence
    raise NotImplementedError("get_subsequent_mask")


class DecoderBlock(nn.Module):
    """Masked self-attention, attention to the encoder's output, feed-forward."""

    def __init__(self, num_heads: int, emb_dim: int, feedforward_dim: int, dropout: float) -> None:
        """The parts of the block, each built once, under these names.

        self.attention_self, self.attention_cross   MultiHeadAttention with heads of size emb_dim / num_heads
        self.feed_forward                           FeedForwardBlock
        self.norm1, self.norm2, self.norm3          LayerNormalization
        self.dropout                                nn.Dropout
        """
        super().__init__()
        if emb_dim % num_heads != 0:
            raise ValueError(f"emb_dim is {emb_dim}, must be a multiple of num_heads, which is {num_heads}")
        # TODO: build the seven parts listed above
        raise NotImplementedError("DecoderBlock.__init__")

    def forward(self, dec_inp: Tensor, enc_inp: Tensor, mask: Tensor | None = None) -> Tensor:
        """Three sub-layers.

            o1 = dropout(norm1(attention_self(dec_inp, dec_inp, dec_inp, mask) + dec_inp))
            o2 = dropout(norm2(attention_cross(o1, enc_inp, enc_inp) + o1))
            y  = dropout(norm3(feed_forward(o2) + o2))

        dec_inp (N,K,M); enc_inp (N,T,M), the output of the encoder; mask (N,K,K) or None for no mask at all.
        The whole of enc_inp may be seen: the mask concerns self-attention only. Returns (N,K,M).
        """
        # TODO: the three lines above
        raise NotImplementedError("DecoderBlock.forward")


class Decoder(nn.Module):
    """A stack of decoder blocks and the map to word scores (given)."""

    def __init__(
        self,
        num_heads: int,
        emb_dim: int,
        feedforward_dim: int,
        num_layers: int,
        dropout: float,
        vocab_len: int,
    ) -> None:
        """num_layers DecoderBlocks in self.layers, and self.proj_to_vocab (emb_dim -> vocab_len)."""
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderBlock(num_heads, emb_dim, feedforward_dim, dropout) for _ in range(num_layers)
        )
        self.proj_to_vocab = nn.Linear(emb_dim, vocab_len)
        c = math.sqrt(6 / (emb_dim + vocab_len))
        nn.init.uniform_(self.proj_to_vocab.weight, -c, c)

    def forward(self, target_emb: Tensor, enc_out: Tensor, mask: Tensor | None = None) -> Tensor:
        """target_emb (N,K,M), enc_out (N,T,M), mask (N,K,K) or None -> scores (N,K,V)."""
        for layer in self.layers:
            target_emb = layer(target_emb, enc_out, mask)
        return self.proj_to_vocab(target_emb)


# -----------------------------------------------------------------------------
# Positions


def position_encoding_simple(K: int, M: int) -> Tensor:
    """Position p as the number p/K, the same in all M columns.

    Returns (1,K,M), float32.
    """
    # TODO: p/K for p = 0..K-1, repeated over the columns
    raise NotImplementedError("position_encoding_simple")


def position_encoding_sinusoid(K: int, M: int) -> Tensor:
    """Position p as sines and cosines.

        y[0, p, 2i]   = sin(p / 10000^a)
        y[0, p, 2i+1] = cos(p / 10000^a)        a = floor(2i / M)

    The exponent is rounded down: follow this formula, not the one in the paper. M may be odd.

    Returns (1,K,M), float32.
    """
    # TODO: angles for all positions and columns, sine in even columns, cosine in odd ones
    raise NotImplementedError("position_encoding_sinusoid")


# -----------------------------------------------------------------------------
# The model


class Transformer(nn.Module):
    """Encoder reads the question, decoder writes the answer."""

    def __init__(
        self,
        num_heads: int,
        emb_dim: int,
        feedforward_dim: int,
        dropout: float,
        num_enc_layers: int,
        num_dec_layers: int,
        vocab_len: int,
    ) -> None:
        """Make self.emb_layer, an nn.Embedding of vocab_len tokens and width emb_dim.

        Questions and answers share it. self.encoder and self.decoder are given, and are built after it.
        """
        super().__init__()
        # TODO: build self.emb_layer
        raise NotImplementedError("Transformer.__init__")
        self.encoder = Encoder(num_heads, emb_dim, feedforward_dim, num_enc_layers, dropout)
        self.decoder = Decoder(num_heads, emb_dim, feedforward_dim, num_dec_layers, dropout, vocab_len)

    def forward(self, ques_b: Tensor, ques_pos: Tensor, ans_b: Tensor, ans_pos: Tensor) -> Tensor:
        """Scores for every next token of the answers, with the right answer as the decoder's input.

        1. mask that hides the future, for the decoder's input ans_b[:, :-1];
        2. encoder on q_emb_inp;
        3. decoder on a_emb_inp, the encoder's output and the mask;
        4. batch and time become one axis.

        ques_b (N,K), ans_b (N,O): token numbers, int64; ques_pos (N,K,M), ans_pos (N,O,M): their positions.
        Returns (N*(O-1), V): row n*(O-1)+t scores the token ans_b[n, t+1].
        """
        q_emb_inp = self.emb_layer(ques_b) + ques_pos                           # (N,K,M)
        a_emb_inp = (self.emb_layer(ans_b) + ans_pos)[:, :-1]                   # (N,O-1,M)
        # TODO: follow the four steps
        raise NotImplementedError("Transformer.forward")


# -----------------------------------------------------------------------------
# Data and losses (given)


class AddSubDataset(Dataset):
    """Questions such as "BOS POSITIVE 07 add NEGATIVE 12 EOS" and their answers, as tokens and positions."""

    def __init__(
        self,
        input_seqs: Sequence[str],
        target_seqs: Sequence[str],
        convert_str_to_tokens: dict[str, int],
        special_tokens: Sequence[str],
        emb_dim: int,
        pos_encode: Callable[[int, int], Tensor],
    ) -> None:
        """
        input_seqs, target_seqs   questions and answers, as many of the one as of the other
        convert_str_to_tokens     token -> number, the dictionary of generate_token_dict
        special_tokens            tokens that are not taken apart
        emb_dim                   M
        pos_encode                (K, M) -> (1,K,M), one of the two functions above
        """
        self.input_seqs = input_seqs
        self.target_seqs = target_seqs
        self.convert_str_to_tokens = convert_str_to_tokens
        self.special_tokens = special_tokens
        self.emb_dim = emb_dim
        self.pos_encode = pos_encode

    def preprocess(self, seq: str) -> tuple[Tensor, Tensor]:
        """One string -> (tokens (K,) int64, positions (K,M))."""
        tokens = torch.tensor(prepocess_input_sequence(seq, self.convert_str_to_tokens, self.special_tokens))
        return tokens, self.pos_encode(len(tokens), self.emb_dim).squeeze(0)

    def __getitem__(self, idx: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Question tokens (K,), their positions (K,M), answer tokens (O,), their positions (O,M)."""
        return *self.preprocess(self.input_seqs[idx]), *self.preprocess(self.target_seqs[idx])

    def __len__(self) -> int:
        return len(self.input_seqs)


def LabelSmoothingLoss(pred: Tensor, ground: Tensor) -> Tensor:
    """Cross-entropy against softened targets, summed: .9 for the right token, .1 shared by the others.

    pred (N*O,V) scores, ground (N,O) or (N*O,) token numbers -> scalar.
    """
    eps, V = 0.1, pred.shape[1]
    right = F.one_hot(ground.flatten(), V)                                      # (N*O,V)
    target = right * (1 - eps) + (1 - right) * eps / (V - 1)
    return -(target * F.log_softmax(pred, dim=1)).sum()


def CrossEntropyLoss(pred: Tensor, ground: Tensor) -> Tensor:
    """Cross-entropy, summed. pred (N*O,V) scores, ground (N,O) or (N*O,) token numbers -> scalar."""
    return F.cross_entropy(pred, ground.flatten(), reduction="sum")
