"""The engine: declares definitions, and re-evaluates the readings that a batch of events can have changed.

Everything is written on the caller's connection, inside the caller's transaction: an evaluation lands together with
the events that caused it, or not at all.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from predictions import store
from predictions.criterion import compile_reading, run, shared
from predictions.definition import Definition, Reading
from predictions.fold import Changes, Clock, fold, steps_of
from predictions.past import Point, histories
from predictions.standing import Resolution, Standing, State
from predictions.views import event_types_read
from schemas.faults import TerminalFault


class ChangedDefinition(TerminalFault):
    """What is judged was changed without a new version."""


@dataclass(frozen=True, slots=True)
class Change:
    """A reading whose stored history has grown, or was rewritten because the past turned out differently."""

    definition: Definition
    reading: Reading
    before: tuple[Standing, ...]
    """What was stored, of the same version; empty for a new one."""
    history: tuple[Standing, ...]
    """What is stored now."""
    rewritten: bool

    @property
    def appended(self) -> tuple[Standing, ...]:
        """The standings that were written."""
        return self.history if self.rewritten else self.history[len(self.before) :]


def _stored_alike(history: tuple[Standing, ...], stored: tuple[Standing, ...]) -> bool:
    """Would the rows be the same, wording included?"""
    return history == stored and [one.detail for one in history] == [one.detail for one in stored]


class PredictionEngine:
    """Evaluates definitions. Keeps nothing between calls but the definitions and their compiled queries."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._readings = {(item.id, reading.id): (item, reading) for item in definitions for reading in item.readings}
        self._definitions = {item.id: item for item in definitions}
        self._hashes = {item.id: item.hash for item in definitions}
        self._queries = {key: compile_reading(*pair) for key, pair in self._readings.items()}
        self._inputs = {
            key: event_types_read(*(query.sql for query in queries)) for key, queries in self._queries.items()
        }

    def declare(self, connection: duckdb.DuckDBPyConnection, now: datetime) -> None:
        """Record each definition with its hash; raises ChangedDefinition when a declared version reads differently.

        New wording under the same version is recorded too: only what is judged is bound to the version.
        """
        declared = store.declarations(connection)
        for definition in self._definitions.values():
            text = json.loads(definition.model_dump_json(by_alias=True, exclude_none=True))
            version, hash, known_text = declared.get(definition.id, (0, "", {}))
            self._check_version(definition, version, hash)
            if definition.version > version or text != known_text:
                connection.execute(
                    "INSERT INTO prediction_definitions VALUES (?, ?, ?, ?, ?)",
                    [definition.id, definition.version, self._hashes[definition.id], json.dumps(text), now],
                )

    def _check_version(self, definition: Definition, version: int, hash: str) -> None:
        where = definition.origin.at(("version",))
        if definition.version < version:
            raise ChangedDefinition(
                f"{where}: version {definition.version} of {definition.id} is older than version {version}, which is "
                "declared in this store: use the newer definition"
            )
        if definition.version == version and hash != self._hashes[definition.id]:
            raise ChangedDefinition(
                f"{where}: what version {version} of {definition.id} judges was changed after it was declared: undo "
                f"the change, or write `version: {version + 1}`"
            )

    def evaluate(
        self, connection: duckdb.DuckDBPyConnection, event_types: frozenset[str], now: datetime
    ) -> tuple[Change, ...]:
        """Re-evaluate the readings that these event types, people's decisions or the calendar can have changed.

        Pass ``frozenset(schemas.topics.EVENT_TYPES)`` when reference tables have changed.
        """
        heads = store.heads(connection)
        resolutions = store.resolutions(connection)
        due = [key for key in self._readings if self._is_due(key, heads.get(key), event_types, resolutions, now)]
        if not due:
            return ()
        changes = store.changes(connection)
        with shared(connection, (query for key in due for query in self._queries[key])):
            found = [self._update(connection, key, heads.get(key), changes, resolutions, now) for key in due]
        return tuple(change for change in found if change is not None)

    def _is_due(
        self,
        key: store.Key,
        head: store.Head | None,
        event_types: frozenset[str],
        resolutions: dict[str, list[tuple[str | None, Resolution]]],
        now: datetime,
    ) -> bool:
        if self._inputs[key] & event_types or key[0] in resolutions:
            return True
        if head is None or not self._judges_alike(key, head):
            return True
        closes_at = self._readings[key][1].closes_at
        # An open reading is always given a standing at its deadline, so its absence says that nobody has looked. An
        # annulled one is given one where its verdict turns; otherwise it is looked at in vain, which is rare enough.
        turns = head.state in (State.OPEN, State.ANNULLED)
        return turns and closes_at <= now and closes_at not in head.known_at

    def _version(self, key: store.Key) -> int:
        return self._definitions[key[0]].version

    def _update(
        self,
        connection: duckdb.DuckDBPyConnection,
        key: store.Key,
        head: store.Head | None,
        changes: Changes,
        resolutions: dict[str, list[tuple[str | None, Resolution]]],
        now: datetime,
    ) -> Change | None:
        """Compare the history that the events give with the stored one; append what is new, or write it anew."""
        definition, reading = self._readings[key]
        history = self._fold(connection, key, changes, resolutions, now)
        same_rules = head is not None and self._judges_alike(key, head)
        before = store.stored_history(connection, key) if same_rules else ()
        if same_rules and _stored_alike(history, before):
            return None
        rewritten = not _stored_alike(history[: len(before)], before)
        if head is not None and (rewritten or not same_rules):
            store.supersede(connection, key, now)
        new = tuple(enumerate(history))[0 if rewritten else len(before) :]
        store.append(connection, definition, reading.id, new, now)
        # Where only the wording has changed, nobody is told of it.
        return None if same_rules and history == before else Change(definition, reading, before, history, rewritten)

    def _judges_alike(self, key: store.Key, head: store.Head) -> bool:
        """Was the stored history judged by what the definition says now?"""
        return (head.version, head.definition_hash) == (self._version(key), self._hashes[key[0]])

    def _fold(
        self,
        connection: duckdb.DuckDBPyConnection,
        key: store.Key,
        changes: Changes,
        resolutions: dict[str, list[tuple[str | None, Resolution]]],
        now: datetime,
    ) -> tuple[Standing, ...]:
        rows = [row for query in self._queries[key] for row in run(connection, query)]
        made = [made for reading, made in resolutions.get(key[0], ()) if reading in (None, key[1])]
        return fold(*self._readings[key], steps_of(rows, changes, made), now)

    def history(
        self,
        connection: duckdb.DuckDBPyConnection,
        prediction: str,
        reading: str,
        now: datetime,
        *,
        known: datetime | None = None,
        as_of: date | None = None,
        clock: Clock = "known_at",
    ) -> tuple[Standing, ...]:
        """The history as it was: up to what was ``known``, of what had happened ``as_of`` a day.

        ``clock="reported_at"`` is a backtest: when each state could have been known, people's decisions left out.
        """
        key = (prediction, reading)
        if key not in self._readings:
            raise KeyError(f"no reading {reading!r} of a prediction {prediction!r}")
        point = Point(min(now, known) if known else now, as_of, clock)
        return histories(connection, [self._readings[key]], point)[key]

    def queries(self, prediction: str) -> Iterator[tuple[str, str]]:
        """The SQL of every reading of a prediction, by reading."""
        for (id, reading), queries in self._queries.items():
            if id == prediction:
                yield from ((reading, query.sql) for query in queries)
