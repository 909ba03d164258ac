"""Reading record batches off the wire, so that no record that a broker took in can stop a worker.

aiokafka reads them in C, fast, and gives up on some: names of headers that are no UTF-8, compression for which
``cramjam`` is not there, a batch that expands to more than memory holds. Here each batch goes to it as plain as it
can be; where that fails, it is read record by record from a stream, slowly, and within bounds:

- what is compressed is expanded up to ``WHOLE_BYTES``; beyond, it is read as a stream and never held as a whole;
- a name of a header that is no UTF-8 reads ``\\xff`` for each byte that is wrong;
- of a key, value or headers larger than ``MOST_BYTES`` the rest is left out, and ``cut_from`` tells the whole size. No
  worker may write such a record, so it is rejected with a reason;
- what lies beyond the first ``MOST_EXPANDED`` bytes of a batch is not looked at: its records have their offsets, no
  value, and ``cut_from``. No client makes such a batch by itself (it fills one before it compresses it), and a megabyte
  can expand to gigabytes, which would keep the consumer from its heartbeats.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import Any, Final

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch

from pipeline.expanding import CANNOT_EXPAND, open_stream
from schemas.topics import MAX_OUT_BYTES

WHOLE_BYTES: Final = 8 * 1024 * 1024
"""A batch that expands to no more is expanded as a whole."""

MOST_BYTES: Final = MAX_OUT_BYTES
"""Most bytes of a key, of a value, and of all headers of a record that are kept."""

MOST_HEADERS: Final = 10_000

MOST_EXPANDED: Final = 64 * 1024 * 1024
"""Most bytes of a batch that are expanded."""

_OVERHEAD: Final = struct.Struct(">qi")
"""First offset, length of the rest."""
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
_MAGIC: Final = 16
_ATTRIBUTES: Final = 21
_CODEC_MASK: Final = 0x07
_LOG_APPEND_TIME: Final = 0x08
_VARINT_BITS: Final = 70
_PIECE: Final = 512 * 1024
_DAMAGED: Final = (ValueError, IndexError, EOFError, struct.error, *CANNOT_EXPAND)


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A record as aiokafka's consumer wants it."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    cut_from: int | None = None
    """Its whole size where something was left out."""
    checksum: None = None


class Batches:
    """The batches of one partition's answer. Takes the place of aiokafka's ``MemoryRecords``."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._next = 0

    def size_in_bytes(self) -> int:
        """Of everything, a last batch that did not fit among it."""
        return len(self._data)

    def has_next(self) -> bool:
        """Is there another whole batch?"""
        return self._end() is not None

    def next_batch(self) -> Any:
        """The next batch, or None."""
        end = self._end()
        if end is None:
            return None
        start, self._next = self._next, end
        piece = self._data[start:end]
        if len(piece) <= _MAGIC:
            raise CorruptRecordException("a batch is shorter than its own header")
        magic = piece[_MAGIC]
        if magic < 2:
            return LegacyRecordBatch(piece, magic)
        if magic > 2 or len(piece) < _HEADER.size:
            raise CorruptRecordException(f"a batch has the format {magic}, and 2 is the newest that is known")
        return Batch(piece)

    def _end(self) -> int | None:
        if len(self._data) - self._next < _OVERHEAD.size:
            return None
        _, length = _OVERHEAD.unpack_from(self._data, self._next)
        if length < 0:
            raise CorruptRecordException(f"a batch has the length {length}")
        end = self._next + _OVERHEAD.size + int(length)
        return end if end <= len(self._data) else None


class Batch:
    """One batch; what is not about its records is aiokafka's own."""

    def __init__(self, piece: memoryview) -> None:
        self._piece = piece
        self._own = DefaultRecordBatch(bytes(piece))

    def __getattr__(self, name: str) -> Any:
        """Offsets, producer, checksum: as they stand in the batch's header."""
        return getattr(self._own, name)

    def __next__(self) -> Any:
        """The next record: asked for the one of a control batch, which is never compressed."""
        return next(self._own)

    def __iter__(self) -> Iterator[Any]:
        """Its records. Raises CorruptRecordException where it cannot be read."""
        read = 0
        try:
            plain = self._plain()
            if plain is not None:
                for record in plain:
                    yield record
                    read += 1
                return
        except (UnicodeDecodeError, CorruptRecordException):
            pass  # read below, from the record on which it failed
        try:
            yield from islice(self._stream(), read, None)
        except _DAMAGED as error:
            raise CorruptRecordException(f"a batch cannot be read: {error!r}") from error

    def _plain(self) -> Any:
        """The batch for aiokafka, without compression; None where it would be too large."""
        codec = self._codec()
        if codec == 0:
            return self._own
        try:
            payload = open_stream(codec, self._piece[_HEADER.size :]).read(WHOLE_BYTES + 1)
        except _DAMAGED as error:
            raise CorruptRecordException(f"a batch cannot be expanded: {error!r}") from error
        if len(payload) > WHOLE_BYTES:
            return None
        header = bytearray(self._piece[: _HEADER.size])
        struct.pack_into(">h", header, _ATTRIBUTES, self._attributes() & ~_CODEC_MASK)
        return DefaultRecordBatch(bytes(header + payload))

    def _stream(self) -> Iterator[StreamRecord]:
        header = _HEADER.unpack_from(self._piece)
        first, last, last_ms = header[0], header[0] + header[6], header[8]
        source = _Source(open_stream(self._codec(), self._piece[_HEADER.size :]))
        offset = first - 1
        try:
            for _ in range(header[12]):
                record = _read_record(source, first, header[7], last_ms, self._attributes())
                yield record
                offset = record.offset
        except _TooMuch as too_much:
            sizes = chain([too_much.size], repeat(MOST_EXPANDED))
            for unread, size in zip(range(offset + 1, last + 1), sizes, strict=False):
                yield StreamRecord(unread, last_ms, 0, None, None, (), cut_from=size)

    def _attributes(self) -> int:
        return int(struct.unpack_from(">h", self._piece, _ATTRIBUTES)[0])

    def _codec(self) -> int:
        return self._attributes() & _CODEC_MASK


class _TooMuch(Exception):
    """The next record ends beyond what is expanded."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class _Source:
    """Takes numbers and pieces from a stream, and knows how far it is."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._buffer = b""
        self._next = 0
        self.taken = 0

    def take(self, size: int) -> bytes:
        """Exactly so many bytes."""
        if size < 0:
            raise ValueError(f"a length of {size}")
        while len(self._buffer) - self._next < size:
            more = self._stream.read(max(_PIECE, size - (len(self._buffer) - self._next)))
            if not more:
                raise EOFError("the records end too early")
            self._buffer = self._buffer[self._next :] + more
            self._next = 0
        start = self._next
        self._next += size
        self.taken += size
        return self._buffer[start : self._next]

    def skip(self, size: int) -> None:
        """Leave out so many bytes, without holding them."""
        while size > 0:
            size -= len(self.take(min(size, _PIECE)))

    def number(self) -> int:
        """A zigzag varint."""
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
            if shift >= _VARINT_BITS:
                raise ValueError("a number is longer than any")

    def field(self, most: int, end: int) -> bytes | None:
        """A length and so many bytes, of which no more than ``most`` are kept; None for null."""
        size = self.number()
        if size < 0:
            return None
        if self.taken + size > end:
            raise ValueError("a field is longer than its record")
        kept = self.take(min(size, most))
        self.skip(size - len(kept))
        return kept


def _read_record(source: _Source, first_offset: int, first_ms: int, last_ms: int, attributes: int) -> StreamRecord:
    size = source.number()
    end = source.taken + size
    if end > MOST_EXPANDED:
        raise _TooMuch(size)
    source.take(1)
    delta_ms, delta_offset = source.number(), source.number()
    key, value = source.field(MOST_BYTES, end), source.field(MOST_BYTES, end)
    headers, whole = _read_headers(source, end)
    if source.taken > end:
        raise ValueError("a record is longer than it says")
    source.skip(end - source.taken)
    appended = bool(attributes & _LOG_APPEND_TIME)
    whole = whole and len(key or b"") < MOST_BYTES and len(value or b"") < MOST_BYTES
    return StreamRecord(
        first_offset + delta_offset,
        last_ms if appended else first_ms + delta_ms,
        int(appended),
        *(key, value, headers),
        cut_from=None if whole else size,
    )


def _read_headers(source: _Source, end: int) -> tuple[tuple[tuple[str, bytes | None], ...], bool]:
    """The headers, and whether they are all."""
    count, room = source.number(), MOST_BYTES
    if count < 0:
        raise ValueError(f"{count} headers")
    found: list[tuple[str, bytes | None]] = []
    while len(found) < min(count, MOST_HEADERS) and room > 0 and source.taken < end:
        name, value = source.field(room, end), source.field(room, end)
        if name is None:
            raise ValueError("a header without a name")
        found.append((name.decode(errors="backslashreplace"), value))
        room -= len(name) + len(value or b"")
    return tuple(found), len(found) == count and room > 0
