"""Decisions: a forecast that is accepted is one that every reader understands alike."""

from datetime import UTC, datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.decisions import Decision, DecisionKind, Forecast, decision_model, decision_type, kind_of_type

GOOD: dict[str, Any] = {
    "by": "Eve",
    "prediction": "p1a",
    "reading": "literal",
    "forecaster": " Ada ",
    "probability": 0.35,
    "made_at": "2026-05-02T10:00:00+02:00",
    "note": "kept",
}


def test_a_forecast() -> None:
    read = Forecast.model_validate(GOOD)
    assert (read.forecaster, read.imported) == ("Ada", False)
    assert read.made_at == datetime(2026, 5, 2, 8, tzinfo=UTC)
    assert read.model_dump()["note"] == "kept"
    assert Forecast.model_validate({**GOOD, "probability": 1}).probability == 1.0


@pytest.mark.parametrize(
    "wrong",
    [
        {"probability": 1.01},
        {"probability": -0.1},
        {"probability": "0.35"},
        {"probability": True},
        {"probability": float("nan")},
        {"probability": None},
        {"made_at": "2026-05-02"},
        {"made_at": "2026-05-02T10:00:00"},
        {"made_at": "2026-05-02T10:00Z"},
        {"made_at": "2026-05-02 10:00:00Z"},
        {"made_at": "1777716000"},
        {"made_at": 1777716000},
        {"made_at": "2026-13-02T10:00:00Z"},
        {"imported": "yes"},
        {"forecaster": " "},
        {"reading": None},
        {"prediction": ""},
    ],
)
def test_what_would_be_read_differently_elsewhere_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Forecast.model_validate({**GOOD, **wrong})


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001  # the zone is the next one
    st.sampled_from(["Z", "+00:00", "+05:30", "-11:00"]),
    st.sampled_from(["seconds", "microseconds", "milliseconds"]),
)
def test_duckdb_reads_a_time_as_the_model_does(naive: datetime, zone: str, precision: str) -> None:
    text = naive.isoformat(timespec=precision) + zone
    (row,) = duckdb.sql("SELECT epoch_us(CAST(? AS TIMESTAMPTZ))", params=[text]).fetchall()
    ours = Forecast.model_validate({**GOOD, "made_at": text}).made_at
    assert row[0] == (ours - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)


def test_every_kind_has_a_type_and_fields() -> None:
    for kind in DecisionKind:
        assert kind_of_type(decision_type(kind)) is kind
        assert issubclass(decision_model(kind), Decision)
    assert decision_model(DecisionKind.FORECAST) is Forecast
