"""Stories as people and programs read them: a list, and one of them with its reports side by side."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import duckdb

from stories.conflicts import Conflict, conflicts_among
from stories.reports import StoredReport, reports_of
from stories.rules import RULES


class UnknownStory(Exception):
    """No story goes by that name; the message says what to do."""


_LISTED: Final = """
SELECT s.story_hash
FROM story_events s
SEMI JOIN (
    SELECT story_hash FROM story_events
    WHERE is_current AND story_hash IS NOT NULL GROUP BY story_hash HAVING count(*) >= $reports
) told ON told.story_hash = s.story_hash
{of_org}
GROUP BY s.story_hash
ORDER BY max(s.occurred_until) DESC, min(s.story)"""

_OF_ORG: Final = """
JOIN events e ON e.event_hash = s.event_hash
    AND len(list_filter(e.orgs, lambda o: lower(o."name") = lower($org) OR o.id = $org OR o.parent = $org)) > 0"""


def list_stories(
    connection: duckdb.DuckDBPyConnection,
    *,
    org: str | None = None,
    conflicts_only: bool = False,
    reports: int = 2,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Stories of at least that many reports, the latest first."""
    values: dict[str, Any] = {"reports": reports} | ({"org": org} if org else {})
    rows = connection.execute(_LISTED.format(of_org=_OF_ORG if org else ""), values).fetchall()
    found: list[dict[str, Any]] = []
    for start in range(0, len(rows), _AT_ONCE):
        chosen = [hash for (hash,) in rows[start : start + _AT_ONCE]]
        told = _told(reports_of(connection, chosen))
        found += [story for story in told if story["conflicts"] or not conflicts_only]
        if limit is not None and len(found) >= limit:
            break
    return sorted(found, key=lambda story: (story["last_on"], story["story"]), reverse=True)[:limit]


_AT_ONCE: Final = 2_000


def show_story(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    """One story by its name, or by any of its events (``source#id``, or the id alone); raises UnknownStory."""
    rows = connection.execute(
        """
        SELECT DISTINCT source, id, story, story_hash FROM story_events
        WHERE id = $name OR source || '#' || id = $name ORDER BY ALL
        """,
        {"name": name},
    ).fetchall()
    if not rows:
        raise UnknownStory(f"no event is called {name!r}: write source#id, as `stories list` and `query` print it")
    told = {hash for *_, hash in rows if hash is not None}
    if not told:
        raise UnknownStory(f"{name} was retracted: it tells nothing, and is in no story")
    if len(told) > 1:
        raise UnknownStory(f"{name!r} may be {' or '.join(f'{source}#{id}' for source, id, *_ in rows)}: say which")
    (story,) = _told(reports_of(connection, told))
    older = connection.execute(
        "SELECT source || '#' || id, report FROM story_events WHERE story_hash = ? AND NOT is_current ORDER BY ALL",
        [*told],
    ).fetchall()
    return story | {"superseded": [{"event": event, "report": report} for event, report in older]}


def _told(reports: Sequence[StoredReport]) -> list[dict[str, Any]]:
    return [_story(list(some)) for _, some in groupby(reports, key=lambda report: report.story)]


def _story(reports: Sequence[StoredReport]) -> dict[str, Any]:
    first = next((report for report in reports if report.event == report.story), reports[0])
    conflicts = list(conflicts_among(reports))
    return {
        "story": first.story,
        "event_type": first.event_type,
        "title": first.title,
        "first_on": min(report.occurred_on for report in reports),
        "last_on": max(report.occurred_until for report in reports),
        "independent_origins": len({report.origin_key for report in reports}),
        "conflicts": [conflict.as_json() for conflict in conflicts],
        "reports": [_side(report, first, conflicts) for report in _by_rank(reports)],
    }


def _by_rank(reports: Sequence[StoredReport]) -> list[StoredReport]:
    return sorted(reports, key=lambda one: (one.ranked.rank.place, one.reported_at, one.event))


def _side(report: StoredReport, first: StoredReport, conflicts: Sequence[Conflict]) -> dict[str, Any]:
    return {
        "event": report.event,
        "title": report.title,
        "publisher": report.publisher,
        "origin": report.origin,
        "rank": report.ranked.rank.value,
        "rank_because": report.ranked.reason,
        "status": report.status,
        "occurred_on": report.occurred_on,
        "occurred_until": report.occurred_until,
        "reported_at": report.reported_at,
        "url": report.urls[0] if report.urls else None,
        "corrects": report.corrects,
        "values": {
            field: {
                "value": stated.value,
                "currency": stated.currency,
                "qualifier": stated.qualifier,
                "usd": stated.usd,
            }
            for field, stated in report.values.items()
        },
        "why": _why(report, first, conflicts),
    }


def _why(report: StoredReport, first: StoredReport, conflicts: Sequence[Conflict]) -> str:
    """Why a report is in the story: who and what is the same, how far apart the days are, whether values agree."""
    if report.decided and report is not first:
        return "a person put it there"
    rule = RULES.get(report.event_type)
    if rule is None:
        return "a story of its own"
    shared = " | ".join((report.story_key or "").split(" | ")[1:])
    if report is first:
        return f"the first report; a report joins it with {rule.words}: {shared}"
    return f"{rule.words} ({shared}); {_apart(first, report)}; {_agreement(report, conflicts)}"


def _apart(first: StoredReport, report: StoredReport) -> str:
    days = (report.occurred_on - first.occurred_until).days
    if days <= 0:
        return "its dates meet those of the first report"
    return f"{days} {'day' if days == 1 else 'days'} after the first report"


def _agreement(report: StoredReport, conflicts: Sequence[Conflict]) -> str:
    disputed = [one.field for one in conflicts if any(claim.report is report for claim in one.claims)]
    if disputed:
        return f"values differ in {', '.join(disputed)}"
    return "no value differs" if report.values else "it states no value"
