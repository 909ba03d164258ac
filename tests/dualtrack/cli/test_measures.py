"""``measures``: the list, one of them as a curve, the past, and programs."""

from pathlib import Path

import pytest

from publishers.sources.bad_inputs import SEED
from tests.dualtrack.kit import dualtrack, json_of


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("measured")
    dualtrack("load", str(SEED / "benchmarks.jsonl"), str(SEED / "metrics.jsonl"), home=home)
    return home


def test_the_list_tells_the_newest_value_or_that_no_event_says(seeded: Path) -> None:
    told = dualtrack("measures", "list", home=seeded).stdout
    assert "us-china-gap  How far apart are the best American and the best Chinese model?" in told
    assert "China: 148" in told
    assert "energy  Does usage grow faster" in told
    assert "  no event says\n" in told


def test_one_is_shown_as_a_curve_with_the_event_of_the_newest_value(seeded: Path) -> None:
    told = dualtrack("measures", "show", "us-china-gap", home=seeded).stdout
    assert "█" in told
    assert "to  2026-01-27 148 index points" in told
    assert "← seed/epoch#eci-china-kimi-k2-5" in told


def test_the_past_shows_less(seeded: Path) -> None:
    whole = json_of("measures", "show", "us-china-gap", home=seeded)
    past = json_of("measures", "show", "us-china-gap", "--as-of", "2024-12-31", home=seeded)
    assert max(point["day"] for point in past["points"]) <= "2024-12-31"
    assert 0 < past["count"] < whole["count"]
    assert json_of("measures", "show", "us-china-gap", "--known", "2020-01-01", home=seeded)["points"] == []


def test_programs_get_points_with_their_events(seeded: Path) -> None:
    rows = json_of("measures", "list", home=seeded)
    segments = next(row for row in rows if row["id"] == "market-segments")
    assert segments["count"] == 8
    assert {"day", "series", "value", "source", "id"} == segments["newest"][0].keys()
    assert "points" not in segments


@pytest.mark.parametrize(
    ("id", "told"), [("us-china", "may be us-china-gap, us-china-win-probability"), ("x", "no measure is called 'x'")]
)
def test_one_that_is_not_meant_by_anything_is_told(seeded: Path, id: str, told: str) -> None:
    assert told in dualtrack("measures", "show", id, home=seeded, exit_code=1).stderr


def test_a_day_that_is_none_is_refused(seeded: Path) -> None:
    assert "does not match" in dualtrack("measures", "list", "--as-of", "soon", home=seeded, exit_code=2).stderr
