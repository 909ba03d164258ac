"""Rows of ``story_events``: made of events, read and written. Which story each belongs to: ``sinks.story_groups``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

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
_JSON: Final = ("details", "story_details")


@dataclass(frozen=True, slots=True)
class StoryRow:
    """An event, what is compared of it, and where it was put."""

    event_hash: int
    source: str
    id: str
    event_type: str
    origin: str
    story_key: str | None
    days: int
    details: Mapping[str, str]
    occurred_on: date
    occurred_until: date
    follows_hash: int | None
    retracts_hash: int | None
    report: str = ""
    report_hash: int = 0
    is_current: bool = False
    story: str | None = None
    story_hash: int | None = None
    decided: bool = False
    is_first: bool = False
    open_until: date | None = None
    story_details: Mapping[str, str] | None = None

    @property
    def key_hash(self) -> int:
        """Of the key; an event that is never joined by itself has a key of its own."""
        return self.event_hash if self.story_key is None else text_hash(self.story_key)

    @property
    def key(self) -> str:
        """Equal for rows that may be one story."""
        return f"={self.event_hash}" if self.story_key is None else self.story_key

    @property
    def name(self) -> Identity:
        """Source and id."""
        return self.source, self.id

    def as_report(self) -> Report:
        """As it is grouped."""
        dates = (self.occurred_on, self.occurred_until)
        return Report(self.report_hash, self.report, self.key, self.days, *dates, self.details)


def label(name: Identity) -> str:
    """An event as people write it: ``source#id``."""
    return f"{name[0]}#{name[1]}"


COLUMNS: Final = (
    "event_hash, source, id, event_type, origin, story_key, details, occurred_on, occurred_until, follows_hash, "
    "retracts_hash, report, report_hash, is_current, story, story_hash, decided, is_first, open_until, story_details"
)


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
    return StoryRow(
        event_hash=itself,
        source=name[0],
        id=name[1],
        event_type=facts.event_type,
        origin=origin_key(stated),
        story_key=compared.key,
        days=compared.days,
        details=compared.details,
        occurred_on=facts.occurred_on,
        occurred_until=facts.occurred_until,
        follows_hash=follows,
        retracts_hash=_hash(data.get("retracts")),
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


def of_keys(connection: duckdb.DuckDBPyConnection, first_days: Mapping[int, date]) -> list[StoryRow]:
    """The current rows of each key (by hash) that begin on or after its day, or whose story was open on it."""
    return _of_keys(connection, first_days, "s.occurred_on >= from_day OR s.open_until >= from_day")


def firsts_of_keys(connection: duckdb.DuckDBPyConnection, first_days: Mapping[int, date]) -> list[StoryRow]:
    """Of each key (by hash) the first rows of the stories that were open on its day or later."""
    return _of_keys(connection, first_days, "s.is_first AND s.open_until >= from_day")


def _of_keys(connection: duckdb.DuckDBPyConnection, first_days: Mapping[int, date], condition: str) -> list[StoryRow]:
    if not first_days:
        return []
    # NumPy and not Arrow, for the reason that ``probe`` gives.
    wanted = {
        "wanted_hash": np.fromiter(first_days, dtype=np.uint64, count=len(first_days)),
        "days": np.array([(day - _EPOCH).days for day in first_days.values()], dtype=np.int32),
    }
    connection.register("wanted_keys", wanted)
    try:
        rows = connection.execute(f"""
            SELECT {COLUMNS} FROM story_events WHERE rowid IN (
                SELECT s.rowid
                FROM story_events s
                JOIN (SELECT wanted_hash, DATE '1970-01-01' + days AS from_day FROM wanted_keys) w
                    ON s.key_hash = w.wanted_hash
                WHERE s.is_current AND ({condition})
            )
        """).fetchall()
    finally:
        connection.unregister("wanted_keys")
    return read(rows)


def read(rows: Iterable[Sequence[Any]]) -> list[StoryRow]:
    """Rows as they are stored, in the order of ``COLUMNS``."""
    found = []
    for row in rows:
        names = ("event_hash", "source", "id", "event_type", "origin", "story_key", "details", "occurred_on")
        rest = ("occurred_until", "follows_hash", "retracts_hash", "report", "report_hash", "is_current")
        last = ("story", "story_hash", "decided", "is_first", "open_until", "story_details")
        values = dict(zip((*names, *rest, *last), row, strict=True))
        for name in _JSON:
            values[name] = None if values[name] is None else json.loads(values[name])
        dates = values["occurred_on"], values["occurred_until"]
        found.append(StoryRow(**values, days=days_of(values["event_type"], *dates)))
    return found


def write(connection: duckdb.DuckDBPyConnection, leaving: set[int], rows: Sequence[StoryRow]) -> None:
    """Take away the rows of these events, and insert the others."""
    if leaving:
        probe(connection, leaving, f"DELETE FROM story_events WHERE {hits('story_events', 'event_hash')}")
    insert(connection, "story_events", _table(rows))


_TYPES: Final[Mapping[str, pa.DataType]] = {
    **dict.fromkeys(("event_hash", "report_hash", "story_hash", "follows_hash", "retracts_hash"), pa.uint64()),
    **dict.fromkeys(("occurred_on", "occurred_until", "open_until"), pa.date32()),
    **dict.fromkeys(("is_current", "decided", "is_first"), pa.bool_()),
}


def _table(rows: Sequence[StoryRow]) -> pa.Table:
    names = COLUMNS.replace(",", " ").split()
    columns = {
        name: pa.array(
            [_dumped(getattr(row, name)) if name in _JSON else getattr(row, name) for row in rows],
            type=_TYPES.get(name, pa.string()),
        )
        for name in names
    }
    columns["key_hash"] = pa.array([row.key_hash for row in rows], type=pa.uint64())
    return pa.table(columns)


def _dumped(details: Mapping[str, str] | None) -> str | None:
    return None if details is None else json.dumps(details, sort_keys=True, ensure_ascii=False)
