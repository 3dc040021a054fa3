"""Given code for Parts 1 and 2: load the data, train, evaluate, draw.

Dimensions: N batch, K length of a question, O length of an answer, M embedding, V vocabulary.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dl.coco_utils import decode_captions

__all__ = [
    "decode_captions", "draw", "get_toy_data", "inference", "load_coco_captions", "train",
    "train_captioner", "val",
]  # fmt: skip


def load_coco_captions(path: str = "./datasets/coco.pt") -> dict[str, Any]:
    """Load the captioning data.

    Returns a dict: `train_images` and `val_images` (n,3,112,112) uint8, `train_captions` and `val_captions`
    (n,T) int64, `vocab` with `idx_to_token` (list) and `token_to_idx` (dict).
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is not there: put the course's coco.pt into that folder")
    return torch.load(path, map_location="cpu", weights_only=True)


def get_toy_data(path: str = "two_digit_op.json") -> dict[str, list[str]]:
    """Load the sums: `inp_expression` and `out_expression`, lists of strings."""
    return json.loads(Path(path).read_text())


# -----------------------------------------------------------------------------
# Part 1


def train_captioner(
    model: nn.Module,
    image_data: Tensor,
    caption_data: Tensor,
    num_epochs: int,
    batch_size: int,
    learning_rate: float,
    lr_decay: float = 1,
    device: torch.device | str = "cpu",
) -> tuple[nn.Module, list[float]]:
    """Train a captioner with AdamW on all parameters that ask for gradients.

    model         called as model(images, captions), gives a scalar loss
    image_data    (n,3,H,W); the batches are taken in order, an incomplete last one is left out
    caption_data  (n,T+1) int64
    lr_decay      factor on the learning rate after every epoch

    Returns (model, loss_history): one float per iteration. Raises ValueError when batch_size exceeds n.
    """
    batches = len(image_data) // batch_size
    if batches == 0:
        raise ValueError(f"batch_size {batch_size} is larger than the number of images, {len(image_data)}")
    model = model.to(device).train()
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: lr_decay**epoch)
    loss_history: list[float] = []
    for epoch in range(1, num_epochs + 1):
        for i in range(batches):
            rows = slice(i * batch_size, (i + 1) * batch_size)
            loss = model(image_data[rows].to(device), caption_data[rows].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_history.append(loss.item())
        schedule.step()
        print(f"(Epoch {epoch} / {num_epochs}) loss: {sum(loss_history[-batches:]) / batches:.4f}")
    return model, loss_history


# -----------------------------------------------------------------------------
# Part 2. A loader yields (questions (N,K), their positions (N,K,M), answers (N,O), their positions (N,O,M)).


def train(
    model: nn.Module,
    train_dataloader: DataLoader,
    val_dataloader: DataLoader,
    loss_func: Callable[[Tensor, Tensor], Tensor],
    num_epochs: int,
    batch_size: int = 32,
    warmup_lr: float = 6e-6,
    warmup_interval: int | None = 1000,
    lr: float = 6e-4,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Train a Transformer with Adam; print losses and validation accuracy after every epoch.

    loss_func        (scores (N*(O-1),V), targets (N*(O-1),)) -> loss, summed over all tokens
    batch_size       as in `val`
    warmup_interval  the rate is warmup_lr for so many iterations, lr from then on; None: no warm-up

    Returns the model, on `device`.
    """
    model = model.to(device)
    first_lr = lr if warmup_interval is None else warmup_lr
    optimizer = torch.optim.Adam(model.parameters(), lr=first_lr, betas=(0.9, 0.995), eps=1e-9)
    iteration = 0
    for epoch in range(1, num_epochs + 1):
        model.train()
        total_loss, sequences = 0.0, 0
        for batch in train_dataloader:
            if iteration == warmup_interval:
                for group in optimizer.param_groups:
                    group["lr"] = lr
            ques, ques_pos, ans, ans_pos = (part.to(device) for part in batch)
            loss = loss_func(model(ques, ques_pos, ans, ans_pos), ans[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            sequences += len(ques)
            iteration += 1
        val_loss, accuracy = val(model, val_dataloader, loss_func, batch_size, device)
        print(
            f"[epoch: {epoch}] [loss: {total_loss / sequences:.4f}] val_loss: {val_loss:.4f} "
            f"val_accuracy: {accuracy:.4f}"
        )
    return model


@torch.no_grad()
def val(
    model: nn.Module,
    dataloader: DataLoader,
    loss_func: Callable[[Tensor, Tensor], Tensor],
    batch_size: int,
    device: torch.device | str = "cpu",
) -> tuple[float, float]:
    """Evaluate a Transformer on all of a loader.

    batch_size is what the notebooks pass; the averages count the sequences that really came instead, so a
    short last batch weighs no more than its share.

    Returns (loss, accuracy): loss per sequence, and the share of answer tokens (BOS left out) with the
    highest score. Both counts of the accuracy, right tokens and all tokens, run over *every* batch: an older
    version of this helper divided the right tokens of the last batch by all tokens, which gave about 1/k of
    the truth for k batches.
    """
    model = model.to(device).eval()
    total_loss, sequences, right, tokens = 0.0, 0, 0, 0
    for batch in dataloader:
        ques, ques_pos, ans, ans_pos = (part.to(device) for part in batch)
        scores = model(ques, ques_pos, ans, ans_pos)                            # (N*(O-1),V)
        targets = ans[:, 1:].flatten()                                          # (N*(O-1),)
        total_loss += loss_func(scores, targets).item()
        right += (scores.argmax(dim=1) == targets).sum().item()
        tokens += targets.numel()
        sequences += len(ques)
    return total_loss / sequences, right / tokens


@torch.no_grad()
def inference(
    model: nn.Module, inp_exp: Tensor, inp_exp_pos: Tensor, out_pos_exp: Tensor, out_seq_len: int
) -> tuple[Tensor, nn.Module]:
    """Answer one question greedily, word by word, on the device of the question.

    inp_exp (1,K) tokens, inp_exp_pos (1,K,M); out_pos_exp (1,O,M) with O >= out_seq_len; the first token of
    the answer is BOS (14). The decoder gets no mask: there are no later words to hide from the last one.

    Returns (answer (1,out_seq_len) int64, BOS included; model, in evaluation mode).
    """
    model.eval()
    encoded = model.encoder(model.emb_layer(inp_exp) + inp_exp_pos)             # (1,K,M)
    answer = inp_exp.new_full((1, 1), 14)
    for length in range(1, out_seq_len):
        decoded = model.decoder(model.emb_layer(answer) + out_pos_exp[:, :length], encoded, None)
        answer = torch.cat([answer, decoded[:, -1:].argmax(dim=-1)], dim=1)     # (1,length+1)
    return answer, model


def draw(data: Any, x: Sequence[str], y: Sequence[str], ax: Any) -> None:
    """Draw attention weights in 0..1 as a heat map, keys x across, queries y down; needs seaborn."""
    import seaborn

    seaborn.heatmap(
        data, xticklabels=x, yticklabels=y, square=True, vmin=0.0, vmax=1.0, cbar=False, ax=ax
    )
