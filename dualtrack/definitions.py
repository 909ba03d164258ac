"""Checks definitions of predictions on an empty store in memory: nothing of this installation is opened."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from predictions.load import Problem


def check_definitions(sets: Sequence[str]) -> int:
    """Read all definitions and measures and let DuckDB plan each of their conditions on an empty store in memory.

    Returns how many definitions there are. Raises BrokenDefinition with file, line and what to change; takes about a
    second.
    """
    from predictions.load import load_sets, validate_sql
    from predictions.running import load_measures, validate_measures

    definitions, measures = load_sets(sets), load_measures()
    with empty_store() as connection:
        validate_sql(connection, definitions)
        validate_measures(connection, measures)
    return len(definitions)


def lint_definitions(files: Sequence[Path]) -> "list[Problem]":
    """What is wrong with these definitions, and what is probably not meant."""
    from predictions.lint import lint

    with empty_store() as connection:
        return lint(connection, files)


@contextmanager
def empty_store() -> "Iterator[duckdb.DuckDBPyConnection]":
    """A store in memory with all tables and views, and no event."""
    import duckdb

    from dualtrack.tools import reference_tables, utc_now
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
