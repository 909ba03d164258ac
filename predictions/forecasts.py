"""Forecasts and outcomes as the store has them, for scoring. Reads tables only, so that a store of any age answers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import duckdb

from predictions.scoring import Forecast, Key, Outcome, Score, scores
from predictions.store import from_microseconds

LATE_BY: Final = timedelta(hours=1)
"""A forecast that became known later than this after it was made counts as imported, whatever it says: nobody but who
sent it knows when it was made."""

Place = tuple[str, int, int]


def read_scores(connection: duckdb.DuckDBPyConnection, *, without_imported: bool = False) -> list[Score]:
    """Score everything that has landed; where wanted, only what was not imported."""
    forecasts = read_forecasts(connection)
    if without_imported:
        forecasts = [one for one in forecasts if not one.imported]
    return scores(forecasts, read_outcomes(connection))


def read_forecasts(connection: duckdb.DuckDBPyConnection) -> list[Forecast]:
    """All forecasts. One cannot have been made after it became known: where it says so, the earlier time counts."""
    rows = connection.execute("""
        SELECT data->>'$.prediction', data->>'$.reading', trim(data->>'$.forecaster'),
            TRY_CAST(data->>'$.probability' AS DOUBLE), epoch_us(TRY_CAST(data->>'$.made_at' AS TIMESTAMPTZ)),
            coalesce(TRY_CAST(data->>'$.imported' AS BOOLEAN), false),
            epoch_us(known_at), input_topic, input_partition, input_offset
        FROM decisions WHERE kind = 'forecast'
    """).fetchall()
    found = []
    for prediction, reading, forecaster, probability, made, said, known, *place in rows:
        # What landed before forecasts had fields of their own says nothing that could be scored.
        if None in (prediction, reading, forecaster, probability, made) or not 0 <= probability <= 1:
            continue
        known_at = from_microseconds(known)
        made_at = min(from_microseconds(made), known_at)
        imported = said or known_at - made_at > LATE_BY
        found.append(Forecast(prediction, reading, forecaster, probability, made_at, known_at, tuple(place), imported))
    return found


def read_outcomes(connection: duckdb.DuckDBPyConnection) -> dict[Key, Outcome]:
    """Of each reading its state, and since when that was to be known.

    A state holds since the first standing after which it never was another one. It was to be known when the tracker
    knew it, or, where that was earlier, when the event that brought it was reported: what was loaded years later had
    been no secret. A deadline brings a state at its last instant.
    """
    rows = connection.execute("""
        SELECT prediction, reading, state, epoch_us(known_at), cause.topic, cause."partition", cause."offset"
        FROM prediction_states ORDER BY prediction, reading, seq
    """).fetchall()
    since: dict[Key, tuple[str, datetime, Place | None]] = {}
    for prediction, reading, state, known, topic, partition, offset in rows:
        key = (prediction, reading)
        if key not in since or since[key][0] != state:
            place = None if topic is None else (topic, partition, offset)
            since[key] = (state, from_microseconds(known), place)
    reported = _reported_at(connection, {place for _, _, place in since.values() if place})
    return {
        key: Outcome(state, min(known_at, reported.get(place, known_at)) if place else known_at)
        for key, (state, known_at, place) in since.items()
    }


def _reported_at(connection: duckdb.DuckDBPyConnection, places: set[Place]) -> Mapping[Place, datetime]:
    """When the events and decisions that stand there were reported."""
    by_topic: dict[str, list[int]] = defaultdict(list)
    for topic, _, offset in places:
        by_topic[topic].append(offset)
    found: dict[Place, datetime] = {}
    for topic, offsets in by_topic.items():
        found |= _reported_on(connection, topic, offsets)
    return found


def _reported_on(connection: duckdb.DuckDBPyConnection, topic: str, offsets: Sequence[int]) -> dict[Place, datetime]:
    columns = "input_topic, input_partition, input_offset, epoch_us(reported_at)"
    where = "input_topic = $topic AND input_offset IN (SELECT unnest($offsets))"
    rows = connection.execute(
        f"SELECT {columns} FROM events WHERE {where} UNION ALL SELECT {columns} FROM decisions WHERE {where}",
        {"topic": topic, "offsets": list(offsets)},
    ).fetchall()
    return {(topic, partition, offset): from_microseconds(reported) for topic, partition, offset, reported in rows}
