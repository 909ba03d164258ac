"""Comparing two stores: equal but for the clock on the wall, or what differs and where."""

from datetime import timedelta
from pathlib import Path

import pytest

from sinks.base import StoreLocked
from sinks.differences import TableDifference, differences
from sinks.duckdb_sink import DuckDBSink
from tests.sinks.builders import LANDED_AT, alert, arrived, batch, money, rejection


def store(path: Path, *, later: int = 0, title: str = "Same", offsets: tuple[int, ...] = (4,)) -> Path:
    """A store with something of everything in it."""
    landed_at = LANDED_AT + timedelta(hours=later)
    with DuckDBSink(path, clock=lambda: landed_at) as sink:
        sink.open()
        for offset in offsets:
            with sink.transaction() as transaction:
                items = (arrived(1, money=[money("amount", "5")]), arrived(2, id="e1"), arrived(3, title=title))
                transaction.land(batch(*items, rejection(4), offsets={("signals.validated", 0): offset}), landed_at)
                transaction.queue([alert()], ["file"])
    return path


def by_table(old: Path, new: Path) -> dict[str, TableDifference]:
    return {found.table: found for found in differences(old, new)}


def test_the_clock_on_the_wall_and_the_steps_of_the_offsets_are_apart(tmp_path: Path) -> None:
    old = store(tmp_path / "it's old.duckdb", offsets=(1, 2, 4))
    found = by_table(old, store(tmp_path / "new.duckdb", later=5))
    assert all(one.equal for one in found.values())
    assert {"events", "outcomes", "duplicate_events", "rejections", "offsets", "outbox"} <= set(found)
    assert found["events"].rows == 2


def test_a_row_that_differs_is_shown_from_both(tmp_path: Path) -> None:
    found = by_table(store(tmp_path / "old.duckdb"), store(tmp_path / "new.duckdb", title="Other"))
    assert [name for name, one in found.items() if not one.equal] == ["events"]
    events = found["events"]
    assert (events.only_old, events.only_new) == (1, 1)
    assert [(which, row["title"]) for which, row in events.examples] == [("old", "Same"), ("new", "Other")]


def test_offsets_of_a_store_that_read_less_differ(tmp_path: Path) -> None:
    found = by_table(store(tmp_path / "old.duckdb", offsets=(4,)), store(tmp_path / "new.duckdb", offsets=(4, 9)))
    assert [name for name, one in found.items() if not one.equal] == ["offsets"]


def test_a_row_that_is_there_twice_differs_from_one(tmp_path: Path) -> None:
    old, new = store(tmp_path / "old.duckdb"), store(tmp_path / "new.duckdb")
    with DuckDBSink(new) as sink:
        sink.open()
        with sink.transaction() as transaction:
            transaction.connection.execute("INSERT INTO rejections SELECT * FROM rejections")
    assert (by_table(old, new)["rejections"].only_old, by_table(old, new)["rejections"].only_new) == (0, 1)


def test_a_table_of_another_shape_differs(tmp_path: Path) -> None:
    old, new = store(tmp_path / "old.duckdb"), store(tmp_path / "new.duckdb")
    with DuckDBSink(new) as sink:
        sink.open()
        with sink.transaction() as transaction:
            transaction.connection.execute("CREATE TABLE ref_more AS SELECT 1 AS a")
            transaction.connection.execute("ALTER TABLE deliveries ADD COLUMN more INTEGER")
    found = by_table(old, new)
    assert [name for name, one in found.items() if not one.equal] == ["deliveries", "ref_more"]


def test_a_store_that_somebody_writes_is_refused(tmp_path: Path, sink: DuckDBSink) -> None:
    # In this process; another one is told apart by DuckDB's lock.
    with pytest.raises(StoreLocked):
        differences(sink.path, store(tmp_path / "new.duckdb"))
