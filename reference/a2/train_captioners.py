"""Train the three captioners on a small stand-in and save their losses.

    python train_captioners.py [OUT]        writes OUT/rnn_lstm_attention_submission.pt, OUT = this folder

Stand-in: 16 images of different colours with a random caption each, and a fixed linear map of the 4x4-pooled
image in the place of RegNet. Takes seconds on one core. The file is a dict of three lists of floats, one
float per iteration: rnn_losses, lstm_losses, attn_losses.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from rnn_lstm_captioning import CaptioningRNN

STEPS = 300
LEARNING_RATE = 2e-3
CLIP_NORM = 5.0  # keeps the attention cell from sudden jumps: the last loss counts, not the lowest
VOCABULARY = {word: index for index, word in enumerate(["<NULL>", "<START>", "<END>", *"abcdefghijklmnopq"])}


class PooledColours(nn.Module):
    """images (N,3,112,112) -> features (N,400,4,4): average pooling and a fixed random 400x3 map."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mix", torch.randn(400, 3))

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("cd,ndhw->nchw", self.mix, nn.functional.adaptive_avg_pool2d(images, 4))


def make_data() -> tuple[Tensor, Tensor]:
    """images (16,3,112,112) float, captions (16,10) int64: START, seven words, END, NULL."""
    base = torch.tensor([[i % 3, i // 3 % 3, i // 9] for i in range(16)], dtype=torch.float32)
    cells = base[:, :, None, None] + 0.3 * torch.rand(16, 3, 4, 4)
    images = cells.repeat_interleave(28, dim=2).repeat_interleave(28, dim=3)
    captions = torch.randint(3, len(VOCABULARY), (16, 10))
    captions[:, 0], captions[:, 8], captions[:, 9] = 1, 2, 0
    return images, captions


def train(cell_type: str) -> list[float]:
    """The loss of every iteration."""
    torch.manual_seed(0)
    images, captions = make_data()
    model = CaptioningRNN(VOCABULARY, 400, 64, 128, cell_type, image_encoder_pretrained=False, ignore_index=0)
    model.image_encoder = PooledColours()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for _ in range(STEPS):
        loss = model(images, captions)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    result = {f"{cell}_losses": train(cell) for cell in ("rnn", "lstm", "attn")}
    torch.save(result, folder / "rnn_lstm_attention_submission.pt")
    for name, losses in result.items():
        print(f"{name}: first {losses[0]:.3f}, lowest {min(losses):.3f}, last {losses[-1]:.3f}")
