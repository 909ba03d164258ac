"""Where a station's consumer group stands, asked as an outsider: nobody joins, nothing is moved."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka import admin as admin_api
from confluent_kafka.admin import AdminClient

ASK_SECONDS: Final = 5.0

_SPEC: Final[Any] = admin_api.OffsetSpec  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class GroupStanding:
    """A consumer group, as the broker tells it."""

    members: int | None
    """None where the broker does not tell (the try-out broker)."""
    lag: dict[str, int]
    """Records that are not committed, by topic; topics that the broker lacks are missing."""


def group_standings(
    bootstrap_servers: str, security: Mapping[str, str], groups: Mapping[str, Sequence[str]]
) -> dict[str, GroupStanding]:
    """Group to where it stands in its topics. Raises KafkaException where the broker does not answer."""
    quiet = logging.getLogger(f"{__name__}.librdkafka")
    quiet.addHandler(logging.NullHandler())
    quiet.propagate = False
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, **security}, logger=quiet)
    known = admin.list_topics(timeout=ASK_SECONDS).topics
    return {
        group: _standing(
            admin,
            group,
            [TopicPartition(topic, number) for topic in topics if topic in known for number in known[topic].partitions],
        )
        for group, topics in groups.items()
    }


def _standing(admin: AdminClient, group: str, places: list[TopicPartition]) -> GroupStanding:
    lag = Counter[str]({place.topic: 0 for place in places})
    if places:
        asked = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, places)], request_timeout=ASK_SECONDS
        )
        committed = {(p.topic, p.partition): p.offset for p in asked[group].result().topic_partitions}
        ends, firsts = _offsets(admin, places, _SPEC.latest()), _offsets(admin, places, _SPEC.earliest())
        for place, end in ends.items():
            at = committed.get(place, -1)
            # Without a committed offset reading begins with the oldest record.
            lag[place[0]] += max(0, end - (at if at >= 0 else firsts[place]))
    return GroupStanding(_members(admin, group), dict(lag))


def _offsets(admin: AdminClient, places: list[TopicPartition], which: Any) -> dict[tuple[str, int], int]:
    asked = admin.list_offsets(dict.fromkeys(places, which), request_timeout=ASK_SECONDS)
    return {(place.topic, place.partition): answer.result().offset for place, answer in asked.items()}


def _members(admin: AdminClient, group: str) -> int | None:
    try:
        return len(admin.describe_consumer_groups([group], request_timeout=ASK_SECONDS)[group].result().members)
    except KafkaException:
        return None
