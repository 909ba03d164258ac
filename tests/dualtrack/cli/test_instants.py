"""Days, instants and the two times, as a person writes them."""

from datetime import UTC, date, datetime

import pytest
import typer

from dualtrack.cli.instants import ClockName, day_of, heading, instant_of, point_of


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-06-01", datetime(2026, 6, 1, 23, 59, 59, 999999, tzinfo=UTC)),
        ("2026-06-01T12:00Z", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("2026-06-01T12:00", datetime(2026, 6, 1, 12, tzinfo=UTC)),
        ("2026-06-01T14:00+02:00", datetime(2026, 6, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_day_means_its_end_and_an_instant_without_a_zone_is_utc(text: str, instant: datetime) -> None:
    assert instant_of(text, "--known") == instant


@pytest.mark.parametrize("text", ["2026-6-1", "yesterday", "2026-02-30", ""])
def test_what_is_neither_is_refused_with_what_to_write(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for parse in (day_of, instant_of):
        with pytest.raises(typer.Exit):
            parse(text, "--known")
        assert f"--known {text}: write a day as 2026-06-01" in capsys.readouterr().err


def test_nothing_is_known_of_the_future() -> None:
    before = datetime.now(UTC)
    assert before <= point_of("2999-01-01", None, ClockName.KNOWN).known <= datetime.now(UTC)


def test_the_heading_says_both_times_and_whose_clock() -> None:
    point = point_of("2026-06-02", "2026-06-01", ClockName.REPORTED)
    assert point.as_of == date(2026, 6, 1)
    assert heading(point) == "As of 2026-06-01, as known at 2026-06-02 23:59:59 UTC by the publishers' clock"
    assert heading(point_of("2026-06-02T10:00Z", None, ClockName.KNOWN)) == "As known at 2026-06-02 10:00:00 UTC"
