"""The tables of the DuckDB store: settings, schema version, migrations.

A migration is a numbered file in ``sinks/migrations`` (``0002_what_it_does.sql``), applied once, in order, each in a
transaction of its own together with its row in ``schema_version``. Files that were released are never edited.

Opening for writing:

1. A store of an older version is copied beside itself (``store.duckdb.v<N>.bak``) while a read-only connection keeps
   writers out. A child process makes the copy: this one must not open the file by other means (see ``sinks.held``).
2. It is opened for writing, its version is read again, and what is missing is applied.
3. A store of a newer version is refused, with nothing changed.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from sinks.base import Clock, ForeignFile, NewerDatabase
from sinks.driver_faults import translated
from sinks.files import copy_by_child

MIGRATIONS_FOLDER: Final = Path(__file__).parent / "migrations"

WRITER_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    # Never by itself: the sink checkpoints, outside of its commits and never while a snapshot is being copied.
    # A setting, not a change of it at run time: serving SQL locks the configuration of the whole instance.
    "checkpoint_threshold": "1TB",
    "python_enable_replacements": "false",
    # A pipeline does not fetch code from the network by itself.
    "autoinstall_known_extensions": "false",
}

_CREATE_VERSIONS: Final = (
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    path: Path

    @property
    def sql(self) -> str:
        return self.path.read_text(encoding="utf-8")


def migrations(folder: Path = MIGRATIONS_FOLDER) -> tuple[Migration, ...]:
    """The steps in order; raises ValueError when the numbers are not 1, 2, 3, ... without gaps."""
    found = tuple(Migration(int(path.name[:4]), path) for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql")))
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations in {folder} are not numbered 1, 2, 3, ...: {[step.path.name for step in found]}")
    return found


def code_version() -> int:
    """The schema version that this code reads and writes."""
    return migrations()[-1].version


def schema_version(connection: duckdb.DuckDBPyConnection) -> int | None:
    """The version of an open store; 0 when the database is empty, None when it is somebody else's."""
    rows = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = current_database()")
    tables = {name for (name,) in rows.fetchall()}
    if "schema_version" in tables:
        found = connection.execute("SELECT max(version) FROM schema_version").fetchall()[0][0]
        return int(found or 0)
    return None if tables else 0


def check_version(connection: duckdb.DuckDBPyConnection, path: Path, newest: int) -> int:
    """The version of an open store that this code can work with; raises NewerDatabase or ForeignFile otherwise."""
    version = schema_version(connection)
    if version is None:
        raise ForeignFile(f"{path} is a DuckDB database, but no store of dualtrack: name another file")
    if version > newest:
        raise NewerDatabase(
            f"{path} has schema version {version}; this dualtrack knows versions up to {newest}. "
            "Update dualtrack, or name another file. Nothing was changed."
        )
    return version


def connect_for_writing(
    path: Path, clock: Clock, steps: tuple[Migration, ...] | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a store, making or migrating it where needed.

    Raises StoreLocked when another process has it open, NewerDatabase, ForeignFile, and the driver's faults.
    """
    steps = migrations() if steps is None else steps
    path.parent.mkdir(parents=True, exist_ok=True)
    with translated(path):
        _back_up_older(path, steps)
        connection = duckdb.connect(str(path), config=WRITER_CONFIG)
        try:
            connection.execute("SET GLOBAL TimeZone = 'UTC'")
            migrate(connection, check_version(connection, path, len(steps)), steps, clock())
        except BaseException:
            connection.close()
            raise
    return connection


def migrate(
    connection: duckdb.DuckDBPyConnection, version: int, steps: tuple[Migration, ...], applied_at: datetime
) -> None:
    """Apply the steps above ``version``, each in a transaction with its row in ``schema_version``."""
    for step in steps[version:]:
        connection.execute("BEGIN")
        try:
            connection.execute(_CREATE_VERSIONS)
            connection.execute(step.sql)
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", [step.version, applied_at])
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def backup_path(path: Path, version: int) -> Path:
    """Where the copy of a store of an older version goes."""
    return path.with_name(f"{path.name}.v{version}.bak")


def _back_up_older(path: Path, steps: tuple[Migration, ...]) -> None:
    if not path.exists() or path.stat().st_size == 0:
        return
    with duckdb.connect(str(path), read_only=True) as connection:
        version = check_version(connection, path, len(steps))
        if not 0 < version < len(steps):
            return
        # The read-only connection is held during the copy: it keeps writers out.
        target = backup_path(path, version)
        copy_by_child(path, target)
        wal = Path(f"{path}.wal")
        if wal.exists() and wal.stat().st_size:
            copy_by_child(wal, Path(f"{target}.wal"))
