"""However events and decisions come in, the stories are what grouping everything at once gives."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.decisions import Decision, DecisionKind
from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, SettleBatch
from sinks.duckdb_tables import migrate, migrations
from sinks.landing import land
from sinks.story_catch_up import catch_up
from sinks.story_decisions import story_decisions
from sinks.story_rows import COLUMNS, read
from sinks.views import create_views
from stories.grouping import decide, group, standing
from tests.sinks.builders import LANDED_AT, arrived, at, batch, identity, name, rejection, via

Arrival = ArrivedSignal | ArrivedDecision | ArrivedRejection

DAY = date(2026, 4, 1)
KINDS = ("deal", "deal", "funding", "policy", "headline")


@pytest.fixture
def store() -> Any:
    with duckdb.connect() as connection:
        make_tables(connection)
        yield connection


def make_tables(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    migrate(connection, 0, migrations(), LANDED_AT)
    create_views(connection)
    catch_up(connection)


def report(
    offset: int, event_type: str = "deal", day: int = 0, days: int = 0, minutes: float | None = None, **fields: Any
) -> ArrivedSignal:
    """An event that may have happened from one day of April 2026 to some days later."""
    one = arrived(offset, id=fields.pop("id", None), minutes=minutes, event_type=event_type, **fields)
    first = DAY + timedelta(days=day)
    return replace(
        one, signal=replace_model(one.signal, occurred_first=first, occurred_last=first + timedelta(days=days))
    )


def replace_model(model: Any, **changes: Any) -> Any:
    return model.model_copy(update=changes)


def decided(offset: int, kind: DecisionKind, **data: Any) -> ArrivedDecision:
    body = {"by": "ann", "why": "read both", **data}
    return ArrivedDecision(
        input=name(offset, "decisions"),
        via=via(offset, "decisions"),
        known_at=at(offset),
        source="desk",
        id=f"e{offset}",
        kind=kind,
        decision=Decision.model_validate(body),
        reported_at=at(offset),
        envelope={"specversion": "1.0", "id": f"e{offset}", "source": "desk", "type": "x"},
        data=body,
        content_hash=f"{offset}",
    )


def settle(connection: duckdb.DuckDBPyConnection, arrivals: Sequence[Arrival]) -> None:
    connection.execute("BEGIN")
    try:
        land(connection, batch(*arrivals), LANDED_AT)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def rows(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    return connection.execute("SELECT * FROM story_events ORDER BY source, id").fetchall()


def stories(connection: duckdb.DuckDBPyConnection) -> list[list[str]]:
    """The ids of each story's events."""
    found = connection.execute(
        "SELECT list(id ORDER BY id) FROM story_events WHERE story IS NOT NULL GROUP BY story_hash ORDER BY 1"
    ).fetchall()
    return [ids for (ids,) in found]


def gone(one: ArrivedSignal | ArrivedDecision) -> ArrivedRejection:
    """The same input, rejected by an earlier delivery: what had landed of it leaves again."""
    return rejection(one.input.offset, topic=one.input.topic, delivered=via(0, "signals.rejected", minutes=-1))


OTHERS = ("corrects", "retracts", "derived", "copy", "merge", "split", "takes back", "gone")
MADE = st.tuples(
    st.sampled_from((*KINDS, *OTHERS)),
    st.integers(0, 9),  # whom or what
    st.integers(0, 90),  # day
    st.sampled_from((0, 0, 0, 29, 120)),  # how vague
    st.integers(0, 4),  # which detail
)


Made = tuple[str, int, int, int, int]


def arrivals_of(made: Sequence[Made]) -> list[Arrival]:
    found: list[Arrival] = []
    for number, one in enumerate(made):
        target = found[one[1] % number] if number else None
        if one[0] != "gone":
            found.append(arrival(number, one))
        elif target is None or isinstance(target, ArrivedRejection):
            found.append(rejection(number))
        else:
            found.append(gone(target))
    return found


def arrival(number: int, made: Made) -> ArrivedSignal | ArrivedDecision:
    kind, who, day, days, detail = made
    other = [identity(f"e{(who + step) % max(number, 1)}") for step in range(3)]
    if kind == "merge":
        return decided(number, DecisionKind.MERGE_STORIES, events=other[:2])
    if kind == "split":
        return decided(number, DecisionKind.SPLIT_STORY, events=other[:1], apart_from=other[1:])
    if kind == "takes back":
        return decided(number, DecisionKind.SPLIT_STORY, takes_back=other[0])
    own: dict[str, Any] = {}
    event_type = kind
    if kind in ("corrects", "retracts", "derived", "copy"):
        event_type = "funding" if who % 2 else "deal"
        target = "derived_from" if kind == "derived" else kind
        own = {} if kind == "copy" else {target: other[0]}
    if event_type == "deal":
        own["kind"] = ("cloud", "licence")[who % 2]
    elif event_type == "funding":
        own |= {"company": "ABC"[who % 2], "round": (None, "seed", "series A", "", "Seed")[detail]}
    elif event_type == "policy":
        own["stage"] = (None, "passed", "in force", None, "passed")[detail]
    id = f"e{who % max(number, 1)}" if kind == "copy" else f"e{number}"
    return report(number, event_type, day, days, id=id, content=str(number), **own)


TABLES = ("events", "decisions", "duplicate_events", "duplicate_decisions", "rejections", "outcomes", "story_events")


@pytest.fixture(scope="module")
def three() -> Iterator[list[duckdb.DuckDBPyConnection]]:
    with duckdb.connect() as first, duckdb.connect() as second, duckdb.connect() as third:
        made = [first, second, third]
        for connection in made:
            make_tables(connection)
        yield made


def expected(connection: duckdb.DuckDBPyConnection) -> dict[int, int]:
    """The story of each report, worked out from all reports at once."""
    everything = read(connection.execute(f"SELECT {COLUMNS} FROM story_events").fetchall())
    current = {row.report_hash: row.as_report for row in everything if row.is_current}
    report_of = {row.event_hash: row.report_hash for row in everything}
    together = decide(group(current.values()), report_of, standing(story_decisions(connection)))
    return {
        hash: min((current[one] for one in reports), key=lambda report: report.order).hash
        for hash, reports in together.items()
    }


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(made=st.lists(MADE, min_size=2, max_size=25), seed=st.integers(0, 10_000))
def test_stories_do_not_depend_on_batches_or_order(
    made: list[Any], seed: int, three: list[duckdb.DuckDBPyConnection]
) -> None:
    for connection in three:
        connection.execute("; ".join(f"DELETE FROM {table}" for table in TABLES))
    at_once, mixed, later = three
    rng = random.Random(seed)
    arrivals = arrivals_of(made)
    settle(at_once, arrivals)
    shuffled = rng.sample(arrivals, len(arrivals))
    while shuffled:
        size = rng.randint(1, 6)
        settle(mixed, shuffled[:size])
        del shuffled[:size]
    assert rows(mixed) == rows(at_once)
    for table in ("events", "decisions"):
        later.register("landed", at_once.execute(f"FROM {table}").fetch_arrow_table())
        later.execute(f"INSERT INTO {table} BY NAME FROM landed")
        later.unregister("landed")
    catch_up(later)
    assert rows(later) == rows(at_once), "a store that is grouped afterwards says something else"
    found = at_once.execute("SELECT report_hash, story_hash FROM story_events WHERE is_current").fetchall()
    assert dict(found) == expected(at_once)


def test_what_never_landed_is_corrected_and_retracted_in_either_order(store: duckdb.DuckDBPyConnection) -> None:
    correction = report(1, "funding", id="e1", corrects=identity("e0"))
    retraction = report(2, "funding", id="e2", retracts=identity("e0"))
    settle(store, [correction])
    assert stories(store) == [["e1"]]
    settle(store, [retraction])
    assert stories(store) == []
    found = rows(store)
    store.execute("; ".join(f"DELETE FROM {table}" for table in TABLES))
    settle(store, [retraction])
    settle(store, [correction])
    assert rows(store) == found


def test_a_correction_is_compared_by_what_it_says_now(store: duckdb.DuckDBPyConnection) -> None:
    settle(store, [report(1, "funding", company="A"), report(2, "funding", day=1, company="B")])
    assert stories(store) == [["e1"], ["e2"]]
    settle(store, [report(3, "funding", day=1, company="A", corrects=identity("e2"))])
    assert stories(store) == [["e1", "e2", "e3"]]
    current = store.execute("SELECT id FROM story_events WHERE is_current ORDER BY id").fetchall()
    assert current == [("e1",), ("e3",)]


def test_what_is_retracted_tells_nothing_and_the_rest_is_grouped_without_it(store: duckdb.DuckDBPyConnection) -> None:
    settle(store, [report(1), report(2, day=20), report(3, day=40)])
    assert stories(store) == [["e1", "e2"], ["e3"]]
    settle(store, [report(4, retracts=identity("e1"))])
    assert stories(store) == [["e2", "e3"]]


def test_a_decision_may_come_before_the_events_that_it_names(store: duckdb.DuckDBPyConnection) -> None:
    settle(store, [decided(1, DecisionKind.MERGE_STORIES, events=[identity("e2"), identity("e3")])])
    settle(store, [report(2, "funding", company="A")])
    settle(store, [report(3, "headline")])
    assert stories(store) == [["e2", "e3"]]
    settle(store, [decided(4, DecisionKind.MERGE_STORIES, takes_back=identity("e1"))])
    assert stories(store) == [["e2"], ["e3"]]


def test_what_a_retracted_report_had_joined_parts_again(store: duckdb.DuckDBPyConnection) -> None:
    merge = decided(3, DecisionKind.MERGE_STORIES, events=[identity("e1"), identity("e2")])
    settle(store, [report(0), report(1, day=1), report(2, "funding", day=2), merge])
    assert stories(store) == [["e0", "e1", "e2"]]
    settle(store, [report(4, retracts=identity("e1"))])
    assert stories(store) == [["e0"], ["e2"]]


def test_a_decision_about_a_correction_that_is_gone_says_nothing_of_what_it_corrected(
    store: duckdb.DuckDBPyConnection,
) -> None:
    correction = report(1, corrects=identity("e0"))
    merge = decided(3, DecisionKind.MERGE_STORIES, events=[identity("e1"), identity("e2")])
    settle(store, [report(0), correction, report(2, "funding"), merge])
    assert stories(store) == [["e0", "e1", "e2"]]
    settle(store, [gone(correction)])
    assert stories(store) == [["e0"], ["e2"]]


def test_predictions_are_told_of_which_types_stories_changed(store: duckdb.DuckDBPyConnection) -> None:
    settle(store, [report(1), report(2, "funding", company="A")])
    merge = decided(3, DecisionKind.MERGE_STORIES, events=[identity("e1"), identity("e2")])
    assert land(store, SettleBatch(decisions=(merge,)), LANDED_AT).event_types == {"funding"}
    assert land(store, SettleBatch(signals=(report(4, day=3),)), LANDED_AT).event_types == {"deal"}
