"""What people are told: each milestone once, the foremost of several, and a retraction when one is lost."""

from datetime import UTC, datetime

import pytest

from predictions.evaluate import PredictionEngine
from predictions.milestones import alerts_of, courses_of
from schemas.alerts import Alert
from sinks import alerts as outbox
from tests.predictions.world import START, UNICORNS, World, define, make_world

THREE = UNICORNS.replace("at_least: 2", "at_least: 4")


@pytest.fixture
def world() -> World:
    return make_world(define(THREE))


def unicorn(world: World, company: str, **more: object) -> None:
    world.event("funding", company, "2026-05-01", company=company, valuation=2e9, **more)  # type: ignore[arg-type]


def told(world: World, now: datetime | None = None) -> tuple[Alert, ...]:
    """What goes out after a batch; the outbox remembers it, as in the settle transaction."""
    changes = world.evaluate(now)
    before = outbox.told(world.connection, (change.definition.id for change in changes))
    alerts = alerts_of(changes, before)
    assert outbox.queue(world.connection, alerts, ("file", "topic"), world.now) == 2 * len(alerts)
    return alerts


def kinds(alerts: tuple[Alert, ...]) -> list[tuple[str, str]]:
    return [(alert.kind, alert.milestone) for alert in alerts]


def test_each_milestone_is_told_as_it_is_reached(world: World) -> None:
    assert told(world) == ()
    found = []
    for company in "ABCD":
        unicorn(world, company)
        found += kinds(told(world))
    assert found == [("first evidence", "first evidence"), ("progress", "half"), ("met", "met")]


def test_an_alert_carries_its_evidence(world: World) -> None:
    unicorn(world, "A")
    (alert,) = told(world)
    assert (alert.prediction, alert.reading, alert.state, alert.progress) == ("test", "main", "open", 0.25)
    assert alert.title == "A test (main): first evidence. 1 of 4 unicorns."
    assert alert.evidence[0]["id"] == "A"
    assert alert.known_at == world.now


def test_of_what_one_event_reaches_at_once_the_foremost_is_told() -> None:
    world = make_world(define(UNICORNS))
    unicorn(world, "A")
    assert kinds(told(world)) == [("first evidence", "first evidence")]
    unicorn(world, "B")
    assert kinds(told(world)) == [("met", "met")]


def test_batches_leave_no_trace_in_what_is_told(world: World) -> None:
    other = make_world(define(THREE))
    for company in "ABCD":
        unicorn(other, company)
    at_once = told(other)
    one_by_one: list[Alert] = []
    for company in "ABCD":
        unicorn(world, company)
        one_by_one += told(world)
    assert [alert.key for alert in at_once] == [alert.key for alert in one_by_one]


def test_what_no_longer_holds_is_taken_back_and_may_be_told_again(world: World) -> None:
    unicorn(world, "A")
    (first,) = told(world)
    unicorn(world, "sorry", retracts="A")
    (back,) = told(world)
    assert (back.kind, back.milestone) == ("retracted", "first evidence")
    assert "'first evidence' no longer holds" in back.title
    unicorn(world, "B")
    (again,) = told(world)
    assert (again.kind, again.milestone) == ("first evidence", "first evidence")
    assert len({first.key, back.key, again.key}) == 3


def test_a_rewritten_past_tells_nothing_twice(world: World) -> None:
    unicorn(world, "A")
    assert len(told(world)) == 1
    unicorn(world, "earlier", known=START)
    assert kinds(told(world)) == [("progress", "half")]


def test_a_past_that_turns_out_different_takes_back_what_was_told(world: World) -> None:
    unicorn(world, "A", known=datetime(2026, 6, 2, tzinfo=UTC))
    assert len(told(world)) == 1
    unicorn(world, "sorry", retracts="A", known=datetime(2026, 6, 1, tzinfo=UTC))
    assert kinds(told(world)) == [("retracted", "first evidence")]


def test_what_a_rewritten_past_took_back_and_gives_again_is_told_under_a_key_of_its_own(world: World) -> None:
    unicorn(world, "A", known=datetime(2026, 6, 2, tzinfo=UTC))
    (first,) = told(world)
    unicorn(world, "sorry", retracts="A", known=datetime(2026, 6, 1, tzinfo=UTC))
    (back,) = told(world)
    unicorn(world, "not so", retracts="sorry", known=datetime(2026, 6, 3, tzinfo=UTC))
    (again,) = told(world)
    assert [alert.kind for alert in (first, back, again)] == ["first evidence", "retracted", "first evidence"]
    assert len({first.key, back.key, again.key}) == 3


def test_missed_and_then_met_after_all(world: World) -> None:
    for company in "ABC":
        unicorn(world, company)
    told(world)
    assert kinds(told(world, datetime(2027, 6, 1, tzinfo=UTC))) == [("missed", "missed")]
    unicorn(world, "D")
    assert kinds(told(world)) == [("retracted", "missed"), ("met", "met")]


def test_an_annulment_is_told_without_being_declared(world: World) -> None:
    told(world)
    world.resolve("test", "main", "annulled")
    assert kinds(told(world)) == [("annulled", "annulled")]


def test_milestones_of_ones_own() -> None:
    own = "    milestones: [{name: three, progress: 0.75}]"
    world = make_world(define(THREE, reading=own))
    for company in "ABCD":
        unicorn(world, company)
    assert kinds(told(world)) == [("progress", "three")]


def test_keys_depend_on_version_and_reading() -> None:
    keys = set()
    for version in (1, 2):
        world = make_world(define(THREE, version=version))
        unicorn(world, "A")
        keys |= {alert.key for alert in told(world)}
    assert len(keys) == 2


def test_the_same_history_tells_the_same(world: World) -> None:
    unicorn(world, "A")
    (change,) = world.evaluate()
    first, second = (courses_of(change.reading, change.history) for _ in range(2))
    assert first == second


def test_a_store_made_anew_tells_nothing_twice_and_without_its_outbox_gives_the_same_keys(world: World) -> None:
    before: list[Alert] = []
    unicorn(world, "A")
    before += told(world)
    unicorn(world, "sorry", retracts="A")
    before += told(world)
    for company in "BCD":
        unicorn(world, company)
        before += told(world)
    world.connection.execute("DELETE FROM prediction_states")
    world.engine = PredictionEngine(world.definitions)
    assert told(world) == ()
    world.connection.execute("DELETE FROM prediction_states")
    world.connection.execute("DELETE FROM outbox")
    world.engine = PredictionEngine(world.definitions)
    assert [alert.key for alert in told(world)] == [alert.key for alert in before]


def test_what_still_holds_is_not_taken_back_where_the_past_turns_out_to_have_reached_more_at_once() -> None:
    world = make_world(define(UNICORNS))
    unicorn(world, "A", known=datetime(2026, 6, 2, tzinfo=UTC))
    assert kinds(told(world)) == [("first evidence", "first evidence")]
    # The first evidence comes with the second now: on its own the history would tell of "met" only.
    unicorn(world, "sorry", retracts="A", known=datetime(2026, 6, 1, tzinfo=UTC))
    unicorn(world, "B", known=datetime(2026, 6, 3, tzinfo=UTC), offset=7)
    unicorn(world, "C", known=datetime(2026, 6, 3, tzinfo=UTC), offset=7)
    assert kinds(told(world)) == [("met", "met")]


def test_alerts_are_numbered_odd_where_reached_and_even_where_lost(world: World) -> None:
    unicorn(world, "A")
    found = [*told(world)]
    unicorn(world, "sorry", retracts="A")
    found += told(world)
    unicorn(world, "B")
    found += told(world)
    assert [(alert.telling, alert.kind) for alert in found] == [
        (1, "first evidence"),
        (2, "retracted"),
        (3, "first evidence"),
    ]


def test_a_milestone_that_the_definition_has_no_more_is_not_taken_back(world: World) -> None:
    unicorn(world, "A")
    told(world)
    world.connection.execute("UPDATE outbox SET milestone = 'of old', \"key\" = 'of old'")
    unicorn(world, "B")
    assert "of old" not in [alert.milestone for alert in told(world)]
