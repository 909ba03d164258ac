"""The contract of a sink, its guarantee, and its faults.

**Guarantee: exactly once.** Whatever is delivered, and however often, every input gets one outcome, and the rows of a
batch are there if and only if the offsets that say so are there. A sink keeps it in five steps:

1. ``open``: take the store for this process alone; a second writer is refused or waits.
2. ``stored_offsets``: the caller seeks its log to these, whatever the log's own bookkeeping says.
3. ``transaction``: begin.
   a. ``land``: drop inputs that had their outcome before, tell duplicates from new events, write rows and outcomes.
   b. write what follows from them (evaluations of predictions), on the same transaction.
   c. ``address``: put alerts into the outbox.
   d. the next offsets are written with the rows, by ``land``.
4. Leaving the ``with`` block commits all of it; an exception rolls all of it back and goes on to the caller.
5. Only then may the caller acknowledge. A crash between 4 and 5 brings the batch again, and step 3a drops it.

Alerts leave the outbox *at least once*: they are sent after step 4, and a crash between sending and noting that it was
sent sends them again, with the same idempotency key.

Faults, beside those of ``schemas.faults``::

    TerminalFault
    ├── StoreLocked      another process has the store open
    ├── NewerDatabase    the store was written by a newer dualtrack or DuckDB
    ├── ForeignFile      the file is no store of dualtrack
    ├── NothingToRead    there is neither a store nor a snapshot
    └── StoreBroken      the driver refused in a way that trying again cannot change
    TransientFault
    └── StoreBusy        disk full, out of memory, a conflict: may pass
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from schemas.alerts import Addressed, Alert
from schemas.faults import TerminalFault, TransientFault
from schemas.settling import Landed, SettleBatch

Offsets = dict[tuple[str, int], int]
"""(topic, partition) to the offset to go on from."""

Clock = Callable[[], datetime]
"""Returns now, with a time zone."""


class StoreLocked(TerminalFault):
    """Another process has the store open. ``pid`` is None where the driver does not say which."""

    def __init__(self, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid


class NewerDatabase(TerminalFault):
    """The store was written by a newer version than this one: reading on could misread it, writing would harm it."""


class ForeignFile(TerminalFault):
    """The file at the store's path is not a store of dualtrack."""


class NothingToRead(TerminalFault):
    """Nothing has landed yet."""


class StoreBroken(TerminalFault):
    """The driver refused, and would refuse again."""


class StoreBusy(TransientFault):
    """The driver could not do it now: disk full, memory, a conflicting transaction."""


class SinkTransaction(Protocol):
    """One batch on its way in: everything done on it commits together or not at all."""

    def land(self, batch: SettleBatch, landed_at: datetime) -> Landed:
        """Write the rows, outcomes and offsets of a batch; says what became of it."""

    def queue(self, alerts: Sequence[Alert], receivers: Sequence[str]) -> int:
        """Put alerts into the outbox, once per key and receiver; returns how many were new."""

    def address(self, addressed: Sequence[Addressed], limits: Mapping[str, int | None] | None, now: datetime) -> int:
        """The same as rules say: to whom, and how many in an hour (``limits``, by rule)."""


class Sink(Protocol):
    """A place where batches land exactly once."""

    def open(self, wait_seconds: float | None = None, on_wait: Callable[[StoreLocked], None] | None = None) -> None:
        """Take the store. Raises StoreLocked when another process has it: at once, or after ``wait_seconds``."""

    def stored_offsets(self) -> Offsets:
        """Where to go on reading, as of the last committed transaction."""

    def transaction(self) -> AbstractContextManager[SinkTransaction]:
        """Commits on leaving, rolls back on an exception. One at a time."""

    def close(self) -> None:
        """Give the store free for others; harmless when it is not open."""
