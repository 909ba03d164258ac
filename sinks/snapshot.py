"""Snapshots: a copy of the store beside the live file, for everybody who reads.

While the writer has the live file open, no other process can open it, not even to read. The snapshot is an ordinary
DuckDB file that any client can open; who has it open keeps the version that they opened.

How a copy stays whole: the writer checkpoints, which leaves everything in the main file, and **makes no checkpoint
until the copy is done** (checkpoints during a copy spoiled 2 of 2 copies). Commits go on: they only append to the log
of changes (``.wal``), which is not copied. ``DuckDBSink`` ensures it: its DuckDB never checkpoints by itself
(``checkpoint_threshold``), and the sink's own checkpoints take a lock that a snapshot holds until the copy is done.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from sinks import held
from sinks.driver_faults import translated
from sinks.files import copy_by_child

SHARE: Final = 0.05
"""Largest part of the time that snapshots may take."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that was taken."""

    path: Path
    seconds: float
    """How long it took, checkpoint and copy."""
    size: int
    """Bytes."""


def take_snapshot(
    connection: duckdb.DuckDBPyConnection,
    live: Path,
    target: Path,
    quiet: AbstractContextManager[Any] | None = None,
) -> Snapshot:
    """Copy the live store to ``target``, which appears whole or not at all.

    1. ``CHECKPOINT`` on ``connection``, inside ``quiet`` (which keeps transactions out).
    2. A child process copies the file to a temporary name beside ``target``; it is flushed to disk.
    3. A ``.wal`` that somebody's writing on the old snapshot left is removed, and the copy takes the name.

    The caller ensures that nothing checkpoints before this returns: use ``DuckDBSink.snapshot``. Raises StoreBusy when
    the checkpoint or the copy cannot be made now; the old snapshot stays.
    """
    begun = time.perf_counter()
    target.parent.mkdir(parents=True, exist_ok=True)
    with quiet or nullcontext(), translated(live):
        connection.execute("CHECKPOINT")
    return _copied(live, target, begun)


def snapshot_closed_file(live: Path, target: Path) -> Snapshot:
    """Copy a store that nobody writes. Raises StoreLocked when somebody does."""
    begun = time.perf_counter()
    target.parent.mkdir(parents=True, exist_ok=True)
    held.hold(live)
    try:
        with translated(live):
            # Opened for writing and closed again, for DuckDB to fold in a log of changes that a crash has left.
            duckdb.connect(str(live)).close()
            # Held for reading during the copy: keeps writers out.
            with duckdb.connect(str(live), read_only=True):
                return _copied(live, target, begun)
    finally:
        held.release(live)


def _copied(live: Path, target: Path, begun: float) -> Snapshot:
    copy_by_child(live, target, before_replace=lambda: Path(f"{target}.wal").unlink(missing_ok=True))
    return Snapshot(target, time.perf_counter() - begun, target.stat().st_size)


class SnapshotTimer:
    """Says when the next snapshot is due, so that they never take more than ``share`` of the time.

    A snapshot of 0.2 s makes the next one wait at least 3.8 s. ``clock`` gives seconds and never goes back.
    """

    def __init__(
        self,
        shortest: float = 2.0,
        share: float = SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shortest = shortest
        self._share = share
        self._clock = clock
        self._due_at = clock()

    @property
    def seconds_left(self) -> float:
        """Seconds until the next snapshot is due; 0 when it is."""
        return max(0.0, self._due_at - self._clock())

    @property
    def due(self) -> bool:
        """Is it time for the next one?"""
        return self.seconds_left == 0

    def taken(self, seconds: float) -> None:
        """Note that a snapshot, which took that many seconds, has just been taken (or has failed)."""
        rest = seconds * (1 - self._share) / self._share
        self._due_at = self._clock() + max(self._shortest, rest)
