"""A backtest tells what would have been told, when, and on which event; with hindsight, as it happened."""

from datetime import UTC, datetime, timedelta

import pytest

from predictions.backtest import Backtest, backtest
from predictions.definition import Definition
from predictions.load import load_definitions
from tests.predictions.world import START, UNICORNS, World, define, make_world

END = datetime(2026, 12, 31, tzinfo=UTC)
SHARE = define("{share: {from: facts_funding, of: company, where: [large], minimum: 2, above: 0.5}}").model_copy(
    update={"id": "share"}
)


@pytest.fixture
def world() -> World:
    world = make_world(define(UNICORNS), SHARE)
    world.event("funding", "a", "2026-05-01", company="A", valuation=2_000_000_000)
    world.event("funding", "wrong", "2026-05-02", company="B", valuation=3_000_000_000)
    world.event("funding", "right", "2026-05-02", company="B", valuation=3_000, corrects="wrong")
    world.event("funding", "c", "2026-05-03", company="C", valuation=4_000_000_000)
    days = {"a": 10, "wrong": 12, "right": 20, "c": 30}
    for id, day in days.items():
        at = datetime(2026, 6, day, 12, tzinfo=UTC)
        world.connection.execute("UPDATE events SET reported_at = ? WHERE id = ?", [at, id])
    return world


def of(world: World, definition: Definition, begin: datetime = START, *, hindsight: bool = False) -> Backtest:
    (found,) = backtest(world.connection, [definition], begin, END, hindsight=hindsight)
    return found


def told(found: Backtest) -> list[tuple[str, str, bool, str]]:
    return [
        (f"{one.standing.known_at:%m-%d}", one.milestone, one.reached, (one.standing.cause or {}).get("id", ""))
        for one in found.firings
    ]


def test_an_event_counts_from_its_report_and_until_it_is_corrected(world: World) -> None:
    found = of(world, world.definitions[0])
    assert told(found) == [
        ("06-10", "first evidence", True, "a"),
        ("06-12", "met", True, "wrong"),
        ("06-20", "met", False, "right"),
        ("06-30", "met", True, "c"),
    ]
    assert set(found.never) == {"half", "missed"}


def test_with_hindsight_what_was_corrected_never_counts(world: World) -> None:
    found = of(world, world.definitions[0], hindsight=True)
    assert told(found) == [("05-01", "first evidence", True, "a"), ("05-03", "met", True, "c")]


def test_it_is_told_from_a_day_on(world: World) -> None:
    assert [day for day, *_ in told(of(world, world.definitions[0], datetime(2026, 6, 15, tzinfo=UTC)))] == [
        "06-20",
        "06-30",
    ]


def test_it_says_what_the_engine_says_of_what_could_be_known(world: World) -> None:
    definitions = (*world.definitions, *load_definitions())
    engine = World(world.connection, definitions).engine
    for found in backtest(world.connection, definitions, START, END):
        assert found.history == engine.history(
            world.connection, found.definition.id, found.reading.id, END, clock="reported_at"
        )


def test_a_definition_that_fails_stops_no_other(world: World) -> None:
    fails = define('{exists: {from: facts_funding, about: "CAST(company AS INTEGER) = 1"}}').model_copy(
        update={"id": "fails"}
    )
    own = define(
        "{sql: {query: 'SELECT * FROM facts_funding WHERE CAST(company AS INTEGER) = 1', of: company, at_least: 1}}"
    ).model_copy(update={"id": "own"})
    found = {one.definition.id: one for one in backtest(world.connection, [fails, own, SHARE], START, END)}
    assert "Could not convert string" in found["fails"].failed
    assert "Could not convert string" in found["own"].failed
    assert found["share"].history[-1].observed == pytest.approx(2 / 3, abs=1e-4)


def test_progress_is_told_and_the_store_is_as_it_was(world: World) -> None:
    counts: list[int] = []
    backtest(world.connection, [SHARE], START, END + timedelta(days=1), on_progress=counts.append)
    assert sum(counts) == 4
    assert world.connection.execute("SELECT count(*) FROM prediction_states").fetchall() == [(0,)]
    world.evaluate()
    assert world.stands("share", "main").state == "met"
