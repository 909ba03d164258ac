"""Versions and migrations of the store."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from sinks.base import ForeignFile, NewerDatabase
from sinks.duckdb_sink import DuckDBSink
from sinks.duckdb_tables import (
    Migration,
    backup_path,
    code_version,
    connect_for_writing,
    migrations,
    schema_version,
)
from tests.sinks.builders import LANDED_AT, arrived, batch


def clock() -> Any:
    return LANDED_AT


def fetch(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def next_steps(tmp_path: Path) -> tuple[Migration, ...]:
    """The code's migrations and one more."""
    file = tmp_path / "next.sql"
    file.write_text("ALTER TABLE offsets ADD COLUMN note VARCHAR;\nCREATE TABLE later (a INTEGER);\n")
    return (*migrations(), Migration(code_version() + 1, file))


def test_a_new_store_has_the_code_s_version(store: Path) -> None:
    connect_for_writing(store, clock).close()
    assert fetch(store, "SELECT version FROM schema_version") == [(n + 1,) for n in range(code_version())]


def test_an_older_store_is_copied_and_migrated(store: Path, next_steps: tuple[Migration, ...]) -> None:
    with DuckDBSink(store) as sink:
        sink.open()
        with sink.transaction() as transaction:
            transaction.land(batch(arrived(1)), LANDED_AT)
    connect_for_writing(store, clock, next_steps).close()
    assert fetch(store, "SELECT max(version) FROM schema_version") == [(code_version() + 1,)]
    assert fetch(store, "SELECT count(*) FROM events") == [(1,)]
    assert fetch(store, "SELECT count(*) FROM later") == [(0,)]
    copy = backup_path(store, code_version())
    assert copy.name == f"store.duckdb.v{code_version()}.bak"
    assert fetch(copy, "SELECT max(version), (SELECT count(*) FROM events) FROM schema_version") == [
        (code_version(), 1)
    ]


def test_a_store_of_this_version_is_not_copied(store: Path) -> None:
    for _ in range(2):
        connect_for_writing(store, clock).close()
    assert [path.name for path in store.parent.iterdir()] == [store.name]


def test_a_newer_store_is_refused_untouched(store: Path, next_steps: tuple[Migration, ...]) -> None:
    connect_for_writing(store, clock, next_steps).close()
    before = store.read_bytes()
    with pytest.raises(NewerDatabase, match=f"schema version {code_version() + 1}.*Update dualtrack"):
        DuckDBSink(store).open()
    assert store.read_bytes() == before


def test_a_migration_that_fails_leaves_the_store_as_it_was(store: Path, tmp_path: Path) -> None:
    connect_for_writing(store, clock).close()
    broken = tmp_path / "broken.sql"
    broken.write_text("CREATE TABLE half (a INTEGER); SELECT no_such_column FROM half;")
    with pytest.raises(Exception, match="no_such_column"):
        connect_for_writing(store, clock, (*migrations(), Migration(code_version() + 1, broken)))
    assert fetch(store, "SELECT max(version) FROM schema_version") == [(code_version(),)]
    assert fetch(store, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'half'") == [(0,)]


def test_somebody_else_s_database_is_refused(store: Path) -> None:
    with duckdb.connect(str(store)) as connection:
        connection.execute("CREATE TABLE theirs (a INTEGER)")
    with pytest.raises(ForeignFile, match="no store of dualtrack"):
        DuckDBSink(store).open()


def test_a_file_that_is_no_database_is_refused(store: Path) -> None:
    store.write_text("hello " * 5000)
    with pytest.raises(ForeignFile, match="no DuckDB database"):
        DuckDBSink(store).open()


def test_an_empty_database_becomes_a_store(store: Path) -> None:
    duckdb.connect(str(store)).close()
    with DuckDBSink(store) as sink:
        sink.open()
        with sink.reader() as connection:
            assert schema_version(connection) == code_version()


def test_gaps_in_the_numbers_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0002_second.sql").write_text("")
    with pytest.raises(ValueError, match="not numbered"):
        migrations(tmp_path)
