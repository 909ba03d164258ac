"""Batches as they come off the wire: every codec, every name of a header, and no more memory than allowed."""

import struct
import tracemalloc

import pytest
from aiokafka.errors import CorruptRecordException

from pipeline.unpacking import MOST_BYTES, MOST_EXPANDED, MOST_HEADERS, WHOLE_BYTES, Batches, StreamRecord
from tests.kafka.raw_batches import GZIP, LZ4, SNAPPY, ZSTD, Raw, batch, batch_of, framed_snappy, record

CODECS = pytest.mark.parametrize("codec", [0, GZIP, SNAPPY, LZ4, ZSTD])
PLAIN = [Raw(b"value %d" % number, b"key", ((b"name", b"x"), (b"null", None))) for number in range(200)]


def read(data: bytes) -> list[tuple[int, bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...], int | None]]:
    batches = Batches(data)
    found = []
    while batches.has_next():
        one = batches.next_batch()
        assert one.validate_crc()
        found += [(r.offset, r.key, r.value, tuple(r.headers), getattr(r, "cut_from", None)) for r in one]
    return found


def expected(records: list[Raw]) -> list[object]:
    return [
        (
            number,
            one.key,
            one.value,
            tuple((name.decode(errors="backslashreplace"), v) for name, v in one.headers),
            None,
        )
        for number, one in enumerate(records)
    ]


@CODECS
def test_every_codec_is_read(codec: int) -> None:
    assert read(batch(PLAIN, codec)) == expected(PLAIN)
    assert read(batch(PLAIN, codec) + batch(PLAIN[:1], codec)) == expected(PLAIN) + expected(PLAIN[:1])


def test_snappy_as_java_frames_it() -> None:
    records = [Raw(b"%d" % number * 500) for number in range(300)]
    payload = framed_snappy(b"".join(record(one, number) for number, one in enumerate(records)))
    assert read(batch_of(payload, 300, SNAPPY)) == expected(records)


@CODECS
def test_a_name_of_a_header_that_is_no_utf8_is_escaped(codec: int) -> None:
    odd = Raw(b"value", b"key", ((b"plain", b"1"), (b"b\xff\xfed", b"2"), (b"", None)))
    records = [*PLAIN, odd, *PLAIN]
    assert read(batch(records, codec)) == expected(records)
    assert dict(read(batch([odd], codec))[0][3]) == {"plain": b"1", r"b\xff\xfed": b"2", "": None}


@CODECS
def test_a_batch_that_is_larger_than_is_read_as_a_whole(codec: int) -> None:
    records = [Raw(bytes([65 + number]) * 100_000, b"%d" % number) for number in range(100)]
    data = batch(records, codec)
    assert sum(len(one.value or b"") for one in records) > WHOLE_BYTES
    assert read(data) == expected(records)


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_bomb_is_read_within_bounds_and_says_how_large_it_was(codec: int) -> None:
    size = 40_000_000
    records = [Raw(b"before"), Raw(bytes(size), b"key", ((b"name", b"x"),)), Raw(b"after")]
    data = batch(records, codec)
    del records
    tracemalloc.start()
    found = read(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * WHOLE_BYTES
    assert [(value or b"")[:6] for _, _, value, _, _ in found] == [b"before", bytes(6), b"after"]
    assert [cut is not None for *_, cut in found] == [False, True, False]
    assert len(found[1][2] or b"") == MOST_BYTES
    assert (found[1][4] or 0) > size


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_beyond_a_bound_nothing_is_expanded_and_every_offset_is_there(codec: int) -> None:
    size = MOST_EXPANDED + 1
    data = batch([Raw(b"before"), Raw(bytes(size), b"key"), Raw(b"after"), Raw(b"and after")], codec)
    found = read(data)
    assert [(offset, value) for offset, _, value, _, _ in found] == [(0, b"before"), (1, None), (2, None), (3, None)]
    cuts = [cut for *_, cut in found]
    assert size < (cuts.pop(1) or 0) < size + 100
    assert cuts == [None, MOST_EXPANDED, MOST_EXPANDED]


def test_headers_without_end_are_cut_and_what_follows_is_read() -> None:
    many = Raw(b"many", headers=((b"", None),) * 5_000_000)
    huge = Raw(b"huge", headers=((b"n", bytes(9_000_000)), (b"lost", b"x")))
    found = read(batch([many, huge, Raw(b"after")], ZSTD))
    assert [value for _, _, value, _, _ in found] == [b"many", b"huge", b"after"]
    assert len(found[0][3]) == MOST_HEADERS
    assert [cut is not None for *_, cut in found] == [True, True, False]


def test_the_slow_reader_says_the_same_as_the_fast_one() -> None:
    one = Batches(batch(PLAIN, ZSTD)).next_batch()
    slow: list[StreamRecord] = list(one._stream())
    fast = [(r.offset, r.timestamp, r.timestamp_type, r.key, r.value, tuple(r.headers)) for r in one]
    assert [(r.offset, r.timestamp, r.timestamp_type, r.key, r.value, r.headers) for r in slow] == fast


@pytest.mark.parametrize(
    "data",
    [
        batch_of(b"", 1),
        batch_of(b"\x03", 1),
        batch_of(b"\xff" * 200, 3),
        batch_of(record(Raw(b"x"), 0)[:-1], 1),
        *(batch_of(b"nonsense" * 10, 1, codec) for codec in (GZIP, SNAPPY, LZ4, ZSTD, 5, 7)),
        *(batch_of(batch(PLAIN, codec)[61:-20], 200, codec) for codec in (GZIP, SNAPPY, LZ4, ZSTD)),
        batch_of(b"\xff\xff\xff\xff\x0f" + b"x" * 30, 1, SNAPPY),
    ],
)
def test_what_is_damaged_is_told_and_not_skipped(data: bytes) -> None:
    with pytest.raises(CorruptRecordException):
        read(data)


def test_a_format_that_nobody_knows_is_told() -> None:
    data = bytearray(batch(PLAIN))
    data[16] = 3
    with pytest.raises(CorruptRecordException, match="format 3"):
        Batches(bytes(data)).next_batch()


def test_a_batch_that_did_not_fit_into_the_answer_is_left_for_the_next() -> None:
    whole = batch(PLAIN)
    for cut in (1, 60, len(whole) - 1):
        batches = Batches(whole + whole[:cut])
        assert batches.next_batch() is not None
        assert not batches.has_next()
    assert struct.calcsize(">qiibIhiqqqhii") == 61
