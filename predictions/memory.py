"""What the engine has in memory between two batches: where each reading stands, and what would change that."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import duckdb

from predictions import store
from predictions.bundle import Reader
from predictions.candidates import Candidate
from predictions.criterion import Query
from predictions.definition import Definition, Path, Reading
from predictions.fold import Changes
from predictions.intake import Piece, all_events, ends, fresh_events
from predictions.live import Live, Place
from predictions.sightings import Key, Sightings
from predictions.standing import Resolution
from schemas.settling import Fresh
from schemas.topics import EVENT_TYPES


class Memory:
    """Every reading with its rows. Right as long as each batch is handed over, once, in the order of landing."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        readings: Mapping[Key, tuple[Definition, Reading]],
        queries: Mapping[Key, Sequence[Query]],
        broken: dict[Key, str],
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Look at everything that the store holds; ``on_progress`` is told how many events. Raises QueryFailed."""
        self.live: Final = {key: Live(*pair) for key, pair in readings.items()}
        self.faults = store.faults(connection)
        self.changes_of_mind: set[Key] = set()
        """Readings about which people have decided something since they were looked at."""
        self._resolutions = store.resolutions(connection)
        self._ends = ends(connection)
        readers = (Reader(key, query) for key, found in queries.items() for query in found)
        self._sightings = Sightings(connection, readers, broken)
        for events in all_events(connection, self._sightings.columns, self._sightings.event_types):
            self._look(Piece(events))
            on_progress(events.num_rows)
        self._look_further(connection, frozenset(EVENT_TYPES), again=False)

    def take(self, connection: duckdb.DuckDBPyConnection, fresh: Fresh) -> set[Key]:
        """Look at what a batch has added; returns the readings that it may have moved. Raises QueryFailed."""
        moved: set[Key] = set()
        if fresh.decided:
            moved |= self._decided(store.resolutions(connection))
        types = fresh.regrouped
        again = False
        if fresh.hashes:
            piece = fresh_events(connection, self._sightings.columns, fresh, self._ends)
            self._ends = piece.ends or self._ends
            moved |= self._look(piece)
            types |= frozenset(piece.events.column("event_type").unique().to_pylist())
            again = piece.ends is not None
        if types:
            moved |= self._look_further(connection, types, again=again)
        return moved

    @property
    def changes(self) -> Changes:
        """All corrections and retractions."""
        return self._ends.changes

    def rows(self, key: Key) -> list[Candidate]:
        """Every row of a reading."""
        return self.live[key].rows

    def made(self, key: Key) -> list[Resolution]:
        """What people have decided about a reading."""
        return [made for reading, made in self._resolutions.get(key[0], ()) if reading in (None, key[1])]

    def close(self) -> None:
        """Give the memory free."""
        self._sightings.close()

    def _look(self, piece: Piece) -> set[Key]:
        moved = set()
        seen = self._sightings.look(piece, self._ends)
        if piece.read_again:
            names = frozenset(piece.read_again)
            moved |= {key for key, live in self.live.items() if live.forget(names, self._sightings.paths_apart(key))}
        return moved | {key for key, rows in seen.items() if self.live[key].put(rows)}

    def _look_further(self, connection: duckdb.DuckDBPyConnection, types: frozenset[str], *, again: bool) -> set[Key]:
        """``again`` is for batches that changed events: the cause of what a row says may be another one now."""
        moved = set()
        for key, (paths, rows) in self._sightings.look_together().items():
            if self._replace(key, paths, rows, again=again):
                moved.add(key)
        for reader, found in self._sightings.look_at_store(connection, types):
            if self._replace(reader.key, (reader.query.path,), found, again=again):
                moved.add(reader.key)
        return moved

    def _replace(
        self, key: Key, paths: Iterable[Path], rows: Mapping[Place, Sequence[Candidate]], *, again: bool
    ) -> bool:
        live = self.live[key]
        gone: dict[Place, Sequence[Candidate]] = {place: () for place in live.places(paths) if place not in rows}
        return live.put({**gone, **rows}, again=again)

    def _decided(self, resolutions: dict[str, list[tuple[str | None, Resolution]]]) -> set[Key]:
        before, self._resolutions = self._resolutions, resolutions
        moved = {key for key in self.live if before.get(key[0]) != resolutions.get(key[0])}
        self.changes_of_mind |= moved
        return moved
