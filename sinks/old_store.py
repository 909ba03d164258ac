"""What a store that is made anew takes over from the old one: what the log cannot give.

- rows of inputs that came through no Kafka topic (``file:...``, ``replay:...``), with their offsets;
- rows of inputs whose records the log has forgotten, where the caller says which;
- the journals: what was declared, told, delivered, and said before. So nobody is told anything again.

The old store is held, read-only, as long as this is open: no writer can take it, and readers are not disturbed.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb

from sinks import held
from sinks.base import Clock, Offsets
from sinks.driver_faults import translated
from sinks.duckdb_tables import connect_for_writing
from sinks.spill import spill_folder

_INPUT_COLUMNS: Final[Mapping[str, str]] = {
    "outcomes": 'topic, "partition", "offset"',
    "rejections": 'topic, "partition", "offset"',
    "events": "input_topic, input_partition, input_offset",
    "decisions": "input_topic, input_partition, input_offset",
    "duplicate_events": "input_topic, input_partition, input_offset",
    "duplicate_decisions": "input_topic, input_partition, input_offset",
}
"""Where the tables that have a row for an input name it."""

_JOURNALS: Final = ("prediction_definitions", "prediction_revisions", "outbox", "deliveries")

# A topic of Kafka has no colon in its name; a stranger's header may name one that has, so it is the record that counts.
# A store of version 1 did not note the record.
_LOADED: Final = "contains(coalesce(via_topic, topic), ':')"
_FORGOTTEN: Final = """EXISTS (
    FROM forgotten f WHERE f.topic = via_topic AND f."partition" = via_partition AND via_offset < f.first
)"""

Judged = tuple[str, str, int, str]
"""A prediction, a reading, its version and the hash of its definition."""


class OldStore:
    """A store that nobody writes. Raises StoreLocked where somebody does; an older one is migrated, after a copy."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path: Final = path
        self._clock = clock
        self._connection: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        held.hold(self.path)
        try:
            # Opened for writing first: a log of changes that a crash has left is folded in, an old schema migrated.
            connect_for_writing(self.path, self._clock).close()
            connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
            self._connection = connection
            with translated(self.path):
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute(f"SET temp_directory = {_quoted(spill_folder())}")
                connection.execute(f"ATTACH {_quoted(self.path)} AS old (READ_ONLY)")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give it free."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        held.release(self.path)

    def offsets(self) -> Offsets:
        """Where it stands in every topic and file."""
        rows = self._open.execute('SELECT topic, "partition", max(next_offset) FROM old.offsets GROUP BY ALL')
        return {(topic, partition): offset for topic, partition, offset in rows.fetchall()}

    def last_written(self) -> datetime | None:
        """When it was written last, by its own clock; None where it never was."""
        times = {
            "offsets": "committed_at",
            "prediction_states": "landed_at",
            "prediction_definitions": "declared_at",
            "outbox": "created_at",
        }
        union = " UNION ALL ".join(f"SELECT max({column}) AS t FROM old.{table}" for table, column in times.items())
        found: datetime | None = self._open.execute(f"SELECT max(t) FROM ({union})").fetchall()[0][0]
        return found

    def carry_over(
        self, draft: Path, judged: Iterable[Judged], forgotten: Mapping[tuple[str, int], int] | None = None
    ) -> int:
        """Copy into a store that is whole, empty and closed; returns how many inputs came with their outcome.

        ``judged``: readings as they are defined now. Histories of others are kept, for the next evaluation to put into
        the journal. ``forgotten``: where the log begins, of partitions that no longer begin at 0.
        """
        connection = self._open
        with translated(draft):
            connection.execute(f"ATTACH {_quoted(draft)} AS draft")
            connection.execute("BEGIN")
            try:
                kept = self._carry_inputs(forgotten or {})
                self._carry_journals(judged)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            finally:
                connection.execute("DETACH draft")
        return kept

    def _carry_inputs(self, forgotten: Mapping[tuple[str, int], int]) -> int:
        connection = self._open
        connection.execute('CREATE OR REPLACE TEMP TABLE forgotten (topic VARCHAR, "partition" INTEGER, first BIGINT)')
        for place, first in forgotten.items():
            connection.execute("INSERT INTO forgotten VALUES (?, ?, ?)", [*place, first])
        connection.execute(
            f'CREATE OR REPLACE TEMP TABLE kept AS SELECT topic, "partition", "offset" FROM old.outcomes '
            f"WHERE {_LOADED} OR {_FORGOTTEN}"
        )
        for table, columns in _INPUT_COLUMNS.items():
            rows = f"SELECT * FROM old.{table} WHERE ({columns}) IN (FROM kept) ORDER BY rowid"
            connection.execute(f"INSERT INTO draft.{table} BY NAME {rows}")
        highest = 'topic, "partition", max(next_offset) AS next_offset, max(committed_at) AS committed_at'
        connection.execute(
            f"INSERT INTO draft.offsets BY NAME SELECT {highest} FROM old.offsets "
            "WHERE contains(topic, ':') GROUP BY ALL"
        )
        return int(connection.execute("SELECT count(*) FROM kept").fetchall()[0][0])

    def _carry_journals(self, judged: Iterable[Judged]) -> None:
        connection = self._open
        for table in _JOURNALS:
            connection.execute(f"INSERT INTO draft.{table} BY NAME SELECT * FROM old.{table} ORDER BY rowid")
        connection.execute("DELETE FROM draft.schema_version WHERE version IN (SELECT version FROM old.schema_version)")
        connection.execute("INSERT INTO draft.schema_version BY NAME SELECT * FROM old.schema_version")
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE judged "
            "(prediction VARCHAR, reading VARCHAR, version INTEGER, definition_hash VARCHAR)"
        )
        for one in judged:
            connection.execute("INSERT INTO judged VALUES (?, ?, ?, ?)", [*one])
        connection.execute(
            "INSERT INTO draft.prediction_states BY NAME SELECT * FROM old.prediction_states "
            "WHERE (prediction, reading, version, definition_hash) NOT IN (FROM judged)"
        )

    @property
    def _open(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise RuntimeError(f"{self.path} is not open")
        return self._connection


def rows_beyond(connection: duckdb.DuckDBPyConnection, offsets: Offsets) -> str:
    """A condition over ``events``: the record that brought the row stands where a store with these offsets had not read
    yet. Holds as long as the connection is open; what was loaded from files is not beyond."""
    connection.execute(
        'CREATE OR REPLACE TEMP TABLE read_before (topic VARCHAR, "partition" INTEGER, next_offset BIGINT)'
    )
    for place, next_offset in offsets.items():
        connection.execute("INSERT INTO read_before VALUES (?, ?, ?)", [*place, next_offset])
    connection.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE rows_beyond AS
        SELECT e.rowid AS place FROM events e
        JOIN outcomes o ON o.topic = e.input_topic AND o."partition" = e.input_partition
            AND o."offset" = e.input_offset
        LEFT JOIN read_before r ON r.topic = o.via_topic AND r."partition" = o.via_partition
        WHERE NOT {_LOADED} AND o.via_offset >= coalesce(r.next_offset, 0)""".replace(
            "via_topic, topic", "o.via_topic, o.topic"
        )
    )
    return "rowid IN (SELECT place FROM rows_beyond)"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
