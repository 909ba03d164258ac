"""The sink on DuckDB: exactly once, by one transaction for rows, offsets, evaluations and outbox (``sinks.base``)."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import duckdb

from schemas.alerts import Addressed, Alert, ToldKey
from schemas.settling import Landed, SettleBatch
from sinks import alerts as outbox
from sinks import held
from sinks.addressing import address, bundle
from sinks.base import Clock, Offsets, StoreLocked
from sinks.driver_faults import as_fault, translated
from sinks.duckdb_tables import connect_for_writing
from sinks.landing import advance, land
from sinks.snapshot import Snapshot, take_snapshot
from sinks.story_catch_up import catch_up
from sinks.views import create_views, load_reference

POLL_SECONDS: Final = 0.5
"""How often a standby asks for the store."""

CHECKPOINT_BYTES: Final = 256 * 1024 * 1024
"""Size of the log of changes (``.wal``) above which it is folded into the file, after a commit."""

CHECKPOINT_SHARE: Final = 1 / 10
"""No more of DuckDB's memory than this waits in the log of changes: a checkpoint needs several times its size at once,
and one that fails for want of memory breaks the store off."""

MEMORY_LIMIT: Final = "4GB"
"""What DuckDB may take where nothing else is said, or 80 % of the machine where that is less. Beyond, queries spill to
``<file>.tmp`` beside the file. A checkpoint cannot spill: it holds a whole row group, which is 122,880 rows, so that
little memory and large events break it off."""

OFFSET_ROWS: Final = 100_000
"""Rows of ``offsets`` above which opening keeps only the highest of each partition."""

Reference = Mapping[str, Sequence[Mapping[str, Any]]]
"""Rows of the reference tables by name (``ref_organisations``, ...)."""


def now() -> datetime:
    """The time of the clock on the wall."""
    return datetime.now(UTC)


class Transaction:
    """A batch on its way in. ``connection`` is for rows that belong to the same batch, such as evaluations."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, stored: Offsets, clock: Clock) -> None:
        self.connection: Final = connection
        self.advanced: Offsets = {}
        self._stored = stored
        self._clock = clock

    def land(self, batch: SettleBatch, landed_at: datetime) -> Landed:
        """Write rows, outcomes and offsets of a batch (several may land in one transaction)."""
        landed = land(self.connection, batch, landed_at)
        stored = self._stored | self.advanced
        self.advanced |= advance(self.connection, stored, batch.next_offsets, landed_at)
        return landed

    def told(self, predictions: Iterable[str]) -> dict[ToldKey, int]:
        """How often each milestone of these predictions was told already."""
        return outbox.told(self.connection, predictions)

    def queue(self, alerts: Sequence[Alert], receivers: Sequence[str]) -> int:
        """Put alerts into the outbox, once per key and receiver; returns how many rows were new."""
        return outbox.queue(self.connection, alerts, receivers, self._clock())

    def address(self, addressed: Sequence[Addressed], limits: Mapping[str, int | None] | None, now: datetime) -> int:
        """Put alerts into the outbox as rules say, after digests of what was held (see ``sinks.addressing``).

        ``limits``: by rule, how many an hour; None writes no digests."""
        bundled = 0 if limits is None else bundle(self.connection, limits, now)
        return bundled + address(self.connection, addressed, now)

    def last_row(self) -> int:
        """The number of the last row of ``events``; what lands from now on has higher ones."""
        return int(self.connection.execute("SELECT coalesce(max(rowid), -1) FROM events").fetchall()[0][0])


class DuckDBSink:
    """The one writer of a store. May be used from several threads; transactions go one after the other.

    ``clock`` dates what the sink itself writes; ``reference`` is written to tables at every opening; ``memory`` is
    DuckDB's limit, in its own words.
    """

    def __init__(
        self, path: Path, clock: Clock = now, reference: Reference | None = None, memory: str | None = None
    ) -> None:
        self.path: Final = path
        self._clock = clock
        self._reference = reference or {}
        self._memory = memory
        self._memory_bytes = 0.0
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._offsets: Offsets = {}
        self._turn = threading.RLock()
        self._busy = False
        # Held by whoever checkpoints, and by a snapshot until its copy is done: a checkpoint during a copy spoils it.
        self._checkpoints = threading.Lock()
        self.on_commit: Callable[[float], None] = lambda _: None
        """Told, after every commit, how many seconds it took."""

    def open(self, wait_seconds: float | None = None, on_wait: Callable[[StoreLocked], None] | None = None) -> None:
        """Take the store; make, migrate and describe it (views) where needed.

        With ``wait_seconds`` this is a hot standby: it asks twice a second and calls ``on_wait`` each time it is
        refused (raise from it to give up early). Raises StoreLocked at once (None) or when the time is over.
        """
        deadline = time.monotonic() + (wait_seconds or 0)
        while True:
            try:
                return self._open()
            except StoreLocked as locked:
                if time.monotonic() >= deadline:
                    raise
                if on_wait is not None:
                    on_wait(locked)
            time.sleep(POLL_SECONDS)

    def _open(self) -> None:
        held.hold(self.path)
        try:
            connection = connect_for_writing(self.path, self._clock)
            try:
                with translated(self.path):
                    self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            held.release(self.path)
            raise
        self._connection = connection

    def _prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        own = memory_limit(connection)
        connection.execute("SET GLOBAL memory_limit = ?", [self._memory or MEMORY_LIMIT])
        self._memory_bytes = memory_limit(connection)
        if self._memory is None and own < self._memory_bytes:
            connection.execute("RESET GLOBAL memory_limit")
            self._memory_bytes = own
        _compact_offsets(connection)
        create_views(connection)
        for name, rows in self._reference.items():
            load_reference(connection, name, rows)
        catch_up(connection)
        found = connection.execute('SELECT topic, "partition", max(next_offset) FROM offsets GROUP BY ALL').fetchall()
        self._offsets = {(topic, partition): offset for topic, partition, offset in found}

    def stored_offsets(self) -> Offsets:
        """Where to go on reading, as of the last commit."""
        self._live()
        return dict(self._offsets)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction: commits on leaving, rolls back on an exception. Errors of the driver leave as faults.

        Other threads wait for their turn; a second one inside the first is a programming error (RuntimeError).
        """
        with self._turn:
            if self._busy:
                raise RuntimeError("a transaction of this sink is already open")
            connection = self._live()
            transaction = Transaction(connection, self._offsets, self._clock)
            self._busy = True
            try:
                connection.execute("BEGIN")
                yield transaction
                begun = time.perf_counter()
                connection.execute("COMMIT")
                self.on_commit(time.perf_counter() - begun)
            except BaseException as error:
                # A driver that failed to commit may have rolled back already.
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                if isinstance(error, duckdb.Error):
                    raise as_fault(error, self.path) from error
                raise
            finally:
                self._busy = False
            self._offsets = self._offsets | transaction.advanced
        self._checkpoint_when_due()

    def reader(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own on the open store, for reading beside the writer; close it."""
        return self._live().cursor()

    def snapshot(self, target: Path) -> Snapshot:
        """Copy the store as of now to ``target``. Landing goes on meanwhile; checkpoints wait for the copy."""
        with self._checkpoints, self.reader() as connection:
            return take_snapshot(connection, self.path, target, quiet=self._turn)

    def close(self) -> None:
        """Fold the log of changes in and give the store free. Waits for a running transaction and snapshot."""
        with self._checkpoints, self._turn:
            if self._connection is None:
                return
            try:
                with translated(self.path):
                    self._connection.close()
            finally:
                self._connection = None
                held.release(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _live(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise RuntimeError(f"the store {self.path} is not open: call open() first")
        return self._connection

    def _checkpoint_when_due(self) -> None:
        wal = Path(f"{self.path}.wal")
        if not wal.exists() or wal.stat().st_size < min(CHECKPOINT_BYTES, self._memory_bytes * CHECKPOINT_SHARE):
            return
        if not self._checkpoints.acquire(blocking=False):
            return  # A snapshot is being copied: after one of the next commits.
        try:
            # What is committed stays so: where readers are in the way, a later commit tries again.
            with self._turn, translated(self.path), suppress(duckdb.TransactionException):
                self._live().execute("CHECKPOINT")
        finally:
            self._checkpoints.release()


def memory_limit(connection: duckdb.DuckDBPyConnection) -> float:
    """Bytes, as DuckDB has understood them."""
    text = str(connection.execute("SELECT value FROM duckdb_settings() WHERE name = 'memory_limit'").fetchall()[0][0])
    number, _, unit = text.partition(" ")
    return float(number) * float(1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))


def _compact_offsets(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep the highest offset of each partition. Only at opening: there are no other readers yet."""
    if connection.execute("SELECT count(*) FROM offsets").fetchall()[0][0] < OFFSET_ROWS:
        return
    connection.execute("BEGIN")
    connection.execute(
        'CREATE TEMP TABLE highest AS SELECT topic, "partition", max(next_offset) AS next_offset, '
        "max(committed_at) AS committed_at FROM offsets GROUP BY ALL"
    )
    connection.execute("DELETE FROM offsets")
    connection.execute("INSERT INTO offsets BY NAME SELECT * FROM highest")
    connection.execute("DROP TABLE highest")
    connection.execute("COMMIT")
