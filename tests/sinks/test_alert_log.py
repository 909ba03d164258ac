"""What became of each alert, as the log tells it."""

from collections.abc import Mapping

from schemas.alerts import NOBODY, Addressed
from sinks.addressing import WINDOW
from sinks.alert_log import log_of
from sinks.alerts import deliver_due, note_unsent
from sinks.duckdb_sink import DuckDBSink
from sinks.receivers import NotDelivered, Receiver
from tests.sinks.builders import LANDED_AT, alert
from tests.sinks.test_addressing import Box, Down, tell


def outcomes(sink: DuckDBSink, **choice: object) -> list[tuple[str, str, int]]:
    with sink.reader() as connection:
        rows = log_of(connection, **choice)  # type: ignore[arg-type]
    return sorted((row["key"][:4], row["outcome"], row["attempts"]) for row in rows if row["kind"] != "digest")


def test_the_log_says_what_became_of_each(sink: DuckDBSink) -> None:
    receivers: Mapping[str, Receiver] = {"box": Box(), "down": Down()}
    tell(sink, ["a", "b"], LANDED_AT, limit=1)
    tell(sink, ["c"], LANDED_AT, limit=1, to="down")
    tell(sink, ["d"], LANDED_AT, limit=1, to="later")
    tell(sink, ["e"], LANDED_AT, limit=1, to=NOBODY)
    deliver_due(sink, LANDED_AT, receivers)
    deliver_due(sink, LANDED_AT + WINDOW / 2, receivers)
    assert outcomes(sink) == [("a", "delivered", 1), ("b", "held", 0), ("c", "failed", 2), ("d", "waiting", 0)]
    assert outcomes(sink, failed=True) == [("c", "failed", 2)]
    tell(sink, [], LANDED_AT + WINDOW, limit=1)
    assert ("b", "in a digest", 0) in outcomes(sink)
    with sink.transaction() as transaction:
        note_unsent(transaction.connection, "rebuilt", LANDED_AT + WINDOW)
    assert ("d", "not sent", 0) in outcomes(sink)


def test_the_log_of_one_prediction(sink: DuckDBSink) -> None:
    with sink.transaction() as transaction:
        both = [Addressed(alert("a", "p1"), ("box",)), Addressed(alert("b", "p2"), ("box",))]
        transaction.address(both, {}, LANDED_AT)
    assert outcomes(sink, prediction="p2") == [("b", "waiting", 0)]


def test_an_error_is_told_with_its_alert(sink: DuckDBSink) -> None:
    class Broken:
        def send(self, _: object) -> None:
            raise NotDelivered("chat.example.org: answered 403")

    tell(sink, ["a"], LANDED_AT)
    deliver_due(sink, LANDED_AT, {"box": Broken()})
    with sink.reader() as connection:
        (row,) = log_of(connection, failed=True)
    assert (row["last_error"], row["rule"], row["receiver"]) == ("chat.example.org: answered 403", "noisy", "box")
