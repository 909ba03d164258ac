"""Reading and writing what the engine keeps: declarations, histories, and what other tables say about them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import duckdb

from predictions.candidates import Cause, Moment
from predictions.definition import Definition
from predictions.fold import Change, Changes, Identity
from predictions.standing import Resolution, Standing

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Key = tuple[str, str]
"""A prediction and a reading."""

Resolutions = dict[str, list[tuple[str | None, Resolution]]]
"""What people resolved, by prediction; a decision that names no reading is about all of them."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last stored standing of a reading."""

    version: int
    definition_hash: str
    state: str
    known_at: tuple[datetime, ...]
    """Of every standing of the history."""


def heads(connection: duckdb.DuckDBPyConnection) -> dict[Key, Head]:
    """The last standing of every reading that has one."""
    rows = connection.execute("""
        SELECT
            prediction, reading, any_value(version), max_by(definition_hash, seq),
            max_by(state, seq), list(epoch_us(known_at) ORDER BY seq)
        FROM prediction_states
        GROUP BY prediction, reading
    """).fetchall()
    return {
        (prediction, reading): Head(version, hash, state, tuple(map(from_microseconds, times)))
        for prediction, reading, version, hash, state, times in rows
    }


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


_COLUMNS: Final = """{"seq": "INTEGER", "known_at": "BIGINT", "state": "VARCHAR", "verdict": "VARCHAR",
    "progress": "DOUBLE", "observed": "DOUBLE", "target": "DOUBLE", "detail": "VARCHAR",
    "cause": {"source": "VARCHAR", "id": "VARCHAR", "topic": "VARCHAR", "partition": "INTEGER", "offset": "BIGINT"},
    "evidence": "VARCHAR", "waiting": "VARCHAR"}"""


def append(
    connection: duckdb.DuckDBPyConnection,
    definition: Definition,
    reading: str,
    numbered: Sequence[tuple[int, Standing]],
    now: datetime,
) -> None:
    """Append standings in one statement (row by row is 500 times slower)."""
    rows = [
        {
            "seq": seq,
            "known_at": (standing.known_at - _EPOCH) // timedelta(microseconds=1),
            "state": standing.state,
            "verdict": standing.verdict,
            "progress": standing.progress,
            "observed": standing.observed,
            "target": standing.target,
            "detail": standing.detail,
            "cause": standing.cause,
            "evidence": json.dumps(standing.evidence, ensure_ascii=False),
            "waiting": json.dumps(standing.waiting, ensure_ascii=False),
        }
        for seq, standing in numbered
    ]
    connection.execute(
        f"""
        INSERT INTO prediction_states BY NAME
        SELECT
            ? AS prediction, ? AS reading, ? AS version, ? AS definition_hash,
            row.* REPLACE (make_timestamptz(row.known_at) AS known_at),
            CAST(? AS TIMESTAMPTZ) AS landed_at
        FROM (SELECT unnest(from_json(?, '[{_COLUMNS}]')) AS row)
        """,
        [definition.id, reading, definition.version, definition.hash, now, json.dumps(rows)],
    )


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


def resolutions(connection: duckdb.DuckDBPyConnection) -> Resolutions:
    """What people resolved."""
    rows = connection.execute("""
        SELECT
            data->>'$.prediction', data->>'$.reading', data->>'$.outcome', decided_by, why,
            source, id, epoch_us(known_at), input_topic, input_partition, input_offset
        FROM decisions WHERE kind = 'resolve'
    """).fetchall()
    found: Resolutions = {}
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
