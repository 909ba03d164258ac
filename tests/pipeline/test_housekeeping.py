"""What settle does beside landing goes on through what passes, and tells its end."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import housekeeping
from pipeline.housekeeping import Housekeeping
from schemas.alerts import Alert
from sinks.alerts import Delivered
from sinks.base import StoreBusy
from sinks.duckdb_sink import DuckDBSink
from sinks.snapshot import SnapshotTimer
from tests.sinks.builders import alert


def kept(sink: DuckDBSink, snapshot: Path) -> Housekeeping:
    return Housekeeping(sink, {}, snapshot, SnapshotTimer(), lambda: datetime.now(UTC))


def test_a_fault_that_passes_does_not_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def busy_once(*_: object, **__: object) -> Delivered:
        calls.append(1)
        if len(calls) == 1:
            raise StoreBusy("disk full for a second")
        return Delivered()

    monkeypatch.setattr(housekeeping, "deliver_due", busy_once)
    with DuckDBSink(tmp_path / "store.duckdb") as sink:
        sink.open()
        rounds = kept(sink, tmp_path / "snapshot.duckdb")
        rounds.start()
        deadline = time.monotonic() + 30
        while len(calls) < 2 and time.monotonic() < deadline:
            rounds.wake()
            time.sleep(0.05)
        rounds.check()
        rounds.stop()
    assert len(calls) >= 2
    assert (tmp_path / "snapshot.duckdb").exists()


def test_what_ends_it_is_raised_where_the_worker_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("not to be swallowed")

    monkeypatch.setattr(housekeeping, "deliver_due", broken)
    with DuckDBSink(tmp_path / "store.duckdb") as sink:
        sink.open()
        rounds = kept(sink, tmp_path / "snapshot.duckdb")
        rounds.start()
        rounds.stop()
        with pytest.raises(ValueError, match="not to be swallowed"):
            rounds.check()


class Slow:
    """A receiver that takes its time."""

    def __init__(self) -> None:
        self.sent = 0

    def send(self, alert: Alert) -> None:
        time.sleep(0.1)
        self.sent += 1


def test_a_queue_of_alerts_does_not_keep_analysts_from_their_snapshot(tmp_path: Path) -> None:
    receiver, snapshot = Slow(), tmp_path / "snapshot.duckdb"
    with DuckDBSink(tmp_path / "store.duckdb") as sink:
        sink.open()
        with sink.transaction() as transaction:
            transaction.queue([alert(str(number)) for number in range(60)], ["slow"])
        timer = SnapshotTimer(shortest=0.1)
        rounds = Housekeeping(sink, {"slow": receiver}, snapshot, timer, lambda: datetime.now(UTC))
        rounds.start()
        deadline = time.monotonic() + 30
        while not snapshot.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        rounds.check()
        assert snapshot.exists()
        assert 0 < receiver.sent < 60
        rounds.stop()
