"""No more in an hour than a rule lets through; what is over is told in a digest, once, and none is lost."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.alerts import NOBODY, Addressed, Alert
from sinks.addressing import IN_DIGEST, LARGEST_DIGEST, WINDOW
from sinks.alerts import deliver_due, note_unsent, oldest_waiting, pending
from sinks.duckdb_sink import DuckDBSink
from sinks.receivers import NotDelivered
from tests.sinks.builders import LANDED_AT, alert

RULE = "noisy"
Limits = dict[str, int | None]


class Box:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.got: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.got.append(alert)

    def told(self) -> list[str]:
        """Keys that arrived, those in digests among them."""
        return [key for one in self.got for key in ([item["key"] for item in one.bundle] or [one.key])]


class Down:
    def send(self, alert: Alert) -> None:
        raise NotDelivered("out of order")


def tell(sink: DuckDBSink, keys: Sequence[str], now: datetime, limit: int | None = 2, to: str = "box") -> None:
    with sink.transaction() as transaction:
        addressed = [Addressed(alert(key), (to,), RULE, limit) for key in keys]
        transaction.address(addressed, {RULE: limit}, now)


def test_what_is_over_the_limit_is_held_and_told_in_one_digest(sink: DuckDBSink) -> None:
    box = Box()
    tell(sink, ["a", "b", "c", "d"], LANDED_AT)
    deliver_due(sink, LANDED_AT, {"box": box})
    assert [one.key for one in box.got] == ["a", "b"]
    tell(sink, ["e"], LANDED_AT + WINDOW / 2)
    deliver_due(sink, LANDED_AT + WINDOW / 2, {"box": box})
    assert len(box.got) == 2
    tell(sink, [], LANDED_AT + WINDOW)
    deliver_due(sink, LANDED_AT + WINDOW, {"box": box})
    digest = box.got[2]
    assert (digest.kind, digest.rule, len(box.got)) == ("digest", RULE, 3)
    assert [item["key"] for item in digest.bundle] == ["c", "d", "e"]
    assert digest.body == "- It happened\n- It happened\n- It happened"
    assert digest.title == "3 more alerts of the rule noisy: It happened ..."


def test_a_digest_takes_one_of_the_hours_places(sink: DuckDBSink) -> None:
    box = Box()
    tell(sink, ["a", "b"], LANDED_AT, limit=1)
    later = LANDED_AT + WINDOW
    tell(sink, ["c"], later, limit=1)
    deliver_due(sink, later, {"box": box})
    assert [one.kind for one in box.got] == ["met", "digest"]
    tell(sink, [], later + WINDOW, limit=1)
    deliver_due(sink, later + WINDOW, {"box": box})
    assert box.told() == ["a", "b", "c"]


def test_each_rule_and_receiver_has_its_own_hour(sink: DuckDBSink) -> None:
    one, two = Box(), Box()
    tell(sink, ["a", "b", "c"], LANDED_AT, to="one")
    tell(sink, ["a", "b"], LANDED_AT, to="two")
    with sink.transaction() as transaction:
        transaction.address([Addressed(alert("x"), ("one",), "other", 1)], {RULE: 2, "other": 1}, LANDED_AT)
    deliver_due(sink, LANDED_AT, {"one": one, "two": two})
    assert (sorted(one.told()), sorted(two.told())) == (["a", "b", "x"], ["a", "b"])


def test_held_alerts_of_a_rule_that_is_gone_are_told(sink: DuckDBSink) -> None:
    tell(sink, ["a", "b", "c"], LANDED_AT)
    with sink.transaction() as transaction:
        transaction.address([], {}, LANDED_AT)
    box = Box()
    deliver_due(sink, LANDED_AT, {"box": box})
    assert sorted(box.told()) == ["a", "b", "c"]


def test_a_receiver_that_is_down_loses_nothing_of_a_digest(sink: DuckDBSink) -> None:
    tell(sink, ["a", "b", "c"], LANDED_AT, limit=1)
    tell(sink, [], LANDED_AT + WINDOW, limit=1)
    deliver_due(sink, LANDED_AT + WINDOW, {"box": Down()})
    box = Box()
    deliver_due(sink, LANDED_AT + WINDOW * 2, {"box": box})
    assert sorted(box.told()) == ["a", "b", "c"]


def test_a_digest_does_not_grow_without_bounds(sink: DuckDBSink) -> None:
    keys = [f"k{number}" for number in range(LARGEST_DIGEST + 10)]
    tell(sink, keys, LANDED_AT, limit=1)
    box = Box()
    for hours in (1, 2):
        tell(sink, [], LANDED_AT + WINDOW * hours, limit=1)
    deliver_due(sink, LANDED_AT + WINDOW * 2, {"box": box})
    assert [len(one.bundle) for one in box.got] == [0, LARGEST_DIGEST, 9]
    assert sorted(box.told()) == sorted(keys)


def test_what_nobody_asks_for_is_noted_and_waits_for_nobody(sink: DuckDBSink) -> None:
    with sink.transaction() as transaction:
        transaction.address([Addressed(alert("a"), (NOBODY,))], {}, LANDED_AT)
        assert transaction.told(["p1"]) == {("p1", "plain", 1, "met"): 1}
        assert pending(transaction.connection) == []
        assert oldest_waiting(transaction.connection) == {}


def test_after_a_rebuild_what_was_held_is_not_told_either(sink: DuckDBSink) -> None:
    tell(sink, ["a", "b", "c"], LANDED_AT, limit=1)
    with sink.transaction() as transaction:
        assert note_unsent(transaction.connection, "rebuilt", LANDED_AT) == 3
    tell(sink, [], LANDED_AT + WINDOW, limit=1)
    box = Box()
    deliver_due(sink, LANDED_AT + WINDOW, {"box": box})
    assert box.got == []


def test_the_note_beside_a_bundled_alert_names_the_digest(sink: DuckDBSink) -> None:
    tell(sink, ["a", "b"], LANDED_AT, limit=1)
    tell(sink, [], LANDED_AT + WINDOW, limit=1)
    with sink.reader() as connection:
        digest = connection.execute("SELECT \"key\" FROM outbox WHERE kind = 'digest'").fetchall()[0][0]
        noted = connection.execute('SELECT "key", delivered, error FROM deliveries').fetchall()
    assert noted == [("b", True, f"{IN_DIGEST}{digest}")]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 40), min_size=1, max_size=12),
    limit=st.integers(1, 3),
    again=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_every_alert_is_told_once_and_no_hour_has_more_than_the_limit(
    minutes: list[int], limit: int, again: list[bool], sink: DuckDBSink
) -> None:
    """Time goes on by some minutes before each alert; some are told again, as after a restart."""
    with sink.transaction() as transaction:
        transaction.connection.execute("DELETE FROM outbox")
        transaction.connection.execute("DELETE FROM deliveries")
    box, now, sent = Box(), LANDED_AT, list[datetime]()
    keys = [f"k{number}" for number in range(len(minutes))]
    steps = [(wait, [key]) for wait, key in zip(minutes, keys, strict=True)] + [(61, [])] * (len(keys) + 1)
    for number, (wait, told) in enumerate(steps):
        now += timedelta(minutes=wait)
        tell(sink, told, now, limit)
        if again[number % len(again)]:
            tell(sink, told, now, limit)
        before = len(box.got)
        deliver_due(sink, now, {"box": box})
        sent += [now] * (len(box.got) - before)
    assert sorted(box.told()) == sorted(keys)
    for start in sent:
        assert sum(start <= one < start + WINDOW for one in sent) <= limit
