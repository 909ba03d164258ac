"""Keeps ``story_events`` what follows from the events and decisions that have landed, batch by batch.

1. A correction and what it corrects are one report, as is an event and the headline that it was derived from. The
   report is compared by its newest version; what was retracted tells nothing.
2. Of each key that a batch touches, the neighbourhood of the change is grouped anew (``sinks.story_neighbourhoods``).
3. The few keys that people's decisions speak of are grouped as a whole, and the decisions are applied.

What stands in the table afterwards is ``stories.grouping`` applied to everything, whatever the batches were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import duckdb

from schemas.settling import ArrivedSignal
from sinks.probing import hits, probe
from sinks.story_decisions import Decided, decided_of
from sinks.story_neighbourhoods import Work, group_neighbourhoods, place_in
from sinks.story_rows import NOWHERE, Place, StoryRow, label, row_of, rows_of_events, stored, write
from stories.grouping import Story, decide, group


@dataclass(frozen=True, slots=True)
class Touched:
    """What a batch did that stories may hang on."""

    landed: tuple[ArrivedSignal, ...] = ()
    """Events that landed and that the store did not hold in any form before."""
    moved: frozenset[int] = frozenset()
    """Hashes of events that may have landed, left, or changed places with a duplicate."""
    decisions: bool = False
    """Whether a person's decision landed or left."""


def regroup(connection: duckdb.DuckDBPyConnection, touched: Touched) -> frozenset[str]:
    """Bring the table up to date, in the caller's transaction.

    Returns the types of the events that were put into another story than before.
    """
    work = Work()
    changed = _gather(connection, touched, work)
    _tell_versions(connection, changed, work)
    keys = {row.key for rows in (work.before, work.after) for row in rows.values() if row.is_current}
    decided = decided_of(connection, keys, work.before, work.after, all_keys=touched.decisions)
    _place(group(row.as_report for row in work.after.values() if row.is_current and row.story_key is None), work)
    group_neighbourhoods(connection, decided.keys, work)
    _group_decided(decided, work)
    _take_versions_along(connection, work)
    return _save(connection, work)


def _gather(connection: duckdb.DuckDBPyConnection, touched: Touched, work: Work) -> set[int]:
    """The touched events, and all that are versions of one report with them; returns their hashes."""
    for row in stored(connection, set(touched.moved), "event_hash"):
        work.before[row.event_hash] = row
    fresh = [row_of(one) for one in touched.landed] + rows_of_events(connection, set(touched.moved))
    work.after |= {row.event_hash: row for row in fresh}
    seen: set[int] = set()
    edge = work.before.keys() | work.after.keys()
    while edge:
        seen |= edge
        rows = [rows[hash] for rows in (work.before, work.after) for hash in edge if hash in rows]
        targets = {hash for row in rows for hash in (row.follows_hash, row.retracts_hash) if hash is not None}
        # What has not landed may be corrected and retracted, too: what one does to it ends the other.
        found = stored(connection, edge | targets, "follows_hash", "retracts_hash")
        found += stored(connection, targets - seen, "event_hash")
        unseen = [row for row in found if row.event_hash not in seen]
        work.keep(unseen)
        edge = {row.event_hash for row in unseen}
    return seen


def _tell_versions(connection: duckdb.DuckDBPyConnection, changed: set[int], work: Work) -> None:
    """Say of every changed event which report it is a version of, and which version holds."""
    rows = {hash: work.after[hash] for hash in changed if hash in work.after}
    linked = {row.event_hash for row in rows.values() if row.follows_hash or row.retracts_hash}
    linked |= {row.follows_hash for row in rows.values() if row.follows_hash}
    linked |= {row.retracts_hash for row in rows.values() if row.retracts_hash}
    linked |= {hash for hash in linked if hash in rows}
    ended = _ended(connection, linked)
    roots = {hash: _root(hash, rows) for hash in rows}
    versions: dict[int, list[StoryRow]] = {}
    for hash, row in rows.items():
        versions.setdefault(roots[hash], []).append(row)
    ages = _ages(connection, {row.event_hash for some in versions.values() if len(some) > 1 for row in some})
    for root, some in versions.items():
        name = label((rows[root].source, rows[root].id))
        holding = [row for row in some if row.retracts_hash is None and row.event_hash not in ended]
        newest = max(
            holding,
            key=lambda row: (row.event_type != "headline", ages.get(row.event_hash, ()), row.source, row.id),
            default=None,
        )
        for row in some:
            told = (name, root, row is newest)
            same = told == (row.report, row.report_hash, row.is_current)
            version = row if same else replace(row, report=name, report_hash=root, is_current=told[2])
            work.after[row.event_hash] = version.put(NOWHERE)


def _root(hash: int, rows: Mapping[int, StoryRow]) -> int:
    """The event that a chain of corrections began with; of a circle, the first by name."""
    path = [hash]
    while (target := rows[path[-1]].follows_hash) is not None and target in rows:
        if target in path:
            return min(path[path.index(target) :], key=lambda one: (rows[one].source, rows[one].id))
        path.append(target)
    return path[-1]


def _ended(connection: duckdb.DuckDBPyConnection, hashes: set[int]) -> set[int]:
    """Those that a correction or retraction has ended."""
    sql = "SELECT event_hash FROM supersessions WHERE event_hash IN (SELECT probe_hash FROM arriving)"
    return {hash for (hash,) in probe(connection, hashes, sql)}


def _ages(connection: duckdb.DuckDBPyConnection, hashes: set[int]) -> dict[int, tuple[object, ...]]:
    """Where events stand in the order in which they became known."""
    columns = "event_hash, epoch_us(known_at), input_topic, input_partition, input_offset"
    rows = probe(connection, hashes, f"SELECT {columns} FROM events WHERE {hits('events', 'event_hash')}")
    return {hash: tuple(order) for hash, *order in rows}


def _place(grouped: Mapping[int, Story], work: Work) -> None:
    """Write down the stories of reports that stand alone."""
    for hash, row in work.after.items():
        story = grouped.get(row.report_hash) if row.is_current else None
        if story is not None:
            work.after[hash] = row.put(place_in(story, row.report_hash))


def _group_decided(decided: Decided, work: Work) -> None:
    """Group the keys that decisions speak of, and apply the decisions."""
    work.keep(decided.rows)
    current = {row.report_hash: row for row in work.after.values() if row.is_current and row.key in decided.keys}
    reports = {hash: row.as_report for hash, row in current.items()}
    grouped = group(reports.values())
    for hash, together in decide(grouped, decided.report_of, decided.decisions).items():
        first = min((reports[one] for one in together), key=lambda report: report.order)
        place = place_in(grouped[hash], hash)
        moved = first.hash != place.story_hash
        row = current[hash]
        work.after[row.event_hash] = row.put(place._replace(story=first.name, story_hash=first.hash, decided=moved))


def _take_versions_along(connection: duckdb.DuckDBPyConnection, work: Work) -> None:
    """Older versions stand in the story of their report."""
    moved = {
        row.report_hash
        for hash, row in work.after.items()
        if row.is_current and hash in work.before and work.before[hash].place[:3] != row.place[:3]
    }
    work.keep(row for row in stored(connection, moved, "report_hash") if not row.is_current)
    current = {row.report_hash: row for row in work.after.values() if row.is_current}
    for hash, row in work.after.items():
        newest = current.get(row.report_hash)
        if newest is not None and not row.is_current:
            work.after[hash] = row.put(Place(*newest.place[:3]))


def _save(connection: duckdb.DuckDBPyConnection, work: Work) -> frozenset[str]:
    same = {hash for hash, row in work.before.items() if (new := work.after.get(hash)) is row or new == row}
    write(connection, work.before.keys() - same, [row for hash, row in work.after.items() if hash not in same])
    return frozenset(
        row.event_type
        for hash, row in work.before.items()
        if hash not in work.after or work.after[hash].place.story_hash != row.place.story_hash
    )
