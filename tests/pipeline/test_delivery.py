"""The producer returns when every record is confirmed, and raises otherwise."""

import time

import confluent_kafka
import pytest

from pipeline.delivery import Producer, ProducerConfig
from schemas.faults import DeliveryFailed, RecordRefused
from schemas.records import OutRecord
from schemas.topics import MAX_OUT_BYTES
from tests.pipeline.worker_kit import Broker, unique

pytestmark = pytest.mark.asyncio


def read_all(broker: Broker, topic: str, count: int) -> list[confluent_kafka.Message]:
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": unique("reader"), "auto.offset.reset": "earliest"}
    )
    try:
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in range(broker.partitions)])
        found: list[confluent_kafka.Message] = []
        deadline = time.monotonic() + 10
        while len(found) < count and time.monotonic() < deadline:
            found += consumer.consume(count, 0.2)
        return found
    finally:
        consumer.close()


async def test_confirms_every_record_with_key_and_headers(broker: Broker) -> None:
    topic = unique("out")
    records = [OutRecord(topic, b"one key", b"%d" % number, (("n", b"%d" % number),)) for number in range(3000)]
    producer = Producer(ProducerConfig(broker.bootstrap_servers))
    try:
        await producer.send_all(records[:1500])
        await producer.send_all([])
        await producer.send_all(records[1500:])
    finally:
        await producer.close()
    found = read_all(broker, topic, 3000)
    assert [(m.key(), m.value(), m.headers()) for m in found] == [
        (record.key, record.value, list(record.headers)) for record in records
    ]


async def test_the_largest_record_fits(broker: Broker) -> None:
    producer = Producer(ProducerConfig(broker.bootstrap_servers))
    try:
        await producer.send_all([OutRecord(unique("out"), b"k", b"x" * MAX_OUT_BYTES, (("h", b"y" * 1000),))])
    finally:
        await producer.close()


async def test_a_record_that_is_too_large_is_refused_and_the_next_batch_goes_through(broker: Broker) -> None:
    topic = unique("out")
    producer = Producer(ProducerConfig(broker.bootstrap_servers))
    try:
        with pytest.raises(RecordRefused, match=f"{topic} does not take a record of {2 * MAX_OUT_BYTES} bytes"):
            await producer.send_all([OutRecord(topic, None, b"a"), OutRecord(topic, None, b"x" * 2 * MAX_OUT_BYTES)])
        await producer.send_all([OutRecord(topic, None, b"b")])
    finally:
        await producer.close()
    assert {message.value() for message in read_all(broker, topic, 2)} == {b"a", b"b"}


async def test_a_broker_that_is_gone_is_a_transient_fault() -> None:
    producer = Producer(ProducerConfig("127.0.0.1:1", timeout_seconds=0.5))
    try:
        with pytest.raises(DeliveryFailed, match="2 of 2 records were not confirmed"):
            await producer.send_all([OutRecord("out", None, b"a"), OutRecord("out", None, b"b")])
    finally:
        await producer.close()


async def test_close_does_not_wait_for_a_broker_that_is_gone() -> None:
    producer = Producer(ProducerConfig("127.0.0.1:1", timeout_seconds=60))
    before = time.monotonic()
    await producer.close()
    assert time.monotonic() - before < 2
