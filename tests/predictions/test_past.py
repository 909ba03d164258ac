"""What was said then is what a tracker would say that was fed with nothing but the events known then."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from predictions import store
from predictions.audit import list_at
from predictions.criterion import compile_reading, run
from predictions.definition import Definition
from predictions.fold import fold, steps_of
from predictions.past import Point, end_of, seen_at
from predictions.read import list_predictions
from tests.predictions.world import START, UNICORNS, World, define, make_world

CRITERIA = (
    UNICORNS,
    "{share: {from: facts_funding, of: company, where: [large], minimum: 2, above: 0.5}}",
    "{sum: {from: facts_funding, value: valuation_usd, per: company, at_least: 3000000000}}",
)
DEFINITIONS = tuple(
    define(criterion).model_copy(update={"id": f"test{index}"}) for index, criterion in enumerate(CRITERIA)
)
SAID = (
    *("id", "reading", "state", "verdict", "progress", "observed", "target", "detail", "cause", "known_at"),
    *("evidence", "waiting", "version", "hash", "deadline"),
)

# company, whether it is large (or nobody says), hours after START, what it does, to whom; the day of its happening.
EVENT = st.tuples(
    st.sampled_from("ABC"),
    st.sampled_from([2_000_000_000, 5, None]),
    st.integers(0, 4),
    st.sampled_from(["new", "new", "corrects", "retracts", "retracts", "met", "open"]),
    st.integers(0, 3),
)
KNOWN = st.one_of(
    st.integers(-1, 5).map(lambda hours: START + timedelta(hours=hours)),
    st.sampled_from([datetime(2026, 4, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)]),
)
Event = tuple[str, int | None, int, str, int]
TAKEN_BACK_AND_NOT: list[Event] = [
    ("A", 2_000_000_000, 0, "new", 0),
    ("A", 5, 1, "retracts", 0),
    ("A", 5, 3, "retracts", 1),
]
"""A retraction that is itself retracted, later: then it never was."""
FULL, PREFIX = make_world(), make_world()


def fresh(base: World, *definitions: Definition) -> World:
    world = World(base.connection, definitions or DEFINITIONS)
    for table in ("events", "decisions", "prediction_states", "prediction_definitions", "prediction_revisions"):
        world.connection.execute(f"DELETE FROM {table}")
    world.engine.declare(world.connection, datetime(2026, 4, 17, tzinfo=UTC))
    return world


def land(world: World, number: int, event: Event) -> None:
    company, valuation, hours, action, target = event
    known = START + timedelta(hours=hours)
    if action in ("met", "open"):
        world.now, world.offset = known - timedelta(hours=1), number - 1
        world.resolve("test0", None, action)
        return
    extra: dict[str, Any] = {} if action == "new" or target == number else {action: f"e{target}"}
    day = f"2026-05-{target + 1:02}"
    world.event("funding", f"e{number}", day, known=known, offset=number, company=company, valuation=valuation, **extra)


def feed(world: World, events: list[tuple[int, Event]], size: int, until: datetime) -> None:
    for start in range(0, len(events), size):
        for number, event in events[start : start + size]:
            land(world, number, event)
        world.evaluate(START)
    world.evaluate(until)


def said(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in SAID} for row in rows]


@given(st.lists(EVENT, max_size=8), st.randoms(use_true_random=False), st.integers(1, 8), st.integers(1, 8), KNOWN)
@example(TAKEN_BACK_AND_NOT, Random(0), 1, 8, START + timedelta(hours=2))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_was_said_then_is_what_a_tracker_fed_until_then_says(
    events: list[Event], random: Any, size: int, other_size: int, known: datetime
) -> None:
    numbered = list(enumerate(events))
    random.shuffle(numbered)
    full = fresh(FULL)
    feed(full, numbered, size, datetime(2027, 7, 1, tzinfo=UTC))
    random.shuffle(numbered)
    prefix = fresh(PREFIX)
    until_then = [item for item in numbered if START + timedelta(hours=item[1][2]) <= known]
    feed(prefix, until_then, other_size, known)
    rows = list_at(full.connection, Point(known))
    if known < DEFINITIONS[0].declared_at:
        assert {row["state"] for row in rows} == {"not made yet"}
    else:
        assert said(rows) == said(list_predictions(prefix.connection))


@given(st.lists(EVENT, max_size=8), KNOWN, st.integers(1, 5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_of_what_was_known_then_only_what_had_happened_counts(events: list[Event], known: datetime, day: int) -> None:
    """The other way round to the same: the rows that a tracker fed until then has, without those of later days."""
    as_of = date(2026, 5, day)
    point = Point(known, as_of)
    full, prefix = fresh(FULL), fresh(PREFIX)
    feed(full, list(enumerate(events)), 8, datetime(2027, 7, 1, tzinfo=UTC))
    for number, event in enumerate(events):
        if START + timedelta(hours=event[2]) <= known:
            land(prefix, number, event)
    rows = {row["id"]: row for row in list_at(full.connection, point)}
    for definition in DEFINITIONS:
        expected = without_later_days(prefix, definition, point)
        got = rows[definition.id]
        if known < definition.declared_at:
            assert got["state"] == "not made yet"
        else:
            assert (got["state"], got["progress"], got["verdict"]) == expected


def without_later_days(world: World, definition: Definition, point: Point) -> tuple[str, float, str]:
    reading = definition.readings[0]
    rows = [row for query in compile_reading(definition, reading) for row in run(world.connection, query)]
    made = [
        decision
        for _, decision in store.resolutions(world.connection).get(definition.id, ())
        if decision.cause.moment.known_at <= point.now
    ]
    history = fold(definition, reading, steps_of(rows, store.changes(world.connection), made), point.now, point.as_of)
    last = [standing for standing in history if standing.known_at <= point.known][-1:]
    return (last[0].state, last[0].progress, last[0].verdict) if last else ("", 0, "")


FRONTIER = define(
    "{count_distinct: {from: frontier_stories, of: lab, where: [best, told], at_least: 2}}",
    conditions="  best: {words: at the frontier, sql: frontier}\n  told: {words: a stake, sql: designer_holds}",
)
STORY = st.tuples(
    st.sampled_from(["OpenAI", "Anthropic"]),
    st.sampled_from(["supply", "stake", "score", "low score", "retraction"]),
    st.integers(0, 4),
)


@given(st.lists(STORY, min_size=2, max_size=7), st.integers(0, 4), st.booleans())
@example([("OpenAI", "supply", 0), ("OpenAI", "stake", 0), ("OpenAI", "score", 3)], 1, True)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_so_it_is_through_helper_views(stories: list[tuple[str, str, int]], hours: int, backwards: bool) -> None:
    """Stories of two events, judged by the benchmarks that hold: each may have become known at another time."""
    known = START + timedelta(hours=hours)
    full, prefix = fresh(FULL, FRONTIER), fresh(PREFIX, FRONTIER)
    numbered = list(enumerate(stories))
    for number, story in reversed(numbered) if backwards else numbered:
        tell(full, number, story)
        if story[2] <= hours:
            tell(prefix, number, story)
    full.evaluate(datetime(2027, 7, 1, tzinfo=UTC))
    prefix.evaluate(known)
    assert said(list_at(full.connection, Point(known))) == said(list_predictions(prefix.connection))


def tell(world: World, number: int, story: tuple[str, str, int]) -> None:
    lab, kind, hours = story
    place: dict[str, Any] = {"known": START + timedelta(hours=hours), "offset": number}
    parties = [{"name": lab, "role": "lab"}, {"name": "AMD", "role": "supplier"}]
    stake = [{"holder": "AMD", "issuer": lab}]
    if kind == "supply":
        world.event("deal", f"e{number}", "2026-05-03", kind="chip supply", parties=parties, equity=[], **place)
    elif kind == "stake":
        world.event(
            "deal", f"e{number}", "2026-05-02", kind="equity partnership", parties=parties, equity=stake, **place
        )
    elif kind == "retraction":
        world.event("deal", f"e{number}", "2026-05-02", kind="other", retracts="e0", **place)
    else:
        index: dict[str, Any] = {
            "benchmark": "Epoch Capabilities Index",
            "model": "m",
            "score": 150 if kind == "score" else 100,
        }
        world.event("benchmark", f"e{number}", "2026-05-01", developer=lab, **index, **place)


def test_a_helper_view_does_not_see_the_future() -> None:
    """Who was at the frontier is asked of the benchmarks that hold: those that are known only later did not yet."""
    frontier = "{count_distinct: {from: frontier_stories, of: lab, where: [best], at_least: 2}}"
    world = make_world(define(frontier, conditions="  best: {words: at the frontier, sql: frontier}"))
    parties = [{"name": "OpenAI", "role": "lab"}, {"name": "AMD", "role": "supplier"}]
    world.event("deal", "deal", "2026-05-02", kind="chip supply", parties=parties, equity=[])
    known = world.now
    index = "Epoch Capabilities Index"
    world.event("benchmark", "score", "2026-05-01", benchmark=index, model="m", developer="OpenAI", score=150)
    history = world.engine.history(world.connection, "test", "main", world.now)
    then = world.engine.history(world.connection, "test", "main", world.now, known=known)
    assert (history[-1].progress, history[-1].waiting) == (0.5, ())
    assert (then[-1].progress, then[-1].waiting[0]["conditions"][0]["name"]) == (0, "best")


def test_a_retraction_that_was_retracted_later_held_in_the_meantime() -> None:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    world.event("funding", "A", "2026-05-01", company="A", valuation=2e9)
    world.event("funding", "sorry", "2026-05-01", company="A", retracts="A")
    between = world.now
    world.event("funding", "no", "2026-05-01", company="A", retracts="sorry")
    (now,) = list_at(world.connection, Point(world.now))
    (then,) = list_at(world.connection, Point(between))
    assert (now["progress"], then["progress"]) == (0.5, 0)


def test_a_correction_ends_what_it_corrects_even_where_it_dates_it_later() -> None:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    world.event("funding", "A", "2026-05-01", company="A", valuation=2e9)
    before = world.now
    world.event("funding", "A2", "2026-07-01", company="A", valuation=2e9, corrects="A")
    (june,) = list_at(world.connection, Point(world.now, date(2026, 6, 1)))
    (june_as_known_before,) = list_at(world.connection, Point(before, date(2026, 6, 1)))
    (july,) = list_at(world.connection, Point(world.now, date(2026, 7, 1)))
    assert (june["progress"], june_as_known_before["progress"], july["progress"]) == (0, 0.5, 0.5)


def test_a_deadline_passes_by_both_times() -> None:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    later, ahead = datetime(2027, 6, 1, tzinfo=UTC), date(2030, 1, 1)
    points = [Point(later), Point(later, date(2027, 4, 16)), Point(later, date(2027, 4, 17)), Point(START, ahead)]
    assert [list_at(world.connection, point)[0]["state"] for point in points] == ["missed", "open", "missed", "open"]


def test_the_publishers_clock_says_what_could_be_known() -> None:
    world = make_world(define(UNICORNS))
    world.engine.declare(world.connection, world.now)
    world.event("funding", "A", "2026-05-01", company="A", valuation=2e9)
    world.resolve("test", None, "met")
    world.connection.execute("UPDATE events SET reported_at = known_at - INTERVAL 10 DAY")
    early = world.now - timedelta(days=9)
    assert list_at(world.connection, Point(early))[0]["progress"] == 0
    (row,) = list_at(world.connection, Point(early, clock="reported_at"))
    assert (row["progress"], row["state"], row["known_at"]) == (0.5, "open", world.now - timedelta(days=10, hours=1))


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_the_store_is_seen_as_it_is(fails: bool) -> None:
    world = make_world()
    world.event("funding", "A", "2026-05-01", company="A")
    try:
        with seen_at(world.connection, Point(START, date(2026, 1, 1))):
            assert world.connection.execute("SELECT count(*) FROM funding").fetchall() == [(0,)]
            if fails:
                raise ValueError
    except ValueError:
        assert fails
    assert world.connection.execute("SELECT count(*) FROM funding").fetchall() == [(1,)]


def test_the_end_of_a_day_is_its_last_instant() -> None:
    assert end_of(date(2026, 6, 1)) + timedelta(microseconds=1) == datetime(2026, 6, 2, tzinfo=UTC)
