"""Alerts are sent at least once, and a receiver that is down holds up nothing."""

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from schemas.alerts import Alert
from schemas.topics import PREDICTIONS_CHANGED
from sinks.alerts import (
    LONGEST_WAIT,
    Delivered,
    deliver_due,
    mark_delivered,
    pending,
    pending_records,
    wait_after,
)
from sinks.duckdb_sink import DuckDBSink
from sinks.receivers import FileReceiver, NotDelivered, WebhookReceiver
from tests.sinks.builders import LANDED_AT, alert


def queue(sink: DuckDBSink, alerts: Sequence[Alert], receivers: Sequence[str]) -> int:
    with sink.transaction() as transaction:
        return transaction.queue(alerts, receivers)


def waiting(sink: DuckDBSink) -> list[tuple[str, str]]:
    with sink.reader() as connection:
        return [(receiver, one.key) for receiver, one in pending(connection)]


def rows(sink: DuckDBSink, sql: str) -> list[tuple[Any, ...]]:
    with sink.reader() as connection:
        return connection.execute(sql).fetchall()


class Recorder:
    """A receiver that fails a given number of times."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.keys: list[str] = []

    def send(self, alert: Alert) -> None:
        if self.failures:
            self.failures -= 1
            raise NotDelivered("not now")
        self.keys.append(alert.key)


def test_an_alert_is_queued_once_per_receiver(sink: DuckDBSink) -> None:
    assert queue(sink, [alert("a"), alert("a"), alert("b")], ["file", "topic"]) == 4
    assert queue(sink, [alert("a"), alert("c")], ["file", "webhook"]) == 3
    assert queue(sink, [], ["file"]) == 0
    assert len(waiting(sink)) == 7


def test_an_alert_of_a_transaction_that_failed_is_never_sent(sink: DuckDBSink) -> None:
    def fail() -> None:
        with sink.transaction() as transaction:
            transaction.queue([alert()], ["file"])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert waiting(sink) == []


def test_a_file_gets_a_line_for_each_alert(sink: DuckDBSink, tmp_path: Path) -> None:
    file = FileReceiver(tmp_path / "var" / "alerts.jsonl")
    queue(sink, [alert("a"), alert("b")], ["file"])
    assert deliver_due(sink, LANDED_AT, {"file": file}) == Delivered(2, 0)
    assert deliver_due(sink, LANDED_AT, {"file": file}) == Delivered(0, 0)
    lines = [json.loads(line) for line in file.path.read_text().splitlines()]
    assert [line["key"] for line in lines] == ["a", "b"]
    assert Alert.model_validate(lines[0]) == alert("a")
    assert rows(sink, 'SELECT "key", title, delivered_at, attempts FROM alerts ORDER BY 1') == [
        ("a", "It happened", LANDED_AT, 1),
        ("b", "It happened", LANDED_AT, 1),
    ]


def test_a_line_cut_off_by_a_crash_spoils_no_other(tmp_path: Path) -> None:
    file = FileReceiver(tmp_path / "alerts.jsonl")
    file.path.write_text('{"key": "cut')
    file.send(alert("a"))
    file.send(alert("b"))
    assert [json.loads(line)["key"] for line in file.path.read_text().splitlines()[1:]] == ["a", "b"]


def test_a_crash_between_sending_and_noting_sends_again_with_the_same_key(sink: DuckDBSink) -> None:
    receiver = Recorder()
    queue(sink, [alert("a")], ["webhook"])
    receiver.send(alert("a"))  # Sent, and then the process died.
    deliver_due(sink, LANDED_AT, {"webhook": receiver})
    assert receiver.keys == ["a", "a"]


def test_failures_are_noted_and_tried_again_later(sink: DuckDBSink) -> None:
    receiver = Recorder(failures=2)
    queue(sink, [alert("a")], ["webhook"])
    assert deliver_due(sink, LANDED_AT, {"webhook": receiver}) == Delivered(0, 1)
    assert deliver_due(sink, LANDED_AT + timedelta(seconds=4), {"webhook": receiver}) == Delivered(0, 0)
    assert deliver_due(sink, LANDED_AT + timedelta(seconds=5), {"webhook": receiver}) == Delivered(0, 1)
    assert deliver_due(sink, LANDED_AT + timedelta(seconds=14), {"webhook": receiver}) == Delivered(0, 0)
    assert deliver_due(sink, LANDED_AT + timedelta(seconds=15), {"webhook": receiver}) == Delivered(1, 0)
    assert rows(sink, "SELECT attempts, last_error FROM alerts") == [(3, "not now")]
    assert wait_after(1000) == LONGEST_WAIT


def test_one_receiver_that_is_down_costs_one_attempt_and_stops_no_other(sink: DuckDBSink) -> None:
    down, up = Recorder(failures=99), Recorder()
    queue(sink, [alert("a"), alert("b"), alert("c")], ["webhook", "file", "unknown"])
    assert deliver_due(sink, LANDED_AT, {"webhook": down, "file": up}) == Delivered(3, 1)
    assert down.failures == 98
    assert len(waiting(sink)) == 6


def test_records_for_the_topic(sink: DuckDBSink) -> None:
    queue(sink, [alert("a", prediction="p7")], ["topic", "file"])
    with sink.reader() as connection:
        [(key, record)] = pending_records(connection)
    assert (record.topic, record.key) == (PREDICTIONS_CHANGED, b"p7")
    assert record.headers == (("idempotency-key", b"a"),)
    assert Alert.model_validate_json(record.value) == alert("a", prediction="p7")
    with sink.transaction() as transaction:
        mark_delivered(transaction.connection, key, "topic", LANDED_AT)
    assert waiting(sink) == [("file", "a")]


# A real web server --------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Answers with the given statuses in turn, then 204, and remembers what it got."""

    statuses: list[int]
    got: list[tuple[str | None, dict[str, Any]]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.got.append((self.headers["idempotency-key"], body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as running:
        running.statuses, running.got = [], []
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def webhook(server: Server) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(f"http://127.0.0.1:{server.server_port}/hook?token=secret", wait=0.001)
    yield receiver
    receiver.close()


def test_a_webhook_gets_json_and_the_key(server: Server, webhook: WebhookReceiver) -> None:
    webhook.send(alert("a"))
    [(key, body)] = server.got
    assert key == "a"
    assert Alert.model_validate(body) == alert("a")


def test_what_may_pass_is_tried_again_at_once(server: Server, webhook: WebhookReceiver) -> None:
    server.statuses = [503, 429]
    webhook.send(alert("a"))
    assert len(server.got) == 3


@pytest.mark.parametrize(("statuses", "tries"), [([400], 1), ([302], 1), ([500, 502, 503], 3)])
def test_a_refusal_stays_in_the_outbox_and_tells_no_secret(
    sink: DuckDBSink, server: Server, webhook: WebhookReceiver, statuses: list[int], tries: int
) -> None:
    server.statuses = statuses
    last = statuses[-1]
    queue(sink, [alert("a")], ["webhook"])
    assert deliver_due(sink, LANDED_AT, {"webhook": webhook}) == Delivered(0, 1)
    assert len(server.got) == tries
    assert rows(sink, "SELECT error FROM deliveries") == [(f"127.0.0.1: answered {last}",)]
    assert deliver_due(sink, LANDED_AT + timedelta(hours=1), {"webhook": webhook}) == Delivered(1, 0)


def test_nobody_there(sink: DuckDBSink) -> None:
    receiver = WebhookReceiver("http://127.0.0.1:9/hook", wait=0.001, attempts=2)
    queue(sink, [alert("a")], ["webhook"])
    assert deliver_due(sink, LANDED_AT, {"webhook": receiver}) == Delivered(0, 1)
    receiver.close()
    assert waiting(sink) == [("webhook", "a")]
