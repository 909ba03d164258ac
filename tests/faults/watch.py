"""Watches a scene from outside: who holds the store's lock, and how much memory the workers take."""

import fcntl
import os
import struct
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from tests.faults.processes import Process

_FLOCK: Final = "hhqqi4x"
"""``struct flock`` on 64-bit Linux: type, whence, start, length, pid."""

EVERY_SECONDS: Final = 0.1


def lock_holder(file: Path) -> int | None:
    """The process that has a DuckDB file open for writing; None when nobody has. Takes no lock and drops none."""
    try:
        handle = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
        return None if kind == fcntl.F_UNLCK else int(pid)
    finally:
        os.close(handle)


class Watch:
    """Samples from entering the block to its end. ``processes`` may grow meanwhile."""

    def __init__(self, database: Path, processes: list[Process]) -> None:
        self.peaks: dict[str, int] = defaultdict(int)
        """Most resident memory per role, bytes."""
        self.samples_of_a_held_lock = 0
        self.unheld: list[str] = []
        """Moments at which a settle that works did not hold the lock of the store."""
        self._database = database
        self._processes = processes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            for process in list(self._processes):
                if process.exit_code is None:
                    self._look_at_memory(process)
            self._look_at_lock()

    def _look_at_memory(self, process: Process) -> None:
        try:
            size = psutil.Process(process.pid).memory_info().rss
        except psutil.Error:
            return
        role = process.name.rpartition("-")[2]
        self.peaks[role] = max(self.peaks[role], size)

    def _look_at_lock(self) -> None:
        writers = [process for process in list(self._processes) if "settle" in process.name and process.ready]
        holder = lock_holder(self._database)
        # One that was asked to end meanwhile may have given the store free.
        writing = [process for process in writers if process.ready]
        if holder is not None and any(process.pid == holder for process in writing):
            self.samples_of_a_held_lock += 1
        if any(process.pid != holder for process in writing):
            self.unheld.append(f"{time.monotonic():.1f}: held by {holder}, while {[p.pid for p in writing]} are ready")
