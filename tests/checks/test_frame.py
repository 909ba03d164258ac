"""The frame: one row per event, floats only, null where a column does not apply."""

import math
from datetime import date
from typing import Any

import numpy as np
import pytest

from checks.expectations import CHECKS
from checks.frame import blank_frame, frame_of
from schemas.outcomes import Classified
from tests.factories import FIELDS, make_classified, usd

TYPES = tuple(FIELDS)
EXTREME: dict[str, dict[str, Any]] = {
    "deal": {"units": 10**300, "capacity_gw": 1e308, "until": "9999-12-31", "amount": usd("1" * 30)},
    "model-release": {"context_window": 10**400, "price": {"input": usd(0), "output": usd("-1e-29")}},
    "benchmark": {"score": -1.7e308},
    "funding": {"amount": usd(0), "valuation": usd("-0")},
    "metric": {"value": "-" + "9" * 30, "low": "9" * 30, "high": "1e-29", "unit": "percent", "denominator": "all"},
    "incident": {"severity": None},
    "policy": {"in_force_from": "0001-01-01", "duty_from": "9999-12-31"},
    "headline": {"published_on": "9999-Q4"},
}


def row(item: Classified) -> dict[str, float]:
    """The cells of one event, without the nulls."""
    return dict(frame_of([item]).iloc[0].dropna())


def test_all_types_share_one_frame_and_each_has_its_own_columns() -> None:
    batch = [make_classified(TYPES[i % len(TYPES)]) for i in range(20)]
    frame = frame_of(batch)
    assert list(frame.columns) == [column for checks in CHECKS for column in checks.columns]
    assert list(frame.index) == list(range(20))
    assert set(frame.dtypes) == {np.dtype("float64")}
    for checks in CHECKS:
        foreign = [
            i for i, item in enumerate(batch) if checks.event and not isinstance(item.parsed.event, checks.event)
        ]
        assert frame.loc[foreign, list(checks.columns)].isna().all().all()


def test_common_cells() -> None:
    cells = row(
        make_classified(
            "funding",
            title="  abc ",
            occurred_on="2026-05",
            amount=usd(-5, "EUR"),
            valuation=usd(7, "ZZZ"),
            id="a",
            corrects={"source": "tests", "id": "a"},
            retracts={"source": "tests", "id": "b"},
        )
    )
    assert cells["title_length"] == 3
    assert cells["occurred_first"] == date(2026, 5, 1).toordinal()
    assert cells["occurred_last"] == date(2026, 5, 31).toordinal()
    assert cells["days_occurred_after_reported"] == 14
    assert cells["days_reported_after_known"] == pytest.approx(-0.5 / 24)
    assert cells["money_lowest"] == -5
    assert cells["money_highest_usd"] == pytest.approx(7e-6)
    assert cells["unknown_currencies"] == 1
    assert cells["corrects_itself"] == 1
    assert "retracts_itself" not in cells
    assert cells["score_sum"] == 1


def test_nothing_to_check_is_null() -> None:
    cells = row(make_classified("metric", value=None, amount=None))
    assert not {"money_lowest", "metric_range_width", "metric_share_percent"} & set(cells)


def test_type_specific_cells() -> None:
    release = row(make_classified("model-release", price={"input": usd(2), "output": usd(8), "cached_input": usd(1)}))
    assert release["price_lowest"] == 2
    assert release["price_highest_usd"] == 8
    assert release["price_output_to_input"] == 4
    assert release["price_cached_to_input"] == 0.5
    assert row(make_classified("funding", amount=usd(2e9), valuation=usd(1e9)))["funding_valuation_to_amount"] == 0.5
    policy = row(make_classified("policy", in_force_from="2024-08-01", duty_from="2024-08-11"))
    assert policy["policy_days_to_duty"] == 10


@pytest.mark.parametrize("type", TYPES)
def test_extreme_values_become_cells_and_never_raise(type: str) -> None:
    for day in ("0001", "9999"):
        cells = row(make_classified(type, occurred_on=day, **EXTREME[type]))
        assert not any(math.isnan(cell) for cell in cells.values())


def test_a_cell_too_large_is_infinite_not_null() -> None:
    assert row(make_classified("model-release", context_window=10**400))["context_window"] == math.inf


def test_an_empty_batch_and_the_blank_frame_have_the_same_columns() -> None:
    assert list(frame_of([]).columns) == list(blank_frame().columns)
    assert blank_frame().shape[0] == 1
    assert blank_frame().isna().all().all()
