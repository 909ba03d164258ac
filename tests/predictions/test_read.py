"""What the command and the dashboard are given."""

import json

import pytest

from predictions.read import list_predictions, show
from tests.predictions.world import UNICORNS, World, define, make_world


@pytest.fixture
def world() -> World:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    return world


def test_nothing_is_listed_before_anything_is_declared() -> None:
    assert list_predictions(make_world().connection) == []


def test_a_declared_reading_is_listed_before_its_first_evaluation(world: World) -> None:
    (row,) = list_predictions(world.connection)
    assert (row["id"], row["reading"], row["state"], row["progress"]) == ("test", "main", "open", 0)


def test_where_each_reading_stands(world: World) -> None:
    world.event("funding", "A", "2026-05-01", company="A", valuation=2e9)
    world.evaluate()
    (row,) = list_predictions(world.connection)
    assert (row["observed"], row["target"], row["verdict"], row["version"]) == (1, 2, "not met", 1)
    assert row["evidence"][0]["title"] == "A"
    assert row["cause"]["id"] == "A"
    assert row["known_at"] == world.now
    assert row["hash"] == world.definitions[0].hash
    assert json.dumps(row, default=str)


def test_a_prediction_as_a_story(world: World) -> None:
    world.event("funding", "A", "2026-05-01", company="A", valuation=2e9)
    world.evaluate()
    story = show(world.connection, "test")
    (reading,) = story["readings"]
    assert story["claim"] == "Something happens."
    assert reading["criterion"] == (
        "at least 2 unicorns among funding events where it is firm; the valuation is a billion or more; "
        "it happened between 2026-04-17 and 2027-04-17"
    )
    assert "FROM facts_funding" in reading["sql"]
    assert [(step["state"], step["progress"]) for step in reading["history"]] == [("open", 0), ("open", 0.5)]
    assert world.connection.execute(reading["sql"]).fetchall()


def test_an_unknown_prediction(world: World) -> None:
    with pytest.raises(KeyError, match="no prediction 'p9'"):
        show(world.connection, "p9")


def test_a_new_version_is_not_shown_with_an_old_state(world: World) -> None:
    world.event("funding", "A", "2026-05-01", company="A", valuation=2e9)
    world.evaluate()
    newer = World(world.connection, (define(UNICORNS.replace("2, unit", "3, unit"), version=2),))
    newer.engine.declare(newer.connection, newer.now)
    (row,) = list_predictions(newer.connection)
    assert (row["version"], row["progress"], row["detail"]) == (2, 0, "not evaluated yet")
    assert show(newer.connection, "test")["readings"][0]["history"] == []
