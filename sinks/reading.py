"""Opening the store to read it: the live file when nobody writes it, else the snapshot beside it."""

from pathlib import Path
from typing import Final

import duckdb

from sinks import held
from sinks.base import NothingToRead, StoreLocked
from sinks.driver_faults import translated
from sinks.duckdb_tables import check_version, code_version
from sinks.spill import spill_folder

CATALOG: Final = "dualtrack"
"""The name under which a reading connection has the store."""


def open_for_reading(live: Path, snapshot: Path, external_access: bool = False) -> duckdb.DuckDBPyConnection:
    """A read-only connection to what is there: the live store when nobody writes it, else the snapshot.

    Times are UTC. Without ``external_access`` its SQL reaches no file and no network, and cannot allow itself to (the
    configuration is locked); with it, ``COPY ... TO`` works. Close it soon when it is on the live file: a writer
    cannot start meanwhile.

    Raises NothingToRead when neither is there, NewerDatabase when it was written by a newer version.
    """
    if live.exists() and not held.held_here(live):
        try:
            return _connect(live, external_access)
        except StoreLocked:
            pass
    if snapshot.exists():
        return _connect(snapshot, external_access)
    if live.exists():
        raise NothingToRead(
            f"the writer has {live} open and has not made a snapshot at {snapshot} yet: try again in some seconds"
        )
    raise NothingToRead(f"nothing has landed yet ({live} is missing): run dualtrack demo or dualtrack load FILE")


def _connect(path: Path, external_access: bool) -> duckdb.DuckDBPyConnection:
    # Attached to a database in memory of its own, not opened as such: DuckDB hands out an open file of the same name
    # again inside one process, so a dashboard would go on reading the snapshot that it opened first.
    connection = duckdb.connect(config={"python_enable_replacements": "false", "autoinstall_known_extensions": "false"})
    try:
        with translated(path):
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SET temp_directory = {_quoted(spill_folder())}")
            connection.execute(f"ATTACH {_quoted(path)} AS {CATALOG} (READ_ONLY)")
            connection.execute(f"USE {CATALOG}")
            check_version(connection, path, code_version())
            if not external_access:
                connection.execute("SET enable_external_access = false")
                connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
