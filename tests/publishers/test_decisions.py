"""Identities of decisions: what says the same is the same, and nothing else is."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from publishers.decisions import forecast_event, resolution_event
from schemas.decisions import Decision, Forecast

AT = datetime(2026, 5, 2, 10, tzinfo=UTC)


def forecast(**changed: object) -> Forecast:
    fields = {"by": "Ada", "prediction": "p1a", "reading": "literal", "forecaster": "Ada", "probability": 0.35}
    return Forecast.model_validate({**fields, "made_at": AT.isoformat(), **changed})


forecasts = st.builds(
    forecast,
    prediction=st.sampled_from(["p1a", "p1b"]),
    reading=st.sampled_from(["literal", "strict"]),
    forecaster=st.sampled_from(["Ada", "Bo"]),
    probability=st.sampled_from([0.1, 0.35]),
    made_at=st.sampled_from([AT.isoformat(), (AT + timedelta(microseconds=1)).isoformat()]),
    by=st.sampled_from(["Ada", "Eve"]),
    why=st.sampled_from([None, "a hunch"]),
    imported=st.booleans(),
)


def says(one: Forecast) -> tuple[object, ...]:
    return one.prediction, one.reading, one.forecaster, one.probability, one.made_at


@given(forecasts, forecasts)
def test_two_forecasts_are_one_where_they_say_the_same(first: Forecast, second: Forecast) -> None:
    assert (forecast_event(first)["id"] == forecast_event(second)["id"]) == (says(first) == says(second))


def test_the_zone_of_a_time_is_no_difference() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert forecast_event(forecast())["id"] == forecast_event(forecast(made_at=elsewhere.isoformat()))["id"]
    assert forecast_event(forecast(made_at=elsewhere.isoformat()))["data"]["made_at"] == "2026-05-02T10:00:00Z"


def test_a_resolution_that_is_made_again_is_another_one() -> None:
    made = Decision(by="Ada", why="a filing", prediction="p1a", outcome="met")
    first, second = resolution_event(made, AT), resolution_event(made, AT + timedelta(seconds=1))
    assert first["id"] != second["id"]
    assert first == resolution_event(made, AT)
    assert "reading" not in first["data"]
