"""The Kafka client holds so many bytes and no more, however many partitions wait; and loses none of them."""

import asyncio

import aiokafka
import confluent_kafka
import pytest

from pipeline.buffering import ANSWER_BYTES, BUFFER_BYTES, TAKE_BYTES, BoundedFetcher
from pipeline.fetching import ReadConfig
from tests.pipeline.worker_kit import Broker, unique

TOPICS, PER_PARTITION, SIZE = 7, 30, 100_000


def fill(broker: Broker) -> list[str]:
    """Seven topics of four partitions, 84 MB in all."""
    topics = [unique("full") for _ in range(TOPICS)]
    producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers, "batch.size": 200_000})
    for topic in topics:
        for number in range(PER_PARTITION * broker.partitions):
            producer.produce(topic, b"%09d" % number + bytes(SIZE), partition=number % broker.partitions)
        assert producer.flush(30) == 0
    return topics


@pytest.mark.asyncio
async def test_it_asks_for_no_more_than_it_may_hold_and_hands_out_everything(broker: Broker) -> None:
    topics = await asyncio.to_thread(fill, broker)
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=broker.bootstrap_servers,
        max_partition_fetch_bytes=ReadConfig().partition_fetch_bytes,
        fetch_max_bytes=ANSWER_BYTES,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    places = [aiokafka.TopicPartition(topic, number) for topic in topics for number in range(broker.partitions)]
    consumer.assign(places)
    await consumer.start()
    try:
        fetcher = consumer._fetcher
        assert isinstance(fetcher, BoundedFetcher)
        held = 0
        for _ in range(30):  # nobody reads
            await asyncio.sleep(0.1)
            held = max(held, fetcher.buffered_bytes)
        assert held <= BUFFER_BYTES + ANSWER_BYTES
        if broker.real:  # the embedded one answers with a single record of each partition
            assert held >= BUFFER_BYTES, "it could have held more"
        found: dict[aiokafka.TopicPartition, list[int]] = {place: [] for place in places}
        while sum(map(len, found.values())) < TOPICS * PER_PARTITION * broker.partitions:
            chunk = await consumer.getmany(timeout_ms=10_000, max_records=250)
            assert chunk, "something is missing"
            assert sum(len(one.value) for records in chunk.values() for one in records) < TAKE_BYTES + 2 * SIZE
            for place, records in chunk.items():
                found[place] += [one.offset for one in records]
        assert all(offsets == list(range(PER_PARTITION)) for offsets in found.values())
    finally:
        await consumer.stop()
