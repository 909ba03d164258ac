"""Forecasts from CSV: every bad row by its line, and no spreadsheet's habits in the way."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualtrack.forecast_csv import BadCell, BadFile, probability_of, read_forecasts, time_of
from dualtrack.known_readings import KnownReading, KnownReadings

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
KNOWN = KnownReadings([KnownReading("p1a", "literal"), KnownReading("p1a", "strict"), KnownReading("p2a", "literal")])
HEAD = "prediction,forecaster,probability,made_at"


def written(folder: Path, text: str | bytes) -> Path:
    file = folder / "forecasts.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_columns_stand_in_any_order_and_what_is_optional_may_be_missing(tmp_path: Path) -> None:
    file = written(tmp_path, "made_at,Forecaster,PROBABILITY,prediction\n2026-05-02, Ada ,35%,P1A\n")
    (one,) = read_forecasts(file, KNOWN, NOW).forecasts
    assert (one.prediction, one.reading, one.forecaster, one.by) == ("p1a", "literal", "Ada", "Ada")
    assert (one.probability, one.imported, one.why) == (0.35, True, None)
    assert one.made_at == datetime(2026, 5, 2, 23, 59, 59, 999_999, UTC)
    assert read_forecasts(file, KNOWN, NOW, by="Eve").forecasts[0].by == "Eve"


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    text = (
        b"\xef\xbb\xbf" + HEAD.replace(",", ";").encode() + b";why\r\n\r\np2a;Ada;0.5;2026-05-02;one, two\r\n;;;;\r\n"
    )
    (one,) = read_forecasts(written(tmp_path, text), KNOWN, NOW).forecasts
    assert one.why == "one, two"


def test_bad_rows_are_named_by_the_line_on_which_they_begin(tmp_path: Path) -> None:
    rows = [
        'p1a,"Ada\nLovelace",0.5,2026-05-02',
        "p1a,,,2026-05-02",
        "p7,Ada,0.5,2026-05-02",
        "p1a,Ada,0.5",
        f"p1a,{'A' * 301},0.5,2026-05-02",
    ]
    found = read_forecasts(written(tmp_path, "\n".join([HEAD, *rows]) + "\n"), KNOWN, NOW)
    assert [one.forecaster for one in found.forecasts] == ["Ada\nLovelace"]
    assert [(row.line, row.reason) for row in found.bad] == [
        (4, "forecaster, probability: nothing is there"),
        (5, "no prediction is called 'p7'; there are p1a, p2a"),
        (6, "3 cells, and there are 4 columns: put what has a comma in quotes"),
        (7, "by: String should have at most 300 characters"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ":1: the file is empty: its first line names the columns prediction"),
        (HEAD.replace("made_at", "mode_at"), ":1: the column 'mode_at' is not known: did you mean 'made_at'?"),
        ("prediction,forecaster,probability\n", ":1: the column 'made_at' is missing"),
        (f"{HEAD},made_at\n", ":1: the column 'made_at' is there twice"),
        (f'{HEAD}\np1a,"Ada,0.5,2026-05-02\n', ":2: this is no CSV"),
        (HEAD.encode() + b"\np1a,Ad\xe4,0.5,2026-05-02\n", ":2: this is not UTF-8: save the file as CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_table_of_forecasts(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(BadFile) as raised:
        read_forecasts(written(tmp_path, text), KNOWN, NOW)
    assert str(raised.value).startswith(f"{tmp_path / 'forecasts.csv'}{told}")


@given(st.integers(0, 1000))
def test_a_share_and_its_percentage_are_one_probability(thousandths: int) -> None:
    share = thousandths / 1000
    assert (
        probability_of(f" {share} ") == probability_of(f"{thousandths / 10}%") == probability_of(f"{share:e}") == share
    )


@pytest.mark.parametrize("text", ["", "35", "-0.1", "1.0001", "101%", "nan", "inf", "0,35", "35%%", "% 3", "half"])
def test_what_is_no_probability_is_refused(text: str) -> None:
    with pytest.raises(BadCell, match=r"write 0\.35 or 35%"):
        probability_of(text)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2026, 11, 24)),  # noqa: DTZ001  # the zone is the next one
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_is_the_same_instant_in_utc(naive: datetime, minutes: int) -> None:
    at = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    if at <= NOW:
        assert time_of(at.isoformat(), NOW) == at
        assert time_of(at.isoformat(), NOW).tzinfo == UTC


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("soon", "is no time"),
        ("2026-02-30", "is no time"),
        ("0001-01-01T00:00:00+10:00", "is no time"),
        ("2026-05-02T10:00", "has no time zone"),
        ("2026-11-25", "lies in the future (a day means its end: write the time too)"),
        ("2026-11-25T12:00:01Z", "lies in the future"),
    ],
)
def test_what_is_no_time_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadCell) as raised:
        time_of(text, NOW)
    assert told in str(raised.value)
