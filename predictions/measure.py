"""What a criterion says at one moment, and the ledger of live rows that criteria are measured from."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from typing import Final, Protocol

from predictions.candidates import Candidate

MAX_EVIDENCE: Final = 50
MAX_WAITING: Final = 20
"""Lists that are stored with a state keep their first entries only; the counts are always of all."""

AFTER_FIRST: Final = "after the first step"
"""The condition that a second step fails in a series that has not shown the first."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that would count but for something: facts that nobody has stated, or one condition that fails."""

    row: Candidate
    conditions: tuple[str, ...]
    near_miss: bool


@dataclass(frozen=True, slots=True)
class Measure:
    """What a criterion says at one moment."""

    met: bool | None
    progress: float
    observed: float | None
    target: float
    evidence: tuple[Candidate, ...]
    waiting: tuple[Waiting, ...]
    words: str

    @property
    def waits_for_facts(self) -> bool:
        """Whether a missing fact, and not only a near miss, stands in the list."""
        return any(not item.near_miss for item in self.waiting)


class Tally(Protocol):
    """Keeps the live rows of one criterion and measures them."""

    def add(self, row: Candidate) -> None:
        """A row became known."""

    def drop(self, row: Candidate) -> None:
        """A row was corrected or retracted."""

    def measure(self, *, final: bool) -> Measure:
        """What the live rows say; ``final`` when nothing more can come."""


class Ledger:
    """The live rows of one selection in order of arrival: those that hold, and those that nearly do."""

    def __init__(self) -> None:
        self.holding: dict[Candidate, None] = {}
        self.pending: dict[Candidate, None] = {}

    def add(self, row: Candidate) -> None:
        """Sort a row in."""
        if row.holds:
            self.holding[row] = None
        elif row.is_open or row.is_near_miss:
            self.pending[row] = None

    def drop(self, row: Candidate) -> None:
        """Take a row out again."""
        self.holding.pop(row, None)
        self.pending.pop(row, None)


class Newest:
    """The newest live row of each key."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, dict[Candidate, None]] = {}
        self.of: dict[Hashable, Candidate] = {}

    def add(self, key: Hashable, row: Candidate) -> None:
        """A row of that key."""
        self._rows.setdefault(key, {})[row] = None
        if key not in self.of or row.newest_by > self.of[key].newest_by:
            self.of[key] = row

    def drop(self, key: Hashable, row: Candidate) -> None:
        """The row of that key is gone; an older one takes its place."""
        rows = self._rows.get(key, {})
        rows.pop(row, None)
        if rows:
            self.of[key] = max(rows, key=lambda other: other.newest_by)
        else:
            self._rows.pop(key, None)
            self.of.pop(key, None)


def waiting_for(rows: Iterable[Candidate]) -> tuple[Waiting, ...]:
    """The rows that lack facts or fail by one condition: those that lack least first, then in order of arrival."""
    return tuple(nsmallest(MAX_WAITING, _waiting(rows), key=lambda item: len(item.conditions)))


def _waiting(rows: Iterable[Candidate]) -> Iterator[Waiting]:
    for row in rows:
        if row.is_open:
            yield Waiting(row, row.unknown, near_miss=False)
        elif row.is_near_miss:
            yield Waiting(row, row.failing, near_miss=True)


def first_rows(rows: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """As many rows as are stored with a state, in order of arrival."""
    return tuple(islice(rows, MAX_EVIDENCE))


def number(value: float) -> str:
    """A number for people: ``2``, ``0.45``, ``1,200,000``."""
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
