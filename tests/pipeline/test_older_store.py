"""A store of version 1 with something of everything in it: opened, it keeps it all, and nobody is told again."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.flow import settle_batch
from sinks.duckdb_tables import backup_path, migrate, migrations
from tests.pipeline.log_kit import EARLY, Again, Clock, Input, Log, a_validate, make_log, parts_at, settle

INPUTS: list[Input] = [
    ("round", 2, 0, 0),  # C: 5 USD
    ("round", 6, 0, 1),  # A: 2 billion, the first evidence
    ("copy", 1, 1, 2),
    ("retracts", 1, 0, 1),
    ("bad", 1, 0, 0),
    ("round", 3, 2, 2),  # A again: 4 billion
    ("resolve", 2, 0, 0),
    ("supply", 1, 0, 0),
    ("stake", 1, 0, 1),
    ("sale", 1, 0, 2),
    ("resolve", 7, 0, 0),  # with the id of an event
]
AGAIN: list[Again] = [(1, "same", 1), (4, "same", 0)]

V1_VIEWS = """
CREATE VIEW prediction_history AS
SELECT * FROM prediction_states QUALIFY revision = max(revision) OVER (PARTITION BY prediction, reading, version);
CREATE VIEW alerts AS SELECT "key", receiver, payload->>'$.title' AS title FROM outbox;
"""
"""Views as version 1 left them in its stores: they name columns that are gone."""

COPIES = {
    "events": "SELECT * EXCLUDE (fields) FROM new.events",
    "decisions": "FROM new.decisions",
    "rejections": "FROM new.rejections",
    "offsets": "FROM new.offsets",
    "deliveries": "FROM new.deliveries",
    "prediction_definitions": "FROM new.prediction_definitions",
    "outcomes": "SELECT * EXCLUDE (via_at, via_topic, via_partition, via_offset) FROM new.outcomes",
    "duplicates": """
        SELECT d.*, o.input_hash FROM new.duplicates d
        JOIN new.outcomes o USING (topic, "partition", "offset")""",
    "prediction_states": """
        SELECT * EXCLUDE (superseded_at) FROM new.prediction_revisions
        UNION ALL BY NAME
        SELECT s.*, coalesce((
            SELECT max(revision) FROM new.prediction_revisions r
            WHERE (r.prediction, r.reading, r.version) = (s.prediction, s.reading, s.version)
        ), 0) + 1 AS revision
        FROM new.prediction_states s""",
    "outbox": """
        SELECT
            md5("key") AS "key", receiver, prediction, reading, kind, created_at,
            json_merge_patch(payload, {'version': NULL, 'telling': NULL, 'key': md5("key")}) AS payload
        FROM new.outbox""",
}
"""What each table of version 1 held, from one of version 2. Its alerts had other keys."""

KEPT = (
    "SELECT * EXCLUDE (fields) FROM events",
    "FROM decisions",
    "FROM rejections",
    "FROM duplicates",
    "FROM prediction_definitions",
    "FROM prediction_states",
    "FROM prediction_revisions",
    'SELECT topic, "partition", "offset", outcome, kind, event_hash, known_at, landed_at, replay_of FROM outcomes',
    "SELECT receiver, prediction, reading, version, milestone, telling, kind, created_at FROM outbox",
)


@pytest.fixture(scope="module")
def log() -> Log:
    return make_log(INPUTS, AGAIN, False, a_validate())


@pytest.fixture
def new(tmp_path: Path, log: Log) -> Path:
    """A store of this version. The first record is read last, so that the past turns out differently."""
    clock = Clock()
    parts = parts_at(tmp_path / "template", clock)
    parts.open()
    parts.sink.close()
    first, *others = log.in_order()
    batches = [[record] for record in (*others, first)]
    return settle(parts.sink.path, tmp_path / "new", batches, to_the_end=False)


@pytest.fixture
def old_home(tmp_path: Path, new: Path) -> Path:
    """A home whose store is the same as version 1 wrote it."""
    home = tmp_path / "old"
    home.mkdir()
    with duckdb.connect(str(home / new.name)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        migrate(connection, 0, migrations()[:1], EARLY)
        connection.execute(f"ATTACH '{new}' AS new (READ_ONLY)")
        for table, rows in COPIES.items():
            connection.execute(f"INSERT INTO {table} BY NAME {rows}")
        connection.execute("DETACH new")
        connection.execute(V1_VIEWS)
    return home


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return sorted(connection.execute(sql).fetchall(), key=repr)


def test_everything_is_kept_and_nobody_is_told_again(new: Path, old_home: Path, log: Log) -> None:
    parts = parts_at(old_home, Clock())
    parts.open()
    store = parts.sink.path
    try:
        again = settle_batch(log.in_order(), parts.tools).landed
    finally:
        parts.sink.close()
    assert (again.landed, again.duplicate, again.rejected) == (0, 0, 0)
    assert backup_path(store, 1).exists()
    assert rows(store, "SELECT max(telling) > 1 FROM outbox") == [(True,)]
    for sql in KEPT:
        assert rows(new, sql), sql
        columns = "* EXCLUDE (data, envelope)" if sql == "FROM duplicates" else "*"
        assert rows(store, f"SELECT {columns} FROM ({sql})") == rows(new, f"SELECT {columns} FROM ({sql})"), sql


def test_what_version_1_told_twice_in_a_row_keeps_the_sides_apart(tmp_path: Path) -> None:
    """Numbers are odd where reached and even where lost, whatever was told, and the same for every receiver."""
    told = [("a", "met", "file"), ("b", "met", "file"), ("b", "met", "topic"), ("c", "retracted", "topic")]
    with duckdb.connect() as connection:
        migrate(connection, 0, migrations()[:1], EARLY)
        for second, (key, kind, receiver) in enumerate(told):
            connection.execute(
                """INSERT INTO outbox VALUES (?, ?, 'p', 'r', ?, '{"milestone": "met"}', ?::TIMESTAMPTZ)""",
                [key, receiver, kind, EARLY + timedelta(seconds=second)],
            )
        migrate(connection, 1, migrations(), EARLY)
        found = connection.execute('SELECT "key", receiver, version, milestone, telling FROM outbox ORDER BY ALL')
        assert found.fetchall() == [
            ("a", "file", 1, "met", 1),
            ("b", "file", 1, "met", 3),
            ("b", "topic", 1, "met", 3),
            ("c", "topic", 1, "met", 4),
        ]
