"""What time alone brings: each deadline and each silence is told once."""

from datetime import UTC, datetime, timedelta

import pytest

from predictions.alert_rules import Rule
from predictions.reminders import due_days, reminders
from sinks.alerts import queue
from tests.predictions.world import UNICORNS, World, define, make_world

DEFINITION = define(UNICORNS)
CLOSES = DEFINITION.readings[0].closes_at
DEADLINE = Rule.model_validate({"id": "d", "kinds": ["deadline"]})
STALE = Rule.model_validate({"id": "s", "kinds": ["stale"], "stale_after_days": 30})
QUERY = Rule.model_validate({"id": "q", "when": {"event_type": "deal"}, "kinds": ["match", "stale"]})


@pytest.fixture
def world() -> World:
    return make_world(DEFINITION)


def told(world: World, now: datetime, rule: Rule) -> list[tuple[str, str]]:
    world.evaluate(now)
    return [(alert.milestone, alert.key) for _, alert in reminders(world.connection, [DEFINITION], [rule], now)]


@pytest.mark.parametrize(
    ("days_before", "due"),
    [(91, None), (90, 90), (31, 90), (30, 30), (7.5, 30), (7, 7), (0.1, 7), (0, 7), (-0.1, None)],
)
def test_the_last_day_that_has_come_is_due(days_before: float, due: int | None) -> None:
    assert due_days(CLOSES, (7, 90, 30), CLOSES - timedelta(days=days_before)) == due


def test_a_deadline_is_told_under_one_key_until_the_next_day_comes(world: World) -> None:
    assert told(world, CLOSES - timedelta(days=100), DEADLINE) == []
    found = [told(world, CLOSES - timedelta(days=days), DEADLINE) for days in (90, 60, 30, 8, 7, 1)]
    assert [[name for name, _ in one] for one in found] == [
        ["deadline in 90 days"],
        ["deadline in 90 days"],
        ["deadline in 30 days"],
        ["deadline in 30 days"],
        ["deadline in 7 days"],
        ["deadline in 7 days"],
    ]
    assert len({key for one in found for _, key in one}) == 3
    assert told(world, CLOSES + timedelta(seconds=1), DEADLINE) == []


def test_the_title_counts_the_days_that_are_left(world: World) -> None:
    now = CLOSES - timedelta(days=25)
    world.evaluate(now)
    ((_, alert),) = reminders(world.connection, [DEFINITION], [DEADLINE], now)
    assert alert.title == "A test (main): the deadline, 2027-04-17, is 25 days away."
    assert alert.known_at == CLOSES - timedelta(days=30)


def test_nobody_is_reminded_of_what_is_decided(world: World) -> None:
    for company in "AB":
        world.event("funding", company, "2026-05-01", company=company, valuation=2e9)
    assert told(world, CLOSES - timedelta(days=7), DEADLINE) == []
    assert told(world, CLOSES - timedelta(days=7), STALE) == []


def test_silence_is_told_once_and_again_after_something_has_happened(world: World) -> None:
    start = datetime(2026, 5, 1, tzinfo=UTC)
    first = told(world, start + timedelta(days=40), STALE)
    assert first == told(world, start + timedelta(days=50), STALE)
    assert [name for name, _ in first] == ["no event for 30 days"]
    world.event("funding", "A", "2026-05-01", company="A", valuation=2e9, known=start + timedelta(days=51))
    assert told(world, start + timedelta(days=60), STALE) == []
    again = told(world, start + timedelta(days=82), STALE)
    assert len(again) == 1
    assert again != first


def test_a_query_is_silent_from_its_last_match_on(world: World) -> None:
    from tests.sinks.builders import alert

    assert told(world, CLOSES, QUERY) == []
    at = datetime(2026, 6, 1, tzinfo=UTC)
    match = alert().model_copy(update={"kind": "match", "known_at": at, "rule": "q"})
    queue(world.connection, [match], ["file"], at)
    world.connection.execute("UPDATE outbox SET rule = 'q'")
    assert told(world, at + timedelta(days=89), QUERY) == []
    assert [name for name, _ in told(world, at + timedelta(days=90), QUERY)] == ["no event for 90 days"]
