"""Snapshots are whole, fresh, and readable while the writer writes."""

import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from sinks import duckdb_sink, snapshot
from sinks.base import NewerDatabase, NothingToRead, StoreLocked
from sinks.duckdb_sink import DuckDBSink
from sinks.reading import open_for_reading
from sinks.snapshot import SnapshotTimer, snapshot_closed_file
from tests.sinks.builders import LANDED_AT, arrived, batch


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "snapshots" / "snapshot.duckdb"


def land(sink: DuckDBSink, first: int, count: int = 1) -> None:
    with sink.transaction() as transaction:
        transaction.land(batch(*(arrived(offset) for offset in range(first, first + count))), LANDED_AT)


def events(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT count(*) FROM events").fetchall()[0][0])


def test_a_snapshot_holds_what_has_landed(sink: DuckDBSink, store: Path, target: Path) -> None:
    land(sink, 0, 10)
    taken = sink.snapshot(target)
    land(sink, 10)
    assert taken.path == target
    assert taken.size == target.stat().st_size
    with open_for_reading(store, target) as connection:
        assert events(connection) == 10
        assert connection.execute("SELECT count(*) FROM signals").fetchall() == [(10,)]
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_reader_keeps_its_version_and_the_next_one_gets_the_new(sink: DuckDBSink, store: Path, target: Path) -> None:
    land(sink, 0)
    sink.snapshot(target)
    with open_for_reading(store, target) as first:
        assert events(first) == 1
        land(sink, 1)
        sink.snapshot(target)
        with open_for_reading(store, target) as second:
            assert events(second) == 2
        assert events(first) == 1


def test_another_process_reads_while_the_writer_writes(
    sink: DuckDBSink, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every copy is whole although batches land, and checkpoints are due, while it is made."""
    monkeypatch.setattr(duckdb_sink, "CHECKPOINT_BYTES", 10_000)
    stop = threading.Event()
    done = [0]

    def write() -> None:
        while not stop.is_set():
            land(sink, done[0], 50)
            done[0] += 50

    writer = threading.Thread(target=write)
    writer.start()
    code = (
        "import duckdb, sys\n"
        "c = duckdb.connect(sys.argv[1], read_only=True)\n"
        "print(*c.execute('SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM outcomes), "
        "(SELECT sum(length(data)) > 0 FROM events)').fetchall()[0])"
    )
    try:
        land(sink, 1_000_000)
        for _ in range(4):
            sink.snapshot(target)
            read = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True)
            events_read, outcomes_read, has_data = read.stdout.split()
            assert events_read == outcomes_read
            assert has_data == "True"
    finally:
        stop.set()
        writer.join()
    assert done[0] > 0


def test_writing_on_a_snapshot_spoils_no_later_one(sink: DuckDBSink, store: Path, target: Path) -> None:
    land(sink, 0)
    sink.snapshot(target)
    code = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1]); c.execute('CREATE TABLE mine AS SELECT 1'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert Path(f"{target}.wal").exists()
    land(sink, 1)
    sink.snapshot(target)
    with open_for_reading(store, target) as connection:
        assert events(connection) == 2
        assert not Path(f"{target}.wal").exists()


def test_no_checkpoint_until_the_copy_is_done(
    sink: DuckDBSink, store: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_sink, "CHECKPOINT_BYTES", 1)
    wal = Path(f"{store}.wal")
    sizes: list[tuple[bool, bool]] = []

    def slow_copy(live: Path, copy: Path, **_: object) -> None:
        before = store.read_bytes()  # Safe in a test: the lock is not needed any more.
        land(sink, 0, 100)
        sizes.append((wal.stat().st_size > 1, store.read_bytes() == before))
        copy.write_bytes(before)

    monkeypatch.setattr(snapshot, "copy_by_child", slow_copy)
    sink.snapshot(target)
    assert sizes == [(True, True)]
    land(sink, 100)
    assert not wal.exists() or wal.stat().st_size == 0


def test_a_copy_that_fails_leaves_the_old_snapshot(sink: DuckDBSink, target: Path) -> None:
    land(sink, 0)
    sink.snapshot(target)
    before = target.read_bytes()
    missing = target.parent / "file" / "snapshot.duckdb"
    (target.parent / "file").write_text("not a folder")
    with pytest.raises(FileExistsError):
        sink.snapshot(missing)
    assert target.read_bytes() == before
    land(sink, 1)


def test_the_writer_keeps_its_lock_through_a_snapshot(sink: DuckDBSink, store: Path, target: Path) -> None:
    sink.snapshot(target)
    code = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    refused = subprocess.run([sys.executable, "-c", code, str(store)], capture_output=True, text=True, check=False)
    assert "Could not set lock" in refused.stderr


def test_a_closed_store_can_be_copied_and_an_open_one_cannot(sink: DuckDBSink, store: Path, target: Path) -> None:
    land(sink, 0, 3)
    with pytest.raises(StoreLocked):
        snapshot_closed_file(store, target)
    sink.close()
    snapshot_closed_file(store, target)
    store.unlink()
    with open_for_reading(store, target) as connection:
        assert events(connection) == 3


def test_reading_prefers_the_live_file_when_nobody_writes(sink: DuckDBSink, store: Path, target: Path) -> None:
    land(sink, 0)
    sink.snapshot(target)
    land(sink, 1)
    sink.close()
    with open_for_reading(store, target) as connection:
        assert events(connection) == 2


def test_reading_falls_back_when_another_process_writes(store: Path, target: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from sinks.duckdb_sink import DuckDBSink\n"
        "sink = DuckDBSink(Path(sys.argv[1])); sink.open(); sink.snapshot(Path(sys.argv[2]))\n"
        "print('open', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(store), str(target)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"open\n"
            with open_for_reading(store, target) as connection:
                assert events(connection) == 0
            target.unlink()
            with pytest.raises(NothingToRead, match="has not made a snapshot"):
                open_for_reading(store, target)
        finally:
            process.kill()


def test_a_reader_in_the_same_process_keeps_the_writer_out(sink: DuckDBSink, store: Path, target: Path) -> None:
    sink.close()
    with open_for_reading(store, target), pytest.raises(StoreLocked, match="close that connection"):
        sink.open()
    sink.open()
    land(sink, 0)


def test_nothing_to_read_says_what_to_do(store: Path, target: Path) -> None:
    with pytest.raises(NothingToRead, match="dualtrack demo or dualtrack load FILE"):
        open_for_reading(store, target)


def test_a_newer_snapshot_is_refused(sink: DuckDBSink, store: Path, target: Path) -> None:
    with sink.transaction() as transaction:
        transaction.connection.execute("INSERT INTO schema_version VALUES (999, now())")
    sink.snapshot(target)
    with pytest.raises(NewerDatabase, match="999"):
        open_for_reading(store, target)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO offsets VALUES ('t', 0, 1, now())",
        "COPY events TO '{folder}/out.csv'",
        "SELECT * FROM read_text('/etc/hostname')",
        "ATTACH '{folder}/other.duckdb'",
        "SET lock_configuration = false",
        "SET enable_external_access = true",
    ],
)
def test_reading_can_do_nothing_else(sink: DuckDBSink, store: Path, target: Path, sql: str) -> None:
    sink.snapshot(target)
    with open_for_reading(store, target) as connection, pytest.raises(duckdb.Error):
        connection.execute(sql.format(folder=target.parent))


def test_external_access_lets_analysts_export(sink: DuckDBSink, store: Path, target: Path) -> None:
    sink.snapshot(target)
    with open_for_reading(store, target, external_access=True) as connection:
        connection.execute(f"COPY (SELECT * FROM ledger) TO '{target.parent}/out.csv'")
        with pytest.raises(duckdb.Error):
            connection.execute("DELETE FROM events")
    assert (target.parent / "out.csv").exists()


def test_the_timer_never_spends_more_than_its_share() -> None:
    now = [0.0]
    timer = SnapshotTimer(shortest=2.0, share=0.05, clock=lambda: now[0])
    spent = 0.0
    for seconds in (0.05, 0.2, 1.4, 60.0):
        due = [timer.due]
        now[0] += seconds
        spent += seconds
        timer.taken(seconds)
        due.append(timer.due)
        assert due == [True, False]
        now[0] += timer.seconds_left
    assert spent <= 0.05 * now[0] * 1.000001
    timer.taken(0.001)
    assert timer.seconds_left == 2.0
