"""Conversion to USD: which day's rate, when there is none, and that no digit is lost."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.steps.convert import MAX_WALK, Rate, Rates, to_usd

FRIDAY = date(2026, 4, 17)


@pytest.fixture(scope="module")
def rates() -> Rates:
    return Rates.load()


def test_a_working_day_has_its_own_rate(rates: Rates) -> None:
    rate = rates.on("EUR", FRIDAY)
    assert rate is not None
    assert (rate.day, rate.old) == (FRIDAY, False)
    assert Decimal("0.5") < rate.usd < Decimal(2)


@pytest.mark.parametrize("days", [1, 2])
@pytest.mark.parametrize("currency", ["EUR", "GBP", "CNY", "JPY"])
def test_a_weekend_takes_fridays_rate(rates: Rates, currency: str, days: int) -> None:
    assert rates.on(currency, FRIDAY + timedelta(days=days)) == rates.on(currency, FRIDAY)


def test_a_holiday_takes_the_last_rate_before_it(rates: Rates) -> None:
    christmas = rates.on("EUR", date(2025, 12, 26))
    assert christmas is not None
    assert christmas.day == date(2025, 12, 24)


def test_usd_is_itself_on_any_day(rates: Rates) -> None:
    assert rates.on("USD", date(1970, 1, 1)) == Rate(Decimal(1), date(1970, 1, 1))


@pytest.mark.parametrize(
    ("currency", "day"),
    [
        ("TWD", FRIDAY),  # never quoted
        ("AED", FRIDAY),
        ("ZZZ", FRIDAY),  # no currency
        ("EUR", date(1998, 12, 31)),  # before the file
        ("EUR", date(1, 1, 1)),  # walking back would leave the calendar
        ("CNY", date(2004, 1, 5)),  # before the currency's first rate
        ("RUB", date(2026, 1, 5)),  # no longer quoted
        ("RUB", date(9999, 12, 31)),  # no longer quoted, after the end of the file
    ],
)
def test_there_is_no_rate_where_the_bank_sets_none(rates: Rates, currency: str, day: date) -> None:
    assert rates.on(currency, day) is None


def test_a_currency_that_is_no_longer_quoted_keeps_its_old_rates(rates: Rates) -> None:
    assert rates.on("RUB", date(2020, 1, 6)) is not None


def test_after_the_end_of_the_file_its_last_rate_counts_and_is_old_after_a_week(rates: Rates) -> None:
    last = rates.on("EUR", rates.last_day)
    soon = rates.on("EUR", rates.last_day + timedelta(days=MAX_WALK))
    late = rates.on("EUR", rates.last_day + timedelta(days=MAX_WALK + 1))
    assert last is not None
    assert soon == last
    assert late == Rate(last.usd, last.day, old=True)


@given(st.dates(date(1990, 1, 1), date(2040, 1, 1)), st.sampled_from(["EUR", "JPY", "TWD", "RUB", "USD", "QQQ"]))
def test_a_rate_is_never_of_a_later_day_and_old_means_more_than_a_week(day: date, currency: str) -> None:
    rate = SHARED.on(currency, day)
    if rate is not None:
        assert rate.day <= day
        assert rate.old == ((day - rate.day).days > MAX_WALK)
        assert rate.usd > 0


@given(
    st.decimals(min_value=0, max_value=Decimal("1e24"), places=2), st.sampled_from(["EUR", "JPY", "CNY", "IDR", "GBP"])
)
def test_there_and_back_is_the_same_amount_within_rounding(value: Decimal, currency: str) -> None:
    rate = SHARED.on(currency, FRIDAY)
    assert rate is not None
    usd = to_usd(value, rate)
    assert abs(usd / rate.usd - value) <= max(Decimal("0.000001") / rate.usd, value * Decimal("1e-20"))


def test_dollars_are_not_rounded() -> None:
    assert to_usd(Decimal("0.000000123"), Rate(Decimal(1), FRIDAY)) == Decimal("0.000000123")


def test_the_largest_amount_that_an_event_may_carry_converts() -> None:
    assert to_usd(Decimal("9" * 30), Rate(Decimal("1.23456789012"), FRIDAY)) > 0


SHARED = Rates.load()
