"""Alerts on their way into the outbox: once per key and receiver, and no more in an hour than a rule lets through.

What is over the limit is held: it waits in the outbox, and is told in one digest as soon as there is room again. When
the digest is written, each alert in it gets a row of ``deliveries`` that names it.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb

from schemas.alerts import NOBODY, Addressed, Alert
from sinks.arrow_rows import table_of
from sinks.probing import insert

WINDOW: Final = timedelta(hours=1)

LARGEST_DIGEST: Final = 500
"""Alerts in one digest: a record on a topic must not grow without bounds. The others come with the next."""

NO_RULE: Final = "no rule asks for it"
"""The remark beside what is noted and sent to nobody."""

IN_DIGEST: Final = "in digest "
"""How the remark beside a bundled alert begins; the digest's key follows."""

_LONGEST: Final = 300
"""Characters of a title in a digest."""

Slot = tuple[str | None, str]
"""A rule and a receiver: what is counted together."""


@dataclass(frozen=True, slots=True)
class _Row:
    alert: Alert
    receiver: str
    rule: str | None
    held: bool = False


def address(connection: duckdb.DuckDBPyConnection, addressed: Sequence[Addressed], now: datetime) -> int:
    """Add alerts to the outbox in the caller's transaction; returns how many (key, receiver) pairs were new."""
    wanted: dict[tuple[str, str], tuple[Addressed, str]] = {}
    for one in addressed:
        for receiver in one.receivers:
            wanted.setdefault((one.alert.key, receiver), (one, receiver))
    if not wanted:
        return 0
    known = set(
        connection.execute(
            'SELECT "key", receiver FROM outbox WHERE "key" IN (SELECT unnest(?::VARCHAR[]))',
            [list({key for key, _ in wanted})],
        ).fetchall()
    )
    fresh = [pair for name, pair in wanted.items() if name not in known]
    full = _Limits(connection, [one for one, _ in fresh], now)
    rows = [_Row(one.alert, receiver, one.rule, full.holds(one, receiver)) for one, receiver in fresh]
    _insert(connection, rows, now)
    _note(connection, [row for row in rows if row.receiver == NOBODY], NO_RULE, now)
    return len(rows)


def bundle(connection: duckdb.DuckDBPyConnection, limits: Mapping[str, int | None], now: datetime) -> int:
    """Write a digest of what is held, for every rule and receiver that have room again; returns how many were written.

    ``limits``: how many each rule lets through in an hour. A rule that is gone, or has no limit any more, has room.
    """
    held: dict[Slot, list[Alert]] = {}
    for rule, receiver, payload in connection.execute(
        """
        SELECT o.rule, o.receiver, o.payload FROM outbox o
        WHERE o.held AND NOT EXISTS (FROM deliveries d WHERE d."key" = o."key" AND d.receiver = o.receiver)
        ORDER BY o.created_at, o.rowid
        """
    ).fetchall():
        held.setdefault((rule, receiver), []).append(Alert.model_validate_json(payload))
    if not held:
        return 0
    sent = _sent(connection, [rule for rule, _ in held if rule], now)
    written = 0
    for (rule, receiver), alerts in held.items():
        limit = limits.get(rule or "")
        if limit is not None and sent[rule, receiver] >= limit:
            continue
        members = alerts[:LARGEST_DIGEST]
        digest = _digest(rule, receiver, members)
        _insert(connection, [_Row(digest, receiver, rule)], now)
        bundled = [_Row(alert, receiver, rule) for alert in members]
        _note(connection, bundled, f"{IN_DIGEST}{digest.key}", now)
        written += 1
    return written


class _Limits:
    """What each rule may still send to each receiver, in this transaction."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, addressed: Sequence[Addressed], now: datetime) -> None:
        rules = {one.rule for one in addressed if one.rule and one.at_most_per_hour is not None}
        self._sent = _sent(connection, sorted(rules), now) if rules else Counter[Slot]()
        self._queued = _held(connection) if rules else frozenset[Slot]()

    def holds(self, one: Addressed, receiver: str) -> bool:
        """Must it wait for a digest? Where others wait already, it does not go before them."""
        slot = one.rule, receiver
        if one.at_most_per_hour is None or receiver == NOBODY:
            return False
        if slot in self._queued or self._sent[slot] >= one.at_most_per_hour:
            return True
        self._sent[slot] += 1
        return False


def _sent(connection: duckdb.DuckDBPyConnection, rules: Sequence[str], now: datetime) -> Counter[Slot]:
    rows = connection.execute(
        """
        SELECT rule, receiver, count(*) FROM outbox
        WHERE rule IN (SELECT unnest(?::VARCHAR[])) AND held IS NOT TRUE AND created_at > ?::TIMESTAMPTZ
        GROUP BY ALL
        """,
        [list(rules), now - WINDOW],
    ).fetchall()
    return Counter({(rule, receiver): count for rule, receiver, count in rows})


def _held(connection: duckdb.DuckDBPyConnection) -> frozenset[Slot]:
    rows = connection.execute(
        """
        SELECT DISTINCT o.rule, o.receiver FROM outbox o
        WHERE o.held AND NOT EXISTS (FROM deliveries d WHERE d."key" = o."key" AND d.receiver = o.receiver)
        """
    ).fetchall()
    return frozenset((rule, receiver) for rule, receiver in rows)


def _digest(rule: str | None, receiver: str, alerts: Sequence[Alert]) -> Alert:
    named = "\x1f".join(("digest", rule or "", receiver, *(alert.key for alert in alerts)))
    titles = [alert.title[:_LONGEST] for alert in alerts]
    count = f"{len(alerts)} more alerts" if len(alerts) > 1 else "1 more alert"
    return Alert(
        key=hashlib.sha256(named.encode()).hexdigest(),
        prediction="",
        reading="",
        kind="digest",
        milestone="digest",
        title=f"{count} of the rule {rule}: {titles[0]}{' ...' if len(alerts) > 1 else ''}",
        state="",
        progress=0.0,
        known_at=max(alert.known_at for alert in alerts),
        evidence=(),
        rule=rule,
        body="\n".join(f"- {title}" for title in titles),
        bundle=tuple(
            {
                "key": alert.key,
                "kind": alert.kind,
                "title": title,
                "prediction": alert.prediction,
                "reading": alert.reading,
                "known_at": alert.known_at.isoformat(),
            }
            for alert, title in zip(alerts, titles, strict=True)
        ),
    )


def _insert(connection: duckdb.DuckDBPyConnection, rows: Sequence[_Row], now: datetime) -> None:
    columns: dict[str, list[Any]] = {
        "key": [row.alert.key for row in rows],
        "receiver": [row.receiver for row in rows],
        "prediction": [row.alert.prediction for row in rows],
        "reading": [row.alert.reading for row in rows],
        "version": [row.alert.version for row in rows],
        "milestone": [row.alert.milestone for row in rows],
        "telling": [row.alert.telling for row in rows],
        "kind": [row.alert.kind for row in rows],
        "payload": [row.alert.model_dump_json() for row in rows],
        "created_at": [now] * len(rows),
        "rule": [row.rule for row in rows],
        "held": [row.held for row in rows],
    }
    insert(connection, "outbox", table_of(columns))


def _note(connection: duckdb.DuckDBPyConnection, rows: Sequence[_Row], remark: str, now: datetime) -> None:
    """Nothing more is to be sent of these by themselves."""
    columns: dict[str, list[Any]] = {
        "key": [row.alert.key for row in rows],
        "receiver": [row.receiver for row in rows],
        "delivered": [True] * len(rows),
        "error": [remark] * len(rows),
        "attempted_at": [now] * len(rows),
    }
    insert(connection, "deliveries", table_of(columns))
