"""Reading and writing what the engine keeps: declarations, histories, and what other tables say about them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb
import pyarrow as pa

from predictions.candidates import Cause, Moment
from predictions.fold import Change, Changes, Identity
from predictions.standing import Resolution, Standing

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[str, str]
"""A prediction and a reading."""


def judged_by(connection: duckdb.DuckDBPyConnection, key: Key) -> tuple[int, str]:
    """Version and hash of the definition by which the stored history was judged; 0 and nothing without one."""
    rows = connection.execute(
        "SELECT version, definition_hash FROM prediction_states WHERE prediction = ? AND reading = ? "
        "ORDER BY seq DESC LIMIT 1",
        [*key],
    ).fetchall()
    return rows[0] if rows else (0, "")


@dataclass(frozen=True, slots=True)
class Fault:
    """How the SQL of a reading has failed on the events that there are."""

    version: int
    definition_hash: str
    error: str


def faults(connection: duckdb.DuckDBPyConnection) -> dict[Key, Fault]:
    """The readings that are broken."""
    rows = connection.execute(
        "SELECT prediction, reading, version, definition_hash, error FROM prediction_faults"
    ).fetchall()
    return {(prediction, reading): Fault(*fault) for prediction, reading, *fault in rows}


def note_fault(connection: duckdb.DuckDBPyConnection, key: Key, fault: Fault | None, now: datetime) -> None:
    """A reading is broken, or no longer where there is no fault."""
    connection.execute("DELETE FROM prediction_faults WHERE prediction = ? AND reading = ?", [*key])
    if fault is not None:
        connection.execute(
            "INSERT INTO prediction_faults VALUES (?, ?, ?, ?, ?, ?)",
            [*key, fault.version, fault.definition_hash, fault.error, now],
        )


def stored_history(connection: duckdb.DuckDBPyConnection, key: Key) -> tuple[Standing, ...]:
    """The history that holds, in order."""
    rows = connection.execute(
        """
        SELECT epoch_us(known_at), state, verdict, progress, observed, target, detail, cause, evidence, waiting
        FROM prediction_states
        WHERE prediction = ? AND reading = ?
        ORDER BY seq
        """,
        [*key],
    ).fetchall()
    return tuple(
        Standing(
            known_at=from_microseconds(row[0]),
            state=row[1],
            verdict=row[2],
            progress=row[3],
            observed=row[4],
            target=row[5],
            detail=row[6],
            cause=row[7],
            evidence=tuple(json.loads(row[8])),
            waiting=tuple(json.loads(row[9])),
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Appended:
    """Standings that come to the history of a reading, with their places in it."""

    key: Key
    version: int
    definition_hash: str
    numbered: Sequence[tuple[int, Standing]]


_INSTANT: Final = pa.timestamp("us", tz="UTC")
_TEXTS: Final = (("source", pa.string()), ("id", pa.string()), ("topic", pa.string()))
_CAUSE: Final = pa.struct((*_TEXTS, ("partition", pa.int32()), ("offset", pa.int64())))
_SCHEMA: Final = pa.schema(
    (
        *(("prediction", pa.string()), ("reading", pa.string())),
        *(("version", pa.int32()), ("definition_hash", pa.string()), ("seq", pa.int32()), ("known_at", _INSTANT)),
        *(("state", pa.string()), ("verdict", pa.string())),
        *(("progress", pa.float64()), ("observed", pa.float64()), ("target", pa.float64())),
        *(("detail", pa.string()), ("cause", _CAUSE), ("evidence", pa.string()), ("waiting", pa.string())),
        ("landed_at", _INSTANT),
    )
)
"""The columns of ``prediction_states``, in their order."""


def append(connection: duckdb.DuckDBPyConnection, appended: Iterable[Appended], now: datetime) -> None:
    """Append standings of all readings in one statement (row by row is 500 times slower)."""
    rows = [
        (
            *(*one.key, one.version, one.definition_hash, seq),
            *(standing.known_at, standing.state, standing.verdict),
            *(standing.progress, standing.observed, standing.target, standing.detail, standing.cause),
            *(_json(standing.evidence), _json(standing.waiting), now),
        )
        for one in appended
        for seq, standing in one.numbered
    ]
    if rows:
        columns = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)]
        connection.from_arrow(pa.table(columns, schema=_SCHEMA)).insert_into("prediction_states")


def _json(items: Sequence[Any]) -> str:
    return json.dumps(items, ensure_ascii=False)


def supersede(connection: duckdb.DuckDBPyConnection, key: Key, now: datetime) -> None:
    """Move the history of a reading to the journal: it was said, and no longer holds."""
    connection.execute(
        """
        INSERT INTO prediction_revisions BY NAME
        SELECT s.*, ?::TIMESTAMPTZ AS superseded_at, 1 + coalesce(
            (
                SELECT max(revision) FROM prediction_revisions r
                WHERE r.prediction = s.prediction AND r.reading = s.reading AND r.version = s.version
            ),
            0
        ) AS revision
        FROM prediction_states s WHERE s.prediction = ? AND s.reading = ?
        """,
        [now, *key],
    )
    connection.execute("DELETE FROM prediction_states WHERE prediction = ? AND reading = ?", [*key])


def resolutions(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[str | None, Resolution]]]:
    """What people resolved, by prediction; a decision that names no reading is about all of them."""
    rows = connection.execute("""
        SELECT
            data->>'$.prediction', data->>'$.reading', data->>'$.outcome', decided_by, why,
            source, id, epoch_us(known_at), input_topic, input_partition, input_offset
        FROM decisions WHERE kind = 'resolve'
    """).fetchall()
    found: dict[str, list[tuple[str | None, Resolution]]] = {}
    for prediction, reading, outcome, by, why, source, id, known_at, *place in rows:
        cause = Cause(source, id, Moment(from_microseconds(known_at), Moment.EVENT, *place))
        found.setdefault(prediction, []).append((reading, Resolution(outcome or "", by, why, cause)))
    return found


def changes(connection: duckdb.DuckDBPyConnection) -> Changes:
    """Every correction and retraction that landed."""
    rows = connection.execute("""
        SELECT source, id, epoch_us(known_at), epoch_us(reported_at), input_topic, input_partition, input_offset,
            corrects, retracts
        FROM events WHERE corrects IS NOT NULL OR retracts IS NOT NULL
    """).fetchall()
    by_target: dict[Identity, list[Change]] = {}
    roots: dict[Identity, Identity] = {}
    for source, id, known_at, reported_at, topic, partition, offset, corrects, retracts in rows:
        targets = tuple((target["source"], target["id"]) for target in (corrects, retracts) if target)
        moment = Moment(from_microseconds(known_at), Moment.EVENT, topic, partition, offset)
        change = Change(Cause(source, id, moment), from_microseconds(reported_at), targets)
        for target in targets:
            by_target.setdefault(target, []).append(change)
        if corrects:
            roots[source, id] = (corrects["source"], corrects["id"])
    return Changes(by_target, roots)


def declarations(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, str, dict[str, Any]]]:
    """Of each prediction the newest declaration: version, hash and text."""
    rows = connection.execute("""
        SELECT prediction, version, definition_hash, definition FROM prediction_definitions
        QUALIFY row_number() OVER (PARTITION BY prediction ORDER BY version DESC, declared_at DESC, rowid DESC) = 1
        ORDER BY prediction
    """).fetchall()
    return {prediction: (version, hash, json.loads(text)) for prediction, version, hash, text in rows}


def from_microseconds(microseconds: int) -> datetime:
    """Microseconds since 1970 UTC as an instant."""
    return _EPOCH + timedelta(microseconds=microseconds)
