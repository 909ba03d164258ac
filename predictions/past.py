"""The store as it was: what had happened by a day, as it was known at an instant. From stored events alone.

Temporary views of the same names stand in front of ``events``, ``decisions`` and the typed views meanwhile, and DuckDB
lets every view that reads those read them. So whatever is computed then, through however many helper views, is what a
store would say in which only the events known by then had ever landed. Reference tables are those of today.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

import duckdb

from predictions import store
from predictions.criterion import Query, compile_reading, run, shared
from predictions.definition import Definition, Reading
from predictions.fold import Changes, Clock, fold, steps_of
from predictions.standing import Standing
from schemas.topics import EVENT_TYPES

_FACTS: Final = tuple(f"facts_{name.replace('-', '_')}" for name in EVENT_TYPES)

Judged = tuple[Definition, Reading]


@dataclass(frozen=True, slots=True)
class Point:
    """Two times: ``known``, until when what became known counts, and ``as_of``, the last day in the world.

    ``clock`` says which clock ``known`` is read from: ``known_at``, when this installation learnt of an event, or
    ``reported_at``, when its publisher did. What people resolved is left out of the latter: it is no news from outside.
    """

    known: datetime
    as_of: date | None = None
    clock: Clock = "known_at"

    @property
    def now(self) -> datetime:
        """The instant up to which deadlines have passed."""
        return self.known if self.as_of is None else min(self.known, end_of(self.as_of))


def end_of(day: date) -> datetime:
    """The last instant of a day, UTC."""
    return datetime.combine(day, time.max, UTC)


@contextmanager
def seen_at(connection: duckdb.DuckDBPyConnection, point: Point) -> Iterator[None]:
    """Let every view and query on this connection see the store as it was at that point."""
    views = _views(connection, point)
    made: list[str] = []
    try:
        for name, sql in views.items():
            connection.execute(f"CREATE TEMP VIEW {name} AS {sql}")
            made.append(name)
        yield
    finally:
        for name in reversed(made):
            connection.execute(f"DROP VIEW IF EXISTS temp.{name}")


def _views(connection: duckdb.DuckDBPyConnection, point: Point) -> Mapping[str, str]:
    ((database,),) = connection.execute("SELECT current_database()").fetchall()
    stored = f'"{database}".main'
    known = _instant(point.known)
    columns, resolved = "*", f"known_at <= {_instant(point.now)}"
    if point.clock == "reported_at":
        columns, resolved = "* REPLACE (reported_at AS known_at)", "FALSE"
    until_then = f"{point.clock} <= {known}"
    views = {
        "events": f"SELECT {columns} FROM {stored}.events WHERE {until_then}",
        # What a person resolved holds from that time on, so it changes no day before.
        "decisions": f"SELECT {columns} FROM {stored}.decisions "
        f"WHERE {until_then} AND (kind <> 'resolve' OR {resolved})",
    }
    if point.as_of is not None:
        # After corrections have ended what they correct: they do so whatever day they give it instead.
        day = f"DATE '{point.as_of.isoformat()}'"
        views |= {name: f"SELECT * FROM {stored}.{name} WHERE occurred_on <= {day}" for name in _FACTS}
    return views


def _instant(instant: datetime) -> str:
    return f"TIMESTAMPTZ '{instant.astimezone(UTC).isoformat()}'"


def histories(
    connection: duckdb.DuckDBPyConnection, judged: Iterable[Judged], point: Point
) -> dict[store.Key, tuple[Standing, ...]]:
    """The histories of readings up to a point, computed afresh."""
    compiled = [(pair, compile_reading(*pair)) for pair in judged]
    with seen_at(connection, point), shared(connection, (query for _, queries in compiled for query in queries)):
        changes, made = store.changes(connection), store.resolutions(connection)
        return {
            (definition.id, reading.id): _history(connection, (definition, reading), queries, point, changes, made)
            for (definition, reading), queries in compiled
        }


def _history(
    connection: duckdb.DuckDBPyConnection,
    judged: Judged,
    queries: Sequence[Query],
    point: Point,
    changes: Changes,
    made: store.Resolutions,
) -> tuple[Standing, ...]:
    definition, reading = judged
    rows = [row for query in queries for row in run(connection, query)]
    decided = [decision for about, decision in made.get(definition.id, ()) if about in (None, reading.id)]
    history = fold(definition, reading, steps_of(rows, changes, decided), point.now)
    # Its first standing dates from the prediction, which may lie ahead.
    return tuple(standing for standing in history if standing.known_at <= point.known)
