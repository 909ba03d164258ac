"""A definition whose SQL fails on the events that came is broken, told once, and stops nothing else."""

import pytest

from predictions.evaluate import PredictionEngine
from predictions.milestones import alerts_of
from predictions.sightings import QueryFailed
from predictions.standing import State
from tests.predictions.world import UNICORNS, World, define, make_world

NUMBERED = """
  numbered:
    words: the sector is a number above one
    sql: CAST(sector AS INTEGER) > 1
"""
BROKEN = define("{exists: {from: facts_funding, where: [numbered]}}", conditions=NUMBERED).model_copy(
    update={"id": "broken"}
)
GUARDED = define(
    "{exists: {from: facts_funding, about: \"sector = '7'\", where: [numbered]}}", conditions=NUMBERED
).model_copy(update={"id": "guarded"})
OWN_QUERY = define(
    "{sql: {query: 'SELECT * FROM facts_funding WHERE CAST(sector AS INTEGER) > 1', of: company, at_least: 1}}"
).model_copy(update={"id": "own"})
FINE = define(UNICORNS)


@pytest.fixture
def world() -> World:
    return make_world(BROKEN, GUARDED, FINE)


def faults(world: World) -> list[str]:
    return [name for (name,) in world.connection.execute("SELECT prediction FROM prediction_faults").fetchall()]


def unicorn(world: World, company: str, sector: str) -> None:
    world.event("funding", company, "2026-05-01", company=company, valuation=2_000_000_000, sector=sector)


def test_it_is_left_out_and_told_and_the_others_go_on(world: World) -> None:
    unicorn(world, "A", "7")
    world.evaluate()
    assert world.stands("broken", "main").state == State.MET
    unicorn(world, "B", "not a number")
    changes = world.evaluate()
    assert world.stands("test", "main").state == State.MET
    assert world.stands("guarded", "main").evidence[0]["id"] == "A"
    (told,) = (alert for alert in alerts_of(changes) if alert.kind == "broken")
    assert told.prediction == "broken"
    assert "'not a number'" in told.title
    assert faults(world) == ["broken"]
    # Its history stays as it was, and it is told no second time.
    unicorn(world, "C", "nor is this")
    assert all(alert.kind != "broken" for alert in alerts_of(world.evaluate()))
    assert world.stands("broken", "main").evidence[0]["id"] == "A"


def test_it_is_judged_again_from_the_next_start_on_where_it_can_be(world: World) -> None:
    unicorn(world, "A", "not a number")
    world.evaluate()
    world.engine = PredictionEngine(world.definitions)
    assert world.evaluate() == ()
    assert faults(world) == ["broken"]
    mended = define(
        "{exists: {from: facts_funding, where: [numbered]}}",
        conditions=NUMBERED.replace("CAST", "TRY_CAST"),
        version=2,
    ).model_copy(update={"id": "broken"})
    world.engine = PredictionEngine((mended, GUARDED, FINE))
    world.evaluate()
    assert faults(world) == []
    assert world.stands("broken", "main").state == State.OPEN


def test_a_query_of_ones_own_fails_the_transaction_and_is_left_out_of_the_next() -> None:
    world = make_world(OWN_QUERY, FINE)
    world.evaluate()
    world.connection.execute("BEGIN")
    unicorn(world, "A", "not a number")
    with pytest.raises(QueryFailed, match=r"own/main: Conversion Error: .*not a number"):
        world.evaluate(committed=False)
    world.connection.execute("ROLLBACK")
    unicorn(world, "A", "not a number")
    world.evaluate()
    assert faults(world) == ["own"]
    assert world.stands("test", "main").progress == pytest.approx(0.5)
