"""Money, dates of known precision, identities."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.values import Money, PartialDate, Precision

DATES = TypeAdapter(PartialDate)


@pytest.mark.parametrize(
    ("text", "first", "last", "precision"),
    [
        ("2026-04-16", date(2026, 4, 16), date(2026, 4, 16), Precision.DAY),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29), Precision.MONTH),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31), Precision.QUARTER),
        ("2026", date(2026, 1, 1), date(2026, 12, 31), Precision.YEAR),
    ],
)
def test_each_form_says_which_days_it_may_mean(text: str, first: date, last: date, precision: Precision) -> None:
    read = DATES.validate_python(text)
    assert (read.first, read.last, read.precision) == (first, last, precision)
    assert str(read) == text


@pytest.mark.parametrize("text", ["", "2026-13", "2026-02-30", "26-04-16", "2026-Q5", "April 2026", "0000", "٢٠٢٦"])
def test_anything_else_is_refused_with_the_forms_named(text: str) -> None:
    with pytest.raises(ValidationError):
        DATES.validate_python(text)


@given(st.dates(), st.sampled_from([10, 7, 4]))
def test_a_date_that_was_written_is_read_and_written_the_same(day: date, length: int) -> None:
    text = day.isoformat()[:length]
    read = DATES.validate_python(text)
    assert str(read) == text
    assert read.first <= day <= read.last


@given(st.integers(min_value=-(10**15), max_value=10**15), st.integers(min_value=0, max_value=6))
def test_money_sent_as_a_string_keeps_every_digit(digits: int, places: int) -> None:
    value = Decimal(digits).scaleb(-places)
    assert Money.model_validate_json(f'{{"value": "{value:f}", "currency": "EUR"}}').value == value


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_money_is_a_finite_number(value: str) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"value": value, "currency": "EUR"})


def test_unknown_fields_are_kept() -> None:
    money = Money.model_validate({"value": 1, "currency": "EUR", "as_written": "one euro"})
    assert money.model_dump()["as_written"] == "one euro"


def test_in_python_a_date_is_a_day_and_anything_else_is_refused_in_one_sentence() -> None:
    assert str(DATES.validate_python(date(2026, 4, 16))) == "2026-04-16"
    with pytest.raises(ValidationError) as refused:
        DATES.validate_python(20260416)
    assert len(refused.value.errors()) == 1
    assert "write 2026-04-16, 2026-04, 2026-Q2 or 2026" in str(refused.value)
