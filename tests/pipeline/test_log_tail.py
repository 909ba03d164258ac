"""An alert whose sending was not noted before a crash is looked up on its topic, and not sent again."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from pipeline.delivery import Producer, ProducerConfig
from pipeline.log_tail import LOOK_BACK, not_yet_sent
from schemas.faults import DeliveryFailed
from schemas.records import OutRecord
from tests.pipeline.test_delivery import read_all
from tests.pipeline.worker_kit import Broker, MemoryStation, RunningWorker, config_for, unique, until


def keyed(topic: str, key: str, prediction: str = "p1") -> OutRecord:
    return OutRecord(topic, prediction.encode(), key.encode(), (("idempotency-key", key.encode()),))


def send(broker: Broker, records: list[OutRecord]) -> None:
    async def sending() -> None:
        producer = Producer(ProducerConfig(broker.bootstrap_servers))
        try:
            await producer.send_all(records)
        finally:
            await producer.close()

    asyncio.run(sending())


def test_what_stands_at_the_end_of_any_partition_is_left_out(broker: Broker) -> None:
    topic, settings = unique("out"), {"bootstrap.servers": broker.bootstrap_servers}
    assert not_yet_sent([keyed(topic, "a")], settings) == [keyed(topic, "a")], "an empty topic"
    send(broker, [keyed(topic, f"key-{number}", f"p{number}") for number in range(50)])
    fresh, plain = keyed(topic, "fresh"), OutRecord(topic, b"p1", b"key-1")
    asked = [keyed(topic, "key-7", "p7"), fresh, plain, keyed(topic, "key-49", "p49")]
    assert not_yet_sent(asked, settings) == [fresh, plain]


def test_it_looks_back_so_far_and_no_farther(broker: Broker) -> None:
    topic = unique("out")
    send(broker, [keyed(topic, f"key-{number}") for number in range(LOOK_BACK + 10)])
    asked = [keyed(topic, f"key-{number}") for number in (0, 9, 10, LOOK_BACK)]
    assert not_yet_sent(asked, {"bootstrap.servers": broker.bootstrap_servers}) == asked[:2]


def test_a_broker_that_is_gone_is_a_failed_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.log_tail.SECONDS", 1.0)
    with pytest.raises(DeliveryFailed, match="cannot look for alerts that were sent before"):
        not_yet_sent([keyed("out", "a")], {"bootstrap.servers": "127.0.0.1:1"})


def test_a_worker_sends_once_what_a_crashed_one_has_sent_and_not_noted(broker: Broker, tmp_path: Path) -> None:
    topic, alerts = unique("raw"), unique("alerts")
    outbox = [keyed(alerts, f"alert-{number}") for number in range(5)]
    send(broker, outbox[:3])
    station = MemoryStation((topic,), outbox=list(outbox))
    send(broker, [OutRecord(topic, None, b"so that the topic is there")])
    worker = RunningWorker(station, config_for(broker.bootstrap_servers, tmp_path, unique("group")))
    until(lambda: station.confirmed == outbox)
    station.outbox.append(keyed(alerts, "alert-5"))
    until(lambda: len(station.confirmed) == 6)
    assert worker.stop() == 0
    found = Counter(message.value() for message in read_all(broker, alerts, 7))
    assert found == Counter({b"alert-%d" % number: 1 for number in range(6)})
