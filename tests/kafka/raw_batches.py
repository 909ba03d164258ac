"""Record batches written byte by byte, for what no client lets through, and sent as they are."""

import asyncio
import gzip
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4


@dataclass(frozen=True)
class Raw:
    """A record; names of headers are bytes here."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[bytes, bytes | None], ...] = ()


def varint(number: int) -> bytes:
    value = (number << 1) ^ (number >> 63)
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(value: bytes | None) -> bytes:
    return varint(-1) if value is None else varint(len(value)) + value


def record(raw: Raw, number: int) -> bytes:
    headers = b"".join(field(name) + field(value) for name, value in raw.headers)
    body = b"\0" + varint(0) + varint(number) + field(raw.key) + field(raw.value) + varint(len(raw.headers)) + headers
    return varint(len(body)) + body


def framed_snappy(data: bytes) -> bytes:
    """As Java writes it."""
    found = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
    for start in range(0, len(data), 32768):
        block = pa.compress(data[start : start + 32768], "snappy", asbytes=True)
        found += struct.pack(">i", len(block)) + block
    return found


def compressed(data: bytes, codec: int) -> bytes:
    if codec == GZIP:
        return gzip.compress(data)
    names = {SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}
    return bytes(pa.compress(data, names[codec], asbytes=True)) if codec in names else data


def batch(records: Sequence[Raw], codec: int = 0, timestamp_ms: int = 1_776_000_000_000) -> bytes:
    """A batch of format 2 with a right checksum."""
    payload = compressed(b"".join(record(one, number) for number, one in enumerate(records)), codec)
    return batch_of(payload, len(records), codec, timestamp_ms)


def batch_of(payload: bytes, count: int, codec: int = 0, timestamp_ms: int = 1_776_000_000_000) -> bytes:
    """A batch around a payload, which may be anything."""
    checked = struct.pack(">hiqqqhii", codec, count - 1, timestamp_ms, timestamp_ms, -1, -1, -1, count) + payload
    head = struct.pack(">qiibI", 0, 9 + len(checked), -1, 2, calc_crc32c(checked))
    return head + checked


async def produce(servers: str, topic: str, partition: int, batches: Iterable[bytes]) -> list[int | str]:
    """Send each by itself; its first offset, or the name of the error with which the broker refused it."""
    client = AIOKafkaClient(bootstrap_servers=servers)
    await client.bootstrap()
    answers: list[int | str] = []
    try:
        await client.set_topics([topic])
        await client._wait_on_metadata(topic)
        for one in batches:
            answer = await _send(client, topic, partition, one)
            while answer in ("NotLeaderForPartitionError", "UnknownTopicOrPartitionError"):  # just created
                await asyncio.sleep(0.5)
                await client.force_metadata_update()
                answer = await _send(client, topic, partition, one)
            answers.append(answer)
    finally:
        await client.close()
    return answers


async def _send(client: AIOKafkaClient, topic: str, partition: int, one: bytes) -> int | str:
    node = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    answer = await client.send(node, ProduceRequest(None, -1, 20_000, [(topic, [(partition, one)])]))
    ((_, ((_, code, first, *_),)),) = answer.topics
    return int(first) if code == 0 else _error(code)


def _error(code: int) -> str:
    return str(for_code(code).__name__)
