"""Saved queries: which of the events that have just landed a rule asks for, and which of those it asked for are gone.

What is told is a function of the events that landed, not of how batches were cut:

- ``match``: an event fits the conditions, as it was when it landed;
- ``retracted``: an event that fits is retracted, or corrected by one that does not fit.

So an event that lands together with its retraction is told, and taken back. Conditions see one event at a time, which
keeps them cheap: one query for each event type of the rules, over the rows that landed, whatever the store holds.
A condition that fails on an event (a cast, say) does not hold for it.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import duckdb

from predictions.alert_rules import EventQuery, Rule
from predictions.store import from_microseconds
from registry.loader import load_organisations
from schemas.alerts import Alert

Facts = Callable[[str, str], str]
"""(event type, condition over ``e``, a row of ``events``) to a query over the typed columns of these rows."""

_COLUMNS: Final = """event_hash, source, id, event_type, title, status, urls[1] AS url, occurred_on, occurred_until,
        amount_usd, epoch_us(known_at) AS known_at"""

_LOOKED_AT: Final = """
CREATE OR REPLACE TEMP TABLE looked_at AS
WITH arrived AS (SELECT event_hash, corrects_hash, retracts_hash FROM events WHERE {arrived}),
changed AS (
    SELECT corrects_hash AS target FROM arrived WHERE corrects_hash IS NOT NULL
    UNION SELECT retracts_hash FROM arrived WHERE retracts_hash IS NOT NULL
)
SELECT rowid AS place, event_hash, event_type FROM events WHERE {arrived}
UNION SELECT e.rowid, e.event_hash, e.event_type FROM events e JOIN changed ON e.event_hash = changed.target
UNION SELECT c.rowid, c.event_hash, c.event_type FROM events c JOIN arrived ON c.corrects_hash = arrived.event_hash
UNION SELECT c.rowid, c.event_hash, c.event_type FROM events c JOIN arrived ON c.retracts_hash = arrived.event_hash"""
"""What arrived, what it corrects or retracts, and what had been there before to correct or retract it."""

_ENDINGS: Final = """
SELECT
    e.event_hash, c.event_hash, c.retracts_hash IS NOT DISTINCT FROM e.event_hash, c.source, c.id, c.title,
    epoch_us(greatest(c.known_at, e.known_at))
FROM events c
JOIN looked_at place ON c.rowid = place.place
JOIN looked_at ended ON ended.event_hash IN (c.corrects_hash, c.retracts_hash) AND ended.event_hash <> c.event_hash
JOIN events e ON e.rowid = ended.place
WHERE c.corrects_hash IS NOT NULL OR c.retracts_hash IS NOT NULL
ORDER BY c.known_at, c.input_topic, c.input_partition, c.input_offset"""
"""Who is ended by whom: hash, hash of the change, is it a retraction, and what it says of itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that a rule with a saved query asks for."""

    rule: Rule
    alert: Alert
    match: str
    """The key under which the event is told as a match."""


@dataclass(frozen=True, slots=True)
class _Event:
    hash: int
    fields: dict[str, Any]
    known_at: datetime


@dataclass(slots=True)
class _Matches:
    """Events by hash, and for each rule the hashes that fit it."""

    events: dict[int, _Event] = field(default_factory=dict)
    of: dict[str, set[int]] = field(default_factory=dict)


class SavedQueries:
    """The rules with a query, compiled."""

    def __init__(self, rules: Sequence[Rule], facts: Facts) -> None:
        self._rules = tuple(rule for rule in rules if rule.when is not None)
        self._facts = facts
        self._by_type: dict[str, list[Rule]] = {}
        for rule in self._rules:
            for event_type in dict.fromkeys(rule.when.event_type if rule.when else ()):
                self._by_type.setdefault(event_type, []).append(rule)

    def found(self, connection: duckdb.DuckDBPyConnection, arrived: str) -> Iterator[Found]:
        """What the rules ask for among the rows of ``events`` that ``arrived`` (a condition) is true of."""
        if not self._rules:
            return
        connection.execute(_LOOKED_AT.format(arrived=arrived))
        try:
            count, types, here = connection.execute(
                "SELECT count(*), coalesce(list(DISTINCT event_type), []), "
                f"(SELECT count(*) FROM events WHERE {arrived}) FROM looked_at"
            ).fetchall()[0]
            if not here:
                return
            rows = arrived if count == here else "e.rowid IN (SELECT place FROM looked_at)"
            matches = self._matches(connection, rows, types)
            fresh = {
                hash for (hash,) in connection.execute(f"SELECT event_hash FROM events WHERE {arrived}").fetchall()
            }
            endings = connection.execute(_ENDINGS).fetchall() if matches.events else []
        finally:
            connection.execute("DROP TABLE IF EXISTS temp.looked_at")
        for rule in self._rules:
            yield from _of_rule(rule, matches, fresh, endings)

    def _matches(self, connection: duckdb.DuckDBPyConnection, rows: str, types: Sequence[str]) -> _Matches:
        found = _Matches()
        for event_type, rules in self._by_type.items():
            if event_type not in types:
                continue
            conditions = ", ".join(condition(rule.when, event_type) for rule in rules if rule.when)
            sql = f"""
                SELECT {_COLUMNS}, fits FROM (SELECT *, [{conditions}] AS fits FROM ({self._facts(event_type, rows)}))
                WHERE list_contains(fits, true) ORDER BY known_at, input_topic, input_partition, input_offset"""
            cursor = connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                fields = dict(zip(names, row, strict=True))
                hash, known_at, fits = (fields.pop(name) for name in ("event_hash", "known_at", "fits"))
                found.events[hash] = _Event(hash, fields, from_microseconds(known_at))
                for rule, fit in zip(rules, fits, strict=True):
                    if fit:
                        found.of.setdefault(rule.id, set()).add(hash)
        return found


def condition(query: EventQuery, event_type: str) -> str:
    """A query as one condition over a row: true, false or, where a fact is missing or the SQL fails, NULL."""
    parts = []
    if query.organisation is not None:
        parts.append(_names(query.organisation))
    if query.amount_usd_at_least is not None:
        parts.append(f"amount_usd >= {query.amount_usd_at_least:f}")
    if query.sql is not None:
        parts.append(f"(\n{query.sql}\n)")
    return f"TRY(CAST(({' AND '.join(parts) or 'true'}) AS BOOLEAN))"


def _names(organisation: str) -> str:
    registry = load_organisations()
    known = registry.by_id.get(organisation) or registry.resolve(organisation)
    if known is not None:
        one = f"o.id = {_quoted(known.id)} OR o.parent = {_quoted(known.id)}"
    else:
        one = f'lower(o."name") = lower({_quoted(organisation)})'
    return f"len(list_filter(orgs, lambda o: coalesce({one}, false))) > 0"


def refusal(connection: duckdb.DuckDBPyConnection, sql: str, event_type: str, facts: Facts) -> str:
    """Why a condition cannot be used; empty where it can. The typed views' tables have to be there."""
    query = EventQuery(event_type=(event_type,), sql=sql)
    whole = f"SELECT {condition(query, event_type)} FROM ({facts(event_type, 'true')})"
    try:
        statements = connection.extract_statements(whole)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return "write one condition, no statement"
        connection.execute(f"EXPLAIN {whole}").fetchall()
    except duckdb.Error as error:
        text = str(error).split("\n\nLINE")[0].replace("\n", " ")
        if "TRY can not be used" in text:
            return "a condition looks at one event: it can hold no subquery and no volatile function"
        return text
    return ""


def _of_rule(rule: Rule, matches: _Matches, fresh: set[int], endings: Sequence[tuple[Any, ...]]) -> Iterator[Found]:
    fits = matches.of.get(rule.id, set())
    for hash, event in matches.events.items():
        if hash in fits and hash in fresh:
            yield _found(rule, "match", event, event.known_at, f"{rule.id}: {event.fields['title']}")
    gone: set[int] = set()
    for hash, change, retracts, source, id, title, known_at in endings:
        # A correction that fits as well is told as a match of its own.
        if hash not in fits or hash in gone or (change in fits and not retracts):
            continue
        gone.add(hash)
        event = matches.events[hash]
        why = f"{'retracted' if retracts else 'corrected'} by {source}#{id}: {title}"
        told = f"{rule.id}: '{event.fields['title']}' no longer holds, {why}"
        yield _found(rule, "retracted", event, from_microseconds(known_at), told)


def _found(rule: Rule, kind: str, event: _Event, known_at: datetime, title: str) -> Found:
    fields: dict[str, Any] = {
        name: value if value is None or isinstance(value, str) else str(value) for name, value in event.fields.items()
    }
    if event.fields["amount_usd"] is not None:
        fields["amount_usd"] = float(event.fields["amount_usd"])
    source, id = event.fields["source"], event.fields["id"]
    alert = Alert(
        key=event_key(rule, kind, source, id),
        prediction="",
        reading="",
        kind=kind,
        milestone=kind,
        title=title,
        state=str(event.fields["status"]),
        progress=0.0,
        known_at=known_at,
        evidence=(fields,),
        rule=rule.id,
    )
    return Found(rule, alert, event_key(rule, "match", source, id))


def event_key(rule: Rule, kind: str, source: str, id: str) -> str:
    """What a rule tells of an event has the same key, whatever batch brought it."""
    return hashlib.sha256("\x1f".join(("event", rule.id, kind, source, id)).encode()).hexdigest()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
