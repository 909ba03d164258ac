"""Every declared text stays: which one was in force, and which version is meant."""

from datetime import timedelta

import pytest

from predictions.declared import Declared, UnreadableDefinition, declared, in_force, version_of
from predictions.past import Point
from tests.predictions.test_audit import STRICTER, newer
from tests.predictions.world import START, UNICORNS, World, define, make_world

REWORDED = UNICORNS.replace("unicorns", "giants")


@pytest.fixture
def texts() -> list[Declared]:
    """Version 1, new wording for it an hour later, version 2 after another."""
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, START)
    world.now = START + timedelta(hours=1)
    newer(world, REWORDED, version=1)
    world.now = START + timedelta(hours=2)
    newer(world, STRICTER)
    return declared(world.connection)["test"]


def unit_of(item: Declared) -> str:
    return str(item.text["readings"][0]["criterion"]["count_distinct"]["unit"])


def test_all_are_there_in_order(texts: list[Declared]) -> None:
    assert [(item.version, unit_of(item)) for item in texts] == [(1, "unicorns"), (1, "giants"), (2, "unicorns")]
    assert texts[0].definition().hash == texts[0].hash == define(UNICORNS).hash


@pytest.mark.parametrize(("hours", "place"), [(-1, 0), (0, 0), (1, 1), (1.9, 1), (2, 2), (9, 2)])
def test_the_newest_that_was_declared_by_then_is_in_force(texts: list[Declared], hours: float, place: int) -> None:
    assert in_force(texts, Point(START + timedelta(hours=hours))) is texts[place]
    assert in_force(texts, Point(START, clock="reported_at")) is texts[2]


def test_of_a_version_the_newest_wording_is_meant(texts: list[Declared]) -> None:
    assert version_of(texts, 1) is texts[1]
    with pytest.raises(KeyError, match="test has no version 3; declared in this store: 1, 2"):
        version_of(texts, 3)


def test_a_text_that_the_language_has_outgrown_is_told_with_what_to_do() -> None:
    world: World = make_world(define(UNICORNS))
    world.engine.declare(world.connection, START)
    world.connection.execute(
        "UPDATE prediction_definitions SET definition = json_merge_patch(definition, '{\"x\": 1}')"
    )
    (item,) = declared(world.connection)["test"]
    with pytest.raises(UnreadableDefinition, match=r"version 1 of test can no longer be computed .*--revisions"):
        item.definition()
