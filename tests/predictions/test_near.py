"""Near misses: all of them, each with the one condition that it failed and the value that failed it."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions.measure import MAX_WAITING
from predictions.near import near_misses
from predictions.values import judged_rows
from tests.predictions.world import UNICORNS, World, define, make_world


def near_of(world: World) -> list[dict[str, Any]]:
    (definition,) = world.definitions
    reading = definition.reading("main")
    return near_misses(definition, reading, judged_rows(world.connection, definition, [reading])["main"])


def test_the_condition_that_failed_and_the_value_that_failed_it_newest_first() -> None:
    world = make_world(define(UNICORNS))
    world.event("funding", "yes", "2026-05-01", company="A", valuation=2e9)
    world.event("funding", "small", "2026-05-03", company="C", valuation=5)
    world.event("funding", "rumour", "2026-05-04", company="D", valuation=2e9, status="rumoured")
    world.event("funding", "early", "2026-01-04", company="E", valuation=2e9)
    world.event("funding", "vague", "2026-05-02", company="F")
    world.event("funding", "two-fail", "2026-05-04", company="G", valuation=5, status="rumoured")
    world.event("funding", "two-unknown", "2026-04", company="H")
    found = [
        (item["id"], item["kind"], item["condition"]["name"], item["condition"]["values"]) for item in near_of(world)
    ]
    assert found == [
        ("rumour", "near miss", "firm", {"status": "rumoured"}),
        ("small", "near miss", "large", {"valuation_usd": 5}),
        ("vague", "unknown", "large", {"valuation_usd": None}),
        ("early", "near miss", "window", {"occurred_on": "2026-01-04"}),
    ]


def test_there_is_no_end_to_the_list() -> None:
    world = make_world(define(UNICORNS))
    for number in range(MAX_WAITING + 5):
        world.event("funding", f"e{number}", "2026-05-01", company=f"C{number}", valuation=5)
    assert len(near_of(world)) == MAX_WAITING + 5


def test_what_was_corrected_is_no_near_miss_any_more() -> None:
    world = make_world(define(UNICORNS))
    world.event("funding", "small", "2026-05-03", company="C", valuation=5)
    world.event("funding", "large", "2026-05-03", company="C", valuation=2e9, corrects="small")
    assert near_of(world) == []


def test_a_group_that_counts_already_is_marked() -> None:
    world = make_world(define(UNICORNS))
    world.event("funding", "yes", "2026-05-01", company="A", valuation=2e9)
    world.event("funding", "small", "2026-05-03", company="A", valuation=5)
    world.event("funding", "other", "2026-05-02", company="B", valuation=5)
    assert [(item["id"], item["counts_already"]) for item in near_of(world)] == [("small", True), ("other", False)]


def test_of_a_share_only_the_newest_row_of_each_is_near() -> None:
    world = make_world(define("{share: {from: facts_funding, of: company, where: [large], above: 0.5}}"))
    world.event("funding", "old", "2026-05-01", company="A", valuation=5)
    world.event("funding", "new", "2026-05-02", company="A", valuation=6)
    assert [item["id"] for item in near_of(world)] == ["new"]


def test_of_a_group_only_the_leader_is_near() -> None:
    of = "per: sector, who: company, by: valuation_usd, where: [firm], out_of: 2, at_least: 1"
    world = make_world(define(f"{{leader: {{from: facts_funding, {of}}}}}"))
    world.event("funding", "first", "2026-05-01", company="A", valuation=9, sector="x", status="rumoured")
    world.event("funding", "second", "2026-05-01", company="B", valuation=5, sector="x", status="rumoured")
    assert [item["id"] for item in near_of(world)] == ["first"]


def test_a_second_step_without_a_first_is_near() -> None:
    first, then = "{from: facts_funding, where: [firm]}", "{from: facts_funding, where: [large]}"
    world = make_world(define(f"{{sequence: {{within: company, first: {first}, then: {then}}}}}"))
    world.event("funding", "then", "2026-05-02", company="A", valuation=2e9, status="rumoured")
    found = [(item["id"], item["condition"]["name"]) for item in near_of(world)]
    assert found == [("then", "firm"), ("then", "after the first step")]


def test_two_parts_that_look_at_the_same_row_give_one_near_miss() -> None:
    two, three = UNICORNS.strip(), UNICORNS.strip().replace("at_least: 2", "at_least: 3")
    world = make_world(define(f"{{any_of: [{{{two}}}, {{{three}}}]}}"))
    world.event("funding", "small", "2026-05-03", company="A", valuation=5)
    assert [item["id"] for item in near_of(world)] == ["small"]


CRITERIA = (
    UNICORNS,
    "{exists: {from: facts_funding, where: [firm, large]}}",
    "{share: {from: facts_funding, of: company, where: [firm, large], above: 0.9}}",
    "{sum: {from: facts_funding, value: valuation_usd, where: [firm], at_least: 9e12}}",
)
ROUND = st.tuples(
    st.sampled_from("ABC"),
    st.sampled_from([2_000_000_000, 5, None]),
    st.sampled_from(["announced", "rumoured"]),
    st.sampled_from(["2026-05-01", "2026-04", "2026-01-01"]),
)
BASE = make_world()


@given(st.sampled_from(CRITERIA), st.lists(ROUND, max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_state_lists_as_one_short_is_listed(criterion: str, rounds: list[tuple[str, Any, str, str]]) -> None:
    """The list that is stored with a state is made by other means; this one holds at least as much."""
    world = World(BASE.connection, (define(criterion),))
    for table in ("events", "prediction_states"):
        world.connection.execute(f"DELETE FROM {table}")
    for number, (company, valuation, status, day) in enumerate(rounds):
        world.event("funding", f"e{number}", day, company=company, valuation=valuation, status=status)
    world.evaluate()
    listed = {(item["id"], item["kind"], item["condition"]["name"]) for item in near_of(world)}
    waiting = [item for item in world.stands("test", "main").waiting if len(item["conditions"]) == 1]
    assert {(item["id"], item["kind"], item["conditions"][0]["name"]) for item in waiting} <= listed
