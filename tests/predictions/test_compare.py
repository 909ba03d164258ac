"""What changed between two days, and which event did it."""

from datetime import timedelta

from predictions.compare import differences
from predictions.past import Point
from tests.predictions.test_audit import STRICTER, newer, unicorn
from tests.predictions.world import START, UNICORNS, World, define, make_world


def a_world() -> World:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    return world


def test_state_progress_evidence_and_the_events_between() -> None:
    world = a_world()
    unicorn(world, "A")
    before = world.now
    unicorn(world, "B")
    world.event("funding", "sorry", "2026-05-02", company="A", retracts="A")
    unicorn(world, "C")
    (row,) = differences(world.connection, Point(before), Point(world.now))
    assert (row["before"]["state"], row["before"]["progress"]) == ("open", 0.5)
    assert (row["after"]["state"], row["after"]["progress"]) == ("met", 1)
    assert [item["id"] for item in row["gained"]] == ["B", "C"]
    assert [item["id"] for item in row["lost"]] == ["A"]
    steps = [(step["cause"]["id"], step["state"], step["progress"]) for step in row["moved_by"]]
    assert steps == [("B", "met", 1), ("sorry", "open", 0.5), ("C", "met", 1)]
    assert row["moved_by"][1]["lost"][0]["url"] == "https://example.org/A"
    assert not row["past_differs"]


def test_where_nothing_else_was_said_there_is_no_row() -> None:
    world = a_world()
    unicorn(world, "A")
    before = world.now
    world.event("funding", "rumour", "2026-05-01", company="C", status="rumoured")
    assert differences(world.connection, Point(before), Point(world.now)) == []
    assert differences(world.connection, Point(before), Point(world.now), ["test"]) == []


def test_a_past_that_turned_out_differently_is_told() -> None:
    world = a_world()
    unicorn(world, "A")
    world.event("funding", "sorry", "2026-05-01", company="A", retracts="A")
    before = world.now
    world.event("funding", "no", "2026-05-01", company="A", retracts="sorry")
    (row,) = differences(world.connection, Point(before), Point(world.now))
    assert (row["before"]["progress"], row["after"]["progress"]) == (0, 0.5)
    assert (row["past_differs"], row["moved_by"]) == (True, [])


def test_a_newer_version_is_a_difference() -> None:
    world = a_world()
    unicorn(world, "A")
    before = world.now
    world.now += timedelta(days=1)
    newer(world, STRICTER)
    (row,) = differences(world.connection, Point(before), Point(world.now))
    assert (row["before"]["version"], row["after"]["version"], row["past_differs"]) == (1, 2, True)


def test_before_it_was_made_it_said_nothing() -> None:
    world = a_world()
    (row,) = differences(world.connection, Point(START - timedelta(days=60)), Point(world.now))
    assert (row["before"], row["declared_later"]) == (None, True)
    assert [step["cause"] for step in row["moved_by"]] == [None]
