"""Scores: proper, indifferent to the order of landing, and right in the cases that can be told by hand."""

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.scoring import (
    AFTER_OUTCOME,
    BINS,
    CLIP,
    SCORED,
    UNKNOWN,
    Forecast,
    Held,
    Outcome,
    brier,
    calibration,
    crowd,
    log_score,
    scores,
    steps,
    summaries,
    time_weighted_brier,
)

START = datetime(2026, 5, 1, tzinfo=UTC)
KEY = ("p1a", "literal")

probabilities = st.floats(0, 1)
inner = st.floats(CLIP, 1 - CLIP)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def forecast(
    forecaster: str,
    probability: float,
    made: float,
    *,
    known: float | None = None,
    offset: int = 0,
    key: str = "literal",
) -> Forecast:
    known_at = day(made if known is None else known)
    return Forecast("p1a", key, forecaster, probability, day(made), known_at, ("decisions", 0, offset))


@st.composite
def many(draw: st.DrawFn) -> list[Forecast]:
    """Few names, days and probabilities, so that they meet."""
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["Ada", "Bo", "Cy"]),
                st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
                st.integers(0, 6),
                st.sampled_from(["literal", "strict"]),
            ),
            max_size=12,
        )
    )
    return [forecast(who, p, made, offset=number, key=key) for number, (who, p, made, key) in enumerate(rows)]


@given(truth=probabilities, said=probabilities)
def test_the_brier_score_is_proper(truth: float, said: float) -> None:
    def expected(probability: float) -> float:
        return truth * brier(probability, 1) + (1 - truth) * brier(probability, 0)

    assert expected(truth) <= expected(said) + 1e-12
    # Strictly: the loss grows with the square of the distance.
    assert expected(said) - expected(truth) == pytest.approx((said - truth) ** 2, abs=1e-12)


@given(truth=inner, said=inner)
def test_the_log_score_is_proper_between_the_clips(truth: float, said: float) -> None:
    def expected(probability: float) -> float:
        return truth * log_score(probability, 1) + (1 - truth) * log_score(probability, 0)

    assert expected(truth) <= expected(said) + 1e-12
    if abs(said - truth) > 1e-3:
        assert expected(truth) < expected(said)


@given(probability=probabilities, outcome=st.sampled_from([0, 1]))
def test_scores_stay_in_their_bounds(probability: float, outcome: int) -> None:
    assert 0 <= brier(probability, outcome) <= 1
    assert -math.log(1 - CLIP) <= log_score(probability, outcome) <= -math.log(CLIP)
    assert brier(probability, outcome) == pytest.approx(brier(1 - probability, 1 - outcome), abs=1e-12)


def test_values_that_can_be_told_by_hand() -> None:
    assert brier(0.7, 1) == pytest.approx(0.09)
    assert log_score(0.5, 0) == pytest.approx(math.log(2))
    assert log_score(0.0, 1) == pytest.approx(-math.log(0.001)), "never infinite"


@given(many(), st.randoms(use_true_random=False), st.integers(0, 7), st.sampled_from(["met", "missed", "open"]))
def test_the_order_of_landing_leaves_no_trace(
    forecasts: list[Forecast], shuffle: random.Random, known: int, state: str
) -> None:
    outcomes = {KEY: Outcome(state, day(known))}
    mixed = list(forecasts)
    shuffle.shuffle(mixed)
    assert scores(mixed, outcomes) == scores(forecasts, outcomes)


@given(many())
def test_the_median_of_one_is_that_one(forecasts: list[Forecast]) -> None:
    alone = [one for one in forecasts if one.forecaster == "Ada" and one.reading == "literal"]
    assert crowd(alone) == steps(alone)
    crowded = {one.forecaster: one for one in scores(alone, {KEY: Outcome("met", day(3))})}
    if alone:
        assert crowded[None].brier == crowded["Ada"].brier
        assert crowded[None].time_weighted_brier == crowded["Ada"].time_weighted_brier


@given(many())
def test_the_crowd_holds_the_median_of_the_latest_forecasts(forecasts: list[Forecast]) -> None:
    about = [one for one in forecasts if one.reading == "literal"]
    for held in crowd(about):
        latest = {
            one.forecaster: one.probability for one in sorted(about, key=lambda f: f.order) if one.made_at <= held.since
        }
        ordered = sorted(latest.values())
        low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
        assert held.probability == pytest.approx((low + high) / 2)


@given(many(), st.integers(0, 7))
def test_every_forecast_is_counted_once_for_its_forecaster_and_once_for_the_crowd(
    forecasts: list[Forecast], known: int
) -> None:
    found = scores(forecasts, {KEY: Outcome("missed", day(known))})
    people = [one for one in found if one.forecaster is not None]
    assert sum(one.forecasts for one in people) == len(forecasts)
    assert sum(one.forecasts for one in found if one.forecaster is None) == len(forecasts)
    assert all((one.status == SCORED) == (one.brier is not None) for one in found)
    total = sum(one.scored + sum(one.left_out.values()) for one in summaries(found) if one.forecaster is not None)
    assert total == len(people)


def test_the_last_forecast_before_the_outcome_was_known_counts() -> None:
    given_ = [forecast("Ada", 0.2, 0), forecast("Ada", 0.6, 2), forecast("Ada", 1.0, 4), forecast("Bo", 1.0, 4)]
    ada, bo, both = scores(given_, {KEY: Outcome("met", day(4))})
    assert (ada.status, ada.probability, ada.forecasts) == (SCORED, 0.6, 3)
    assert ada.time_weighted_brier == pytest.approx((0.8**2 * 2 + 0.4**2 * 2) / 4)
    assert (bo.status, bo.brier) == (AFTER_OUTCOME, None)
    assert (both.forecaster, both.probability, both.forecasts) == (None, 0.6, 4)


def test_of_two_made_at_one_moment_the_later_known_counts() -> None:
    given_ = [forecast("Ada", 0.9, 1, known=3, offset=7), forecast("Ada", 0.1, 1, known=2, offset=8)]
    assert scores(given_, {KEY: Outcome("met", day(9))})[0].probability == 0.9


@pytest.mark.parametrize("state", ["open", "annulled", "unresolvable", "late"])
def test_what_is_neither_met_nor_missed_is_left_out_and_counted(state: str) -> None:
    found = scores([forecast("Ada", 0.3, 0), forecast("Ada", 0.3, 0, key="other")], {KEY: Outcome(state, day(1))})
    ada = summaries(found)[1]
    assert (ada.scored, ada.brier) == (0, None)
    assert ada.left_out == {state: 1, UNKNOWN: 1}
    assert calibration(found)[3].count == 0


def test_time_weighting_uses_the_time_held() -> None:
    held = [Held(day(0), 0.0, imported=False), Held(day(9), 1.0, imported=False)]
    assert time_weighted_brier(held, 1, day(10)) == pytest.approx(0.9)


@given(st.lists(st.tuples(probabilities, st.booleans()), max_size=30))
def test_bins_hold_every_scored_forecast_once(rows: list[tuple[float, bool]]) -> None:
    found = [
        score
        for number, (probability, met) in enumerate(rows)
        for score in scores(
            [Forecast("p", str(number), "Ada", probability, day(0), day(0), ("t", 0, number))],
            {("p", str(number)): Outcome("met" if met else "missed", day(1))},
        )
        if score.forecaster
    ]
    bins = calibration(found)
    assert len(bins) == BINS
    assert sum(one.count for one in bins) == len(rows)
    for one in bins:
        if one.mean_forecast is not None and one.observed is not None:
            assert one.low - 1e-9 <= one.mean_forecast <= one.high + 1e-9
            assert 0 <= one.observed <= 1
    assert sum(one.count * (one.observed or 0) for one in bins) == pytest.approx(sum(met for _, met in rows))
