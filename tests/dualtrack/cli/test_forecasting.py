"""``predictions forecast``, ``import-forecasts`` and ``scores``: from the command over the store to the score."""

import json
import math
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import confluent_kafka
import pytest

from dualtrack import tools
from dualtrack.broker.embedded import EmbeddedBroker
from pipeline.flow import ValidateTools
from pipeline.steps.decode import decode
from schemas.decisions import Forecast
from schemas.records import RawRecord
from tests.dualtrack.conftest import FORECASTS_CSV
from tests.dualtrack.kit import dualtrack, json_of


def by_name(told: dict[str, Any]) -> dict[str | None, dict[str, Any]]:
    return {row["forecaster"]: row for row in [*told["forecasters"], told["crowd"]]}


def test_what_was_imported_loaded_and_resolved_is_scored(decided: Path) -> None:
    found = by_name(json_of("predictions", "scores", home=decided))
    assert {name: row["scored"] for name, row in found.items()} == {"Ada": 2, "Bo": 1, "Cy": 0, None: 2}
    assert found["Ada"]["brier"] == pytest.approx((0.4**2 + 0.05**2) / 2)
    assert found["Ada"]["log_score"] == pytest.approx(-(math.log(0.6) + math.log(0.95)) / 2)
    assert found["Bo"]["brier"] == pytest.approx(0.8**2)
    assert found[None]["brier"] == pytest.approx((0.6**2 + 0.05**2) / 2), "the median of 0.6 and 0.2 is 0.4"
    assert found["Ada"]["left_out"] == {"annulled": 1}
    assert found["Cy"]["left_out"] == {"open": 1}
    assert found["Ada"]["imported"] == 2


def test_sql_says_the_same(decided: Path) -> None:
    sql = (
        "SELECT forecaster, avg(brier) AS brier, avg(time_weighted_brier) AS over_time FROM forecast_scores GROUP BY 1"
    )
    found = by_name(json_of("predictions", "scores", home=decided))
    for row in json_of("query", sql, home=decided):
        assert row["brier"] == pytest.approx(found[row["forecaster"]]["brier"])
        assert row["over_time"] == pytest.approx(found[row["forecaster"]]["time_weighted_brier"])


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_people_see_a_table_and_bars_that_fit(decided: Path, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = dualtrack("predictions", "scores", home=decided).stdout
    assert "(crowd)" in shown
    assert "1 annulled" in shown
    (bar,) = [line for line in shown.splitlines() if line.startswith(" 60%-70%")]
    assert "100.0%" in bar
    assert "┃" in bar
    assert max(map(len, shown.splitlines())) <= columns


def test_one_forecaster_reading_by_reading_and_as_svg(decided: Path, tmp_path: Path) -> None:
    plot = tmp_path / "plot.svg"
    shown = dualtrack("predictions", "scores", "--by", "Ada", "--svg", str(plot), home=decided).stdout
    assert "Reading by reading" in shown
    assert "Bo" not in shown
    assert ElementTree.parse(plot).getroot().tag.endswith("svg")  # noqa: S314  # we wrote it
    said = dualtrack("predictions", "scores", "--by", "Zoe", home=decided, exit_code=1).stderr
    assert "there is no forecast by 'Zoe'; there are some by Ada, Bo, Cy" in said


def test_imported_forecasts_can_be_left_out(decided: Path) -> None:
    assert json_of("predictions", "scores", "--without-imported", home=decided)["scores"] == []
    assert "nobody has made a forecast" in dualtrack("predictions", "scores", "--without-imported", home=decided).stdout


def test_importing_again_lands_nothing(
    decided: Path, tmp_path: Path, opened_tools: ValidateTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path(shutil.copytree(decided, tmp_path / "home"))
    monkeypatch.setattr(tools, "validate_tools", lambda: opened_tools)
    again = tmp_path / "again.jsonl"
    told = json_of("predictions", "import-forecasts", str(home / "forecasts.csv"), "--to", str(again), home=home)
    assert (told["forecasts"], told["repeated"], told["refused"]) == (6, 1, [])
    loaded = json_of("load", str(again), home=home)
    assert (loaded["landed"], loaded["duplicate"]) == (0, 6)
    before = json_of("predictions", "scores", home=decided)["scores"]
    assert json_of("predictions", "scores", home=home)["scores"] == before


def test_each_bad_row_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(FORECASTS_CSV + "p9,literal,Ada,0.5,2026-05-02,\np1a,literal,Ada,7,2026-05-02,\n")
    to = tmp_path / "out.jsonl"
    said = dualtrack("predictions", "import-forecasts", str(file), "--to", str(to), home=tmp_path, exit_code=1).stderr
    assert f"{file}:11: no prediction is called 'p9'; there are p1a" in said
    assert f"{file}:12: probability: '7' does not lie between 0 and 1" in said
    assert "2 bad rows, so nothing was sent" in said
    assert not to.exists()
    words = ("predictions", "import-forecasts", str(file), "--to", str(to), "--skip-bad")
    told = json_of(*words, home=tmp_path, exit_code=1)
    assert [row["line"] for row in told["refused"]] == [11, 12]
    assert len(to.read_text().splitlines()) == told["forecasts"] == 6


def test_a_forecast_is_sent_to_the_topic(broker: EmbeddedBroker, home_with_broker: Path) -> None:
    told = json_of("predictions", "forecast", "P1A", "35%", "--by", " Ada ", "--why", "a hunch", home=home_with_broker)
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "t", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe(["decisions"])
        message = consumer.poll(20)
    finally:
        consumer.close()
    assert message is not None
    value, key = message.value(), message.key()
    assert key == b"p1a"
    (arrived,) = decode([RawRecord("decisions", 0, 0, key, value, (), 1_800_000_000_000)]).decisions
    assert arrived.id == told["id"]
    assert isinstance(arrived.decision, Forecast)
    assert (arrived.decision.forecaster, arrived.decision.probability, arrived.decision.reading) == (
        "Ada",
        0.35,
        "literal",
    )
    assert arrived.decision.imported is False


def test_without_a_kafka_it_says_what_to_do(tmp_path: Path) -> None:
    said = dualtrack("predictions", "forecast", "p1a", "0.5", "--by", "Ada", home=tmp_path, exit_code=1).stderr
    assert "DUALTRACK_KAFKA=host:port" in said
    assert "--to decisions.jsonl" in said
    assert f"dualtrack --home {tmp_path} load decisions.jsonl" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("p9", "0.5"), "no prediction is called 'p9'; there are p1a, p1b"),
        (("p1a", "0.5", "--reading", "x"), "p1a has no reading 'x'; it has literal, strict"),
        (("p1a", "1.5"), "probability: '1.5' does not lie between 0 and 1: write 0.35 or 35%"),
        (("p1a", "0.5", "--at", "2999-01-01"), "--at: '2999-01-01' lies in the future"),
        (("p1a", "0.5", "--at", "2026-01-01T10:00"), "--at: '2026-01-01T10:00' has no time zone"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    said = dualtrack("predictions", "forecast", *words, "--by", "Ada", "--to", "-", home=tmp_path, exit_code=2)
    assert told in said.stderr
    assert said.stdout == ""


def test_a_pipe_gets_one_line_and_people_get_the_rest(decided: Path) -> None:
    said = dualtrack("predictions", "forecast", "p1a", "0.5", "--by", "Ada", "--to", "-", home=decided)
    assert json.loads(said.stdout)["data"]["probability"] == 0.5
    assert "Ada holds p1a (literal, its first reading beside strict" in said.stderr
    assert "p1a (literal) is met already: this is not scored" in said.stderr
    early = ("--at", "2026-05-01", "--to", "-")
    assert "already" not in dualtrack("predictions", "forecast", "p1a", "1", "--by", "A", *early, home=decided).stderr


def test_the_same_time_gives_the_same_identity(tmp_path: Path) -> None:
    words = ("predictions", "forecast", "p1a", "0.5", "--by", "Ada", "--to", "-", "--at")
    lines = [
        json.loads(dualtrack(*words, at, home=tmp_path).stdout)
        for at in ("2026-05-02T10:00:00Z", "2026-05-02T12:00:00+02:00", "2026-05-02T10:00:01Z")
    ]
    assert lines[0]["id"] == lines[1]["id"] != lines[2]["id"]
    assert lines[0]["data"]["imported"] is True
