"""Files written whole or not at all, so that whatever ends a run leaves the last valid ones."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PRIVATE = 0o600  # for what holds texts for staff


def write_atomically(path: Path, content: bytes, mode: int = 0o666, *, synced: bool = True) -> None:
    """Put `content` at `path`; a reader sees the old file or the new one, never a part. Raises OSError.

    synced: holds after a power cut too, which takes several milliseconds; without, the file may then be empty.
    """
    with atomic_stream(path, mode, synced=synced) as stream:
        stream.write(content)


@contextmanager
def atomic_stream(path: Path, mode: int = 0o666, *, synced: bool = True) -> Iterator[IO[bytes]]:
    """The same for what is written piece by piece: the file is there once the block has ended without an exception."""
    # Not tempfile: its files are private to their owner, and some of these are for the platform's harness to read.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            if synced:
                os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
