"""A sink that raises, at every place where it can: the worker stops, and the next start goes on as if nothing was."""

import logging
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dualtrack.settings import Settings
from dualtrack.tools import reference_tables, run_stations, settle_parts, utc_now
from pipeline.app import Hooks
from pipeline.housekeeping import Housekeeping
from pipeline.settle import SettleParts, SettleStation
from schemas.faults import TerminalFault, TransientFault
from schemas.records import OutRecord, RecordBatch
from schemas.settling import Landed, SettleBatch
from sinks.duckdb_sink import DuckDBSink, Transaction
from sinks.snapshot import SnapshotTimer
from tests.faults.books import check_equation, check_rows_fit_offsets, read_books, read_logs
from tests.faults.flow import Flow, Sent
from tests.faults.processes import until
from tests.faults.stage import Stage

logger = logging.getLogger(__name__)

SEED = 20260418


class Where(StrEnum):
    """Where in a batch the sink raises."""

    BEFORE = "before the transaction"
    LANDED = "in mid-transaction, after land"
    QUEUED = "in mid-transaction, after the predictions and the outbox"
    COMMIT = "at commit, which is not made"
    COMMITTED = "at commit, which is made nevertheless"
    AFTER = "after the commit, before the ack"


ERRORS: tuple[Callable[[str], Exception], ...] = (RuntimeError, TerminalFault, duckdb.IOException, OSError)
"""Whatever escapes from a sink that is no TransientFault is terminal."""


@dataclass
class Plan:
    """Where the sink raises next, and what; shared by the station and its sink."""

    where: Where | None = None
    error: Exception = field(default_factory=RuntimeError)
    times: int = 0
    """How many tries it still spoils."""
    raised: int = 0
    thread: int | None = None
    """Set while a batch is processed, by the thread that does it; the housekeeping's transactions are left alone."""

    def pass_by(self, where: Where) -> None:
        if self.thread == threading.get_ident() and self.times and self.where is where:
            self.times -= 1
            self.raised += 1
            raise self.error


class RaisingTransaction(Transaction):
    """A transaction that keeps to the plan."""

    def __init__(self, inner: Transaction, plan: Plan) -> None:
        super().__init__(inner.connection, {}, utc_now)
        self._inner = inner
        self._plan = plan

    def land(self, batch: SettleBatch, landed_at: Any) -> Landed:
        landed = self._inner.land(batch, landed_at)
        self._plan.pass_by(Where.LANDED)
        return landed

    def address(self, addressed: Any, limits: Any, now: Any) -> int:
        queued = self._inner.address(addressed, limits, now)
        self._plan.pass_by(Where.QUEUED)
        return queued


class RaisingConnection:
    """A connection whose COMMIT keeps to the plan."""

    def __init__(self, inner: duckdb.DuckDBPyConnection, plan: Plan) -> None:
        self._inner = inner
        self._plan = plan

    def execute(self, sql: str, *arguments: Any) -> Any:
        if sql == "COMMIT":
            self._plan.pass_by(Where.COMMIT)
        done = self._inner.execute(sql, *arguments)
        if sql == "COMMIT":
            self._plan.pass_by(Where.COMMITTED)
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class RaisingSink(DuckDBSink):
    """A sink that raises where the plan says."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        super().__init__(settings.database, utc_now, reference_tables())
        self._plan = plan

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._plan.pass_by(Where.BEFORE)
        with super().transaction() as transaction:
            yield RaisingTransaction(transaction, self._plan)
        self._plan.pass_by(Where.AFTER)

    def _live(self) -> duckdb.DuckDBPyConnection:
        connection: Any = RaisingConnection(super()._live(), self._plan)
        return connection  # type: ignore[no-any-return]


class PlannedStation(SettleStation):
    """Settle with a raising sink; after ``batches`` batches that hold records, the plan is on."""

    def __init__(self, settings: Settings, plan: Plan, batches: int) -> None:
        super().__init__(self._parts_with_raising_sink)
        self.processed = 0
        self._settings = settings
        self._plan = plan
        self._left = batches

    @property
    def outcomes(self) -> int:
        """Of this run."""
        return self.total.landed + self.total.duplicate + self.total.rejected

    def _parts_with_raising_sink(self) -> SettleParts:
        parts = settle_parts(self._settings, self._settings.receivers())
        sink = RaisingSink(self._settings, self._plan)
        return replace(parts, sink=sink, tools=replace(parts.tools, sink=sink))

    def process(self, records: RecordBatch) -> "list[OutRecord]":
        self._plan.thread = threading.get_ident() if self._left <= 0 else None
        try:
            super().process(records)
        finally:
            self._plan.thread = None
        self._left -= 1
        self.processed += 1
        return []


class Settling:
    """One run of settle in a thread of this process."""

    def __init__(self, stage: Stage, station: PlannedStation) -> None:
        self.ended_with: int | BaseException | None = None
        self._stage = stage
        self._station = station
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settling", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> int | BaseException | None:
        """How it ended; None when it still runs."""
        self._thread.join(seconds)
        return self.ended_with

    def stop(self) -> int | BaseException | None:
        self._stop.set()
        return self.wait(20)

    def _run(self) -> None:
        settings = self._stage.settings
        servers = self._stage.servers
        try:
            hooks = Hooks(stop=self._stop)
            self.ended_with = run_stations(
                settings, [self._station], bootstrap_servers=servers, embedded=True, hooks=hooks
            )
        # The test compares it with the exit code that it expects.
        except BaseException as error:
            self.ended_with = error


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as running:
        running.worker("validate").await_ready()
        yield running


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_faults_of_the_sink_and_one_that_passes(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(SEED)
    places = [*Where, *chance.sample(list(Where), 4)]
    states = []
    with Flow(stage.servers, 60.0, SEED) as flow:
        for number, where in enumerate(places):
            fault = ERRORS[number % len(ERRORS)](f"planned fault {number}")
            plan = Plan(where, fault, times=1)
            settling = Settling(stage, PlannedStation(stage.settings, plan, chance.randint(0, 3)))
            ended = settling.wait(40)
            assert ended == 1, f"fault {number} ({where}): settle ended with {ended!r}, not with exit code 1"
            assert plan.raised == 1
            assert f"planned fault {number}" in caplog.text, f"the log does not say why settle stopped ({where})"
            caplog.clear()
            states.append((f"after fault {number} ({where})", read_books(stage.settings)))
        sent = _settle_through_a_fault_that_passes(stage, flow)
    assert caplog.text.count("failed, trying again: TransientFault('the disk is full for a moment')") == 2
    logs = read_logs(stage.servers)
    for when, books in states:
        check_rows_fit_offsets(books, logs, when)
    check_equation(read_books(stage.settings), sent, logs)
    logger.info("%d inputs; outcomes after each fault: %s", sent.total, [len(books.outcomes) for _, books in states])


def _settle_through_a_fault_that_passes(stage: Stage, flow: Flow) -> Sent:
    """The last run: a batch fails twice and lands on the third try, and the worker goes on to the end."""
    had = len(read_books(stage.settings).outcomes)
    plan = Plan(Where.LANDED, TransientFault("the disk is full for a moment"), times=2)
    station = PlannedStation(stage.settings, plan, batches=1)
    settling = Settling(stage, station)

    def reached(condition: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: condition() or settling.ended_with is not None

    try:
        until(reached(lambda: plan.raised == 2 and station.processed > 3), "the batches after the fault are settled")
        sent = flow.end()
        until(
            reached(lambda: had + station.outcomes >= sent.total),
            f"all {sent.total} inputs have their outcome",
            also=lambda: f"{had + station.outcomes} have one.",
        )
    finally:
        ended = settling.stop()
    assert ended == 0, f"a fault that passes ended settle with {ended!r}"
    return sent


def test_housekeeping_that_ends_for_any_reason_is_noticed(tmp_path: Path) -> None:
    """Not only a fault: the driver's own errors too. Otherwise alerts and snapshots would end in silence."""

    class Unreadable(DuckDBSink):
        def reader(self) -> duckdb.DuckDBPyConnection:
            raise duckdb.OutOfMemoryException("no memory for the outbox")

    housekeeping = Housekeeping(
        Unreadable(tmp_path / "store.duckdb"), {}, tmp_path / "snapshot.duckdb", SnapshotTimer(), utc_now
    )
    housekeeping.start()
    housekeeping.wake()
    try:
        until(lambda: _raises(housekeeping.check, duckdb.OutOfMemoryException), "check raises what ended it", 10)
    finally:
        housekeeping.stop()


def _raises(call: Callable[[], None], kind: type[Exception]) -> bool:
    try:
        call()
    except kind:
        return True
    return False
