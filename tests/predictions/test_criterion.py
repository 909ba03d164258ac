"""Every kind of criterion, measured on events that land one by one."""

from datetime import date

import pytest

from predictions.criterion import compile_reading, run
from predictions.standing import Standing
from predictions.views import event_types_read
from tests.predictions.world import UNICORNS, World, define, make_world


def world_of(criterion: str, conditions: str = "", reading: str = "") -> World:
    return make_world(define(criterion, conditions=conditions, reading=reading))


def stands(world: World) -> Standing:
    world.evaluate()
    return world.stands("test", "main")


def test_rows_are_evidence_or_waiting_or_near_misses() -> None:
    world = world_of(UNICORNS)
    world.event("funding", "yes", "2026-05-01", company="A", valuation=2_000_000_000)
    world.event("funding", "nobody-says", "2026-05-02", company="B")
    world.event("funding", "too-small", "2026-05-03", company="C", valuation=5)
    world.event("funding", "two-fail", "2026-05-04", company="D", valuation=5, status="rumoured")
    world.event("funding", "fails-and-unknown", "2026-05-05", company="E", status="rumoured")
    now = stands(world)
    assert [item["id"] for item in now.evidence] == ["yes"]
    assert [(item["id"], item["kind"], item["conditions"][0]["name"]) for item in now.waiting] == [
        ("nobody-says", "unknown", "large"),
        ("too-small", "near miss", "large"),
    ]
    assert (now.observed, now.target, now.progress, now.verdict) == (1, 2, 0.5, "unknown")
    assert now.evidence[0]["url"] == "https://example.org/yes"
    assert now.evidence[0]["occurred_on"] == "2026-05-01"


@pytest.mark.parametrize(
    ("occurred", "verdict"),
    [
        ("2026-04-16", False),
        ("2026-04-17", True),
        ("2026-04", None),
        ("2026-Q3", True),
        ("2027", None),
        ("2027-04-17", True),
        ("2027-04-18", False),
        ("2025", False),
    ],
)
def test_the_window_is_three_valued(occurred: str, verdict: bool | None) -> None:
    world = world_of(UNICORNS)
    world.event("funding", "one", occurred, company="A", valuation=2_000_000_000)
    definition = define(UNICORNS)
    (query,) = compile_reading(definition, definition.reading("main"))
    (row,) = run(world.connection, query)
    assert row.verdicts["window"] is verdict
    assert row.occurred_on <= row.occurred_until
    assert "statsu" not in query.sql


def test_only_rows_that_it_is_about_are_near_misses() -> None:
    about = UNICORNS.replace("of: company", "about: sector = 'biotech', of: company")
    world = world_of(about)
    world.event("funding", "other", "2026-05-01", company="A", valuation=1, sector="space")
    world.event("funding", "biotech", "2026-05-01", company="B", valuation=1, sector="biotech")
    assert [item["id"] for item in stands(world).waiting] == ["biotech"]


def test_a_group_that_counts_is_not_waited_for() -> None:
    world = world_of(UNICORNS)
    world.event("funding", "vague", "2026-05-01", company="A")
    assert len(stands(world).waiting) == 1
    world.event("funding", "clear", "2026-05-02", company="A", valuation=2e9)
    assert stands(world).waiting == ()


def test_sum_takes_the_newest_of_each() -> None:
    world = world_of("{sum: {from: facts_funding, value: valuation_usd, per: company, at_least: 100}}")
    world.event("funding", "a1", "2026-05-01", company="A", valuation=30)
    world.event("funding", "b", "2026-05-02", company="B", valuation=40)
    world.event("funding", "a2", "2026-05-03", company="A", valuation=50)
    now = stands(world)
    assert (now.observed, now.progress, now.verdict) == (90, 0.9, "not met")
    assert [item["id"] for item in now.evidence] == ["b", "a2"]
    world.event("funding", "c", "2026-05-04", company="C")
    assert stands(world).verdict == "unknown"


def test_latest_is_the_newest_in_the_world_not_the_last_learnt() -> None:
    world = world_of("{latest: {from: facts_metric, value: value, below: 70, start: 90}}")
    world.event("metric", "new", "2026-06-01", subject="x", metric="share", unit="percent", value=80)
    world.event("metric", "old", "2026-05-01", subject="x", metric="share", unit="percent", value=60)
    now = stands(world)
    assert (now.observed, now.progress, now.verdict) == (80, 0.5, "not met")


def test_latest_is_unknown_where_series_differ() -> None:
    world = world_of("{latest: {from: facts_metric, within: evaluator, value: value, below: 70}}")
    assert stands(world).verdict == "unknown"
    for evaluator, value in (("one", 60), ("two", 75)):
        world.event(
            "metric", evaluator, "2026-06-01", subject="x", metric="share", unit="%", value=value, evaluator=evaluator
        )
    now = stands(world)
    assert now.verdict == "unknown"
    assert "holds in 1 of 2 series" in now.detail


def test_share_counts_each_thing_once_by_its_newest_row() -> None:
    world = world_of("{share: {from: facts_funding, of: company, where: [large], minimum: 2, above: 0.5}}")
    world.event("funding", "a1", "2026-05-01", company="A", valuation=1)
    assert (stands(world).verdict, stands(world).observed) == ("unknown", None)
    world.event("funding", "b", "2026-05-01", company="B", valuation=2e9)
    assert (stands(world).observed, stands(world).verdict) == (0.5, "not met")
    world.event("funding", "a2", "2026-05-02", company="A", valuation=2e9)
    assert (stands(world).observed, stands(world).state) == (1.0, "met")


def test_exists_of_anything() -> None:
    world = world_of("{exists: {from: facts_funding, where: [firm, large]}}")
    world.event("funding", "a", "2026-05-01", company="A", status="in talks", valuation=2e9)
    assert (stands(world).verdict, stands(world).waiting[0]["kind"]) == ("not met", "near miss")
    world.event("funding", "b", "2026-05-01", company="B", valuation=2e9)
    assert (stands(world).state, stands(world).progress) == ("met", 1.0)


LEADER = "{leader: {from: facts_funding, per: vertical, who: company, by: valuation_usd, where: [firm], minimum: 2,"


def test_the_leader_of_a_group_decides() -> None:
    world = world_of(LEADER + " out_of: 2, at_least: 2}}")
    world.event("funding", "a", "2026-05-01", company="A", vertical="legal", valuation=10)
    assert stands(world).verdict == "unknown"
    world.event("funding", "b", "2026-05-02", company="B", vertical="legal", valuation=20)
    assert [item["id"] for item in stands(world).evidence] == ["b"]
    world.event("funding", "a2", "2026-05-03", company="A", vertical="legal", valuation=30, status="rumoured")
    now = stands(world)
    assert (now.verdict, now.waiting[0]["id"], now.evidence) == ("not met", "a2", ())


SEQUENCE = """
      sequence:
        within: evaluator || metric
        first: {from: facts_metric, window: until, where: [high]}
        then: {from: facts_metric, where: [low]}
"""
STEPS = """
  high: {words: it is above 90, sql: value > 90}
  low: {words: it is below 70, sql: value < 70}
"""


def metric(world: World, id: str, occurred: str, value: float, evaluator: str = "Epoch") -> None:
    world.event("metric", id, occurred, subject="x", metric="share", unit="%", value=value, evaluator=evaluator)


def test_a_sequence_needs_both_steps_in_one_series() -> None:
    world = world_of(SEQUENCE, STEPS)
    metric(world, "low", "2026-06-01", 60, "other")
    now = stands(world)
    assert (now.verdict, now.progress) == ("unknown", 0.0)
    assert now.waiting[0]["conditions"][0]["name"] == "after the first step"
    metric(world, "high", "2025-01-01", 95)
    assert (stands(world).verdict, stands(world).progress) == ("not met", 0.5)
    metric(world, "lower", "2026-07-01", 65)
    now = stands(world)
    assert (now.state, [item["id"] for item in now.evidence]) == ("met", ["high", "lower"])


def test_a_sequence_needs_the_second_step_on_a_later_day() -> None:
    world = world_of(SEQUENCE, STEPS)
    metric(world, "low", "2026-06-01", 60)
    metric(world, "high", "2026-06-01", 95)
    assert stands(world).verdict == "not met"
    metric(world, "vague", "2026-06", 60)
    assert stands(world).verdict == "unknown"


def test_all_of_counts_its_parts_and_any_of_shows_the_furthest() -> None:
    parts = "[{exists: {from: facts_funding, where: [large]}}, {exists: {from: facts_deal, where: [firm]}}]"
    every, some = world_of(f"{{all_of: {parts}}}"), world_of(f"{{any_of: {parts}}}")
    for world in (every, some):
        world.event("deal", "d", "2026-05-01", kind="cloud", parties=[{"name": "A", "role": "buyer"}])
    assert (stands(every).observed, stands(every).target, stands(every).verdict) == (1, 2, "not met")
    assert stands(some).state == "met"
    every.event("funding", "f", "2026-05-02", company="A")
    assert stands(every).verdict == "unknown"


def test_sql_is_the_escape() -> None:
    query = "SELECT * FROM facts_funding WHERE company LIKE 'A%'"
    world = world_of(f'{{sql: {{query: "{query}", of: company, where: [firm], at_least: 1}}}}')
    world.event("funding", "b", "2026-05-01", company="B")
    assert stands(world).verdict == "not met"
    world.event("funding", "a", "2026-05-01", company="AA")
    assert stands(world).state == "met"


def test_shown_values_are_kept_with_the_evidence() -> None:
    world = world_of("{exists: {from: facts_funding, where: [firm], show: {valuation: valuation_usd, it's: company}}}")
    world.event("funding", "a", "2026-05-01", company="A", valuation=7)
    assert stands(world).evidence[0]["shown"] == {"valuation": 7.0, "it's": "A"}


def test_event_types_are_found_through_helper_views() -> None:
    assert event_types_read("SELECT * FROM facts_deal") == {"deal"}
    assert event_types_read("frontier_stories") == {"deal", "funding", "benchmark", "model-release"}
    assert event_types_read("company_prices") == {"deal", "funding"}


def test_a_reading_as_of_an_earlier_day() -> None:
    world = world_of(UNICORNS)
    world.event("funding", "a", "2026-05-01", company="A", valuation=2e9)
    world.event("funding", "b", "2026-08-01", company="B", valuation=2e9)
    history = world.engine.history(world.connection, "test", "main", world.now, as_of=date(2026, 6, 1))
    assert (history[-1].observed, history[-1].state) == (1, "open")
