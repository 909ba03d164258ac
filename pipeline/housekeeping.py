"""What settle does beside landing, in a thread of its own: telling people, and renewing the analysts' snapshot.

A webhook that hangs and a snapshot of a large file take seconds; landing must not wait for either.
"""

import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pipeline import telemetry as names
from pipeline.measuring import Telemetry
from schemas.faults import TransientFault
from sinks.alerts import deliver_due, oldest_waiting
from sinks.base import Clock
from sinks.duckdb_sink import DuckDBSink
from sinks.receivers import TOPIC, Receiver
from sinks.snapshot import SnapshotTimer

logger = logging.getLogger(__name__)

ROUND_SECONDS: Final = 1.0
LAST_ROUND_SECONDS: Final = 20.0


class Housekeeping:
    """Runs rounds of delivery and snapshots until it is stopped. A fault ends it and is raised by ``check``."""

    def __init__(
        self,
        sink: DuckDBSink,
        receivers: Mapping[str, Receiver],
        snapshot: Path,
        timer: SnapshotTimer,
        clock: Clock,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._sink = sink
        self._telemetry = telemetry or Telemetry()
        self._receivers = receivers
        self._snapshot = snapshot
        self._timer = timer
        self._clock = clock
        self._wake = threading.Event()
        self._stopping = False
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._rounds, name="dualtrack-housekeeping", daemon=True)

    def start(self) -> None:
        """Begin; the sink must be open."""
        self._thread.start()

    def wake(self) -> None:
        """Something has landed: have a round now."""
        self._wake.set()

    def check(self) -> None:
        """Raise the fault that ended the rounds, if one did."""
        if self._fault is not None:
            raise self._fault

    def stop(self) -> None:
        """Have a last round, with a last snapshot, and end. The sink may be closed afterwards."""
        self._stopping = True
        self._wake.set()
        self._thread.join(LAST_ROUND_SECONDS)
        if self._thread.is_alive():
            logger.warning("a receiver or the snapshot still hangs; what is undelivered stays in the outbox")

    def _rounds(self) -> None:
        try:
            while not self._stopping:
                self._wake.wait(ROUND_SECONDS)
                self._wake.clear()
                self._round()
            self._take_snapshot()
        # Whatever it is: a thread that ends in silence would leave people without alerts and analysts without news.
        except Exception as fault:
            self._fault = fault
            logger.exception("housekeeping ended")

    def _round(self) -> None:
        try:
            # Each delivery waits for its turn in the store: many of them must not keep analysts from a snapshot.
            done = deliver_due(self._sink, self._clock(), self._receivers, enough=lambda: self._timer.due)
            for (receiver, result), count in done.by_receiver.items():
                self._telemetry.add(names.ALERT_ATTEMPTS, count, receiver=receiver, result=result)
            with self._sink.reader() as connection:
                self._telemetry.alerts_wait((TOPIC, *self._receivers), oldest_waiting(connection))
        except TransientFault as fault:
            logger.warning("alerts wait: %s", fault)
        if self._timer.due:
            self._take_snapshot()
            self._wake.set()  # it may have cut a round of deliveries short

    def _take_snapshot(self) -> None:
        try:
            taken = self._sink.snapshot(self._snapshot)
            seconds = taken.seconds
            self._telemetry.snapshot_taken(seconds, taken.size)
        except TransientFault as fault:
            # Analysts see the one before for a while longer; nothing else depends on it.
            logger.warning("no snapshot this time: %s", fault)
            seconds = 1.0
        self._timer.taken(seconds)
