"""Memory is bounded, whatever waits: a backlog of several times what a worker may take, and a sink that is slow."""

import json
import time
from pathlib import Path

import confluent_kafka
import psutil
import pytest

from schemas.topics import REJECTED, VALIDATED
from tests.faults.books import settled
from tests.faults.flow import good_body
from tests.faults.processes import Process, until
from tests.faults.stage import KafkaStage
from tests.faults.watch import Watch

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(400)]

MOST = {"validate": 768 * 2**20, "settle": 2048 * 2**20}
"""Resident bytes: docs/operations-memory.md."""

MOST_GROWTH = {"validate": 400 * 2**20, "settle": 500 * 2**20}
"""Over what an idle worker takes."""

SIZE, COUNT = 400_000, 1_500
BACKLOG = SIZE * COUNT


def publish(servers: str, count: int, size: int) -> None:
    """Good events of that size, over all partitions of the topics."""
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "queue.buffering.max.kbytes": 50_000})
    for number in range(count):
        body = good_body(number)
        topic = f"signals.{body['type'].split('.')[2]}"
        body["data"]["padding"] = f"{number:09d} " * (size // 10)
        while True:
            try:
                producer.produce(topic, json.dumps(body).encode(), str(number).encode())
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0


def handed_on(servers: str) -> int:
    consumer = confluent_kafka.Consumer({"bootstrap.servers": servers, "group.id": "counting"})
    try:
        ends = 0
        for topic in (VALIDATED, REJECTED):
            for number in consumer.list_topics(topic, timeout=20).topics[topic].partitions:
                ends += consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topic, number), timeout=20)[1]
        return ends
    finally:
        consumer.close()


def resident(process: Process) -> int:
    return int(psutil.Process(process.pid).memory_info().rss)


def in_megabytes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name} {size / 2**20:.0f} MB" for name, size in sizes.items())


@pytest.mark.proves("memory", under="burst")
@pytest.mark.proves("memory", under="slow-sink")
def test_a_backlog_and_a_slow_sink_do_not_fill_the_memory(tmp_path: Path) -> None:
    with KafkaStage(tmp_path) as stage, Watch(stage.settings.database, stage.started) as watch:
        workers = {"validate": stage.worker("validate"), "settle": stage.worker("settle", ("slow-sink", "2"))}
        for worker in workers.values():
            worker.await_ready(120)
        idle = {role: resident(worker) for role, worker in workers.items()}
        publish(stage.servers, COUNT, SIZE)
        # validate goes on at full speed, while settle takes 2 s for each of its batches.
        until(lambda: handed_on(stage.servers) >= COUNT, "validate is through", 150, list(workers.values()))
        waiting = COUNT - settled(stage.settings)
        time.sleep(5)  # a worker that gathers what waits would gather it now
        growth = {role: watch.peaks[role] - idle[role] for role in workers}
        said = f"idle: {in_megabytes(idle)}; peaks: {in_megabytes(dict(watch.peaks))}; {waiting} waited for settle"
        assert waiting * SIZE > BACKLOG / 4, "the sink was not slow enough to show anything"
        for role in workers:
            assert MOST_GROWTH[role] < BACKLOG, "the backlog is larger than what may be held of it"
            assert growth[role] < MOST_GROWTH[role], said
            assert watch.peaks[role] < MOST[role], said
        # Then a sink at full speed takes all that waits.
        assert workers["settle"].stop(seconds=60) == 0, workers["settle"].tail()
        workers["settle"] = stage.worker("settle")
        until(lambda: settled(stage.settings) >= COUNT, "everything has its outcome", 150, list(workers.values()))
        for worker in workers.values():
            assert worker.stop(seconds=60) == 0, worker.tail()
        assert max(watch.peaks[role] / MOST[role] for role in workers) < 1, in_megabytes(dict(watch.peaks))
