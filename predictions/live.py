"""What the engine remembers of a reading between two batches: its rows, how far it has come, and its history."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from predictions.candidates import Candidate
from predictions.definition import Definition, Path, Reading
from predictions.fold import Changes, Course, Identity, Step, calendar, steps_of
from predictions.standing import Resolution, Standing

Place = tuple[Path, Identity]
"""A selection of the reading, and the event that named the row."""

Rows = Mapping[Place, Sequence[Candidate]]


class Live:
    """A reading and all its rows.

    What became known after everything else is added to the end of the history. Anything else (a correction, an event
    that comes late) makes the history anew, from the rows in memory.
    """

    def __init__(self, definition: Definition, reading: Reading) -> None:
        self.definition: Final = definition
        self.reading: Final = reading
        self.history: list[Standing] = []
        self.is_stored = False
        """Does the store hold this very history?"""
        self._rows: dict[Place, tuple[Candidate, ...]] = {}
        self._course = Course(definition, reading)
        self._fresh: list[Candidate] = []
        self._closed = False
        self._stale = True

    def places(self, paths: Iterable[Path]) -> list[Place]:
        """Where it has rows of some selections."""
        wanted = frozenset(paths)
        return [place for place in self._rows if place[0] in wanted]

    def forget(self, events: frozenset[Identity], apart: frozenset[Path]) -> bool:
        """Drop the rows that some events have named, but for those of selections ``apart``; were there any?"""
        gone = [place for place in self._rows if place[1] in events and place[0] not in apart]
        for place in gone:
            del self._rows[place]
        self._stale = self._stale or bool(gone)
        return bool(gone)

    def put(self, rows: Rows, *, again: bool = False) -> bool:
        """Replace what these places hold, by nothing where a sequence is empty. Returns whether anything is new.

        ``again`` takes rows for new that read as before.
        """
        moved = False
        for place, found in rows.items():
            before = self._rows.get(place, ())
            if before and not again and {row.name for row in before} == {row.name for row in found}:
                continue
            self._stale = self._stale or bool(before)
            self._fresh += found
            moved = moved or bool(before) or bool(found)
            if found:
                self._rows[place] = tuple(found)
            else:
                self._rows.pop(place, None)
        return moved

    def is_due(self, now: datetime) -> bool:
        """Has the deadline passed since it was looked at last?"""
        return not self._closed and self.reading.closes_at <= now

    def move(self, changes: Changes, made: Sequence[Resolution], now: datetime, *, afresh: bool = False) -> bool:
        """Bring the history up to date; returns whether it was made anew, and may differ in what it says of the past.

        ``afresh`` is for what the rows do not show: a person's decision.
        """
        steps = list(steps_of(self._fresh, changes, ()))
        if self.is_due(now):
            steps += [step for step in calendar(self.definition, self.reading, now) if step.action == "close"]
        self._fresh = []
        last = self._course.last
        self._closed = self.reading.closes_at <= now
        if afresh or self._stale or last is None or any(step.moment <= last for step in steps):
            self._again(changes, made, now)
            return True
        self.history += self._course.follow(steps)
        return False

    def _again(self, changes: Changes, made: Sequence[Resolution], now: datetime) -> None:
        rows = [row for found in self._rows.values() for row in found]
        steps: list[Step] = [*calendar(self.definition, self.reading, now), *steps_of(rows, changes, made)]
        self._course = Course(self.definition, self.reading)
        self.history = list(self._course.follow(steps))
        self._stale = False
