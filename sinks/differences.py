"""Do two stores hold the same? Table by table, the clock on the wall apart.

Rows are compared as a bag: their order in a table says nothing. Of ``offsets``, which are appended, the highest of each
partition counts; of ``schema_version`` the version. Journals (what an installation told whom, and said before) are
compared like all others.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from sinks import held
from sinks.base import StoreLocked
from sinks.driver_faults import translated
from sinks.spill import spill_folder

WALL_CLOCK: Final[Mapping[str, frozenset[str]]] = {
    "*": frozenset({"landed_at"}),
    "outbox": frozenset({"created_at"}),
    "deliveries": frozenset({"attempted_at"}),
    "schema_version": frozenset({"applied_at"}),
    "offsets": frozenset({"committed_at"}),
}
"""Columns that say when something was done here, by table."""

DERIVED: Final = frozenset({"fields"})
"""Columns that repeat another: an older store repeats all of it."""

_MOST_EXAMPLES: Final = 3

_AS: Final[Mapping[str, str]] = {
    "offsets": 'SELECT topic, "partition", max(next_offset) AS next_offset FROM {table} GROUP BY ALL',
}


@dataclass(frozen=True, slots=True)
class TableDifference:
    """What one table has in one store and not in the other."""

    table: str
    only_old: int
    """Rows that only the old store has."""
    only_new: int
    rows: int
    """Rows of the new one."""
    examples: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """(which store, row) of some that differ."""

    @property
    def equal(self) -> bool:
        return not self.only_old and not self.only_new


def differences(old: Path, new: Path) -> list[TableDifference]:
    """Compare two stores that nobody writes, table by table; views follow from the tables. Raises StoreLocked."""
    for path in (old, new):
        # Not even tried: closing a second handle of a file drops the writer's lock.
        if held.held_here(path):
            raise StoreLocked(f"this process writes the store {path}: compare it when it is closed", os.getpid())
    with translated(), duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = '{_quoted(spill_folder())}'")
        for name, path in (("old", old), ("new", new)):
            connection.execute(f"ATTACH '{_quoted(path)}' AS {name} (READ_ONLY)")
        tables = {name: _tables(connection, name) for name in ("old", "new")}
        return [
            _compare(connection, table, tables["old"].get(table), tables["new"].get(table))
            for table in sorted(tables["old"].keys() | tables["new"].keys())
        ]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _tables(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """Columns by table."""
    rows = connection.execute(
        "SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        "WHERE database_name = ? AND NOT internal AND table_name IN "
        "(SELECT table_name FROM duckdb_tables() WHERE database_name = ?) GROUP BY table_name",
        [database, database],
    )
    return dict(rows.fetchall())


def _compare(
    connection: duckdb.DuckDBPyConnection, table: str, old: list[str] | None, new: list[str] | None
) -> TableDifference:
    if old is None or new is None or sorted(old) != sorted(new):
        return _of_another_shape(connection, table, old, new)
    apart = DERIVED | WALL_CLOCK["*"] | WALL_CLOCK.get(table, frozenset())
    columns = ", ".join(f'"{column}"' for column in new if column not in apart)
    compared = _AS.get(table, f"SELECT {columns} FROM {{table}}")
    sources = {name: f"({compared.format(table=_in(name, table))})" for name in ("old", "new")}
    only = {
        "old": f"({sources['old']} EXCEPT ALL {sources['new']})",
        "new": f"({sources['new']} EXCEPT ALL {sources['old']})",
    }
    counts = {name: _count(connection, rows) for name, rows in only.items()}
    examples = tuple((name, row) for name, rows in only.items() if counts[name] for row in _rows(connection, rows))
    return TableDifference(table, counts["old"], counts["new"], _count(connection, _in("new", table)), examples)


def _in(database: str, table: str) -> str:
    return f'{database}.main."{table}"'


def _of_another_shape(
    connection: duckdb.DuckDBPyConnection, table: str, old: list[str] | None, new: list[str] | None
) -> TableDifference:
    """A table that only one store has, or with other columns: nothing in it is the same."""
    counts = {
        name: 0 if columns is None else max(1, _count(connection, _in(name, table)))
        for name, columns in (("old", old), ("new", new))
    }
    shapes = tuple((name, {"columns": columns}) for name, columns in (("old", old), ("new", new)) if columns)
    return TableDifference(table, counts["old"], counts["new"], counts["new"], shapes)


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {source}").fetchall()[0][0])


def _rows(connection: duckdb.DuckDBPyConnection, source: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {source} LIMIT {_MOST_EXAMPLES}")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
