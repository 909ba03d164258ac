"""Which predictions and readings there are: those that the store at hand has declared, else those of this version."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from dualtrack.settings import Settings


class NoSuchReading(Exception):
    """A prediction or reading that there is not; the message names those that there are."""


@dataclass(frozen=True, slots=True)
class KnownReading:
    """A reading, and where it stands in the store; None where there is no store."""

    prediction: str
    id: str
    state: str | None = None


class KnownReadings:
    """All of them, in the order of their definitions."""

    def __init__(self, readings: Iterable[KnownReading]) -> None:
        self._by_prediction: dict[str, dict[str, KnownReading]] = {}
        for reading in readings:
            self._by_prediction.setdefault(reading.prediction, {})[reading.id] = reading

    @classmethod
    def at_hand(cls, settings: Settings) -> Self:
        """Those of the store of this home; where nothing has landed there, those that dualtrack comes with."""
        from dualtrack.tools import reading
        from predictions.load import load_definitions
        from predictions.read import list_predictions
        from sinks.base import NothingToRead

        try:
            with reading(settings) as connection:
                rows = list_predictions(connection)
        except NothingToRead:
            rows = []
        if rows:
            return cls(KnownReading(row["id"], row["reading"], row["state"]) for row in rows)
        return cls(KnownReading(one.id, reading.id) for one in load_definitions() for reading in one.readings)

    def prediction(self, id: str) -> str:
        """The identity of that prediction, however its letters are written; raises NoSuchReading."""
        return self._readings(id)[0].prediction

    def readings(self, id: str) -> list[str]:
        """The readings of that prediction, the first being the one that is meant where none is named."""
        return [reading.id for reading in self._readings(id)]

    def find(self, id: str, reading: str | None) -> KnownReading:
        """The reading of that name, or the first one; raises NoSuchReading."""
        known = self._readings(id)
        found = known[:1] if reading is None else [one for one in known if one.id == reading.strip().lower()]
        if not found:
            there = ", ".join(one.id for one in known)
            raise NoSuchReading(f"{known[0].prediction} has no reading {reading!r}; it has {there}")
        return found[0]

    def _readings(self, id: str) -> list[KnownReading]:
        known = self._by_prediction.get(id.strip().lower())
        if known is None:
            there = ", ".join(self._by_prediction) or "none"
            raise NoSuchReading(f"no prediction is called {id!r}; there are {there}")
        return list(known.values())
