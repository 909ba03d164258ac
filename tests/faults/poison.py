"""Records that nobody should write, on every topic: strangers that do not know our forms, or know them and lie."""

import json
import random

import confluent_kafka

from schemas.topics import DECISIONS, RAW_TOPICS, REJECTED, VALIDATED
from tests.faults.flow import Sent, good_body

_LARGE = 600_000
"""More than a raw record may hold, less than Kafka's own limit."""


def values(chance: random.Random) -> tuple[bytes | None, ...]:
    """What no station can read."""
    lying = {**good_body(1), "id": "x" * 100_000, "data": {"title": ["no", "text"], "occurred_on": "2026-99-99"}}
    return (
        None,
        b"",
        b"\x00\xff\xfe",
        chance.randbytes(2_000),
        b"[" * 100_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"specversion": "1.0", "id": NaN}',
        b"9" * 50_000,
        b"null",
        b'"text"',
        json.dumps(lying).encode(),
        json.dumps({**good_body(2), "data": {"title": "\ud800"}}).encode(),
        b"x" * _LARGE,
    )


def poison(servers: str, sent: Sent, seed: int = 1) -> int:
    """Write all of it to every topic that a worker reads; each must end as a rejection. Returns how many there are."""
    chance = random.Random(seed)
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "message.max.bytes": 2_000_000})
    written: list[bytes | None] = []
    for topic in (*RAW_TOPICS, DECISIONS, VALIDATED, REJECTED):
        for value in values(chance):
            key = chance.choice([None, b"", b"\xff\x00", b"k" * 1_000])
            producer.produce(topic, value=value, key=key, headers=[("content-type", b"\xff"), ("", b""), ("n", None)])
            written.append(value)
    assert producer.flush(30) == 0
    sent.bad += written
    return len(written)
