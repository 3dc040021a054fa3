"""A language small enough for a CPU: stands in for Multi30k. Given code.

A sentence has two to seven words out of twenty. Its translation has the words of each pair swapped (the first with the
second, the third with the fourth, …; an odd last word stays), and every word replaced by its counterpart:

    <sos> a b c d e <eos> <pad>   ->   <sos> B A D C E <eos> <pad>          if B were the counterpart of b, and so on

Who translates has to look a word up *and* to know where it stood; a bag of words is not enough.

Dimensions
    N sentences of a batch   T length of a sentence, LENGTH for all of them

Everything is drawn from generators of its own: calling these functions leaves torch's and numpy's seeds alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch.utils.data import DataLoader

UNK, PAD, SOS, EOS = range(4)
SPECIAL = ("<unk>", "<pad>", "<sos>", "<eos>")
SOURCE_WORDS = (*SPECIAL, *"abcdefghijklmnopqrst")
TARGET_WORDS = (*SPECIAL, *"ABCDEFGHIJKLMNOPQRST")
VOCABULARY = len(SOURCE_WORDS)                                                  # the same for both languages
SHORTEST, LONGEST = 2, 7                                                        # words of a sentence
LENGTH = 10
# Position w holds the counterpart of word w; the special tokens are their own.
COUNTERPART = np.concatenate([np.arange(4), 4 + np.random.RandomState(7).permutation(VOCABULARY - 4)])


def sentences(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random sentences and their translations: two arrays (count,LENGTH), int64; the same ones for the same seed."""
    draw = np.random.RandomState(seed)
    source = np.full((count, LENGTH), PAD, dtype=np.int64)
    for row in source:
        words = draw.randint(4, VOCABULARY, size=draw.randint(SHORTEST, LONGEST + 1))
        row[: len(words) + 2] = [SOS, *words, EOS]
    return source, translated(source)


def translated(source: np.ndarray) -> np.ndarray:
    """The right translations of rows of sentences; (N,LENGTH) -> (N,LENGTH)."""
    target = source.copy()
    for row in target:
        words = np.flatnonzero(row > EOS)
        for first, second in zip(words[::2], words[1::2], strict=False):
            row[[first, second]] = row[[second, first]]
    return COUNTERPART[target]


def loaders(train: int = 512, val: int = 128, batch_size: int = 64, seed: int = 0) -> tuple[DataLoader, DataLoader]:
    """Batches of pairs (source, target), each (T,N) int64 as those of Multi30k are: time comes first.

    The batches for training come in another order in every epoch; those for validation hold other sentences, in order.
    """
    shuffle = torch.Generator().manual_seed(seed)
    return (
        DataLoader(_pairs(train, 2 * seed), batch_size, shuffle=True, generator=shuffle, collate_fn=_time_first),
        DataLoader(_pairs(val, 2 * seed + 1), batch_size, collate_fn=_time_first),
    )


def as_text(tokens: Iterable[int], words: tuple[str, ...] = TARGET_WORDS) -> str:
    """The words of one sentence, up to its end."""
    found = []
    for token in tokens:
        if token == EOS:
            break
        if token not in (PAD, SOS):
            found.append(words[token])
    return " ".join(found)


def _pairs(count: int, seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    source, target = sentences(count, seed)
    return list(zip(torch.from_numpy(source), torch.from_numpy(target), strict=True))


def _time_first(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    source, target = zip(*pairs, strict=True)
    return torch.stack(source, dim=1), torch.stack(target, dim=1)                  # (T,N)
