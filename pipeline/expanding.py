"""Expanding what publishers compressed, as a stream, so that no batch decides how much memory it takes.

aiokafka expands with ``cramjam``, as a whole and only where that is installed. pyarrow, which the sink needs anyway,
knows Kafka's codecs too.
"""

import io
import struct
import zlib
from typing import Any, Final

import pyarrow as pa
from aiokafka.errors import CorruptRecordException

_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
_XERIAL: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = 16
_SNAPPY_RATIO: Final = 32
"""Snappy's format allows for no more than 22 to 1; what claims more is damaged."""

CANNOT_EXPAND: Final = (EOFError, ValueError, OSError, zlib.error, struct.error, pa.ArrowException)
"""What reading from a damaged stream raises."""


def open_stream(codec: int, payload: memoryview) -> Any:
    """What a compressed payload expands to, as a stream; raises CorruptRecordException for an unknown codec."""
    if codec == 0:
        return io.BytesIO(payload)
    if codec == _GZIP:
        return _Gzip(payload)
    if codec == _SNAPPY:
        return _Snappy(payload)
    if codec in (_LZ4, _ZSTD):
        return pa.CompressedInputStream(pa.py_buffer(payload), "lz4" if codec == _LZ4 else "zstd")
    raise CorruptRecordException(f"a batch is compressed in a way that nobody knows ({codec})")


class _Gzip:
    """zlib in pieces; ``gzip.GzipFile`` would read a byte at a time through several layers."""

    def __init__(self, payload: memoryview) -> None:
        self._rest: Any = payload
        self._expand = zlib.decompressobj(31)

    def read(self, size: int) -> bytes:
        """Up to so many bytes; fewer only at the end."""
        found = bytearray()
        while len(found) < size and not self._expand.eof:
            piece = self._expand.decompress(self._rest, size - len(found))
            self._rest = self._expand.unconsumed_tail
            if not piece and not self._rest and not self._expand.eof:
                raise EOFError("the gzip stream ends too early")
            found += piece
        return bytes(found)


class _Snappy:
    """Snappy in Java's framing (blocks of 32 KiB) or in one block, as librdkafka writes it."""

    def __init__(self, payload: memoryview) -> None:
        self._codec = pa.Codec("snappy")
        self._payload = payload
        self._framed = bytes(payload[: len(_XERIAL)]) == _XERIAL
        self._next = _XERIAL_HEADER if self._framed else 0
        self._block = b""

    def read(self, size: int) -> bytes:
        """Up to so many bytes; fewer only at the end."""
        while len(self._block) < size and self._next < len(self._payload):
            self._block += self._expand_next()
        found, self._block = self._block[:size], self._block[size:]
        return found

    def _expand_next(self) -> bytes:
        end = len(self._payload)
        if self._framed:
            (length,) = struct.unpack_from(">i", self._payload, self._next)
            self._next += 4
            end = self._next + length
            if length < 0 or end > len(self._payload):
                raise EOFError("a snappy block ends too early")
        block, self._next = self._payload[self._next : end], end
        expanded = _unsigned(block)
        if expanded > len(block) * _SNAPPY_RATIO:
            raise ValueError(f"a snappy block of {len(block)} bytes claims to hold {expanded}")
        return bytes(self._codec.decompress(pa.py_buffer(block), expanded, asbytes=True))


def _unsigned(block: memoryview) -> int:
    """The number with which a snappy block begins: its size when expanded."""
    value = 0
    for position, byte in enumerate(block[:5]):
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return value
    raise ValueError("a snappy block does not begin with its size")
