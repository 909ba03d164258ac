"""Rows of ``story_events``: made of events, read and written. Which story each belongs to: ``sinks.story_groups``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from schemas.settling import ArrivedSignal
from sinks.identity import event_hash, text_hash
from sinks.probing import hits, insert, probe
from stories.grouping import Identity, Report
from stories.origins import origin_key, origin_label
from stories.rules import Facts, days_of, signature

_EPOCH: Final = date(1970, 1, 1)


class Place(NamedTuple):
    """Where an event was put; all but ``story`` and ``decided`` before people's decisions."""

    story: str | None = None
    story_hash: int | None = None
    decided: bool = False
    is_first: bool = False
    open_until: date | None = None
    story_details: str | None = None


NOWHERE: Final = Place()


@dataclass(frozen=True)
class StoryRow:
    """An event, what is compared of it, and where it was put."""

    event_hash: int
    source: str
    id: str
    event_type: str
    origin: str
    story_key: str | None
    key_hash: int
    details: str
    """As JSON."""
    occurred_on: date
    occurred_until: date
    follows_hash: int | None
    retracts_hash: int | None
    report: str
    report_hash: int
    is_current: bool
    place: Place = NOWHERE

    @cached_property
    def key(self) -> str:
        """Equal for rows that may be one story; an event that is never joined by itself has a key of its own."""
        return f"={self.event_hash}" if self.story_key is None else self.story_key

    @cached_property
    def as_report(self) -> Report:
        """As it is grouped."""
        dates = (self.occurred_on, self.occurred_until)
        days = days_of(self.event_type, *dates)
        return Report(self.report_hash, self.report, self.key, days, *dates, from_json(self.details))

    def put(self, place: Place) -> "StoryRow":
        """The same row in another place; itself where that is no other. Called for every report of long keys."""
        if place == self.place:
            return self
        moved = object.__new__(StoryRow)
        moved.__dict__.update(self.__dict__, place=place)
        return moved


@lru_cache(maxsize=10_000)
def from_json(details: str) -> Mapping[str, str]:
    """Details by name; not to be changed."""
    found: dict[str, str] = json.loads(details)
    return found


def as_json(details: Mapping[str, str]) -> str:
    """Details as they are stored."""
    return json.dumps(details, sort_keys=True, ensure_ascii=False) if details else "{}"


def label(name: Identity) -> str:
    """An event as people write it: ``source#id``."""
    return f"{name[0]}#{name[1]}"


_ROW: Final = (
    "event_hash, source, id, event_type, origin, story_key, key_hash, details, occurred_on, occurred_until, "
    "follows_hash, retracts_hash, report, report_hash, is_current"
)
COLUMNS: Final = f"{_ROW}, {', '.join(Place._fields)}"
_OF_ROW: Final = len(_ROW.split(","))


def row_of(arrived: ArrivedSignal) -> StoryRow:
    """The row of an event that lands."""
    signal = arrived.signal
    return _row(
        name=(signal.envelope["source"], signal.envelope["id"]),
        data=signal.data,
        facts=Facts(
            signal.event_type,
            signal.data,
            {org.name: org.id for org in signal.orgs},
            signal.occurred_first,
            signal.occurred_last,
        ),
    )


def rows_of_events(connection: duckdb.DuckDBPyConnection, hashes: set[int]) -> list[StoryRow]:
    """The rows of events that landed before, made anew."""
    sql = f"""
        SELECT source, id, event_type, fields, corrects, retracts, derived_from, publisher, origin, urls,
            list_transform(orgs, lambda o: [o."name", o.id]), occurred_on, occurred_until
        FROM events WHERE {hits("events", "event_hash")}
    """
    found = []
    for source, id, event_type, fields, corrects, retracts, derived, publisher, origin, urls, orgs, *dates in probe(
        connection, hashes, sql
    ):
        data = json.loads(fields) if fields else {}
        # What all events have stands in columns of its own, and not in the fields.
        data |= {"corrects": corrects, "retracts": retracts, "derived_from": derived}
        data |= {"publisher": publisher, "origin": origin, "urls": urls}
        facts = Facts(event_type, data, dict(orgs or ()), *dates)
        found.append(_row((source, id), data, facts))
    return found


def _row(name: Identity, data: Mapping[str, Any], facts: Facts) -> StoryRow:
    compared = signature(facts)
    itself = event_hash(*name)
    follows = _other(data.get("corrects"), itself) or _other(data.get("derived_from"), itself)
    stated = origin_label(data.get("publisher"), data.get("origin"), data.get("urls") or (), name[0])
    retracts = _hash(data.get("retracts"))
    return StoryRow(
        event_hash=itself,
        source=name[0],
        id=name[1],
        event_type=facts.event_type,
        origin=origin_key(stated),
        story_key=compared.key,
        key_hash=itself if compared.key is None else text_hash(compared.key),
        details=as_json(compared.details),
        occurred_on=facts.occurred_on,
        occurred_until=facts.occurred_until,
        follows_hash=follows,
        retracts_hash=retracts,
        report=label(name),
        report_hash=itself,
        is_current=retracts is None,
    )


def _hash(identity: Any) -> int | None:
    return event_hash(identity["source"], identity["id"]) if isinstance(identity, Mapping) else None


def _other(identity: Any, itself: int) -> int | None:
    found = _hash(identity)
    return None if found == itself else found


def stored(connection: duckdb.DuckDBPyConnection, hashes: set[int], *columns: str) -> list[StoryRow]:
    """The stored rows that have one of the hashes in one of the columns."""
    condition = " OR ".join(hits("story_events", column) for column in columns)
    return read(probe(connection, hashes, f"SELECT {COLUMNS} FROM story_events WHERE {condition}"))


Span = tuple[int, date, date]
"""A key (by hash) and two days; there may be several spans of one key."""


def of_keys(connection: duckdb.DuckDBPyConnection, spans: Sequence[Span]) -> list[StoryRow]:
    """The current rows of each key that begin in its span, or earlier in a story that was open then."""
    inside = "s.occurred_on <= to_day AND (s.occurred_on >= from_day OR s.open_until >= from_day)"
    return _of_keys(connection, spans, inside)


def firsts_of_keys(connection: duckdb.DuckDBPyConnection, spans: Sequence[Span]) -> list[StoryRow]:
    """Of each key the first rows of the stories that were open at some time of a span."""
    return _of_keys(connection, spans, "s.is_first AND s.occurred_on <= to_day AND s.open_until >= from_day")


def _of_keys(connection: duckdb.DuckDBPyConnection, spans: Sequence[Span], condition: str) -> list[StoryRow]:
    if not spans:
        return []
    # NumPy and not Arrow, for the reason that ``probe`` gives.
    wanted = {
        "wanted_hash": np.array([key for key, _, _ in spans], dtype=np.uint64),
        "first": np.array([(first - _EPOCH).days for _, first, _ in spans], dtype=np.int32),
        "last": np.array([(last - _EPOCH).days for _, _, last in spans], dtype=np.int32),
    }
    connection.register("wanted_keys", wanted)
    try:
        rows = connection.execute(f"""
            SELECT {COLUMNS} FROM story_events WHERE rowid IN (
                SELECT s.rowid
                FROM story_events s
                JOIN (
                    SELECT wanted_hash, DATE '1970-01-01' + first AS from_day, DATE '1970-01-01' + last AS to_day
                    FROM wanted_keys
                ) w ON s.key_hash = w.wanted_hash
                WHERE s.is_current AND {condition}
            )
        """).fetchall()
    finally:
        connection.unregister("wanted_keys")
    return read(rows)


def read(rows: Iterable[tuple[Any, ...]]) -> list[StoryRow]:
    """Rows as they are stored, in the order of ``COLUMNS``."""
    return [StoryRow(*[*row[:_OF_ROW], Place(*row[_OF_ROW:])]) for row in rows]


def write(connection: duckdb.DuckDBPyConnection, leaving: set[int], rows: Sequence[StoryRow]) -> None:
    """Take away the rows of these events, and insert the others."""
    if leaving:
        probe(connection, leaving, f"DELETE FROM story_events WHERE {hits('story_events', 'event_hash')}")
    insert(connection, "story_events", _table(rows))


_TYPES: Final[Mapping[str, pa.DataType]] = {
    **dict.fromkeys(
        ("event_hash", "key_hash", "report_hash", "story_hash", "follows_hash", "retracts_hash"), pa.uint64()
    ),
    **dict.fromkeys(("occurred_on", "occurred_until", "open_until"), pa.date32()),
    **dict.fromkeys(("is_current", "decided", "is_first"), pa.bool_()),
}


def _table(rows: Sequence[StoryRow]) -> pa.Table:
    columns = {name: [getattr(row, name) for row in rows] for name in _ROW.split(", ")}
    columns |= {name: [getattr(row.place, name) for row in rows] for name in Place._fields}
    return pa.table({name: pa.array(some, type=_TYPES.get(name, pa.string())) for name, some in columns.items()})
