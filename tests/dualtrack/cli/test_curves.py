"""Curves: as long as there is time to show, as high as the values are."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dualtrack.cli.curves import WIDEST, curve, figure
from predictions.running import Point

START = date(2025, 1, 1)


def series(*values: tuple[int, float]) -> list[Point]:
    return [Point(START + timedelta(days=day), "s", value, "test", str(day)) for day, value in values]


def test_a_fall_goes_from_the_highest_block_to_the_lowest() -> None:
    assert curve(series((0, 10), (4, 5), (7, 0)), width=8) == "████▅▅▅▁"


def test_one_that_does_not_change_is_flat() -> None:
    assert curve(series((0, 3), (9, 3)), width=5) == "▄▄▄▄▄"


@given(
    st.lists(st.tuples(st.integers(0, 3000), st.floats(-1e12, 1e12)), min_size=1, max_size=30, unique_by=lambda v: v[0])
)
def test_any_series_fits_and_ends_where_it_ends(values: list[tuple[int, float]]) -> None:
    points = series(*sorted(values))
    drawn = curve(points)
    assert 1 <= len(drawn) <= WIDEST
    assert set(drawn) <= set("▁▂▃▄▅▆▇█")
    assert curve([*points, *points[-1:]]) == drawn


def test_figures_are_short() -> None:
    assert [figure(value) for value in (1234567.8, 56.72, 0.0042, 10)] == ["1,234,568", "56.72", "0.0042", "10"]
