"""Keeps ``story_events`` what follows from the events and decisions that have landed, batch by batch.

1. A correction and what it corrects are one report, as is an event and the headline that it was derived from. The
   report is compared by its newest version; what was retracted tells nothing.
2. A new report that fits a story without telling it a new detail joins it: nothing else can change. That takes the
   first reports of the stories of its key, no others.
3. Any other change has the reports of its key grouped anew from its day on; what lies before cannot have changed.
4. The few keys that people's decisions speak of are grouped as a whole, and the decisions are applied.

What stands in the table afterwards is ``stories.grouping`` applied to everything, whatever the batches were.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import duckdb

from schemas.settling import ArrivedSignal
from sinks.probing import hits, probe
from sinks.story_decisions import Decided, decided_of
from sinks.story_rows import StoryRow, firsts_of_keys, label, of_keys, row_of, rows_of_events, stored, write
from stories.grouping import Story, agree, decide, group


@dataclass(frozen=True, slots=True)
class Touched:
    """What a batch did that stories may hang on."""

    landed: tuple[ArrivedSignal, ...] = ()
    """Events that landed and that the store did not hold in any form before."""
    moved: frozenset[int] = frozenset()
    """Hashes of events that may have landed, left, or changed places with a duplicate."""
    decisions: bool = False
    """Whether a person's decision landed or left."""


@dataclass(slots=True)
class _Work:
    """Rows as they were stored, and as they shall be, by event."""

    before: dict[int, StoryRow] = field(default_factory=dict)
    after: dict[int, StoryRow] = field(default_factory=dict)

    def keep(self, rows: Iterable[StoryRow]) -> None:
        """Rows that stay as they are, unless something is found."""
        for row in rows:
            if row.event_hash not in self.before and row.event_hash not in self.after:
                self.before[row.event_hash] = self.after[row.event_hash] = row


def regroup(connection: duckdb.DuckDBPyConnection, touched: Touched) -> frozenset[str]:
    """Bring the table up to date, in the caller's transaction.

    Returns the types of the events that were put into another story than before.
    """
    work = _Work()
    changed = _gather(connection, touched, work)
    _tell_versions(connection, changed, work)
    decided = decided_of(connection, _first_days(work), work.after, all_keys=touched.decisions)
    _group_from_days(connection, decided.keys, work)
    _group_decided(decided, work)
    _take_versions_along(connection, work)
    return _save(connection, work)


def _gather(connection: duckdb.DuckDBPyConnection, touched: Touched, work: _Work) -> set[int]:
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
        found = stored(connection, edge, "follows_hash", "retracts_hash")
        found += stored(connection, targets - seen, "event_hash")
        unseen = [row for row in found if row.event_hash not in seen]
        work.keep(unseen)
        edge = {row.event_hash for row in unseen}
    return seen


def _tell_versions(connection: duckdb.DuckDBPyConnection, changed: set[int], work: _Work) -> None:
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
        name = rows[root].name
        holding = [row for row in some if row.retracts_hash is None and row.event_hash not in ended]
        newest = max(
            holding,
            key=lambda row: (row.event_type != "headline", ages.get(row.event_hash, ()), row.name),
            default=None,
        )
        for row in some:
            work.after[row.event_hash] = replace(
                row,
                report=label(name),
                report_hash=root,
                is_current=row is newest,
                story=None,
                story_hash=None,
                decided=False,
                is_first=False,
                open_until=None,
                story_details=None,
            )


def _root(hash: int, rows: Mapping[int, StoryRow]) -> int:
    """The event that a chain of corrections began with; of a circle, the first by name."""
    path = [hash]
    while (target := rows[path[-1]].follows_hash) is not None and target in rows:
        if target in path:
            return min(path[path.index(target) :], key=lambda one: rows[one].name)
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


def _first_days(work: _Work) -> dict[str, date]:
    """The keys that are touched, each with the first day on which something changed."""
    days: dict[str, date] = {}
    for row in (*work.before.values(), *work.after.values()):
        if row.is_current:
            days[row.key] = min(days.get(row.key, date.max), row.occurred_on)
    return days


def _group_from_days(connection: duckdb.DuckDBPyConnection, apart: frozenset[str], work: _Work) -> None:
    """Put the changed reports of all keys but some into stories, and those that hang on them."""
    slow = {row.key: date.max for row in work.before.values() if row.key not in apart}
    for row in (*work.before.values(), *work.after.values()):
        if row.is_current and row.key in slow:
            slow[row.key] = min(slow[row.key], row.occurred_on)
    fresh = [row for row in work.after.values() if row.is_current and row.key not in apart]
    alone = [row for row in fresh if row.story_key is None]
    fresh = [row for row in fresh if row.story_key is not None]
    _join(connection, fresh, slow, work)
    _place(group(row.as_report() for row in alone), work)
    days = {row.key_hash: slow[row.key] for row in fresh if row.key in slow}
    days |= {row.key_hash: slow[row.key] for row in work.before.values() if row.key in slow and row.story_key}
    work.keep(of_keys(connection, {key: day for key, day in days.items() if day < date.max}))
    replayed = [
        row
        for hash, row in work.after.items()
        if row.is_current and row.key in slow and (row.occurred_on >= slow[row.key] or hash in work.before)
    ]
    _place(group(row.as_report() for row in replayed), work)


def _join(connection: duckdb.DuckDBPyConnection, fresh: list[StoryRow], slow: dict[str, date], work: _Work) -> None:
    """Let new reports join the stories that they plainly fit; notes in ``slow`` from which day on keys need more."""
    days: dict[int, date] = {}
    for row in fresh:
        days[row.key_hash] = min(days.get(row.key_hash, date.max), row.occurred_on)
    firsts: dict[str, list[StoryRow]] = {}
    for first in firsts_of_keys(connection, days):
        firsts.setdefault(first.key, []).append(first)
    for some in firsts.values():
        some.sort(key=lambda row: row.as_report().order)
    for row in sorted(fresh, key=lambda one: one.as_report().order):
        if row.key in slow and slow[row.key] <= row.occurred_on:
            continue
        joined = _plainly(row, firsts.get(row.key, ()))
        if joined is None:
            slow[row.key] = row.occurred_on
        else:
            work.after[row.event_hash] = _placed(row, joined.report, joined.report_hash, joined.open_until)


def _plainly(row: StoryRow, firsts: Iterable[StoryRow]) -> StoryRow | None:
    """The first report of the story that takes a row and learns nothing from it; None where more must be looked at."""
    report = row.as_report()
    for first in firsts:
        running = first.as_report().order < report.order and (first.open_until or date.min) >= row.occurred_on
        if running and agree(first.details, row.details):
            known = first.story_details or {}
            return first if row.details.items() <= known.items() else None
    return None


def _placed(row: StoryRow, story: str, story_hash: int, open_until: date | None) -> StoryRow:
    return replace(
        row,
        story=story,
        story_hash=story_hash,
        open_until=open_until,
        decided=False,
        is_first=False,
        story_details=None,
    )


def _place(grouped: Mapping[int, Story], work: _Work) -> None:
    """Write down the stories of reports."""
    for hash, row in work.after.items():
        story = grouped.get(row.report_hash) if row.is_current else None
        if story is not None:
            put = _placed(row, story.first.name, story.first.hash, story.open_until)
            if story.first.hash == row.report_hash:
                put = replace(put, is_first=True, story_details=story.details)
            work.after[hash] = put


def _group_decided(decided: Decided, work: _Work) -> None:
    """Group the keys that decisions speak of, and apply the decisions."""
    work.keep(decided.rows)
    current = {row.report_hash: row for row in work.after.values() if row.is_current and row.key in decided.keys}
    reports = {hash: row.as_report() for hash, row in current.items()}
    grouped = group(reports.values())
    _place(grouped, work)
    for hash, together in decide(grouped, decided.report_of, decided.decisions).items():
        first = min((reports[one] for one in together), key=lambda report: report.order)
        row = work.after[current[hash].event_hash]
        moved = first.hash != row.story_hash
        work.after[row.event_hash] = replace(row, story=first.name, story_hash=first.hash, decided=moved)


def _take_versions_along(connection: duckdb.DuckDBPyConnection, work: _Work) -> None:
    """Older versions stand in the story of their report."""
    moved = {
        row.report_hash
        for hash, row in work.after.items()
        if row.is_current
        and hash in work.before
        and (work.before[hash].story_hash, work.before[hash].decided) != (row.story_hash, row.decided)
    }
    work.keep(row for row in stored(connection, moved, "report_hash") if not row.is_current)
    current = {row.report_hash: row for row in work.after.values() if row.is_current}
    for hash, row in work.after.items():
        newest = current.get(row.report_hash)
        if newest is not None and not row.is_current:
            work.after[hash] = replace(row, story=newest.story, story_hash=newest.story_hash, decided=newest.decided)


def _save(connection: duckdb.DuckDBPyConnection, work: _Work) -> frozenset[str]:
    leaving = {hash for hash, row in work.before.items() if work.after.get(hash) != row}
    arriving = [row for hash, row in work.after.items() if work.before.get(hash) != row]
    write(connection, leaving, arriving)
    return frozenset(
        row.event_type
        for hash, row in work.before.items()
        if hash not in work.after or work.after[hash].story_hash != row.story_hash
    )
