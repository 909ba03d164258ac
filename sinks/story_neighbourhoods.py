"""Groups what a batch may have changed, and no more: so a batch costs what its neighbourhood holds, not the store.

1. A new report that fits a story without telling it a new detail joins it: nothing else can change. That takes the
   first reports of the stories of its key, and no others.
2. Any other change has the reports of its key grouped anew from its day on: what lies before cannot have changed. It
   ends where the stories that are open have the first reports and the details that they had: from there on nothing can.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import duckdb

from sinks.story_rows import Place, StoryRow, as_json, firsts_of_keys, from_json, of_keys
from stories.grouping import Story, agree, group

_FIRST_SPAN: Final = timedelta(days=60)
"""How far after a change is looked at first; four times as far where that is not enough."""


@dataclass(slots=True)
class Work:
    """Rows as they were stored, and as they shall be, by event."""

    before: dict[int, StoryRow] = field(default_factory=dict)
    after: dict[int, StoryRow] = field(default_factory=dict)

    def keep(self, rows: Iterable[StoryRow]) -> None:
        """Stored rows that stay as they are, unless something is found."""
        for row in rows:
            if row.event_hash not in self.before and row.event_hash not in self.after:
                self.before[row.event_hash] = self.after[row.event_hash] = row

    def now(self, stored: StoryRow) -> StoryRow | None:
        """What has become of a stored row; None where it is gone, or no longer compared under its key."""
        if stored.event_hash not in self.before:
            return stored
        row = self.after.get(stored.event_hash)
        return row if row is not None and row.is_current and row.key_hash == stored.key_hash else None


def place_in(story: Story, report_hash: int) -> Place:
    """The place of a report in the story that it was grouped into."""
    is_first = story.first.hash == report_hash
    details = as_json(story.details) if is_first else None
    return Place(story.first.name, story.first.hash, False, is_first, story.open_until, details)


Waiting = dict[int, list[StoryRow]]
"""By key (hash), in order, what has to be looked at: new reports, and changed ones as they were and as they are."""


def group_neighbourhoods(connection: duckdb.DuckDBPyConnection, apart: frozenset[str], work: Work) -> None:
    """Put the changed reports of all keys but some into stories, and those that hang on them."""
    known = frozenset(work.before)
    waiting: Waiting = {}
    changed = [row for rows in (work.before, work.after) for row in rows.values() if row.is_current]
    for row in sorted(changed, key=lambda one: one.as_report.order):
        if row.story_key is not None and row.key not in apart:
            waiting.setdefault(row.key_hash, []).append(row)
    while waiting:
        _join(connection, waiting, known, work)
        for key, end in _replay(connection, waiting, work).items():
            left = [row for row in waiting[key] if row.occurred_on > end]
            if left:
                waiting[key] = left
            else:
                del waiting[key]


def _join(connection: duckdb.DuckDBPyConnection, waiting: Waiting, known: frozenset[int], work: Work) -> None:
    """Let new reports join the stories that they plainly fit; what needs a closer look stays, and all after it."""
    days = {(key, row.occurred_on) for key, rows in waiting.items() for row in rows if row.event_hash not in known}
    firsts: Waiting = {}
    for stored in firsts_of_keys(connection, [(key, day, day) for key, day in days]):
        first = work.now(stored)
        if first is not None and first.place.is_first:
            firsts.setdefault(first.key_hash, []).append(first)
    for key, rows in list(waiting.items()):
        running = sorted(firsts.get(key, ()), key=lambda one: one.as_report.order)
        joined = 0
        for row in rows:
            story = None if row.event_hash in known else _plainly(row, running)
            if story is None:
                break
            joined += 1
            place = Place(story.report, story.report_hash, open_until=story.place.open_until)
            work.after[row.event_hash] = row.put(place)
        if joined == len(rows):
            del waiting[key]
        else:
            del rows[:joined]


def _plainly(row: StoryRow, firsts: Iterable[StoryRow]) -> StoryRow | None:
    """The first report of the story that takes a row and learns nothing from it; None where more must be looked at."""
    report = row.as_report
    for first in firsts:
        if first.as_report.order >= report.order:
            break
        is_open = (first.place.open_until or date.min) >= row.occurred_on
        if is_open and agree(first.as_report.details, report.details):
            learnt = from_json(first.place.story_details or "{}")
            return first if report.details.items() <= learnt.items() else None
    return None


def _replay(connection: duckdb.DuckDBPyConnection, waiting: Waiting, work: Work) -> dict[int, date]:
    """Group each key anew from the first report that waits; returns up to which day, by key."""
    ends: dict[int, date] = {}
    span = _FIRST_SPAN
    while todo := waiting.keys() - ends.keys():
        starts = {key: waiting[key][0].occurred_on for key in todo}
        stored: Waiting = {key: [] for key in todo}
        for row in of_keys(connection, [(key, day, _later(day, span)) for key, day in starts.items()]):
            stored[row.key_hash].append(row)
        for key, rows in stored.items():
            end = _later(starts[key], span)
            if _replay_one(rows, waiting[key], end, work):
                ends[key] = end
        span *= 4
    return ends


def _replay_one(stored: Sequence[StoryRow], waiting: Sequence[StoryRow], end: date, work: Work) -> bool:
    """Group one key up to a day; whether its stories are from there on as they were."""
    rows = {row.event_hash: row for one in stored if (row := work.now(one)) is not None}
    for row in waiting:
        if work.after.get(row.event_hash) is row and row.occurred_on <= end:
            rows[row.event_hash] = row
    grouped = group(row.as_report for row in rows.values())
    running = {
        story.first.hash: (story.open_until, story.details) for story in grouped.values() if story.open_until >= end
    }
    if end < date.max and running != _running(stored, end):
        return False
    work.keep(stored)
    learnt = {row.report_hash: row.place.story_details for row in stored if row.place.is_first}
    for row in rows.values():
        place = place_in(grouped[row.report_hash], row.report_hash)
        if place.is_first and row.report_hash in running and end < date.max:
            # What it learns later, it learns as before.
            place = place._replace(story_details=learnt[row.report_hash])
        work.after[row.event_hash] = row.put(place)
    return True


def _running(rows: Iterable[StoryRow], end: date) -> dict[int, tuple[date, dict[str, str]]]:
    """The stories that are open on a day, as they are stored: until when, and what their reports had told by then."""
    found: dict[int, tuple[date, dict[str, str]]] = {}
    for row in rows:
        until, story = row.place.open_until, row.place.story_hash
        if until is not None and story is not None and until >= end:
            found.setdefault(story, (until, {}))[1].update(from_json(row.details))
    return found


def _later(day: date, span: timedelta) -> date:
    return date.max if span > date.max - day else day + span
