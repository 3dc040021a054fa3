"""Image captioning with a vanilla RNN, an LSTM and an LSTM with attention.

Papers
    Vinyals et al. 2015, Show and Tell              an image is the first hidden state of a language model
    Hochreiter & Schmidhuber 1997, LSTM             gates keep gradients alive over many steps
    Xu et al. 2015, Show, Attend and Tell           every step looks at the image again

Equations, rows are samples
    RNN         h' = tanh(x Wx + h Wh + b)
    LSTM        a  = x Wx + h Wh + b                         four blocks of H columns, in the order i, f, o, g
                c' = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
                h' = sigmoid(a_o) * tanh(c')
    attention   w  = softmax over cells of (h . A) / sqrt(H)
                z  = sum over cells of w A                   and a gains the term z Wattn
    loss        L  = 1/N * sum over n, t of -log softmax(x[n,t])[y[n,t]]

Dimensions
    N batch   T time steps   D input width   H hidden width   V vocabulary
    C channels of the image features (400)   4x4 cells of the image features
"""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor


def hello_rnn_lstm_captioning() -> None:
    """Print a greeting; shows that the notebook finds this file."""
    print("Hello from rnn_lstm_captioning.py!")


# -----------------------------------------------------------------------------
# Image encoder (given)


class ImageEncoder(nn.Module):
    """RegNet-X 400MF without its head: an image becomes a 4x4 grid of 400 numbers (for 112x112 pixels)."""

    def __init__(self, pretrained: bool = True, verbose: bool = True) -> None:
        """
        pretrained: start from ImageNet weights. Without a network, and without a copy in torch's cache,
            the weights stay random and one line on stderr says so.
        verbose: print the shape of the features of a dummy batch.
        """
        super().__init__()
        if pretrained:
            try:
                self.cnn = torchvision.models.regnet_x_400mf(weights="IMAGENET1K_V1")
            except (OSError, RuntimeError) as reason:      # no route, read-only cache, damaged download
                print(f"warning: ImageEncoder gets random weights: {reason}", file=sys.stderr)
                pretrained = False
        if not pretrained:
            self.cnn = torchvision.models.regnet_x_400mf(weights=None)

        # Shares its parameters with `cnn`; stops after the last block, before pooling and classification.
        self.backbone = create_feature_extractor(self.cnn, return_nodes={"trunk_output.block4": "c5"})

        with torch.no_grad():
            features = self.backbone(torch.randn(2, 3, 224, 224))["c5"]
        self._out_channels = features.shape[1]
        if verbose:
            print(f"ImageEncoder: images (2, 3, 224, 224) give features {tuple(features.shape)}")

        self.normalize = torchvision.transforms.Normalize(
            mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]
        )

    @property
    def out_channels(self) -> int:
        """Channels C of the features: 400."""
        return self._out_channels

    def forward(self, images: Tensor) -> Tensor:
        """images (N,3,H,W), uint8 in 0..255 or float in 0..1 -> features (N,C,H/32,W/32)."""
        if images.dtype == torch.uint8:
            images = images.to(self.cnn.stem[0].weight.dtype) / 255.0
        return self.backbone(self.normalize(images))["c5"]


# -----------------------------------------------------------------------------
# Vanilla RNN, with its gradients by hand


def rnn_step_forward(x: Tensor, prev_h: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> tuple[Tensor, Any]:
    """One time step of a vanilla RNN: next_h = tanh(x Wx + prev_h Wh + b).

    x       (N,D)  input of this step
    prev_h  (N,H)  hidden state of the step before
    Wx      (D,H)  weights from input to hidden
    Wh      (H,H)  weights from hidden to hidden
    b       (H,)   bias

    Returns (next_h, cache): next_h (N,H), and whatever rnn_step_backward needs, in a form of your choice.
    nn.RNN and nn.RNNCell may not be used, and no argument may be changed in place.
    """
    # TODO: compute next_h and keep in cache what the backward step needs
    raise NotImplementedError("rnn_step_forward")


def rnn_step_backward(dnext_h: Tensor, cache: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of one time step, by hand: autograd may not be used.

    dnext_h (N,H) is the gradient of the loss with respect to next_h, cache comes from rnn_step_forward.
    The derivative of tanh at a is 1 - tanh(a)^2.

    Returns (dx, dprev_h, dWx, dWh, db) with the shapes (N,D), (N,H), (D,H), (H,H), (H,).
    """
    # TODO: go back through tanh first, then through the affine map
    raise NotImplementedError("rnn_step_backward")


def rnn_forward(x: Tensor, h0: Tensor, Wx: Tensor, Wh: Tensor, b: Tensor) -> tuple[Tensor, Any]:
    """Run a vanilla RNN over whole sequences, one call of rnn_step_forward per time step.

    x   (N,T,D)  inputs of all steps
    h0  (N,H)    hidden state before the first step
    Wx, Wh, b    as in rnn_step_forward; the same at every step

    Returns (h, cache): h (N,T,H) holds the state after each step (h0 is not part of it), cache is what
    rnn_backward needs.
    """
    # TODO: loop over time, feed each new state to the next step, collect states and caches
    raise NotImplementedError("rnn_forward")


def rnn_backward(dh: Tensor, cache: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of a whole run, by hand: backpropagation through time, without autograd.

    dh (N,T,H) is the gradient of the loss with respect to every state in h, as far as the loss sees that
    state *directly*. State t also acts through state t+1: that share comes out of rnn_step_backward as
    dprev_h and has to be added. All steps use the same weights, so their gradients are sums over time.

    Returns (dx, dh0, dWx, dWh, db) with the shapes (N,T,D), (N,H), (D,H), (H,H), (H,).
    """
    # TODO: loop over time from the last step to the first and sum the gradients of the weights
    raise NotImplementedError("rnn_backward")


class RNN(nn.Module):
    """Vanilla RNN as a module (given): holds the weights and calls the functions above."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        """input_dim D, hidden_dim H; Wx and Wh are normal with variance 1/fan-in, b starts at zero."""
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, hidden_dim) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, hidden_dim) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(hidden_dim))

    def forward(self, x: Tensor, h0: Tensor) -> Tensor:
        """x (N,T,D), h0 (N,H) -> all states (N,T,H)."""
        return rnn_forward(x, h0, self.Wx, self.Wh, self.b)[0]

    def step_forward(self, x: Tensor, prev_h: Tensor) -> Tensor:
        """x (N,D), prev_h (N,H) -> next state (N,H)."""
        return rnn_step_forward(x, prev_h, self.Wx, self.Wh, self.b)[0]


# -----------------------------------------------------------------------------
# Words in, words out


class WordEmbedding(nn.Module):
    """A learnt vector for every word of the vocabulary."""

    def __init__(self, vocab_size: int, embed_size: int) -> None:
        """vocab_size V, embed_size D."""
        super().__init__()
        self.W_embed = nn.Parameter(torch.randn(vocab_size, embed_size) / math.sqrt(vocab_size))

    def forward(self, x: Tensor) -> Tensor:
        """Replace every word index by its row of W_embed.

        x (N,T), integers in 0..V-1 -> (N,T,D). No loop, and no nn.Embedding: W_embed gets the gradient.
        """
        # TODO: look the rows of W_embed up
        raise NotImplementedError("WordEmbedding.forward")


def temporal_softmax_loss(x: Tensor, y: Tensor, ignore_index: int | None = None) -> Tensor:
    """Softmax cross-entropy summed over the time steps and averaged over the batch.

        L = 1/N * sum over all (n,t) with y[n,t] != ignore_index of  -log softmax(x[n,t])[y[n,t]]

    Mind the divisor: the number N of sequences; neither N*T nor the number of words that count.

    x             (N,T,V)  a score for every word of the vocabulary
    y             (N,T)    index of the right word, int64
    ignore_index  steps with this target add nothing (the <NULL> padding); None: every step counts

    Returns a scalar. One line is enough: F.cross_entropy is allowed (it wants classes on axis 1, and it
    refuses None for its ignore_index).
    """
    # TODO: sum the cross-entropy over all steps that count, divide by N
    raise NotImplementedError("temporal_softmax_loss")


# -----------------------------------------------------------------------------
# LSTM; from here on autograd does the backward pass


class LSTM(nn.Module):
    """Long short-term memory, written out: nn.LSTM and nn.LSTMCell may not be used."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        """input_dim D, hidden_dim H; the 4H columns belong to the gates i, f, o, g, H columns each."""
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, 4 * hidden_dim) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, 4 * hidden_dim) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(4 * hidden_dim))

    def step_forward(self, x: Tensor, prev_h: Tensor, prev_c: Tensor) -> tuple[Tensor, Tensor]:
        """One time step.

            a = x Wx + prev_h Wh + b        (N,4H), columns cut into a_i, a_f, a_o, a_g, in this order
            i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o)        input, forget, output gate
            g = tanh(a_g)                                             candidate
            next_c = f * prev_c + i * g
            next_h = o * tanh(next_c)

        x (N,D), prev_h (N,H), prev_c (N,H) -> (next_h, next_c), both (N,H).
        """
        # TODO: compute the four gates, then the new cell state and the new hidden state
        raise NotImplementedError("LSTM.step_forward")

    def forward(self, x: Tensor, h0: Tensor) -> Tensor:
        """Run over whole sequences; the cell state starts at zero.

        x (N,T,D), h0 (N,H) -> hidden states after each step (N,T,H). The module keeps no state of its
        own: a second call with the same arguments gives the same result.
        """
        c0 = torch.zeros_like(h0)                                               # (N,H)
        # TODO: loop over time with step_forward from h0 and c0, stack the hidden states
        raise NotImplementedError("LSTM.forward")


# -----------------------------------------------------------------------------
# LSTM with attention over the cells of the image


def dot_product_attention(prev_h: Tensor, A: Tensor) -> tuple[Tensor, Tensor]:
    """Look at the 4x4 cells of an image, most at those that resemble the hidden state.

        m[n,i,j] = sum over h of prev_h[n,h] A[n,h,i,j] / sqrt(H)
        weights  = softmax of m over the 16 cells of each image
        attn     = sum over the cells of weights[n,i,j] A[n,:,i,j]

    prev_h (N,H), A (N,H,4,4) -> (attn (N,H), weights (N,4,4)). No loops. The weights of one image sum to 1.
    """
    # TODO: score the cells, softmax over all 16 of them, average A with these weights
    raise NotImplementedError("dot_product_attention")


class AttentionLSTM(nn.Module):
    """An LSTM that receives, at every step, what attention sees in the image."""

    def __init__(self, input_dim: int, hidden_dim: int) -> None:
        """input_dim D, hidden_dim H; Wattn (H,4H) is the third map into the gates."""
        super().__init__()
        self.Wx = nn.Parameter(torch.randn(input_dim, 4 * hidden_dim) / math.sqrt(input_dim))
        self.Wh = nn.Parameter(torch.randn(hidden_dim, 4 * hidden_dim) / math.sqrt(hidden_dim))
        self.Wattn = nn.Parameter(torch.randn(hidden_dim, 4 * hidden_dim) / math.sqrt(hidden_dim))
        self.b = nn.Parameter(torch.zeros(4 * hidden_dim))

    def step_forward(self, x: Tensor, prev_h: Tensor, prev_c: Tensor, attn: Tensor) -> tuple[Tensor, Tensor]:
        """One time step: LSTM.step_forward with one more term, a = x Wx + prev_h Wh + attn Wattn + b.

        x (N,D); prev_h, prev_c, attn (N,H) -> (next_h, next_c), both (N,H). Gate order i, f, o, g.
        """
        # TODO: as in LSTM.step_forward, with the attention term added before the gates
        raise NotImplementedError("AttentionLSTM.step_forward")

    def forward(self, x: Tensor, A: Tensor) -> Tensor:
        """Run over whole sequences; both states start at the mean of A over its cells.

        Before every step, dot_product_attention looks at A again, from the hidden state reached so far.

        x (N,T,D), A (N,H,4,4) -> hidden states after each step (N,T,H).
        """
        h0 = A.mean(dim=(2, 3))                                                 # (N,H)
        c0 = h0
        # TODO: at every step attend with the previous hidden state, then step_forward
        raise NotImplementedError("AttentionLSTM.forward")


# -----------------------------------------------------------------------------
# The captioner


class CaptioningRNN(nn.Module):
    """An image encoder and a recurrent language model that starts from the image.

    Cells: "rnn", "lstm", "attn".
    """

    def __init__(
        self,
        word_to_idx: dict[str, int],
        input_dim: int = 512,
        wordvec_dim: int = 128,
        hidden_dim: int = 128,
        cell_type: str = "rnn",
        image_encoder_pretrained: bool = True,
        ignore_index: int | None = None,
    ) -> None:
        """Build the five parts of the model.

        1. an ImageEncoder (pass image_encoder_pretrained on as `pretrained`, and verbose=False);
        2. an affine map input_dim -> H from image features to the hidden width;
        3. a WordEmbedding of width wordvec_dim;
        4. the cell that cell_type names: RNN, LSTM or AttentionLSTM, wordvec_dim -> H;
        5. an affine map H -> V from hidden states to word scores.

        Attribute names are free; both affine maps must be nn.Linear.

        word_to_idx   vocabulary of V words; must hold "<NULL>", may hold "<START>" and "<END>"
        input_dim     channels of the image features (400 for our ImageEncoder)
        hidden_dim    H
        ignore_index  target that the loss leaves out
        """
        super().__init__()
        if cell_type not in {"rnn", "lstm", "attn"}:
            raise ValueError(f'cell_type is {cell_type!r}, must be "rnn", "lstm" or "attn"')
        self.cell_type = cell_type
        self.word_to_idx = word_to_idx
        self.idx_to_word = {index: word for word, index in word_to_idx.items()}
        self._null = word_to_idx["<NULL>"]
        self._start = word_to_idx.get("<START>")
        self._end = word_to_idx.get("<END>")
        self.ignore_index = ignore_index
        # TODO: build the five parts listed above
        raise NotImplementedError("CaptioningRNN.__init__")

    def forward(self, images: Tensor, captions: Tensor) -> Tensor:
        """The training loss of a batch.

        1. Encode the images to features (N,C,4,4).
        2. rnn, lstm: average the features over the 4x4 cells, then the affine map: h0 (N,H).
           attn: the same affine map on every cell: A (N,H,4,4).
        3. Word vectors of captions_in.
        4. The cell turns them and h0 (or A) into hidden states (N,T,H).
        5. The second affine map gives scores (N,T,V).
        6. temporal_softmax_loss against captions_out, with self.ignore_index.

        images (N,3,112,112); captions (N,T+1), int64, each <START> ... <END> <NULL> ... -> scalar.
        The model reads captions_in (all words but the last) and has to say captions_out (all but the first).
        """
        captions_in, captions_out = captions[:, :-1], captions[:, 1:]           # (N,T) each
        # TODO: follow the six steps and return the loss
        raise NotImplementedError("CaptioningRNN.forward")

    @torch.no_grad()
    def sample(self, images: Tensor, max_length: int = 15) -> Tensor | tuple[Tensor, Tensor]:
        """Caption images greedily: say the likeliest word, feed it back, repeat.

        1. The image gives the first hidden state as in forward. The cell state starts at zero for lstm;
           for attn both states start at the mean of A over its cells.
        2. The first input is <START>.
        3. At every step: word vector -> step_forward of the cell -> scores -> arg-max. The word is written
           to the captions and is the input of the next step. For attn, attention looks at A from the
           hidden state before the step, and its weights are written down too.

        images (N,3,112,112)
        Returns captions (N,max_length), int64, whose column 0 holds the first word that was *said*
        (<START> is only fed in). For attn returns (captions, weights): weights (N,max_length,4,4) on the CPU.
        Stopping at <END> is optional; a row that stops keeps <NULL>, and zero weights, in the columns left.
        """
        N = images.shape[0]
        captions = torch.full((N, max_length), self._null, dtype=torch.long, device=images.device)
        if self.cell_type == "attn":
            attn_weights = torch.zeros(N, max_length, 4, 4)
        # TODO: start from the image and <START>, fill the buffers in max_length steps
        raise NotImplementedError("CaptioningRNN.sample")
