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
from predictions.criterion import compile_reading
from predictions.definition import Definition, Reading
from predictions.fold import Clock
from predictions.memory import Memory
from predictions.past import Point, histories
from predictions.standing import Standing
from schemas.faults import TerminalFault
from schemas.settling import Fresh


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
    fault: str = ""
    """How its SQL has failed: it is broken from now on. Its history stays as it is until the next start tries again."""

    @property
    def appended(self) -> tuple[Standing, ...]:
        """The standings that were written."""
        return self.history if self.rewritten else self.history[len(self.before) :]


def _stored_alike(history: tuple[Standing, ...], stored: tuple[Standing, ...]) -> bool:
    """Would the rows be the same, wording included?"""
    return history == stored and [one.detail for one in history] == [one.detail for one in stored]


class PredictionEngine:
    """Evaluates definitions. What it has worked out for a batch serves the next, once ``keep`` says that it holds."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._readings = {(item.id, reading.id): (item, reading) for item in definitions for reading in item.readings}
        self._definitions = {item.id: item for item in definitions}
        self._hashes = {item.id: item.hash for item in definitions}
        self._queries = {key: compile_reading(*pair) for key, pair in self._readings.items()}
        self._broken: dict[store.Key, str] = {}
        self._memory: Memory | None = None
        self._evaluated: Memory | None = None

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
        self, connection: duckdb.DuckDBPyConnection, now: datetime, fresh: Fresh | None = None
    ) -> tuple[Change, ...]:
        """Re-evaluate the readings that a batch, people's decisions or the calendar can have changed.

        ``fresh`` says what the batch has added. Without it, and where the evaluation before was not kept, everything is
        looked at. Raises QueryFailed where a query of one's own failed and broke the transaction: roll it back and try
        again, the query is left out then.
        """
        if not self._readings:
            return ()
        memory, self._memory = self._memory, None
        if memory is None or fresh is None:
            memory = self._remember(connection)
            due = set(memory.live)
        else:
            due = memory.take(connection, fresh)
        self._evaluated = memory
        due = {key for key, live in memory.live.items() if key in due or live.is_due(now)} - self._broken.keys()
        appended: list[store.Appended] = []
        found = [self._update(connection, memory, key, now, appended) for key in self._readings if key in due]
        store.append(connection, appended, now)
        return (*(change for change in found if change is not None), *self._faults(connection, memory, now))

    def keep(self) -> None:
        """The transaction of the last evaluation was committed: what was worked out for it holds."""
        self._memory, self._evaluated = self._evaluated, None

    def _remember(self, connection: duckdb.DuckDBPyConnection) -> Memory:
        if self._evaluated is not None:
            self._evaluated.close()
        return Memory(connection, self._readings, self._queries, self._broken)

    def _update(
        self,
        connection: duckdb.DuckDBPyConnection,
        memory: Memory,
        key: store.Key,
        now: datetime,
        appended: list[store.Appended],
    ) -> Change | None:
        """Bring a history up to date; ``appended`` takes what is to be stored of it, which may be all of it anew."""
        live = memory.live[key]
        before, same_rules = (tuple(live.history), True) if live.is_stored else self._stored(connection, key)
        again = live.move(memory.changes, memory.made(key), now, afresh=key in memory.changes_of_mind)
        memory.changes_of_mind.discard(key)
        history = tuple(live.history)
        if (again and same_rules and _stored_alike(history, before)) or (not again and len(history) == len(before)):
            live.is_stored = True
            return None
        rewritten = again and not _stored_alike(history[: len(before)], before)
        if rewritten or not same_rules:
            store.supersede(connection, key, now)
        new = tuple(enumerate(history))[0 if rewritten else len(before) :]
        appended.append(store.Appended(key, live.definition.version, self._hashes[key[0]], new))
        live.is_stored = True
        # Where only the wording has changed, nobody is told of it.
        if same_rules and history == before:
            return None
        return Change(live.definition, live.reading, before, history, rewritten)

    def _stored(self, connection: duckdb.DuckDBPyConnection, key: store.Key) -> tuple[tuple[Standing, ...], bool]:
        """The stored history, and whether it was judged by what the definition says now; without one it was not."""
        version, hash = store.judged_by(connection, key)
        same = (version, hash) == (self._definitions[key[0]].version, self._hashes[key[0]])
        return (store.stored_history(connection, key) if same else ()), same

    def _faults(self, connection: duckdb.DuckDBPyConnection, memory: Memory, now: datetime) -> Iterator[Change]:
        """Note whose SQL has failed since, and whose does no longer."""
        for key, (definition, reading) in self._readings.items():
            why = self._broken.get(key, "")
            fault = store.Fault(definition.version, self._hashes[key[0]], why) if why else None
            if fault == memory.faults.get(key):
                continue
            store.note_fault(connection, key, fault, now)
            if fault is None:
                del memory.faults[key]
            else:
                memory.faults[key] = fault
                history = tuple(memory.live[key].history) or self._stored(connection, key)[0]
                yield Change(definition, reading, history, history, rewritten=False, fault=why)

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
