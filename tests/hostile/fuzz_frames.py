"""Mutated frames against the decoder, in numbers: `python tests/hostile/fuzz_frames.py [N] [SEED]`.

Exits with 1 at the first frame that raises anything but ProtocolError, or EOFError where it ends too early, and
prints that frame. The mutations are those of the unit tests; the same seed gives the same frames.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit")]

from test_wire import Chopped, is_plain, mutated_frame  # noqa: E402

from grader.worker import wire  # noqa: E402
from grader.worker.client import PLAIN, decode_reply  # noqa: E402


def outcome(data: bytes) -> str:
    """What becomes of one frame. Raises whatever the decoder should not raise."""
    try:
        head, meta, payload = wire.Reader(Chopped(data)).frame()
    except wire.ProtocolError:
        return "refused by its header"
    except EOFError:
        return "ended too early"
    try:
        value = wire.unpack(meta, payload)
    except wire.ProtocolError:
        return "refused by its body"
    if not is_plain(value):
        raise TypeError("decoded to something that is not plain data")
    try:
        decode_reply(head, 7, meta, payload, PLAIN)
    except wire.ProtocolError:
        return "no reply to the request"
    return "taken"


def main(count: int, seed: int) -> int:
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    began = time.perf_counter()
    for number in range(count):
        data = mutated_frame(rng)
        try:
            outcomes[outcome(data)] += 1
        except Exception as error:
            print(f"frame {number} of seed {seed}: {type(error).__name__}: {error}\n{data.hex()}")
            return 1
    for words, times in outcomes.most_common():
        print(f"{times:9} {words}")
    print(f"{count:9} frames in {time.perf_counter() - began:.1f} s, seed {seed}: no other exception")
    return 0


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(numbers + [200_000, 0][len(numbers) :])))
