"""How a batch lands: which inputs are new, which events are, and the rows that follow.

What the tables hold afterwards follows from the records that were read, in whatever order and batches they came:

1. Of several deliveries of one input the first on the log counts. A delivery whose input has its outcome already is
   dropped: redelivered, not counted again. Should it be the earlier one, it takes the other's place (``retire``).
2. Of the inputs with one (source, id) the first in the order of (known_at, input) lands; the others are duplicates,
   flagged where their content differs, never merged. Should a later batch bring an earlier one, they change places
   (``sinks.contenders``).
3. Rows of events, decisions, duplicates and rejections, one outcome per input, and the offsets are inserted.
4. Reports of one happening are put into one story (``sinks.story_groups``).

The lookups join the batch's 64-bit hashes with the whole column (10 ms at 5 M rows) and compare the names on a hit; no
window in time, which would let late duplicates in. Changing places is rare, and costs a batch that has none nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa

from schemas.decisions import STORY_KINDS
from schemas.outcomes import Outcome
from schemas.records import InputName
from schemas.settling import ArrivedDecision, ArrivedRejection, ArrivedSignal, Delivery, Fresh, Landed, SettleBatch
from schemas.topics import EVENT_TYPES
from sinks.arrow_rows import decisions_table, events_table, rejection_kind, rejections_table, table_of
from sinks.base import Offsets
from sinks.contenders import Identity, Retired, rank, retire
from sinks.identity import event_hash, input_hash
from sinks.probing import hits, insert, instant, probe
from sinks.story_groups import Touched, regroup

Candidate = ArrivedSignal | ArrivedDecision
Arrived = ArrivedSignal | ArrivedRejection | ArrivedDecision

Order = tuple[datetime, InputName]
"""What decides which input of an identity lands: the lowest."""


@dataclass(frozen=True, slots=True)
class _Fresh:
    """What a batch brings that counts: of inputs without an outcome, and of those whose outcome it replaces."""

    signals: tuple[ArrivedSignal, ...]
    rejections: tuple[ArrivedRejection, ...]
    decisions: tuple[ArrivedDecision, ...]
    replaced: frozenset[InputName]
    redelivered: int

    def new(self, arrived: Iterable[Arrived]) -> int:
        """How many of them are inputs that had no outcome."""
        return sum(one.input not in self.replaced for one in arrived)


@dataclass(slots=True)
class _Sorted:
    """Events and decisions that land, those that are duplicates, and identities about which a later look is needed."""

    signals: list[ArrivedSignal] = field(default_factory=list)
    decisions: list[ArrivedDecision] = field(default_factory=list)
    duplicate_signals: list[ArrivedSignal] = field(default_factory=list)
    duplicate_decisions: list[ArrivedDecision] = field(default_factory=list)
    disputed: set[Identity] = field(default_factory=set)

    @property
    def landed(self) -> tuple[Candidate, ...]:
        return (*self.signals, *self.decisions)

    @property
    def duplicates(self) -> tuple[Candidate, ...]:
        return (*self.duplicate_signals, *self.duplicate_decisions)


def land(connection: duckdb.DuckDBPyConnection, batch: SettleBatch, landed_at: datetime) -> Landed:
    """Insert everything of a batch but its offsets, in the caller's transaction; says what became of it."""
    fresh = _fresh(connection, batch)
    retired = retire(connection, fresh.replaced)
    found = _sort_out(connection, (*fresh.signals, *fresh.decisions))
    _insert_rows(connection, fresh, found, landed_at)
    moved = rank(connection, found.disputed | retired.identities)
    undisturbed = not (found.disputed or retired.identities)
    regrouped = regroup(connection, _touched(found, retired))
    return Landed(
        landed=fresh.new(found.landed),
        duplicate=fresh.new(found.duplicates),
        rejected=fresh.new(fresh.rejections),
        redelivered=fresh.redelivered,
        event_types=_types(found.signals) | _types_of(retired) | moved | regrouped,
        decisions=fresh.new(found.decisions),
        rules=Counter((one.stage, one.rule) for one in fresh.rejections if one.input not in fresh.replaced),
        fresh=_what_is_fresh(found, landed_at, regrouped) if undisturbed else None,
    )


def _what_is_fresh(found: _Sorted, landed_at: datetime, regrouped: frozenset[str]) -> Fresh:
    hashes = frozenset(event_hash(*identity_of(one)) for one in found.signals)
    return Fresh(landed_at, hashes, decided=bool(found.decisions), regrouped=regrouped)


def _touched(found: _Sorted, retired: Retired) -> Touched:
    """What the stories may hang on."""
    moved = frozenset(event_hash(*identity) for identity in found.disputed | retired.identities)
    return Touched(
        landed=tuple(one for one in found.signals if event_hash(*identity_of(one)) not in moved),
        moved=moved,
        decisions=bool(moved) or any(one.kind in STORY_KINDS for one in found.decisions),
    )


def _types(landed: Iterable[ArrivedSignal]) -> frozenset[str]:
    """What the predictions must look at: a correction or retraction may concern an event of any type."""
    signals = [one.signal for one in landed]
    if any(signal.data.get("corrects") or signal.data.get("retracts") for signal in signals):
        return frozenset(EVENT_TYPES)
    return frozenset(signal.event_type for signal in signals)


def _types_of(retired: Retired) -> frozenset[str]:
    """What had landed is gone, and nothing says any more what it was about."""
    return frozenset(EVENT_TYPES) if retired.identities else frozenset()


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


def identity_of(candidate: Candidate) -> Identity:
    """(source, id): one space for events and decisions."""
    if isinstance(candidate, ArrivedDecision):
        return candidate.source, candidate.id
    return candidate.signal.envelope["source"], candidate.signal.envelope["id"]


def _fresh(connection: duckdb.DuckDBPyConnection, batch: SettleBatch) -> _Fresh:
    everything: list[Arrived] = [*batch.signals, *batch.rejections, *batch.decisions]
    stored = _stored_deliveries(connection, {input_hash(one.input) for one in everything})
    first: dict[InputName, Arrived] = {}
    # Sorting is stable: of an event and a rejection that stand at the same place, the event counts.
    for one in sorted(everything, key=lambda arrived: arrived.via):
        if one.input not in stored or _earlier(one.via, stored[one.input]):
            first.setdefault(one.input, one)
    counting = tuple(first.values())
    return _Fresh(
        signals=tuple(one for one in counting if isinstance(one, ArrivedSignal)),
        rejections=tuple(one for one in counting if isinstance(one, ArrivedRejection)),
        decisions=tuple(one for one in counting if isinstance(one, ArrivedDecision)),
        replaced=frozenset(stored.keys() & first.keys()),
        redelivered=len(everything) - len(first.keys() - stored.keys()),
    )


def _earlier(via: Delivery, stored: Delivery | None) -> bool:
    """None is an outcome of version 1, which did not note how it came: it stays."""
    return stored is not None and via < stored


def _stored_deliveries(connection: duckdb.DuckDBPyConnection, hashes: set[int]) -> dict[InputName, Delivery | None]:
    """How the stored inputs with one of the hashes came, by full name: a mere collision of hashes drops nothing."""
    sql = f"""
        SELECT topic, "partition", "offset", epoch_us(via_at), via_topic, via_partition, via_offset
        FROM outcomes WHERE {hits("outcomes", "input_hash")}
    """
    return {
        InputName(*row[:3]): None if row[3] is None else Delivery(instant(row[3]), *row[4:])
        for row in probe(connection, hashes, sql)
    }


def _stored_orders(connection: duckdb.DuckDBPyConnection, hashes: set[int]) -> dict[Identity, Order]:
    """Where the landed events and decisions with one of the hashes stand in the order, by identity."""
    columns = "source, id, epoch_us(known_at), input_topic, input_partition, input_offset"
    sql = f"""
        SELECT {columns} FROM events WHERE {hits("events", "event_hash")}
        UNION ALL
        SELECT {columns} FROM decisions WHERE {hits("decisions", "event_hash")}
    """
    return {(row[0], row[1]): (instant(row[2]), InputName(*row[3:])) for row in probe(connection, hashes, sql)}


def _sort_out(connection: duckdb.DuckDBPyConnection, candidates: Sequence[Candidate]) -> _Sorted:
    landed = _stored_orders(connection, {event_hash(*identity_of(one)) for one in candidates})
    found = _Sorted()
    for one in sorted(candidates, key=_order):
        identity = identity_of(one)
        lands = identity not in landed
        if lands:
            landed[identity] = _order(one)
        elif _order(one) < landed[identity]:
            # It was here first, and the landed one is to change places with it.
            found.disputed.add(identity)
        if isinstance(one, ArrivedDecision):
            (found.decisions if lands else found.duplicate_decisions).append(one)
        else:
            (found.signals if lands else found.duplicate_signals).append(one)
    return found


def _order(candidate: Candidate) -> Order:
    return candidate.known_at, candidate.input


def _insert_rows(connection: duckdb.DuckDBPyConnection, fresh: _Fresh, found: _Sorted, landed_at: datetime) -> None:
    insert(connection, "events", events_table(found.signals, landed_at))
    insert(connection, "decisions", decisions_table(found.decisions, landed_at))
    if found.duplicates:
        insert(connection, "duplicate_events", events_table(found.duplicate_signals, landed_at))
        insert(connection, "duplicate_decisions", decisions_table(found.duplicate_decisions, landed_at))
    insert(connection, "rejections", rejections_table(fresh.rejections, landed_at))
    outcomes: list[tuple[Arrived, Outcome]] = [(one, Outcome.LANDED) for one in found.landed]
    outcomes += [(one, Outcome.DUPLICATE) for one in found.duplicates]
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
            "via_at": [one.via.at for one, _ in outcomes],
            "via_topic": [one.via.topic for one, _ in outcomes],
            "via_partition": [one.via.partition for one, _ in outcomes],
            "via_offset": [one.via.offset for one, _ in outcomes],
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
