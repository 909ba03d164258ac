"""SQL says what Python says about forecasts; and the audit trail of what people resolved."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions.forecasts import read_scores
from tests.predictions.world import START, World, make_world

STATES = ("met", "missed", "open", "annulled", "unresolvable", "late")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = make_world()
    yield made
    made.connection.close()


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def decide(
    connection: duckdb.DuckDBPyConnection,
    number: int,
    kind: str,
    known: datetime,
    data: Row,
    reported: datetime | None = None,
) -> None:
    """A decision lands."""
    values = [number, "people", f"d{number}", kind, data.get("by", "Ada"), data.get("why"), json.dumps(data), "{}", "x"]
    connection.execute(
        "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [*values, reported or known, known, known, "decisions", 0, number],
    )


def stand(connection: duckdb.DuckDBPyConnection, reading: str, states: list[tuple[str, datetime, int | None]]) -> None:
    """A history of (state, known at, offset of the decision that brought it)."""
    for seq, (state, known, offset) in enumerate(states):
        cause = None if offset is None else {"topic": "decisions", "partition": 0, "offset": offset}
        connection.execute(
            """INSERT INTO prediction_states BY NAME SELECT 'p1' AS prediction, ? AS reading, 1 AS version,
            'h' AS definition_hash, ? AS seq, ?::TIMESTAMPTZ AS known_at, ? AS state, 'unknown' AS verdict,
            0.0 AS progress, '' AS detail, ? AS cause, '[]' AS evidence, '[]' AS waiting, now() AS landed_at""",
            [reading, seq, known, state, cause and {"source": "people", "id": f"d{offset}", **cause}],
        )


def clear(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("DELETE FROM decisions")
    connection.execute("DELETE FROM prediction_states")


def view(connection: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    cursor = connection.execute(f"FROM {name}")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


forecasts = st.tuples(
    st.sampled_from(["Ada", "Bo", "Cy"]),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]),
    st.integers(0, 8),  # made on that day
    st.integers(0, 9),  # known on that day
    st.sampled_from(["a", "b", "c"]),
    st.booleans(),
)
histories = st.lists(st.tuples(st.sampled_from(STATES), st.integers(0, 8), st.booleans()), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(forecasts, max_size=12), first=histories, second=histories)
def test_the_view_and_python_agree(
    world: World, rows: list[Any], first: list[tuple[str, int, bool]], second: list[tuple[str, int, bool]]
) -> None:
    connection = world.connection
    clear(connection)
    for number, (who, probability, made, known, reading, imported) in enumerate(rows):
        data = {"prediction": "p1", "reading": reading, "forecaster": who, "probability": probability}
        data |= {"made_at": day(made).isoformat(), "imported": imported}
        decide(connection, number, "forecast", day(known), data)
    for reading, history in (("a", first), ("b", second)):
        ordered = sorted(history, key=lambda item: item[1])
        # Every other cause was reported half a day before it was known.
        for number, (_, known, caused) in enumerate(ordered):
            if caused:
                offset = 1000 + 100 * (reading == "b") + number
                decide(connection, offset, "review", day(known), {}, reported=day(known - 0.5))
        offsets = [1000 + 100 * (reading == "b") + number if item[2] else None for number, item in enumerate(ordered)]
        stand(connection, reading, [(s, day(k), o) for (s, k, _), o in zip(ordered, offsets, strict=True)])
    in_sql = {(row["reading"], row["forecaster"]): row for row in view(connection, "forecast_scores")}
    in_python = read_scores(connection)
    assert len(in_sql) == len(in_python)
    for score in in_python:
        row = in_sql[score.reading, score.forecaster]
        assert (score.forecaster is None) == row["is_crowd"]
        for name in ("status", "forecasts", "made_at", "imported", "outcome"):
            assert getattr(score, name) == row[name], name
        for name in ("probability", "brier", "log_score", "time_weighted_brier"):
            assert getattr(score, name) == pytest.approx(row[name], abs=1e-12), name


def test_the_outcome_is_known_since_its_state_holds_without_a_break(world: World) -> None:
    clear(world.connection)
    decide(world.connection, 1, "resolve", day(5), {"prediction": "p1", "outcome": "met"}, reported=day(4))
    stand(
        world.connection,
        "a",
        [("met", day(1), None), ("open", day(2), None), ("met", day(5), 1), ("met", day(6), None)],
    )
    stand(world.connection, "b", [("open", day(0), None), ("missed", day(3), None)])
    stand(world.connection, "c", [("open", day(0), None)])
    found = {
        row["reading"]: (row["outcome"], row["outcome_known_at"])
        for row in view(world.connection, "prediction_outcomes")
    }
    assert found == {"a": (1, day(4)), "b": (0, day(3)), "c": (None, None)}


def test_a_forecast_cannot_be_younger_than_what_brought_it_and_an_old_one_counts_as_imported(world: World) -> None:
    clear(world.connection)
    same = {"prediction": "p1", "reading": "a", "probability": 0.5}
    for number, (who, made) in enumerate(
        [("future", day(9)), ("old", day(0)), ("new", day(3) - timedelta(minutes=59))]
    ):
        data = {**same, "forecaster": who, "made_at": made.isoformat()}
        decide(world.connection, number, "forecast", day(3), data)
    found = {row["forecaster"]: (row["made_at"], row["imported"]) for row in view(world.connection, "forecasts")}
    assert found["future"] == (day(3), False)
    assert found["old"] == (day(0), True)
    assert found["new"][1] is False


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"probability": "much"},
        {"probability": 3},
        {"probability": 0.5, "made_at": "soon"},
        {"probability": 0.5, "made_at": "2026-05-01T00:00:00Z"},
    ],
)
def test_what_landed_before_forecasts_had_fields_is_passed_over(world: World, data: Row) -> None:
    clear(world.connection)
    decide(world.connection, 1, "forecast", day(1), {"prediction": "p1", "reading": "a", **data})
    assert view(world.connection, "forecasts") == []
    assert view(world.connection, "forecast_scores") == []
    assert read_scores(world.connection) == []


def test_the_largest_loss_is_finite(world: World) -> None:
    clear(world.connection)
    stand(world.connection, "a", [("met", day(3), None)])
    data = {"prediction": "p1", "reading": "a", "forecaster": "Ada", "probability": 0, "made_at": day(1).isoformat()}
    decide(world.connection, 1, "forecast", day(1), data)
    assert view(world.connection, "forecast_scores")[0]["log_score"] == pytest.approx(-math.log(0.001))


def test_resolutions_have_the_verdict_of_their_time_and_of_now(world: World) -> None:
    clear(world.connection)
    about = {"prediction": "p1", "by": "Eve"}
    decide(world.connection, 3, "resolve", day(2), {**about, "outcome": "met", "reading": "a", "why": "a filing"})
    decide(world.connection, 4, "resolve", day(4), {**about, "outcome": "open", "why": "an error"})
    decide(world.connection, 5, "resolve", day(4), {**about, "outcome": "met", "reading": "gone"})
    stand(
        world.connection, "a", [("open", day(0), None), ("met", day(2), 3), ("open", day(4), 4), ("open", day(6), None)]
    )
    stand(world.connection, "b", [("open", day(0), None)])
    world.connection.execute("UPDATE prediction_states SET verdict = 'met' WHERE reading = 'a' AND seq = 3")
    found = [
        (row["reading"], row["outcome"], row["verdict_then"], row["verdict_now"], row["is_latest"], row["offset"])
        for row in view(world.connection, "resolutions")
    ]
    assert found == [
        ("a", "met", "unknown", "met", False, 3),
        ("a", "open", "unknown", "met", True, 4),
        ("b", "open", "unknown", "unknown", True, 4),
        ("gone", "met", None, None, True, 5),
    ]
    first = view(world.connection, "resolutions")[0]
    assert (first["by"], first["why"], first["decided_at"]) == ("Eve", "a filing", day(2).astimezone(UTC))
