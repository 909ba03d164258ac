"""What an auditor is told: by which version, on which evidence, from which input, and what was said before."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from predictions.audit import known_predictions, list_at, near, revisions, story, versions
from predictions.past import Point
from predictions.read import list_predictions
from tests.predictions.world import START, UNICORNS, World, define, make_world


@pytest.fixture
def world() -> World:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    return world


def unicorn(world: World, company: str, **more: Any) -> datetime:
    world.event("funding", company, "2026-05-01", company=company, valuation=2e9, **more)
    return world.now


def newer(world: World, criterion: str, version: int = 2) -> None:
    other = World(world.connection, (define(criterion, version=version),))
    other.engine.declare(world.connection, world.now)
    world.engine = other.engine


STRICTER = UNICORNS.replace("at_least: 2", "at_least: 3")


def main_of(told: dict[str, Any]) -> dict[str, Any]:
    (reading,) = told["readings"]
    return dict(reading)


def test_now_the_computed_list_is_the_stored_one(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    (computed,), (stored,) = list_at(world.connection, Point(world.now)), list_predictions(world.connection)
    assert {name: computed[name] for name in stored} == stored
    assert (computed["known"], computed["as_of"], computed["clock"]) == (world.now, None, "known")


def test_each_change_cites_its_events_their_inputs_and_the_values_used(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    told = main_of(story(world.connection, "test", Point(world.now), stored=True))
    first, second = told["history"]
    assert (first["cause"], first["evidence"], second["lost"]) == (None, [], [])
    (item,) = second["gained"]
    assert (item["topic"], item["partition"], item["offset"]) == ("signals.funding", 0, 1)
    assert (item["url"], item["status"]) == ("https://example.org/A", "announced")
    assert item["values"] == {
        "status": "announced",
        "valuation_usd": 2e9,
        "company": "A",
        "occurred_on": "2026-05-01",
    }
    assert second["cause"]["title"] == "A"
    assert second["cause"]["offset"] == 1
    assert (second["version"], second["hash"]) == (1, define(UNICORNS).hash)


def test_the_input_is_stored_with_the_evidence(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    (item,) = world.stands("test", "main").evidence
    assert (item["topic"], item["partition"], item["offset"]) == ("signals.funding", 0, 1)


def test_what_was_lost_is_told_with_the_event_that_took_it(world: World) -> None:
    unicorn(world, "A")
    world.event("funding", "sorry", "2026-05-02", company="A", retracts="A")
    world.evaluate()
    last = main_of(story(world.connection, "test", Point(world.now)))["history"][-1]
    assert [item["id"] for item in last["lost"]] == ["A"]
    assert last["cause"]["retracts"] == {"source": "test", "id": "A"}


def test_a_decision_is_cited_as_what_a_person_said(world: World) -> None:
    world.resolve("test", "main", "annulled", why="it is void")
    world.evaluate()
    last = main_of(story(world.connection, "test", Point(world.now), stored=True))["history"][-1]
    assert last["cause"]["title"] == "Ada: resolve as annulled, it is void"


def test_the_version_that_was_in_force_judges_and_old_ones_stay_answerable(world: World) -> None:
    first = unicorn(world, "A")
    unicorn(world, "B")
    world.evaluate()
    world.now += timedelta(days=1)
    newer(world, STRICTER)
    world.evaluate()
    (then,), (now,) = list_at(world.connection, Point(first)), list_at(world.connection, Point(world.now))
    assert (then["version"], then["target"], now["version"], now["target"]) == (1, 2, 2, 3)
    old = main_of(story(world.connection, "test", Point(world.now), version=1))
    assert (old["version"], old["state"], old["hash"]) == (1, "met", define(UNICORNS).hash)
    assert "at least 2" in old["criterion"]
    with pytest.raises(KeyError, match="no version 7; declared in this store: 1, 2"):
        story(world.connection, "test", Point(world.now), version=7)


def test_versions_stand_side_by_side(world: World) -> None:
    unicorn(world, "A")
    unicorn(world, "B")
    newer(world, STRICTER)
    newer(world, STRICTER.replace("unicorns", "giants"))
    first, second = versions(world.connection, "test", Point(world.now))
    assert (first["version"], first["first_declared_at"], main_of(first)["state"]) == (1, START, "met")
    assert (second["version"], main_of(second)["state"], main_of(second)["target"]) == (2, "open", 3)
    assert main_of(second)["criterion"].startswith("at least 3 giants")
    text = "json_merge_patch(definition, '{\"x\": 1}')"
    world.connection.execute(f"UPDATE prediction_definitions SET definition = {text} WHERE version = 1")
    first, second = versions(world.connection, "test", Point(world.now))
    assert "can no longer be computed" in first["unreadable"]
    assert (first["readings"], second["unreadable"]) == ([], None)
    with pytest.raises(KeyError, match="'p9'"):
        versions(world.connection, "p9", Point(world.now))


def test_before_its_declaration_here_it_judges_and_says_so(world: World) -> None:
    (row,) = list_at(world.connection, Point(START - timedelta(days=1)))
    assert (row["state"], row["declared_later"], row["declared_at"]) == ("open", True, START)
    (row,) = list_at(world.connection, Point(START))
    assert not row["declared_later"]
    (row,) = list_at(world.connection, Point(START, clock="reported_at"))
    assert not row["declared_later"], "a declaration has no publisher"


@pytest.mark.parametrize(
    "point", [Point(datetime(2026, 4, 16, 23, tzinfo=UTC)), Point(START, date(2026, 4, 16))], ids=["known", "as of"]
)
def test_before_it_was_made_nothing_was_said(world: World, point: Point) -> None:
    world.event("funding", "A", "2026-03-01", known=datetime(2026, 3, 1, tzinfo=UTC), company="A", valuation=2e9)
    (row,) = list_at(world.connection, point)
    assert row["state"] == "not made yet"
    assert "2026-04-17" in row["detail"]


def test_a_view_that_has_changed_since_is_told(world: World) -> None:
    world.connection.execute("UPDATE prediction_definitions SET definition_hash = 'of another view'")
    assert list_at(world.connection, Point(world.now))[0]["judged_otherwise"]
    assert story(world.connection, "test", Point(world.now))["judged_otherwise"]


def test_superseded_histories_are_kept_apart(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    unicorn(world, "0", known=START)
    world.evaluate()
    newer(world, STRICTER)
    world.evaluate()
    first, second = revisions(world.connection, "test", "main")
    assert (first["version"], first["revision"], second["revision"]) == (1, 1, 2)
    assert [step["progress"] for step in first["history"]] == [0, 0.5]
    assert [item["id"] for item in second["history"][-1]["gained"]] == ["A"]
    assert second["superseded_at"] == world.now
    assert second["hash"] == define(UNICORNS).hash


def test_near_misses_are_those_of_the_point(world: World) -> None:
    before = world.now
    world.event("funding", "small", "2026-05-01", company="A", valuation=5)
    world.event("funding", "vague", "2026-05-01", company="B")
    (row,) = near(world.connection, "test", Point(world.now), "main")
    assert [item["id"] for item in row["near_misses"]] == ["small"]
    assert [item["id"] for item in row["waiting_for_one_fact"]] == ["vague"]
    assert row["near_misses"][0]["offset"] == 1
    assert (row["version"], row["declared_later"], row["known"]) == (1, False, world.now)
    (row,) = near(world.connection, "test", Point(before - timedelta(hours=1)))
    assert (row["near_misses"], row["waiting_for_one_fact"]) == ([], [])
    assert row["declared_later"]
    with pytest.raises(KeyError, match="no reading 'x'; it has: main"):
        near(world.connection, "test", Point(world.now), "x")


def test_an_unknown_prediction_is_named(world: World) -> None:
    assert known_predictions(world.connection) == ["test"]
    with pytest.raises(KeyError, match="'p9'"):
        story(world.connection, "p9", Point(world.now))
