"""What a criterion says at one moment, and the ledger of live rows that criteria are measured from."""

from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol

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


class Queue:
    """Rows that lack facts or fail by one condition: those that lack least first, then in order of arrival.

    Kept in order, since it is looked at after every single event.
    """

    def __init__(self) -> None:
        self._order: list[tuple[int, int]] = []
        self._open: list[tuple[int, int]] = []
        """Of those that lack facts, near misses left out."""
        self._rows: dict[tuple[int, int], Candidate] = {}
        self._keys: dict[Candidate, tuple[int, int]] = {}
        self._arrivals: dict[Candidate, int] = {}

    def add(self, row: Candidate) -> None:
        """A row waits; one that comes back takes its old place."""
        arrival = self._arrivals.setdefault(row, len(self._arrivals))
        key = (len(row.unknown) + len(row.failing), arrival)
        insort(self._order, key)
        self._rows[key] = row
        self._keys[row] = key
        if row.is_open:
            insort(self._open, key)

    def drop(self, row: Candidate) -> None:
        """A row waits no longer, if it did."""
        key = self._keys.pop(row, None)
        if key is not None:
            del self._order[bisect_left(self._order, key)]
            del self._rows[key]
            if row.is_open:
                del self._open[bisect_left(self._open, key)]

    @property
    def open(self) -> int:
        """How many of them lack facts, near misses left out."""
        return len(self._open)

    def __iter__(self) -> Iterator[Candidate]:
        return (self._rows[key] for key in self._order)

    def first(self, wanted: Callable[[Candidate], bool] = lambda _: True) -> tuple[Waiting, ...]:
        """As many as are stored with a state."""
        found = list(islice((waiting(row) for row in self if wanted(row)), MAX_WAITING))
        facts = (waiting(self._rows[key]) for key in self._open if wanted(self._rows[key]))
        return _with_a_fact(found, facts)


class Ledger:
    """The live rows of one selection: those that hold, in order of arrival, and those that nearly do."""

    def __init__(self) -> None:
        self.holding: dict[Candidate, None] = {}
        self.pending = Queue()

    def add(self, row: Candidate) -> None:
        """Sort a row in."""
        if row.holds:
            self.holding[row] = None
        elif row.is_open or row.is_near_miss:
            self.pending.add(row)

    def drop(self, row: Candidate) -> None:
        """Take a row out again."""
        self.holding.pop(row, None)
        self.pending.drop(row)


class Newest:
    """The newest live row of each key, or the first by another order."""

    def __init__(self, order: Callable[[Candidate], Any] = lambda row: row.newest_by) -> None:
        self._by = order
        self._rows: dict[Hashable, dict[Candidate, None]] = {}
        self.of: dict[Hashable, Candidate] = {}

    def add(self, key: Hashable, row: Candidate) -> None:
        """A row of that key."""
        self._rows.setdefault(key, {})[row] = None
        if key not in self.of or self._by(row) > self._by(self.of[key]):
            self.of[key] = row

    def drop(self, key: Hashable, row: Candidate) -> None:
        """The row of that key is gone; an older one takes its place."""
        rows = self._rows.get(key, {})
        rows.pop(row, None)
        if rows:
            self.of[key] = max(rows, key=self._by)
        else:
            self._rows.pop(key, None)
            self.of.pop(key, None)


def waiting(row: Candidate) -> Waiting:
    """A row with the facts that it lacks, or the condition that it fails."""
    return Waiting(row, row.failing or row.unknown, near_miss=row.is_near_miss)


def listed(items: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """As many as are stored with a state."""
    rest = iter(items)
    return _with_a_fact(list(islice(rest, MAX_WAITING)), rest)


def _with_a_fact(found: list[Waiting], rest: Iterable[Waiting]) -> tuple[Waiting, ...]:
    """Near misses do not crowd out the facts that are waited for: where there are any, one is listed, since the state
    hangs on it."""
    if len(found) == MAX_WAITING and all(item.near_miss for item in found):
        found[-1] = next((item for item in rest if not item.near_miss), found[-1])
    return tuple(found)


def first_rows(rows: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """As many rows as are stored with a state, in order of arrival."""
    return tuple(islice(rows, MAX_EVIDENCE))


def number(value: float) -> str:
    """A number for people: ``2``, ``0.45``, ``1,200,000``."""
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
