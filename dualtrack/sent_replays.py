"""Which replays were sent to Kafka and have no outcome yet, so that a second ``replay`` does not send them again.

What became of a replay is known only when settle has landed it and a snapshot was made. Until then the rejection is
still listed as open, and Ctrl-C and a second call would send it twice: no harm (the second is a duplicate), but a
surprise. So what is sent is noted beside the store, in ``replays.jsonl``: before it is sent, and when Kafka confirmed.
"""

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from dualtrack.replay import ListedRejection


class ReplayRunning(Exception):
    """Another ``rejections replay`` of this home is at work."""


@dataclass(frozen=True, slots=True)
class _Note:
    attempts: int
    """How often it had been replayed, with outcome, when it was sent."""
    confirmed: bool


class SentReplays:
    """The notes of one home; a context manager, held by one command at a time."""

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._file: IO[bytes] | None = None
        self._notes: dict[str, _Note] = {}

    def __enter__(self) -> Self:
        """Take the notes. Raises ReplayRunning where another command has them."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("ab+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ReplayRunning(f"another `rejections replay` is at work ({self._path} is locked)") from None
        file.seek(0)
        line = b"\n"
        line = b"\n"
        for line in file:
            self._read(line)
        if not line.endswith(b"\n"):
            file.write(b"\n")  # a crash cut the last line off
        if not line.endswith(b"\n"):
            file.write(b"\n")  # a crash cut the last line off
        self._file = file
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def waiting(self, item: ListedRejection) -> bool:
        """Was it sent, confirmed by Kafka, and has that replay no outcome in the store yet?"""
        note = self._notes.get(item.input)
        return note is not None and note.confirmed and item.attempts <= note.attempts

    def doubtful(self, item: ListedRejection) -> bool:
        """Was it about to be sent when the command ended? It may have arrived, or not."""
        note = self._notes.get(item.input)
        return note is not None and not note.confirmed and item.attempts <= note.attempts

    def note(self, items: Iterable[ListedRejection], *, confirmed: bool) -> None:
        """Remember that these are about to be sent, or that Kafka has confirmed them; on disk before it returns."""
        if self._file is None:
            raise RuntimeError("the notes are not open")
        notes = {item.input: _Note(item.attempts, confirmed) for item in items}
        for name, note in notes.items():
            line = {"input": name, "attempts": note.attempts, "confirmed": note.confirmed}
            self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._notes |= notes

    def forget_settled(self, still_open: Iterable[ListedRejection]) -> None:
        """Empty the file once nothing in it waits any more."""
        if self._file is not None and not any(self.waiting(item) or self.doubtful(item) for item in still_open):
            self._file.truncate(0)
            self._notes.clear()

    def _read(self, line: bytes) -> None:
        # A line that a crash cut off says nothing: what it was about is sent again, which does no harm.
        try:
            told = json.loads(line)
            self._notes[told["input"]] = _Note(int(told["attempts"]), bool(told["confirmed"]))
        except (ValueError, KeyError, TypeError):
            return
