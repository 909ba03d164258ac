"""Declare the topics on a real Kafka: partitions, retention and sizes, with kafka-python's admin client."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from schemas.faults import TerminalFault
from schemas.topics import ALL_TOPICS, DECISIONS, MAX_OUT_BYTES, PREDICTIONS_CHANGED, RAW_TOPICS

PARTITIONS: Final = 4

_KEPT_FOR_EVER: Final = {"retention.ms": "-1", "retention.bytes": "-1"}
"""Everything can be rebuilt from the log, so the log keeps everything."""

_HEADROOM: Final = 128 * 1024

_CONNECT_SECONDS: Final = 8


class TopicsNotDeclared(TerminalFault):
    """The broker did not create the topics."""


def wanted() -> dict[str, tuple[int, dict[str, str]]]:
    """Topic to (partitions, settings)."""
    largest = {"max.message.bytes": str(MAX_OUT_BYTES + _HEADROOM)}
    topics = {}
    for name in ALL_TOPICS:
        # Decisions and milestones are few, and their order over all organisations matters.
        partitions = 1 if name in (DECISIONS, PREDICTIONS_CHANGED) else PARTITIONS
        # Raw topics keep the broker's own limit, which stays below what validate may write.
        sizes = {} if name in RAW_TOPICS else largest
        # When something became known is for the log to say: a publisher's clock may be wrong by years.
        clock = {"message.timestamp.type": "LogAppendTime"} if name in (*RAW_TOPICS, DECISIONS) else {}
        topics[name] = (partitions, {**_KEPT_FOR_EVER, **sizes, **clock})
    return topics


def missing_topics(bootstrap_servers: str, security: Mapping[str, Any] | None = None) -> list[str]:
    """Topics that the broker lacks; raises TopicsNotDeclared when none answers.

    ``security`` is what ``Settings.kafka_python`` returns.
    """
    with _admin(bootstrap_servers, security) as admin:
        present = set(admin.list_topics())
    return [name for name in ALL_TOPICS if name not in present]


def apply_topics(bootstrap_servers: str, replicas: int = 1, security: Mapping[str, Any] | None = None) -> list[str]:
    """Create what is missing; returns the names. Topics that are there are left as they are."""
    missing = missing_topics(bootstrap_servers, security)
    if not missing:
        return []
    declared = wanted()
    new = [
        NewTopic(name, num_partitions=declared[name][0], replication_factor=replicas, topic_configs=declared[name][1])
        for name in missing
    ]
    with _admin(bootstrap_servers, security) as admin:
        try:
            admin.create_topics(new)
        except KafkaError as error:
            raise TopicsNotDeclared(f"the broker refused to create {', '.join(missing)}: {error}") from error
    return missing


@contextmanager
def _admin(bootstrap_servers: str, security: Mapping[str, Any] | None) -> Iterator[KafkaAdminClient]:
    servers = [server.strip() for server in bootstrap_servers.split(",") if server.strip()]
    try:
        if not servers:
            raise ValueError("no server is named")
        admin = KafkaAdminClient(
            bootstrap_servers=servers, bootstrap_timeout_ms=_CONNECT_SECONDS * 1000, **(security or {})
        )
    except KafkaError as error:
        raise TopicsNotDeclared(
            f"no Kafka answers at {bootstrap_servers} ({error}): start it, or correct DUALTRACK_KAFKA"
        ) from error
    except ValueError as error:
        raise TopicsNotDeclared(
            f"DUALTRACK_KAFKA={bootstrap_servers} is no address: write host:port,host:port"
        ) from error
    try:
        yield admin
    finally:
        admin.close()
