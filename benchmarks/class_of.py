"""Synthetic classes for a2, the same ones every time. No two submissions of a class have the same bytes."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from grader.audit import Variant, variants
from grader.manifest import load_manifest
from grader.paths import find_assignment
from grader.stubs import OPEN, student_files

A2: Final = find_assignment("a2")
MANIFEST: Final = load_manifest(A2.manifest)
CODE: Final = [name for name in MANIFEST.submitted if name.endswith(".py")]
SAVED: Final = [name for name in MANIFEST.optional if name.endswith(".pt")]
RNN, TRANSFORMERS, CLIP = "rnn_lstm_captioning.py", "transformers.py", "dl/clip_dino.py"

# What hostile submissions add to the end of a file that is right. The first one sleeps, so that every class has one.
HOSTILE: Final = (
    (RNN, "def rnn_forward(*_, **__):\n    import time\n    time.sleep(1e6)"),
    (TRANSFORMERS, "import os\nos._exit(0)"),
    (RNN, "def rnn_forward(*_, **__):\n    while True:\n        pass"),
    (TRANSFORMERS, "def hello_transformers():\n    kept = []\n    while True:\n        kept.append(b'x' * (1 << 26))"),
    (CLIP, "def get_similarity_no_loop(*_, **__):\n    while True:\n        print('x' * 1_000_000)"),
    (CLIP, "import os\nwhile True:\n    os.fork()"),
)
# What small wrong submissions have in the place of some of the gaps.
WRONG: Final = (b"return None", b"return 0", b"return undefined", b"pass", b"raise ValueError('unfinished')")


class Made(NamedTuple):
    """One submission. kind: mutant, right, stubs, hostile or small."""

    kind: str
    files: dict[str, bytes]


def mixed(count: int) -> list[Made]:
    """Submissions of real size without notebooks: 20 % right (the reference and alternatives in turn), 15 % stubs, 5 %
    hostile but at least one, the others mutants, which have one mistake each. In random order."""
    rng = random.Random(0)
    found = variants(A2, MANIFEST, ())
    [reference] = [each for each in found if each.kind == "reference"]
    alternatives = [each for each in found if each.kind == "alternative"]
    mutants = [each for each in found if each.mutant and each.mutant.file in CODE]
    rng.shuffle(alternatives)
    rng.shuffle(mutants)
    right = [each for alternative in alternatives for each in (reference, alternative)]
    hostile_count, stubs_count, right_count = max(1, round(0.05 * count)), round(0.15 * count), round(0.2 * count)
    made = [Made("hostile", hostile(at)) for at in range(hostile_count)]
    made += [Made("stubs", stubs()) for _ in range(stubs_count)]
    made += [Made("right", complete(right[at % len(right)])) for at in range(right_count)]
    made += [Made("mutant", complete(mutants[at % len(mutants)])) for at in range(count - len(made))]
    rng.shuffle(made)
    return made


def small(count: int) -> Iterator[Made]:
    """Stubs and small wrong submissions, in turn: all stubs; stubs with some wrong lines; such in one file, without the
    others; one file that is no Python."""
    rng = random.Random(1)
    untouched = stubs()
    for at in range(count):
        files = dict(untouched)
        if at % 4 > 1:
            name = rng.choice(CODE)
            files = {name: files[name]}
        if at % 4 in (1, 2):
            files = {name: with_mistakes(content, rng) for name, content in files.items()}
        if at % 4 == 3:
            files = {name: content.replace(b"):\n", b":\n", 1) + b"(" for name, content in files.items()}
        yield Made("small", files)


def stubs() -> dict[str, bytes]:
    files = student_files(A2)
    return {name: files[name] for name in CODE}


def complete(variant: Variant) -> dict[str, bytes]:
    return {name: variant.files.get(name) or (A2.reference / name).read_bytes() for name in (*CODE, *SAVED)}


def hostile(at: int) -> dict[str, bytes]:
    name, code = HOSTILE[at % len(HOSTILE)]
    files = {each: (A2.reference / each).read_bytes() for each in (*CODE, *SAVED)}
    return {**files, name: files[name] + f"\n\n{code}\n".encode()}


def with_mistakes(source: bytes, rng: random.Random) -> bytes:
    """A third of the gaps filled, each with something wrong."""
    lines = source.split(b"\n")
    for at, line in enumerate(lines):
        if line.lstrip().startswith(OPEN) and rng.random() < 1 / 3:
            lines[at] = line[: -len(line.lstrip())] + rng.choice(WRONG)
    return b"\n".join(lines)


def write_class(made: Iterator[Made] | Sequence[Made], folder: Path) -> list[Path]:
    """A zip for each in the new `folder`, which is a class then; in its order."""
    folder.mkdir(parents=True)
    written = []
    for at, each in enumerate(made, 1):
        path = folder / f"s{at:05}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in each.files.items():
                own = f"\n# handed in as {path.stem}\n".encode() if name.endswith(".py") else b""
                archive.writestr(name, content + own)
        written.append(path)
    return written
