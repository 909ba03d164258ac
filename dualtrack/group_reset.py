"""Put a station's consumer group back to the oldest records there are, while nobody is in it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka import admin as admin_api
from confluent_kafka.admin import AdminClient

from schemas.faults import TerminalFault

_SECONDS: Final = 10.0
_API: Final[Any] = admin_api


class GroupInUse(TerminalFault):
    """Workers are in the group: what they commit would undo the reset."""


class GroupNotReset(TerminalFault):
    """The broker did not do it."""


def reset_to_beginning(bootstrap_servers: str, security: Mapping[str, str], group: str, topics: Sequence[str]) -> int:
    """Let the group begin with the oldest record of every partition; returns how many records it is to read."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, **security})
    try:
        known = admin.list_topics(timeout=_SECONDS).topics
        places = [
            TopicPartition(topic, number) for topic in topics if topic in known for number in known[topic].partitions
        ]
        _refuse_members(admin, group)
        firsts = _offsets(admin, places, _API.OffsetSpec.earliest())
        ends = _offsets(admin, places, _API.OffsetSpec.latest())
        wanted = [TopicPartition(*place, offset) for place, offset in firsts.items()]
        asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)])
        for place in asked[group].result().topic_partitions:
            if place.error is not None:
                raise KafkaException(place.error)
    except KafkaException as error:
        raise GroupNotReset(f"the group {group} was not reset: {error.args[0].str()}. Try again") from error
    return sum(ends[place] - first for place, first in firsts.items())


def _refuse_members(admin: AdminClient, group: str) -> None:
    members = admin.describe_consumer_groups([group], request_timeout=_SECONDS)[group].result().members
    if members:
        hosts = ", ".join(sorted({str(member.host) for member in members}))
        raise GroupInUse(
            f"{len(members)} workers are in the group {group} (at {hosts}): stop them first. One that was killed "
            "leaves the group when its session is over (DUALTRACK_SESSION_TIMEOUT_S)"
        )


def _offsets(admin: AdminClient, places: list[TopicPartition], which: Any) -> dict[tuple[str, int], int]:
    asked = admin.list_offsets(dict.fromkeys(places, which), request_timeout=_SECONDS)
    return {(place.topic, place.partition): answer.result().offset for place, answer in asked.items()}
