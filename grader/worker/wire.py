"""Frames between the trusted parent and a worker: bounded, typed, without pickle.

    header   28 bytes, little endian:
                 magic | kind u8 | flags u8 | 0 u16 | meta length u32 | request id u64 | payload length u64
    meta     msgpack: plain data, with two extension types
                 1 tensor   dtype u8 | ndim u8 | offset into the payload u64 | ndim sizes i64
                 2 handle   id u64 | label, UTF-8
    payload  the tensors' bytes: C order, little endian, each aligned to 64 bytes

Every size is checked before anything is allocated for it. What is decoded is None, bool, int, float, str,
bytes, list, dict, a plain numpy array or a HandleRef, and nothing else.
"""

from __future__ import annotations

import datetime
import math
import secrets
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
import numpy as np

HEADER: Final = struct.Struct("<4sBBHIQQ")
MAGIC: Final = b"TGW1"
HELLO, REQUEST, RETURNED, RAISED = range(4)

MAX_META: Final = 1 << 20  # plain data grows some eighty times in size when it is decoded
MAX_PAYLOAD: Final = 256 << 20
MAX_TENSORS: Final = 4096
MAX_HANDLES: Final = 4096
MAX_NDIM: Final = 16
MAX_ENTRIES: Final = 1 << 28  # of a tensor, an axis of length 0 counting as 1: (2**40, 0) has no bytes
MAX_DEPTH: Final = 64
LABEL: Final = 80
ALIGN: Final = 64
CHUNK: Final = 1 << 16
SPIN_S: Final = 200e-6  # to look for a frame before sleeping, where no other work waits for the processor
JOIN: Final = 1 << 18  # up to this payload one copy is cheaper than a system call per array

TENSOR, HANDLE = 1, 2

DTYPES: Final = tuple(
    np.dtype(name).newbyteorder("<")
    for name in ("?", "u1", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16", "u2", "u4", "u8")
)
CODES: Final = {dtype: code for code, dtype in enumerate(DTYPES)}
KEYS: Final = frozenset({str, int, float, bool})


def entries(shape: tuple[int, ...]) -> int:
    """How many entries an array of this shape has, an axis of length 0 counting as 1."""
    return math.prod(max(size, 1) for size in shape)


class ProtocolError(Exception):
    """The other side sent something that is not a frame of this protocol."""


class Unsendable(Exception):
    """A value that this protocol does not carry."""


class Oversized(Unsendable):
    """More of what it does carry than one message may hold."""


class HandleRef(msgspec.Struct, frozen=True):
    """An object that stays in the worker: its number there, and an untrusted label."""

    id: int
    label: str = ""


class Header(msgspec.Struct, frozen=True):
    kind: int
    meta_len: int
    request_id: int
    payload_len: int


class Stream(Protocol):
    """What frames are written to and read from: a socket, with or without a clock."""

    def send(self, buffers: list[memoryview]) -> None: ...

    def receive(self, buffer: memoryview) -> int:
        """Fills some of `buffer` with what has arrived, waiting for at least one byte; EOFError at the end."""
        ...


def receive_soon(sock: socket.socket, buffer: memoryview, spin_s: float) -> int | None:
    """What arrives within `spin_s`: its length, 0 at the end of the stream, None when nothing came.

    The frames of small calls follow each other faster than an idle processor wakes up, so both sides look
    a few times before they sleep. Leaves the socket non-blocking.
    """
    sock.setblocking(False)
    until = time.perf_counter() + spin_s
    while True:
        try:
            return sock.recv_into(buffer)
        except BlockingIOError:
            if time.perf_counter() >= until:
                return None


class Reader:
    """Takes frames off a stream; a small frame costs one system call."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._chunk = bytearray(CHUNK)
        self._start = self._end = 0

    def frame(self) -> tuple[Header, bytearray, bytearray]:
        """Header, meta and payload. Raises ProtocolError; the stream's own errors pass through."""
        header = parse_header(self._take(HEADER.size))
        return header, self._take(header.meta_len), self._take(header.payload_len)

    def left_over(self) -> bool:
        """Whether more has arrived than the frames that were taken."""
        return self._start < self._end

    def _take(self, size: int) -> bytearray:
        ready = min(size, self._end - self._start)
        if ready == size:
            self._start += size
            return self._chunk[self._start - size : self._start]
        taken = bytearray(size)
        taken[:ready] = self._chunk[self._start : self._end]
        self._start = self._end = 0
        view = memoryview(taken)[ready:]
        while view:
            if len(view) >= CHUNK:
                view = view[self._stream.receive(view) :]
                continue
            self._end = self._stream.receive(memoryview(self._chunk))
            self._start = min(len(view), self._end)
            view[: self._start] = self._chunk[: self._start]
            view = view[self._start :]
        return taken


def new_request_id() -> int:
    return secrets.randbits(63)


# --- encode -----------------------------------------------------------------------------------------


class Packer:
    """Collects one message: `pack` turns a value into msgpack-able data and gathers the tensors' bytes.

    `foreign` is asked for every value that is not plain data: it returns an array to send, a HandleRef,
    or raises Unsendable.
    """

    def __init__(self, foreign: Callable[[Any], Any] | None = None) -> None:
        self._foreign = foreign
        self.buffers: list[memoryview] = []
        self.length = 0
        self._tensors = self._handles = self._plain = 0

    def pack(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        # Types are told apart by `is`: a metaclass may call itself equal to every type.
        text = kind is str or kind is bytes
        self._plain += len(value) if text else 1
        if self._plain > MAX_META:  # the encoder would only find out after it has taken the memory
            raise Oversized(f"more plain data than one reply may hold ({MAX_META >> 20} MiB)")
        if value is None or text or kind is float or kind is int or kind is bool:
            return value
        if depth > MAX_DEPTH:
            raise Oversized("a value nested more than 64 levels deep")
        if kind is list or kind is tuple:
            return [self.pack(item, depth + 1) for item in value]
        if kind is dict:
            if not all(any(type(key) is plain for plain in KEYS) for key in value):
                return self._from_foreign(value, depth)
            return {key: self.pack(item, depth + 1) for key, item in value.items()}
        if kind is np.ndarray:
            return self.array(value)
        if kind is HandleRef:
            self._handles += 1
            if self._handles > MAX_HANDLES:
                raise Oversized(f"more objects than one reply may hold ({MAX_HANDLES})")
            return msgspec.msgpack.Ext(
                HANDLE, struct.pack("<Q", value.id) + value.label.encode(errors="replace")[:LABEL]
            )
        if kind is complex:
            return self.array(np.asarray(value))
        if issubclass(kind, np.generic):
            return self.pack(value.item(), depth + 1)
        return self._from_foreign(value, depth)

    def _from_foreign(self, value: Any, depth: int) -> Any:
        if self._foreign is None:
            raise Unsendable(f"a value of type {type(value).__name__}")
        return self.pack(self._foreign(value), depth + 1)

    def array(self, value: np.ndarray[Any, Any]) -> msgspec.msgpack.Ext:
        code = CODES.get(value.dtype)
        if code is None:
            little = value.dtype.newbyteorder("<")
            if little not in CODES:
                raise Unsendable(f"an array of dtype {value.dtype}")
            value, code = value.astype(little), CODES[little]
        self._tensors += 1
        if entries(value.shape) > MAX_ENTRIES:
            raise Oversized("a tensor with more entries than one reply may hold")
        if value.nbytes + self.length > MAX_PAYLOAD or self._tensors > MAX_TENSORS or value.ndim > MAX_NDIM:
            raise Oversized(f"more data than one reply may hold ({MAX_PAYLOAD >> 20} MiB)")
        padding = -self.length % ALIGN
        if padding:
            self.buffers.append(memoryview(bytes(padding)))
            self.length += padding
        offset = self.length
        if value.nbytes:
            self.buffers.append(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
            self.length += value.nbytes
        return msgspec.msgpack.Ext(
            TENSOR, struct.pack(f"<BBQ{value.ndim}q", code, value.ndim, offset, *value.shape)
        )

    def frame(self, kind: int, request_id: int, meta: Any) -> list[memoryview]:
        """The finished frame as buffers to be written in order; `meta` has gone through `pack`."""
        try:
            body = msgspec.msgpack.encode(meta)
        except OverflowError:
            raise Oversized("an integer of more than 64 bits") from None
        except (UnicodeEncodeError, RecursionError, TypeError) as error:
            raise Unsendable(f"a value outside the protocol ({type(error).__name__})") from None
        if len(body) > MAX_META:
            raise Oversized(f"more plain data than one reply may hold ({MAX_META >> 20} MiB)")
        head = HEADER.pack(MAGIC, kind, 0, 0, len(body), request_id, self.length) + body
        if self.length <= JOIN:
            return [memoryview(b"".join([head, *self.buffers]))]
        return [memoryview(head), *self.buffers]


# --- decode -----------------------------------------------------------------------------------------


def parse_header(data: bytes | bytearray | memoryview) -> Header:
    magic, kind, flags, zero, meta_len, request_id, payload_len = HEADER.unpack(data)
    if magic != MAGIC or kind > RAISED or flags or zero:
        raise ProtocolError("not a frame")
    if meta_len > MAX_META or payload_len > MAX_PAYLOAD:
        raise ProtocolError("a frame over the size limits")
    return Header(kind, meta_len, request_id, payload_len)


def unpack(
    meta: bytes | bytearray,
    payload: bytes | bytearray,
    handle: Callable[[HandleRef], Any] | None = None,
    *,
    trusted: bool = False,
) -> Any:
    """Decodes a message body. `handle` resolves handles (a worker looks the object up); the default
    leaves a HandleRef. Arrays are views of `payload`, so they cost no copy. What a `trusted` side sent is not
    looked through once more."""
    tensors = handles = 0

    def extension(code: int, data: memoryview) -> Any:
        nonlocal tensors, handles
        if code == TENSOR:
            tensors += 1
            if tensors > MAX_TENSORS:
                raise ProtocolError("too many tensors in one frame")
            return _tensor(data, payload)
        if code == HANDLE and 8 <= len(data) <= 8 + LABEL:
            handles += 1
            if handles > MAX_HANDLES:
                raise ProtocolError("too many objects in one frame")
            ref = HandleRef(struct.unpack_from("<Q", data)[0], bytes(data[8:]).decode(errors="replace"))
            return ref if handle is None else handle(ref)
        raise ProtocolError("an unknown extension")

    try:
        value = msgspec.msgpack.Decoder(ext_hook=extension).decode(meta)
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError) as error:
        raise ProtocolError(f"a frame that cannot be decoded ({type(error).__name__})") from None
    if not trusted:
        _check_plain(value)
    return value


def _check_plain(value: Any) -> None:
    """msgpack also has timestamps and keys of any kind, and decodes values so deep that whoever walks them
    afterwards runs out of stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 2):
        below: list[Any] = []
        for item in level:
            if type(item) is list:
                below += item
            elif type(item) is dict:
                if not KEYS.issuperset(map(type, item)):
                    raise ProtocolError("a key of a type that is never sent")
                below += item.values()
            elif type(item) is datetime.datetime:
                raise ProtocolError("a timestamp")
        if not below:
            return
        level = below
    raise ProtocolError("a value nested too deeply")


def _tensor(data: memoryview, payload: bytes | bytearray) -> np.ndarray[Any, Any]:
    if len(data) < 10:
        raise ProtocolError("a tensor without a header")
    code, ndim, offset = struct.unpack_from("<BBQ", data)
    if code >= len(DTYPES) or ndim > MAX_NDIM or len(data) != 10 + 8 * ndim:
        raise ProtocolError("a tensor with an impossible header")
    shape = struct.unpack_from(f"<{ndim}q", data, 10)
    if shape and (min(shape) < 0 or entries(shape) > MAX_ENTRIES):
        raise ProtocolError("a tensor of impossible shape")
    dtype = DTYPES[code]
    count = math.prod(shape)
    if offset > len(payload) or count * dtype.itemsize > len(payload) - offset:
        raise ProtocolError("a tensor that reaches past its payload")
    if dtype.kind == "b":  # any other byte than 0 and 1 would be undefined behaviour in a bool array
        raw = np.frombuffer(payload, np.uint8, count, offset).reshape(shape)
        return np.asarray(raw != 0)
    return np.frombuffer(payload, dtype, count, offset).reshape(shape)
