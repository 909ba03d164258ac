"""Topics on a real Kafka: what differs from what is declared, what is set, what is refused; and keys to partitions."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import admin as admin_api
from confluent_kafka.admin import AdminClient
from kafka import KafkaProducer

from dualtrack.broker.local import LocalBroker
from dualtrack.settings import Settings
from dualtrack.tools import topics_on_broker
from dualtrack.topics import apply_topics, diff_topics, wanted
from pipeline.delivery import ProducerConfig
from schemas.topics import ALL_TOPICS, DECISIONS, VALIDATED

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

API: Any = admin_api
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def empty_kafka(kafka_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka without any topic."""
    folder = tmp_path_factory.mktemp("empty-kafka")
    broker = LocalBroker(folder, Settings(home=kafka_home).cache.expanduser())
    status = broker.start(0, lambda address: topics_on_broker(address, 2.0) is not None)
    assert status.bootstrap_servers
    yield status.bootstrap_servers
    broker.stop()


def alter(servers: str, topic: str, **settings: str) -> None:
    entries = [
        API.ConfigEntry(name.replace("_", "."), value, incremental_operation=API.AlterConfigOpType.SET)
        for name, value in settings.items()
    ]
    resource = API.ConfigResource(API.ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)
    until(lambda: bool(diff_topics(servers)), "the broker shows what was altered")


def until(holds: Callable[[], bool], what: str) -> None:
    """A broker shows what it has accepted a moment later."""
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def partitions(servers: str, topic: str) -> int:
    return len(AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).topics[topic].partitions)


def test_what_is_missing_is_created_as_declared_and_what_differs_is_set(empty_kafka: str) -> None:
    missing = diff_topics(empty_kafka)
    assert [(one.topic, one.what) for one in missing] == [(name, "topic") for name in ALL_TOPICS]
    admin = AdminClient({"bootstrap.servers": empty_kafka})
    admin.create_topics([API.NewTopic(VALIDATED, 2, 1)])[VALIDATED].result(10)
    until(lambda: len(diff_topics(empty_kafka)) > len(missing), "the topic is there")

    applied = apply_topics(empty_kafka)
    assert applied.created == tuple(name for name in ALL_TOPICS if name != VALIDATED)
    assert {one.what for one in applied.changed} == {*wanted()[VALIDATED][1]} - {"cleanup.policy", "retention.bytes"}
    assert [(one.topic, one.what, one.declared, one.found) for one in applied.left] == [
        (VALIDATED, "partitions", "4", "2")
    ]
    assert partitions(empty_kafka, VALIDATED) == 2

    more = apply_topics(empty_kafka, allow_more_partitions=True)
    assert [one.what for one in more.changed] == ["partitions"]
    assert partitions(empty_kafka, VALIDATED) == 4
    assert diff_topics(empty_kafka) == ()

    alter(empty_kafka, DECISIONS, retention_ms="1000", cleanup_policy="compact", segment_ms="60000")
    assert {one.what: one.found for one in diff_topics(empty_kafka)} == {
        "retention.ms": "1000",
        "cleanup.policy": "compact",
    }
    assert len(apply_topics(empty_kafka).changed) == 2
    assert diff_topics(empty_kafka) == ()


def test_partitions_are_never_taken_away_and_copies_are_not_made(empty_kafka: str) -> None:
    apply_topics(empty_kafka)
    admin = AdminClient({"bootstrap.servers": empty_kafka})
    admin.create_partitions([API.NewPartitions("signals.deal", 6)])["signals.deal"].result(10)
    until(lambda: partitions(empty_kafka, "signals.deal") == 6, "the partitions are there")
    left = apply_topics(empty_kafka, 2, allow_more_partitions=True).left
    assert [(one.what, one.found) for one in left if one.topic == "signals.deal"] == [
        ("partitions", "6"),
        ("replicas", "1"),
    ]
    assert {one.topic for one in left if one.what == "replicas"} == set(ALL_TOPICS)
    assert partitions(empty_kafka, "signals.deal") == 6


def test_the_command_says_what_differs_and_exits_with_1(empty_kafka: str, tmp_path: Path) -> None:
    def dualtrack(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dualtrack", "--home", str(tmp_path), "topics", *words]
        env = {**os.environ, "DUALTRACK_KAFKA": empty_kafka}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    apply_topics(empty_kafka, allow_more_partitions=True)
    alter(empty_kafka, "signals.policy", retention_ms="7777")
    told = dualtrack("diff")
    assert told.returncode == 1
    assert "signals.policy" in told.stdout
    assert "7777" in told.stdout
    assert "retention.ms is -1 now, was 7777" in dualtrack("apply").stdout
    assert "7777" not in dualtrack("diff", "--json").stdout


def test_both_clients_put_one_key_into_the_same_partition(kafka_address: str) -> None:
    """Publishers write with kafka-python, replays and workers with librdkafka; Java hashes as kafka-python does."""
    topic = "keys-of-both-clients"
    admin = AdminClient({"bootstrap.servers": kafka_address})
    admin.create_topics([API.NewTopic(topic, 16, 1)])[topic].result(10)
    until(lambda: topic in admin.list_topics(timeout=10).topics, "the topic is there")
    keys = [f"organisation {number} \N{LATIN SMALL LETTER E WITH ACUTE}".encode() for number in range(200)]

    ours = KafkaProducer(bootstrap_servers=kafka_address)
    by_kafka_python = {key: ours.send(topic, b"1", key=key) for key in keys}
    ours.flush()

    by_librdkafka: dict[bytes, int] = {}

    def note(error: object, message: confluent_kafka.Message) -> None:
        assert error is None, error
        by_librdkafka[bytes(message.key() or b"")] = int(message.partition() or 0)

    workers = confluent_kafka.Producer(ProducerConfig(kafka_address).librdkafka())
    for key in keys:
        workers.produce(topic, b"2", key, on_delivery=note)
    workers.flush(30)
    assert {key: sent.get().partition for key, sent in by_kafka_python.items()} == by_librdkafka
    assert len(set(by_librdkafka.values())) == 16
    ours.close()
