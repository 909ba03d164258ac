"""The station ``settle``: the one writer of DuckDB, its snapshots for analysts, and the outbox of alerts."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from pipeline import telemetry as names
from pipeline.flow import Settled, SettleTools, settle_batch
from pipeline.housekeeping import Housekeeping
from pipeline.measuring import Telemetry
from predictions.definition import Definition
from predictions.load import validate_sql
from predictions.milestones import alerts_of
from predictions.robustness import with_robustness
from predictions.views import install_views
from schemas.alerts import Alert
from schemas.outcomes import Outcome
from schemas.records import OutRecord, RecordBatch
from schemas.settling import Landed
from schemas.topics import EVENT_TYPES, SETTLE_READS
from sinks.alerts import IDEMPOTENCY_KEY, log_attempt, mark_delivered, pending_records
from sinks.base import StoreLocked
from sinks.duckdb_sink import DuckDBSink
from sinks.receivers import TOPIC, Receiver
from sinks.snapshot import SnapshotTimer

logger = logging.getLogger(__name__)

DEADLINES_EVERY: Final = timedelta(seconds=30)
"""How often predictions are looked at although no event came: a deadline passes by itself."""

OnWait = Callable[[StoreLocked], None]

FOREVER_SECONDS: Final = 10 * 365 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class SettleParts:
    """What the station is made of, built in the thread that uses it."""

    sink: DuckDBSink
    tools: SettleTools
    receivers: Mapping[str, Receiver]
    """Those that are told from here; the topic is told by the agent."""
    snapshot: Path
    definitions: tuple[Definition, ...]

    def open(self, wait_seconds: float | None = None, on_wait: OnWait | None = None) -> None:
        """Take the store and prepare it for the predictions: their views, and what is declared.

        Raises StoreLocked, and BrokenDefinition where a criterion does not fit the views.
        """
        self.sink.open(wait_seconds, on_wait)
        try:
            self._prepare()
        except BaseException:
            self.sink.close()
            raise

    def _prepare(self) -> None:
        with self.sink.transaction() as transaction:
            install_views(transaction.connection)
            validate_sql(transaction.connection, self.definitions)
            now = self.tools.clock()
            self.tools.predictions.declare(transaction.connection, now)
            # The registry or a definition may have changed since the last start: look at everything once.
            changes = self.tools.predictions.evaluate(transaction.connection, frozenset(EVENT_TYPES), now)
            told = transaction.told(change.definition.id for change in changes)
            alerts = with_robustness(transaction.connection, changes, alerts_of(changes, told))
            transaction.queue(alerts, self.tools.receivers)


class SettleStation:
    """Runs ``settle_batch`` behind an agent. Landing is exactly once, alerts at least once (see ``sinks.base``).

    A second process with this station waits in ``open`` until the first gives the file free: a hot standby.
    """

    name = "settle"
    topics = SETTLE_READS

    def __init__(
        self,
        make_parts: Callable[[], SettleParts],
        on_settled: Callable[[Settled], None] = lambda _: None,
        give_up: threading.Event | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._telemetry = telemetry or Telemetry()
        self.standing_by = ""
        self._make_parts = make_parts
        self._on_settled = on_settled
        self._give_up = give_up
        self._open_parts: SettleParts | None = None
        self.total = Landed()
        """Outcomes of this run so far."""

    def open(self) -> None:
        """Take the store, waiting for it where another process has it; declare the predictions."""
        parts = self._make_parts()
        parts.open(FOREVER_SECONDS, self._on_wait())
        self.standing_by = ""
        self._open_parts = parts
        parts.sink.on_commit = lambda seconds: self._telemetry.observe(names.COMMIT_SECONDS, seconds)
        self._settle((), parts)
        self._housekeeping = Housekeeping(
            *(parts.sink, parts.receivers, parts.snapshot, SnapshotTimer(), parts.tools.clock), self._telemetry
        )
        self._housekeeping.start()

    def process(self, records: RecordBatch) -> Sequence[OutRecord]:
        """Step 2 of the agent: one transaction. Nothing is produced here; alerts leave through the outbox."""
        self._settle(records, self._parts)
        return ()

    def tick(self) -> Sequence[OutRecord]:
        """After the commit: look at deadlines, wake the housekeeping, hand over alerts for the topic."""
        parts = self._parts
        self._housekeeping.check()
        if parts.tools.clock() - self._deadlines_seen >= DEADLINES_EVERY:
            self._settle((), parts)
        self._housekeeping.wake()
        with parts.sink.reader() as connection:
            return [record for _, record in pending_records(connection)]

    def delivered(self, records: Sequence[OutRecord]) -> None:
        """Kafka has these alerts."""
        parts = self._parts
        now = parts.tools.clock()
        with parts.sink.transaction() as transaction:
            for record in records:
                mark_delivered(transaction.connection, dict(record.headers)[IDEMPOTENCY_KEY].decode(), TOPIC, now)
        self._telemetry.add(names.ALERT_ATTEMPTS, len(records), receiver=TOPIC, result="delivered")
        for record in records:
            log_attempt(Alert.model_validate_json(record.value), TOPIC, None)

    def stored_offsets(self) -> Mapping[tuple[str, int], int] | None:
        """Where DuckDB says that reading goes on; loaded files have offsets too, which are no business of Kafka's."""
        return {place: offset for place, offset in self._parts.sink.stored_offsets().items() if place[0] in self.topics}

    def close(self) -> None:
        """A last round of the housekeeping, and the file is free for the next."""
        parts, self._open_parts = self._parts, None
        self._housekeeping.stop()
        parts.sink.close()

    @property
    def _parts(self) -> SettleParts:
        if self._open_parts is None:
            raise RuntimeError("settle is not open")
        return self._open_parts

    def _settle(self, records: RecordBatch, parts: SettleParts) -> None:
        settled = settle_batch(records, parts.tools)
        self._deadlines_seen = parts.tools.clock()
        self.total += settled.landed
        self._measure(settled, self._deadlines_seen.timestamp())
        self._on_settled(settled)

    def _measure(self, settled: Settled, now: float) -> None:
        landed, batch, told = settled.landed, settled.batch, self._telemetry
        told.add(names.OUTCOMES, landed.landed, outcome=Outcome.LANDED)
        told.add(names.OUTCOMES, landed.duplicate, outcome=Outcome.DUPLICATE)
        told.add(names.OUTCOMES, landed.rejected, outcome=Outcome.REJECTED)
        told.add(names.REDELIVERED, landed.redelivered)
        told.rejected(landed.rules)
        known = [one.known_at for kind in (batch.signals, batch.rejections, batch.decisions) for one in kind]
        told.observe(names.LATENCY, [max(0.0, now - known_at.timestamp()) for known_at in known])

    def _on_wait(self) -> OnWait:
        def on_wait(locked: StoreLocked) -> None:
            if self._give_up is not None and self._give_up.is_set():
                raise locked
            if not self.standing_by:
                logger.warning("standing by: %s", locked)
            self.standing_by = str(locked)

        return on_wait
