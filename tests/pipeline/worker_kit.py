"""What the tests of the workers share: a station that remembers, and workers run in threads of this process."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import confluent_kafka

from pipeline.agents import RetryConfig
from pipeline.app import Hooks, KafkaConfig, run_workers
from schemas.records import OutRecord, RawRecord, RecordBatch

Offsets = Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class Broker:
    """The broker under test: the embedded one, or the real one that DUALTRACK_TEST_KAFKA names."""

    bootstrap_servers: str
    real: bool
    partitions: int = 4


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@dataclass
class MemoryStation:
    """Keeps what it was given; ``on_batch`` may raise."""

    topics: tuple[str, ...]
    name: str = "memory"
    standing_by: str = ""
    stored: Offsets | None = None
    on_batch: Callable[[RecordBatch], Sequence[OutRecord]] = lambda _records: ()
    batches: list[RecordBatch] = field(default_factory=list)
    outbox: list[OutRecord] = field(default_factory=list)
    confirmed: list[OutRecord] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def open(self) -> None:
        self._note("open")

    def process(self, records: RecordBatch) -> Sequence[OutRecord]:
        self._note("process")
        outputs = self.on_batch(records)
        self.batches.append(records)
        return outputs

    def tick(self) -> Sequence[OutRecord]:
        self._note("tick")
        return list(self.outbox)

    def delivered(self, records: Sequence[OutRecord]) -> None:
        self._note("delivered")
        self.confirmed.extend(records)
        self.outbox = self.outbox[len(records) :]

    def stored_offsets(self) -> Offsets | None:
        self._note("stored_offsets")
        return self.stored

    def close(self) -> None:
        self._note("close")

    @property
    def records(self) -> list[RawRecord]:
        return [record for batch in list(self.batches) for record in batch]

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.threads.add(threading.get_ident())


class RunningWorker:
    """``run_workers`` in a thread, as the demo could run it."""

    of_this_test: ClassVar[list["RunningWorker"]] = []

    def __init__(self, station: MemoryStation, config: KafkaConfig) -> None:
        self.exit_code: int | None = None
        self.ready = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(station, config), daemon=True)
        self._thread.start()
        if threading.current_thread() is threading.main_thread():  # what runs beside the tests stops its own
            self.of_this_test.append(self)

    def stop(self) -> int | None:
        self._stop.set()
        return self.wait()

    def wait(self, seconds: float = 20.0) -> int | None:
        self._thread.join(seconds)
        return self.exit_code

    def _run(self, station: MemoryStation, config: KafkaConfig) -> None:
        self.exit_code = run_workers([station], config, Hooks(on_ready=self.ready.set, stop=self._stop))


def config_for(bootstrap_servers: str, folder: Path, group: str) -> KafkaConfig:
    return KafkaConfig(
        bootstrap_servers,
        folder,
        embedded=True,
        group_prefix=group,
        session_timeout_seconds=4.0,  # the mock group takes 3 s to form; a shorter session is over before that
        heartbeat_seconds=0.3,
        commit_seconds=0.2,
        tick_seconds=0.2,
        retry=RetryConfig(first_wait_seconds=0.01),
    )


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it; fails the test when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def produce(bootstrap_servers: str, topic: str, values: Sequence[bytes], partition: int | None = None) -> None:
    """Write the values, each with itself as the key, or all to one partition."""
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5})
    for value in values:
        if partition is None:
            producer.produce(topic, value, value, headers=[("kind", b"test")])
        else:
            producer.produce(topic, value, value, partition=partition)
        producer.poll(0)
    assert producer.flush(10) == 0


def committed(bootstrap_servers: str, group: str, topic: str, partitions: int = 4) -> dict[int, int]:
    """The group's committed offsets; -1001 where there is none."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group})
    try:
        asked = [confluent_kafka.TopicPartition(topic, number) for number in range(partitions)]
        return {found.partition: found.offset for found in consumer.committed(asked, timeout=10)}
    finally:
        consumer.close()


def commit(bootstrap_servers: str, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Set the group's offsets as an outsider."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap_servers, "group.id": group})
    try:
        wanted = [confluent_kafka.TopicPartition(topic, number, offset) for number, offset in offsets.items()]
        consumer.commit(offsets=wanted, asynchronous=False)
    finally:
        consumer.close()
