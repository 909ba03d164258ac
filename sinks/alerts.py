"""The alert outbox: written with the state that caused an alert, emptied afterwards, at least once.

1. ``address`` (``sinks.addressing``) writes the alert in the batch's transaction, once per (key, receiver).
2. ``deliver_due`` sends what is due, outside of any transaction: a slow receiver holds up no landing.
3. Each attempt is appended as a row of ``deliveries``. A crash between 2 and 3 sends the alert again; the key tells.

What failed is tried again after 5 s, 10 s, 20 s ... up to an hour, for ever: an alert is never dropped.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import duckdb

from schemas.alerts import NO_MILESTONES, Addressed, Alert, ToldKey
from schemas.records import OutRecord
from schemas.topics import PREDICTIONS_CHANGED
from sinks.addressing import address
from sinks.receivers import TOPIC, NotDelivered, Receiver

logger = logging.getLogger(__name__)

FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(hours=1)

IDEMPOTENCY_KEY: Final = "idempotency-key"
"""Header of the records on ``predictions.changed``."""


class _Open(Protocol):
    """What delivery needs of a sink's transaction."""

    @property
    def connection(self) -> duckdb.DuckDBPyConnection: ...


class OutboxSink(Protocol):
    """What delivery needs of a sink."""

    def reader(self) -> duckdb.DuckDBPyConnection: ...

    def transaction(self) -> AbstractContextManager[_Open]: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a round of delivery did: numbers of attempts."""

    delivered: int = 0
    failed: int = 0
    by_receiver: Mapping[tuple[str, str], int] = field(default_factory=dict, compare=False)
    """(receiver, ``delivered`` or ``failed``) to the number of attempts."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    receiver: str
    alert: Alert
    attempts: int
    last_attempt: datetime | None

    def due(self, now: datetime) -> bool:
        return self.last_attempt is None or now >= self.last_attempt + wait_after(self.attempts)


def wait_after(attempts: int) -> timedelta:
    """How long to wait after that many failed attempts (1 or more)."""
    return min(FIRST_WAIT * float(2 ** min(attempts - 1, 20)), LONGEST_WAIT)


def queue(
    connection: duckdb.DuckDBPyConnection, alerts: Sequence[Alert], receivers: Sequence[str], created_at: datetime
) -> int:
    """Add alerts to the outbox for all of these receivers, by no rule (see ``sinks.addressing``)."""
    return address(connection, [Addressed(alert, tuple(receivers)) for alert in alerts], created_at)


def told(connection: duckdb.DuckDBPyConnection, predictions: Iterable[str]) -> dict[ToldKey, int]:
    """How often each milestone of these predictions was told (or is about to be), to whomever."""
    wanted = sorted(set(predictions))
    if not wanted:
        return {}
    rows = connection.execute(
        """
        SELECT prediction, reading, version, milestone, max(telling) FROM outbox
        WHERE prediction IN (SELECT unnest(?::VARCHAR[])) AND NOT list_contains(?, kind) GROUP BY ALL
        """,
        [wanted, list(NO_MILESTONES)],
    )
    return {
        (prediction, reading, version, name): count for prediction, reading, version, name, count in rows.fetchall()
    }


def pending(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, Alert]]:
    """(receiver, alert) for all that was not delivered yet, oldest first."""
    return [(one.receiver, one.alert) for one in _waiting(connection)]


def pending_records(connection: duckdb.DuckDBPyConnection, limit: int = 1000) -> list[tuple[str, OutRecord]]:
    """(key, record) of the oldest alerts for the topic ``predictions.changed``, keyed by prediction.

    When the producer has confirmed a record, call ``mark_delivered`` with the key and receiver ``topic``.
    """
    alerts = [alert for receiver, alert in pending(connection) if receiver == TOPIC][:limit]
    return [(alert.key, record_of(alert)) for alert in alerts]


def record_of(alert: Alert) -> OutRecord:
    """An alert as a record on ``predictions.changed``."""
    return OutRecord(
        topic=PREDICTIONS_CHANGED,
        key=(alert.prediction or alert.rule or alert.kind).encode(),
        value=alert.model_dump_json().encode(),
        headers=((IDEMPOTENCY_KEY, alert.key.encode()),),
    )


def mark_delivered(connection: duckdb.DuckDBPyConnection, key: str, receiver: str, now: datetime) -> None:
    """Append that an alert has arrived, in the caller's transaction."""
    note_attempt(connection, key, receiver, None, now)


def note_attempt(
    connection: duckdb.DuckDBPyConnection, key: str, receiver: str, error: str | None, now: datetime
) -> None:
    """Append an attempt: delivered when there is no error."""
    connection.execute(
        'INSERT INTO deliveries ("key", receiver, delivered, error, attempted_at) VALUES (?, ?, ?, ?, ?)',
        [key, receiver, error is None, error, now],
    )


def note_unsent(connection: duckdb.DuckDBPyConnection, remark: str, now: datetime) -> int:
    """Note all that waits as delivered, with a remark instead of an attempt: nobody is told. Returns how many."""
    waiting = _waiting(connection, held=True)
    for one in waiting:
        connection.execute(
            'INSERT INTO deliveries ("key", receiver, delivered, error, attempted_at) VALUES (?, ?, true, ?, ?)',
            [one.alert.key, one.receiver, remark, now],
        )
    return len(waiting)


def deliver_due(
    sink: OutboxSink,
    now: datetime,
    receivers: Mapping[str, Receiver],
    enough: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Send what is due to the receivers given by name; alerts for others stay. Never raises for a receiver's failure.

    A receiver that fails is left alone for the rest of the round, so that one that is down costs one attempt. It waits
    for the network: call it from a thread of its own. Once ``enough`` says so, after
    one delivery at least, the rest is left to the next round.
    """
    with sink.reader() as connection:
        due = [one for one in _waiting(connection) if one.receiver in receivers and one.due(now)]
    counts, down = Counter[tuple[str, str]](), set[str]()
    for one in due:
        if one.receiver in down:
            continue
        error = _sent(receivers[one.receiver], one.alert)
        with sink.transaction() as transaction:
            note_attempt(transaction.connection, one.alert.key, one.receiver, error, now)
        counts[one.receiver, "failed" if error else "delivered"] += 1
        log_attempt(one.alert, one.receiver, error)
        if error is not None:
            down.add(one.receiver)
        if enough():
            break
    return Delivered(counts.total() - len(down), len(down), counts)


def log_attempt(alert: Alert, receiver: str, error: str | None) -> None:
    """A line of the log, with the alert's identity as fields."""
    fields = {"alert": alert.key, "receiver": receiver, "prediction": alert.prediction, "reading": alert.reading}
    if error is None:
        logger.info("alert %s delivered to %s", alert.key, receiver, extra=fields)
    else:
        logger.warning(
            "alert %s not delivered to %s, which is tried again: %s", alert.key, receiver, error, extra=fields
        )


def oldest_waiting(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, datetime]]:
    """By receiver, how many alerts wait for delivery, and since when the oldest does."""
    rows = connection.execute(
        """
        SELECT o.receiver, count(*), min(o.created_at)
        FROM outbox o
        WHERE o.held IS NOT TRUE AND NOT EXISTS (
            FROM deliveries d WHERE d."key" = o."key" AND d.receiver = o.receiver AND d.delivered
        )
        GROUP BY o.receiver
        """
    ).fetchall()
    return {receiver: (count, oldest) for receiver, count, oldest in rows}


def last_errors(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By receiver, why the last attempt failed; only where it did."""
    error = "if(delivered, '', coalesce(error, ''))"
    rows = connection.execute(
        f"SELECT receiver, max_by({error}, attempted_at) FROM deliveries GROUP BY receiver"
    ).fetchall()
    return {receiver: error for receiver, error in rows if error}


def _sent(receiver: Receiver, alert: Alert) -> str | None:
    try:
        receiver.send(alert)
    except NotDelivered as error:
        return str(error)
    return None


def _waiting(connection: duckdb.DuckDBPyConnection, *, held: bool = False) -> list[_Waiting]:
    """What is to be delivered; with ``held`` also what waits for a digest."""
    rows = connection.execute(
        f"""
        SELECT o.receiver, o.payload, count(d."key"), max(d.attempted_at)
        FROM outbox o
        LEFT JOIN deliveries d ON d."key" = o."key" AND d.receiver = o.receiver
        {"" if held else "WHERE o.held IS NOT TRUE"}
        GROUP BY o."key", o.receiver, o.payload, o.created_at
        HAVING NOT coalesce(bool_or(d.delivered), false)
        ORDER BY o.created_at, o."key", o.receiver
        """
    ).fetchall()
    return [
        _Waiting(receiver, Alert.model_validate_json(payload), tries, last) for receiver, payload, tries, last in rows
    ]
