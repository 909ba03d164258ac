"""The station by itself, without Kafka, on a clock of the test's own: a deadline needs no event to be told."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dualtrack.settings import Settings
from dualtrack.tools import settle_parts
from pipeline.settle import DEADLINES_EVERY, SettleParts, SettleStation
from predictions.load import load_definitions

RULES = """
rules:
  - {id: all, kinds: [missed, met, deadline], deadline_in_days: [7], receivers: [file, topic]}
"""


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def station(tmp_path: Path) -> Callable[[Clock], SettleStation]:
    (tmp_path / "rules.yaml").write_text(RULES)
    settings = Settings(home=tmp_path, alert_rules=tmp_path / "rules.yaml")

    def make(clock: Clock) -> SettleStation:
        def parts() -> SettleParts:
            made = settle_parts(settings, settings.receivers())
            return replace(made, tools=replace(made.tools, clock=clock))

        return SettleStation(parts)

    return make


def keys_on_topic(station: SettleStation) -> dict[str, str]:
    """Key to kind of what the tick hands over for the topic; it is noted as delivered."""
    records = station.tick()
    if records:
        station.delivered(records)
    told = [json.loads(record.value) for record in records]
    return {alert["key"]: alert["kind"] for alert in told if alert["prediction"] == "p1a"}


def in_file(file: Path) -> list[str]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return sorted(line["key"] for line in lines if line["prediction"] == "p1a")


def test_deadlines_are_told_without_any_event_and_once_also_after_a_restart(
    station: Callable[[Clock], SettleStation], tmp_path: Path
) -> None:
    definition = next(one for one in load_definitions() if one.id == "p1a")
    readings = [one for one in definition.readings if not definition.is_late(one)]
    closes = readings[0].closes_at
    same_day = [one for one in readings if one.closes_at == closes]
    clock = Clock(closes - timedelta(days=8))
    running = station(clock)
    running.open()
    assert keys_on_topic(running) == {}
    clock.now = closes - timedelta(days=7) + DEADLINES_EVERY
    near = keys_on_topic(running)
    assert sorted(near.values()) == ["deadline"] * len(same_day)
    clock.now = closes + DEADLINES_EVERY
    over = keys_on_topic(running)
    assert sorted(over.values()) == ["missed"] * len(same_day)
    running.close()

    running = station(clock)
    running.open()
    clock.now += DEADLINES_EVERY
    assert keys_on_topic(running) == {}
    file, wanted = tmp_path / "alerts.jsonl", sorted([*near, *over])
    deadline = time.monotonic() + 20
    while in_file(file) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    running.close()
    assert in_file(file) == wanted
