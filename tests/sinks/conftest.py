"""Fixtures of the sink's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.duckdb_sink import DuckDBSink
from tests.sinks.builders import LANDED_AT


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store.duckdb"


@pytest.fixture
def sink(store: Path) -> Iterator[DuckDBSink]:
    with DuckDBSink(store, clock=lambda: LANDED_AT) as opened:
        opened.open()
        yield opened
