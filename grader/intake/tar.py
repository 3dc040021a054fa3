"""Names, kinds and places of a tar's entries, read without trust (POSIX.1-2001 ustar and pax, GNU long names)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

BLOCK = 512
NAME_BLOCK = 16 * 1024  # longest extension header (long name, pax) that is read


def entries(file: IO[bytes], most: int) -> Iterator[tuple[str, bytes, int, int]]:
    """Name, kind, offset and size of each entry; ValueError or EOFError when the tar is damaged or has more than
    `most` headers.

    `tarfile` is not used: several releases of the Pythons we run on loop or backtrack without end on
    forged headers (CVE-2025-8194, CVE-2024-6232), and a name, a kind and a size are all we need.
    """
    end = file.seek(0, os.SEEK_END)
    position = headers = 0
    name: bytes | None = None
    length: int | None = None
    while position < end:
        file.seek(position)
        header = file.read(BLOCK)
        if not any(header):
            return
        if len(header) < BLOCK:
            raise EOFError("it ends inside a header")
        if not is_header(header):
            raise ValueError("a header's checksum is wrong")
        headers += 1
        if headers > most:
            raise ValueError("it has too many headers")
        kind = header[156:157]
        size = _number(header[124:136]) if length is None else length
        if kind in b"123456":
            size = 0  # links, devices, folders and pipes have no data, whatever their header says
        start = position + BLOCK
        position = start + -(-size // BLOCK) * BLOCK
        if size < 0 or start + size > end:
            raise EOFError("an entry goes on after the end of the file")
        if kind in b"xgLKX":
            if size > NAME_BLOCK:
                raise ValueError("a header is too long")
            data = file.read(size)
            if kind == b"L":
                name = data.rstrip(b"\0")
            elif kind in b"xX":
                records = _pax_records(data)
                name = records.get(b"path", name)
                length = int(records[b"size"][:20]) if b"size" in records else None
                if any(key.startswith(b"GNU.sparse.") for key in records):
                    raise ValueError("it holds sparse files, which are not supported")
            continue
        if name is None:
            name = _until_nul(header[:100])
            prefix = _until_nul(header[345:500]) if header[257:263] == b"ustar\0" else b""
            name = prefix + b"/" + name if prefix else name
        yield name.decode("utf-8", "surrogateescape"), kind, start, size
        name = length = None


def is_header(header: bytes) -> bool:
    """Whether the block's checksum is right: the sum of its bytes, its own eight taken as blanks."""
    try:
        claimed = _number(header[148:156])
    except ValueError:
        return False
    body = header[:148] + b" " * 8 + header[156:]
    # Some old programs summed signed bytes.
    return claimed in (sum(body), sum(body) - 256 * sum(byte > 127 for byte in body))


def _number(field: bytes) -> int:
    if field[0] & 0x80:
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    return int(_until_nul(field).strip() or b"0", 8)


def _until_nul(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _pax_records(data: bytes) -> dict[bytes, bytes]:
    """Records "LENGTH KEY=VALUE\\n", LENGTH counting the whole record."""
    records, position = {}, 0
    while position < len(data):
        blank = data.index(b" ", position, position + 8)
        following = position + int(data[position:blank])
        key, equals, value = data[blank + 1 : following - 1].partition(b"=")
        if not equals or not blank < following <= len(data):
            raise ValueError("a pax header is malformed")
        records[key] = value
        position = following
    return records
