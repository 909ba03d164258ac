"""Which stores this process has open for writing.

DuckDB locks its file with POSIX record locks. They belong to the process, and closing *any* handle of the file drops
them without a word: a second opening in the writer's process, even for reading, would let another writer in.
So whoever opens a store asks here first.
"""

import os
import threading
from pathlib import Path

from sinks.base import StoreLocked

_open: set[Path] = set()
_guard = threading.Lock()


def hold(path: Path) -> None:
    """Note that this process writes the store; raises StoreLocked when it does so already."""
    with _guard:
        if path.resolve() in _open:
            raise StoreLocked(f"this process ({os.getpid()}) already has the store {path} open", os.getpid())
        _open.add(path.resolve())


def release(path: Path) -> None:
    """Take the note back; harmless without one."""
    with _guard:
        _open.discard(path.resolve())


def held_here(path: Path) -> bool:
    """Does this process write the store?"""
    with _guard:
        return path.resolve() in _open
