"""What time alone brings: a deadline draws near, or nothing has happened for long. No event has to arrive for it.

Each is told once: the key names the day that it is about, or the last thing that happened before the silence.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import duckdb

from predictions import store
from predictions.alert_rules import Rule
from predictions.definition import Definition, Reading
from predictions.standing import State
from schemas.alerts import Alert

Reminder = tuple[Rule, Alert]


def reminders(
    connection: duckdb.DuckDBPyConnection, definitions: Sequence[Definition], rules: Sequence[Rule], now: datetime
) -> Iterator[Reminder]:
    """What the rules ask to be reminded of, as of ``now``."""
    wanted = [rule for rule in rules if {"deadline", "stale"} & {*rule.told}]
    if not wanted:
        return
    heads = _heads(connection)
    for definition in definitions:
        about = [rule for rule in wanted if rule.is_about(definition)]
        for reading in definition.readings if about else ():
            version, state, moved_at = heads.get((definition.id, reading.id), (0, "", now))
            if version == definition.version and state == State.OPEN:
                for rule in about:
                    yield from _of_reading(rule, definition, reading, moved_at, now)
    yield from _silent_queries(connection, [rule for rule in wanted if rule.when is not None], now)


def _heads(connection: duckdb.DuckDBPyConnection) -> dict[store.Key, tuple[int, str, datetime]]:
    """Version, state and time of the last standing of every reading."""
    rows = connection.execute("""
        SELECT prediction, reading, version, state, epoch_us(known_at) FROM prediction_states
        QUALIFY row_number() OVER (PARTITION BY prediction, reading ORDER BY seq DESC) = 1
    """).fetchall()
    return {
        (prediction, reading): (version, state, store.from_microseconds(known_at))
        for prediction, reading, version, state, known_at in rows
    }


def _of_reading(
    rule: Rule, definition: Definition, reading: Reading, moved_at: datetime, now: datetime
) -> Iterator[Reminder]:
    title = f"{definition.title} ({reading.id})"
    if "deadline" in rule.told and (days := due_days(reading.closes_at, rule.deadline_in_days, now)):
        left = (reading.closes_at.date() - now.date()).days
        text = f"{title}: the deadline, {reading.deadline}, is {left} {'day' if left == 1 else 'days'} away."
        at = reading.closes_at - timedelta(days=days)
        yield rule, _alert(rule, definition, reading, "deadline", f"deadline in {days} days", "", text, at)
    after = timedelta(days=rule.stale_after_days)
    if "stale" in rule.told and now < reading.closes_at and moved_at + after <= now:
        text = f"{title}: nothing has happened for {rule.stale_after_days} days, since {moved_at:%Y-%m-%d}."
        name = f"no event for {rule.stale_after_days} days"
        yield (
            rule,
            _alert(rule, definition, reading, "stale", name, moved_at.isoformat(), text, moved_at + after),
        )


def due_days(closes_at: datetime, days: Sequence[int], now: datetime) -> int | None:
    """Which of the days before a deadline is the last that has come; None before all of them and after the deadline.

    An earlier one that nobody was told of, because nothing ran, is left out: it would be wrong by now.
    """
    if now > closes_at:
        return None
    return min((one for one in days if closes_at - timedelta(days=one) <= now), default=None)


def _alert(
    rule: Rule, definition: Definition, reading: Reading, kind: str, name: str, since: str, title: str, at: datetime
) -> Alert:
    parts = ("reminder", definition.id, str(definition.version), reading.id, name, since)
    return Alert(
        key=_key(*parts),
        prediction=definition.id,
        reading=reading.id,
        version=definition.version,
        kind=kind,
        milestone=name,
        title=title,
        state=State.OPEN.value,
        progress=0.0,
        known_at=at,
        evidence=(),
        rule=rule.id,
    )


def _silent_queries(connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], now: datetime) -> Iterator[Reminder]:
    """A query is silent from the last event that it found on; one that never found any is not."""
    silent = [rule for rule in rules if "stale" in rule.told]
    if not silent:
        return
    rows = connection.execute(
        """
        SELECT rule, epoch_us(max((payload->>'$.known_at')::TIMESTAMPTZ)) FROM outbox
        WHERE kind = 'match' AND rule IN (SELECT unnest(?::VARCHAR[])) GROUP BY rule
        """,
        [[rule.id for rule in silent]],
    ).fetchall()
    last = {rule: store.from_microseconds(at) for rule, at in rows}
    for rule in silent:
        after = timedelta(days=rule.stale_after_days)
        if rule.id not in last or last[rule.id] + after > now:
            continue
        name = f"no event for {rule.stale_after_days} days"
        yield (
            rule,
            Alert(
                key=_key("silence", rule.id, name, last[rule.id].isoformat()),
                prediction="",
                reading="",
                kind="stale",
                milestone=name,
                title=f"{rule.id}: {name}, since {last[rule.id]:%Y-%m-%d}.",
                state="",
                progress=0.0,
                known_at=last[rule.id] + after,
                evidence=(),
                rule=rule.id,
            ),
        )


def _key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
