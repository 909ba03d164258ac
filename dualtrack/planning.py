"""An empty store in memory, on which queries are planned before anything is touched."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dualtrack.tools import reference_tables, utc_now

if TYPE_CHECKING:
    import duckdb


def check_definitions(sets: Sequence[str]) -> int:
    """Read all definitions and measures and let DuckDB plan each of their conditions on an empty store in memory.

    Returns how many definitions there are. Raises BrokenDefinition with file, line and what to change; takes about a
    second.
    """
    from predictions.load import load_sets, validate_sql
    from predictions.running import load_measures, validate_measures

    definitions, measures = load_sets(sets), load_measures()
    with planning_store() as connection:
        validate_sql(connection, definitions)
        validate_measures(connection, measures)
    return len(definitions)


@contextmanager
def planning_store() -> "Iterator[duckdb.DuckDBPyConnection]":
    """The store, with its views and reference tables."""
    import duckdb

    from predictions.views import install_views
    from sinks.duckdb_tables import migrate, migrations
    from sinks.views import create_views, load_reference

    with duckdb.connect() as connection:
        migrate(connection, 0, migrations(), utc_now())
        create_views(connection)
        for name, rows in reference_tables().items():
            load_reference(connection, name, rows)
        install_views(connection)
        yield connection
