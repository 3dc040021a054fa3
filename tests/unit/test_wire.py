"""Frames: what is sent arrives unchanged, and nothing but a frame of the protocol is ever taken for one."""

from __future__ import annotations

import datetime
import math
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.records import Raised, Returned
from grader.worker import wire
from grader.worker.client import PLAIN, decode_reply
from grader.worker.wire import HandleRef, Packer, ProtocolError, Unsendable

ext = msgspec.msgpack.Ext
encode = msgspec.msgpack.encode
QUICK = settings(max_examples=150, deadline=None, derandomize=True, database=None)
KIB, MIB = 1 << 10, 1 << 20


class Chopped:
    """A stream that holds `data` and hands out at most `most` bytes at a time."""

    def __init__(self, data: bytes, most: int = 1 << 30) -> None:
        self.left = memoryview(data)
        self._most = most

    def send(self, buffers: list[memoryview]) -> None:
        raise AssertionError("only read from")

    def receive(self, buffer: memoryview) -> int:
        if not self.left:
            raise EOFError
        count = min(len(buffer), len(self.left), self._most)
        buffer[:count] = self.left[:count]
        self.left = self.left[count:]
        return count


def frame_of(value: Any, kind: int = wire.REQUEST, number: int = 7, foreign: Any = None) -> bytes:
    packer = Packer(foreign)
    return b"".join(packer.frame(kind, number, packer.pack(value)))


def there_and_back(value: Any) -> Any:
    _header, meta, payload = wire.Reader(Chopped(frame_of(value))).frame()
    return wire.unpack(meta, payload)


def same(sent: Any, got: Any) -> bool:
    """Equal in type and by bits; a tuple comes back as a list."""
    if isinstance(sent, np.ndarray):
        return (
            type(got) is np.ndarray
            and got.dtype == sent.dtype.newbyteorder("<")
            and got.shape == sent.shape
            and got.tobytes() == sent.astype(sent.dtype.newbyteorder("<")).tobytes()
        )
    if isinstance(sent, (list, tuple)):
        return type(got) is list and len(got) == len(sent) and all(map(same, sent, got))
    if isinstance(sent, dict):
        return type(got) is dict and list(got) == list(sent) and all(same(sent[k], got[k]) for k in sent)
    if isinstance(sent, float) and math.isnan(sent):
        return isinstance(got, float) and math.isnan(got)
    return type(got) is type(sent) and bool(got == sent)


@contextmanager
def small_memory(limit: int = MIB) -> Iterator[None]:
    """Fails when more than `limit` bytes were held at any moment."""
    tracemalloc.start()
    try:
        yield
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < limit


# --- what is sent arrives -----------------------------------------------------------------------------

arrays = hnp.arrays(
    dtype=st.sampled_from([*wire.DTYPES, *(np.dtype(c).newbyteorder(">") for c in ("i4", "f8", "c16"))]),
    shape=hnp.array_shapes(min_dims=0, max_dims=6, min_side=0, max_side=4),
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=40)
    | st.builds(HandleRef, st.integers(0, 2**64 - 1), st.text(st.characters(max_codepoint=126), max_size=80))
)
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=8) | st.integers(0, 99), inner, max_size=4)
    ),
    max_leaves=12,
)


@QUICK
@given(values)
def test_every_value_comes_back_as_it_was(value: Any) -> None:
    """Plain data, arrays of every dtype and shape and handles survive any nesting."""
    assert same(value, there_and_back(value))


@QUICK
@given(arrays, st.booleans())
def test_views_travel_like_copies(array: np.ndarray, flipped: bool) -> None:
    """Transposed and reversed arrays, which are no blocks of memory, arrive in C order."""
    view = array.T[::-1] if flipped and array.ndim else array.T
    assert same(view, there_and_back(view))


@pytest.mark.parametrize("dtype", wire.DTYPES, ids=str)
def test_extremes_of_every_dtype(dtype: np.dtype) -> None:
    """The smallest and largest numbers, infinities and NaNs keep their bits."""
    raw = np.frombuffer(bytes(range(256)) * 2, np.uint8)
    array = (raw % 2).astype(bool) if dtype.kind == "b" else raw.view(dtype)
    assert same(array, there_and_back(array))


def test_scalars_of_numpy_and_complex_numbers() -> None:
    """A numpy scalar becomes a Python number, a complex number an array without dimensions."""
    assert there_and_back([np.float32(0.5), np.int64(-3), np.bool_(True)]) == [0.5, -3, True]
    assert there_and_back(1 + 2j) == np.array(1 + 2j)


def test_arrays_are_aligned_and_only_viewed() -> None:
    """Each array starts at a multiple of 64 bytes of the payload and costs no copy of it."""
    packer = Packer()
    body = packer.pack([np.ones(3, np.uint8), np.ones(5), np.ones(1, np.float32)])
    _head, meta, payload = wire.Reader(Chopped(b"".join(packer.frame(wire.REQUEST, 1, body)))).frame()
    found = wire.unpack(meta, payload)
    starts = [a.__array_interface__["data"][0] for a in found]
    assert [start - starts[0] for start in starts] == [0, 64, 128]
    payload[0] = 9
    assert found[0][0] == 9


@pytest.mark.parametrize("most", [1, 7, 4096, 1 << 30])
def test_frames_that_arrive_in_pieces(most: int) -> None:
    """However the bytes arrive, the reader takes whole frames, and says whether more has come."""
    small, large = [1, "two"], np.arange(20_000.0)
    stream = Chopped(frame_of(small, number=1) + frame_of(large, number=2) + frame_of(small, number=3), most)
    reader = wire.Reader(stream)
    for number, sent in ((1, small), (2, large), (3, small)):
        header, meta, payload = reader.frame()
        assert header.request_id == number
        assert same(sent, wire.unpack(meta, payload))
    assert not reader.left_over() and not stream.left
    with pytest.raises(EOFError):
        reader.frame()


def test_a_surplus_is_seen() -> None:
    """Bytes after a frame that arrived together with it are reported."""
    reader = wire.Reader(Chopped(frame_of(1) + b"x"))
    reader.frame()
    assert reader.left_over()


def test_large_payloads_are_not_joined() -> None:
    """Above 256 KiB the array's own memory is handed to the socket, not a copy."""
    array = np.zeros(MIB, np.uint8)
    with small_memory(256 * KIB):
        packer = Packer()
        buffers = packer.frame(wire.REQUEST, 1, packer.pack(array))
    assert len(buffers) == 2 and len(buffers[1]) == MIB


def test_handles_are_resolved_on_request() -> None:
    """A resolver stands in for every handle; a long label is cut."""
    sent = HandleRef(5, "x" * 200)
    _header, meta, payload = wire.Reader(Chopped(frame_of({"a": [sent]}))).frame()
    assert wire.unpack(meta, payload)["a"][0] == HandleRef(5, "x" * wire.LABEL)
    assert wire.unpack(meta, payload, lambda ref: ref.id + 1) == {"a": [6]}


# --- what cannot be sent ------------------------------------------------------------------------------


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        lambda: None,
        2**64,
        -(2**63) - 1,
        10**5000,
        "\ud800",
        np.array([object()]),
        np.array(["text"]),
        np.zeros(1, "M8[s]"),
        np.zeros(1, [("a", "f4")]),
        nested(66),
        {(1, 2): 3},
        np.broadcast_to(np.float64(0), (1 << 20, 1 << 20)),
        [np.zeros(1)] * 4097,
        np.zeros((1,) * 17),
        "x" * (4 * MIB),
    ],
    ids=[
        "object", "set", "function", "int-over", "int-under", "int-huge", "surrogate", "object-array", "text-array",
        "dates", "records", "deep", "tuple-key", "huge-view", "many-arrays", "17-dims", "long-text",
    ],
)  # fmt: skip
def test_unsendable_values_are_refused_by_the_sender(value: Any) -> None:
    """What the protocol does not carry raises Unsendable, before anything large is copied."""
    with small_memory(16 * MIB), pytest.raises(Unsendable):
        frame_of(value)


def test_a_list_that_holds_itself_is_refused() -> None:
    """Endless nesting ends at the bound on depth."""
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(Unsendable):
        frame_of(endless)


def test_foreign_objects_that_stay_foreign_are_refused() -> None:
    """A hook that answers with one more foreign object ends at the bound on depth."""
    with pytest.raises(Unsendable):
        frame_of(object(), foreign=lambda value: object())


def test_the_deepest_value_that_is_sent_is_also_taken() -> None:
    """Sender and receiver agree on the bound of depth."""
    assert there_and_back(nested(65)) == nested(65)


# --- what is not taken --------------------------------------------------------------------------------


def header(
    magic: bytes = wire.MAGIC, kind: int = 1, flags: int = 0, zero: int = 0, meta: int = 0, payload: int = 0
) -> bytes:
    return wire.HEADER.pack(magic, kind, flags, zero, meta, 7, payload)


@pytest.mark.parametrize(
    "head",
    [
        header(magic=b"TGW2"),
        header(magic=b"\x80\x04\x95\x00"),
        header(kind=4),
        header(kind=255),
        header(flags=1),
        header(zero=1),
        header(meta=wire.MAX_META + 1),
        header(meta=2**32 - 1),
        header(payload=wire.MAX_PAYLOAD + 1),
        header(payload=1 << 40),
        header(payload=2**64 - 1),
    ],
)
def test_impossible_headers_are_refused_before_anything_is_read(head: bytes) -> None:
    """A wrong magic, kind, flag or size ends it at once: no memory, no further reading."""
    stream = Chopped(head + bytes(100), most=wire.HEADER.size)
    with small_memory(), pytest.raises(ProtocolError):
        wire.Reader(stream).frame()
    assert len(stream.left) == 100


def tensor(code: int = 8, ndim: int | None = None, offset: int = 0, shape: tuple[int, ...] = ()) -> bytes:
    return struct.pack(f"<BBQ{len(shape)}q", code, len(shape) if ndim is None else ndim, offset, *shape)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        tensor()[:9],
        tensor(code=len(wire.DTYPES)),
        tensor(code=255),
        tensor(ndim=17, shape=(1,) * 17),
        tensor(ndim=3, shape=(1, 1)),
        tensor(ndim=1, shape=(1, 1)),
        tensor(shape=(-1,)),
        tensor(shape=(-2, -4)),
        tensor(shape=(-(2**63),)),
        tensor(shape=(9,)),
        tensor(shape=(1 << 40,)),
        tensor(shape=((1 << 40) + 1,)),
        tensor(shape=(2**63 - 1,)),
        tensor(shape=(1 << 40,) * 16),
        tensor(shape=(1 << 32, 1 << 32)),  # 2^64 elements: 0 in 64-bit arithmetic
        tensor(shape=(0,) + (1 << 40,) * 3),
        tensor(offset=1),
        tensor(offset=57),
        tensor(offset=65, shape=(0,)),
        tensor(offset=2**64 - 1),
        tensor(offset=2**64 - 8, shape=(2,)),
        tensor() + b"more",
    ],
)
def test_impossible_tensors_are_refused_before_allocation(data: bytes) -> None:
    """Sizes, offsets and dimensions are held against the payload of 64 bytes before any array is made."""
    payload = bytes(57 if data == tensor(offset=57) else 64 if data != tensor(offset=1) else 8)
    with small_memory(), pytest.raises(ProtocolError):
        wire.unpack(encode(ext(wire.TENSOR, data)), payload)


@pytest.mark.parametrize(
    "meta",
    [
        b"",
        b"\xc1",
        encode([1, 2])[:-1],
        encode(1) + b"\x00",
        encode(ext(0, b"")),
        encode(ext(3, b"12345678")),
        encode(ext(127, b"x")),
        encode(ext(-5, b"x")),
        encode(ext(wire.HANDLE, b"1234567")),
        encode(ext(wire.HANDLE, bytes(8 + wire.LABEL + 1))),
        encode(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)),
        b"\xa1\xff",
        b"\x81\x91\x01\x02",
        b"\x81\xc0\x02",
        b"\x81\xc4\x01x\x02",
        b"\x81" + encode(ext(wire.HANDLE, bytes(8))) + b"\x01",
        b"\x81" + encode(ext(wire.TENSOR, tensor(shape=(0,)))) + b"\x01",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        encode(nested(66)),
        b"\x91" * 900 + b"\xc0",
        b"\x91" * 1_000_000 + b"\xc0",
        b"\x81\xa0" * 1_000_000 + b"\xc0",
    ],
)
def test_impossible_bodies_are_refused(meta: bytes) -> None:
    """Bytes that are no value of the protocol, or nested too deeply, are a ProtocolError and cost no memory."""
    with small_memory(), pytest.raises(ProtocolError):
        wire.unpack(meta, bytes(64))


def test_too_many_tensors_are_refused() -> None:
    """4096 tensors in one frame are taken, one more is not."""
    one = ext(wire.TENSOR, tensor(shape=(0,)))
    assert len(wire.unpack(encode([one] * wire.MAX_TENSORS), b"")) == wire.MAX_TENSORS
    with pytest.raises(ProtocolError):
        wire.unpack(encode([one] * (wire.MAX_TENSORS + 1)), b"")


def test_bytes_of_a_bool_array_become_plain_bools() -> None:
    """Any byte but zero is True, and True is the byte 1: other bytes would confuse numpy."""
    meta = encode(ext(wire.TENSOR, tensor(code=0, shape=(4,))))
    found = wire.unpack(meta, b"\x00\x01\x02\xff")
    assert found.tobytes() == b"\x00\x01\x01\x01"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (wire.RETURNED, 1),
        (wire.RETURNED, [1]),
        (wire.RETURNED, [1, None, None]),
        (wire.RETURNED, {"value": 1}),
        (wire.RETURNED, [1, "text"]),
        (wire.RETURNED, [1, ["0"]]),
        (wire.RETURNED, [1, [0.5]]),
        (wire.RETURNED, [1, {"a": 1}]),
        (wire.RETURNED, [1, np.ones(3)]),
        (wire.RETURNED, [1, HandleRef(0)]),
        (wire.RAISED, [1, None]),
        (wire.RAISED, None),
        (wire.RAISED, np.ones(3)),
        (wire.RAISED, HandleRef(3)),
        (wire.RAISED, {}),
        (wire.RAISED, {"type": "E"}),
        (wire.RAISED, {"type": 1, "text": ""}),
        (wire.RAISED, {"type": "E", "text": np.ones(2)}),
        (wire.RAISED, {"type": "E", "text": "", "frames": "abc"}),
        (wire.RAISED, {"type": "E", "text": "", "status": "passed"}),
        (wire.RAISED, {1: 2}),
        (wire.HELLO, {"layers": {}}),
        (wire.REQUEST, [1, None]),
    ],
)
def test_bodies_that_are_no_reply_are_refused(kind: int, body: Any) -> None:
    """A well-formed frame of another form than a reply is a ProtocolError, whatever it holds."""
    head, meta, payload = wire.Reader(Chopped(frame_of(body, kind))).frame()
    with pytest.raises(ProtocolError):
        decode_reply(head, 7, meta, payload, PLAIN)


def test_a_reply_must_carry_the_number_of_its_request() -> None:
    """The right form under another number is refused."""
    head, meta, payload = wire.Reader(Chopped(frame_of([1, None], wire.RETURNED))).frame()
    assert decode_reply(head, 7, meta, payload, PLAIN) == Returned(value=1)
    with pytest.raises(ProtocolError):
        decode_reply(head, 8, meta, payload, PLAIN)


# --- mutations ----------------------------------------------------------------------------------------

SEEDS = [
    (wire.RETURNED, [[np.arange(6.0).reshape(2, 3), HandleRef(1, "LSTM"), {"a": 1.5, "b": [None, True]}], [0]]),
    (wire.RETURNED, [{str(i): np.full((i, 2), i, wire.DTYPES[i]) for i in range(14)}, None]),
    (wire.RAISED, {"type": "ValueError", "text": "shapes", "frames": ["m.py, line 3"], "memory": False}),
    (wire.RETURNED, [[list(range(40)), "text" * 20, b"bytes"], None]),
]
Mutation = Callable[[random.Random, bytearray], None]


def flip_bit(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def set_byte(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0x90, 0xC1, 0xC7, 0xD8, 0xDD, 0xDF, 0xFF))


def set_number(rng: random.Random, data: bytearray) -> None:
    number = rng.choice((-1, 1 << 62, -(1 << 63), (1 << 40) + 1, 1 << 32, 65, 2**31))
    at = rng.randrange(len(data))
    data[at : at + 8] = struct.pack("<q", number)[: max(0, len(data) - at)]


def cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def repeat_piece(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data))
    data[start:start] = data[start : start + rng.randrange(1, 40)] * rng.randrange(1, 5)


def drop_piece(rng: random.Random, data: bytearray) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.randrange(1, 12)]


def set_header(rng: random.Random, data: bytearray) -> None:
    """Another number in one field of the frame's header; sizes near the truth, near the limits, or absurd."""
    form, offset = rng.choice((("B", 4), ("B", 5), ("H", 6), ("I", 8), ("Q", 12), ("Q", 20)))
    truth = struct.unpack_from(f"<{form}", data.ljust(wire.HEADER.size, b"\0"), offset)[0]
    near = rng.choice((0, 1, truth - 1, truth + 1, wire.MAX_META, wire.MAX_META + 1, wire.MAX_PAYLOAD + 1, 2**64 - 1))
    put = struct.pack("<Q", near % 2**64)[: struct.calcsize(form)]
    data[offset : offset + len(put)] = put


def set_extension(rng: random.Random, data: bytearray) -> None:
    """Another length, kind, dtype, number of dimensions, offset or size where the body holds a tensor or a handle."""
    starts = [at for at in range(len(data)) if data[at] in (0xC7, 0xD8) and at + 12 < len(data)]
    if starts:
        at = rng.choice(starts) + rng.randrange(1, 12)
        put = bytes([rng.choice((0, 1, 2, 3, 10, 17, 18, 127, 128, 255))])
        if rng.random() < 0.3:
            put = struct.pack("<q", rng.choice((-1, 1 << 62, (1 << 40) + 1, 1 << 32, 65)))
        data[at : at + len(put)] = put[: len(data) - at]


MUTATIONS: list[Mutation] = [flip_bit, set_byte, set_number, cut, repeat_piece, drop_piece]
FRAME_MUTATIONS: list[Mutation] = [*MUTATIONS, set_header, set_header, set_extension, set_extension]


def mutated_frame(rng: random.Random) -> bytes:
    """A frame of the protocol with one to four mutations."""
    body = rng.choice(SEEDS)
    data = bytearray(frame_of(body[1], body[0]))
    for _ in range(rng.randint(1, 4)):
        if data:
            rng.choice(FRAME_MUTATIONS)(rng, data)
    return bytes(data)


def is_plain(value: Any) -> bool:
    """Only what the module promises to decode."""
    if type(value) is list:
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(key) in (str, int, float, bool) and is_plain(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, float, str, bytes, np.ndarray, HandleRef)


def test_mutated_bodies_are_refused_or_harmless() -> None:
    """Of 8000 damaged bodies each is a ProtocolError or plain data, and none takes much memory."""
    rng = random.Random(0)
    outcomes = {"refused": 0, "returned": 0, "raised": 0}
    frames = [wire.Reader(Chopped(frame_of(body, kind))).frame() for kind, body in SEEDS]
    with small_memory():
        for _ in range(8000):
            head, meta, payload = rng.choice(frames)
            damaged, rest = bytearray(meta), bytearray(payload)
            for _ in range(rng.randint(1, 3)):
                rng.choice(MUTATIONS)(rng, damaged or bytearray(b"\0"))
            if rest and rng.random() < 0.3:
                cut(rng, rest)
            try:
                reply = decode_reply(head, 7, damaged, rest, PLAIN)
            except ProtocolError:
                outcomes["refused"] += 1
            else:
                if isinstance(reply, Returned):
                    outcomes["returned"] += 1
                    assert is_plain(reply.value)
                else:
                    outcomes["raised"] += 1
                    assert isinstance(reply, Raised) and type(reply.text) is str
    assert all(count > 50 for count in outcomes.values()), outcomes


def test_mutated_headers_are_refused_or_within_bounds() -> None:
    """Of 4000 damaged headers each is a ProtocolError or names sizes within the bounds."""
    rng = random.Random(1)
    refused = 0
    for _ in range(4000):
        data = bytearray(frame_of([1, None], wire.RETURNED)[: wire.HEADER.size])
        rng.choice(MUTATIONS[:3])(rng, data)
        try:
            found = wire.parse_header(data)
        except ProtocolError:
            refused += 1
        else:
            assert found.meta_len <= wire.MAX_META and found.payload_len <= wire.MAX_PAYLOAD
    assert 500 < refused < 4000


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.integers(0, 2**32), st.sampled_from([1 << 30, 61, 7]))
def test_mutated_frames_are_refused_or_harmless(seed: int, most: int) -> None:
    """A damaged frame, in whatever pieces it arrives, is a ProtocolError, ends too early, or is plain data; it costs
    no more than a frame's limits."""
    data = mutated_frame(random.Random(seed))
    with small_memory(wire.MAX_PAYLOAD + wire.MAX_META + MIB):
        try:
            head, meta, payload = wire.Reader(Chopped(data, most)).frame()
            value = wire.unpack(meta, payload)
            decode_reply(head, 7, meta, payload, PLAIN)
        except (ProtocolError, EOFError):
            return
    assert is_plain(value)


# Starts of lists, dictionaries, texts and extensions, and whole values, some of kinds that are never sent.
FRAGMENTS = (
    b"\x90", b"\x91", b"\x92", b"\x80", b"\x81", b"\xc0", b"\xc3", b"\x01", b"\xa1x", b"\xc4\x01x", b"\x91" * 70,
    b"\xdc\x00\x02", b"\xdd\xff\xff\xff\xff", b"\xde\x00\x01", b"\xdb\xff\xff\xff\xff", b"\xd8\x01", b"\xc7\x12\x01",
    encode(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)), encode(ext(wire.HANDLE, bytes(9))), encode(1.5),
    encode(ext(wire.TENSOR, tensor(shape=(8,)))), encode(ext(wire.TENSOR, tensor(shape=(0,)))), encode(ext(3, b"")),
)  # fmt: skip


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=3), max_size=12).map(b"".join))
def test_random_bodies_are_refused_or_harmless(meta: bytes) -> None:
    """Bytes and pieces of bodies, put together at random, are a ProtocolError or plain data."""
    with small_memory():
        try:
            value = wire.unpack(meta, bytes(64))
        except ProtocolError:
            return
    assert is_plain(value)
