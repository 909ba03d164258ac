"""Declare the topics on a real Kafka: partitions, retention, sizes and clocks, with kafka-python's admin client.

``diff_topics`` says how a broker differs from what is declared; ``apply_topics`` creates what is missing and sets what
can be set. Partitions are never taken away, and added only where that is asked for: what is written from then on may
stand in another partition than what was written before under the same key.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from schemas.faults import TerminalFault
from schemas.topics import ALL_TOPICS, DECISIONS, MAX_OUT_BYTES, PREDICTIONS_CHANGED, RAW_TOPICS

PARTITIONS: Final = 4

PARTITION_COUNT: Final = "partitions"
REPLICAS: Final = "replicas"
TOPIC: Final = "topic"
"""What may differ beside the settings, which have Kafka's names."""

_KEPT_FOR_EVER: Final = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
"""Everything can be rebuilt from the log, so the log keeps everything; compaction would leave one record per key."""

_HEADROOM: Final = 128 * 1024

_CONNECT_SECONDS: Final = 8

_SHOWN_SECONDS: Final = 15


class TopicsNotDeclared(TerminalFault):
    """The broker did not create or change the topics."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a broker differs from what is declared."""

    topic: str
    what: str
    """``topic`` (it is missing), ``partitions``, ``replicas``, or a setting by Kafka's name."""
    declared: str
    found: str | None
    """None where the topic is missing."""
    remedy: str
    """What can be done about it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What ``apply_topics`` did, and what still differs."""

    created: tuple[str, ...] = ()
    changed: tuple[Difference, ...] = ()
    left: tuple[Difference, ...] = ()


def wanted() -> dict[str, tuple[int, dict[str, str]]]:
    """Topic to (partitions, settings)."""
    largest = {"max.message.bytes": str(MAX_OUT_BYTES + _HEADROOM)}
    topics = {}
    for name in ALL_TOPICS:
        # Decisions and milestones are few, and their order over all organisations matters.
        partitions = 1 if name in (DECISIONS, PREDICTIONS_CHANGED) else PARTITIONS
        # Raw topics keep the broker's own limit, which stays below what validate may write.
        sizes = {} if name in RAW_TOPICS else largest
        # When something became known is for the log to say: a publisher's clock may be wrong by years. And which of
        # two deliveries was the first, too: a validate worker's clock may be wrong as well. With CreateTime a broker
        # also refuses what comes from a clock that is more than an hour ahead, which stopped settle at its alerts.
        clock = {"message.timestamp.type": "LogAppendTime"}
        # A broker measures a batch as it was sent: 100 KB may hold a record of 100 MB. Stored as it is, it measures it
        # as it is, and refuses it.
        bombs = {"compression.type": "uncompressed"} if name in (*RAW_TOPICS, DECISIONS) else {}
        topics[name] = (partitions, {**_KEPT_FOR_EVER, **sizes, **clock, **bombs})
    return topics


def missing_topics(bootstrap_servers: str, security: Mapping[str, Any] | None = None) -> list[str]:
    """Topics that the broker lacks; raises TopicsNotDeclared when none answers.

    ``security`` is what ``Settings.kafka_python`` returns.
    """
    with _admin(bootstrap_servers, security) as admin:
        present = set(admin.list_topics())
    return [name for name in ALL_TOPICS if name not in present]


def diff_topics(
    bootstrap_servers: str, replicas: int = 1, security: Mapping[str, Any] | None = None
) -> tuple[Difference, ...]:
    """What a broker has against what is declared; more replicas than asked for are no difference."""
    with _admin(bootstrap_servers, security) as admin:
        return _differences(admin, replicas)


def apply_topics(
    bootstrap_servers: str,
    replicas: int = 1,
    security: Mapping[str, Any] | None = None,
    *,
    allow_more_partitions: bool = False,
) -> Applied:
    """Create what is missing and set what differs; what cannot be changed, or not without harm, is left and told."""
    with _admin(bootstrap_servers, security) as admin:
        found = _differences(admin, replicas)
        created = tuple(one.topic for one in found if one.what == TOPIC)
        settings = [one for one in found if one.what not in (TOPIC, PARTITION_COUNT, REPLICAS)]
        more = [one for one in found if one.what == PARTITION_COUNT and _is_more(one)] if allow_more_partitions else []
        with _refusal_told():
            _create(admin, created, replicas)
            _set(admin, settings)
            if more:
                admin.create_partitions({one.topic: int(one.declared) for one in more})
        changed = (*settings, *more)
        left = tuple(one for one in found if one.what != TOPIC and one not in changed)
        _await(admin, replicas, left)
    return Applied(created, changed, left)


def _await(admin: KafkaAdminClient, replicas: int, left: Sequence[Difference]) -> None:
    """Return when the broker shows what it has accepted: its controller has it first, and tells the others."""
    deadline = time.monotonic() + _SHOWN_SECONDS
    while True:
        with suppress(KafkaError, KeyError):
            # Copies of a topic that was just created are a matter of the broker, and told by the next diff.
            open_ones = [one for one in _differences(admin, replicas) if one not in left and one.what != REPLICAS]
            if not open_ones:
                return
        if time.monotonic() > deadline:
            raise TopicsNotDeclared(
                f"the broker accepted the changes and does not show them after {_SHOWN_SECONDS} s: look again with "
                "`dualtrack topics diff`"
            )
        time.sleep(0.1)


def _create(admin: KafkaAdminClient, names: Sequence[str], replicas: int) -> None:
    declared = wanted()
    new = {
        name: {
            "num_partitions": declared[name][0],
            "replication_factor": replicas,
            "configs": declared[name][1],
        }
        for name in names
    }
    if new:
        admin.create_topics(new)


def _set(admin: KafkaAdminClient, settings: Sequence[Difference]) -> None:
    by_topic: dict[str, dict[str, str]] = {}
    for one in settings:
        by_topic.setdefault(one.topic, {})[one.what] = one.declared
    if not by_topic:
        return
    # Incremental: what an operator set beside ours stays as it is.
    answers = admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, *item) for item in by_topic.items()])
    refused = {name: answer for name, answer in answers.get("topic", {}).items() if answer != "OK"}
    if refused:
        raise TopicsNotDeclared(
            f"the broker refused the settings of {', '.join(refused)}: {'; '.join(refused.values())}"
        )


def _differences(admin: KafkaAdminClient, replicas: int) -> tuple[Difference, ...]:
    declared, present = wanted(), set(admin.list_topics())
    there = [name for name in declared if name in present]
    described = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(there)} if there else {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, list(declared[name][1])) for name in there]
    settings = admin.describe_configs(asked, config_filter="all").get("topic", {}) if asked else {}
    found: list[Difference] = []
    for name, (count, wanted_settings) in declared.items():
        if name not in present:
            told = f"{count} partitions"
            found.append(Difference(name, TOPIC, told, None, "created by `dualtrack topics apply`"))
            continue
        found += _partitions(name, count, replicas, described[name])
        found += _settings(name, wanted_settings, {key: str(one["value"]) for key, one in settings[name].items()})
    return tuple(found)


def _partitions(topic: str, count: int, replicas: int, described: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    difference = Difference(topic, PARTITION_COUNT, str(count), str(len(described)), "partitions are never taken away")
    if len(described) < count:
        remedy = "`--allow-more-partitions`: what is written then may leave the partition of what one key had before"
        yield replace(difference, remedy=remedy)
    elif len(described) > count:
        yield difference
    copies = min(len(partition["replica_nodes"]) for partition in described)
    if copies < replicas:
        yield Difference(
            topic, REPLICAS, str(replicas), str(copies), "Kafka's own kafka-reassign-partitions adds copies"
        )


def _settings(topic: str, declared: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Difference]:
    for name, value in declared.items():
        if found.get(name) != value:
            yield Difference(topic, name, value, found.get(name), "set by `dualtrack topics apply`")


def _is_more(difference: Difference) -> bool:
    return int(difference.declared) > int(difference.found or 0)


@contextmanager
def _refusal_told() -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise TopicsNotDeclared(f"the broker refused to create or change topics: {error}") from error


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
