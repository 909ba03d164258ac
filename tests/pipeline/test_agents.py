"""Faults: a batch is acked when its outputs are delivered, and a fault stops the worker without skipping one."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from dualtrack.broker.embedded import EmbeddedBroker
from schemas.faults import TransientFault
from schemas.records import OutRecord, RecordBatch
from tests.pipeline.worker_kit import (
    Broker,
    MemoryStation,
    RunningWorker,
    committed,
    config_for,
    produce,
    unique,
    until,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def raised_ten_times(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[list[str]]]:
    """Runs beside the other tests of this module: the mock broker needs 3 s for each of the eleven starts."""
    with ThreadPoolExecutor(1) as beside:
        yield beside.submit(raise_ten_times, broker.bootstrap_servers, tmp_path_factory.mktemp("raise"))


def raise_ten_times(address: str, folder: Path) -> list[str]:
    """Ten workers that raise on their first batch, one that does not; returns what went wrong."""
    topic, group = unique("raw"), unique("raise")
    config = config_for(address, folder, group)
    produce(address, topic, [b"%d" % number for number in range(100)])
    first_batches: list[set[bytes | None]] = []
    wrong: list[str] = []

    def raising(records: RecordBatch) -> Sequence[OutRecord]:
        first_batches.append({record.value for record in records})
        raise ValueError("a bug")

    for turn in range(10):
        worker = RunningWorker(MemoryStation((topic,), on_batch=raising), config)
        until(lambda turn=turn: len(first_batches) > turn)  # type: ignore[misc]
        produce(address, topic, [b"later %d" % turn])  # must not be acked over the failed batch
        if worker.wait() != 1:
            wrong.append(f"turn {turn} ended with {worker.exit_code}")
    wrong += [
        f"turn {turn} began elsewhere" for turn, found in enumerate(first_batches) if not first_batches[0] <= found
    ]
    if len(first_batches) != 10:
        wrong.append(f"{len(first_batches)} batches were tried in ten starts")
    if any(offset > 0 for offset in committed(address, f"{group}-memory", topic).values()):
        wrong.append("an offset was committed past an unacked batch")
    sound = MemoryStation((topic,))
    worker = RunningWorker(sound, config)
    until(lambda: len(set(sound.values)) == 110)
    if worker.stop() != 0:
        wrong.append(f"the sound worker ended with {worker.exit_code}")
    return wrong


@pytest.fixture(autouse=True)
def start_it(raised_ten_times: Future[list[str]]) -> None:
    """Starts ``raised_ten_times`` with the first test of this module."""


def test_transient_faults_are_retried_inside_the_batch_and_outputs_are_delivered_before_the_ack(
    broker: Broker, tmp_path: Path
) -> None:
    topic, out, box, group = unique("raw"), unique("out"), unique("outbox"), unique("retry")
    address = broker.bootstrap_servers
    tries: list[RecordBatch] = []

    def flaky(records: RecordBatch) -> Sequence[OutRecord]:
        tries.append(records)
        if len(tries) < 4:
            raise TransientFault("busy")
        return [OutRecord(out, record.key, record.value or b"") for record in records]

    produce(address, topic, [b"%d" % number for number in range(50)])
    station = MemoryStation((topic,), on_batch=flaky, outbox=[OutRecord(box, None, b"told")])
    worker = RunningWorker(station, config_for(address, tmp_path, group))
    until(lambda: len(station.records) == 50 and bool(station.confirmed))
    assert worker.stop() == 0
    assert tries[0] is tries[1] is tries[2] is tries[3]
    assert sum(committed(address, f"{group}-memory", topic).values()) == 50
    assert [record.value for record in station.confirmed] == [b"told"]
    assert station.outbox == []
    reader = MemoryStation((out, box), name="reader")
    reading = RunningWorker(reader, config_for(address, tmp_path, group))
    until(lambda: len(reader.records) >= 51)
    assert reading.stop() == 0
    assert sorted(filter(None, reader.values)) == sorted([b"told", *(b"%d" % number for number in range(50))])


def test_a_fault_that_stays_and_an_output_that_is_refused_stop_the_worker(
    broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topic, group, address = unique("raw"), unique("stays"), broker.bootstrap_servers
    produce(address, topic, [b"x"], partition=3)

    def busy(_records: RecordBatch) -> Sequence[OutRecord]:
        raise TransientFault("always busy")

    config = config_for(address, tmp_path, group)
    stuck = RunningWorker(MemoryStation((topic,), name="stuck", on_batch=busy), config)
    too_large = MemoryStation((topic,), name="large", on_batch=lambda _: [OutRecord("out", None, b"x" * 5_000_000)])
    refused = RunningWorker(too_large, config)
    assert (stuck.wait(), refused.wait()) == (1, 1)
    assert f"{group}-stuck stops at {topic}/3 0-0: TransientFault: always busy. Nothing of it is" in caplog.text
    assert f"{group}-large stops at {topic}/3 0-0: RecordRefused: out does not take a record" in caplog.text
    assert all(offset <= 0 for offset in committed(address, f"{group}-large", topic).values())


def test_a_fault_in_open_or_tick_stops_the_worker(broker: Broker, tmp_path: Path) -> None:
    class Closed(MemoryStation):
        def open(self) -> None:
            raise OSError("no such file")

    class Broken(MemoryStation):
        def tick(self) -> Sequence[OutRecord]:
            raise OSError("disk full")

    config = config_for(broker.bootstrap_servers, tmp_path, unique("tick"))
    closed, broken = Closed((unique("raw"),), name="closed"), Broken((unique("raw"),), name="broken")
    assert [RunningWorker(station, config).wait() for station in (closed, broken)] == [1, 1]
    assert "close" not in closed.calls
    assert "close" in broken.calls


def test_a_standby_that_waits_in_open_can_be_stopped(broker: Broker, tmp_path: Path) -> None:
    never = threading.Event()

    class Standby(MemoryStation):
        def open(self) -> None:
            super().open()
            never.wait()

    station = Standby((unique("raw"),))
    worker = RunningWorker(station, config_for(broker.bootstrap_servers, tmp_path, unique("standby")))
    until(lambda: station.calls == ["open"])
    assert worker.stop() == 0
    assert station.calls == ["open"]
    never.set()


def test_a_worker_stops_although_its_broker_is_gone(tmp_path: Path) -> None:
    with EmbeddedBroker(i_know_it_forgets=True) as passing:
        worker = RunningWorker(MemoryStation(("raw",)), config_for(passing.bootstrap_servers, tmp_path, "gone"))
        assert worker.ready.wait(20)
    before = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - before < 10


def start(broker: Broker, topic: str, file: Path, group: str) -> subprocess.Popen[bytes]:
    script = ROOT / "tests" / "pipeline" / "filing_worker.py"
    return subprocess.Popen(
        [sys.executable, str(script), broker.bootstrap_servers, topic, str(file), group],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_kill_9_in_mid_stream_loses_nothing_and_sigterm_ends_cleanly(broker: Broker, tmp_path: Path) -> None:
    topic, group, file, address = unique("raw"), unique("kill"), tmp_path / "landed", broker.bootstrap_servers
    file.touch()
    values = [b"%d" % number for number in range(9000)]
    produce(address, topic, values)
    for turn in range(3):
        worker = start(broker, topic, file, group)
        landed = file.stat().st_size
        until(lambda landed=landed: file.stat().st_size > landed + 4000)  # type: ignore[misc]
        time.sleep(0.1 * turn)
        worker.kill()
        worker.wait()
    assert len(set(file.read_bytes().split())) < 9000, "it was to be killed in mid-stream"
    worker = start(broker, topic, file, group)
    until(lambda: set(file.read_bytes().split()) == set(values), 30)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert sum(committed(address, f"{group}-memory", topic).values()) == 9000


def test_ten_faults_in_a_row_lose_nothing(raised_ten_times: Future[list[str]]) -> None:
    assert raised_ten_times.result(100) == []
