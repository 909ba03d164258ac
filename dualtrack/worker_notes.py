"""The workers of this home: each notes its HTTP address in a file while it runs, and is asked there how it does.

A worker that was killed leaves its note behind; the process that it names is gone, or is another one by now.
"""

import json
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ASK_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One station of a worker process, as /ready tells it."""

    role: str
    station: str
    pid: int
    host: str
    http: str
    elsewhere: bool = False
    """Noted on another machine, or in another container: not ours to ask."""
    answers: bool = False
    healthy: bool = False
    ready: bool = False
    phase: str = "unknown"
    problems: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def look_at_workers(folder: Path) -> list[WorkerState]:
    """Ask every worker that noted itself here and is still there."""
    if not folder.is_dir():
        return []
    return [state for note in sorted(folder.glob("*.json")) for state in _states(note)]


def _states(note: Path) -> Iterator[WorkerState]:
    try:
        said = json.loads(note.read_text("utf-8"))
        role, pid, host, http = str(said["role"]), int(said["pid"]), str(said["host"]), str(said["http"])
        written = note.stat().st_mtime
    except (OSError, ValueError, KeyError, TypeError):
        return  # being written or removed just now, or no note of ours
    if host != socket.gethostname():
        yield WorkerState(role, role, pid, host, http, elsewhere=True)
    elif _lives(pid, written):
        yield from _ask(role, pid, host, http)


def _lives(pid: int, noted_at: float) -> bool:
    """Is it still the process that wrote the note? A number is given to another process some day."""
    import psutil

    try:
        process = psutil.Process(pid)
        # The clock on the wall may have been set meanwhile; within a minute is the same process.
        return bool(process.create_time() < noted_at + 60 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _ask(role: str, pid: int, host: str, http: str) -> Iterator[WorkerState]:
    import httpx

    try:
        # Never through a proxy: it is on this machine.
        with httpx.Client(timeout=ASK_SECONDS, trust_env=False) as client:
            said = client.get(f"http://{http}/ready").json()
        if said["pid"] != pid:
            return
        for one in said["stations"]:
            yield WorkerState(
                *(role, str(one["station"]), pid, host, http),
                answers=True,
                healthy=bool(one["healthy"]),
                ready=bool(one["ready"]),
                phase=str(one["phase"]),
                problems=tuple(one["problems"]),
                waits=tuple(one["waits"]),
            )
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        yield WorkerState(role, role, pid, host, http)
