"""Record batches on a real (embedded) broker: what they hold, where reading starts, what may be committed."""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaError

from pipeline.app import create_app
from pipeline.fetching import ReadConfig
from pipeline.progress import Span
from pipeline.transport import GROUP_ERRORS, BatchConsumer, RecordBatchTransport
from schemas.faults import Stalled
from schemas.records import RawRecord
from tests.pipeline.worker_kit import (
    Broker,
    MemoryStation,
    RunningWorker,
    commit,
    committed,
    config_for,
    produce,
    unique,
    until,
)


def in_order(records: list[RawRecord]) -> bool:
    """Whether every partition's records come in the order of the log, without a hole."""
    last: dict[tuple[str, int], int] = {}
    for record in records:
        place = (record.topic, record.partition)
        if last.get(place, record.offset - 1) != record.offset - 1:
            return False
        last[place] = record.offset
    return True


def offsets_of(station: MemoryStation) -> dict[int, list[int]]:
    return {number: [r.offset for r in station.records if r.partition == number] for number in range(4)}


def test_one_batch_holds_all_partitions_raw_and_in_order_within_its_limits(broker: Broker, tmp_path: Path) -> None:
    topics = (unique("raw.a"), unique("raw.b"))
    group, address = unique("merge"), broker.bootstrap_servers
    for topic in topics:
        produce(address, topic, [b"%d" % number for number in range(2000)])
    station, limited = MemoryStation(topics), MemoryStation(topics, name="limited")
    config = config_for(address, tmp_path, group)
    worker = RunningWorker(station, config)
    reading = ReadConfig(max_records=700, max_bytes=1500)
    small = RunningWorker(limited, replace(config, reading=reading))
    until(lambda: len(station.records) == len(limited.records) == 4000)
    assert small.stop() == 0
    # 1,500 bytes are reached in the second chunk of 250 records
    assert max(map(len, limited.batches)) <= 500
    assert in_order(limited.records)
    batches_at_first = len(station.batches)
    produce(address, topics[0], [b"late"])
    until(lambda: len(station.records) == 4001)
    assert worker.stop() == 0

    places = [{(record.topic, record.partition) for record in batch} for batch in station.batches]
    assert batches_at_first <= 8
    assert max(map(len, places)) >= 4
    assert in_order(station.records)
    assert sorted(filter(None, station.values[:4000])) == sorted([b"%d" % number for number in range(2000)] * 2)
    last = station.records[-1]
    assert (last.key, last.value, last.headers) == (b"late", b"late", (("kind", b"test"),))
    assert last.timestamp_ms > 1_600_000_000_000
    assert sum(committed(address, f"{group}-memory", topics[0]).values()) == 2001
    assert station.calls.count("open") == station.calls.count("close") == 1
    assert len(station.threads) == 1


def test_reading_starts_at_the_stored_offsets_whatever_kafka_has(broker: Broker, tmp_path: Path) -> None:
    topic, group, address = unique("raw"), unique("stored"), broker.bootstrap_servers
    for number in range(4):
        produce(address, topic, [b"%d" % offset for offset in range(100)], partition=number)
    commit(address, f"{group}-memory", topic, {0: 90, 1: 10, 2: 100, 3: 70})
    # Kafka is ahead of the first, behind the second, ahead of the third (stored: 0); the fourth was never stored.
    station = MemoryStation((topic,), stored={(topic, 0): 40, (topic, 1): 60, (topic, 2): 0})
    # A station that stores none goes on where its group is, and at the beginning where the group has no offset.
    commit(address, f"{group}-plain", topic, {0: 90})
    plain = MemoryStation((topic,), name="plain")
    config = config_for(address, tmp_path, group)
    workers = [RunningWorker(either, config) for either in (station, plain)]
    until(lambda: len(station.records) >= 60 + 40 + 100 + 100 and len(plain.records) >= 10 + 100 + 100 + 100)
    assert [worker.stop() for worker in workers] == [0, 0]
    assert offsets_of(station) == {
        number: list(range(start, 100)) for number, start in {0: 40, 1: 60, 2: 0, 3: 0}.items()
    }
    assert offsets_of(plain) == {number: list(range(start, 100)) for number, start in {0: 90, 1: 0, 2: 0, 3: 0}.items()}
    assert committed(address, f"{group}-memory", topic) == dict.fromkeys(range(4), 100)


def test_a_log_that_lacks_the_next_record_stops_the_worker(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if broker.real:
        pytest.skip("a real broker does not cut its log while a test waits")
    topic, cut, address = unique("raw"), unique("cut"), broker.bootstrap_servers
    produce(address, topic, [b"only one"], partition=2)
    produce(address, cut, [b"x" * 100_000] * 80, partition=1)  # 8 MB: the broker keeps the last 5
    beyond = MemoryStation((topic,), name="beyond", stored={(topic, 2): 7})
    behind = MemoryStation((cut,), name="behind", stored={(cut, 1): 3})
    going_on = MemoryStation((cut,), name="on", stored={(cut, 1): 3})
    config = config_for(address, tmp_path, unique("gap"))
    workers = [RunningWorker(station, config) for station in (beyond, behind)]
    accepting = RunningWorker(going_on, replace(config, reading=ReadConfig(accept_log_gap=True)))
    assert [worker.wait() for worker in workers] == [1, 1]
    assert (beyond.batches, behind.batches) == ([], [])
    assert f"LogGap: {topic}/2: the next record to read is offset 7, but the log holds offsets 0 to 0." in caplog.text
    assert f"LogGap: {cut}/1: the next record to read is offset 3, but the log holds offsets" in caplog.text
    assert "ACCEPT_LOG_GAP" in caplog.text
    until(lambda: bool(going_on.records) and going_on.records[-1].offset == 79)
    assert accepting.stop() == 0


def test_a_log_that_is_cut_while_it_is_read_stops_the_worker(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if broker.real:
        pytest.skip("a real broker does not cut its log while a test waits")
    topic, address = unique("raw"), broker.bootstrap_servers

    def flood(_records: object) -> tuple[()]:
        if len(station.batches) == 0:  # while the first batch is worked on, the broker drops what comes next
            produce(address, topic, [b"x" * 100_000] * 200, partition=0)
        return ()

    produce(address, topic, [b"first"], partition=0)
    station = MemoryStation((topic,), on_batch=flood)
    worker = RunningWorker(station, config_for(address, tmp_path, unique("cut")))
    assert worker.wait() == 1
    assert f"LogGap: {topic}/0: the next record to read is offset" in caplog.text
    assert in_order(station.records)


def test_a_rebalance_loses_nothing(broker: Broker, tmp_path: Path) -> None:
    if not broker.real:
        pytest.skip("with two members librdkafka's mock answers SyncGroup with an error that Kafka has not")
    topic, group, address = unique("raw"), unique("share"), broker.bootstrap_servers
    config = config_for(address, tmp_path, group)
    first, second = MemoryStation((topic,)), MemoryStation((topic,))

    def seen() -> int:
        return len({*first.values, *second.values})

    produce(address, topic, [b"a%d" % number for number in range(500)])
    one = RunningWorker(first, config)
    assert one.ready.wait(20)
    two = RunningWorker(second, config)
    produce(address, topic, [b"b%d" % number for number in range(500)])
    assert two.ready.wait(20)
    produce(address, topic, [b"c%d" % number for number in range(500)])
    until(lambda: seen() == 1500 and bool(second.values))
    assert one.stop() == 0
    produce(address, topic, [b"d%d" % number for number in range(500)])
    until(lambda: seen() == 2000)
    assert two.stop() == 0
    assert sum(committed(address, f"{group}-memory", topic).values()) == 2000


@pytest.fixture
async def consumer(broker: Broker, tmp_path: Path) -> BatchConsumer:
    """A consumer that is not started: its bookkeeping is driven by hand."""
    app = create_app(MemoryStation(("raw",)), config_for(broker.bootstrap_servers, tmp_path, unique("unit")))
    app.topics.acking_topics.add("raw")
    found = app.consumer
    assert isinstance(found, BatchConsumer)
    return found


def record(offset: int, partition: int = 0) -> RawRecord:
    return RawRecord("raw", partition, offset, None, b"x", (), 1)


@pytest.fixture
def drain(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Lets Faust's own loop hand over these messages, and returns when it has."""

    async def run(*messages: Any) -> None:
        stopped = asyncio.Event()
        fetcher = SimpleNamespace(_stopped=stopped)

        async def getmany(timeout: float) -> AsyncIterator[Any]:
            for message in messages:
                yield message.tp, message
            stopped.set()

        async def deliver(_message: Any) -> None:
            pass

        monkeypatch.setattr(consumer, "getmany", getmany)
        monkeypatch.setattr(consumer, "callback", deliver)
        await consumer._drain_messages(cast("Any", fetcher))

    return run


@pytest.mark.asyncio
async def test_a_gap_in_the_offsets_does_not_carry_the_commit_past_an_unacked_batch(
    consumer: BatchConsumer, drain: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "highwater", lambda _tp: 100)
    consumer._progress.restart([(("raw", 0), 0), (("raw", 1), 0)])
    # Offsets 4 to 49 and 61 to 79 hold no record; Faust's own logic counts such gaps as acked.
    first = consumer._message([record(3), record(2, 1)], {("raw", 0): Span(0, 4), ("raw", 1): Span(0, 3)}, 0)
    second = consumer._message([record(50), record(60)], {("raw", 0): Span(4, 61)}, 0)
    third = consumer._message([record(80), record(9, 1)], {("raw", 0): Span(61, 81), ("raw", 1): Span(3, 10)}, 0)
    await drain(first, second, third)
    tps = sorted(consumer._filter_tps_with_pending_acks())
    assert consumer._filter_committable_offsets(tps) == {}

    def acked(message: Any) -> dict[int, int]:
        message.finished = True
        consumer.ack(message)
        return {tp.partition: offset for tp, offset in consumer._filter_committable_offsets(tps).items()}

    assert acked(third) == {}
    assert acked(first) == {0: 4, 1: 10}
    assert acked(second) == {0: 81, 1: 10}


@pytest.mark.asyncio
async def test_a_message_that_faust_skips_is_not_counted_as_done(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "highwater", lambda _tp: 100)
    consumer._progress.restart([(("raw", 0), 0)])
    skipped = consumer._message([record(0)], {("raw", 0): Span(0, 1)}, consumer._generation)
    consumer.ack(skipped)  # what Faust does with a message of an older generation, even on a no-ack stream
    assert consumer._progress.next_offset(("raw", 0)) == 0
    assert consumer._skipped, "it is read again before anything else"


@pytest.mark.asyncio
async def test_errors_of_the_group_in_a_row_stop_the_worker(
    consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def check_group() -> None:
        raise KafkaError("kicked out")

    async def crash(_reason: BaseException) -> None:
        consumer._stopped.set()

    monkeypatch.setattr(consumer._thread, "check_group", check_group)
    monkeypatch.setattr(consumer.app, "crash", crash)
    monkeypatch.setattr("pipeline.transport.GROUP_CHECK_SECONDS", 0.01)
    await asyncio.wait_for(consumer._watch_group(), 5)
    assert consumer._group_errors == GROUP_ERRORS
    assert "kicked out" in caplog.text


@pytest.mark.asyncio
async def test_lag_without_progress_stops_the_worker(consumer: BatchConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
    crashes: list[BaseException] = []

    async def crash(reason: BaseException) -> None:
        crashes.append(reason)

    async def lag() -> dict[tuple[str, int], int]:
        return {("raw", 0): 7}

    monkeypatch.setattr(consumer.app, "crash", crash)
    monkeypatch.setattr(consumer, "_lag", lag)
    monkeypatch.setattr(consumer, "_reading", ReadConfig(stall_seconds=0.02))
    consumer._progress.restart([(("raw", 0), 0)])
    for start in range(3):  # as long as batches are finished, all is well
        consumer._progress.finish({("raw", 0): Span(start, start + 1)})
        await asyncio.sleep(0.03)
        await consumer.verify_all_partitions_active()
    assert crashes == []
    await asyncio.sleep(0.03)
    await consumer.verify_all_partitions_active()
    assert isinstance(crashes[0], Stalled)
    assert "7 records wait (raw/0 7), and none was finished" in str(crashes[0])


def test_the_entry_point_names_this_transport() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (point,) = project["project"]["entry-points"]["faust.transports"].items()
    assert EntryPoint(name=point[0], value=point[1], group="faust.transports").load() is RecordBatchTransport
