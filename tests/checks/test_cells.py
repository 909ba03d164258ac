"""Cells: numbers that never raise, and never turn what is wrong into null."""

import math
from datetime import date
from decimal import Decimal

import pytest

from checks.cells import LATEST, day_text, farthest_day, flag, is_percent, money_ratio, number, ratio
from schemas.outcomes import ConvertedMoney
from schemas.values import Qualifier


def money(value: str, currency: str, usd: str | None = None) -> ConvertedMoney:
    return ConvertedMoney("amount", Decimal(value), currency, Qualifier.EXACT, None if usd is None else Decimal(usd))


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("0.1"), 0.1),
        (10**400, math.inf),
        (-(10**400), -math.inf),
        (math.nan, math.inf),
        (Decimal("NaN"), math.inf),
        (0, 0.0),
    ],
)
def test_number(value: Decimal | float, cell: float) -> None:
    assert number(value) == cell


def test_nothing_stays_nothing() -> None:
    assert number(None) is None
    assert flag(False) is None
    assert farthest_day([None]) is None
    assert money_ratio(None, money("1", "USD")) is None


def test_ratio_needs_something_positive_below() -> None:
    assert ratio(Decimal(3), Decimal(2)) == 1.5
    assert ratio(1, 0) is None
    assert ratio(1, -2) is None
    assert ratio(1, 10**400) is None
    assert ratio(10**300, 1e-300) == math.inf


def test_money_is_compared_as_stated_in_one_currency_else_in_usd() -> None:
    assert money_ratio(money("3", "ZZZ"), money("2", "ZZZ")) == 1.5
    assert money_ratio(money("3", "JPY", "6"), money("2", "EUR", "2")) == 3
    assert money_ratio(money("3", "JPY"), money("2", "EUR", "2")) is None


def test_the_farthest_day_is_the_one_to_look_at() -> None:
    ordinal = farthest_day([date(2026, 1, 1), None, date(2226, 1, 1)])
    assert ordinal is not None
    assert ordinal > LATEST
    assert day_text(ordinal) == "2226-01-01"


@pytest.mark.parametrize("unit", ["percent", " Percent correct", "%", "per cent", "pct"])
def test_percent(unit: str) -> None:
    assert is_percent(unit)


@pytest.mark.parametrize("unit", ["percentage points", "percentile", "rating", "pass@1"])
def test_not_percent(unit: str) -> None:
    assert not is_percent(unit)
