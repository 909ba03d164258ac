"""A database in memory with the store's views over some of its events: what a batch means, without the rest.

A view over JSON costs milliseconds to plan and seconds to read over millions of rows. Here the same views, by the same
names, stand over the events of one batch, so that what a batch costs does not grow with the store; statements stay
prepared, since nothing in here is ever made anew. A statement that fails leaves the store's transaction alone.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import duckdb
import pyarrow as pa

from predictions.views import event_types_read, helper_views

Ending = tuple[int, int]
"""Microseconds since 1970 UTC at which an event stopped to hold: by the log's clock, and by the publishers'."""


_OF_THE_STORE: Final = "database_name = current_database()"
"""Others may be attached."""


class Scratch:
    """Typed views and helper views over whatever ``fill`` puts in."""

    def __init__(self, store: duckdb.DuckDBPyConnection, views: Iterable[str], sql: Iterable[str]) -> None:
        """``views`` can be read, with those that they read. Only columns of ``events`` that they, or ``sql``, name are
        kept here."""
        self.connection: Final = _in_memory()
        definitions = _definitions(store, views)
        self.columns: Final = _columns_named(store, (*definitions, *sql))
        listed = ", ".join(f'"{name}" {kind}' for name, kind in self.columns.items())
        self.connection.execute(f"CREATE TABLE events ({listed})")
        self.connection.execute(
            "CREATE TABLE supersessions (event_hash UBIGINT, known_until TIMESTAMPTZ, reported_until TIMESTAMPTZ)"
        )
        for table in _reference_tables(store):
            self.connection.from_arrow(store.execute(f"FROM {table}").to_arrow_table()).create(table)
        for definition in definitions:
            self.connection.execute(definition)

    @property
    def select(self) -> str:
        """The columns of the store's ``events`` that ``fill`` takes."""
        return ", ".join(f'"{name}"' for name in self.columns)

    def fill(self, events: pa.Table | pa.RecordBatch, endings: Mapping[int, Ending]) -> None:
        """Hold these events and no others; ``endings`` by hash, of those that hold no longer."""
        table = pa.Table.from_batches([events]) if isinstance(events, pa.RecordBatch) else events
        self.connection.execute("DELETE FROM events")
        self.connection.execute("DELETE FROM supersessions")
        if table.num_rows:
            self.connection.from_arrow(table).insert_into("events")
        # Only few events end, so that looking each up is cheaper than handing all endings over.
        ended = [hash for hash in table.column("event_hash").to_pylist() if hash in endings] if endings else []
        if ended:
            self.connection.from_arrow(_endings_table({hash: endings[hash] for hash in ended})).insert_into(
                "supersessions"
            )

    def close(self) -> None:
        """Give the memory free."""
        self.connection.close()


class Kept:
    """The rows of all time that views over more than one event need, and those views.

    It stands beside a ``Scratch``, whose batches feed it; ``KEPT_ROWS`` says what is kept.
    """

    def __init__(self, scratch: Scratch, rows: Mapping[str, str]) -> None:
        self.connection: Final = _in_memory()
        self._scratch = scratch.connection
        self._rows = rows
        for view in rows:
            empty = self._scratch.execute(f"FROM {view} LIMIT 0").to_arrow_table()
            self.connection.from_arrow(empty).create(view)
        for name in views_on(rows):
            self.connection.execute(helper_views()[name])
        for view, condition in rows.items():
            self._scratch.execute(f"PREPARE keep_{view} AS SELECT * FROM {view} WHERE {condition}")

    def take(self, read_again: Sequence[tuple[str, str]], event_types: frozenset[str]) -> bool:
        """Keep what the scratch holds, which are events of these types; returns whether anything has changed.

        ``read_again`` names the events in the scratch whose rows may be here already: those are replaced.
        """
        changed = False
        for view in self._rows:
            if not event_types_read(view) & event_types:
                continue
            if read_again:
                names = [f"{source}\x00{id}" for source, id in read_again]
                gone = self.connection.execute(
                    f"DELETE FROM {view} WHERE source || chr(0) || id IN (SELECT unnest(?::VARCHAR[])) RETURNING 1",
                    [names],
                ).fetchall()
                changed = changed or bool(gone)
            rows = self._scratch.execute(f"EXECUTE keep_{view}").to_arrow_table()
            if rows.num_rows:
                self.connection.from_arrow(rows).insert_into(view)
                changed = True
        return changed

    def close(self) -> None:
        """Give the memory free."""
        self.connection.close()


def _in_memory() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    # A plan is made once, for rows that are not there yet. With statistics DuckDB (1.5) leaves out of a prepared plan
    # what the rows of that moment rule out, and goes on leaving it out when others have come.
    connection.execute("SET disabled_optimizers = 'statistics_propagation,compressed_materialization'")
    return connection


def views_on(rows: Collection[str]) -> list[str]:
    """The helper views that read nothing but these, directly or through one another, in the order of making."""
    found: list[str] = []
    for name, definition in helper_views().items():
        read = _words(definition) - {name, *rows, *found}
        reads_more = any(word.startswith(("facts_", "ref_")) or word == "events" for word in read)
        if name not in rows and not reads_more and not read & helper_views().keys():
            found.append(name)
    return found


def _definitions(store: duckdb.DuckDBPyConnection, views: Iterable[str]) -> list[str]:
    """The statements that make these views and all that they read, in the order of making."""
    words = set(views)
    helpers = [name for name in helper_views() if any(name in (view, *_read_by(view)) for view in words)]
    words.update(*(_words(helper_views()[name]) for name in helpers))
    typed = store.execute(
        f"SELECT view_name, sql FROM duckdb_views() WHERE {_OF_THE_STORE} ORDER BY view_name"
    ).fetchall()
    facts = [sql for name, sql in typed if name.startswith("facts_") and name in words]
    return facts + [helper_views()[name] for name in helpers]


def _read_by(view: str) -> set[str]:
    """The helper views that a helper view reads, directly or not."""
    words = _words(helper_views().get(view, "")) & helper_views().keys() - {view}
    return words.union(*(_read_by(name) for name in words))


def _words(sql: str) -> set[str]:
    return set(re.findall(r"\w+", re.sub(r"--.*", "", sql)))


def _columns_named(store: duckdb.DuckDBPyConnection, sql: Iterable[str]) -> dict[str, str]:
    """Columns of ``events`` with their types: the hash, and those that are named anywhere."""
    words = {word.lower() for text in sql for word in re.findall(r"\w+", text)}
    words |= {"event_hash", "event_type", "corrects", "retracts", "corrects_hash", "retracts_hash"}
    words |= {"known_at", "reported_at", "input_topic", "input_partition", "input_offset", *("source", "id", "title")}
    rows = store.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        f"WHERE {_OF_THE_STORE} AND table_name = 'events' ORDER BY column_index"
    ).fetchall()
    return {name: kind for name, kind in rows if name.lower() in words}


def _reference_tables(store: duckdb.DuckDBPyConnection) -> list[str]:
    rows = store.execute(f"SELECT table_name FROM duckdb_tables() WHERE {_OF_THE_STORE} ORDER BY table_name").fetchall()
    return [name for (name,) in rows if name.startswith("ref_")]


def _endings_table(endings: Mapping[int, Ending]) -> pa.Table:
    instant = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "event_hash": pa.array(list(endings), pa.uint64()),
            "known_until": pa.array([known for known, _ in endings.values()], instant),
            "reported_until": pa.array([reported for _, reported in endings.values()], instant),
        }
    )
