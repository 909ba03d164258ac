"""The past in every view: what had happened, what was known, and corrections on either side of it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from predictions.past import look_back
from tests.predictions.world import World, make_world

JANUARY = datetime(2026, 1, 10, tzinfo=UTC)
MARCH = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    """A score that is dated a year too early until March."""
    made = make_world()
    facts: dict[str, Any] = {"benchmark": "B", "model": "m", "unit": "points"}
    made.event("benchmark", "wrong", "2024-09-05", known=JANUARY, score=1, **facts)
    made.event("benchmark", "right", "2025-09-05", known=MARCH, score=2, corrects="wrong", **facts)
    made.event("funding", "money", "2025-01-01", known=MARCH, company="X", amount=5)
    return made


def seen(world: World, view: str = "signals") -> set[str]:
    return {id for (id,) in world.connection.execute(f"SELECT id FROM {view}").fetchall()}


def test_without_a_past_nothing_changes(world: World) -> None:
    before = seen(world)
    look_back(world.connection)
    assert seen(world) == before == {"right", "money"}


def test_what_nobody_knew_has_not_corrected_anything(world: World) -> None:
    look_back(world.connection, known=datetime(2026, 2, 1, tzinfo=UTC))
    assert (seen(world), seen(world, "benchmarks"), seen(world, "funding")) == ({"wrong"}, {"wrong"}, set())


def test_a_correction_holds_though_it_moves_the_event_out_of_sight(world: World) -> None:
    look_back(world.connection, as_of=date(2024, 12, 31))
    assert (seen(world), seen(world, "benchmarks")) == (set(), set())


def test_both_at_once_and_one_after_the_other(world: World) -> None:
    look_back(world.connection, as_of=date(2024, 12, 31), known=datetime(2026, 2, 1, tzinfo=UTC))
    assert seen(world, "benchmarks") == {"wrong"}
    look_back(world.connection)
    assert seen(world, "benchmarks") == {"right"}


def test_the_helper_views_look_back_too(world: World) -> None:
    parties = [{"name": "Anthropic", "role": "lab"}, {"name": "Groq", "role": "designer"}]
    world.event("deal", "deal", "2026-05-01", known=MARCH, kind="compute supply", parties=parties)
    assert seen(world, "lab_designer_parts") == {"deal"}
    look_back(world.connection, known=JANUARY)
    assert seen(world, "lab_designer_parts") == set()


def test_the_store_stays_as_it_is(world: World) -> None:
    look_back(world.connection, known=JANUARY)
    (count,) = world.connection.execute("SELECT count(*) FROM memory.main.events").fetchall()
    assert count == (3,)
