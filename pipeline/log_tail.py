"""What already stands at the end of a topic: read before alerts are sent that may have arrived already.

An alert is sent, and then noted as delivered in DuckDB. A crash in between would send it again. So the first alerts of
a process, and those after a delivery that failed, are looked up by their key in the last records of each partition.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

import confluent_kafka
from confluent_kafka import KafkaException, TopicPartition

from schemas.faults import DeliveryFailed
from schemas.records import OutRecord
from sinks.alerts import IDEMPOTENCY_KEY

logger = logging.getLogger(__name__)

LOOK_BACK: Final = 2_000
"""Records of each partition that are looked at: more than the outbox hands over at a time (1,000)."""

SECONDS: Final = 20.0
"""How long the look may take before it counts as a failed delivery, and is tried again."""


def not_yet_sent(records: Sequence[OutRecord], settings: Mapping[str, str | int | float | bool]) -> list[OutRecord]:
    """Those whose key is not among the last records of their topics; all that carry no key.

    ``settings`` are librdkafka's for the connection. No consumer group is joined, nothing is committed. Raises
    DeliveryFailed where the broker does not answer in time.
    """
    keys = {topic: {key_of(one) for one in records if one.topic == topic} for topic in {one.topic for one in records}}
    asked = {topic for topic, found in keys.items() if found - {None}}
    held = _keys_at_the_end(asked, settings) if asked else set()
    return [one for one in records if key_of(one) is None or (one.topic, key_of(one)) not in held]


def key_of(record: OutRecord) -> bytes | None:
    """The record's idempotency key."""
    return dict(record.headers).get(IDEMPOTENCY_KEY)


def _keys_at_the_end(
    topics: set[str], settings: Mapping[str, str | int | float | bool]
) -> set[tuple[str, bytes | None]]:
    unused_group = {"group.id": "dualtrack-looks-back", "enable.auto.commit": False, "enable.auto.offset.store": False}
    consumer = confluent_kafka.Consumer({**settings, **unused_group, "enable.partition.eof": True}, logger=logger)
    try:
        return _read(consumer, topics, time.monotonic() + SECONDS)
    except KafkaException as error:
        raise DeliveryFailed(f"cannot look for alerts that were sent before: {error.args[0].str()}") from error
    finally:
        consumer.close()


def _read(consumer: confluent_kafka.Consumer, topics: set[str], deadline: float) -> set[tuple[str, bytes | None]]:
    ends = _ends(consumer, topics, deadline)
    consumer.assign([TopicPartition(*place, max(low, high - LOOK_BACK)) for place, (low, high) in ends.items()])
    open_ones = {place for place, (low, high) in ends.items() if high > low}
    found: set[tuple[str, bytes | None]] = set()
    while open_ones:
        if time.monotonic() > deadline:
            raise DeliveryFailed(f"cannot look for alerts that were sent before: no answer in {SECONDS:.0f} s")
        for message in consumer.consume(500, timeout=0.2):
            place = (str(message.topic()), int(message.partition() or 0))
            error = message.error()
            if error is None:
                headers = dict(message.headers() or ())
                found.add((place[0], headers.get(IDEMPOTENCY_KEY)))  # type: ignore[arg-type]
            elif error.code() == confluent_kafka.KafkaError._PARTITION_EOF:
                open_ones.discard(place)
            else:
                raise KafkaException(error)
    return found


def _ends(
    consumer: confluent_kafka.Consumer, topics: set[str], deadline: float
) -> dict[tuple[str, int], tuple[int, int]]:
    """First and next offset of each partition."""
    ends = {}
    for topic in topics:
        found = consumer.list_topics(topic, timeout=max(0.1, deadline - time.monotonic())).topics[topic]
        for partition in found.partitions:
            place = TopicPartition(topic, partition)
            marks = consumer.get_watermark_offsets(place, timeout=max(0.1, deadline - time.monotonic()))
            ends[topic, partition] = marks
    return ends
