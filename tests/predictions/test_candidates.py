"""Near misses: what a definition calls one, in the lists that people are shown; never in a verdict."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.criterion import compile_reading, run
from predictions.definition import Definition, NearMiss
from tests.predictions.world import World, define, make_world

CRITERION = "{exists: {from: facts_funding, of: company, where: [firm, large, lead]}}"
LEAD = "  lead: {words: a lead is named, sql: \"lead <> 'nobody'\"}"
ALLOWING = NearMiss(allow_unknown=True)
FIRST = NearMiss.model_validate({"except": ["firm", "window"]})


def definition(rule: str = "") -> Definition:
    return define(CRITERION, conditions=f"{LEAD}\n{rule}")


def world_with(made: Definition) -> World:
    """Every combination of true, false and unknown."""
    world = make_world(made)
    values = itertools.product(
        ("announced", "rumoured"), (2e9, 1e6, None), ("Ada", "nobody", None), ("2026-06-01", "2030-01-01")
    )
    for number, (status, valuation, lead, day) in enumerate(values):
        data: dict[str, Any] = {"company": f"c{number}", "lead": lead} | ({"valuation": valuation} if valuation else {})
        world.event("funding", f"e{number}", day, status=status, **data)
    world.evaluate()
    return world


def lists(world: World) -> dict[str, set[str]]:
    rows = run(world.connection, compile_reading(world.definitions[0], world.definitions[0].readings[0])[0])
    return {
        "near": {row.id for row in rows if row.is_near_miss},
        "open": {row.id for row in rows if row.is_open},
        "holds": {row.id for row in rows if row.holds},
    }


def test_a_definition_may_say_what_a_near_miss_is() -> None:
    usual = lists(world_with(definition()))
    allowing = lists(world_with(definition("near_miss: {allow_unknown: true}")))
    without = lists(world_with(definition("near_miss: {except: [firm, window]}")))
    assert usual["near"] < allowing["near"]
    assert without["near"] < usual["near"]
    assert len(usual["near"]) == 4  # One of three conditions and the window, once each, in all other ways true.
    assert len(without["near"]) == 2
    assert usual["open"] == allowing["open"] == without["open"] != set()
    assert usual["holds"] == allowing["holds"] == without["holds"] != set()


@pytest.mark.parametrize("rule", ["near_miss: {allow_unknown: true}", "near_miss: {except: [firm, window]}"])
def test_it_changes_lists_and_neither_the_verdict_nor_the_hash(rule: str) -> None:
    usual, other = definition(), definition(rule)
    assert usual.hash == other.hash
    one, two = (world_with(made).stands("test", "main") for made in (usual, other))
    assert (one.state, one.verdict, one.progress, one.evidence) == (two.state, two.verdict, two.progress, two.evidence)


@pytest.mark.parametrize("rule", ["", "near_miss: {allow_unknown: true}", "near_miss: {except: [firm, window]}"])
def test_what_is_judged_batch_by_batch_is_what_the_whole_store_says(rule: str) -> None:
    made = definition(rule)
    world = world_with(made)
    whole = world.engine.history(world.connection, "test", "main", world.now)
    assert whole[-1].waiting == world.stands("test", "main").waiting


def test_a_near_miss_names_the_condition_that_fails_and_not_those_of_which_nobody_has_said() -> None:
    world = make_world(definition("near_miss: {allow_unknown: true}"))
    world.event("funding", "a", "2026-06-01", company="A", valuation=1e6)
    world.evaluate()
    (item,) = world.stands("test", "main").waiting
    assert item["kind"] == "near miss"
    assert [condition["name"] for condition in item["conditions"]] == ["large"]


@given(st.lists(st.sampled_from("abcd"), unique=True), st.lists(st.sampled_from("efgh"), unique=True))
def test_exactly_one_condition_fails(failing: list[str], unknown: list[str]) -> None:
    assert NearMiss().covers(failing, unknown) == (len(failing) == 1 and not unknown)
    assert ALLOWING.covers(failing, unknown) == (len(failing) == 1)
    assert FIRST.covers(["firm"], ()) is FIRST.covers(["window"], ()) is False
    assert FIRST.covers(failing, unknown) == NearMiss().covers(failing, unknown)
