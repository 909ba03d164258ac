"""How a batch lands: which inputs are new, which events are, and the rows that follow.

1. Inputs that have an outcome, or came earlier in the batch, are dropped: redelivered, not counted again.
2. Of the rest, an event or decision whose (source, id) landed before is a duplicate; within the batch the first in the
   order of (known_at, input) lands. A duplicate with other content is flagged, never merged.
3. Rows of events, decisions, duplicates and rejections, one outcome per input, and the offsets are inserted.

The lookups join the batch's 64-bit hashes with the whole column (10 ms at 5 M rows) and compare the names on a hit; no
window in time, which would let late duplicates in.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from schemas.outcomes import Outcome
from schemas.records import InputName
from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, Landed, SettleBatch
from schemas.topics import EVENT_TYPES
from sinks.arrow_rows import (
    decisions_table,
    events_table,
    json_text,
    rejection_kind,
    rejections_table,
    table_of,
)
from sinks.base import Offsets
from sinks.identity import event_hash, input_hash

Candidate = ArrivedSignal | ArrivedDecision
Arrived = ArrivedSignal | ArrivedRejection | ArrivedDecision
_A = TypeVar("_A", ArrivedSignal, ArrivedRejection, ArrivedDecision)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """The inputs of a batch that have no outcome yet."""

    signals: tuple[ArrivedSignal, ...]
    rejections: tuple[ArrivedRejection, ...]
    decisions: tuple[ArrivedDecision, ...]
    redelivered: int


@dataclass(slots=True)
class _Sorted:
    """Events and decisions that land, and those that are duplicates (with: does the content differ?)."""

    signals: list[ArrivedSignal] = field(default_factory=list)
    decisions: list[ArrivedDecision] = field(default_factory=list)
    duplicates: list[tuple[Candidate, bool]] = field(default_factory=list)


def land(connection: duckdb.DuckDBPyConnection, batch: SettleBatch, landed_at: datetime) -> Landed:
    """Insert everything of a batch but its offsets, in the caller's transaction; says what became of it."""
    fresh = _fresh(connection, batch)
    found = _sort_out(connection, (*fresh.signals, *fresh.decisions))
    _insert_rows(connection, fresh, found, landed_at)
    return Landed(
        landed=len(found.signals) + len(found.decisions),
        duplicate=len(found.duplicates),
        rejected=len(fresh.rejections),
        redelivered=fresh.redelivered,
        event_types=_types(found.signals),
        decisions=len(found.decisions),
        rules=Counter((one.stage, one.rule) for one in fresh.rejections),
    )


def _types(landed: Iterable[ArrivedSignal]) -> frozenset[str]:
    """What the predictions must look at: a correction or retraction may concern an event of any type."""
    signals = [one.signal for one in landed]
    if any(signal.data.get("corrects") or signal.data.get("retracts") for signal in signals):
        return frozenset(EVENT_TYPES)
    return frozenset(signal.event_type for signal in signals)


def advance(
    connection: duckdb.DuckDBPyConnection, stored: Offsets, next_offsets: Mapping[tuple[str, int], int], at: datetime
) -> Offsets:
    """Append the offsets that are higher than the stored ones, in the caller's transaction; returns those.

    Appended, never updated: updates with open readers keep the log of changes from being folded in.
    """
    higher = {name: offset for name, offset in next_offsets.items() if offset > stored.get(name, -1)}
    if higher:
        columns: dict[str, list[Any]] = {
            "topic": [topic for topic, _ in higher],
            "partition": [partition for _, partition in higher],
            "next_offset": list(higher.values()),
            "committed_at": [at] * len(higher),
        }
        insert(connection, "offsets", table_of(columns))
    return higher


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert Arrow rows into a table by the names of the columns."""
    if rows.num_rows == 0:
        return
    connection.register("arriving", rows)
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM arriving")
    finally:
        connection.unregister("arriving")


def identity_of(candidate: Candidate) -> tuple[str, str]:
    """(source, id): one space for events and decisions."""
    if isinstance(candidate, ArrivedDecision):
        return candidate.source, candidate.id
    return candidate.signal.envelope["source"], candidate.signal.envelope["id"]


def content_of(candidate: Candidate) -> str:
    """The hash that tells whether two events of one identity say the same."""
    return candidate.content_hash if isinstance(candidate, ArrivedDecision) else candidate.signal.content_hash


def _fresh(connection: duckdb.DuckDBPyConnection, batch: SettleBatch) -> _Fresh:
    everything: tuple[Arrived, ...] = (*batch.signals, *batch.rejections, *batch.decisions)
    seen = _inputs_with_outcome(connection, {input_hash(one.input) for one in everything})
    # In this order: an input that comes as an event and as a rejection in one batch is the event.
    signals = _not_seen(batch.signals, seen)
    rejections = _not_seen(batch.rejections, seen)
    decisions = _not_seen(batch.decisions, seen)
    kept = len(signals) + len(rejections) + len(decisions)
    return _Fresh(signals, rejections, decisions, len(everything) - kept)


def _not_seen(arrived: Iterable[_A], seen: set[InputName]) -> tuple[_A, ...]:
    kept = []
    for one in arrived:
        if one.input not in seen:
            seen.add(one.input)
            kept.append(one)
    return tuple(kept)


def _inputs_with_outcome(connection: duckdb.DuckDBPyConnection, hashes: set[int]) -> set[InputName]:
    """Full names of the stored inputs with one of the hashes: a mere collision of hashes drops nothing."""
    sql = f"""
        SELECT topic, "partition", "offset" FROM outcomes WHERE {_hits("outcomes", "input_hash")}
    """
    return {InputName(*row) for row in _probe(connection, hashes, sql)}


def _stored_content(connection: duckdb.DuckDBPyConnection, hashes: set[int]) -> dict[tuple[str, str], str]:
    """Content hash by identity, for the stored events and decisions with one of the hashes."""
    sql = f"""
        SELECT source, id, content_hash FROM events WHERE {_hits("events", "event_hash")}
        UNION ALL
        SELECT source, id, content_hash FROM decisions WHERE {_hits("decisions", "event_hash")}
    """
    return {(source, id): content for source, id, content in _probe(connection, hashes, sql)}


def _hits(table: str, column: str) -> str:
    """SQL condition: the row has one of the hashes. By row number, so that only the hashes are read of the others."""
    return f"rowid IN (SELECT {table}.rowid FROM {table} JOIN arriving ON {table}.{column} = arriving.probe_hash)"


def _probe(connection: duckdb.DuckDBPyConnection, hashes: set[int], sql: str) -> list[tuple[Any, ...]]:
    if not hashes:
        return []
    connection.register("arriving", table_of({"probe_hash": list(hashes)}))
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.unregister("arriving")


def _sort_out(connection: duckdb.DuckDBPyConnection, candidates: Sequence[Candidate]) -> _Sorted:
    landed = _stored_content(connection, {event_hash(*identity_of(one)) for one in candidates})
    found = _Sorted()
    for one in sorted(candidates, key=lambda candidate: (candidate.known_at, candidate.input)):
        identity, content = identity_of(one), content_of(one)
        if identity in landed:
            found.duplicates.append((one, landed[identity] != content))
            continue
        landed[identity] = content
        if isinstance(one, ArrivedDecision):
            found.decisions.append(one)
        else:
            found.signals.append(one)
    return found


def _insert_rows(connection: duckdb.DuckDBPyConnection, fresh: _Fresh, found: _Sorted, landed_at: datetime) -> None:
    insert(connection, "events", events_table(found.signals, landed_at))
    insert(connection, "decisions", decisions_table(found.decisions, landed_at))
    insert(connection, "duplicates", _duplicates_table(found.duplicates, landed_at))
    insert(connection, "rejections", rejections_table(fresh.rejections, landed_at))
    outcomes: list[tuple[Arrived, Outcome]] = [(one, Outcome.LANDED) for one in found.signals]
    outcomes += [(one, Outcome.LANDED) for one in found.decisions]
    outcomes += [(one, Outcome.DUPLICATE) for one, _ in found.duplicates]
    outcomes += [(one, Outcome.REJECTED) for one in fresh.rejections]
    insert(connection, "outcomes", _outcomes_table(outcomes, landed_at))


def _outcomes_table(outcomes: Sequence[tuple[Arrived, Outcome]], landed_at: datetime) -> pa.Table:
    names = [one.input for one, _ in outcomes]
    return table_of(
        {
            "input_hash": [input_hash(name) for name in names],
            "topic": [name.topic for name in names],
            "partition": [name.partition for name in names],
            "offset": [name.offset for name in names],
            "outcome": [outcome for _, outcome in outcomes],
            "kind": [_kind(one) for one, _ in outcomes],
            "event_hash": [
                None if isinstance(one, ArrivedRejection) else event_hash(*identity_of(one)) for one, _ in outcomes
            ],
            "known_at": [one.known_at for one, _ in outcomes],
            "landed_at": [landed_at] * len(outcomes),
            "replay_of": [_replay_of(one) for one, _ in outcomes],
        }
    )


def _kind(arrived: Arrived) -> str:
    if isinstance(arrived, ArrivedRejection):
        return rejection_kind(arrived)
    return "decision" if isinstance(arrived, ArrivedDecision) else "event"


def _replay_of(arrived: Arrived) -> str | None:
    if isinstance(arrived, ArrivedSignal):
        return arrived.signal.replay_of
    return arrived.replay_of


def _duplicates_table(duplicates: Sequence[tuple[Candidate, bool]], landed_at: datetime) -> pa.Table:
    identities = [identity_of(one) for one, _ in duplicates]
    contents = [(one if isinstance(one, ArrivedDecision) else one.signal) for one, _ in duplicates]
    return table_of(
        {
            "input_hash": [input_hash(one.input) for one, _ in duplicates],
            "event_hash": [event_hash(*identity) for identity in identities],
            "topic": [one.input.topic for one, _ in duplicates],
            "partition": [one.input.partition for one, _ in duplicates],
            "offset": [one.input.offset for one, _ in duplicates],
            "source": [source for source, _ in identities],
            "id": [id for _, id in identities],
            "differs": [differs for _, differs in duplicates],
            "content_hash": [content_of(one) for one, _ in duplicates],
            "envelope": [json_text(content.envelope) for content in contents],
            "data": [json_text(content.data) for content in contents],
            "known_at": [one.known_at for one, _ in duplicates],
            "landed_at": [landed_at] * len(duplicates),
        }
    )
