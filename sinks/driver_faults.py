"""DuckDB's errors as faults, decided in one place: may it pass, or not?"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from schemas.faults import Fault
from sinks.base import ForeignFile, NewerDatabase, StoreBroken, StoreBusy, StoreLocked

_PID: Final = re.compile(r"\(PID (\d+)\)")
_LOCK_WORDS: Final = ("could not set lock", "conflicting lock", "used by another process")
_HERE_WORDS: Final = ("unique file handle conflict", "different configuration than existing")
_SPACE_WORDS: Final = ("no space left", "disk full", "disk quota", "not enough space", "too many open files")
_NEWER_WORDS: Final = ("can only read version", "newer version of duckdb", "newer duckdb")
_FOREIGN_WORDS: Final = ("not a valid duckdb database", "exists, but it is not")

_MAY_PASS: Final = (duckdb.OutOfMemoryException, duckdb.TransactionException, duckdb.InterruptException)


def as_fault(error: duckdb.Error, path: Path | None = None) -> Fault:
    """The fault that a driver's error means. ``path`` is named in the message where it helps."""
    text = str(error)
    words = text.lower()
    where = f" ({path})" if path else ""
    if any(word in words for word in _LOCK_WORDS):
        return _locked(text, path)
    if any(word in words for word in _HERE_WORDS):
        return StoreLocked(f"this process has the store{where} open already: close that connection first", os.getpid())
    if any(word in words for word in _NEWER_WORDS):
        return NewerDatabase(f"the store{where} was written by a newer DuckDB than {duckdb.__version__}: {text}")
    if any(word in words for word in _FOREIGN_WORDS):
        return ForeignFile(f"the file{where} is no DuckDB database: {text}")
    if any(word in words for word in _SPACE_WORDS) or isinstance(error, _MAY_PASS):
        return StoreBusy(f"the store{where} could not do it now: {text}")
    return StoreBroken(f"the store{where} refused: {text}")


def _locked(text: str, path: Path | None) -> StoreLocked:
    found = _PID.search(text)
    pid = int(found[1]) if found else None
    holder = f"process {pid}" if pid else "another process"
    return StoreLocked(f"{holder} has the store {path or ''} open: stop it, or wait for it as a standby".strip(), pid)


@contextmanager
def translated(path: Path | None = None) -> Iterator[None]:
    """Turns the driver's errors inside the block into faults; everything else goes through."""
    try:
        yield
    except duckdb.Error as error:
        raise as_fault(error, path) from error
