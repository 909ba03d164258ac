"""Reading and writing by Arrow: the rows that have one of the batch's hashes, and rows that are inserted."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert Arrow rows into a table by the names of the columns."""
    if rows.num_rows == 0:
        return
    connection.register("arriving", rows)
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM arriving")
    finally:
        connection.unregister("arriving")


def hits(table: str, column: str) -> str:
    """SQL condition: the row has one of the hashes. By row number, so that only the hashes are read of the others."""
    return f"rowid IN (SELECT {table}.rowid FROM {table} JOIN arriving ON {table}.{column} = arriving.probe_hash)"


def probe(connection: duckdb.DuckDBPyConnection, hashes: set[int], sql: str) -> list[tuple[Any, ...]]:
    """Run a query whose conditions are ``hits``, with these hashes."""
    if not hashes:
        return []
    # NumPy and not Arrow: into an Arrow table DuckDB pushes the join's bounds, and fails at hashes above 2**63.
    connection.register("arriving", {"probe_hash": np.fromiter(hashes, dtype=np.uint64, count=len(hashes))})
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.unregister("arriving")


def instant(microseconds: int) -> datetime:
    """Microseconds since 1970 UTC as an instant: what DuckDB hands over fastest."""
    return _EPOCH + timedelta(microseconds=microseconds)
