"""What a worker is doing, readable from any thread: what /health, /ready, the metrics and the watchdog look at.

The event loop and the station's thread write here, a few words per batch; nobody waits for anybody. Steps are what the
worker waits for just now, each with the records that it is about. One that does not end is where the worker hangs.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pipeline.progress import Partition

Clock = Callable[[], float]
"""Seconds that never go back."""


class Phase(StrEnum):
    """How far a worker has come."""

    OPENING = "opening"
    """The station opens; a standby waits here for its lock."""
    JOINING = "joining"
    """It waits for its partitions and reads where to begin in them."""
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"
    """A fault stops it."""


OPENING_STEP: Final = "station.open"
CLOSING_STEP: Final = "station.close"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that the worker waits for."""

    name: str
    """``station.process``, ``delivering``, ``fetching``, ``committing`` ..."""
    where: str
    """The partitions and offsets that it is about; empty where it is about none."""
    since: float
    began_at: float
    """The same on the clock on the wall, seconds since 1970."""

    def told(self, now: float) -> str:
        """For people: what, of what, since when."""
        of = f" of {self.where}" if self.where else ""
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.began_at))
        return f"{self.name}{of} since {began} ({now - self.since:.0f} s)"


class Activity:
    """One station's worker. Every attribute is replaced whole, so that a reader in another thread never sees half."""

    def __init__(self, station: str, clock: Clock = time.monotonic) -> None:
        self.station: Final = station
        self.clock: Final = clock
        self.phase = Phase.OPENING
        self.phase_since = clock()
        self.fault: str | None = None
        """What stops it."""
        self.turned_at = clock()
        """When the event loop turned last."""
        self.progress_at = clock()
        """When a batch was finished last, or there was nothing to do."""
        self.finished_at: float | None = None
        """When a batch was finished last, on the clock on the wall."""
        self.lag: Mapping[Partition, int] = {}
        """Records not finished yet, by partition that is ours."""
        self.rebalances = 0
        self.stack: Callable[[], str] = lambda: ""
        """Where the station's thread is, as Python tells it; empty when it is idle."""
        self.standing_by: Callable[[], str] = lambda: ""
        """Why ``open`` waits; empty when it does not."""
        self._steps: dict[int, Step] = {}
        self._numbers = itertools.count()

    @contextmanager
    def step(self, name: str, where: str = "") -> Iterator[None]:
        """What is done inside the block may take a while, or for ever."""
        number = next(self._numbers)
        self._steps[number] = Step(name, where, self.clock(), time.time())
        try:
            yield
        finally:
            del self._steps[number]

    @property
    def steps(self) -> list[Step]:
        """What it waits for now, the longest first."""
        # A copy in one call: the event loop changes the mapping meanwhile.
        return sorted(self._steps.copy().values(), key=lambda step: step.since)

    def enter(self, phase: Phase) -> None:
        """It has come so far. A worker that failed stays so."""
        if self.phase not in (Phase.FAILED, phase):
            self.phase, self.phase_since = phase, self.clock()

    def fail(self, fault: str) -> None:
        """This stops it; the first one is what went wrong."""
        if self.fault is None:
            self.fault = fault
            self.enter(Phase.FAILED)

    def turned(self) -> None:
        """The event loop has turned."""
        self.turned_at = self.clock()

    def finished(self) -> None:
        """A batch is done."""
        self.progress_at = self.clock()
        self.finished_at = time.time()

    def nothing_waits(self) -> None:
        """Every record is done: no progress is none that is missing."""
        self.progress_at = self.clock()

    def assigned(self, partitions: set[Partition]) -> None:
        """These partitions are ours, and we do not know yet where to begin in them."""
        self.rebalances += 1
        self.lag = dict.fromkeys(partitions, 0)
        self.progress_at = self.clock()
        self.enter(Phase.JOINING if partitions else Phase.RUNNING)

    def where_it_is(self) -> str:
        """For people: what it waits for, and where the station's thread is."""
        now = self.clock()
        steps = "; ".join(step.told(now) for step in self.steps) or "nothing that it would tell"
        stack = self.stack()
        return f"it waits for {steps}" + (f"\n{stack}" if stack else "")


def told_lag(lag: Mapping[Partition, int], most: int = 5) -> str:
    """For people: where records wait, the longest queues first."""
    waiting = sorted(((count, place) for place, count in lag.items() if count), reverse=True)
    parts = [f"{topic}/{partition} {count:,}" for count, (topic, partition) in waiting[:most]]
    rest = len(waiting) - most
    return ", ".join(parts) + (f" and {rest} more partitions" if rest > 0 else "")
