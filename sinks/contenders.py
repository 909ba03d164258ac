"""Which of the inputs with one (source, id) lands: the first in the order of (known_at, input), whenever it was read.

Rare: it takes several partitions, or several files, that bring the same event, and the later one read first. Landed
and duplicate rows have the same columns, in tables of their own, so that they can change places.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import duckdb

from schemas.outcomes import Outcome
from schemas.records import InputName
from schemas.topics import EVENT_TYPES
from sinks.arrow_rows import table_of
from sinks.identity import event_hash, input_hash
from sinks.probing import hits, instant, probe

Identity = tuple[str, str]
"""Source and id."""

_DUPLICATES_OF: Final[Mapping[str, str]] = {"events": "duplicate_events", "decisions": "duplicate_decisions"}
_LANDED_OF: Final[Mapping[str, str]] = {duplicates: landed for landed, duplicates in _DUPLICATES_OF.items()}
PLACES: Final = (*_DUPLICATES_OF, *_LANDED_OF)
"""The tables that hold an event or decision, landed or duplicate."""

_ASKED: Final[Mapping[str, str]] = {
    # What version 1 kept of a duplicate is not whole: it cannot land.
    "events": "event_type, corrects_hash IS NOT NULL OR retracts_hash IS NOT NULL, track IS NOT NULL",
    "decisions": "NULL, true, decided_by IS NOT NULL",
}


@dataclass(frozen=True, slots=True)
class Retired:
    """Identities of which a row was taken away."""

    identities: frozenset[Identity] = frozenset()


@dataclass(frozen=True, slots=True)
class _Contender:
    place: str
    identity: Identity
    known_at: datetime
    input: InputName
    event_type: str | None
    concerns_all: bool
    """A correction, a retraction or a decision: predictions about events of any type may hang on it."""
    whole: bool

    @property
    def has_landed(self) -> bool:
        return self.place in _DUPLICATES_OF

    @property
    def types(self) -> frozenset[str]:
        if self.concerns_all or self.event_type is None:
            return frozenset(EVENT_TYPES)
        return frozenset({self.event_type})


def retire(connection: duckdb.DuckDBPyConnection, inputs: Iterable[InputName]) -> Retired:
    """Take away everything that was written of these inputs, in the caller's transaction: they get another outcome.

    Afterwards call ``rank`` for the identities: a duplicate may have to land now.
    """
    leaving = list(inputs)
    if not leaving:
        return Retired()
    identities: set[Identity] = set()
    connection.register("leaving", _named(leaving))
    try:
        for place in PLACES:
            condition = _stands_in(place, "leaving", "input_")
            identities.update(connection.execute(f"SELECT source, id FROM {place} WHERE {condition}").fetchall())
            connection.execute(f"DELETE FROM {place} WHERE {condition}")
        for table in ("rejections", "outcomes"):
            connection.execute(f"DELETE FROM {table} WHERE {_stands_in(table, 'leaving')}")
    finally:
        connection.unregister("leaving")
    return Retired(frozenset(identities))


def rank(connection: duckdb.DuckDBPyConnection, identities: Iterable[Identity]) -> frozenset[str]:
    """Let the first of each identity be the landed one, in the caller's transaction.

    Returns the event types that predictions must look at again.
    """
    promoted: list[_Contender] = []
    demoted: list[_Contender] = []
    for contenders in _contenders(connection, frozenset(identities)):
        first = min(contenders, key=lambda one: (one.known_at, one.input))
        if not first.has_landed:
            promoted.append(first)
            demoted += [one for one in contenders if one.has_landed]
    for place in PLACES:
        _move(connection, place, [one.input for one in (*promoted, *demoted) if one.place == place])
    _note(connection, [one.input for one in promoted], Outcome.LANDED)
    _note(connection, [one.input for one in demoted], Outcome.DUPLICATE)
    return frozenset(name for one in (*promoted, *demoted) for name in one.types)


def _contenders(connection: duckdb.DuckDBPyConnection, identities: frozenset[Identity]) -> list[list[_Contender]]:
    """All that could land, by identity; what has landed always could."""
    columns = "source, id, epoch_us(known_at), input_topic, input_partition, input_offset"
    sql = "\nUNION ALL\n".join(
        f"SELECT '{place}', {columns}, {_ASKED[_LANDED_OF.get(place, place)]} "
        f"FROM {place} WHERE {hits(place, 'event_hash')}"
        for place in PLACES
    )
    found: dict[Identity, list[_Contender]] = {}
    for place, source, id, known_at, topic, partition, offset, *asked in probe(
        connection, {event_hash(*identity) for identity in identities}, sql
    ):
        name = InputName(topic, partition, offset)
        contender = _Contender(place, (source, id), instant(known_at), name, *asked)
        if contender.identity in identities and (contender.has_landed or contender.whole):
            found.setdefault(contender.identity, []).append(contender)
    return list(found.values())


def _move(connection: duckdb.DuckDBPyConnection, place: str, inputs: list[InputName]) -> None:
    """To the landed ones, or to the duplicates."""
    if not inputs:
        return
    target = _DUPLICATES_OF.get(place) or _LANDED_OF[place]
    connection.register("moving", _named(inputs))
    try:
        condition = _stands_in(place, "moving", "input_")
        connection.execute(f"INSERT INTO {target} BY NAME SELECT * FROM {place} WHERE {condition}")
        connection.execute(f"DELETE FROM {place} WHERE {condition}")
    finally:
        connection.unregister("moving")


def _note(connection: duckdb.DuckDBPyConnection, inputs: list[InputName], outcome: Outcome) -> None:
    if not inputs:
        return
    connection.register("moving", _named(inputs))
    try:
        condition = _stands_in("outcomes", "moving")
        connection.execute(f"UPDATE outcomes SET outcome = '{outcome.value}' WHERE {condition}")
    finally:
        connection.unregister("moving")


def _named(inputs: list[InputName]) -> Any:
    return table_of(
        {
            "input_hash": [input_hash(name) for name in inputs],
            "topic": [name.topic for name in inputs],
            "partition": [name.partition for name in inputs],
            "offset": [name.offset for name in inputs],
        }
    )


def _stands_in(table: str, names: str, prefix: str = "") -> str:
    """SQL condition: the row is that of one of the inputs in the table ``names``."""
    columns = ", ".join(f'"{prefix}{column}"' for column in ("topic", "partition", "offset"))
    wanted = 'SELECT topic, "partition", "offset" FROM'
    return f"rowid IN (SELECT rowid FROM {table} WHERE ({columns}) IN ({wanted} {names}))"
