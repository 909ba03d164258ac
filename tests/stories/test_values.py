"""Which values agree, and which differ by a slipped unit."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stories.values import Stated, agree, camps, unit_error


def usd(value: str, qualifier: str = "exact") -> Stated:
    return Stated(Decimal(value), qualifier, "USD", Decimal(value))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (usd("20e9"), usd("20e9"), True),
        (usd("6.6e9"), usd("6.62e9"), True),  # 6.62 is rounded to 6.6
        (usd("6.6e9"), usd("6.7e9"), False),
        (usd("40e9"), usd("43e9"), False),  # 40 stands for 39.5 to 40.5, not for 35 to 45
        (usd("2.75e9"), usd("4e9"), False),
        (usd("20e9", "at_least"), usd("25e9"), True),
        (usd("20e9", "at_least"), usd("15e9"), False),
        (usd("20e9", "up_to"), usd("15e9"), True),
        (usd("20e9", "up_to"), usd("25e9"), False),
        (usd("20e9", "up_to"), usd("30e9", "at_least"), False),
        (usd("20e9", "about"), usd("21.5e9"), True),
        (usd("20e9", "about"), usd("24e9"), False),
        (usd("20e9", "at_least"), usd("200e9", "at_least"), False),  # The seed's case.
        (usd("0"), usd("0"), True),
        (usd("0"), usd("5"), False),
        (Stated(Decimal("600e6"), currency="EUR", usd=Decimal("640e6")), usd("650e6"), True),
        (Stated(Decimal("600e6"), currency="EUR", usd=Decimal("640e6")), usd("500e6"), False),
        (Stated(Decimal("600e6"), currency="TWD"), usd("500e6"), None),
        (Stated(Decimal("88.5")), Stated(Decimal("88.7")), False),
        (Stated(Decimal("88")), Stated(Decimal("88.4")), True),
    ],
)
def test_agreement(one: Stated, other: Stated, expected: bool | None) -> None:
    assert agree(one, other) is expected
    assert agree(other, one) is expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [("10", 10), ("100", 100), ("1000", 1000), ("9.95", 10), ("10.05", 10), ("9.8", None), ("11", None), ("1", None)],
)
def test_a_factor_of_ten_a_hundred_or_a_thousand_is_a_suspected_unit_error(ratio: str, expected: int | None) -> None:
    small, large = usd("20e9"), usd(str(Decimal("20e9") * Decimal(ratio)))
    assert unit_error(small, large) == unit_error(large, small) == expected


def test_a_value_joins_the_camp_with_which_it_agrees_in_all() -> None:
    values = [usd("20e9", "at_least"), usd("25e9"), usd("30e9"), usd("25.1e9")]
    assert camps(values) == [[0, 1, 3], [2]]
    assert camps(values[:2]) == [[0, 1]]


STATED = st.builds(usd, st.integers(1, 10**6).map(str), st.sampled_from(["exact", "about", "up_to", "at_least"]))


@given(st.lists(STATED, max_size=6))
def test_camps_hold_every_value_once_and_agree_within(values: list[Stated]) -> None:
    found: list[Any] = camps(values)
    assert sorted(place for camp in found for place in camp) == list(range(len(values)))
    assert all(agree(values[a], values[b]) for camp in found for a in camp for b in camp if a != b)
