"""A database in memory with the store's views over some of its events: what a batch means, without the rest.

A view over JSON costs milliseconds to plan and seconds to read over millions of rows. Here the same views, by the same
names, stand over the events of one batch, so that what a batch costs does not grow with the store; statements stay
prepared, since nothing in here is ever made anew. A statement that fails leaves the store's transaction alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import duckdb
import pyarrow as pa

from predictions.views import helper_views

Ending = tuple[int, int]
"""Microseconds since 1970 UTC at which an event stopped to hold: by the log's clock, and by the publishers'."""


class Scratch:
    """The views ``facts_...`` and the helper views that stand on them, over whatever ``fill`` puts in."""

    def __init__(self, store: duckdb.DuckDBPyConnection, sql: Iterable[str]) -> None:
        """``sql`` is what will be asked: only columns of ``events`` that it, or a view, names are kept here."""
        self.connection: Final = _in_memory()
        views = _views(store)
        self.columns: Final = _columns_named(store, (*views.values(), *sql))
        listed = ", ".join(f'"{name}" {kind}' for name, kind in self.columns.items())
        self.connection.execute(f"CREATE TABLE events ({listed})")
        self.connection.execute(
            "CREATE TABLE supersessions (event_hash UBIGINT, known_until TIMESTAMPTZ, reported_until TIMESTAMPTZ)"
        )
        for table in _reference_tables(store):
            self.connection.from_arrow(store.execute(f"FROM {table}").to_arrow_table()).create(table)
        for definition in (*views.values(), *helper_views().values()):
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
        self.views: Final[set[str]] = set()
        """Helper views that can be read here."""
        for view in rows:
            empty = self._scratch.execute(f"FROM {view} LIMIT 0").to_arrow_table()
            self.connection.from_arrow(empty).create(view)
        for name, definition in helper_views().items():
            if name not in rows and _stands_on(definition, rows):
                self.connection.execute(definition)
                self.views.add(name)
        for view, condition in rows.items():
            self._scratch.execute(f"PREPARE keep_{view} AS SELECT * FROM {view} WHERE {condition}")

    def take(self, read_again: Sequence[tuple[str, str]]) -> bool:
        """Keep what the scratch holds; returns whether anything has changed.

        ``read_again`` names the events in the scratch whose rows may be here already: those are replaced.
        """
        changed = False
        for view in self._rows:
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


def _stands_on(definition: str, rows: Mapping[str, str]) -> bool:
    """Does a helper view read nothing but what is kept, directly or through other helper views?"""
    read = set(re.findall(r"\w+", re.sub(r"--.*", "", definition))) - rows.keys()
    if any(word.startswith(("facts_", "ref_")) or word == "events" for word in read):
        return False
    others = read & helper_views().keys() - {re.findall(r"\w+", definition)[4]}
    return all(_stands_on(helper_views()[name], rows) for name in others)


def _views(store: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The typed views of the store, as statements."""
    rows = store.execute(
        "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal AND view_name LIKE 'facts\\_%' ESCAPE '\\'"
    ).fetchall()
    return dict(rows)


def _columns_named(store: duckdb.DuckDBPyConnection, sql: Iterable[str]) -> dict[str, str]:
    """Columns of ``events`` with their types: the hash, and those that are named anywhere."""
    words = {word.lower() for text in (*sql, *helper_views().values()) for word in re.findall(r"\w+", text)}
    words |= {"event_hash", "event_type", "corrects", "retracts", "corrects_hash", "retracts_hash"}
    words |= {"known_at", "reported_at", "input_topic", "input_partition", "input_offset", *("source", "id", "title")}
    rows = store.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE table_name = 'events' AND NOT internal ORDER BY column_index"
    ).fetchall()
    return {name: kind for name, kind in rows if name.lower() in words}


def _reference_tables(store: duckdb.DuckDBPyConnection) -> list[str]:
    rows = store.execute("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'ref\\_%' ESCAPE '\\'")
    return [name for (name,) in rows.fetchall()]


def _endings_table(endings: Mapping[int, Ending]) -> pa.Table:
    instant = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "event_hash": pa.array(list(endings), pa.uint64()),
            "known_until": pa.array([known for known, _ in endings.values()], instant),
            "reported_until": pa.array([reported for _, reported in endings.values()], instant),
        }
    )
