"""People's merges and splits of stories, and the reports that hang on them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from schemas.decisions import DecisionKind
from sinks.identity import event_hash
from sinks.story_rows import StoryRow, of_keys, stored
from stories.grouping import StoryDecision, standing


@dataclass(frozen=True, slots=True)
class Decided:
    """What has to be grouped as a whole, because decisions speak of it."""

    keys: frozenset[str] = frozenset()
    rows: tuple[StoryRow, ...] = ()
    """Stored rows: all current ones of the keys."""
    decisions: tuple[StoryDecision, ...] = ()
    """Those that stand, in order."""
    report_of: Mapping[int, int] = field(default_factory=dict)
    """The report of each event that the decisions name."""


def story_decisions(connection: duckdb.DuckDBPyConnection) -> list[StoryDecision]:
    """Every merge and split that landed, taken back or not."""
    rows = connection.execute(
        """
        SELECT source, id, kind, data, epoch_us(known_at), input_topic, input_partition, input_offset
        FROM decisions WHERE kind IN (?, ?)
        """,
        [DecisionKind.MERGE_STORIES.value, DecisionKind.SPLIT_STORY.value],
    ).fetchall()
    found = []
    for source, id, kind, text, *order in rows:
        data = json.loads(text)
        back = data.get("takes_back")
        found.append(
            StoryDecision(
                order=tuple(order),
                identity=(source, id),
                events=_hashes(data.get("events")),
                apart_from=_hashes(data.get("apart_from")) if kind == DecisionKind.SPLIT_STORY else None,
                takes_back=(back["source"], back["id"]) if back else None,
            )
        )
    return found


def told_decisions(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Every merge and split for people: who, when, why, what about, and whether it stands. The latest first."""
    stands = {one.identity for one in standing(story_decisions(connection))}
    rows = connection.execute(
        """
        SELECT source, id, kind, decided_by, why, reported_at, data FROM decisions WHERE kind IN (?, ?)
        ORDER BY known_at DESC, input_topic DESC, input_partition DESC, input_offset DESC
        """,
        [DecisionKind.MERGE_STORIES.value, DecisionKind.SPLIT_STORY.value],
    ).fetchall()
    found = []
    for source, id, kind, by, why, decided_at, text in rows:
        data = json.loads(text)
        back = data.get("takes_back")
        found.append(
            {
                "decision": id,
                "source": source,
                "kind": "taken back" if back else kind,
                "by": by,
                "why": why,
                "decided_at": decided_at,
                "events": [f"{one['source']}#{one['id']}" for one in data.get("events") or ()],
                "apart_from": [f"{one['source']}#{one['id']}" for one in data.get("apart_from") or ()],
                "takes_back": back and back["id"],
                "stands": None if back else (source, id) in stands,
            }
        )
    return found


def _hashes(identities: Any) -> tuple[int, ...]:
    return tuple(event_hash(one["source"], one["id"]) for one in identities or ())


Key = tuple[str, int]
"""As it is written, and its hash."""


def decided_of(
    connection: duckdb.DuckDBPyConnection,
    keys: Iterable[str],
    before: Mapping[int, StoryRow],
    after: Mapping[int, StoryRow],
    *,
    all_keys: bool,
) -> Decided:
    """What the decisions mean for these keys, or for all that they speak of.

    ``before`` and ``after``: what the batch looks at, as it is stored and as it shall be; what is only in ``before``
    is gone.
    """
    decisions = story_decisions(connection)
    if not decisions and not all_keys:
        return Decided()
    named = {event for one in decisions for event in one.named}
    was = _with_versions(connection, named)
    now = {hash: row for hash, row in was.items() if hash not in before} | dict(after)
    report_of = {event: now[event].report_hash for event in named if event in now}
    # A report that is gone, retracted or moved has left what the decisions had joined with its old key as it was.
    links = [_keys_of_events(rows, named) for rows in (was, now)]
    joined = [{key for link in links for event in one.named if (key := link.get(event))} for one in decisions]
    wanted = {key for some in joined for key in some}
    if all_keys:
        wanted |= {(row.key, row.key_hash) for row in _moved_by_decisions(connection)}
    else:
        wanted = _reached(wanted, joined, set(keys))
    rows = of_keys(connection, [(key_hash, date.min, date.max) for _, key_hash in wanted])
    kept = frozenset(key for key, _ in wanted)
    return Decided(kept, tuple(row for row in rows if row.key in kept), tuple(standing(decisions)), report_of)


def _with_versions(connection: duckdb.DuckDBPyConnection, named: set[int]) -> dict[int, StoryRow]:
    """The named events with all versions of their reports, as they are stored."""
    found = stored(connection, named, "event_hash")
    found += stored(connection, {row.report_hash for row in found}, "report_hash")
    return {row.event_hash: row for row in found}


def _keys_of_events(rows: Mapping[int, StoryRow], named: set[int]) -> dict[int, Key]:
    """The key under which the report of each named event is compared; nothing for what is not compared."""
    of_report = {row.report_hash: (row.key, row.key_hash) for row in rows.values() if row.is_current}
    reports = {event: rows[event].report_hash for event in named if event in rows}
    return {event: of_report[report] for event, report in reports.items() if report in of_report}


def _moved_by_decisions(connection: duckdb.DuckDBPyConnection) -> list[StoryRow]:
    hashes = connection.execute("SELECT event_hash FROM story_events WHERE decided").fetchall()
    return stored(connection, {hash for (hash,) in hashes}, "event_hash")


def _reached(known: set[Key], joined: list[set[Key]], keys: set[str]) -> set[Key]:
    """Those of the known keys that decisions join, directly or not, with one of ``keys``."""
    reached = {key for key in known if key[0] in keys}
    while True:
        more = {key for some in joined if some & reached for key in some} - reached
        if not more:
            return reached
        reached |= more
