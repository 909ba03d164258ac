"""Who is told what follows from what happened, not from how batches were cut, nor from who looks again."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.telling import Teller, landed_after
from predictions.alert_file import load_rules, parse_rules
from predictions.conflicts import Conflict, Statement
from predictions.milestones import alerts_of
from schemas.alerts import NOBODY
from sinks import alerts as outbox
from sinks.duckdb_sink import Transaction
from tests.predictions.world import UNICORNS, World, define, make_world

RULES = """
receivers:
  chat: {file: {path: chat.jsonl}}
rules:
  - {id: all}
  - {id: near, predictions: [test], kinds: [near miss, met, retracted], receivers: [chat]}
  - {id: big, when: {event_type: [deal, funding], amount_usd_at_least: 100}, receivers: [chat]}
  - {id: google, when: {event_type: funding, organisation: Google}, receivers: [file]}
"""
THREE = UNICORNS.replace("at_least: 2", "at_least: 3")


class Desk:
    """A store, and who tells of it; ``batch`` is what settle does in its transaction."""

    def __init__(self, rules: str | None = RULES, connection: duckdb.DuckDBPyConnection | None = None) -> None:
        self.definition = define(THREE)
        self.world = World(connection, (self.definition,)) if connection else make_world(self.definition)
        self.rules = parse_rules(rules, "r.yaml") if rules else load_rules()
        self.last = -1
        self.restart()

    def restart(self) -> None:
        self.teller = Teller(("topic", "file"), self.rules, [self.definition])

    def batch(self, now: datetime | None = None) -> list[tuple[str, str, str, str | None]]:
        """(receiver, rule, kind, prediction or event) of what is new in the outbox."""
        before = self.outbox()
        changes = self.world.evaluate(now)
        transaction = Transaction(self.world.connection, {}, lambda: self.world.now)
        self.teller.tell(transaction, changes, self.world.now, landed_after(self.last))
        self.last = transaction.last_row()
        return [row[:4] for row in self.outbox() if row not in before]

    def outbox(self) -> list[tuple[str, str, str, str | None, str]]:
        return self.world.connection.execute("""
            SELECT receiver, rule, kind, coalesce(nullif(prediction, ''), payload->>'$.evidence[0].id'), "key"
            FROM outbox ORDER BY rowid
        """).fetchall()

    def fund(self, id: str, company: str, value: float, **more: str) -> None:
        self.world.event("funding", id, "2026-05-01", company=company, valuation=value, amount=value, **more)  # type: ignore[arg-type]


def test_the_shipped_rule_queues_what_was_queued_before_there_were_rules() -> None:
    desk, plain = Desk(None), make_world(define(THREE))
    for world in (desk.world, plain):
        for id in "abc":
            world.event("funding", id, "2026-05-01", company=id, valuation=2e9)
    desk.batch()
    changes = plain.evaluate()
    told = alerts_of(changes, outbox.told(plain.connection, ["test"]))
    outbox.queue(plain.connection, told, ("topic", "file"), plain.now)
    sql = 'SELECT "key", receiver, kind, milestone, telling FROM outbox ORDER BY ALL'
    queued = plain.connection.execute(sql).fetchall()
    assert [row[2] for row in queued].count("met") == 2
    assert len(queued) == 6
    assert desk.world.connection.execute(sql).fetchall() == queued


def test_rules_tell_whom_they_name_what_they_ask_for() -> None:
    desk = Desk()
    desk.fund("a", "Google", 2e9)
    assert desk.batch() == [
        ("topic", "all", "first evidence", "test"),
        ("file", "all", "first evidence", "test"),
        ("chat", "big", "match", "a"),
        ("file", "google", "match", "a"),
    ]
    desk.fund("b", "B", 9e8)
    assert desk.batch() == [("chat", "near", "near miss", "test"), ("chat", "big", "match", "b")]
    desk.fund("sorry", "Google", 1.0, retracts="a")
    assert desk.batch() == [
        ("topic", "all", "retracted", "test"),
        ("file", "all", "retracted", "test"),
        ("chat", "near", "retracted", "test"),
        ("chat", "big", "retracted", "a"),
        ("file", "google", "retracted", "a"),
    ]


Event = tuple[str, float, str | None, int]
"""Company, amount, whether it corrects or retracts another, and which."""

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["Google", "A", "B", "C", "D"]),
        st.sampled_from([5.0, 9e8, 2e9]),
        st.sampled_from([None, None, "corrects", "retracts"]),
        st.integers(0, 7),
    ),
    min_size=1,
    max_size=8,
)


@pytest.fixture(scope="module")
def emptied() -> Callable[[], duckdb.DuckDBPyConnection]:
    """One store for all examples: to make one takes longer than to use it."""
    connection = make_world().connection

    def empty() -> duckdb.DuckDBPyConnection:
        for table in ("events", "outbox", "deliveries", "prediction_states", "prediction_revisions"):
            connection.execute(f"DELETE FROM {table}")
        return connection

    return empty


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(events=EVENTS, cuts=st.sets(st.integers(1, 7)), restarts=st.sets(st.integers(0, 7)))
def test_however_batches_are_cut_and_whoever_restarts_the_same_is_told_once(
    events: Sequence[Event],
    cuts: Iterable[int],
    restarts: Iterable[int],
    emptied: Callable[[], duckdb.DuckDBPyConnection],
) -> None:
    def all_of(cuts: Iterable[int], restarts: Iterable[int]) -> list[tuple[str, str, str, str | None, str]]:
        desk = Desk(RULES, emptied())
        for number, (company, value, change, target) in enumerate(events):
            if number in cuts:
                desk.batch()
            if number in restarts:
                desk.restart()
                desk.batch()
            changed = {change: f"e{target}"} if change and target != number else {}
            desk.fund(f"e{number}", company, value, **changed)
        desk.batch()
        told = desk.outbox()
        desk.last = -1  # everything lands again, as after a rebuild with the old outbox
        desk.restart()
        assert desk.batch() == []
        return sorted((row for row in told if not tangled or row[1] in ("big", "google")), key=str)

    # A correction or retraction that is itself retracted counts as if it had never been, in the past too: what was told
    # of a prediction in between is set right afterwards (predictions.milestones), so it depends on who looked when.
    changes = {number for number, (_, _, change, target) in enumerate(events) if change and target != number}
    tangled = any(events[number][3] in changes for number in changes)

    told = all_of(cuts, restarts)
    assert told == all_of((), ())
    assert len({(receiver, key) for receiver, _, _, _, key in told}) == len(told)


def test_a_rule_that_comes_later_does_not_tell_the_past() -> None:
    desk = Desk("rules:\n  - {id: met, kinds: [met]}\n")
    desk.fund("a", "A", 2e9)
    assert [row[0] for row in desk.batch()] == [NOBODY]
    desk.rules = load_rules()
    desk.restart()
    desk.fund("b", "B", 2e9)
    assert [row[2] for row in desk.batch()] == ["progress", "progress"]


def test_the_end_of_an_event_that_was_never_told_is_no_news() -> None:
    desk = Desk("rules:\n  - {id: met, kinds: [met]}\n")
    desk.fund("a", "Google", 2e9)
    desk.batch()
    desk.rules = parse_rules(RULES, "r.yaml")
    desk.restart()
    desk.fund("sorry", "Google", 1.0, retracts="a")
    assert ("file", "google", "retracted", "a") not in desk.batch()


def test_deadlines_are_told_without_an_event_once_also_after_a_restart() -> None:
    desk = Desk("rules:\n  - {id: d, kinds: [deadline, missed], receivers: [file]}\n")
    closes = desk.definition.readings[0].closes_at
    desk.batch(closes - timedelta(days=100))
    found = []
    for days in (90, 89, 30, 7, 6):
        desk.restart()
        found += desk.batch(closes - timedelta(days=days))
    assert found == [("file", "d", "deadline", "test")] * 3
    assert desk.batch(closes + timedelta(seconds=1)) == [("file", "d", "missed", "test")]


def test_the_clock_is_looked_at_every_half_minute_and_not_in_a_comparison() -> None:
    desk = Desk("rules:\n  - {id: d, kinds: [deadline], receivers: [file]}\n")
    closes = desk.definition.readings[0].closes_at - timedelta(days=7)
    desk.batch(closes - timedelta(seconds=10))
    assert desk.batch(closes) == []
    desk.teller = desk.teller.without_clock()
    assert desk.batch(closes + timedelta(seconds=60)) == []
    desk.restart()
    assert len(desk.batch(closes + timedelta(seconds=60))) == 1


def test_silence_of_a_query_counts_from_matches_that_nobody_was_told_of() -> None:
    desk = Desk("rules:\n  - {id: q, when: {event_type: funding}, kinds: [stale], receivers: [file]}\n")
    desk.fund("a", "A", 1.0)
    assert [row[:3] for row in desk.batch() if row[1]] == [(NOBODY, "q", "match")]
    assert desk.batch(desk.world.now + timedelta(days=91)) == [("file", "q", "stale", None)]


@pytest.mark.parametrize("about", ["predictions: [test]", "when: {event_type: funding}"])
def test_conflicts_that_stories_show_are_told(about: str) -> None:
    desk = Desk(f"rules:\n  - {{id: c, {about}, kinds: [source conflict], receivers: [file]}}\n")
    said = tuple(Statement("test", id, id, value, "funding") for id, value in (("a", "2e9"), ("b", "2e8")))
    conflict = Conflict("story-1", "amount", said, datetime(2026, 5, 1, tzinfo=UTC), unit_error=True)
    desk.teller = Teller(("file",), desk.rules, [desk.definition], lambda connection, arrived: [conflict])
    desk.fund("a", "A", 2e9)
    told = [row for row in desk.batch() if row[0] != NOBODY]
    assert [row[:3] for row in told] == [("file", "c", "source conflict")]
    assert desk.batch() == []
    title = desk.world.connection.execute("SELECT payload->>'$.title' FROM outbox WHERE rule = 'c'").fetchall()[0][0]
    assert title == (
        "Sources disagree about the amount of 'a': 2e9 (test#a); 2e8 (test#b). "
        "A factor of 10, 100 or 1,000 lies between them: a unit may be wrong."
    )
