"""The history of a reading: what was known when, deadlines, corrections, decisions; arrival leaves no trace."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from predictions import store
from predictions.evaluate import ChangedDefinition
from predictions.standing import Standing
from tests.predictions.world import START, UNICORNS, World, define, make_world

DEADLINE = datetime(2027, 4, 17, 23, 59, 59, 999999, tzinfo=UTC)


def unicorn(world: World, company: str, id: str | None = None) -> None:
    world.event("funding", id or company, "2026-05-01", company=company, valuation=2e9)


@pytest.fixture
def world() -> World:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    return world


def states(world: World) -> list[str]:
    return [standing.state for standing in world.history("test", "main")]


def test_the_history_begins_with_the_prediction(world: World) -> None:
    (change,) = world.evaluate()
    assert [(s.known_at, s.state, s.cause) for s in change.history] == [
        (datetime(2026, 4, 17, tzinfo=UTC), "open", None)
    ]
    assert world.evaluate() == ()


def test_each_change_has_its_cause_and_its_time(world: World) -> None:
    unicorn(world, "A")
    unicorn(world, "B")
    (change,) = world.evaluate()
    assert [(s.state, s.progress) for s in change.appended] == [("open", 0), ("open", 0.5), ("met", 1)]
    last = change.history[-1]
    assert last.known_at == world.now
    assert last.cause == {"source": "test", "id": "B", "topic": "signals.funding", "partition": 0, "offset": 2}
    assert last.detail == "2 of 2 unicorns."


def test_only_what_a_batch_has_added_is_looked_at(world: World) -> None:
    world.evaluate()
    unicorn(world, "A")
    added, world.fresh = world.fresh, set()
    assert world.evaluate() == ()
    world.fresh = added
    assert len(world.evaluate()) == 1


def test_an_event_that_changes_nothing_is_not_recorded(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    world.event("funding", "rumour", "2026-05-01", company="C", status="rumoured")
    assert world.evaluate() == ()


def test_the_deadline_dates_what_it_changes(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    (change,) = world.evaluate(now=datetime(2027, 6, 1, tzinfo=UTC))
    assert [(s.known_at, s.state, s.cause) for s in change.appended] == [(DEADLINE, "missed", None)]
    assert "has passed" in change.appended[0].detail
    assert world.evaluate() == ()


def test_what_is_learnt_after_the_deadline_still_counts(world: World) -> None:
    unicorn(world, "A")
    world.evaluate(now=datetime(2027, 6, 1, tzinfo=UTC))
    unicorn(world, "B")
    world.evaluate()
    assert states(world) == ["open", "open", "missed", "met"]


def test_a_missing_fact_keeps_it_open_at_the_deadline(world: World) -> None:
    unicorn(world, "A")
    world.event("funding", "B", "2026-05-02", company="B")
    world.evaluate()
    (change,) = world.evaluate(now=datetime(2027, 6, 1, tzinfo=UTC))
    assert (change.history[-1].state, change.history[-1].verdict) == ("open", "unknown")
    assert change.history[-1].known_at == DEADLINE
    assert world.evaluate() == ()


def test_nobody_can_say_where_nothing_was_measured() -> None:
    world = make_world(define("{latest: {from: facts_metric, value: value, below: 70}}"))
    world.evaluate(now=datetime(2027, 6, 1, tzinfo=UTC))
    assert states(world) == ["open", "unresolvable"]


def test_a_retraction_takes_it_back_and_is_the_cause(world: World) -> None:
    unicorn(world, "A")
    unicorn(world, "B")
    world.evaluate()
    world.event("funding", "sorry", "2026-06-01", company="B", retracts="B")
    (change,) = world.evaluate()
    assert not change.rewritten
    assert [(s.state, s.progress) for s in change.appended] == [("open", 0.5)]
    assert change.appended[0].cause is not None
    assert change.appended[0].cause["id"] == "sorry"


def test_a_correction_replaces_in_one_step(world: World) -> None:
    unicorn(world, "A")
    unicorn(world, "B")
    world.event("funding", "B-again", "2026-05-01", company="B", valuation=3e9, corrects="B")
    world.evaluate()
    history = world.history("test", "main")
    assert [s.state for s in history] == ["open", "open", "met", "met"]
    assert [item["id"] for item in history[-1].evidence] == ["A", "B-again"]


def test_a_correction_of_a_correction_names_its_cause(world: World) -> None:
    unicorn(world, "A")
    world.event("funding", "A2", "2026-05-01", company="A", valuation=3e9, corrects="A")
    world.event("funding", "A3", "2026-05-01", company="A", valuation=1, corrects="A")
    world.evaluate()
    last = world.stands("test", "main")
    assert last.cause is not None
    assert (last.cause["id"], last.progress) == ("A3", 0)


def test_an_event_that_was_taken_back_before_it_was_known_never_counts(world: World) -> None:
    early, late = START + timedelta(hours=1), START + timedelta(hours=2)
    world.event("funding", "A", "2026-05-01", known=late, company="A", valuation=2e9)
    world.event("funding", "sorry", "2026-05-01", known=early, company="A", retracts="A")
    world.evaluate()
    assert states(world) == ["open"]


def test_a_late_event_rewrites_the_past_and_what_was_said_before_goes_to_the_journal(world: World) -> None:
    unicorn(world, "A")
    unicorn(world, "B")
    world.evaluate()
    world.event("funding", "0", "2026-05-01", known=START, company="0", valuation=2e9)
    (change,) = world.evaluate()
    assert (change.rewritten, change.appended) == (True, change.history)
    assert [s.progress for s in change.history] == [0, 0.5, 1, 1]
    assert world.history("test", "main") == change.history
    assert world.said_before("test", "main") == [(1, 1, "open"), (1, 1, "open"), (1, 1, "met")]
    world.event("funding", "-1", "2026-05-01", known=START, company="-1", valuation=2e9)
    world.evaluate()
    assert [revision for _, revision, _ in world.said_before("test", "main")] == [1, 1, 1, 2, 2, 2, 2]


def test_a_person_decides_and_the_verdict_stays_beside_it(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    world.resolve("test", "main", "met", why="the second is beyond doubt")
    (change,) = world.evaluate()
    last = change.history[-1]
    assert (last.state, last.verdict, last.progress) == ("met", "not met", 0.5)
    assert last.detail.startswith("Resolved as met by Ada (the second is beyond doubt).")
    world.resolve("test", None, "open")
    world.evaluate()
    assert states(world) == ["open", "open", "met", "open"]


def test_a_decision_that_makes_no_sense_changes_nothing(world: World) -> None:
    world.evaluate()
    world.resolve("test", "main", "perhaps")
    world.resolve("other", "main", "met")
    assert world.evaluate() == ()


def test_annulled_is_not_missed() -> None:
    void = "{exists: {from: facts_policy, where: [firm]}}"
    definition = define(UNICORNS, reading=f"    annulled_if: {{words: unicorns are banned, criterion: {void}}}")
    world = make_world(definition)
    world.event("policy", "ban", "2026-06-01", jurisdiction="US", instrument="ban")
    world.evaluate(now=datetime(2027, 6, 1, tzinfo=UTC))
    last = world.stands("test", "main")
    assert (last.state, last.verdict) == ("annulled", "not met")
    assert "unicorns are banned" in last.detail


def test_a_changed_criterion_needs_a_new_version(world: World) -> None:
    stricter = UNICORNS.replace("at_least: 2", "at_least: 3")
    with pytest.raises(ChangedDefinition, match=r"test.yaml:7: .*write `version: 2`"):
        make_engine_of(world, define(stricter))
    unicorn(world, "A")
    world.evaluate()
    make_engine_of(world, define(stricter, version=2))
    world.evaluate()
    assert store.judged_by(world.connection, ("test", "main"))[0] == 2
    assert world.said_before("test", "main") == [(1, 1, "open"), (1, 1, "open")]
    with pytest.raises(ChangedDefinition, match="older than version 2"):
        make_engine_of(world, define(UNICORNS))


def make_engine_of(world: World, *definitions: object) -> None:
    other = World(world.connection, definitions)  # type: ignore[arg-type]
    other.engine.declare(world.connection, world.now)
    world.engine = other.engine


def test_new_wording_is_recorded_under_the_same_version(world: World) -> None:
    make_engine_of(world, define(UNICORNS.replace("unicorns", "giants")))
    make_engine_of(world, define(UNICORNS.replace("unicorns", "giants")))
    rows = world.connection.execute("SELECT version, definition_hash FROM prediction_definitions").fetchall()
    assert len(rows) == 2
    assert rows[0] == rows[1]


def test_new_wording_is_written_and_nobody_is_told(world: World) -> None:
    unicorn(world, "A")
    world.evaluate()
    make_engine_of(world, define(UNICORNS.replace("unicorns", "giants")))
    assert world.evaluate() == ()
    assert world.stands("test", "main").detail == "1 of 2 giants."


def test_the_deadline_of_an_annulled_reading_is_noted_though_no_event_comes_any_more() -> None:
    void = "{exists: {from: facts_policy, where: [firm]}}"
    few = UNICORNS.replace("at_least: 2", "below: 3")
    world = make_world(define(few, reading=f"    annulled_if: {{words: unicorns are banned, criterion: {void}}}"))
    world.event("policy", "ban", "2026-05-01", jurisdiction="US", instrument="x", stage="enacted")
    world.evaluate()
    later = DEADLINE + timedelta(days=1)
    world.evaluate(later)
    assert world.history("test", "main") == world.engine.history(world.connection, "test", "main", later)
    assert world.stands("test", "main").known_at == DEADLINE


def test_rows_of_one_event_stand_in_one_order_whatever_order_they_are_stored_in() -> None:
    """One supply completes two stories: SQL gives the two rows as the join finds them."""
    stories = "{count_distinct: {from: lab_designer_stories, of: lab, where: [told], at_least: 2}}"
    parties = [{"name": "OpenAI", "role": "lab"}, {"name": "AMD", "role": "supplier"}]
    stake = [{"holder": "AMD", "issuer": "OpenAI"}]
    found = []
    for stakes in ("AB", "BA"):
        world = make_world(define(stories, conditions="  told: {words: told, sql: supply}"))
        for id in stakes:
            known = START + timedelta(hours="AB".index(id))
            equity: dict[str, Any] = {"kind": "equity partnership", "parties": parties, "equity": stake}
            world.event("deal", id, "2026-05-01", known=known, offset="AB".index(id), **equity)
        known = START + timedelta(hours=5)
        world.event("deal", "C", "2026-05-01", known=known, kind="compute supply", parties=parties, equity=[])
        world.evaluate()
        found.append(world.stands("test", "main").evidence)
    assert len(found[0]) == 3
    assert found[0] == found[1]


def test_an_evaluation_lands_with_its_events_or_not_at_all(world: World) -> None:
    world.evaluate()
    world.connection.execute("BEGIN")
    unicorn(world, "A")
    assert len(world.evaluate(committed=False)) == 1
    world.connection.execute("ROLLBACK")
    assert states(world) == ["open"]
    unicorn(world, "A")
    assert len(world.evaluate()) == 1


def test_what_was_known_then_and_what_could_be_known(world: World) -> None:
    unicorn(world, "A")
    known = world.now
    unicorn(world, "B")
    world.connection.execute("UPDATE events SET reported_at = known_at - INTERVAL 10 DAY")
    then = world.engine.history(world.connection, "test", "main", world.now, known=known)
    assert (then[-1].progress, then[-1].known_at) == (0.5, known)
    backtest = world.engine.history(world.connection, "test", "main", world.now, clock="reported_at")
    assert (backtest[-1].state, backtest[-1].known_at) == ("met", world.now - timedelta(days=10))


# One event of the property test: company, whether it is large (or nobody says), hours after START, what it does.
EVENT = st.tuples(
    st.sampled_from("ABC"),
    st.sampled_from([2_000_000_000, 5, None]),
    st.integers(0, 4),
    st.sampled_from(["new", "new", "corrects", "retracts"]),
    st.integers(0, 7),
)
CRITERIA = (
    UNICORNS,
    "{share: {from: facts_funding, of: company, where: [large], minimum: 2, above: 0.5}}",
    "{sum: {from: facts_funding, value: valuation_usd, per: company, at_least: 3000000000}}",
)


def land(world: World, number: int, event: tuple[str, int | None, int, str, int]) -> None:
    company, valuation, hours, action, target = event
    extra = {} if action == "new" or target == number else {action: f"e{target}"}
    known = START + timedelta(hours=hours)
    world.event(
        "funding",
        f"e{number}",
        f"2026-05-{target + 1:02}",
        known=known,
        offset=number,
        company=company,
        valuation=valuation,
        **extra,
    )


def final_histories(world: World) -> list[tuple[Standing, ...]]:
    return [world.history(definition.id, "main") for definition in world.definitions]


BASE = make_world()


@given(st.lists(EVENT, min_size=1, max_size=8), st.randoms(use_true_random=False), st.integers(1, 4))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_neither_batches_nor_the_order_of_arrival_leave_a_trace(
    events: list[tuple[str, int | None, int, str, int]], random: object, size: int
) -> None:
    definitions = tuple(
        define(criterion).model_copy(update={"id": f"test{index}"}) for index, criterion in enumerate(CRITERIA)
    )
    numbered = list(enumerate(events))
    in_order = sorted(numbered, key=lambda item: (item[1][2], item[0]))
    shuffled = list(numbered)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    end = datetime(2027, 6, 1, tzinfo=UTC)
    found = []
    for course, batch_size in ((in_order, len(events)), (in_order, 1), (shuffled, size)):
        world = World(BASE.connection, definitions)
        world.connection.execute("DELETE FROM events")
        world.connection.execute("DELETE FROM prediction_states")
        for start in range(0, len(course), batch_size):
            for number, event in course[start : start + batch_size]:
                land(world, number, event)
            world.evaluate()
        world.evaluate(now=end)
        found.append(final_histories(world))
    assert found[0] == found[1] == found[2]
